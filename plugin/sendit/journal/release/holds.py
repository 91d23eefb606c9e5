"""Hold a batch: by the rules, once all of its instances have an outcome, and persons who stop it.

The rules hold single instances, within the transaction that concludes the batch. A person cancels or holds the whole
batch before it was sent; a retry takes it up again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.journal import audit
from sendit.journal import tables as t
from sendit.journal.provenance import originals_of
from sendit.journal.recalls import RECALLED_PATIENT, RECALLED_STUDY, is_recalled, of_family
from sendit.journal.writing import Superseded, add_event, lock, move, now
from sendit.model import LOOK_DUE, STOPPABLE, BatchState, DeliveryState, InstanceState

if TYPE_CHECKING:
    from collections.abc import Collection

#: Why a reviewer's rejected instances are.
REVIEWER_REJECTED = "rejected by a reviewer"

_WORDS = {BatchState.CANCELLED: "cancelled", BatchState.QUARANTINED: "held"}
_UNDER_WAY = [DeliveryState.SENDING, DeliveryState.RETRYING, DeliveryState.PAUSED, DeliveryState.WAITING]


def hold_doubtful(c: sa.Connection, batch_id: int) -> None:
    """RELEASED → QUARANTINED for every instance that one of the rules below applies to."""
    _hold_twins(c, batch_id)
    _hold_patients(c, batch_id)
    _hold_recalled(c, batch_id)
    _hold_unlooked(c, batch_id)


def why_held(c: sa.Connection, batch_id: int) -> str:
    """Return the reason of the first instance that is held; "" if none is."""
    i = t.instances.c
    held = (i.batch_id == batch_id) & (i.state == InstanceState.QUARANTINED)
    return str(c.execute(sa.select(i.reason).where(held).order_by(i.id).limit(1)).scalar() or "")


def why_rejected(c: sa.Connection, batch_id: int) -> str:
    """Return the reason of the rejected instances if all have the same one; "" otherwise."""
    i = t.instances.c
    rejected = (i.batch_id == batch_id) & (i.state == InstanceState.REJECTED)
    reasons = list(c.execute(sa.select(i.reason).where(rejected).distinct().limit(2)).scalars())
    return str(reasons[0]) if len(reasons) == 1 else ""


def _hold_twins(c: sa.Connection, batch_id: int) -> None:
    """Hold instances that share a SOPInstanceUID but not the content: SendIt cannot tell which is correct."""
    mine, other = t.instances.alias("mine"), t.instances.alias("other")
    same = (mine.c.project == other.c.project) & (mine.c.sop_instance_uid == other.c.sop_instance_uid)
    same &= (mine.c.id != other.c.id) & (mine.c.input_sha256 != other.c.input_sha256)
    same &= other.c.state.in_([InstanceState.RELEASED, InstanceState.SENT, InstanceState.QUARANTINED])
    query = sa.select(mine.c.id).where((mine.c.batch_id == batch_id) & (mine.c.state == InstanceState.RELEASED) & same)
    twins = list(c.execute(query).scalars())
    reason = "another instance with the same SOPInstanceUID and different content exists"
    where = t.instances.c.id.in_(twins)
    c.execute(sa.update(t.instances).where(where).values(state=InstanceState.QUARANTINED, reason=reason))


def _hold_patients(c: sa.Connection, batch_id: int) -> None:
    """Hold a study with two patients, within this batch or across earlier ones: SendIt cannot tell whose it is."""
    mine, other = t.batches.alias("mine"), t.batches.alias("other")
    same = (mine.c.study == other.c.study) & (mine.c.project == other.c.project) & (mine.c.id == batch_id)
    batches = sa.select(other.c.id).select_from(mine.join(other, same)).scalar_subquery()
    i = t.instances.c
    left = i.state.in_([InstanceState.RELEASED, InstanceState.SENT])
    patient = i.receipt["patient_id"].as_string()
    if len(list(c.execute(sa.select(patient).where(i.batch_id.in_(batches) & left).distinct()))) < 2:
        return
    where = (i.batch_id == batch_id) & (i.state == InstanceState.RELEASED)
    reason = "two patients in one study, or the study left under another pseudonym before"
    c.execute(sa.update(t.instances).where(where).values(state=InstanceState.QUARANTINED, reason=reason))


def _hold_recalled(c: sa.Connection, batch_id: int) -> None:
    """Hold whatever belongs to a study or a patient that was recalled in this project."""
    b, i, p = t.batches.c, t.instances.c, t.recalled_patients.c
    study, project = c.execute(sa.select(b.study, b.project).where(b.id == batch_id)).one()
    mine = (i.batch_id == batch_id) & (i.state == InstanceState.RELEASED)
    withdrawn = sa.select(p.patient_id).where(of_family(p.project, project))
    gone = c.execute(sa.select(i.id).where(mine & i.receipt["patient_id"].as_string().in_(withdrawn)).limit(1)).first()
    of_copies = _originals_recalled(c, study, project)
    if gone is not None or of_copies or is_recalled(c, study, project):
        reason = RECALLED_STUDY if gone is None and not of_copies else RECALLED_PATIENT
        c.execute(sa.update(t.instances).where(mine).values(state=InstanceState.QUARANTINED, reason=reason))


def _originals_recalled(c: sa.Connection, study: str, project: str) -> bool:
    """Return whether the study is a copy of one that was recalled, or whose patient was."""
    b, p = t.batches.c, t.recalled_patients.c
    originals = originals_of(c, study)
    if any(is_recalled(c, original, project) for original in originals):
        return True
    withdrawn = sa.select(p.patient_id).where(of_family(p.project, project))
    where = b.study.in_(originals) & of_family(b.project, project) & b.coded_patient.in_(withdrawn)
    return c.execute(sa.select(b.id).where(where).limit(1)).first() is not None


def _hold_unlooked(c: sa.Connection, batch_id: int) -> None:
    """Hold instances whose series was due to be checked for burned-in text, and was not."""
    i = t.instances.c
    due = i.receipt["pixels"]["series"].as_string() == LOOK_DUE
    where = (i.batch_id == batch_id) & (i.state == InstanceState.RELEASED) & due
    reason = "its series was not looked at for text in its pixels"
    c.execute(sa.update(t.instances).where(where).values(state=InstanceState.QUARANTINED, reason=reason))


def hold_all(c: sa.Connection, batch_id: int, reason: str = "held with the rest of its batch") -> None:
    """Hold the whole batch, also what is not processed; because of one doubtful instance if nothing else is said."""
    held = [InstanceState.RELEASED, InstanceState.PENDING]
    where = (t.instances.c.batch_id == batch_id) & t.instances.c.state.in_(held)
    values = {"state": InstanceState.QUARANTINED, "reason": reason}
    c.execute(sa.update(t.instances).where(where).values(**values))


class Cancellations:
    """The part of the journal that stops batches at a person's wish."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def stop(self, batch_id: int, state: BatchState, actor: str, reason: str) -> bool:
        """→ CANCELLED or QUARANTINED; return whether the batch was in a state that allows it.

        Work under way is fenced: it ends at its next write. Instances that a destination has already stay there, and
        the history says where; a recall removes it.

        Args:
            batch_id: the batch.
            state: CANCELLED or QUARANTINED.
            actor: who wishes it.
            reason: why, in their words.
        """
        b, d = t.batches.c, t.deliveries.c
        words = f"{_WORDS[state]} by a person"
        allowed: Collection[BatchState] = STOPPABLE
        if state is BatchState.CANCELLED:
            allowed = STOPPABLE | {BatchState.QUARANTINED}
        with self._engine.begin() as c:
            lock(c, batch_id)
            where = (b.id == batch_id) & b.state.in_(allowed)
            fenced = {"attempt": b.attempt + 1, "next_attempt_at": None, "starts": 0}
            try:
                move(c, where, state=state, reason=words, **fenced)
            except Superseded:
                return False
            hold_all(c, batch_id, words)
            under_way = (d.batch_id == batch_id) & d.state.in_(_UNDER_WAY)
            ended = {"state": DeliveryState.WAITING, "next_attempt_at": None, "starts": 0, "changed_at": now()}
            c.execute(sa.update(t.deliveries).where(under_way).values(**ended, attempt=d.attempt + 1))
            c.execute(sa.delete(t.review_marks).where(t.review_marks.c.batch_id == batch_id))
            add_event(c, batch_id, words + _there(c, batch_id), actor, reason)
            action = "cancel" if state is BatchState.CANCELLED else "hold"
            audit.add(c, audit.Act(actor, action, batch=batch_id, reason=reason))
            return True


def _there(c: sa.Connection, batch_id: int) -> str:
    """Return which destinations may hold something of the batch, in words; "" if none does."""
    d = t.deliveries.c
    some = (d.batch_id == batch_id) & ((d.sent > 0) | (d.state == DeliveryState.VERIFIED))
    names = list(c.execute(sa.select(d.destination).where(some).order_by(d.destination)).scalars())
    return f"; something of it is at {', '.join(names)}: recall it there if it has to go" if names else ""

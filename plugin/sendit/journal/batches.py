"""A batch's states after it was queued. Every change of state stands in this module, as one transaction each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sendit import manifest
from sendit.errors import Misconfigured
from sendit.journal import tables as t
from sendit.journal.deliveries import settle
from sendit.journal.recalls import RECALLED_PATIENT, RECALLED_STUDY, is_recalled, never_began, of_family
from sendit.journal.writing import Superseded, add_event, move, now, reading
from sendit.model import (
    RETRYABLE,
    UNFINISHED,
    WITHDRAWN,
    Batch,
    BatchState,
    DeliveryState,
    Instance,
    InstanceState,
    Quarantined,
    Receipt,
    Rejected,
)

_COLUMNS = [c for c in t.batches.c if c.name not in ("last_update", "originals", "pruned_at")]


def _batch(row: sa.Row[Any]) -> Batch:
    values = dict(row._mapping)
    return Batch(**{**values, "state": BatchState(values["state"])})


def _instance(row: sa.Row[Any]) -> Instance:
    receipt = Receipt.from_dict(row.receipt) if row.receipt else None
    return Instance(row.batch_id, row.instance, InstanceState(row.state), row.reason, receipt)


class Batches:
    """Batches and their instances."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # --- reading -------------------------------------------------------------------------------------------------

    def get(self, batch_id: int) -> Batch | None:
        with reading(self._engine) as c:
            row = c.execute(sa.select(*_COLUMNS).where(t.batches.c.id == batch_id)).first()
        return None if row is None else _batch(row)

    def page(
        self,
        limit: int,
        before: int | None = None,
        state: BatchState | None = None,
        study: str | None = None,
    ) -> list[Batch]:
        """The newest batches first; `before` is the last id of the page before."""
        query = sa.select(*_COLUMNS).order_by(t.batches.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(t.batches.c.id < before)
        if state is not None:
            query = query.where(t.batches.c.state == state)
        if study is not None:
            query = query.where(t.batches.c.study == study)
        with reading(self._engine) as c:
            return [_batch(row) for row in c.execute(query)]

    def projects_of(self, study: str) -> list[str]:
        """The projects that have a batch of this study, the first one first."""
        b = t.batches.c
        query = sa.select(b.project).where((b.study == study) & b.project.is_not(None)).group_by(b.project)
        with reading(self._engine) as c:
            return [str(name) for name in c.execute(query.order_by(sa.func.min(b.id))).scalars()]

    def part(self, batch_id: int) -> int:
        """1 for the first batch of its study in its project, 2 for the next one (late instances), and so on."""
        b, this = t.batches.c, t.batches.alias("this")
        same = (this.c.id == batch_id) & (b.study == this.c.study) & (b.project == this.c.project) & (b.id <= batch_id)
        with reading(self._engine) as c:
            return int(c.execute(sa.select(sa.func.count()).select_from(t.batches.join(this, same))).scalar_one())

    def unfinished(self) -> list[Batch]:
        """Those for which something must be scheduled (law 2)."""
        query = sa.select(*_COLUMNS).where(t.batches.c.state.in_(UNFINISHED)).order_by(t.batches.c.id)
        with reading(self._engine) as c:
            return [_batch(row) for row in c.execute(query)]

    def count_by_state(self) -> dict[BatchState, int]:
        query = sa.select(t.batches.c.state, sa.func.count()).group_by(t.batches.c.state)
        with reading(self._engine) as c:
            return {BatchState(state): count for state, count in c.execute(query)}

    def tallies(self, batch_ids: Sequence[int]) -> dict[int, dict[InstanceState, int]]:
        """How many instances of each batch are in each state."""
        i = t.instances.c
        query = sa.select(i.batch_id, i.state, sa.func.count()).where(i.batch_id.in_(batch_ids))
        found: dict[int, dict[InstanceState, int]] = {batch_id: {} for batch_id in batch_ids}
        with reading(self._engine) as c:
            for batch_id, state, count in c.execute(query.group_by(i.batch_id, i.state)):
                found[batch_id][InstanceState(state)] = count
        return found

    def instances(self, batch_id: int, *states: InstanceState) -> list[Instance]:
        """In the order in which they were listed; of these states, or of all."""
        query = sa.select(t.instances).where(t.instances.c.batch_id == batch_id).order_by(t.instances.c.id)
        if states:
            query = query.where(t.instances.c.state.in_(states))
        with reading(self._engine) as c:
            return [_instance(row) for row in c.execute(query)]

    def receipts(self, batch_id: int) -> list[tuple[str, dict[str, Any]]]:
        """Of what was released: Orthanc's identifier and the receipt as it is stored, in the order of the manifest."""
        with reading(self._engine) as c:
            return receipts_of(c, batch_id)

    def reasons(self, batch_id: int) -> dict[tuple[InstanceState, str], int]:
        """Why instances were rejected or quarantined, and how many for each reason."""
        i = t.instances.c
        query = sa.select(i.state, i.reason, sa.func.count()).where((i.batch_id == batch_id) & i.reason.is_not(None))
        with reading(self._engine) as c:
            return {(InstanceState(s), r): n for s, r, n in c.execute(query.group_by(i.state, i.reason))}

    def events(self, batch_id: int) -> list[tuple[datetime, str]]:
        query = sa.select(t.events.c.at, t.events.c.message).where(t.events.c.batch_id == batch_id)
        with reading(self._engine) as c:
            return [(at, message) for at, message in c.execute(query.order_by(t.events.c.id))]

    # --- processing ----------------------------------------------------------------------------------------------

    def begin(self, batch_id: int, attempt: int) -> Batch:
        """QUEUED or (after a kill) PROCESSING → PROCESSING. Superseded if the journal names another attempt."""
        b = t.batches.c
        where = (b.id == batch_id) & (b.attempt == attempt)
        where &= b.state.in_([BatchState.QUEUED, BatchState.PROCESSING])
        with self._engine.begin() as c:
            move(c, where, state=BatchState.PROCESSING, starts=b.starts + 1, reason=None, next_attempt_at=None)
            return _batch(c.execute(sa.select(*_COLUMNS).where(b.id == batch_id)).one())

    def _own(self, batch_id: int, attempt: int) -> sa.ColumnElement[bool]:
        b = t.batches.c
        return (b.id == batch_id) & (b.attempt == attempt) & (b.state == BatchState.PROCESSING)

    def record(self, batch_id: int, attempt: int, outcomes: Mapping[str, Receipt | Rejected | Quarantined]) -> None:
        """What became of these instances (by Orthanc's identifier). Progress: starts and failures count anew."""
        with self._engine.begin() as c:
            move(c, self._own(batch_id, attempt), starts=1, failures=0)
            for identifier, outcome in outcomes.items():
                i = t.instances.c
                where = (i.batch_id == batch_id) & (i.instance == identifier) & (i.state == InstanceState.PENDING)
                c.execute(sa.update(t.instances).where(where).values(**_outcome_values(outcome)))

    def conclude(
        self,
        batch_id: int,
        attempt: int,
        destinations: Iterable[str],
        modalities: Mapping[str, Sequence[str]] | None = None,
    ) -> BatchState:
        """All instances have an outcome: PROCESSING → DELIVERING (SENT, if that is done), QUARANTINED or EMPTY.

        Args:
            modalities: destination → what alone it takes; those that take everything are not in it.
        """
        with self._engine.begin() as c:
            move(c, self._own(batch_id, attempt))
            self._quarantine_twins(c, batch_id)
            self._quarantine_patients(c, batch_id)
            self._quarantine_recalled(c, batch_id)
            i = t.instances.c
            query = sa.select(i.state, sa.func.count()).where(i.batch_id == batch_id).group_by(i.state)
            tally: dict[str, int] = {str(state): int(count) for state, count in c.execute(query)}
            if tally.get(InstanceState.PENDING):
                raise Superseded
            state, reason = _conclusion(tally, self._why_held(c, batch_id))
            if state is BatchState.QUARANTINED:
                self._hold_all(c, batch_id)
            end = None
            if state is BatchState.DELIVERING:
                self._address(c, batch_id, {name: (modalities or {}).get(name) for name in destinations})
                end = manifest.head(receipt for _, receipt in receipts_of(c, batch_id))
            move(c, self._own(batch_id, attempt), state=state, reason=reason, starts=0, failures=0, manifest=end)
            add_event(c, batch_id, f"de-identified: {_words(tally)}" + (f"; {reason}" if reason else ""))
            # After a retry it may be that all destinations hold it that the project names by now.
            return settle(c, batch_id) if state is BatchState.DELIVERING else state

    def _why_held(self, c: sa.Connection, batch_id: int) -> str:
        """The reason of the first instance that is held; "" if none is."""
        i = t.instances.c
        held = (i.batch_id == batch_id) & (i.state == InstanceState.QUARANTINED)
        return str(c.execute(sa.select(i.reason).where(held).order_by(i.id).limit(1)).scalar() or "")

    def _quarantine_twins(self, c: sa.Connection, batch_id: int) -> None:
        """Two instances with one SOPInstanceUID and different content: nobody can say which is right."""
        mine, other = t.instances.alias("mine"), t.instances.alias("other")
        same = (mine.c.project == other.c.project) & (mine.c.sop_instance_uid == other.c.sop_instance_uid)
        same &= (mine.c.id != other.c.id) & (mine.c.input_sha256 != other.c.input_sha256)
        same &= other.c.state.in_([InstanceState.RELEASED, InstanceState.SENT, InstanceState.QUARANTINED])
        query = sa.select(mine.c.id).where(
            (mine.c.batch_id == batch_id) & (mine.c.state == InstanceState.RELEASED) & same
        )
        twins = list(c.execute(query).scalars())
        reason = "another instance with the same SOPInstanceUID and different content exists"
        where = t.instances.c.id.in_(twins)
        c.execute(sa.update(t.instances).where(where).values(state=InstanceState.QUARANTINED, reason=reason))

    def _quarantine_patients(self, c: sa.Connection, batch_id: int) -> None:
        """Two patients in one study, in this batch or between it and one before: nobody can say whose it is."""
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

    def _quarantine_recalled(self, c: sa.Connection, batch_id: int) -> None:
        """Nothing leaves of a study, or of a patient, that was recalled in this project."""
        b, i, p = t.batches.c, t.instances.c, t.recalled_patients.c
        study, project = c.execute(sa.select(b.study, b.project).where(b.id == batch_id)).one()
        mine = (i.batch_id == batch_id) & (i.state == InstanceState.RELEASED)
        withdrawn = sa.select(p.patient_id).where(of_family(p.project, project))
        gone = c.execute(
            sa.select(i.id).where(mine & i.receipt["patient_id"].as_string().in_(withdrawn)).limit(1)
        ).first()
        if gone is not None or is_recalled(c, study, project):
            reason = RECALLED_STUDY if gone is None else RECALLED_PATIENT
            c.execute(sa.update(t.instances).where(mine).values(state=InstanceState.QUARANTINED, reason=reason))

    def _hold_all(self, c: sa.Connection, batch_id: int) -> None:
        """One doubtful instance holds its whole batch."""
        where = (t.instances.c.batch_id == batch_id) & (t.instances.c.state == InstanceState.RELEASED)
        values = {"state": InstanceState.QUARANTINED, "reason": "held with the rest of its batch"}
        c.execute(sa.update(t.instances).where(where).values(**values))

    def _address(self, c: sa.Connection, batch_id: int, destinations: Mapping[str, Sequence[str] | None]) -> None:
        """A delivery for each; one that the project no longer names is dropped, and a recall asks there nevertheless.

        What of the batch goes to a destination is fixed with this: a later change of its Modalities changes nothing.
        """
        d = t.deliveries.c
        stale = (d.batch_id == batch_id) & (d.state != DeliveryState.VERIFIED) & d.destination.not_in(destinations)
        c.execute(sa.update(t.deliveries).where(stale).values(state=DeliveryState.DROPPED, changed_at=now()))
        known = set(c.execute(sa.select(d.destination).where(d.batch_id == batch_id)).scalars())
        for name, taken in destinations.items():
            if name not in known:
                values = {"batch_id": batch_id, "destination": name, "state": DeliveryState.WAITING}
                c.execute(sa.insert(t.deliveries).values(**values, modalities=taken, changed_at=now()))

    # --- trouble -------------------------------------------------------------------------------------------------

    def postpone(self, batch_id: int, attempt: int, reason: str, until: datetime) -> int:
        """PROCESSING failed for now → QUEUED, to be tried again at `until`; the number of the next attempt."""
        b = t.batches.c
        values = {"state": BatchState.QUEUED, "reason": reason, "next_attempt_at": until, "starts": 0}
        with self._engine.begin() as c:
            move(c, self._own(batch_id, attempt), **values, attempt=b.attempt + 1, failures=b.failures + 1)
            add_event(c, batch_id, f"will be tried again: {reason}")
        return attempt + 1

    def fail(self, batch_id: int, attempt: int, reason: str, state: BatchState = BatchState.FAILED) -> None:
        """→ FAILED (or QUARANTINED): a person is needed."""
        b = t.batches.c
        where = (b.id == batch_id) & (b.attempt == attempt) & b.state.in_(UNFINISHED - WITHDRAWN)
        with self._engine.begin() as c:
            if state is BatchState.QUARANTINED:
                self._hold_all(c, batch_id)
            move(c, where, state=state, reason=reason, next_attempt_at=None, attempt=b.attempt + 1)
            add_event(c, batch_id, f"{state}: {reason}")

    def retry(self, batch_id: int, project: str | None = None) -> Batch | None:
        """An operator's wish: take a batch up again that ended without being sent. None if its state does not allow it.

        Args:
            project: for a batch that no project matched: the one that matches now.
        """
        b, i = t.batches.c, t.instances.c
        where = (b.id == batch_id) & b.state.in_(RETRYABLE)
        again = [InstanceState.REJECTED, InstanceState.QUARANTINED]
        with self._engine.begin() as c:
            try:
                values: dict[str, Any] = {"project": project} if project else {}
                move(c, where, state=BatchState.QUEUED, reason=None, next_attempt_at=None, starts=0, failures=0,
                     attempt=b.attempt + 1, **values)  # fmt: skip
            except Superseded:
                return None
            study, of = c.execute(sa.select(b.study, b.project).where(b.id == batch_id)).one()
            if of and is_recalled(c, study, of):
                cure = "Nothing of it may leave for this project any more."
                raise Misconfigured(f"batch {batch_id}", RECALLED_STUDY, cure)
            if project and self._covered_elsewhere(c, batch_id, project):
                problem, cure = "another batch covers its instances now", "Nothing is to be done."
                raise Misconfigured(f"batch {batch_id}", problem, cure)
            renew: dict[str, Any] = {"state": InstanceState.PENDING, "reason": None, "receipt": None}
            renew |= {"project": project} if project else {}
            c.execute(sa.update(t.instances).where((i.batch_id == batch_id) & i.state.in_(again)).values(**renew))
            self._renew_deliveries(c, batch_id)
            add_event(c, batch_id, "taken up again by an operator")
            return _batch(c.execute(sa.select(*_COLUMNS).where(b.id == batch_id)).one())

    def _covered_elsewhere(self, c: sa.Connection, batch_id: int, project: str) -> bool:
        mine, other = t.instances.alias("mine"), t.instances.alias("other")
        same = (mine.c.instance == other.c.instance) & (mine.c.generation == other.c.generation)
        query = sa.select(other.c.id).where((mine.c.batch_id == batch_id) & (other.c.project == project) & same)
        return c.execute(query.where(other.c.batch_id != batch_id).limit(1)).first() is not None

    def _renew_deliveries(self, c: sa.Connection, batch_id: int) -> None:
        """Those that never began are addressed anew: the project may not name them any more."""
        d = t.deliveries.c
        c.execute(sa.delete(t.deliveries).where((d.batch_id == batch_id) & never_began()))
        where = (d.batch_id == batch_id) & (d.state != DeliveryState.VERIFIED)
        values = {"state": DeliveryState.WAITING, "failures": 0, "starts": 0, "next_attempt_at": None}
        c.execute(sa.update(t.deliveries).where(where).values(**values, attempt=d.attempt + 1, changed_at=now()))

    def rest(self) -> None:
        """SendIt is being stopped: the starts of what is under way are not ones that failed to come to an end."""
        with self._engine.begin() as c:
            c.execute(sa.update(t.batches).where(t.batches.c.state == BatchState.PROCESSING).values(starts=0))
            sending = t.deliveries.c.state.in_([DeliveryState.SENDING, DeliveryState.RECALLING])
            c.execute(sa.update(t.deliveries).where(sending).values(starts=0))

    def renew(self, batch_id: int, attempt: int) -> int:
        """Nothing is scheduled for this attempt any more: a new one, which fences the old; its number."""
        b = t.batches.c
        where = (b.id == batch_id) & (b.attempt == attempt)
        where &= b.state.in_([BatchState.QUEUED, BatchState.PROCESSING])
        with self._engine.begin() as c:
            move(c, where, attempt=b.attempt + 1)
        return attempt + 1

    def renew_instances(self, batch_id: int, attempt: int, identifiers: Iterable[str]) -> None:
        """RELEASED → PENDING for those whose staged file is gone."""
        i = t.instances.c
        with self._engine.begin() as c:
            move(c, self._own(batch_id, attempt))
            for identifier in identifiers:
                where = (i.batch_id == batch_id) & (i.instance == identifier) & (i.state == InstanceState.RELEASED)
                c.execute(sa.update(t.instances).where(where).values(state=InstanceState.PENDING, receipt=None))

    # --- the end -------------------------------------------------------------------------------------------------

    def done(self, batch_id: int, originals: str | None = None) -> None:
        """SENT → DONE: nothing remains in staging.

        Args:
            originals: what is yet to be done with the originals; None: they stay.
        """
        where = (t.batches.c.id == batch_id) & (t.batches.c.state == BatchState.SENT)
        with self._engine.begin() as c:
            move(c, where, state=BatchState.DONE, originals=originals)
            add_event(c, batch_id, "done")


def receipts_of(c: sa.Connection, batch_id: int) -> list[tuple[str, dict[str, Any]]]:
    """`Batches.receipts`, within a transaction."""
    i = t.instances.c
    released = i.state.in_([InstanceState.RELEASED, InstanceState.SENT])
    query = sa.select(i.instance, i.receipt).where((i.batch_id == batch_id) & released).order_by(i.id)
    return [(instance, receipt) for instance, receipt in c.execute(query)]


def _outcome_values(outcome: Receipt | Rejected | Quarantined) -> dict[str, Any]:
    if isinstance(outcome, Receipt):
        return {
            "state": InstanceState.RELEASED,
            "input_sha256": outcome.input_sha256,
            "sop_instance_uid": outcome.sop_instance_uid,
            "receipt": outcome.as_dict(),
            "reason": None,
        }
    state = InstanceState.REJECTED if isinstance(outcome, Rejected) else InstanceState.QUARANTINED
    return {"state": state, "reason": outcome.reason, "input_sha256": outcome.input_sha256 or None}


def _conclusion(tally: Mapping[str, int], why_held: str) -> tuple[BatchState, str | None]:
    held = tally.get(InstanceState.QUARANTINED, 0)
    if held:
        return BatchState.QUARANTINED, f"{held} of {sum(tally.values())} instances are held: {why_held}"
    if not tally:
        return BatchState.EMPTY, "it holds no instance: all of them are covered by other batches"
    if tally.get(InstanceState.RELEASED) or tally.get(InstanceState.SENT):
        return BatchState.DELIVERING, None
    return BatchState.EMPTY, "every instance was rejected"


def _words(tally: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state.lower()}" for state, count in sorted(tally.items()))

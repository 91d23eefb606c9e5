"""Decisions of persons about batches under review: each is one transaction, fenced by the batch's attempt.

Whoever decides names the attempt that they have seen. A decision that changes what is staged, or ends the review,
makes a new attempt: the slower of two reviewers gets `Superseded`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.deidentify.pixels.regions import Corrections, Region
from sendit.errors import Misconfigured
from sendit.journal import audit
from sendit.journal import tables as t
from sendit.journal.deliveries import send_off
from sendit.journal.release.gate import Staged, acceptances, accepted, sign, staged
from sendit.journal.release.holds import REVIEWER_REJECTED, hold_all, hold_doubtful, why_held
from sendit.journal.release.residual import Residual, bound, end_samples, note_missed
from sendit.journal.writing import add_event, count_up, move, now, reading
from sendit.model import BatchState, Decision, DeliveryState, InstanceState, Scope

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

#: Who cannot be told from another one.
_ANONYMOUS = "anonymous"
_AFTER_REJECTION = "a reviewer rejected some of it"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Who decides, what they had seen, and why."""

    batch_id: int
    attempt: int  # of the batch, as they saw it
    actor: str
    reason: str = ""  # in their words, without identifiers; never leaves with the data


@dataclass(frozen=True, slots=True)
class Drawing:
    """Regions that a reviewer added or removed in one image."""

    number: int  # of the instance in the batch, from 1
    scope: Scope
    rows: int
    columns: int
    add: tuple[Region, ...] = ()
    remove: tuple[Region, ...] = ()  # found by text detection, or drawn before


@dataclass(frozen=True, slots=True)
class ReviewEntry:
    """A decision, as it is stored."""

    decision: Decision
    instances: int | None  # None: the whole batch
    details: Mapping[str, Any] | None
    actor: str
    at: datetime
    reason: str
    plan_sha256: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a batch is, or was, under review, and how many persons have to accept it."""

    why: str
    by_chance: bool
    persons: int


class Reviews:
    """Reviews of batches."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # --- reading -------------------------------------------------------------------------------------------------

    def of(self, batch_id: int) -> list[ReviewEntry]:
        """Return what was decided about a batch, oldest first."""
        v = t.reviews.c
        query = sa.select(v.decision, v.instances, v.details, v.actor, v.at, v.reason, v.plan_sha256)
        with reading(self._engine) as c:
            rows = c.execute(query.where(v.batch_id == batch_id).order_by(v.id)).all()
        return [ReviewEntry(Decision(row[0]), *row[1:]) for row in rows]

    def waiting(self, batch_id: int) -> Waiting | None:
        """Return why a batch is, or was, under review; None if it never was."""
        r = t.reviewed_batches.c
        with reading(self._engine) as c:
            row = c.execute(sa.select(r.why, r.by_chance, r.persons).where(r.batch_id == batch_id)).first()
        return None if row is None else Waiting(*row)

    def accepted_by(self, batch_id: int) -> dict[int, list[str]]:
        """Return who has accepted each staged output, by the instance's number in the batch (from 1)."""
        with reading(self._engine) as c:
            numbers = {row: number for number, row in enumerate(_rows(c, batch_id), 1)}
            return {numbers[row]: actors for row, actors in acceptances(c, batch_id, staged(c, batch_id)).items()}

    def corrections(self, batch_id: int) -> dict[str, tuple[Corrections, ...]]:
        """Return what reviewers said of text in the instances of a batch, by Orthanc's identifier."""
        i, g = t.instances.c, t.review_regions.c
        query = sa.select(i.instance, g.rows, g.columns, g.drawn, g.false, g.undrawn).join(
            t.instances, i.id == g.instance_id
        )
        by_size: dict[tuple[str, int, int], tuple[set[Region], set[Region]]] = {}
        with reading(self._engine) as c:
            for instance, rows, columns, *lists in c.execute(query.where(g.batch_id == batch_id).order_by(g.id)):
                drawn, false, undrawn = ({Region(*region) for region in boxes} for boxes in lists)
                all_drawn, all_false = by_size.setdefault((instance, rows, columns), (set(), set()))
                all_drawn.difference_update(undrawn)
                all_drawn.update(drawn)
                all_false.update(false)
                all_false.difference_update(drawn)
        corrections: dict[str, tuple[Corrections, ...]] = {}
        for (instance, rows, columns), (drawn, false) in by_size.items():
            correction = Corrections(rows, columns, tuple(sorted(drawn)), tuple(sorted(false)))
            corrections[instance] = (*corrections.get(instance, ()), correction)
        return corrections

    def residual(self, project: str, kinds: Collection[tuple[str, str]] | None = None) -> list[Residual]:
        """Return what random reviews showed for a project, by kind of image and rules.

        Args:
            project: its name.
            kinds: only these, as modality and digest of the rules; None: all. Few are counted faster than all.
        """
        s = t.review_samples.c
        missed = sa.func.sum(sa.case((s.missed, 1), else_=0))
        query = sa.select(s.modality, s.plan_sha256, sa.func.count(), sa.func.sum(s.instances), missed)
        query = query.where((s.project == project) & s.ended).group_by(s.modality, s.plan_sha256)
        if kinds is not None:
            query = query.where(sa.tuple_(s.modality, s.plan_sha256).in_(sorted(kinds)))
        with reading(self._engine) as c:
            rows = c.execute(query.order_by(s.modality, s.plan_sha256)).all()
        return [Residual(m, p, int(n), int(i), int(k), bound(int(k), int(n))) for m, p, n, i, k in rows]

    # --- decisions -----------------------------------------------------------------------------------------------

    def accept(
        self,
        judgement: Judgement,
        numbers: Collection[int] | None,
        destinations: Mapping[str, Sequence[str] | None],
        persons: int = 1,
    ) -> BatchState:
        """Accept outputs; → DELIVERING once enough persons have accepted all that are staged.

        What became doubtful since (the patient was recalled, say) makes the batch QUARANTINED.

        Args:
            judgement: whose, of which attempt.
            numbers: of the instances in the batch, from 1; None: all that are staged.
            destinations: those of the project, each with the modalities that alone it takes; None: all.
            persons: how many the project wants to accept it at present.

        Raises:
            Superseded: the batch is not under review, or has changed since.
            Misconfigured: two persons are needed, and this one has no name.
        """
        batch_id = judgement.batch_id
        with self._engine.begin() as c:
            move(c, _under_review(judgement))
            rows = _chosen(c, batch_id, numbers, staged(c, batch_id))
            needed = max(persons, _persons(c, batch_id))
            if needed > 1 and judgement.actor == _ANONYMOUS:
                problem = f"{needed} different users have to accept it, and you have no name"
                raise Misconfigured(f"batch {batch_id}", problem, "Let Orthanc ask for a user and a password.")
            _mark(c, judgement, rows)
            _note(c, judgement, Decision.ACCEPT, None if numbers is None else len(rows), rows)
            return self._leave(c, judgement, destinations, needed)

    def _leave(
        self, c: sa.Connection, judgement: Judgement, destinations: Mapping[str, Sequence[str] | None], persons: int
    ) -> BatchState:
        """Let the batch go if enough persons have accepted all of it."""
        batch_id = judgement.batch_id
        rows = staged(c, batch_id)
        if not accepted(c, batch_id, rows, persons):
            _audit(c, judgement, Decision.ACCEPT)
            return BatchState.REVIEW
        hold_doubtful(c, batch_id)
        if why := why_held(c, batch_id):
            hold_all(c, batch_id)
            again = t.batches.c.attempt + 1
            move(c, _under_review(judgement), state=BatchState.QUARANTINED, reason=why, attempt=again)
            add_event(c, batch_id, f"{BatchState.QUARANTINED}: {why}")
            _audit(c, judgement, Decision.ACCEPT)
            return BatchState.QUARANTINED
        sign(c, batch_id, rows)
        after = send_off(c, _under_review(judgement), batch_id, destinations)
        end_samples(c, batch_id)
        _audit(c, judgement, Decision.ACCEPT)
        project = c.execute(sa.select(t.batches.c.project).where(t.batches.c.id == batch_id)).scalar_one()
        count_up(c, project, released=1)
        return after

    def reject(
        self,
        judgement: Judgement,
        numbers: Collection[int] | None,
        destinations: Mapping[str, Sequence[str] | None],
        *,
        text: bool = False,
        persons: int = 1,
    ) -> BatchState:
        """Reject instances of a batch under review, or held; they will not be sent. Return the batch's state.

        EMPTY if nothing is left. Of a held batch the rest is de-identified again, and comes to review.

        Args:
            judgement: whose, of which attempt.
            numbers: of the instances in the batch, from 1; None: all.
            destinations: as for `accept`: what is left may have been accepted already.
            text: they show text that was not masked.
            persons: as for `accept`.

        Raises:
            Superseded: the batch is neither under review nor held, or has changed since.
        """
        batch_id, b, i = judgement.batch_id, t.batches.c, t.instances.c
        either = (b.id == batch_id) & (b.attempt == judgement.attempt)
        with self._engine.begin() as c:
            move(c, either & b.state.in_([BatchState.REVIEW, BatchState.QUARANTINED]))
            state = BatchState(c.execute(sa.select(b.state).where(b.id == batch_id)).scalar_one())
            query = sa.select(i.id, i.receipt).where((i.batch_id == batch_id) & i.state.in_(_REJECTABLE))
            rows = _chosen(c, batch_id, numbers, [Staged(*row) for row in c.execute(query.order_by(i.id))])
            if text:
                note_missed(c, batch_id, rows)
            _note(c, judgement, Decision.REJECT, None if numbers is None else len(rows), rows, {"text": text})
            c.execute(
                sa.update(t.instances)
                .where(i.id.in_([staged.row for staged in rows]))
                .values(state=InstanceState.REJECTED, reason=REVIEWER_REJECTED, receipt=sa.null())
            )
            after = self._after_rejection(c, batch_id, either, state)
            if after is BatchState.REVIEW and accepted(c, batch_id, staged(c, batch_id), _persons(c, batch_id)):
                later = Judgement(batch_id, judgement.attempt + 1, judgement.actor, judgement.reason)
                return self._leave(c, later, destinations, max(persons, _persons(c, batch_id)))
            _audit(c, judgement, Decision.REJECT)
            return after

    def _after_rejection(
        self, c: sa.Connection, batch_id: int, where: sa.ColumnElement[bool], state: BatchState
    ) -> BatchState:
        b, i = t.batches.c, t.instances.c
        fenced = {"attempt": b.attempt + 1, "next_attempt_at": None, "starts": 0, "failures": 0}
        left = (i.batch_id == batch_id) & i.state.in_([*_REJECTABLE, InstanceState.PENDING])
        if c.execute(sa.select(i.id).where(left).limit(1)).first() is None:
            end_samples(c, batch_id)
            after, reason = _empty(c, batch_id)
            move(c, where, state=after, reason=reason, **fenced)
            return after
        if state is BatchState.REVIEW:
            move(c, where, **fenced)
            return state
        _open(c, batch_id, _AFTER_REJECTION)
        c.execute(
            sa.update(t.instances).where(left).values(state=InstanceState.PENDING, reason=None, receipt=sa.null())
        )
        move(c, where, state=BatchState.QUEUED, reason=None, **fenced)
        return BatchState.QUEUED

    def hold(self, judgement: Judgement) -> BatchState:
        """→ QUARANTINED: nothing of the batch leaves until it is retried."""
        with self._engine.begin() as c:
            again = t.batches.c.attempt + 1
            rows = staged(c, judgement.batch_id)
            held = {"state": BatchState.QUARANTINED, "reason": HELD_BY_REVIEWER, "attempt": again}
            move(c, _under_review(judgement), **held)
            _note(c, judgement, Decision.HOLD, None, rows)
            _unmark(c, judgement.batch_id)
            hold_all(c, judgement.batch_id, HELD_BY_REVIEWER)
            _audit(c, judgement, Decision.HOLD)
            return BatchState.QUARANTINED

    def rerun(self, judgement: Judgement) -> int:
        """→ QUEUED: all that is staged is de-identified again; return the new attempt. Reviewers' regions stay."""
        with self._engine.begin() as c:
            rows = staged(c, judgement.batch_id)
            self._again(c, judgement, rows)
            _note(c, judgement, Decision.RERUN, None, rows)
            _audit(c, judgement, Decision.RERUN)
        return judgement.attempt + 1

    def draw(self, judgement: Judgement, drawing: Drawing) -> int:
        """→ QUEUED: the images that the regions are for are de-identified again; return the new attempt.

        Raises:
            Superseded: the batch is not under review, or has changed since.
            Misconfigured: there is no such image, or a region may not be removed.
        """
        with self._engine.begin() as c:
            move(c, _under_review(judgement))
            rows = staged(c, judgement.batch_id)
            [image] = _chosen(c, judgement.batch_id, [drawing.number], rows)
            false, undrawn = _removable(judgement.batch_id, image, drawing.remove)
            targets = _in_scope(rows, image, drawing.scope)
            if drawing.add:
                note_missed(c, judgement.batch_id, targets)
            values: dict[str, Any] = {"batch_id": judgement.batch_id}
            values |= {"rows": drawing.rows, "columns": drawing.columns}
            values |= {"drawn": _lists(drawing.add), "false": false, "undrawn": undrawn}
            c.execute(sa.insert(t.review_regions), [{**values, "instance_id": staged.row} for staged in targets])
            details = {"scope": str(drawing.scope), "added": _lists(drawing.add), "removed": _lists(drawing.remove)}
            _note(c, judgement, Decision.REGIONS, len(targets), targets, {**details, "number": drawing.number})
            self._again(c, judgement, targets)
            _audit(c, judgement, Decision.REGIONS, details)
        return judgement.attempt + 1

    def _again(self, c: sa.Connection, judgement: Judgement, rows: Sequence[Staged]) -> None:
        """Have these instances processed once more."""
        b, i = t.batches.c, t.instances.c
        values: dict[str, Any] = {"state": BatchState.QUEUED, "reason": None, "next_attempt_at": None, "starts": 0}
        move(c, _under_review(judgement), **values, failures=0, attempt=b.attempt + 1)
        ids = [staged.row for staged in rows]
        _unmark(c, judgement.batch_id, ids)
        anew = {"state": InstanceState.PENDING, "receipt": sa.null()}
        c.execute(sa.update(t.instances).where(i.id.in_(ids)).values(**anew))


#: Why a batch, and what is in it, is held.
HELD_BY_REVIEWER = "held by a reviewer"
_REJECTABLE = [InstanceState.RELEASED, InstanceState.QUARANTINED]


def _under_review(judgement: Judgement) -> sa.ColumnElement[bool]:
    b = t.batches.c
    return (b.id == judgement.batch_id) & (b.attempt == judgement.attempt) & (b.state == BatchState.REVIEW)


def _rows(c: sa.Connection, batch_id: int) -> list[int]:
    i = t.instances.c
    return list(c.execute(sa.select(i.id).where(i.batch_id == batch_id).order_by(i.id)).scalars())


def _chosen(
    c: sa.Connection, batch_id: int, numbers: Collection[int] | None, among: Sequence[Staged]
) -> Sequence[Staged]:
    """Return the instances with these numbers.

    Raises:
        Misconfigured: one of them is not among those that can be decided about.
    """
    if numbers is None:
        return among
    by_row, rows = {staged.row: staged for staged in among}, _rows(c, batch_id)
    chosen = []
    for number in sorted(set(numbers)):
        staged = by_row.get(rows[number - 1]) if 0 < number <= len(rows) else None
        if staged is None:
            problem = f"its instance {number} is not one that can be decided about"
            raise Misconfigured(f"batch {batch_id}", problem, "Look at the review again: it lists those that can.")
        chosen.append(staged)
    return chosen


def _persons(c: sa.Connection, batch_id: int) -> int:
    r = t.reviewed_batches.c
    return int(c.execute(sa.select(r.persons).where(r.batch_id == batch_id)).scalar() or 1)


def _open(c: sa.Connection, batch_id: int, why: str) -> None:
    """Let the batch come to review from now on."""
    r = t.reviewed_batches
    if c.execute(sa.select(r.c.batch_id).where(r.c.batch_id == batch_id)).first() is None:
        c.execute(sa.insert(r).values(batch_id=batch_id, why=why, by_chance=False, persons=1))


def _mark(c: sa.Connection, judgement: Judgement, rows: Sequence[Staged]) -> None:
    m = t.review_marks.c
    ids = [staged.row for staged in rows]
    c.execute(sa.delete(t.review_marks).where(m.instance_id.in_(ids) & (m.actor == judgement.actor)))
    values = {"batch_id": judgement.batch_id, "actor": judgement.actor, "at": now()}
    marks = [{**values, "instance_id": staged.row, "output_sha256": staged.receipt["output_sha256"]} for staged in rows]
    if marks:
        c.execute(sa.insert(t.review_marks), marks)


def _unmark(c: sa.Connection, batch_id: int, ids: Collection[int] | None = None) -> None:
    m = t.review_marks.c
    where = m.batch_id == batch_id
    c.execute(sa.delete(t.review_marks).where(where if ids is None else where & m.instance_id.in_(ids)))


def _note(
    c: sa.Connection,
    judgement: Judgement,
    decision: Decision,
    instances: int | None,
    rows: Sequence[Staged],
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write down a decision, for the batch and in its history."""
    plan = next((staged.receipt["plan_sha256"] for staged in rows if staged.receipt), None)
    values = {"batch_id": judgement.batch_id, "attempt": judgement.attempt, "decision": decision, "details": details}
    values |= {"actor": judgement.actor, "at": now(), "reason": judgement.reason, "plan_sha256": plan}
    c.execute(sa.insert(t.reviews).values(**values, instances=instances))
    of = "" if instances is None else f" ({instances} instance{'s' * (instances != 1)})"
    add_event(c, judgement.batch_id, f"review: {_WORDS[decision]}{of}", judgement.actor, judgement.reason)


_WORDS = {
    Decision.ACCEPT: "accepted",
    Decision.REJECT: "rejected",
    Decision.HOLD: "held",
    Decision.RERUN: "de-identified again by the present rules",
    Decision.REGIONS: "regions were changed",
}


def _audit(
    c: sa.Connection, judgement: Judgement, decision: Decision, details: Mapping[str, Any] | None = None
) -> None:
    action = f"review-{decision.lower()}"
    act = audit.Act(judgement.actor, action, batch=judgement.batch_id, reason=judgement.reason, details=details or {})
    audit.add(c, act)


def _removable(batch_id: int, image: Staged, regions: Sequence[Region]) -> tuple[list[list[int]], list[list[int]]]:
    """Return which of these regions were found by text detection, and which were drawn.

    Raises:
        Misconfigured: one is neither: a rule for the device, a barcode or the label of a slide.
    """
    pixels = image.receipt["pixels"]
    found, drawn = ({Region(*region) for region in pixels.get(name, ())} for name in ("text", "drawn"))
    for region in regions:
        if region not in found | drawn:
            problem = "only a region that text detection found, or that a reviewer drew, can be removed"
            raise Misconfigured(f"batch {batch_id}", problem, "Change the project's rules, then re-run the batch.")
    of_text = [region for region in regions if region in found]
    return _lists(of_text), _lists([region for region in regions if region in drawn])


def _in_scope(rows: Sequence[Staged], image: Staged, scope: Scope) -> list[Staged]:
    if scope is Scope.INSTANCE:
        return [image]
    series = image.receipt["series_instance_uid"]
    return [staged for staged in rows if scope is Scope.STUDY or staged.receipt["series_instance_uid"] == series]


def _lists(regions: Sequence[Region]) -> list[list[int]]:
    return [[region.x0, region.y0, region.x1, region.y1] for region in regions]


def _empty(c: sa.Connection, batch_id: int) -> tuple[BatchState, str]:
    """Return the state of a batch of which nothing is left, and why."""
    d = t.deliveries.c
    there = (d.batch_id == batch_id) & (d.replaces > 0) & (d.state == DeliveryState.VERIFIED)
    names = list(c.execute(sa.select(d.destination).where(there).order_by(d.destination)).scalars())
    if names:
        reason = f"every instance was rejected, and the version that was sent before is still at {', '.join(names)}"
        return BatchState.FAILED, f"{reason}; recall it"
    return BatchState.EMPTY, f"every instance was rejected: {REVIEWER_REJECTED}"

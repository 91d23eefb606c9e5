"""A batch from QUEUED to DELIVERING, its retry and its end (DONE): each change of state is one transaction.

Other changes of state: `intake` (until it is queued, and what was recalled before), `deliveries.settle` (SENT, FAILED),
`recalls`, `unlinking`, and `rescheduling` after a restore.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.errors import Misconfigured, counted
from sendit.journal import audit
from sendit.journal import tables as t
from sendit.journal.deliveries import send_off
from sendit.journal.lists import pages
from sendit.journal.lists.pages import Page
from sendit.journal.lists.totals import note_outputs
from sendit.journal.recalls import RECALLED_STUDY, is_recalled
from sendit.journal.receipts.manifest import receipts_of
from sendit.journal.release.gate import NO_WISH, ReviewWish, gate
from sendit.journal.release.holds import REVIEWER_REJECTED, hold_all, hold_doubtful, why_held, why_rejected
from sendit.journal.rescheduling import covered_elsewhere, renew_deliveries
from sendit.journal.writing import SYSTEM, Event, Superseded, add_event, count_up, move, reading
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

_NOT_SHOWN = ("last_update", "originals", "pruned_at", "coded_study", "coded_patient", "copied_from", "unseen", "home")
_COLUMNS = [c for c in t.batches.c if c.name not in _NOT_SHOWN]
#: So far the queue is looked at for a batch's place in it.
_LONGEST_QUEUE = 1_000
_RETRIED = "retried by an operator"


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
        """Return a batch; None if there is none."""
        with reading(self._engine) as c:
            row = c.execute(sa.select(*_COLUMNS).where(t.batches.c.id == batch_id)).first()
        return None if row is None else _batch(row)

    def page(
        self, wanted: pages.Filter, limit: int, before: int | None = None, after: int | None = None
    ) -> Page[Batch]:
        """Return a page of the batches that a filter finds, newest first; its cost does not grow with the journal.

        Args:
            wanted: the filter; `pages.ALL` for all batches.
            limit: the size of the page. It may have fewer and yet a next one: the search is bounded.
            before: `next` of a page.
            after: `previous` of a page.
        """
        with reading(self._engine) as c:
            numbers = pages.find(c, wanted, limit, before, after)
            query = sa.select(*_COLUMNS).where(t.batches.c.id.in_(numbers.batches)).order_by(t.batches.c.id.desc())
            batches = [_batch(row) for row in c.execute(query)] if numbers.batches else []
        return Page(batches, numbers.next, numbers.previous, numbers.total, numbers.exact)

    def matching(self, wanted: pages.Filter, most: int) -> list[int]:
        """Return the numbers of the batches that a filter finds, oldest first; no more than `most`."""
        numbers: list[int] = []
        after: int | None = 0
        while after is not None and len(numbers) < most:
            with reading(self._engine) as c:
                page = pages.find(c, wanted, min(5_000, most - len(numbers)), after=after)
            numbers += reversed(page.batches)
            after = page.previous
        return numbers

    def modalities(self, batch_ids: Sequence[int]) -> dict[int, list[str]]:
        """Return the modalities of the outputs of each batch, sorted."""
        m = t.batch_modalities.c
        by_batch: dict[int, list[str]] = {batch_id: [] for batch_id in batch_ids}
        query = sa.select(m.batch_id, m.modality).where(m.batch_id.in_(batch_ids)).order_by(m.modality)
        with reading(self._engine) as c:
            for batch_id, modality in c.execute(query):
                by_batch[batch_id].append(modality)
        return by_batch

    def queue(self) -> list[int]:
        """Return the batches that are QUEUED, the oldest first, at most 1,000."""
        b = t.batches.c
        with reading(self._engine) as c:
            query = sa.select(b.id).where(b.state == BatchState.QUEUED).order_by(b.id).limit(_LONGEST_QUEUE)
            return list(c.execute(query).scalars())

    def in_queue(self, state: BatchState, project: str | None = None, after: int = 0, limit: int = 1) -> list[Batch]:
        """Return batches in a state, the oldest first, from the one after `after` on."""
        b = t.batches.c
        query = sa.select(*_COLUMNS).where((b.state == state) & (b.id > after)).order_by(b.id).limit(limit)
        if project is not None:
            query = query.where(b.project == project)
        with reading(self._engine) as c:
            return [_batch(row) for row in c.execute(query)]

    def before_in_queue(self, state: BatchState, batch_id: int, project: str | None = None) -> int | None:
        """Return the number of the batch before this one in `in_queue`; None if there is none."""
        b = t.batches.c
        query = sa.select(sa.func.max(b.id)).where((b.state == state) & (b.id < batch_id))
        if project is not None:
            query = query.where(b.project == project)
        with reading(self._engine) as c:
            number = c.execute(query).scalar()
        return None if number is None else int(number)

    def projects_of(self, study: str) -> list[str]:
        """Return the projects that have a batch of this study, oldest first."""
        b = t.batches.c
        query = sa.select(b.project).where((b.study == study) & b.project.is_not(None)).group_by(b.project)
        with reading(self._engine) as c:
            return [str(name) for name in c.execute(query.order_by(sa.func.min(b.id))).scalars()]

    def part(self, batch_id: int) -> int:
        """Return 1 for the first batch of its study in its project, 2 for the next one (late instances), and so on."""
        b, this = t.batches.c, t.batches.alias("this")
        same = (this.c.id == batch_id) & (b.study == this.c.study) & (b.project == this.c.project) & (b.id <= batch_id)
        with reading(self._engine) as c:
            return int(c.execute(sa.select(sa.func.count()).select_from(t.batches.join(this, same))).scalar_one())

    def unfinished(self, home: str | None = None) -> list[Batch]:
        """Return the batches for which something must be scheduled (law 2); of one home, or all."""
        query = sa.select(*_COLUMNS).where(t.batches.c.state.in_(UNFINISHED)).order_by(t.batches.c.id)
        if home is not None:
            query = query.where(t.batches.c.home == home)
        with reading(self._engine) as c:
            return [_batch(row) for row in c.execute(query)]

    def tallies(self, batch_ids: Sequence[int]) -> dict[int, dict[InstanceState, int]]:
        """Return how many instances of each batch are in each state."""
        i = t.instances.c
        query = sa.select(i.batch_id, i.state, sa.func.count()).where(i.batch_id.in_(batch_ids))
        by_batch: dict[int, dict[InstanceState, int]] = {batch_id: {} for batch_id in batch_ids}
        with reading(self._engine) as c:
            for batch_id, state, count in c.execute(query.group_by(i.batch_id, i.state)):
                by_batch[batch_id][InstanceState(state)] = count
        return by_batch

    def instances(self, batch_id: int, *states: InstanceState) -> list[Instance]:
        """Return the instances in the order in which they were listed; in these states, or all."""
        query = sa.select(t.instances).where(t.instances.c.batch_id == batch_id).order_by(t.instances.c.id)
        if states:
            query = query.where(t.instances.c.state.in_(states))
        with reading(self._engine) as c:
            return [_instance(row) for row in c.execute(query)]

    def numbered(self, batch_id: int, first: int, limit: int) -> list[Instance]:
        """Return the instances from number `first` on (from 1), in the order in which they were listed."""
        query = sa.select(t.instances).where(t.instances.c.batch_id == batch_id).order_by(t.instances.c.id)
        with reading(self._engine) as c:
            return [_instance(row) for row in c.execute(query.offset(first - 1).limit(limit))]

    def receipts(self, batch_id: int) -> list[tuple[str, dict[str, Any]]]:
        """Return Orthanc's identifier and the stored receipt of each released instance, in the manifest's order."""
        with reading(self._engine) as c:
            return receipts_of(c, batch_id)

    def reasons(self, batch_id: int) -> dict[tuple[InstanceState, str], int]:
        """Return why instances were rejected or quarantined, and how many for each reason."""
        i = t.instances.c
        query = sa.select(i.state, i.reason, sa.func.count()).where((i.batch_id == batch_id) & i.reason.is_not(None))
        with reading(self._engine) as c:
            return {(InstanceState(s), r): n for s, r, n in c.execute(query.group_by(i.state, i.reason))}

    def lost_meaning(self, batch_id: int) -> dict[str, int]:
        """Return what a recipient can no longer read, and in how many released instances, the most frequent first."""
        with reading(self._engine) as c:
            return lost_meaning_of(c, batch_id)

    def history(self, batch_id: int) -> list[Event]:
        """Return the batch's history, oldest entry first."""
        e = t.events.c
        query = sa.select(e.at, e.message, e.actor, e.reason).where(e.batch_id == batch_id).order_by(e.id)
        with reading(self._engine) as c:
            return [Event(*row) for row in c.execute(query)]

    def events(self, batch_id: int) -> list[tuple[datetime, str]]:
        """Return the history without the actors."""
        return [(event.at, event.message) for event in self.history(batch_id)]

    def note(self, batch_id: int, message: str, actor: str, reason: str) -> None:
        """Write down what a person did that changes no state of the batch."""
        with self._engine.begin() as c:
            add_event(c, batch_id, message, actor, reason)

    # --- processing ----------------------------------------------------------------------------------------------

    def begin(self, batch_id: int, attempt: int) -> Batch:
        """QUEUED or (after a kill) PROCESSING → PROCESSING. Raises Superseded if the journal names another attempt."""
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
        """Record outcomes by Orthanc's identifier. As this is progress, starts and failures count from zero again."""
        with self._engine.begin() as c:
            move(c, self._own(batch_id, attempt), starts=1, failures=0, **_coded(outcomes.values()))
            _set_outcomes(c, batch_id, InstanceState.PENDING, outcomes)

    def conclude(
        self,
        batch_id: int,
        attempt: int,
        destinations: Iterable[str],
        modalities: Mapping[str, Sequence[str] | None] | None = None,
        wish: ReviewWish = NO_WISH,
    ) -> BatchState:
        """Set DELIVERING (SENT, if already done), REVIEW, QUARANTINED or EMPTY once all instances have an outcome.

        Args:
            batch_id: the batch.
            attempt: the attempt that ended.
            destinations: those of the project, by name.
            modalities: destination → what alone it takes; None, or not in it: everything.
            wish: what the project wants a person to see.
        """
        with self._engine.begin() as c:
            move(c, self._own(batch_id, attempt))
            hold_doubtful(c, batch_id)
            i = t.instances.c
            query = sa.select(i.state, sa.func.count()).where(i.batch_id == batch_id).group_by(i.state)
            tally: dict[str, int] = {str(state): int(count) for state, count in c.execute(query)}
            if tally.get(InstanceState.PENDING):
                raise Superseded
            state, reason = _conclusion(tally, why_held(c, batch_id), why_rejected(c, batch_id))
            if state is BatchState.QUARANTINED:
                hold_all(c, batch_id)
            elif state is BatchState.DELIVERING and (why := gate(c, batch_id, wish)):
                state, reason = BatchState.REVIEW, f"waits for a person: {why}"
            outcomes = _words(tally, leave=state is BatchState.DELIVERING)
            add_event(c, batch_id, f"de-identified: {outcomes}" + (f"; {reason}" if reason else ""))
            lost = lost_meaning_of(c, batch_id)
            if lost:
                add_event(c, batch_id, f"a recipient can no longer read: {_named(lost)}")
            own = self._own(batch_id, attempt)
            move(c, own, size=note_outputs(c, batch_id))
            if state is not BatchState.DELIVERING:
                move(c, own, state=state, reason=reason, starts=0, failures=0, manifest=None)
                return state
            after = send_off(c, own, batch_id, {name: (modalities or {}).get(name) for name in destinations})
            project = c.execute(sa.select(t.batches.c.project).where(t.batches.c.id == batch_id)).scalar_one()
            count_up(c, project, released=1)
            return after

    def reject(self, batch_id: int, attempt: int, reason: str) -> None:
        """PENDING → REJECTED for all instances, for one reason."""
        i = t.instances.c
        with self._engine.begin() as c:
            move(c, self._own(batch_id, attempt), starts=1, failures=0)
            where = (i.batch_id == batch_id) & (i.state == InstanceState.PENDING)
            c.execute(sa.update(t.instances).where(where).values(state=InstanceState.REJECTED, reason=reason))

    # --- trouble -------------------------------------------------------------------------------------------------

    def postpone(self, batch_id: int, attempt: int, reason: str, until: datetime) -> int:
        """Set QUEUED after a temporary failure, to be tried again at `until`; return the next attempt."""
        b = t.batches.c
        values = {"state": BatchState.QUEUED, "reason": reason, "next_attempt_at": until, "starts": 0}
        with self._engine.begin() as c:
            move(c, self._own(batch_id, attempt), **values, attempt=b.attempt + 1, failures=b.failures + 1)
            add_event(c, batch_id, f"will be retried: {reason}")
        return attempt + 1

    def fail(self, batch_id: int, attempt: int, reason: str, state: BatchState = BatchState.FAILED) -> None:
        """→ FAILED (or QUARANTINED): needs an operator."""
        b = t.batches.c
        where = (b.id == batch_id) & (b.attempt == attempt) & b.state.in_(UNFINISHED - WITHDRAWN)
        with self._engine.begin() as c:
            if state is BatchState.QUARANTINED:
                hold_all(c, batch_id)
            move(c, where, state=state, reason=reason, next_attempt_at=None, attempt=b.attempt + 1)
            add_event(c, batch_id, f"{state}: {reason}")

    def retry(
        self, batch_id: int, project: str | None = None, actor: str = SYSTEM, reason: str = "", why: str = _RETRIED
    ) -> Batch | None:
        """Take a batch up again that ended without being sent. None if its state does not allow it.

        Args:
            batch_id: the batch.
            project: for a batch that no project matched: the one that matches now.
            actor: who asked for it.
            reason: their reason.
            why: the line for its history.
        """
        b, i = t.batches.c, t.instances.c
        again = [InstanceState.REJECTED, InstanceState.QUARANTINED]
        with self._engine.begin() as c:
            try:
                values: dict[str, Any] = {"project": project} if project else {}
                move(c, (b.id == batch_id) & b.state.in_(RETRYABLE), state=BatchState.QUEUED, reason=None,
                     next_attempt_at=None, starts=0, failures=0, attempt=b.attempt + 1, **values)  # fmt: skip
            except Superseded:
                return None
            study, of = c.execute(sa.select(b.study, b.project).where(b.id == batch_id)).one()
            if of and is_recalled(c, study, of):
                remedy = "Nothing of it may be sent for this project any more."
                raise Misconfigured(f"batch {batch_id}", RECALLED_STUDY, remedy)
            if project and covered_elsewhere(c, batch_id, project):
                problem, remedy = "another batch covers its instances now", "Nothing is to be done."
                raise Misconfigured(f"batch {batch_id}", problem, remedy)
            renew: dict[str, Any] = {"state": InstanceState.PENDING, "reason": None, "receipt": None}
            renew |= {"project": project} if project else {}
            where = (i.batch_id == batch_id) & i.state.in_(again) & _may_come_again(c, batch_id)
            c.execute(sa.update(t.instances).where(where).values(**renew))
            renew_deliveries(c, batch_id)
            add_event(c, batch_id, why, actor, reason)
            audit.add(c, audit.Act(actor, "retry", batch=batch_id, reason=reason))
            if project:  # it had none, so it was not counted
                count_up(c, project, begun=1)
            return _batch(c.execute(sa.select(*_COLUMNS).where(b.id == batch_id)).one())

    def interrupt(self, batch_id: int, attempt: int, why: str) -> None:
        """Set PROCESSING → QUEUED, which is no failure: it was paused. Outcomes so far are kept."""
        b = t.batches.c
        with self._engine.begin() as c:
            move(c, self._own(batch_id, attempt), state=BatchState.QUEUED, starts=0, attempt=b.attempt + 1)
            add_event(c, batch_id, f"interrupted: {why}")

    def rest(self, home: str = "") -> None:
        """Reset the starts of what is under way in a home: SendIt is being stopped, and those starts did not fail."""
        b, d = t.batches.c, t.deliveries.c
        with self._engine.begin() as c:
            processed = (b.state == BatchState.PROCESSING) & (b.home == home)
            c.execute(sa.update(t.batches).where(processed).values(starts=0))
            here = sa.exists().where((b.id == d.batch_id) & (b.home == home))
            sending = d.state.in_([DeliveryState.SENDING, DeliveryState.RECALLING]) & here
            c.execute(sa.update(t.deliveries).where(sending).values(starts=0))

    def renew(self, batch_id: int, attempt: int) -> int:
        """Begin a new attempt, which fences the old, for one that is no longer scheduled; return its number."""
        b = t.batches.c
        where = (b.id == batch_id) & (b.attempt == attempt)
        where &= b.state.in_([BatchState.QUEUED, BatchState.PROCESSING])
        with self._engine.begin() as c:
            move(c, where, attempt=b.attempt + 1)
        return attempt + 1

    def look_taken(self, batch_id: int, attempt: int, outcomes: Mapping[str, Receipt | Rejected | Quarantined]) -> None:
        """Record what became of released instances (by Orthanc's identifier) when their series was checked."""
        with self._engine.begin() as c:
            move(c, self._own(batch_id, attempt), starts=1, failures=0)
            _set_outcomes(c, batch_id, InstanceState.RELEASED, outcomes)

    def renew_instances(self, batch_id: int, attempt: int, identifiers: Iterable[str], why: str = "") -> None:
        """RELEASED or QUARANTINED → PENDING for these instances.

        Args:
            batch_id: the batch.
            attempt: the attempt that owns it.
            identifiers: Orthanc's; their staged files are gone.
            why: the line for its history; "" for none.
        """
        i = t.instances.c
        again = i.state.in_([InstanceState.RELEASED, InstanceState.QUARANTINED])
        renewed: dict[str, Any] = {"state": InstanceState.PENDING, "receipt": None, "reason": None}
        with self._engine.begin() as c:
            move(c, self._own(batch_id, attempt))
            for identifier in identifiers:
                where = (i.batch_id == batch_id) & (i.instance == identifier) & again
                c.execute(sa.update(t.instances).where(where).values(**renewed))
            if why:
                add_event(c, batch_id, why)

    # --- the end -------------------------------------------------------------------------------------------------

    def done(self, batch_id: int, originals: str | None = None) -> None:
        """SENT → DONE: nothing remains in staging.

        Args:
            batch_id: the batch.
            originals: what is still to be done with the originals; None: they stay.
        """
        where = (t.batches.c.id == batch_id) & (t.batches.c.state == BatchState.SENT)
        with self._engine.begin() as c:
            move(c, where, state=BatchState.DONE, originals=originals)
            add_event(c, batch_id, "done")


def _may_come_again(c: sa.Connection, batch_id: int) -> sa.ColumnElement[bool]:
    """Return which instances a retry takes up: what a reviewer rejected only if nothing else is left of the batch."""
    i = t.instances.c
    others = (i.batch_id == batch_id) & (i.state != InstanceState.REJECTED)
    if c.execute(sa.select(i.id).where(others).limit(1)).first() is None:
        return sa.true()
    return i.reason.is_distinct_from(REVIEWER_REJECTED)


def lost_meaning_of(c: sa.Connection, batch_id: int) -> dict[str, int]:
    """Return `Batches.lost_meaning` within a transaction."""
    i = t.instances.c
    names = i.receipt["lost_meaning"].as_string()
    released = i.state.in_([InstanceState.RELEASED, InstanceState.SENT])
    query = sa.select(names, sa.func.count()).where((i.batch_id == batch_id) & released).group_by(names)
    counts: Counter[str] = Counter()
    for found, number in c.execute(query):
        counts.update(dict.fromkeys(json.loads(found) if found else (), int(number)))
    return dict(counts.most_common())


def _named(lost: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({counted(count, 'instance')})" for name, count in lost.items())


def _set_outcomes(
    c: sa.Connection,
    batch_id: int,
    before: InstanceState,
    outcomes: Mapping[str, Receipt | Rejected | Quarantined],
) -> None:
    """Write outcomes, by Orthanc's identifier, of instances in that state: many by one statement.

    Those of one statement have values of the same columns.
    """
    i = t.instances.c
    where = (i.batch_id == batch_id) & (i.instance == sa.bindparam("identifier")) & (i.state == before)
    had_receipts = before is InstanceState.RELEASED
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for identifier, outcome in outcomes.items():
        values = {"receipt": None, **_outcome_values(outcome)} if had_receipts else _outcome_values(outcome)
        by_columns.setdefault(tuple(values), []).append({"identifier": identifier, **values})
    for columns, rows in by_columns.items():
        statement = sa.update(t.instances).where(where).values({name: sa.bindparam(name) for name in columns})
        c.execute(statement, rows)


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


def _coded(outcomes: Iterable[Receipt | Rejected | Quarantined]) -> dict[str, str]:
    """Return what an output is known by when it comes back; nothing if none was released."""
    receipt = next((outcome for outcome in outcomes if isinstance(outcome, Receipt)), None)
    if receipt is None:
        return {}
    return {"coded_study": receipt.study_instance_uid, "coded_patient": receipt.patient_id}


def _conclusion(tally: Mapping[str, int], why_held: str, why_rejected: str) -> tuple[BatchState, str | None]:
    held = tally.get(InstanceState.QUARANTINED, 0)
    if held:
        return BatchState.QUARANTINED, f"{held} of {sum(tally.values())} instances are held: {why_held}"
    if not tally:
        return BatchState.EMPTY, "it has no instances: other batches cover all of them"
    if tally.get(InstanceState.RELEASED) or tally.get(InstanceState.SENT):
        return BatchState.DELIVERING, None
    return BatchState.EMPTY, "every instance was rejected" + (f": {why_rejected}" if why_rejected else "")


def _words(tally: Mapping[str, int], *, leave: bool) -> str:
    """Return the outcomes; `leave`: what was cleaned leaves now. Nothing else is said to be released."""
    words = {} if leave else {InstanceState.RELEASED: "cleaned"}
    return ", ".join(
        f"{count} {words.get(InstanceState(state), state.lower())}" for state, count in sorted(tally.items())
    )

"""Pulls: cohorts that are fetched from a PACS, their rows, and the studies that these mean.

Every write of the stage is fenced by its attempt. Rows stand by their lines; what they ask for is sealed, or not kept.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.journal import audit
from sendit.journal import tables as t
from sendit.journal.writing import Superseded, insert_into, now, reading
from sendit.model import BatchState, DeliveryState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence, Set
    from datetime import datetime

_TOGETHER = 1000
#: The pace of a pull is judged by so many studies that came last.
_LAST = 20
#: A study in one of these is at work in SendIt, and has not left it.
_UNDER_WAY = (BatchState.QUEUED, BatchState.PROCESSING, BatchState.DELIVERING)
_TO_DEIDENTIFY = (BatchState.QUEUED, BatchState.PROCESSING)
#: A study whose last image came so long ago waits to become stable, and needs nothing meanwhile.
_ARRIVING = timedelta(seconds=10)
_TO_DELIVER = (DeliveryState.WAITING, DeliveryState.SENDING)


class PullState(StrEnum):
    """Where a pull is."""

    RUNNING = "RUNNING"  # or it waits, for the reason in `why`
    DONE = "DONE"  # every row is complete
    INCOMPLETE = "INCOMPLETE"  # it ended; the result names the rows that are not complete
    FAILED = "FAILED"  # it could not go on, for the reason in `why`
    CANCELLED = "CANCELLED"


class RowState(StrEnum):
    """The outcome of a row."""

    WAITING = "WAITING"  # not asked for, or not fetched yet
    FOUND = "FOUND"  # the PACS has it (of a pull that only checks)
    COMPLETE = "COMPLETE"  # all images of all its studies have arrived
    PARTIAL = "PARTIAL"  # some have not, for the reason given
    NOT_FOUND = "NOT_FOUND"  # the PACS has no such study
    FAILED = "FAILED"  # nothing has arrived
    DUPLICATE = "DUPLICATE"  # it asks for the same as a row before


class StudyState(StrEnum):
    """The outcome of a study."""

    WAITING = "WAITING"
    COMPLETE = "COMPLETE"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class NewPull:
    """A pull that is to begin."""

    project: str
    source: str
    kind: str
    list: str
    executor: str
    actor: str
    only_check: bool


@dataclass(frozen=True, slots=True)
class Pull(NewPull):
    """A pull that was begun."""

    id: int
    state: PullState
    why: str
    attempt: int
    failures: int
    next_attempt_at: datetime | None
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class PullStudy:
    """A study of a pull."""

    study: str
    held: str  # Orthanc's identifier of it
    state: StudyState
    expected: int | None
    images: int
    failures: int
    reason: str
    line: int = 0  # the first row that means it


@dataclass(frozen=True, slots=True)
class PullRow:
    """A row, with all that became of it."""

    line: int
    state: RowState
    same_as: int | None
    reason: str
    sealed: bytes | None
    studies: tuple[PullStudy, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pull is."""

    rows: Mapping[RowState, int]
    studies: int
    studies_done: int  # whatever became of them
    images: int  # that have arrived
    images_expected: int
    seconds_left: float | None  # at its present pace; None as long as that is not known


class Pulls:
    """Reads and writes them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # --- beginning and ending ------------------------------------------------------------------------------------

    def begin(self, new: NewPull, rows: Sequence[PullRow]) -> int:
        """Write down a pull with its rows, and return its number."""
        values = {name: getattr(new, name) for name in NewPull.__slots__}
        values |= {"actor": new.actor[:128], "state": PullState.RUNNING, "why": "", "attempt": 1, "failures": 0}
        with self._engine.begin() as c:
            done = c.execute(sa.insert(t.pulls).values(**values, started_at=now()))
            number = int(done.inserted_primary_key[0])  # type: ignore[index]
            named = [
                {"pull_id": number, "line": r.line, "state": r.state, "same_as": r.same_as, "reason": r.reason,
                 "sealed": r.sealed}
                for r in rows
            ]  # fmt: skip
            for start in range(0, len(named), _TOGETHER):
                c.execute(sa.insert(t.pull_rows), named[start : start + _TOGETHER])
            details = {"source": new.source, "rows": len(rows), "only_check": new.only_check}
            subject = f"pull {number}"
            audit.add(c, audit.Act(new.actor, "pull", project=new.project, subject=subject, details=details))
        return number

    def finish(self, pull: Pull, why: str = "", *, failed: bool = False) -> PullState:
        """End a pull; return how it ended."""
        incomplete = any(row.state not in FINE for row in self.rows(pull.id))
        state = PullState.FAILED if failed else PullState.INCOMPLETE if incomplete else PullState.DONE
        self._move(pull, state=state, why=why, finished_at=now(), next_attempt_at=None)
        return state

    def cancel(self, number: int, actor: str, reason: str) -> bool:
        """End a pull at a person's request; return False if it has ended already."""
        p = t.pulls.c
        with self._engine.begin() as c:
            where = (p.id == number) & (p.state == PullState.RUNNING)
            values = {"state": PullState.CANCELLED, "why": "", "finished_at": now(), "next_attempt_at": None}
            if c.execute(sa.update(t.pulls).where(where).values(**values)).rowcount == 0:
                return False
            project = c.execute(sa.select(p.project).where(p.id == number)).scalar_one()
            audit.add(c, audit.Act(actor, "cancel-pull", project=project, subject=f"pull {number}", reason=reason))
        return True

    # --- the attempts of the stage -------------------------------------------------------------------------------

    def own(self, number: int, attempt: int) -> Pull:
        """Return a pull that this attempt owns.

        Raises:
            Superseded: it has ended, or another attempt has taken over.
        """
        pull = self.get(number)
        if pull is None or pull.state is not PullState.RUNNING or pull.attempt != attempt:
            raise Superseded
        return pull

    def renew(self, pull: Pull) -> Pull:
        """Begin a new attempt of one that nothing is scheduled for."""
        return self._move(pull, attempt=pull.attempt + 1)

    def adopt(self, pull: Pull, executor: str) -> Pull:
        """Take over a pull whose worker does not live, as a new attempt of another one.

        A study that only the Orthanc of that worker has, and that is still to be de-identified, is fetched again.

        Args:
            pull: the pull.
            executor: the worker that takes it over.

        Raises:
            Superseded: it has ended, or another one has taken it over.
        """
        b, s, n = t.batches.c, t.pull_studies.c, t.nodes.c
        theirs = sa.select(n.home).where(n.executor == pull.executor).scalar_subquery()
        left = (b.study == s.held) & (b.project == pull.project) & (b.home == theirs) & b.state.in_(_TO_DEIDENTIFY)
        taken: dict[str, Any] = {"executor": executor, "attempt": pull.attempt + 1, "next_attempt_at": None}
        again = {"state": StudyState.WAITING, "failures": 0, "reason": "", "finished_at": None}
        with self._fenced(pull) as c:
            studies = sa.update(t.pull_studies).where((s.pull_id == pull.id) & sa.exists().where(left))
            c.execute(studies.values(**again))
            c.execute(sa.update(t.pulls).where(_owned(pull)).values(**taken))
        return replace(pull, **taken)

    def postpone(self, pull: Pull, why: str, until: datetime) -> Pull:
        """Count a failure; a new attempt begins then."""
        failures = pull.failures + 1
        return self._move(pull, attempt=pull.attempt + 1, why=why, failures=failures, next_attempt_at=until)

    def say(self, pull: Pull, why: str) -> Pull:
        """Write down what it waits for; "" once it goes on, which ends a row of failures."""
        return self._move(pull, why=why, next_attempt_at=None, failures=pull.failures if why else 0)

    def _move(self, pull: Pull, **values: Any) -> Pull:
        with self._engine.begin() as c:
            done = c.execute(sa.update(t.pulls).where(_owned(pull)).values(**values))
            if done.rowcount != 1:
                raise Superseded
        return replace(pull, **values)

    # --- rows and studies ----------------------------------------------------------------------------------------

    def waiting_lines(self, number: int) -> set[int]:
        """Return the lines of the rows that the PACS was not asked for yet."""
        r = t.pull_rows.c
        with reading(self._engine) as c:
            where = (r.pull_id == number) & (r.state == RowState.WAITING)
            return set(c.execute(sa.select(r.line).where(where)).scalars())

    def looked_up(self, pull: Pull, line: int, found: Mapping[str, int | None], reason: str = "") -> None:
        """Write down what the PACS has for a row.

        Args:
            pull: the pull.
            line: of the row.
            found: Orthanc's identifiers of the studies, and how many images the PACS has of each.
            reason: why nothing was found.
        """
        r = t.pull_rows.c
        state = RowState.FOUND if found else RowState.NOT_FOUND
        fresh = {"pull_id": pull.id, "state": StudyState.WAITING, "images": 0, "failures": 0, "reason": ""}
        with self._fenced(pull) as c:
            where = (r.pull_id == pull.id) & (r.line == line)
            c.execute(sa.update(t.pull_rows).where(where).values(state=state, reason=reason))
            for study, expected in found.items():
                new = insert_into(c, t.pull_studies).values(**fresh, study=study, held=study, expected=expected)
                c.execute(new.on_conflict_do_nothing())
                match = {"pull_id": pull.id, "line": line, "study": study}
                c.execute(insert_into(c, t.pull_matches).values(**match).on_conflict_do_nothing())

    def waiting_studies(self, number: int) -> list[PullStudy]:
        """Return the studies that are still to be fetched: those that failed least first, then by their rows."""
        studies = [study for study in self._studies(number).values() if study.state is StudyState.WAITING]
        return sorted(studies, key=lambda one: (one.failures, one.line))

    def outcome(self, pull: Pull, study: PullStudy) -> None:
        """Write down how far a study is."""
        s = t.pull_studies.c
        values: dict[str, Any] = {name: getattr(study, name) for name in ("held", "state", "expected", "images")}
        values |= {"failures": study.failures, "reason": study.reason}
        values["finished_at"] = None if study.state is StudyState.WAITING else now()
        with self._fenced(pull) as c:
            where = (s.pull_id == pull.id) & (s.study == study.study)
            c.execute(sa.update(t.pull_studies).where(where).values(**values))

    @contextmanager
    def _fenced(self, pull: Pull) -> Iterator[sa.Connection]:
        """Open a transaction of an attempt; raise Superseded if it has ended, or another one has taken over."""
        with self._engine.begin() as c:
            # An update, not a look: it locks the row until the end of the transaction.
            same = sa.update(t.pulls).where(_owned(pull)).values(attempt=pull.attempt)
            if c.execute(same).rowcount != 1:
                raise Superseded
            yield c

    def covered(self, study: str, project: str, living: Collection[str]) -> int:
        """Return how many instances of a study batches of the project have taken already.

        Without those that are still to be de-identified by a worker that does not live.

        Args:
            study: Orthanc's identifier.
            project: the project.
            living: the homes of living workers.
        """
        i, b = t.instances.c, t.batches.c
        query = sa.select(sa.func.count(sa.distinct(i.instance))).join(t.batches, b.id == i.batch_id)
        safe = b.home.in_([*living, ""]) | b.state.not_in(_TO_DEIDENTIFY)
        with reading(self._engine) as c:
            return int(c.execute(query.where((b.study == study) & (b.project == project) & safe)).scalar_one())

    # --- what others ask -----------------------------------------------------------------------------------------

    def get(self, number: int) -> Pull | None:
        """Return a pull; None if there is no such one."""
        return next(iter(self._pulls(t.pulls.c.id == number)), None)

    def running(self) -> list[Pull]:
        """Return the pulls that have not ended, the oldest first."""
        return self._pulls(t.pulls.c.state == PullState.RUNNING)

    def page(self, limit: int, before: int | None = None) -> list[Pull]:
        """Return the newest pulls, newest first; `before`: only older ones than that."""
        p = t.pulls.c
        query = sa.select(p.id).order_by(p.id.desc()).limit(limit)
        if before is not None:
            query = query.where(p.id < before)
        return self._pulls(p.id.in_(query.scalar_subquery()))[::-1]

    def _pulls(self, where: sa.ColumnElement[bool]) -> list[Pull]:
        with reading(self._engine) as c:
            rows = c.execute(sa.select(t.pulls).where(where).order_by(t.pulls.c.id)).mappings().all()
        return [Pull(**{**row, "state": PullState(row["state"])}) for row in rows]

    def rows(self, number: int) -> list[PullRow]:
        """Return all rows of a pull with what became of each, in the order of their lines."""
        r, m = t.pull_rows.c, t.pull_matches.c
        pull = self.get(number)
        check = pull is not None and pull.only_check
        lines: dict[int, list[str]] = {}
        with reading(self._engine) as c:
            rows = c.execute(sa.select(t.pull_rows).where(r.pull_id == number).order_by(r.line)).all()
            for line, study in c.execute(sa.select(m.line, m.study).where(m.pull_id == number).order_by(m.line)):
                lines.setdefault(line, []).append(study)
        studies = self._studies(number)  # after their lines: a study is never taken away from a pull that runs
        read = (
            PullRow(x.line, RowState(x.state), x.same_as, x.reason, x.sealed, _named(studies, lines.get(x.line, ())))
            for x in rows
        )
        return [_row(row, only_check=check) for row in read]

    def _studies(self, number: int) -> dict[str, PullStudy]:
        s, m = t.pull_studies.c, t.pull_matches.c
        first = sa.select(m.study, sa.func.min(m.line).label("line")).where(m.pull_id == number).group_by(m.study)
        lines = first.subquery()
        query = sa.select(s.study, s.held, s.state, s.expected, s.images, s.failures, s.reason, lines.c.line)
        query = query.join(lines, lines.c.study == s.study).where(s.pull_id == number)
        with reading(self._engine) as c:
            found = c.execute(query).mappings().all()
        return {x["study"]: PullStudy(**{**x, "state": StudyState(x["state"])}) for x in found}

    def batches(self, number: int, project: str) -> dict[str, list[tuple[int, BatchState]]]:
        """Return the batches of the project for each study of a pull, by the identifier by which Orthanc holds it."""
        b = t.batches.c
        held = sa.select(t.pull_studies.c.held).where(t.pull_studies.c.pull_id == number).scalar_subquery()
        query = sa.select(b.study, b.id, b.state).where((b.project == project) & b.study.in_(held)).order_by(b.id)
        found: dict[str, list[tuple[int, BatchState]]] = {}
        with reading(self._engine) as c:
            for study, batch, state in c.execute(query):
                found.setdefault(study, []).append((batch, BatchState(state)))
        return found

    def progress(self, pull: Pull) -> Progress:
        """Return how far a pull is, and how long it still takes at the pace of the studies that came last."""
        s, r = t.pull_studies.c, t.pull_rows.c
        mine = s.pull_id == pull.id
        done = sa.func.sum(sa.case((s.state != StudyState.WAITING, 1), else_=0))
        expected = sa.func.sum(sa.func.coalesce(s.expected, s.images))
        unasked = sa.select(sa.func.count()).where((r.pull_id == pull.id) & (r.state == RowState.WAITING))
        with reading(self._engine) as c:
            total = sa.select(sa.func.count(), done, sa.func.sum(s.images), expected).where(mine)
            studies, ended, images, images_expected = (int(x or 0) for x in c.execute(total).one())
            newest = sa.select(s.finished_at).where(mine & s.finished_at.is_not(None)).order_by(s.finished_at.desc())
            times = list(c.execute(newest.limit(_LAST)).scalars())
            all_asked = c.execute(unasked).scalar_one() == 0
            rows = self._count_rows(c, pull)
        seconds = (times[0] - times[-1]).total_seconds() / (len(times) - 1) if len(times) > 1 and all_asked else None
        left = None if seconds is None else seconds * (studies - ended)
        return Progress(rows, studies, ended, images, images_expected, left)

    def _count_rows(self, c: sa.Connection, pull: Pull) -> dict[RowState, int]:
        """Count rows by what `_row` makes of their studies: a list may have many."""
        r, m, s = t.pull_rows.c, t.pull_matches.c, t.pull_studies.c
        states = {state: sa.func.sum(sa.case((s.state == state, 1), else_=0)) for state in StudyState}
        query = sa.select(r.state, *(states[state].label(state.lower()) for state in StudyState))
        query = query.outerjoin(t.pull_matches, (m.pull_id == r.pull_id) & (m.line == r.line))
        query = query.outerjoin(t.pull_studies, (s.pull_id == m.pull_id) & (s.study == m.study))
        each = query.where(r.pull_id == pull.id).group_by(r.line, r.state).subquery()
        grouped = sa.select(*each.c, sa.func.count()).group_by(*each.c)
        counts: dict[RowState, int] = {}
        for row_state, *numbers, count in c.execute(grouped):
            present = {state for state, number in zip(StudyState, numbers, strict=True) if number}
            state = _state_of(RowState(row_state), present, only_check=pull.only_check)
            counts[state] = counts.get(state, 0) + count
        return {state: counts[state] for state in RowState if state in counts}

    # --- behind live studies -------------------------------------------------------------------------------------

    def is_pulled(self, study: str) -> bool:
        """Return whether a study belongs to a pull that has not ended."""
        with reading(self._engine) as c:
            return c.execute(sa.select(_pulled(sa.literal(study)))).scalar_one()

    def under_way(self, number: int) -> int:
        """Return how many studies of a pull SendIt works on."""
        b, s = t.batches.c, t.pull_studies.c
        query = sa.select(sa.func.count(sa.distinct(b.study))).join(t.pull_studies, s.held == b.study)
        with reading(self._engine) as c:
            return int(c.execute(query.where((s.pull_id == number) & b.state.in_(_UNDER_WAY))).scalar_one())

    def live_projects(self) -> set[str]:
        """Return the projects of other studies that arrive, are to be de-identified, or are being delivered, now.

        "" stands for one that arrives: its project is not known yet.
        """
        b, d = t.batches.c, t.deliveries.c
        arrives = (b.state == BatchState.RECEIVING) & (b.changed_at > now() - _ARRIVING)
        due = b.next_attempt_at.is_(None) | (b.next_attempt_at <= now())
        leaves = sa.exists().where((d.batch_id == b.id) & d.state.in_(_TO_DELIVER))
        at_work = (b.state.in_(_TO_DEIDENTIFY) & due) | ((b.state == BatchState.DELIVERING) & leaves)
        query = sa.select(b.project).where((arrives | at_work) & ~_pulled(b.study)).distinct()
        with reading(self._engine) as c:
            return {str(project or "") for project in c.execute(query).scalars()}


#: States of rows of which nothing has to be done.
FINE = (RowState.COMPLETE, RowState.DUPLICATE, RowState.FOUND)


def _owned(pull: Pull) -> sa.ColumnElement[bool]:
    p = t.pulls.c
    return (p.id == pull.id) & (p.attempt == pull.attempt) & (p.state == PullState.RUNNING)


def _pulled(study: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    s, p = t.pull_studies.c, t.pulls.c
    where = (s.held == study) & (s.pull_id == p.id) & (p.state == PullState.RUNNING)
    return sa.exists().where(where)


def _named(studies: Mapping[str, PullStudy], names: Sequence[str]) -> tuple[PullStudy, ...]:
    return tuple(studies[name] for name in names if name in studies)


def _row(row: PullRow, *, only_check: bool) -> PullRow:
    """Return a row whose state follows from its studies."""
    state = _state_of(row.state, {study.state for study in row.studies}, only_check=only_check)
    reasons = "; ".join(dict.fromkeys(study.reason for study in row.studies if study.reason))
    return replace(row, state=state, reason=row.reason or reasons)


def _state_of(row: RowState, studies: Set[StudyState], *, only_check: bool) -> RowState:
    if row is not RowState.FOUND or only_check:
        return row
    if StudyState.WAITING in studies:
        return RowState.WAITING
    if studies == {StudyState.COMPLETE}:
        return RowState.COMPLETE
    return RowState.FAILED if studies == {StudyState.FAILED} else RowState.PARTIAL


def forget_pulls(c: sa.Connection, numbers: Collection[int]) -> None:
    """Delete rows and studies of pulls; what remains is that they were, for whom and when."""
    for table in (t.pull_rows, t.pull_matches, t.pull_studies):
        c.execute(sa.delete(table).where(table.c.pull_id.in_(numbers)))


def end_pulls(c: sa.Connection, project: str, why: str) -> None:
    """End all pulls of a project, and delete their rows and studies."""
    p = t.pulls.c
    running = (p.project == project) & (p.state == PullState.RUNNING)
    values = {"state": PullState.FAILED, "why": why, "finished_at": now(), "next_attempt_at": None}
    c.execute(sa.update(t.pulls).where(running).values(**values))
    forget_pulls(c, list(c.execute(sa.select(p.id).where(p.project == project)).scalars()))

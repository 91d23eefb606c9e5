"""Batches that are held or failed and imports with failed files: which need an operator, and who has seen them.

An acknowledgement is of one state of one batch. Whoever takes the batch up again (a retry, another recall) begins a new
attempt: if that fails, too, nobody has seen it yet. No clock decides this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.journal import audit
from sendit.journal import tables as t
from sendit.journal.audit import Act
from sendit.journal.lists.counts import NEED_A_LOOK
from sendit.journal.writing import add_event, now, reading
from sendit.model import BatchState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

#: Of more than so many batches nobody wants the numbers.
_MOST_UNSEEN = 10_001
#: How the entry of an acknowledgement in a batch's history ends.
SEEN = " was acknowledged"
_BATCH, _IMPORT, _ERRORS = "batch", "import", "ERRORS"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An acknowledgement: who has seen it, when, and their comment."""

    actor: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Unseen:
    """Batches and imports that are not acknowledged, oldest first; at most 10,001 batches."""

    batches: list[tuple[int, BatchState]]
    imports: list[int]


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """Unacknowledged batches of one project that are held or failed for the same reason."""

    state: BatchState
    project: str | None
    reason: str | None
    since: datetime  # of the oldest
    batches: Sequence[int]  # oldest first


#: Maximum number of batches that `Acknowledgements.waiting` reads.
_MOST = 2_000


class Acknowledgements:
    """Reads and writes them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def unseen(self) -> Unseen:
        """Return what waits for a person's look."""
        b, m = t.batches.c, t.imports.c
        batches = sa.select(b.id, b.state).where(sa.text(f"batches.{t.UNSEEN}")).limit(_MOST_UNSEEN)
        imports = sa.select(m.id).where((m.state == _ERRORS) & ~_seen(_IMPORT, m.id, sa.literal(0), m.state))
        with reading(self._engine) as c:
            ended = [(int(number), BatchState(state)) for number, state in c.execute(batches.order_by(b.id))]
            return Unseen(ended, list(c.execute(imports.order_by(m.id)).scalars()))

    def waiting(self) -> list[Unacknowledged]:
        """Return what waits for a person's look, grouped by project and reason: the newest 2,000 batches."""
        b = t.batches.c
        query = sa.select(b.id, b.state, b.project, b.reason, b.changed_at)
        query = query.where(sa.text(f"batches.{t.UNSEEN}"))
        groups: dict[tuple[str, str | None, str | None], list[sa.Row[Any]]] = {}
        with reading(self._engine) as c:
            for row in reversed(c.execute(query.order_by(b.id.desc()).limit(_MOST)).all()):
                groups.setdefault((row.state, row.project, row.reason), []).append(row)
        return [
            Unacknowledged(BatchState(state), project, reason, min(r.changed_at for r in rows), [r.id for r in rows])
            for (state, project, reason), rows in groups.items()
        ]

    def of(self, batch_ids: Collection[int]) -> dict[int, Acknowledgement]:
        """Return those of these batches, as far as they are of the state that the batch is in now."""
        a, b = t.acknowledgements.c, t.batches.c
        same = (a.kind == _BATCH) & (a.number == b.id) & (a.attempt == b.attempt) & (a.state == b.state)
        query = sa.select(a.number, a.actor, a.at, a.reason).select_from(t.batches.join(t.acknowledgements, same))
        with reading(self._engine) as c:
            rows = c.execute(query.where(b.id.in_(batch_ids)))
            return {row.number: Acknowledgement(row.actor, row.at, row.reason) for row in rows}

    def acknowledge_batch(self, batch_id: int, actor: str, reason: str = "") -> BatchState | None:
        """Write down that a person has seen the batch as it is now; a second one replaces the first.

        Returns:
            None if there is no such batch; else its state. In a state that needs no look, nothing is written.
        """
        b = t.batches.c
        with self._engine.begin() as c:
            row = c.execute(sa.select(b.state, b.attempt).where(b.id == batch_id)).first()
            if row is None:
                return None
            state = BatchState(row.state)
            if state in NEED_A_LOOK:
                self._write(c, _BATCH, batch_id, row.attempt, state, actor, reason)
                c.execute(sa.update(t.batches).where(b.id == batch_id).values(unseen=0))
                add_event(c, batch_id, f"{state}{SEEN}", actor, reason)
                act = Act(actor, "acknowledge", batch=batch_id, reason=reason, details={"state": state.value})
                audit.add(c, act)
            return state

    def acknowledge_import(self, import_id: int, actor: str, reason: str = "") -> str | None:
        """Write down that a person has seen that files of an import failed; as `acknowledge_batch`."""
        with self._engine.begin() as c:
            columns = sa.select(t.imports.c.state, t.imports.c.project)
            row = c.execute(columns.where(t.imports.c.id == import_id)).first()
            if row is not None and row.state == _ERRORS:
                self._write(c, _IMPORT, import_id, 0, row.state, actor, reason)
                subject = f"import {import_id}"
                audit.add(c, Act(actor, "acknowledge", project=row.project, subject=subject, reason=reason))
            return None if row is None else str(row.state)

    def _write(
        self, c: sa.Connection, kind: str, number: int, attempt: int, state: str, actor: str, reason: str
    ) -> None:
        a = t.acknowledgements.c
        values: dict[str, Any] = {"attempt": attempt, "state": state, "at": now(), "actor": actor, "reason": reason}
        where = (a.kind == kind) & (a.number == number)
        if c.execute(sa.update(t.acknowledgements).where(where).values(**values)).rowcount == 0:
            c.execute(sa.insert(t.acknowledgements).values(kind=kind, number=number, **values))


def blank_acknowledgements(c: sa.Connection, kind: str, numbers: Collection[int], at: datetime) -> None:
    """Delete when they were seen, and what was said: their project is unlinked."""
    a = t.acknowledgements.c
    mine = (a.kind == kind) & a.number.in_(numbers)
    c.execute(sa.update(t.acknowledgements).where(mine).values(at=at, reason=""))


def _seen(
    kind: str, number: sa.ColumnElement[int], attempt: sa.ColumnElement[int], state: sa.ColumnElement[str]
) -> sa.ColumnElement[bool]:
    a = t.acknowledgements.c
    where = (a.kind == kind) & (a.number == number) & (a.attempt == attempt) & (a.state == state)
    return sa.exists().where(where)

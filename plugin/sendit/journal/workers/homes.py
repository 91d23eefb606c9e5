"""Whose batches are whose. A home is a worker with its Orthanc, by the name in its data directory.

What arrives in an Orthanc belongs to the home of its worker. A batch gets another home only when its worker does not
live, and the other one can do it: its Orthanc has the same instances, or both share the place of staged files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.rescheduling import stage_batch_anew
from sendit.journal.writing import add_event, lock, reading
from sendit.model import BatchState

if TYPE_CHECKING:
    from collections.abc import Collection

#: The rank in a queue of a study that was imported or pulled.
BACKFILL = 10
#: Something is still to be done for a batch in one of these states.
_OPEN = [BatchState.RECEIVING, BatchState.QUEUED, BatchState.PROCESSING, BatchState.REVIEW, BatchState.DELIVERING,
         BatchState.SENT, BatchState.RECALLING]  # fmt: skip
_ANEW = "de-identified again: the worker that had staged it does not run"


class Homes:
    """The homes of batches, as one of them sees them."""

    def __init__(self, engine: sa.Engine, home: str) -> None:
        self._engine = engine
        self._home = home

    def of(self, batch_id: int) -> str:
        """Return whose batch it is; our own if nobody's."""
        return self.turn(batch_id)[0]

    def turn(self, batch_id: int) -> tuple[str, int]:
        """Return whose batch it is, our own if nobody's; and its rank in a queue: what was imported goes last."""
        b, r = t.batches.c, t.routes.c
        backfill = sa.exists().where((r.study == b.study) & r.backfill)
        with reading(self._engine) as c:
            row = c.execute(sa.select(b.home, backfill.label("backfill")).where(b.id == batch_id)).first()
        if row is None:
            return self._home, 0
        return str(row.home or self._home), BACKFILL if row.backfill else 0

    def strays(self, living: Collection[str]) -> list[tuple[int, str, BatchState]]:
        """Return the open batches of homes without a living worker, or of none: number, study, state."""
        b = t.batches.c
        query = sa.select(b.id, b.study, b.state).where(b.state.in_(_OPEN))
        query = query.where(b.home.not_in({*living, self._home})).order_by(b.id)
        with reading(self._engine) as c:
            return [(batch_id, study, BatchState(state)) for batch_id, study, state in c.execute(query)]

    def adopt(self, batch_id: int, living: Collection[str], *, staged: bool) -> bool:
        """Take over a stray, as a new attempt; return whether it was still one.

        Args:
            batch_id: the batch.
            living: homes with a living worker.
            staged: whether its staged files are here. Otherwise a batch that needs them is de-identified again: the
                same input gives the same output.
        """
        b = t.batches.c
        stray = (b.id == batch_id) & b.home.not_in({*living, self._home}) & b.state.in_(_OPEN)
        try:
            return self._adopt(batch_id, stray, staged=staged)
        except sa.exc.IntegrityError:
            return False  # the study arrives here, too, in a batch of our own

    def _adopt(self, batch_id: int, stray: sa.ColumnElement[bool], *, staged: bool) -> bool:
        b, d = t.batches.c, t.deliveries.c
        with self._engine.begin() as c:
            lock(c, batch_id)
            moved = sa.update(t.batches).where(stray).values(home=self._home).returning(b.state)
            row = c.execute(moved).first()
            if row is None:
                return False
            if row.state in (BatchState.QUEUED, BatchState.PROCESSING):
                c.execute(sa.update(t.batches).where(b.id == batch_id).values(attempt=b.attempt + 1, starts=0))
            elif row.state == BatchState.DELIVERING and not staged:
                stage_batch_anew(c, batch_id, _ANEW)
            elif row.state in (BatchState.DELIVERING, BatchState.RECALLING):
                c.execute(sa.update(t.deliveries).where(d.batch_id == batch_id).values(attempt=d.attempt + 1))
            add_event(c, batch_id, "taken over by another worker: its own does not run")
        return True

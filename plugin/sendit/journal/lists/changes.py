"""Whether anything has changed, told by a few rows at the ends of indexes: cheap enough to be asked each second."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.writing import reading

if TYPE_CHECKING:
    from datetime import datetime

#: Transactions may end in another order than that of their times: among the newest changes, their number counts, too.
_OVERLAP = timedelta(seconds=10)
_NEWEST = 200


class Changes:
    """A cursor that changes with the journal."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def cursor(self) -> str:
        """Return a text that differs once a batch, a delivery, an event, an import, a pull, a pause or an act does."""
        with reading(self._engine) as c:
            facts = [self._times(c, column) for column in (t.batches.c.changed_at, t.deliveries.c.changed_at)]
            numbered = (t.events.c.id, t.audit.c.number, t.imports.c.id, t.pulls.c.id)
            facts += [self._numbers(c, column) for column in numbered]
            running = [
                sa.select(sa.func.count()).select_from(table).where(table.c.state == "RUNNING")
                for table in (t.imports, t.pulls)
            ]
            pauses = sa.select(sa.func.count(), sa.func.max(t.pauses.c.at))
            facts += [tuple(c.execute(query).one()) for query in (*running, pauses)]
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def _times(self, c: sa.Connection, column: sa.Column[datetime]) -> tuple[object, ...]:
        newest: datetime | None = c.execute(sa.select(sa.func.max(column))).scalar()
        if newest is None:
            return ()
        late = sa.select(column).where(column > newest - _OVERLAP).limit(_NEWEST).subquery()
        return newest, c.execute(sa.select(sa.func.count()).select_from(late)).scalar()

    def _numbers(self, c: sa.Connection, column: sa.Column[int]) -> tuple[object, ...]:
        newest = int(c.execute(sa.select(sa.func.max(column))).scalar() or 0)
        late = sa.select(sa.func.count()).where(column > newest - _NEWEST)
        return newest, c.execute(late).scalar()

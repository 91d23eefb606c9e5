"""What the journal may forget. What keeps a study from being sent again stays for ever."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.originals import DUE
from sendit.journal.writing import add_event, now, reading
from sendit.model import BatchState

_HELD = [BatchState.FAILED, BatchState.QUARANTINED]
_ENDED = [BatchState.DONE, BatchState.EMPTY, BatchState.RECALLED]
#: So many batches are pruned in one transaction: nobody waits long for the database.
_TOGETHER = 50


class Retention:
    """Old batches."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def held(self, before: datetime) -> set[int]:
        """The batches that have been FAILED or QUARANTINED since before then."""
        b = t.batches.c
        with reading(self._engine) as c:
            query = sa.select(b.id).where(b.state.in_(_HELD) & (b.changed_at < before))
            return set(c.execute(query).scalars())

    def prune(self, before: datetime) -> int:
        """Delete story and receipts of batches that ended before then, and the file names of imports; how many batches.

        The instances stay with the digests of their inputs: a study that comes again is known.
        """
        self._forget_files(before)
        count = 0
        while pruned := self._prune_some(before):
            count += pruned
        return count

    def _prune_some(self, before: datetime) -> int:
        b, e, i = t.batches.c, t.events.c, t.instances.c
        old = b.state.in_(_ENDED) & (b.changed_at < before) & b.pruned_at.is_(None)
        old &= b.originals.is_(None) | (b.originals != DUE)
        with self._engine.begin() as c:
            ids = list(c.execute(sa.select(b.id).where(old).order_by(b.id).limit(_TOGETHER)).scalars())
            c.execute(sa.delete(t.events).where(e.batch_id.in_(ids)))
            c.execute(sa.update(t.instances).where(i.batch_id.in_(ids)).values(receipt=sa.null()))
            c.execute(sa.update(t.batches).where(b.id.in_(ids)).values(pruned_at=now()))
            for batch_id in ids:
                add_event(c, batch_id, "its story and its receipts were deleted (Retention.JournalDays)")
        return len(ids)

    def _forget_files(self, before: datetime) -> None:
        m = t.imports.c
        with self._engine.begin() as c:
            old = sa.select(m.id).where(m.finished_at < before).scalar_subquery()
            c.execute(sa.delete(t.import_files).where(t.import_files.c.import_id.in_(old)))

    def pruned_at(self, batch_id: int) -> datetime | None:
        """When its receipts were deleted; None if they are there."""
        query = sa.select(t.batches.c.pruned_at).where(t.batches.c.id == batch_id)
        with reading(self._engine) as c:
            found: datetime | None = c.execute(query).scalar()
            return found

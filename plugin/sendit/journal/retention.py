"""Retention of the journal's rows. Those that keep a study from being sent again stay for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.lists.pulls import forget_pulls
from sendit.journal.originals import DUE
from sendit.journal.writing import add_event, now, reading
from sendit.model import BatchState

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

_HELD = [BatchState.FAILED, BatchState.QUARANTINED]
#: Records of reviews and of former versions go with the receipts.
_WITH_RECEIPTS = (t.reviews, t.review_marks, t.review_regions, t.former_receipts)
#: So many batches are pruned in one transaction: nobody waits long for the database.
_TOGETHER = 50
#: So many transactions follow each other: the rest has to wait for the next time.
_IN_A_ROW = 100
#: SQLite takes at most 32,766 bound values a statement.
_CHUNK = 5_000


class OldBatches:
    """Old batches."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def held(self, before: datetime, among: Collection[int]) -> set[int]:
        """Return those of these batches that have been FAILED or QUARANTINED since before then."""
        b, numbers = t.batches.c, sorted(among)
        held: set[int] = set()
        with reading(self._engine) as c:
            for start in range(0, len(numbers), _CHUNK):
                where = b.id.in_(numbers[start : start + _CHUNK]) & b.state.in_(_HELD) & (b.changed_at < before)
                held.update(c.execute(sa.select(b.id).where(where)).scalars())
        return held

    def prune(self, before: datetime) -> int:
        """Delete history and receipts of batches that ended before then; return their number, at most 5,000.

        The file names of imports go, too, and the rows of pulls.
        The instances stay with the digests of their inputs: a study that comes again is known.
        """
        self._forget_files(before)
        self._forget_pulls(before)
        count = 0
        for _ in range(_IN_A_ROW):
            pruned = self._prune_some(before)
            count += pruned
            if pruned < _TOGETHER:
                break
        return count

    def _prune_some(self, before: datetime) -> int:
        b, e, i = t.batches.c, t.events.c, t.instances.c
        old = sa.text(t.UNPRUNED) & (b.changed_at < before)
        old &= b.originals.is_(None) | (b.originals != DUE)
        with self._engine.begin() as c:
            ids = list(c.execute(sa.select(b.id).where(old).order_by(b.changed_at).limit(_TOGETHER)).scalars())
            c.execute(sa.delete(t.events).where(e.batch_id.in_(ids)))
            for table in _WITH_RECEIPTS:
                c.execute(sa.delete(table).where(table.c.batch_id.in_(ids)))
            c.execute(sa.update(t.instances).where(i.batch_id.in_(ids)).values(receipt=sa.null()))
            c.execute(sa.delete(t.passports).where(t.passports.c.batch_id.in_(ids)))
            c.execute(sa.update(t.batches).where(b.id.in_(ids)).values(pruned_at=now()))
            for batch_id in ids:
                add_event(c, batch_id, "its history and its receipts were deleted (Retention.JournalDays)")
        return len(ids)

    def _forget_files(self, before: datetime) -> None:
        """Delete the files of old imports: one import a transaction."""
        m, f = t.imports.c, t.import_files.c
        old = (m.finished_at < before) & sa.exists().where(f.import_id == m.id)
        with reading(self._engine) as c:
            numbers = list(c.execute(sa.select(m.id).where(old).limit(_IN_A_ROW)).scalars())
        for number in numbers:
            with self._engine.begin() as c:
                c.execute(sa.delete(t.import_files).where(f.import_id == number))

    def _forget_pulls(self, before: datetime) -> None:
        """Delete rows and studies of old pulls."""
        p = t.pulls.c
        old = (p.finished_at < before) & sa.exists().where(t.pull_rows.c.pull_id == p.id)
        with self._engine.begin() as c:
            forget_pulls(c, list(c.execute(sa.select(p.id).where(old).limit(_IN_A_ROW)).scalars()))

    def pruned_at(self, batch_id: int) -> datetime | None:
        """Return when its receipts were deleted; None if they are there."""
        query = sa.select(t.batches.c.pruned_at).where(t.batches.c.id == batch_id)
        with reading(self._engine) as c:
            pruned: datetime | None = c.execute(query).scalar()
            return pruned

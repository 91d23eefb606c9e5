"""Versions of a batch: what is DONE is de-identified again, and replaces at its destinations what was sent before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.errors import Misconfigured
from sendit.journal import audit
from sendit.journal import tables as t
from sendit.journal.originals import DELETED as ORIGINALS_DELETED
from sendit.journal.recalls import RECALLED_STUDY, is_recalled
from sendit.journal.release.holds import REVIEWER_REJECTED
from sendit.journal.writing import add_event, lock, move, reading
from sendit.model import DELETED, BatchState, DeliveryState, InstanceState, Receipt

if TYPE_CHECKING:
    from collections.abc import Mapping


class Versions:
    """Batches that are processed again after they were sent, and the receipts of their former versions."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(self, batch_id: int, actor: str, reason: str) -> int | None:
        """DONE → QUEUED as the next version; return the new attempt, None if the batch is not DONE.

        Raises:
            Misconfigured: its originals or its receipts are deleted, or its study was recalled.
        """
        b, d, i = t.batches.c, t.deliveries.c, t.instances.c
        with self._engine.begin() as c:
            lock(c, batch_id)
            columns = (b.state, b.study, b.project, b.version, b.attempt, b.originals, b.pruned_at)
            row = c.execute(sa.select(*columns).where(b.id == batch_id)).first()
            if row is None or row.state != BatchState.DONE:
                return None
            self._check(c, batch_id, row)
            values = {"state": BatchState.QUEUED, "reason": None, "starts": 0, "failures": 0, "manifest": None}
            move(c, (b.id == batch_id) & (b.state == BatchState.DONE), **values, originals=None,
                 next_attempt_at=None, attempt=b.attempt + 1, version=b.version + 1)  # fmt: skip
            sent = (i.batch_id == batch_id) & i.receipt.is_not(None) & (i.state == InstanceState.SENT)
            kept = sa.select(i.id, sa.literal(row.version), i.batch_id, i.receipt).where(sent)
            names = ["instance_id", "version", "batch_id", "receipt"]
            c.execute(sa.insert(t.former_receipts).from_select(names, kept))
            again = [InstanceState.SENT, InstanceState.REJECTED, InstanceState.QUARANTINED]
            where = (i.batch_id == batch_id) & i.state.in_(again)
            where &= sa.func.coalesce(i.reason, "").not_in([REVIEWER_REJECTED, DELETED])
            anew = {"state": InstanceState.PENDING, "reason": None, "receipt": sa.null()}
            c.execute(sa.update(t.instances).where(where).values(**anew))
            there = (d.batch_id == batch_id) & (d.state == DeliveryState.VERIFIED)
            c.execute(sa.update(t.deliveries).where(there).values(replaces=row.version))
            version = row.version + 1
            add_event(c, batch_id, f"processed again, as version {version}", actor, reason)
            audit.add(c, audit.Act(actor, "reprocess", batch=batch_id, reason=reason, details={"version": version}))
            return int(row.attempt) + 1

    def _check(self, c: sa.Connection, batch_id: int, row: Any) -> None:
        place = f"batch {batch_id}"
        if row.pruned_at is not None:
            problem = "its receipts were deleted (SendIt.Retention.JournalDays), so it cannot be replaced where it is"
            raise Misconfigured(place, problem, "Recall it there by its coded UIDs, and send its study again.")
        if row.originals == ORIGINALS_DELETED:
            raise Misconfigured(place, "its originals were deleted from Orthanc", "Send the study to Orthanc again.")
        if is_recalled(c, row.study, row.project):
            raise Misconfigured(place, RECALLED_STUDY, "Nothing of it may be sent for this project any more.")

    def former(self, batch_id: int, version: int | None = None) -> Mapping[str, Receipt]:
        """Return the receipts of a former version (None: of any, the newest first) by Orthanc's identifier."""
        f, i = t.former_receipts.c, t.instances.c
        query = sa.select(i.instance, f.receipt).join(t.instances, i.id == f.instance_id).where(f.batch_id == batch_id)
        if version is not None:
            query = query.where(f.version == version)
        with reading(self._engine) as c:
            rows = c.execute(query.order_by(f.version, i.id)).all()
        return {instance: Receipt.from_dict(receipt) for instance, receipt in rows}

    def all_receipts(self, batch_id: int) -> list[tuple[str, Receipt]]:
        """Return every receipt of the batch that a destination may hold, the present ones and those of before.

        One for each coded SOPInstanceUID: the newest.
        """
        f, i = t.former_receipts.c, t.instances.c
        former = sa.select(i.instance, f.receipt).join(t.instances, i.id == f.instance_id)
        present = sa.select(i.instance, i.receipt).where((i.batch_id == batch_id) & i.receipt.is_not(None))
        with reading(self._engine) as c:
            rows = [*c.execute(former.where(f.batch_id == batch_id).order_by(f.version, i.id))]
            rows += c.execute(present.order_by(i.id))
        newest = {}
        for instance, values in rows:
            receipt = Receipt.from_dict(values)
            newest[receipt.sop_instance_uid] = (instance, receipt)
        return list(newest.values())

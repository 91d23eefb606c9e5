"""What is not kept for ever: files and pictures of batches that nobody took up, stories and receipts of old ones."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from sendit.stages import Rooms

log = logging.getLogger(__name__)


def forget(rooms: Rooms, at: datetime | None = None) -> None:
    """One pass. A batch whose staged files are gone can still be retried: it is de-identified anew.

    Args:
        at: the present moment.
    """
    present = at or datetime.now(UTC)
    kept = rooms.settings.retention
    held = rooms.journal.retention.held(present - timedelta(days=kept.staging_days))
    for batch_id in held & {*rooms.staging.batches(), *rooms.pictures.batches()}:
        rooms.staging.remove(batch_id)
        rooms.pictures.remove(batch_id)
        log.info("batch %d: its staged files and pictures were removed after %g days", batch_id, kept.staging_days)
    if kept.journal_days is not None:
        pruned = rooms.journal.retention.prune(present - timedelta(days=kept.journal_days))
        if pruned:
            log.info("the stories and receipts of %d batches were deleted after %g days", pruned, kept.journal_days)

"""The text of the daily summary."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sendit.model import BatchState

if TYPE_CHECKING:
    from pathlib import Path

    from sendit.journal import Journal

_AT_WORK = (BatchState.RECEIVING, BatchState.QUEUED, BatchState.PROCESSING, BatchState.DELIVERING, BatchState.SENT)


def summary(journal: Journal, folder: Path, at: datetime) -> str:
    """Return what was delivered on the day before (UTC), what waits, and how much room is left.

    Args:
        journal: the journal.
        folder: the data directory.
        at: the present moment.
    """
    day = at.astimezone(UTC).date() - timedelta(days=1)
    lines = [f"Delivered on {day} (UTC):"]
    totals = journal.totals.of(day, day, by_day=False)
    for one in totals:
        lines.append(f"- {one.project}: {one.studies:,} studies, {one.instances:,} images, {one.size / 1e9:,.2f} GB")
    if not totals:
        lines.append("- nothing")
    states = journal.counts.by_state()
    lines.append(
        f"Now: {sum(states.get(state, 0) for state in _AT_WORK)} batches under way, "
        f"{states.get(BatchState.REVIEW, 0)} wait for a reviewer; "
        f"not acknowledged: {len(journal.acknowledgements.unseen().batches)}."
    )
    lines.append(f"Free space: {shutil.disk_usage(folder).free / 1e9:,.0f} GB.")
    return "\n".join(lines)

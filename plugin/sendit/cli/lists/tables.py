"""The list of batches, in 80 columns and without split words."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from sendit.cli.common import print_table, say

#: Colours of the states of a batch.
STYLES = {
    "DONE": "green",
    "SENT": "green",
    "FAILED": "red",
    "QUARANTINED": "red",
    "RECALL_FAILED": "red",
    "INCOMPLETE": "yellow",
    "EMPTY": "yellow",
    "REVIEW": "yellow",
    "CANCELLED": "yellow",
}
_SELDOM = ("rejected", "quarantined", "recalled")
#: Short headings: with them, the counts of a terminal of 80 columns fit beside the reasons.
_HEADINGS = {"received": "in", "rejected": "rej.", "quarantined": "held", "recalled": "rec.", "under_way": "left"}


def print_batches(rows: list[dict[str, Any]]) -> None:
    """Print the list of `sendit batches`: the table, and below it the reasons."""
    seldom = [name for name in _SELDOM if any(row[name] for row in rows)]
    counts = ["received", "sent", *seldom, "under_way"]
    cells = []
    for row in rows:
        state = f"[{STYLES.get(row['state'], 'default')}]{row['state']}[/]"
        opened = row["opened_at"][5:16].replace("T", " ")
        numbers = [str(row[name]) for name in counts]
        cells.append([str(row["id"]), opened, escape(row["project"] or "–"), state, *numbers])
    headings = [_HEADINGS.get(name, name) for name in counts]
    print_table(("batch", "opened (UTC)", "project", "state", *headings), cells, headings)
    for row in rows:
        if why := _why(row):
            say(f"  {row['id']}: {why}")


def _why(row: dict[str, Any]) -> str:
    """Return the reason of a batch, its progress, or the errors of the deliveries that will be retried."""
    if row["state"] == "QUEUED" and row["place"] and not row["reason"]:
        return f"place {row['place']} in the queue"
    if row["state"] == "PROCESSING":
        return f"{row['processed']} of {row['received']} processed"
    retried = [one for one in row["deliveries"] if one["next_attempt_at"] and one["last_error"]]
    return row["reason"] or "; ".join(f"{one['destination']}: {one['last_error']}" for one in retried)

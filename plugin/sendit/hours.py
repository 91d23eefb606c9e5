"""When a destination's window is open. Wall-clock times: an hour that a change to summer time leaves out is no hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sendit.destination_settings import Window


def opens_at(window: Window, now: datetime) -> datetime | None:
    """When it opens next (UTC); None if it is open at `now`, which is any aware time."""
    zone = None if window.time_zone is None else ZoneInfo(window.time_zone)
    local = now.astimezone(zone)  # None: the machine's own zone
    if _is_open(window, local):
        return None
    days = (local.date() + timedelta(days=ahead) for ahead in range(3))
    openings = (datetime.combine(day, window.opens, zone).astimezone(UTC) for day in days)
    return next(opening for opening in openings if opening > now)


def _is_open(window: Window, local: datetime) -> bool:
    time = local.time()
    if window.opens < window.closes:
        return window.opens <= time < window.closes
    return time >= window.opens or time < window.closes

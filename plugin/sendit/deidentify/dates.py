"""Dates and times moved by whole days (PS3.5 6.2: DA, DT, TM).

Partial values stay partial, and time zones and times of day stay. Anything else (a range, text) gives None: what it
would disclose is unknown, so the caller falls back to what the profile does without the option for dates.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache

_DATE = re.compile(r"(\d{4})(?:(\d{2})(\d{2})?)?")
_OLD_DATE = re.compile(r"(\d{4})\.(\d{2})\.(\d{2})")  # ACR-NEMA, which PS3.5 asks readers to accept
#: Years of partial dates.
_EARLIEST, _LATEST = 1800, 2200
_TIME = re.compile(r"(?:[01]\d|2[0-3])(?:[0-5]\d(?:(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?")
_OLD_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?")
_DATE_TIME = re.compile(r"(\d{4}(?:\d{2}(?:\d{2})?)?)((?:\d{2}){0,3}(?:\.\d{1,6})?)((?:[+-](?:0\d|1[0-4])[0-5]\d)?)")


@lru_cache(maxsize=4096)  # the instances of a study share nearly all of their dates
def shifted(vr: str, value: str, days: int) -> str | None:
    """Return a DA, DT or TM with all its values moved by `days`; None if one is no date or would leave the calendar.

    >>> shifted("DA", "202003", -364)
    '201903'
    """
    moved = [_shift(vr, single.strip(" "), days) for single in value.split("\\")]
    return None if None in moved else "\\".join(single or "" for single in moved)


def _shift(vr: str, value: str, days: int) -> str | None:
    if not value:
        return value
    if vr == "DA":
        return _shift_date(value, days)
    if vr == "DT":
        return _shift_date_time(value, days)
    return value if _TIME.fullmatch(value) or _OLD_TIME.fullmatch(value) else None


def _shift_date(value: str, days: int) -> str | None:
    match = _DATE.fullmatch(value)
    old = _OLD_DATE.fullmatch(value)
    if match is None and old is None:
        return None
    year, month, day = (match or old).groups()  # type: ignore[union-attr]
    if day is None and not _EARLIEST <= int(year) < _LATEST:
        return None  # 850307 is a day of 1985, without its century
    try:
        # A partial date counts as its first day: the order stays, and no precision is invented.
        moved = date(int(year), int(month or 1), int(day or 1)) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    if old is not None:
        return f"{moved:%m}".join((f"{moved.year:04}.", f".{moved:%d}"))
    return f"{moved.year:04}{moved:%m%d}"[: len(value)]


def _shift_date_time(value: str, days: int) -> str | None:
    match = _DATE_TIME.fullmatch(value)
    if match is None:
        return None
    day, time, zone = match.groups()
    if time and (len(day) != 8 or not _TIME.fullmatch(time)):
        return None
    moved = _shift_date(day, days)
    return None if moved is None else moved + time + zone

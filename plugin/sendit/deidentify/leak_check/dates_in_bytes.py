"""Find dates in the bytes of an output, however they are written: 20240131, 31.1.2024, 31-01-24, 31 January 2024."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Eight digits, also at the beginning of a date with a time.
_EIGHT = re.compile(rb"(?<![0-9])[0-9]{8}(?=(?:[0-9]{2}){0,3}(?![0-9]))")
#: Three numbers with spaces between them: punctuation is folded to them.
_THREE = re.compile(rb"(?<![0-9])(?=([0-9]{1,4})[ ]+([0-9]{1,2})[ ]+([0-9]{4}|[0-9]{1,2})(?![0-9]))")
#: A year of two digits, with one and the same separator.
_SHORT = re.compile(rb"(?<![0-9])([0-9]{2}|[0-9](?=/))([-./])([0-9]{2}|[0-9](?=/))\2([0-9]{2})(?![0-9])")
_MONTHS = rb"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_DAY_MONTH = re.compile(rb"(?<![0-9])([0-9]{1,2})(?:st|nd|rd|th)? *" + _MONTHS + rb"[a-z]* *([0-9]{4})(?![0-9])")
_MONTH_DAY = re.compile(_MONTHS + rb"[a-z]* +([0-9]{1,2})(?:st|nd|rd|th)? +([0-9]{4})(?![0-9])")
_YEAR_MONTH = re.compile(rb"(?<![0-9])([0-9]{4}) *" + _MONTHS + rb"[a-z]* *([0-9]{1,2})(?![0-9])")
_NAMES = [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"]


def may_hold_date(text: bytes, dates: set[bytes]) -> bool:
    """Return False only if the text cannot contain any of these dates with a year of four digits."""
    return any(map(text.__contains__, {date[:4] for date in dates}))


def has_date(text: bytes, folded: bytes, dates: set[bytes]) -> bool:
    """Return whether a text contains one of these dates, given as YYYYMMDD, in any order of its parts.

    Args:
        text: the text, as bytes in ASCII or UTF-8.
        folded: the same, folded: what separates words is a space.
        dates: the dates.
    """
    if may_hold_date(text, dates) and _has_full_date(text, folded, dates):
        return True
    if any(short in text for short in (b"-", b".", b"/")):
        endings = {date[2:] for date in dates}
        for a, _, b, c in _SHORT.findall(text):
            a, b = a.zfill(2), b.zfill(2)
            if not endings.isdisjoint((a + b + c, c + b + a, c + a + b)):
                return True
    return False


def _has_full_date(text: bytes, folded: bytes, dates: set[bytes]) -> bool:
    for digits in _EIGHT.findall(text):
        if not dates.isdisjoint((digits, digits[4:] + digits[2:4] + digits[:2], digits[4:] + digits[:4])):
            return True
    for a, b, c in _THREE.findall(folded):
        if len(a) == 4 and a + b.zfill(2) + c.zfill(2) in dates:
            return True
        if len(c) == 4 and not dates.isdisjoint((c + b.zfill(2) + a.zfill(2), c + a.zfill(2) + b.zfill(2))):
            return True
    return any(date in dates for date in _dates_in_words(folded))


def _dates_in_words(folded: bytes) -> Iterator[bytes]:
    if not any(name in folded for name in _NAMES):
        return
    for day, month, year in _DAY_MONTH.findall(folded):
        yield year + b"%02d" % (_NAMES.index(month) + 1) + day.zfill(2)
    for month, day, year in _MONTH_DAY.findall(folded):
        yield year + b"%02d" % (_NAMES.index(month) + 1) + day.zfill(2)
    for year, month, day in _YEAR_MONTH.findall(folded):
        yield year + b"%02d" % (_NAMES.index(month) + 1) + day.zfill(2)

"""Read the digits of numbers, in strings and in binary, as far as they could be somebody's number or day of birth."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendit.deidentify.leak_check.decode import Bytes

_MOST_NUMBERS, _LARGEST_WHOLE, _MOST_DIGITS = 64, 1e18, 18
_FORMATS = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}
_MOST_JOINED, _DIGITS_OF_YEAR = 12, 4
#: Digits that are needed until a float in four bytes is itself again.
_PRECISIONS = {"FL": range(6, 10), "FD": range(15, 18)}
#: One value of DS or IS: digits before and after the point, and an exponent.
_NUMBER = re.compile(r"[ +\-]*(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?[ \0]*")


def digits_of_strings(text: str) -> tuple[list[str], list[str]]:
    """Return the digits of the numbers in a DS or IS: of whole ones, however they are written, and of all others.

    `4.711882e6` and `4711882.0` are whole.
    """
    whole, others = [], []
    for single in text.split("\\"):
        parts = _NUMBER.fullmatch(single)
        if parts is None:
            continue
        before, after, exponent = parts[1], (parts[2] or "").rstrip("0"), int(parts[3] or 0)
        digits = before + after
        zeros = exponent - len(after)  # behind the digits, or as many digits behind the point
        if zeros >= 0 and len(digits) + zeros <= _MOST_DIGITS:
            whole.append(digits + "0" * zeros)
        elif zeros < 0 and digits[zeros:].strip("0") == "" and len(digits) <= _MOST_DIGITS:
            whole.append(digits[:zeros])
        elif len(digits) <= _MOST_DIGITS:
            others.append(digits.lstrip("0"))
    return whole, others


def joined(whole: list[str]) -> Iterator[str]:
    """Yield what whole numbers beside each other are together: 471 and 1882 are 4711882, 11, 3 and 1962 a day."""
    if not 2 <= len(whole) <= _MOST_NUMBERS:
        return
    for first in range(len(whole)):
        together = whole[first]
        for number in whole[first + 1 : first + _MOST_JOINED]:
            together += number
            yield together
    for one, two, three in zip(whole, whole[1:], whole[2:], strict=False):
        for year, month, day in ((three, two, one), (three, one, two), (one, two, three)):
            if len(year) == _DIGITS_OF_YEAR:
                yield f"{year}{month:0>2}{day:0>2}"


def digits_of_bytes(value: Bytes, vr: str, order: str) -> tuple[list[str], list[str]]:
    """Return the same of a binary value; nothing of long lists, which hold measurements."""
    whole, others = [], []
    for number in _numbers(value, vr, order):
        if number == int(number):
            whole.append(str(abs(int(number))))
        else:
            others.append(_shortest(number, vr, order))
    return whole, others


def _numbers(value: Bytes, vr: str, order: str) -> Iterator[float]:
    code = _FORMATS.get(vr)
    size = struct.calcsize(f"={code}") if code else 0
    if code is None or len(value) % size or len(value) > _MOST_NUMBERS * size:
        return
    for (number,) in struct.iter_unpack(order + code, value):
        if number == number and abs(number) < _LARGEST_WHOLE:  # neither NaN nor infinite
            yield number


def _shortest(number: float, vr: str, order: str) -> str:
    """Return the digits of the shortest decimal that is this number."""
    code = order + _FORMATS[vr]
    decimals = (f"{abs(number):.{count}g}" for count in _PRECISIONS[vr])
    written = next(d for d in decimals if struct.pack(code, float(d)) == struct.pack(code, abs(number)))
    return written.split("e")[0].replace(".", "").strip("0")

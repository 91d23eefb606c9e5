"""Find what may identify where numbers should be: bytes that are readable as text, and the digits of numbers.

The digits are read from strings and from bytes, as far as they could be somebody's number or day of birth.
"""

from __future__ import annotations

import re
import struct
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendit.deidentify.leak_check.decode import Bytes

#: The bytes of a value that is text. Tables of numbers are never entirely printable, except for ramps.
_PRINTABLE = bytes(range(0x20, 0x7F))
_SHORTEST = 6
_FEWEST_LETTERS = 4
#: A number of a record or an order: letters and digits, some of each.
_CODE = re.compile(rb"(?=.*[A-Za-z])(?=.*\d.*\d)[A-Za-z0-9]{8,}")
_LONGEST = 1 << 16
_FLOATS = {"FD": "d", "OD": "d", "FL": "f", "OF": "f"}
#: The limits of what is measured in these: a nanosecond in seconds, the becquerels of a dose.
_LEAST, _MOST = 1e-9, 1e12
#: One or more words, in capitals or with at most the first letter one, separated as the parts of a name are.
_NAME = re.compile(rb"(?:[A-Z]{2,}|[A-Z]?[a-z]{2,})(?:[\^ ,.'-]{1,2}(?:[A-Z]+|[A-Z]?[a-z]+))*\.?")
#: The same with letters that are not ASCII, in UTF-8.
_ACCENTED_NAME = re.compile(r"(?=.*[^\x00-\x7f])[^\W\d_]{3,}(?:[\^ ,.'-]{1,2}[^\W\d_]+)*(?:[\^ ,]+\d+)?\.?")
#: The same with at least six letters in a row, and a number behind it.
_LONG_NAME = re.compile(rb"(?=.*[A-Za-z]{6})(?:" + _NAME.pattern + rb")(?:[\^ ,.-]{0,2}\d{2,12})?")
_EBCDIC = "cp037"
_LETTERS_OF_EBCDIC = b"".join(
    one.encode(_EBCDIC) for one in map(chr, range(0x20, 0x7F)) if one.isalnum() or one in " ^,.'-"
)
_OF_GZIP, _OF_ZLIB = (b"\x1f\x8b\x08",), (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_GZIP_OR_ZLIB = 47  # the window of 15 bits, and 32 for either header
_MOST_NUMBERS, _LARGEST_WHOLE, _MOST_DIGITS = 64, 1e18, 18
_FORMATS = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}
_MOST_JOINED, _DIGITS_OF_YEAR = 12, 4
#: Digits that are needed until a float in four bytes is itself again.
_PRECISIONS = {"FL": range(6, 10), "FD": range(15, 18)}
#: One value of DS or IS: digits before and after the point, and an exponent.
_NUMBER = re.compile(r"[ +\-]*(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?[ \0]*")


def is_hidden_text(value: Bytes, vr: str = "OB", order: str = "<") -> bool:
    """Return whether bytes of a binary VR are entirely text, apart from padding, with one or two bytes per character.

    The bytes of a floating-point number may all be printable by chance, as those of 0.00616 are. The exponent tells the
    two apart: letters in it make numbers that nobody measures, mostly beyond 10^20. If all exponents are usual ones,
    only what is written like a name is taken for text.
    """
    if not _SHORTEST <= len(value) <= _LONGEST:
        return False
    raw = bytes(value).strip(b"\0 ")
    if _is_compressed(bytes(value)):
        return True
    named = _ACCENTED_NAME.fullmatch(as_text(value)) or _is_name_elsewise(raw)
    if named and not _are_measures(value, vr, order):
        return True
    wide = raw.replace(b"\0", b"") if raw.count(0) * 2 >= len(raw) - 1 else raw
    if len(wide) < _SHORTEST or wide.translate(None, _PRINTABLE):
        return False
    steps = {after - before for before, after in pairwise(wide)}
    if len(steps) <= 2:
        return False
    if sum(map(bytes.isalpha, struct.unpack(f"{len(wide)}c", wide))) < _FEWEST_LETTERS:
        return _CODE.fullmatch(wide) is not None and not _are_measures(value, vr, order)
    return _NAME.fullmatch(wide) is not None or not _are_measures(value, vr, order)


def _is_name_elsewise(raw: bytes) -> bool:
    """Return whether bytes are a name in EBCDIC, or in halves: one byte for four bits."""
    written = [raw.decode(_EBCDIC).encode("latin-1", "replace")] if not raw.translate(None, _LETTERS_OF_EBCDIC) else []
    if raw and max(raw) < 1 << 4:
        pairs = list(zip(raw[::2], raw[1::2], strict=False))
        written += [bytes(one << 4 | two for one, two in pairs), bytes(two << 4 | one for one, two in pairs)]
    names = (name.strip(b"\0 ") for name in written)
    return any(len(set(name)) >= _FEWEST_LETTERS and _LONG_NAME.fullmatch(name) for name in names)


def _is_compressed(raw: bytes) -> bool:
    """Return whether bytes are a whole stream of gzip or zlib, which no table of numbers is."""
    if not raw.startswith(_OF_GZIP + _OF_ZLIB):
        return False
    inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        inflated = inflater.decompress(raw, _LONGEST)
    except zlib.error:
        return False
    return bool(inflated) and (inflater.eof or len(inflated) == _LONGEST)


def _are_measures(value: Bytes, vr: str, order: str) -> bool:
    """Return whether all numbers of a floating-point value are of a magnitude that is measured."""
    code = _FLOATS.get(vr)
    if code is None or len(value) % struct.calcsize(code):
        return False
    numbers = [number for (number,) in struct.iter_unpack(order + code, value)]
    return all(number == 0 or _LEAST <= abs(number) < _MOST for number in numbers)


def as_text(value: Bytes) -> str:
    """Return the characters of a value that is entirely printable; "" if it is not, or is too short or too long."""
    if not _SHORTEST <= len(value) <= _LONGEST:
        return ""
    try:
        text = bytes(value).strip(b"\0 ").decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""


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

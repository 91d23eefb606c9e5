"""Remove values that break the rules of their VR (PS3.5 6.2), such as a name in a CS or a date in an IS: they are text.

An age over 89 years is within the rules, and becomes 090Y (`top_coded`), or 90 in a report.
"""

from __future__ import annotations

import re
import struct
from functools import cache
from typing import TYPE_CHECKING

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify.dicom.dataset import find
from sendit.deidentify.dicom.text import ascii_text
from sendit.deidentify.text.patterns import medical
from sendit.deidentify.text.vocabulary import is_term

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sendit.deidentify.dicom.dataset import Dataset

_NUMBER = rb"(?: *+[+-]?+(?:\d++\.?+\d*+|\.\d++)(?:[eE][+-]?+\d++)?+ *+)?+"
_INTEGER = rb"(?: *+[+-]?+\d{1,12}+(?:\.0*+)?+ *+)?+"


def _listed(single: bytes) -> re.Pattern[bytes]:
    return re.compile(single + rb"(?:\\" + single + rb")*+[ \0]*+")


#: Values of DS may be longer than the 16 characters allowed: many are, and are numbers nevertheless.
_WHOLE: Mapping[str, re.Pattern[bytes]] = {
    "AS": _listed(rb"(?:[0-9]{3}[DWMY])?+ *+"),
    "CS": _listed(rb"[A-Z0-9 _]{0,16}+"),
    "DS": _listed(_NUMBER),
    "IS": _listed(_INTEGER),
    "UI": _listed(rb"[0-9.]{0,64}+"),
}
#: NumericValue and FloatingPointValue, and how UCUM writes a year.
YEARS = (0x0040A30A, 0x0040A161)
_UNITS, _CODE_VALUE, _YEAR = 0x004008EA, 0x00080100, "a"
_OLDEST, _NO_AGE = 90, 150
#: PatientAge, and any other age.
_OVER_89 = re.compile(r"(?!090Y)(?:09\d|[1-9]\d\d)Y")
#: Numbers in one value, and the digits that they have together.
_LONGEST_SPLIT, _FEWEST_SPLIT = 256, 7
#: ChannelMinimumValue, ChannelMaximumValue and WaveformPaddingValue: one sample of up to 64 bits.
_ONE_SAMPLE, _LONGEST_SAMPLE = (0x54000110, 0x54000112, 0x5400100A), 8
_UID = re.compile(rb"[ ]*(?:\d+\.\d|\d{0,4}[ \0]*$)")
_SIZES = {"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8}


def valid(tag: int, vr: str, value: bytes | memoryview) -> bytes | memoryview:
    """Return the value if it is of this VR; else without those of its values that are not.

    A code string in small letters, as some devices write, stays if all its words are of medicine or of DICOM.
    """
    pattern = _WHOLE.get(vr)
    if vr in ("DS", "IS") and _is_split_number(tag, value):
        return b""
    if pattern is not None:
        return value if pattern.fullmatch(value) else _without_wrong(bytes(value), vr, pattern)
    if len(value) % _SIZES.get(vr, 1) or len(value) > _longest().get(tag, len(value)):
        return b""
    return value


def are_uids(value: bytes | memoryview) -> bool:
    """Return whether values of UI have a dot, as all UIDs have, or are as short as a zero that means none."""
    return all(not uid.strip(b" \0") or _UID.match(uid) for uid in bytes(value).split(b"\\"))


def top_coded(age: str) -> str:
    """Return "090Y" for an age over 89 years; "" for any other, which may stay as it is.

    The standard retains PatientAge unchanged with the option (PS3.15 E.3.5); most privacy laws do not.
    """
    coded = _OVER_89.sub("090Y", age)
    return "" if coded == age else coded


def is_age_over_89(value: bytes | memoryview, vr: str, order: str, elements: Dataset) -> bool:
    """Return whether a measured value is one of more than 89 years, as a report tells the age of its subject.

    Args:
        value: NumericValue or FloatingPointValue.
        vr: its VR.
        order: of its bytes, as `struct` writes it.
        elements: the item that it stands in, with its unit.
    """
    units = find(elements, _UNITS)
    code = find(units.items[0], _CODE_VALUE) if units is not None and units.items else None
    if code is None or code.items is not None or ascii_text(code.value).strip() != _YEAR:
        return False
    try:
        years = struct.unpack(f"{order}d", value)[0] if vr == "FD" else float(ascii_text(value))
    except (ValueError, struct.error):
        return False
    return _OLDEST < years < _NO_AGE


def years_of_top(vr: str, order: str) -> bytes:
    """Return 90 in a VR of measured values."""
    return struct.pack(f"{order}d", 90.0) if vr == "FD" else b"90"


def _is_split_number(tag: int, value: bytes | memoryview) -> bool:
    """Return whether there are more whole numbers than the attribute has, with the digits of somebody's: 471, 1882."""
    if b"\\" not in bytes(value[:_LONGEST_SPLIT]) or len(value) > _LONGEST_SPLIT:
        return False
    numbers = [single.strip(b" \0+-") for single in bytes(value).split(b"\\")]
    most = _most_values().get(tag, len(numbers))
    return len(numbers) > most and all(map(bytes.isdigit, numbers)) and sum(map(len, numbers)) >= _FEWEST_SPLIT


def _without_wrong(value: bytes, vr: str, pattern: re.Pattern[bytes]) -> bytes:
    good: Callable[[bytes], bool] = lambda v: pattern.fullmatch(v) is not None or (vr == "CS" and _is_code(v))  # noqa: E731
    kept = [single if good(single) else b"" for single in value.rstrip(b"\0 ").split(b"\\")]
    return b"\\".join(kept) if any(kept) else b""


def _is_code(value: bytes) -> bool:
    text = value.decode("latin-1")
    return re.fullmatch(r"[A-Za-z0-9 _\-/.,()]{0,64}", text) is not None and (
        medical(text) or (text.isupper() and is_term(text))
    )


@cache
def _most_values() -> Mapping[int, int]:
    """Return how many values attributes have whose number is limited."""
    found = {}
    for tag, (_, multiplicity, *_rest) in DicomDictionary.items():
        most = multiplicity.rpartition("-")[2]
        if most.isdigit():
            found[tag] = int(most)
    return found


@cache
def _longest() -> Mapping[int, int]:
    """Return the longest value (bytes) of attributes whose numbers are limited."""
    lengths = dict.fromkeys(_ONE_SAMPLE, _LONGEST_SAMPLE)
    for tag, (vr, multiplicity, *_) in DicomDictionary.items():
        most = multiplicity.rpartition("-")[2]
        if vr in _SIZES and most.isdigit():
            lengths[tag] = int(most) * _SIZES[vr]
    return lengths

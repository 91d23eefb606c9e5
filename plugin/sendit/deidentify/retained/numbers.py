"""Correct numbers with small faults as the standard requires (PS3.5 6.2): decimal commas, units, the wrong VR.

The meaning has to be beyond doubt: that of "0,143" is, that of "1,234" is not. A number that cannot be read is removed
like any text in its place; if it scales, orders or locates the pixels, the instance is held, because its pixels would
silently mean something else. The receipt names each correction (`repairs`).
"""

from __future__ import annotations

import math
import re
import struct
import unicodedata
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import tag_for_keyword
from pydicom.valuerep import format_number_as_ds

from sendit.deidentify.dicom.dataset import TEXT_VRS, Dataset, Element, group_and_element
from sendit.deidentify.retained.hidden_text import is_hidden_text
from sendit.deidentify.retained.units import Unit, unit_of
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_CODES = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}
_FLOATS = frozenset({"FD", "FL"})
_STRINGS = TEXT_VRS | {"DS", "IS", "CS", "AS"}
_LONGEST_DS = 16
_LONGEST = 64  # characters that one number may have
_MOST_IS = 1 << 31
_MOST_FL = 3e38
_BLANKS = " \0\t\r\n\"'"
#: Valid values of DS and of IS, apart from the length of a DS.
_IS_DS = re.compile(rb"(?: *+[+-]?+(?:\d++\.?+\d*+|\.\d++)(?:[eE][+-]?+\d++)?+ *+)?+")
_IS_IS = re.compile(rb"(?: *+[+-]?+\d{1,12}+ *+)?+")
_SIGNS = str.maketrans({"\u2212": "-", "\u2012": "-", "\u2013": "-", "\uff0d": "-", "\u00d7": "*", "\uff0c": ","})
_NUMBER = re.compile(
    r"(?P<sign>[+-]?) ?(?P<digits>\d[\d.,]*|[.,]\d+)"
    r"(?: ?[eEdD](?P<exponent>[+-]?\d{1,3})| ?[*x] ?10\^?(?P<power>[+-]?\d{1,3}))?"
    r"(?: {0,2}(?P<unit>[^\d\s.,+\-:;][^\s]{0,11}))?"
)
#: Signs around a number that say nothing: brackets, a separator behind it, ":1" behind a ratio.
_SURROUNDED = re.compile(r"[\[({](.*)[\])}]|(.*\d)(?:[,;]| ?: ?1)")
_LIST = re.compile(r"[\[({]?(.*?)[\])}]?")
_GROUPED = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*")
_AGE = re.compile(
    r"0*(\d{1,3}) ?(?:(y|yr|yrs|years?|y\.?o|j|jahre?|a|ans?|años|anni|anos|jaar|år|v|vuotta|lat|let|év"
    r"|ani|yaş|лет|ετών|歳|才|岁|歲|세|살)"
    r"|(m|mo|mon|months?|monate?|mois|meses|mesi|maanden|か月|ヶ月|个月|個月|개월)|(w|wks?|weeks?|wochen?|週|周|주)"
    r"|(d|days?|tag(?:en|e)?|jours?|días|giorni|dagen|日|天|일))?\.?",
    re.IGNORECASE,
)

_COMMA = "a decimal comma written as a point"
_UNIT = "a number without the unit behind it"
_CONVERTED = "converted to the unit that the standard wants"
_ROUNDED = "rounded to a whole number"
_SHORTENED = "rounded to the 16 characters of a DS"
_FORM = "a number written as the standard wants"
_UNREAD = "no number, and left out"

#: Without these attributes, or with other values, the pixels of an image have another scale, order or place.
_MEANING = """RescaleSlope RescaleIntercept RealWorldValueSlope RealWorldValueIntercept RealWorldValueFirstValueMapped
    RealWorldValueLastValueMapped DoubleFloatRealWorldValueFirstValueMapped DoubleFloatRealWorldValueLastValueMapped
    DoseGridScaling GridFrameOffsetVector PixelSpacing ImagerPixelSpacing NominalScannedPixelSpacing PixelAspectRatio
    ImagePositionPatient ImageOrientationPatient ImageOrientationSlide SpacingBetweenSlices
    XOffsetInSlideCoordinateSystem YOffsetInSlideCoordinateSystem ZOffsetInSlideCoordinateSystem
    ImagePlanePixelSpacing RTImagePosition RTImageOrientation ContourData FrameOfReferenceTransformationMatrix
    FrameIncrementPointer DecayFactor FrameReferenceTime RadionuclideTotalDose RadionuclideHalfLife
    DiffusionBValue DiffusionGradientOrientation InStackPositionNumber DimensionIndexValues TemporalPositionIndex
    PhysicalDeltaX PhysicalDeltaY PhysicalUnitsXDirection PhysicalUnitsYDirection ReferencePixelX0 ReferencePixelY0
    ReferencePixelPhysicalValueX ReferencePixelPhysicalValueY PixelPaddingValue TotalPixelMatrixColumns
    TotalPixelMatrixRows ColumnPositionInTotalImagePixelMatrix RowPositionInTotalImagePixelMatrix
    RedPaletteColorLookupTableDescriptor GreenPaletteColorLookupTableDescriptor BluePaletteColorLookupTableDescriptor
    LUTDescriptor MaximumFractionalValue SegmentNumber ReferencedSegmentNumber ReferencedFrameNumber
    GantryDetectorTilt"""
#: These are checked together with the pixels; an unreadable one is rejected there.
_DESCRIPTION = """Rows Columns NumberOfFrames SamplesPerPixel BitsAllocated BitsStored HighBit PixelRepresentation
    PlanarConfiguration"""


class _Unreadable(Exception):
    """Signal a value that is no number, or could be either of two."""


@dataclass(slots=True)
class _Mending:
    """Correct the numbers of one instance."""

    order: str  # byte order, as in `struct`
    commas: Callable[[], bool]  # whether the instance writes decimal commas
    repairs: dict[str, None] = field(default_factory=dict)

    def walk(self, elements: Dataset) -> None:
        numeric = _numeric()
        for element in elements:
            if element.items is not None:
                for item in element.items:
                    self.walk(item)
            elif (vr := numeric.get(element.tag)) is not None and element.value and not _is_usual(element, vr):
                self._mend(element, vr)

    def _mend(self, element: Element, vr: str) -> None:
        name = DicomDictionary[element.tag][4]
        try:
            value, written, done = self._mended(element, vr)
        except _Unreadable:
            if element.tag in _tags(_DESCRIPTION):
                return
            if gives_meaning(element.tag):
                where = f"{group_and_element(element.tag)} {name}"
                raise Quarantine(f"{where} is not a number, and the meaning of its pixels depends on it") from None
            self.repairs[f"{name}: {_UNREAD}"] = None
            return
        if done and (value != bytes(element.value) or written != element.vr):
            self.repairs.update((f"{name}: {what}", None) for what in done)
            element.value, element.vr = value, written

    def _mended(self, element: Element, vr: str) -> tuple[bytes, str, list[str]]:
        """Return the value, its VR and the corrections; without any correction, the element stays as it is."""
        done: dict[str, None] = {}
        if vr == "AS":
            return _age(_text(element)).encode("ascii"), "AS", ["an age written in three digits and a letter"]
        numbers = list(self._numbers(element, done))
        if element.vr not in vr.split(" or "):
            done.setdefault(f"written as {vr}, not as {element.vr}")
        if vr in ("DS", "IS"):
            written = [_as_string(number, vr, element.tag, done) for number in numbers]
            if element.vr == "DS" and list(done) == [_SHORTENED]:  # its precision is worth more than its form
                return bytes(element.value), vr, []
            return "\\".join(written).encode("ascii"), vr, list(done or {_FORM: None})
        for choice in vr.split(" or "):
            packed = [_packed(number, choice, self.order) for number in numbers if number is not None]
            if None not in packed and len(packed) == len(numbers):
                return b"".join(filter(None, packed)), choice, list(done)
        if element.vr in _CODES:  # another binary VR, as in older editions of the standard: it stays
            return bytes(element.value), element.vr, []
        raise _Unreadable

    def _numbers(self, element: Element, done: dict[str, None]) -> Iterator[Decimal | float | None]:
        """Yield the numbers of a value; None for one that is left out."""
        code = _CODES.get(element.vr)
        if code is not None:
            yield from self._unpacked(element, code)
        elif element.vr in _STRINGS or element.vr == "UN":
            for single in _singles(_text(element), element.tag):
                yield None if not single.strip(_BLANKS) else self._number(single, element.tag, done)
        else:
            raise _Unreadable

    def _unpacked(self, element: Element, code: str) -> Iterator[float | Decimal]:
        size = struct.calcsize(f"={code}")
        if len(element.value) % size or is_hidden_text(element.value, element.vr, self.order):
            raise _Unreadable
        for (number,) in struct.iter_unpack(f"{self.order}{code}", bytes(element.value)):
            if not math.isfinite(number):
                raise _Unreadable
            yield number if element.vr in _FLOATS else Decimal(number)

    def _number(self, text: str, tag: int, done: dict[str, None]) -> Decimal:
        match = _NUMBER.fullmatch(_bare(text, tag)) if len(text) <= _LONGEST else None
        if match is None:
            raise _Unreadable
        digits = self._with_point(match["digits"], done)
        number = Decimal(f"{match['sign']}{digits}").scaleb(int(match["exponent"] or match["power"] or 0))
        if match["unit"]:
            unit: Unit | None = unit_of(tag, match["unit"])
            if unit is None:
                raise _Unreadable
            done[_UNIT if unit.factor == 1 else _CONVERTED] = None
            number *= unit.factor
        if not math.isfinite(float(number)):
            raise _Unreadable
        return number

    def _with_point(self, digits: str, done: dict[str, None]) -> str:
        """Return the digits with a decimal point, if it is clear which separator is the decimal one."""
        if "," not in digits and digits.count(".") <= 1:
            return digits
        grouped = _GROUPED.fullmatch(digits)
        if "," in digits and "." in digits:
            decimal = max(",.", key=digits.rfind)
            whole, _, fraction = digits.rpartition(decimal)
            if decimal in whole or not _GROUPED.fullmatch(whole):
                raise _Unreadable
            done[_COMMA if decimal == "," else _FORM] = None
            return f"{re.sub('[.,]', '', whole)}.{fraction}"
        if digits.count(",") == 1 and (grouped is None or digits.startswith("0") or self.commas()):
            done[_COMMA] = None
            return digits.replace(",", ".")
        if grouped and digits.count(",") > 1:
            done[_FORM] = None
            return digits.replace(",", "")
        raise _Unreadable


def mend_numbers(elements: Dataset, order: str) -> list[str]:
    """Correct numbers with small faults in place, at every depth, and return what was done.

    Args:
        elements: the dataset, which is changed.
        order: the byte order of numbers, as in `struct`.

    Raises:
        Quarantine: a number that scales, orders or locates pixels cannot be read.
    """
    mending = _Mending(order, cache(lambda: _has_decimal_commas(elements)))
    mending.walk(elements)
    return list(mending.repairs)


def _is_usual(element: Element, vr: str) -> bool:
    """Return whether a number is as the standard wants it."""
    if vr not in ("AS", "DS", "IS"):
        return element.vr == vr or element.vr in ("UN", *vr.split(" or "))
    value = bytes(element.value)
    return (_is_right if len(value) <= _LONGEST else _is_right.__wrapped__)(element.vr, value, vr)


@lru_cache(maxsize=4096)  # the instances of a study share most of their numbers
def _is_right(written: str, value: bytes, vr: str) -> bool:
    if vr == "AS":
        return re.fullmatch(rb"(?:\d{3}[DWMY])?[ \0]*", value) is not None
    if written not in ("UN", vr):
        return False
    pattern = _IS_DS if vr == "DS" else _IS_IS
    singles = value.rstrip(b"\0 ").split(b"\\")
    return all(pattern.fullmatch(single) and (vr == "IS" or len(single) <= _LONGEST_DS) for single in singles)


def _text(element: Element) -> str:
    raw = bytes(element.value).rstrip(b"\0 ")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _singles(text: str, tag: int) -> list[str]:
    """Return the single values. Some files separate them by other characters: "[0.5, 0.5]"."""
    count = DicomDictionary[tag][1]
    if "\\" in text or not count.isdigit() or count == "1" or len(text) > _LONGEST * int(count):
        return text.split("\\")
    match = _LIST.fullmatch(text.strip(_BLANKS))
    inner = match[1] if match else text
    for separator in (r"\s*;\s*", r"\s*/\s*", r",\s+", r"\s+", r"\s*,\s*", r"\s*[xX*]\s*"):
        parts = re.split(separator, inner.strip())
        if len(parts) == int(count) and all(_NUMBER.fullmatch(part) for part in parts):
            return parts
    return [text]


def _bare(text: str, tag: int) -> str:
    """Return a number in characters of usual width, without what surrounds it."""
    plain = unicodedata.normalize("NFKC", text.translate(_SIGNS)).strip(_BLANKS).replace("\u00b7", ".")
    match = _SURROUNDED.fullmatch(plain) if DicomDictionary[tag][1] == "1" else None
    return (match[1] or match[2]).strip(_BLANKS) if match else plain


def _as_string(number: Decimal | float | None, vr: str, tag: int, done: dict[str, None]) -> str:
    if number is None:
        return ""
    if vr == "IS":
        exact = Decimal(number)
        whole = exact.to_integral_value(ROUND_HALF_UP)
        if whole != exact:
            if gives_meaning(tag) or tag in _tags(_DESCRIPTION):
                raise _Unreadable
            done[_ROUNDED] = None
        if not -_MOST_IS <= whole < _MOST_IS:
            raise _Unreadable
        return str(int(whole))
    return _as_ds(number, done)


def _as_ds(number: Decimal | float, done: dict[str, None]) -> str:
    plain = format(number, "f") if isinstance(number, Decimal) else repr(number)
    if "." in plain and "e" not in plain:
        plain = plain.rstrip("0").rstrip(".")
    short = plain if len(plain) <= _LONGEST_DS else format_number_as_ds(float(number))
    if float(short) != float(number):
        done[_SHORTENED] = None
    return short or "0"


def _packed(number: Decimal | float, vr: str, order: str) -> bytes | None:
    """Return the bytes of a number in a binary VR; None if that VR cannot hold it unchanged."""
    if vr in _FLOATS:
        single = float(number)
        packed = struct.pack(order + _CODES[vr], single) if abs(single) < _MOST_FL or vr == "FD" else None
        exact = packed is not None and struct.unpack(order + _CODES[vr], packed)[0] == single
        return packed if exact or (packed and isinstance(number, Decimal)) else None
    whole = Decimal(number)
    if whole != whole.to_integral_value():
        return None
    try:
        return struct.pack(order + _CODES[vr], int(whole))
    except struct.error:
        return None


def _age(text: str) -> str:
    match = _AGE.fullmatch(text.strip(_BLANKS))
    if match is None:
        raise _Unreadable
    letter = next((letter for letter, word in zip("YMWD", match.groups()[1:], strict=True) if word), "Y")
    return f"{int(match[1]):03d}{letter}"


def _has_decimal_commas(elements: Dataset) -> bool:
    """Return whether any number of the instance has a comma that can only be a decimal one."""
    for element in elements:
        if element.items is not None:
            if any(map(_has_decimal_commas, element.items)):
                return True
        elif element.vr in ("DS", "IS") and b"," in bytes(element.value):
            for single in _text(element).split("\\"):
                digits = single.strip(_BLANKS + "+-")
                if re.fullmatch(r"\d+,\d+", digits) and (digits.startswith("0") or not _GROUPED.fullmatch(digits)):
                    return True
    return False


def gives_meaning(tag: int) -> bool:
    """Return whether an attribute scales, orders or locates pixels."""
    return tag in _tags(_MEANING)


@cache
def _numeric() -> Mapping[int, str]:
    """Return the numeric attributes of the standard, and PatientAge, with their VR."""
    kinds = {"DS", "IS", "AS", *_CODES, "US or SS"}
    return {tag: entry[0] for tag, entry in DicomDictionary.items() if entry[0] in kinds and tag >> 16 >= 8}


@cache
def _tags(keywords: str) -> frozenset[int]:
    tags = {keyword: tag_for_keyword(keyword) for keyword in keywords.split()}
    if unknown := [keyword for keyword, tag in tags.items() if tag is None]:
        raise LookupError(f"no keywords of DICOM: {unknown}")
    return frozenset(int(tag) for tag in tags.values() if tag is not None)

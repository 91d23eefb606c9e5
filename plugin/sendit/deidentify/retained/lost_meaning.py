"""Find lost values that scale, order or locate pixels: without them, a recipient would read other numbers.

telling.py says which attributes these are.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify.dicom.dataset import DATE_VRS, Dataset, Element, Encoding, find
from sendit.deidentify.dicom.reader import items_of
from sendit.deidentify.dicom.text import ascii_text
from sendit.deidentify.private_blocks import csa, ge
from sendit.deidentify.private_blocks.entries import Unreadable
from sendit.deidentify.profile.private import PrivateTag, VendorAttribute, dictionary_entry, listed_attribute
from sendit.deidentify.replacements import DUMMIES
from sendit.deidentify.retained.telling import TellingAttribute, bulk_of, keys, telling_attributes, telling_private
from sendit.errors import Quarantine
from sendit.model import Doubt, Pixels

if TYPE_CHECKING:
    from sendit.deidentify.plan import Handling

_MODALITY, _SCANNING_SEQUENCE, _ECHO_PLANAR = 0x00080060, 0x00180020, 0x00189018
_TEMPORAL_POSITION, _TEMPORAL_POSITIONS = 0x00200100, 0x00200105
_CONTRAST_START, _ACQUISITION_TYPE, _STATIONARY = 0x00181042, 0x00189302, "STATIONARY"
#: What a scanner or its user calls a series in which time is measured: in the type of the image, a description, a name.
_DESCRIPTIONS = (0x00080008, 0x0008103E, 0x00181030)
_OF_TIME = re.compile(r"perf|dynami|(?<![a-z])(?:dyn|dce|dsc|4d|cine|twist|tricks|bolus)(?![a-z])", re.IGNORECASE)
#: Sequences of the standard whose items describe the pixels: functional groups and their contents, real-world values,
#: lookup tables, ultrasound regions, radiopharmaceuticals, sources of brachytherapy. Others describe other images.
_CONTAINERS = frozenset(
    {0x52009229, 0x52009230, 0x00409096, 0x00283000, 0x00186011, 0x00540016, 0x00209113, 0x00209116, 0x00289110}
    | {0x00289145, 0x300A0210, 0x00189117, 0x00189076, 0x00189114, 0x00209111, 0x00189152, 0x00289132, 0x00209253}
)
_SERIES_HEADER = 0x20
_ANY_ENTRY = "*"  # of a header that cannot be parsed
_FORMATS = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}
_TEXT_NUMBERS = frozenset({"DS", "IS"})
_EITHER_SIGN = "US or SS"
#: Numbers that differ by less are equal: one was written with fewer digits.
_CLOSE = 1e-5

_NAMED = 5
_LARGE = 1 << 32  # as large as a value can be

Value = tuple[float, ...] | bytes


#: Attribute → its values, in the order of the file.
Telling = Mapping[TellingAttribute, list[Value]]


def telling_values(elements: Dataset, encoding: Encoding, original: Dataset) -> Telling:
    """Return the values of those attributes in a dataset, as far as they matter in the original."""
    by_attribute: dict[TellingAttribute, list[Value]] = {}
    contexts = _contexts(original)
    for attribute, value in _values(elements, encoding, {}, top=True):
        if not attribute.contexts or not contexts.isdisjoint(attribute.contexts):
            by_attribute.setdefault(attribute, []).append(value)
    mosaic = any(one.group == "mosaic" and _matters(one, values) for one, values in by_attribute.items())
    return {
        one: values
        for one, values in by_attribute.items()
        if (one.matters == "mosaic" and mosaic) or (one.matters != "mosaic" and _matters(one, values))
    }


def are_alike(before: Dataset, after: Dataset) -> bool:
    """Return True only if nothing that could tell anything was changed, so that the values need not be compared."""
    values = _plain_values(before)
    return values is not None and values == _plain_values(after)


def _plain_values(elements: Dataset) -> list[tuple[int, str, bytes]] | None:
    """Return what the values of a dataset depend on; None if that is more than attributes of the standard, or floats.

    A float that is no number equals nothing, itself included.
    """
    values, telling = [], _plain_tags()
    for element in elements:
        tag = element.tag
        if tag in telling or tag >> 16 & 1:
            if element.items is not None or element.vr in ("FD", "FL", "UN") or tag >> 16 & 1:
                return None
            values.append((tag, element.vr, bytes(element.value)))
    return values


@cache
def _plain_tags() -> frozenset[int]:
    return _CONTAINERS.union(keys().standard, (_MODALITY, _SCANNING_SEQUENCE, _ECHO_PLANAR, _TEMPORAL_POSITIONS))


def lost_meaning(before: Telling, after: Telling) -> tuple[str, ...]:
    """Return the names of what was lost, in the order of the table; then those that it does not have.

    A value that another source still gives (the standard or a vendor, another attribute of the vendor) is not lost. If
    several sources are lost, the first one in the table is named.
    """
    changed = {one: None for one, values in before.items() if not _same(one, values, after.get(one))}
    if not changed:  # nearly always
        return ()
    lost = [*(one for one in telling_attributes() if one in changed), *(one for one in changed if one not in _listed())]
    silent = {(one.group, one.source) for one in lost}
    speaking = {one.group for one in before if (one.group, one.source) not in silent}
    named: dict[str, str] = {}
    names = (
        one.name for one in lost if one.group not in speaking and named.setdefault(one.group, one.source) == one.source
    )
    return tuple(dict.fromkeys(names))


def with_doubt_of_lost(
    pixels: Pixels, lost: Sequence[str], handling: Handling, staged_doubts: Collection[Doubt]
) -> Pixels:
    """Return the pixels' status, with a doubt where a recipient could no longer read them and a person may accept it.

    Args:
        pixels: their status so far.
        lost: the names of what the output lacks.
        handling: what the project wants.
        staged_doubts: the doubts with which an output is staged, for a person to decide about.

    Raises:
        Quarantine: the project holds such instances, and no person is asked; the message names the attributes.
    """
    if not lost or handling.on_lost_meaning != "Hold":
        return pixels
    more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    reason = f"a recipient could no longer read {', '.join(lost[:_NAMED])}{more} (OnLostMeaning is Hold)"
    if Doubt.LOST_MEANING not in staged_doubts:
        raise Quarantine(reason)
    return replace(pixels, doubt="; ".join(filter(None, (pixels.doubt, reason))))


@cache
def _listed() -> frozenset[TellingAttribute]:
    return frozenset(telling_attributes())


# --- the values ------------------------------------------------------------------------------------------------------


def _contexts(elements: Dataset) -> set[str]:
    contexts = {_text(elements, _MODALITY)}
    if "EP" in _text(elements, _SCANNING_SEQUENCE).split("\\") or _text(elements, _ECHO_PLANAR) == "YES":
        contexts.add("EPI")
    if _is_one_of_many(elements):
        contexts.add("dynamic")
    return contexts


def _is_one_of_many(elements: Dataset) -> bool:
    """Return whether an image is, by what it says of itself, one of several of the same place, whose times matter.

    CT has no attribute for positions in time, and most MR has none either.
    """
    if _text(elements, _TEMPORAL_POSITION) or _text(elements, _TEMPORAL_POSITIONS).strip() not in ("", "0", "1"):
        return True
    if _text(elements, _CONTRAST_START).strip() or _text(elements, _ACQUISITION_TYPE).strip() == _STATIONARY:
        return True
    return any(_OF_TIME.search(_text(elements, tag)) for tag in _DESCRIPTIONS)


def _text(elements: Dataset, tag: int) -> str:
    element = find(elements, tag)
    if element is None or element.items is not None:
        return ""
    return ascii_text(element.value)


def _values(
    elements: Dataset, encoding: Encoding, creators: Mapping[int, str], *, top: bool = False, vendors: bool = False
) -> Iterator[tuple[TellingAttribute, Value]]:
    """Yield the values of a dataset; within a vendor's sequences, standard attributes are mere copies."""
    standard, here = keys().standard, dict(creators)
    for element in elements:
        tag = element.tag
        if not tag >> 16 & 1:
            if element.items is not None:
                if tag in _CONTAINERS or not top:
                    for item in element.items:
                        yield from _values(item, encoding, {}, vendors=vendors)
            elif not vendors and tag in standard:
                value = _value(element, _vr(element, DicomDictionary[tag][0]), encoding)
                if value is not None:
                    yield standard[tag], value
        elif 0x10 <= tag & 0xFFFF <= 0xFF:
            here[tag] = "" if element.items is not None else ascii_text(element.value)
        else:
            creator = here.get(tag >> 16 << 16 | tag >> 8 & 0xFF)
            key = (tag >> 16, creator or "", tag & 0xFF)
            if creator and (element.items is not None or not _is_silent(key)):
                yield from _private(element, key, encoding, here)


def _private(
    element: Element, tag: PrivateTag, encoding: Encoding, creators: Mapping[int, str]
) -> Iterator[tuple[TellingAttribute, Value]]:
    listed, one, vr = _of_vendor(tag)
    items = element.items
    if items is None and vr == "SQ":
        items = items_of(element.value, encoding)
    if items is not None:
        if one is not None and items and tag in keys().private:
            yield one, b"items"
        for item in items:
            yield from _values(item, encoding, creators, vendors=True)
        return
    if listed is not None and listed.form == "CSA" and tag[2] != _SERIES_HEADER:
        yield from _entries(element)
        return
    one = one or bulk_of(tag, len(element.value))
    if one is not None:
        value = _value(element, _vr(element, vr), encoding)
        if value is not None:
            yield one, value


@lru_cache(maxsize=4096)  # nearly all of a scanner's attributes are
def _is_silent(tag: PrivateTag) -> bool:
    """Return whether a private attribute that has no items tells nothing, whatever its value."""
    listed, one, vr = _of_vendor(tag)
    return one is None and vr != "SQ" and (listed is None or listed.form != "CSA") and bulk_of(tag, _LARGE) is None


@lru_cache(maxsize=4096)  # the instances of a series have the same
def _of_vendor(tag: PrivateTag) -> tuple[VendorAttribute | None, TellingAttribute | None, str]:
    """Return what is known of a private attribute: its row in the lists, what it tells, its VR."""
    listed = listed_attribute(tag)
    return listed, telling_private(tag), listed.vr if listed is not None else dictionary_entry(tag)[0]


def _entries(element: Element) -> Iterator[tuple[TellingAttribute, Value]]:
    """Yield the entries of a CSA header."""
    try:
        tags = csa.parse(element.value).tags
    except Unreadable:
        if element.value:
            yield keys().csa[_ANY_ENTRY], bytes(element.value)
        return
    for entry in tags:
        one = keys().csa.get(entry.name)
        if one is not None and any(entry.values):
            values = b"\\".join(filter(None, entry.values))
            yield one, _numbers_in(values) or values


def _vr(element: Element, expected: str) -> str:
    """Return the VR in which a value is read: the file's if it is numeric, else the expected one."""
    if expected == _EITHER_SIGN and element.vr in (*_EITHER_SIGN.split(" or "), "UN", _EITHER_SIGN):
        return "US"  # the same bits; what came as UN or in implicit VR has its sign only in the output
    expected = expected.split(" or ")[0]
    if element.vr in _FORMATS or element.vr in _TEXT_NUMBERS:
        return element.vr
    return "DS" if expected in _FORMATS and element.vr != "UN" else expected or element.vr


def _value(element: Element, vr: str, encoding: Encoding) -> Value | None:
    """Return numbers, or the bytes of anything else; None if there is nothing, or only SendIt's dummy value."""
    raw = bytes(element.value)
    if vr in _FORMATS:
        code = _FORMATS[vr]
        size = struct.calcsize(f"={code}")
        return struct.unpack(f"{encoding.order}{len(raw) // size}{code}", raw[: len(raw) // size * size]) or None
    text = raw.strip(b"\0 ")
    if not text or (vr in DATE_VRS and text == DUMMIES[vr]):
        return None
    return (_numbers_in(text) or text) if vr in _TEXT_NUMBERS else text


def _numbers_in(text: bytes) -> tuple[float, ...]:
    """Return the numbers of a decimal string; none if one of them is invalid. A comma is read as a point."""
    try:
        return tuple(float(part.replace(b",", b".")) for part in text.split(b"\\") if part.strip(b"\0 "))
    except ValueError:
        return ()


# --- what matters, and what is the same ------------------------------------------------------------------------------


def _any_number(test: Callable[[float], bool]) -> Callable[[Value], bool]:
    return lambda value: isinstance(value, bytes) or any(map(test, value))


def _orders_slices(block: Value) -> bool:
    try:
        return isinstance(block, bytes) and re.search(rb"\bSLICEORDER\b", ge.text_of(block)) is not None
    except Unreadable:
        return False


_MATTERS: Mapping[str, Callable[[Value], bool]] = {
    "any": lambda _: True,
    "date": lambda _: True,
    "mosaic": lambda _: True,
    "not 0": _any_number(lambda number: number != 0),
    "not 1": _any_number(lambda number: number != 1),
    "positive": _any_number(lambda number: number > 0),
    "many": _any_number(lambda number: number > 1),
    "GE b-value": lambda value: isinstance(value, tuple) and bool(value) and value[0] % 100_000 > 0,
    "slice order": _orders_slices,
}


def _matters(one: TellingAttribute, values: list[Value]) -> bool:
    if one.matters == "differ":
        return len(set(values)) > 1
    return any(map(_MATTERS[one.matters], values))


def _same(one: TellingAttribute, before: list[Value], after: list[Value] | None) -> bool:
    if after is None or len(after) != len(before):
        return False
    if one.matters in ("date", "differ", "slice order") or before == after:  # dates move; blocks are written anew
        return True
    return all(map(_close, before, after))


def _close(before: Value, after: Value) -> bool:
    if isinstance(before, bytes) or isinstance(after, bytes):
        return before == after
    return len(before) == len(after) and all(
        a == b or abs(a - b) <= _CLOSE * max(abs(a), abs(b)) for a, b in zip(before, after, strict=True)
    )

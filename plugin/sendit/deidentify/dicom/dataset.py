"""A DICOM dataset as SendIt handles it: values remain the bytes of the file until they are changed."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TypeAlias

#: VRs whose length field has 4 bytes in explicit VR (PS3.5 table 7.1-1).
LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
#: All others of the standard; their length field has 2 bytes.
SHORT_VRS = frozenset(
    {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM"}
    | {"UI", "UL", "US"}
)

#: VRs of text that a person typed.
TEXT_VRS = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
#: VRs of bytes of any kind.
BYTES_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
DATE_VRS = frozenset({"DA", "DT", "TM"})

#: VRs of binary numbers.
BINARY_VRS = frozenset({"AT", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"})

_CHARACTER_SET = 0x00080005
PIXEL_DATA = 0x7FE00010
#: Pixel data, integer and floating point.
PIXELS = frozenset({PIXEL_DATA, 0x7FE00008, 0x7FE00009})
_TAG = attrgetter("tag")


@dataclass(slots=True)
class Element:
    """One element. `vr` is that of the file (explicit VR), or the dictionary's (implicit VR).

    `value` is the bytes in the file; for encapsulated pixel data, everything from the first item to the sequence
    delimiter, both included (PS3.5 A.4). A sequence has `items` and no value.
    """

    tag: int
    vr: str
    value: bytes | memoryview = b""
    items: list[Dataset] | None = None
    encapsulated: bool = False


#: Elements in ascending order of their tags, each tag once.
Dataset: TypeAlias = list[Element]


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of a dataset (PS3.5 sections 7 and 10)."""

    explicit: bool
    little: bool
    order: str = field(init=False)  # the character of `struct` for the byte order

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", "<" if self.little else ">")


IMPLICIT_LITTLE = Encoding(explicit=False, little=True)
EXPLICIT_LITTLE = Encoding(explicit=True, little=True)
EXPLICIT_BIG = Encoding(explicit=True, little=False)


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """A transfer syntax that SendIt can read and write."""

    uid: str
    encoding: Encoding = EXPLICIT_LITTLE
    deflated: bool = False
    encapsulated: bool = True


@dataclass(slots=True)
class Instance:
    """A parsed DICOM file. Its meta information is read but never written: SendIt writes its own.

    `repairs` names the small faults that were corrected, in fixed words.
    """

    syntax: TransferSyntax
    elements: Dataset = field(default_factory=list)
    meta: Dataset = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)  # faults of the file that were corrected, for the receipt


def find(elements: Dataset, tag: int) -> Element | None:
    """Return the element with this tag at the top level of a dataset, which is in the order of its tags."""
    place = bisect_left(elements, tag, key=_TAG)
    if place < len(elements) and (element := elements[place]).tag == tag:
        return element
    return None


def character_set_of(elements: Dataset, inherited: bytes | memoryview = b"") -> bytes | memoryview:
    """Return the SpecificCharacterSet that holds in a dataset: its own, or the one around it (PS3.3 C.12.1.1.2)."""
    declared = find(elements, _CHARACTER_SET)
    return inherited if declared is None or declared.items is not None else declared.value


def group_and_element(tag: int) -> str:
    """Return a tag as (gggg,eeee), for messages."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"

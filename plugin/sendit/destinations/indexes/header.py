"""The header of a released file as plain values, for the indexes. Nothing is read but what leaves."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from pydicom import dcmread
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from sendit.destinations.base import open_staged
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

    from sendit.model import StagedInstance

Scalar: TypeAlias = str | int | float
Value: TypeAlias = Scalar | list[Scalar]

#: Elements longer than this (bytes) are named and not read: no index takes them.
LONGEST = 512 * 1024

#: Value representations that hold bytes (PS3.5 section 6.2); an index has no use for them.
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_LARGEST_INTEGER = 2**63 - 1
_UNREADABLE = (ValueError, TypeError, ArithmeticError, AttributeError, KeyError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class Header:
    """All elements that are not binary, by keyword. Those without a value are left out.

    Numbers are numbers, several values are a list, sequences are JSON text.
    """

    values: dict[str, Value] = field(default_factory=dict)
    truncated: list[str] = field(default_factory=list)  # keywords of what was too long, or could not be read

    def text(self, keyword: str) -> str | None:
        """Return the value as text, several values joined as DICOM joins them; None if there is none."""
        value = self.values.get(keyword)
        if value is None:
            return None
        return "\\".join(str(one) for one in value) if isinstance(value, list) else str(value)


def read_header(staged: StagedInstance) -> Header:
    """Return the header of a staged file, read behind the gate.

    Raises:
        Quarantine, Retry: as `open_staged`; or the file is not DICOM.
    """
    with open_staged(staged) as file:
        return header_of(file)


def header_of(file: BinaryIO) -> Header:
    """Return the header of a DICOM file (PS3.10).

    What is long is not read into memory, and pixels are not read at all.
    """
    try:
        dataset = dcmread(file, stop_before_pixels=True, defer_size=LONGEST)
    except (InvalidDicomError, EOFError, *_UNREADABLE) as error:
        raise Quarantine(f"a staged file cannot be read as DICOM ({type(error).__name__})") from None
    header = Header()
    for name, value in _elements(dataset, header.truncated):
        is_sequence = isinstance(value, list) and isinstance(value[0], dict)
        header.values[name] = json.dumps(value, ensure_ascii=False, separators=(",", ":")) if is_sequence else value
    return header


def _elements(dataset: Dataset, truncated: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield names and values; a sequence is a list of dictionaries, and so on in its depth."""
    names: set[str] = set()
    for raw in sorted(dataset.values(), key=lambda element: element.tag):
        if raw.tag.element == 0 or _vr(raw) in _BINARY:  # group lengths say nothing
            continue
        name = _name(raw.tag, names)
        names.add(name)
        try:
            value = None if _is_long(raw) else _value(dataset[raw.tag], truncated)
        except _UNREADABLE:
            value = None
            truncated.append(name)
        if value is not None and value != []:
            yield name, value
        elif _is_long(raw):
            truncated.append(name)


def _vr(element: DataElement | RawDataElement) -> str:
    if element.VR is not None:
        return str(element.VR)
    try:
        return dictionary_VR(element.tag)
    except KeyError:
        return "UN"


def _is_long(element: DataElement | RawDataElement) -> bool:
    return isinstance(element, RawDataElement) and element.length != 0xFFFFFFFF and element.length > LONGEST


def _name(tag: BaseTag, taken: set[str]) -> str:
    """Return the keyword; with the tag behind it where groups repeat (overlays), and where there is no keyword."""
    name = keyword_for_tag(tag) or "Private"
    return f"{name}_{tag:08x}" if name in taken or name == "Private" else name


def _value(element: DataElement, truncated: list[str]) -> Any:
    if isinstance(element.value, Sequence):
        return [dict(_elements(item, truncated)) for item in element.value]
    if element.is_empty:
        return None
    if isinstance(element.value, MultiValue | list | tuple):
        return [_scalar(element.VR, one) for one in _listed(element.value)]
    return _scalar(element.VR, element.value)


def _listed(value: Iterable[Any]) -> list[Any]:
    return ["" if one is None else one for one in value]


def _scalar(vr: str, value: Any) -> Scalar:
    if vr == "AT":
        return f"{int(value):08x}" if value != "" else ""
    if vr in ("IS", "SL", "SS", "UL", "US", "SV", "UV") and value != "":
        number = int(value)
        return number if abs(number) <= _LARGEST_INTEGER else str(number)
    if vr in ("DS", "FL", "FD") and value != "":
        return float(value) if math.isfinite(float(value)) else str(value)
    return str(value)

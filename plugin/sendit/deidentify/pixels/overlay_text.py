"""Look for text in overlays that stay: a plane that is said to mark a region may be a drawing with a name in it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.dataset import PIXEL_DATA, Dataset, Element, Instance, find
from sendit.deidentify.dicom.transfer_syntaxes import transfer_syntax
from sendit.deidentify.profile.overlays import regions_of_interest

if TYPE_CHECKING:
    from sendit.deidentify.leak_check.identifiers import Identifiers
    from sendit.deidentify.pixels.ocr.api import TextSearch

_ROWS, _COLUMNS, _DATA = 0x0010, 0x0011, 0x3000
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_MOST_SEARCHED = 1 << 28  # pixels


def without_drawn_text(instance: Instance, search: TextSearch | None, identifiers: Identifiers) -> Dataset:
    """Return the dataset without those overlays of regions in which text is found, or cannot be looked for.

    Args:
        instance: the instance.
        search: finds text; None if that is unavailable.
        identifiers: of the original.

    Raises:
        Quarantine: an identifier is recognised, and cannot be located.
    """
    elements, order = instance.elements, instance.syntax.encoding.order
    regions = regions_of_interest(elements, order)
    gone = {group for group in regions if _may_have_text(elements, group << 16, search, identifiers, order)}
    return [element for element in elements if element.tag >> 16 not in gone] if gone else elements


def _may_have_text(
    elements: Dataset, base: int, search: TextSearch | None, identifiers: Identifiers, order: str
) -> bool:
    import numpy as np  # headers do not need it

    from sendit.deidentify.pixels.frames import Frames

    rows, columns = (_number(elements, base | number, order) for number in (_ROWS, _COLUMNS))
    data = find(elements, base | _DATA)
    if data is None or not rows * columns:
        return False
    raw = np.frombuffer(data.value, np.uint8)
    if order == ">" and data.vr == "OW":
        raw = raw[: raw.size // 2 * 2].reshape(-1, 2)[:, ::-1].ravel()
    frames = raw.size * 8 // (rows * columns)
    if frames * rows * columns > _MOST_SEARCHED:
        return True
    plane = np.unpackbits(raw, count=frames * rows * columns, bitorder="little")
    if not plane.any():
        return False
    picture = _picture((plane * np.uint8(255)).tobytes(), rows, columns, frames)
    return search is None or bool(search(Frames(picture), identifiers, ""))


def _picture(samples: bytes, rows: int, columns: int, frames: int) -> Instance:
    """Return an image of a plane, white on black."""
    numbers = {0x00280002: 1, 0x00280010: rows, 0x00280011: columns, 0x00280100: 8, 0x00280101: 8, 0x00280102: 7}
    numbers[0x00280103] = 0
    shown = [Element(tag, "US", struct.pack("<H", number)) for tag, number in numbers.items()]
    shown += [Element(0x00280004, "CS", b"MONOCHROME2 "), Element(0x00280008, "IS", str(frames).encode())]
    shown.append(Element(PIXEL_DATA, "OB", samples))
    return Instance(transfer_syntax(_EXPLICIT_LITTLE), sorted(shown, key=lambda element: element.tag))


def _number(elements: Dataset, tag: int, order: str) -> int:
    element = find(elements, tag)
    return int(struct.unpack(order + "H", element.value)[0]) if element is not None and len(element.value) == 2 else 0

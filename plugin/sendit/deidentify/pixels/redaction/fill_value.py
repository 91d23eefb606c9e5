"""The stored values that are displayed as black, for every photometric interpretation (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from sendit.deidentify.dicom.dataset import Dataset, find
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendit.deidentify.pixels.image import ImagePixel
    from sendit.deidentify.pixels.native import Array
    from sendit.deidentify.pixels.regions import Region

_DESCRIPTORS, _TABLES = (0x00281101, 0x00281102, 0x00281103), (0x00281201, 0x00281202, 0x00281203)
_SEGMENTED = (0x00281221, 0x00281222, 0x00281223)
_SLOPE = 0x00281053
_NO_PALETTE = "its pixels cannot be cleaned: its palette is not one that SendIt can read"


def black(image: ImagePixel, elements: Dataset, order: str) -> tuple[int, ...] | None:
    """Return black as stored: one sample, or three; None for floating point, where each frame has its own.

    Raises:
        Quarantine: the palette cannot be read.
    """
    if image.floating:
        return None
    shift = image.high_bit + 1 - image.stored
    return tuple(value << shift for value in _values(image, elements, order))


def _values(image: ImagePixel, elements: Dataset, order: str) -> tuple[int, ...]:
    middle = 1 << (image.stored - 1)
    if image.photometric == "PALETTE COLOR":
        return (_darkest(image, elements, order),)
    if image.samples == 1:
        least, most = (-middle, middle - 1) if image.signed else (0, 2 * middle - 1)
        return (most,) if shown_inverted(image, elements) else (least,)
    if image.photometric.startswith("YBR_PARTIAL"):
        return (middle // 8, middle, middle)
    if image.photometric.startswith("YBR_FULL"):
        return (0, middle, middle)
    return (0, 0, 0)


def shown_inverted(image: ImagePixel, elements: Dataset) -> bool:
    """Return whether greater values are darker: MONOCHROME1, or a falling rescale of MONOCHROME2."""
    slope = find(elements, _SLOPE)
    text = b"" if slope is None else bytes(slope.value).strip(b" \0")
    return (image.photometric == "MONOCHROME1") is not text.startswith(b"-")


def fill(array: Array, regions: Iterable[Region], values: tuple[int, ...] | None, *, inverted: bool) -> None:
    """Mask regions of a decoded frame, or of one of YBR_FULL_422, where their columns must be even.

    Args:
        array: the frame, which is changed.
        regions: the regions to mask.
        values: those of `black`; None: the darkest value of this frame.
        inverted: the result of `shown_inverted`; for floating point.
    """
    if values is None:
        finite = array[np.isfinite(array)]
        values = (0,) if not finite.size else (finite.max() if inverted else finite.min(),)
    halved = array.ndim == 3 and array.shape[2] == 4
    if halved:
        values = (values[0], *values)
    for region in regions:
        columns = slice(region.x0 // 2, (region.x1 + 1) // 2) if halved else slice(region.x0, region.x1)
        array[region.y0 : region.y1, columns] = values if array.ndim == 3 else values[0]


def _darkest(image: ImagePixel, elements: Dataset, order: str) -> int:
    """Return the index of the darkest entry (PS3.3 C.7.6.3.1.5)."""
    first, channels = palette(image, elements, order)
    light = 0.299 * channels[0] + 0.587 * channels[1] + 0.114 * channels[2]
    # Only indices that can be stored; those below the first are displayed as the first entry.
    most = (1 << (image.stored - (1 if image.signed else 0))) - 1
    light = light[: max(1, most - first + 1)]
    return first + int(light.argmin())


def palette(image: ImagePixel, elements: Dataset, order: str) -> tuple[int, list[Array]]:
    """Return the value of the first entry, and red, green and blue of all entries.

    Raises:
        Quarantine: it cannot be read.
    """
    channels, first = [], 0
    for descriptor, table, segmented in zip(_DESCRIPTORS, _TABLES, _SEGMENTED, strict=True):
        entries, first, bits = _descriptor(elements, descriptor, order, signed=image.signed)
        channels.append(_entries(elements, table, segmented, order, entries, bits))
    return first, channels


def _descriptor(elements: Dataset, tag: int, order: str, *, signed: bool) -> tuple[int, int, int]:
    """Return the number of entries, the value of the first, and the bits of an entry."""
    element = find(elements, tag)
    if element is None or element.items is not None or len(element.value) != 6:
        raise Quarantine(_NO_PALETTE)
    entries, first, bits = struct.unpack(f"{order}H{'h' if signed else 'H'}H", element.value)
    if bits not in (8, 16):
        raise Quarantine(_NO_PALETTE)
    return entries or 1 << 16, first, bits


def _entries(elements: Dataset, tag: int, segmented: int, order: str, count: int, bits: int) -> Array:
    element = find(elements, tag)
    if element is None:
        return _expanded(elements, segmented, order, count, bits)
    raw = bytes(element.value)
    if bits == 8 and len(raw) in (count, count + 1):
        table = np.frombuffer(raw, np.uint8)
        if order == ">" and element.vr != "OB" and len(raw) % 2 == 0:
            table = table.reshape(-1, 2)[:, ::-1].reshape(-1)
        return table[:count].astype(np.float64)
    if len(raw) < 2 * count:
        raise Quarantine(_NO_PALETTE)
    return np.frombuffer(raw, f"{order}u2", count).astype(np.float64)


def _expanded(elements: Dataset, tag: int, order: str, count: int, bits: int) -> Array:
    """Expand a segmented palette: discrete and linear segments (PS3.3 C.7.9.2)."""
    element = find(elements, tag)
    if element is None or len(element.value) % 2:
        raise Quarantine(_NO_PALETTE)
    if bits == 8 and (order == "<" or element.vr == "OB"):
        words = list(bytes(element.value))
    else:
        words = list(np.frombuffer(bytes(element.value), f"{order}u2").tolist())
    entries: list[float] = []
    position = 0
    while position + 2 < len(words) and len(entries) < count:
        kind, length = words[position], words[position + 1]
        if kind == 0:
            entries.extend(words[position + 2 : position + 2 + length])
            position += 2 + length
        elif kind == 1 and entries:
            entries.extend(np.linspace(entries[-1], words[position + 2], length + 1)[1:].tolist())
            position += 3
        else:
            raise Quarantine(_NO_PALETTE)
    if len(entries) < count:
        raise Quarantine(_NO_PALETTE)
    return np.array(entries[:count], np.float64)

"""Frames in full size for a reviewer's screen, under a window (PS3.3 C.11.2), and sheets of many small ones.

What is shown may identify the patient. Nothing here decides what becomes of an instance.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from sendit.deidentify.dicom.dataset import Dataset, character_set_of, find
from sendit.deidentify.dicom.text import ascii_text, decoded
from sendit.deidentify.pixels.display import displayed
from sendit.deidentify.pixels.redaction.bands import by_bands
from sendit.deidentify.pixels.windowing import sampled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sendit.deidentify.pixels.frames import Frames
    from sendit.deidentify.pixels.native import Array

#: Longer side of a picture (pixels); larger frames are reduced, so that a browser can hold many.
LONGEST = 4096
#: Side of one tile of a sheet, and tiles beside each other.
TILE, ACROSS = 128, 8
#: Windows of a header beyond this number, and characters of their names, are left out.
_MOST_WINDOWS, _NAME = 8, 40
_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_RESCALING, _VOI = 0x00289145, 0x00289132
_INTERCEPT, _SLOPE = 0x00281052, 0x00281053
_CENTER, _WIDTH, _EXPLANATION = 0x00281050, 0x00281051, 0x00281055
#: Fast: the picture is looked at once, over a short way.
_COMPRESSION = 1


@dataclass(frozen=True, slots=True)
class Window:
    """Values from center - width/2 to center + width/2 are shown from black to white, after the rescale."""

    center: float
    width: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """Facts about an instance that a viewer needs before it shows a frame."""

    rows: int
    columns: int
    frames: int
    windows: tuple[Window, ...]  # the first is the one to begin with; none for colours


def frame_facts(frames: Frames, index: int = 0) -> FrameFacts:
    """Return the size and the windows of an instance.

    Args:
        frames: the frames of the instance.
        index: number of the frame whose values the windows are made for, from 0.

    Raises:
        Quarantine: the frame cannot be decoded.
    """
    image = frames.image
    return FrameFacts(image.rows, image.columns, image.frames, tuple(_windows(frames, index)))


def rendered(frames: Frames, index: int, window: Window | None, longest: int = LONGEST) -> bytes:
    """Return a frame as PNG of 8 bits, in full size unless its longer side is over `longest`.

    Args:
        frames: the frames of the instance.
        index: number of the frame, from 0.
        window: the values to show; None: the first of `frame_facts`. Colours have none.
        longest: limit of the longer side, in pixels.

    Raises:
        IndexError: there is no such frame.
        Quarantine: it cannot be decoded.
    """
    out = io.BytesIO()
    _reduced(_shown(frames, index, window, longest), longest).save(out, "PNG", compress_level=_COMPRESSION)
    return out.getvalue()


def sheet_of(pictures: Iterable[Image.Image | None]) -> bytes:
    """Return small pictures as one PNG: rows of ACROSS tiles of TILE × TILE; None leaves its tile dark."""
    tiles = list(pictures)
    rows = max(1, -(-len(tiles) // ACROSS))
    whole = Image.new("RGB", (ACROSS * TILE, rows * TILE))
    for number, tile in enumerate(tiles):
        if tile is not None:
            left, top = number % ACROSS * TILE, number // ACROSS * TILE
            whole.paste(tile, (left + (TILE - tile.width) // 2, top + (TILE - tile.height) // 2))
    out = io.BytesIO()
    whole.save(out, "PNG", compress_level=_COMPRESSION)
    return out.getvalue()


def tile(frames: Frames, index: int) -> Image.Image:
    """Return a frame as a tile for `sheet_of`.

    Raises:
        IndexError: there is no such frame.
        Quarantine: it cannot be decoded.
    """
    return _reduced(_shown(frames, index, None, 4 * TILE), TILE).convert("RGB")


def _reduced(pixels: Array, longest: int) -> Image.Image:
    picture = Image.fromarray(pixels)
    if max(picture.size) > longest:
        picture.thumbnail((longest, longest), Image.Resampling.BILINEAR)
    return picture


def _shown(frames: Frames, index: int, window: Window | None, longest: int) -> Array:
    """Return rows × columns (× 3) of uint8, from every n-th pixel where the frame is far larger than `longest`."""
    frame = frames[index]
    step = max(1, max(frame.shape[:2]) // (2 * longest))
    numbers = displayed(np.ascontiguousarray(frame[::step, ::step]), frames)
    del frame
    if numbers.ndim == 3:
        return numbers if numbers.dtype == np.uint8 else _colours(numbers, frames.image.stored)
    window = window or next(_windows(frames, index, numbers))
    slope, intercept = _rescale(frames.instance.elements, index)
    shown = by_bands(lambda band: _through(band, window, slope, intercept), numbers, numbers.shape)
    return 255 - shown if frames.decoded.photometric == "MONOCHROME1" else shown


def _through(band: Array, window: Window, slope: float, intercept: float) -> Array:
    values = np.nan_to_num(band.astype(np.float32)) * slope + (intercept - window.center + window.width / 2)
    values *= 255.0 / max(window.width, 1e-6)
    bytes_: Array = np.clip(values, 0, 255).astype(np.uint8)
    return bytes_


def _colours(numbers: Array, bits: int) -> Array:
    shown: Array = (numbers.astype(np.float32) * (255.0 / ((1 << bits) - 1))).clip(0, 255).astype(np.uint8)
    return shown


def _windows(frames: Frames, index: int, numbers: Array | None = None) -> Iterator[Window]:
    """Yield the windows of the header, then those of the values: all of them, and without the outermost hundredths."""
    if frames.image.samples == 3 or frames.image.photometric == "PALETTE COLOR":
        return
    elements = frames.instance.elements
    yield from _of_header(elements, index)
    numbers = displayed(frames[index], frames) if numbers is None else numbers
    slope, intercept = _rescale(elements, index)
    sample = np.nan_to_num(sampled(numbers)) * slope + intercept
    if frames.image.allocated <= 8 and not frames.image.floating:
        ends = sorted((intercept, intercept + slope * ((1 << frames.image.stored) - 1)))
        yield Window((ends[0] + ends[1]) / 2, max(ends[1] - ends[0], 1.0), "all values")
    inner = [float(value) for value in np.percentile(sample, (1, 99))]
    yield Window(sum(inner) / 2, max(inner[1] - inner[0], 1.0), "98 % of the values")
    low, high = float(sample.min()), float(sample.max())
    yield Window((low + high) / 2, max(high - low, 1.0), "from the least to the greatest value")


def _of_header(elements: Dataset, index: int) -> Iterator[Window]:
    for source in (elements, *_groups(elements, index, _VOI)):
        centers, widths = _decimals(source, _CENTER), _decimals(source, _WIDTH)
        element = find(source, _EXPLANATION)
        text = "" if element is None else decoded(element.value, character_set_of(elements))
        names = [name.strip("\0 ") for name in text.split("\\")]
        for number, (center, width) in enumerate(list(zip(centers, widths, strict=False))[:_MOST_WINDOWS]):
            if width >= 1:
                name = names[number] if number < len(names) else ""
                yield Window(center, width, name[:_NAME] or "of the file")


def _rescale(elements: Dataset, index: int) -> tuple[float, float]:
    """Return slope and intercept of the rescale (PS3.3 C.11.1), also of functional groups."""
    for source in (*_groups(elements, index, _RESCALING), elements):
        slope, intercept = _decimals(source, _SLOPE), _decimals(source, _INTERCEPT)
        if slope and slope[0]:
            return slope[0], intercept[0] if intercept else 0.0
    return 1.0, 0.0


def _groups(elements: Dataset, index: int, tag: int) -> Iterator[Dataset]:
    """Yield the items of a functional group that hold for a frame: those of the frame, then the shared ones."""
    for sequence, number in ((_PER_FRAME, index), (_SHARED, 0)):
        items = getattr(find(elements, sequence), "items", None) or []
        if number < len(items):
            group = find(items[number], tag)
            yield from (group.items or [])[:1] if group is not None else []


def _decimals(elements: Dataset, tag: int) -> list[float]:
    element = find(elements, tag)
    if element is None or element.items is not None:
        return []
    try:
        values = [float(text) for text in ascii_text(element.value).split("\\")]
    except ValueError:
        return []
    return values if all(np.isfinite(values)) else []

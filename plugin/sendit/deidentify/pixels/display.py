"""Convert frames to displayed values, for people and for the networks that detect text.

Values keep their width: a frame may have a gigabyte, and an instance may use four.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sendit.deidentify.pixels.redaction.bands import bands, by_bands
from sendit.deidentify.pixels.redaction.fill_value import palette

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sendit.deidentify.pixels.frames import Frames
    from sendit.deidentify.pixels.image import ImagePixel
    from sendit.deidentify.pixels.native import Array


def displayed(frame: Array, frames: Frames) -> Array:
    """Return a frame as displayed values: bits outside of them masked, palette applied, colours as RGB.

    Args:
        frame: one of `frames`.
        frames: the frames of the instance.

    Raises:
        Quarantine: its palette cannot be read.
    """
    image, instance = frames.decoded, frames.instance
    numbers = frame if image.floating else stored(frame, image)
    if image.photometric == "PALETTE COLOR":
        first, channels = palette(image, instance.elements, instance.syntax.encoding.order)
        return _coloured(numbers, first, np.stack(channels, axis=-1))
    if image.photometric.startswith("YBR"):
        return by_bands(lambda band: _rgb(_bytes(band, image.stored)), numbers, numbers.shape)
    return numbers


def in_grey(frame: Array, frames: Frames) -> Array:
    """Return the same in shades of grey; of YBR, what is stored as luminance.

    Raises:
        Quarantine: its palette cannot be read.
    """
    if frames.decoded.photometric.startswith("YBR"):
        return _bytes(np.ascontiguousarray(stored(frame, frames.decoded)[..., 0]), frames.decoded.stored)
    return greyed(displayed(frame, frames))


def greyed(shown: Array) -> Array:
    """Return displayed values in shades of grey."""
    import cv2  # noqa: PLC0415  what people are shown needs no OpenCV

    if shown.ndim == 2:
        return shown
    narrow = shown if shown.dtype in (np.uint8, np.uint16) else shown.astype(np.float32)
    return np.asarray(cv2.cvtColor(narrow, cv2.COLOR_RGB2GRAY))


def merges_numbers(frames: Frames) -> bool:
    """Return whether a palette shows different values alike, so that the values hold what the display hides."""
    order = frames.instance.syntax.encoding.order
    _, channels = palette(frames.decoded, frames.instance.elements, order)
    colours = np.stack(channels, axis=-1)
    return len(np.unique(colours, axis=0)) < len(colours)


def stored(frame: Array, image: ImagePixel) -> Array:
    """Return BitsStored below HighBit alone, with their sign (PS3.5 8.1.1), in the narrowest type."""
    low, bits = image.high_bit + 1 - image.stored, frame.dtype.itemsize * 8
    if low == 0 and image.stored == bits:
        return frame
    if image.high_bit >= bits:  # a decoder may return narrower values than the header says
        bits = max(16, 1 << image.high_bit.bit_length())
        frame = frame.astype(f"{frame.dtype.kind}{bits // 8}")
    numbers = frame.view(f"u{bits // 8}")
    # Bytes are treated as values in which every bit counts.
    narrow = np.dtype(np.uint8) if image.stored == 8 else np.promote_types(numbers.dtype, np.uint16)
    if low == 0 and not image.signed and numbers.dtype == narrow and int(numbers.max(initial=0)) < 1 << image.stored:
        return numbers  # without a copy: a frame may have a gigabyte
    numbers = numbers << (bits - 1 - image.high_bit)
    numbers = numbers.view(f"i{bits // 8}") if image.signed else numbers
    numbers >>= bits - image.stored
    return numbers if image.signed else numbers.astype(narrow, copy=False)


def _coloured(numbers: Array, first: int, table: Array) -> Array:
    """Return the palette's entry for each value; `first` is the value of the first entry."""

    def index(band: Array) -> NDArray[np.int64]:
        return np.clip(band.astype(np.int64) - first, 0, len(table) - 1)

    present = np.zeros(len(table), bool)
    for rows in bands(numbers):
        present[index(numbers[rows])] = True
    colours = _bytes(np.where(present[:, np.newaxis], table, 0))
    return by_bands(lambda band: colours[index(band)], numbers, (*numbers.shape, 3))


def _bytes(numbers: Array, bits: int = 0) -> Array:
    """Return values of this many bits as 8; without the number of bits, of as many as are used."""
    if numbers.dtype == np.uint8:
        return numbers
    most = float((1 << bits) - 1) if bits else max(255.0, float(numbers.max(initial=0)))
    return np.clip(numbers * (255.0 / most), 0, 255).astype(np.uint8)


def _rgb(frame: Array) -> Array:
    """Return YBR_FULL as RGB (PS3.3 C.7.6.3.1.2); YBR_PARTIAL is treated the same, which is near enough for reading."""
    import cv2  # noqa: PLC0415  it is loaded for colours alone

    y, blue, red = cv2.split(frame)
    return np.asarray(cv2.cvtColor(cv2.merge((y, red, blue)), cv2.COLOR_YCrCb2RGB), np.uint8)

"""Frames in numbers that are shown, for whoever looks at them: people, and the networks that find text.

Numbers stay as wide as they are: a frame may have a gigabyte, and an instance may take four.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.bands import bands, by_bands
from sendit.deidentify.pixels.black import palette
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.native import Array
from sendit.deidentify.pixels.picture import Picture


def displayed(frame: Array, frames: Frames) -> Array:
    """A frame in numbers that are shown: without bits that are no part of them, palette applied, colours as RGB.

    Args:
        frame: one of `frames`.

    Raises:
        Quarantine: its palette cannot be read.
    """
    picture, instance = frames.decoded, frames.instance
    numbers = frame if picture.floating else stored(frame, picture)
    if picture.photometric == "PALETTE COLOR":
        first, channels = palette(picture, instance.elements, instance.syntax.encoding.order)
        return _coloured(numbers, first, np.stack(channels, axis=-1))
    if picture.photometric.startswith("YBR"):
        return by_bands(lambda band: _rgb(_bytes(band, picture.stored)), numbers, numbers.shape)
    return numbers


def merges_numbers(frames: Frames) -> bool:
    """Whether a palette shows different numbers alike: whoever reads the numbers sees what nobody is shown."""
    order = frames.instance.syntax.encoding.order
    _, channels = palette(frames.decoded, frames.instance.elements, order)
    colours = np.stack(channels, axis=-1)
    return len(np.unique(colours, axis=0)) < len(colours)


def stored(frame: Array, picture: Picture) -> Array:
    """BitsStored below HighBit alone, with their sign (PS3.5 8.1.1); no wider than they are."""
    low, bits = picture.high_bit + 1 - picture.stored, frame.dtype.itemsize * 8
    if low == 0 and picture.stored == bits:
        return frame
    if picture.high_bit >= bits:  # a decoder may give numbers that are less wide than the header says
        bits = max(16, 1 << picture.high_bit.bit_length())
        frame = frame.astype(f"{frame.dtype.kind}{bits // 8}")
    numbers = frame.view(f"u{bits // 8}") << (bits - 1 - picture.high_bit)
    numbers = numbers.view(f"i{bits // 8}") if picture.signed else numbers
    numbers >>= bits - picture.stored
    if picture.signed:
        return numbers
    # Bytes are taken for numbers of which each bit counts.
    return numbers.astype(np.uint8 if picture.stored == 8 else np.promote_types(numbers.dtype, np.uint16), copy=False)


def _coloured(numbers: Array, first: int, table: Array) -> Array:
    """Of each number its entry in a palette, whose first one is that of the number `first`."""

    def index(band: Array) -> NDArray[np.int64]:
        return np.clip(band.astype(np.int64) - first, 0, len(table) - 1)

    present = np.zeros(len(table), bool)
    for rows in bands(numbers):
        present[index(numbers[rows])] = True
    colours = _bytes(np.where(present[:, np.newaxis], table, 0))
    return by_bands(lambda band: colours[index(band)], numbers, (*numbers.shape, 3))


def _bytes(numbers: Array, bits: int = 0) -> Array:
    """Numbers of so many bits as 8; of the bits that are needed if that is not said."""
    if numbers.dtype == np.uint8:
        return numbers
    most = float((1 << bits) - 1) if bits else max(255.0, float(numbers.max(initial=0)))
    return np.clip(numbers * (255.0 / most), 0, 255).astype(np.uint8)


def _rgb(frame: Array) -> Array:
    """YBR_FULL as RGB (PS3.3 C.7.6.3.1.2); YBR_PARTIAL is taken for the same, which is near enough to read."""
    y, blue, red = (frame[..., channel].astype(np.float32) for channel in range(3))
    blue, red = blue - 128, red - 128
    channels = (y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue)
    rgb: Array = np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)
    return rgb

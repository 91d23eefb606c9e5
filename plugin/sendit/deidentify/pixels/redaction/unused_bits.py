"""Find data in unused bits of the pixel cells: overlays of old devices, with text in them.

Removing the overlay's attributes (60xx) leaves them behind, so the bits themselves are checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sendit.deidentify.dicom.dataset import Dataset, find
from sendit.deidentify.pixels.encapsulated import precision

if TYPE_CHECKING:
    from sendit.deidentify.pixels.frames import Frames
    from sendit.deidentify.pixels.image import ImagePixel
    from sendit.deidentify.pixels.native import Array

_PADDING = 0x00280120


def in_unused_bits(frames: Frames) -> bool:
    """Return whether any frame has something there. Compressed frames are decoded only if they have room for it.

    Raises:
        Quarantine: a frame cannot be decoded.
    """
    image = frames.image
    if not has_unused_bits(image):
        return False
    padding = padding_value(frames.instance.elements, frames.instance.syntax.encoding.order)
    return any(
        _strange(frames[index], image, padding) is not None for index in range(len(frames)) if _room(frames, index)
    )


def has_unused_bits(image: ImagePixel) -> bool:
    """Return whether a sample has more bits than its value."""
    return not image.floating and image.stored < image.allocated


def may_have_unused_bits(frames: Frames) -> bool:
    """Return whether a frame has room for something there."""
    return has_unused_bits(frames.image) and any(_room(frames, index) for index in range(len(frames)))


def padding_value(elements: Dataset, order: str) -> int | None:
    """Return PixelPaddingValue as stored; some devices write it with more bits than BitsStored allows."""
    element = find(elements, _PADDING)
    if element is None or element.items is not None or len(element.value) != 2:
        return None
    return int.from_bytes(element.value, "little" if order == "<" else "big")


def without_unused_bits(array: Array, image: ImagePixel, padding: int | None) -> bool:
    """Clear them in a frame; return whether there was something. Repeated signs and padding stay."""
    if not has_unused_bits(image):
        return False
    strange = _strange(array, image, padding)
    if strange is None:
        return False
    plain = array.view(array.dtype.str.replace("i", "u"))
    plain[strange] = _extended(plain, image)[strange]
    return True


def _room(frames: Frames, index: int) -> bool:
    if frames.encapsulated is None:
        return True
    bits = precision(frames.encapsulated.frame(index))
    return bits is None or bits > frames.image.stored or frames.image.high_bit + 1 > frames.image.stored


def _strange(array: Array, image: ImagePixel, padding: int | None) -> Array | None:
    """Return where samples have bits of their own outside of their value; None if nowhere."""
    plain = array.view(array.dtype.str.replace("i", "u"))
    number = plain & np.array(_mask(image), plain.dtype)
    different = number != plain
    if not different.any():
        return None
    if image.signed:
        different &= _extended(plain, image) != plain
    if padding is not None:
        different &= plain != np.array(padding & ((1 << image.allocated) - 1), plain.dtype)
    return different if different.any() else None


def _mask(image: ImagePixel) -> int:
    return ((1 << image.stored) - 1) << (image.high_bit + 1 - image.stored)


def _extended(plain: Array, image: ImagePixel) -> Array:
    """Return the values alone, with the sign repeated in the bits above them if they are signed (two's complement)."""
    number: Array = plain & np.array(_mask(image), plain.dtype)
    if image.signed:
        sign = np.array(1 << image.high_bit, plain.dtype)
        number = (number ^ sign) - sign
    return number

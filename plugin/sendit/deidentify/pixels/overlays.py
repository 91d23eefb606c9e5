"""What stands in bits of the pixels that the pixels do not use: overlays of old machines, with text in them.

Whoever takes the overlay's description (60xx) out of a file leaves them behind, so it is the bits that are looked at.
"""

from __future__ import annotations

import numpy as np

from sendit.deidentify.dataset import Dataset, find
from sendit.deidentify.pixels.encapsulated import precision
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.native import Array
from sendit.deidentify.pixels.picture import Picture

_PADDING = 0x00280120


def in_unused_bits(frames: Frames) -> bool:
    """Whether something stands there in any frame. Compressed ones are decoded only where they have room for it.

    Raises:
        Quarantine: a frame cannot be taken apart.
    """
    picture = frames.picture
    if not has_unused_bits(picture):
        return False
    padding = padding_value(frames.instance.elements, frames.instance.syntax.encoding.order)
    return any(
        _strange(frames[index], picture, padding) is not None for index in range(len(frames)) if _room(frames, index)
    )


def has_unused_bits(picture: Picture) -> bool:
    """Whether a sample takes more bits than its number has."""
    return not picture.floating and picture.stored < picture.allocated


def padding_value(elements: Dataset, order: str) -> int | None:
    """PixelPaddingValue as it is stored, which some machines write with more bits than BitsStored allows."""
    element = find(elements, _PADDING)
    if element is None or element.items is not None or len(element.value) != 2:
        return None
    return int.from_bytes(element.value, "little" if order == "<" else "big")


def without_unused_bits(array: Array, picture: Picture, padding: int | None) -> bool:
    """Take it out of a frame; whether there was something. The sign of a number, repeated, and padding stay."""
    if not has_unused_bits(picture):
        return False
    strange = _strange(array, picture, padding)
    if strange is None:
        return False
    plain = array.view(array.dtype.str.replace("i", "u"))
    plain[strange] = _extended(plain, picture)[strange]
    return True


def _room(frames: Frames, index: int) -> bool:
    if frames.encapsulated is None:
        return True
    bits = precision(frames.encapsulated.frame(index))
    return bits is None or bits > frames.picture.stored or frames.picture.high_bit + 1 > frames.picture.stored


def _strange(array: Array, picture: Picture, padding: int | None) -> Array | None:
    """Where a sample has bits of its own outside of its number; None if nowhere."""
    plain = array.view(array.dtype.str.replace("i", "u"))
    number = plain & np.array(_mask(picture), plain.dtype)
    different = number != plain
    if not different.any():
        return None
    if picture.signed:
        different &= _extended(plain, picture) != plain
    if padding is not None:
        different &= plain != np.array(padding & ((1 << picture.allocated) - 1), plain.dtype)
    return different if different.any() else None


def _mask(picture: Picture) -> int:
    return ((1 << picture.stored) - 1) << (picture.high_bit + 1 - picture.stored)


def _extended(plain: Array, picture: Picture) -> Array:
    """The number alone; of signed ones with the sign repeated in the bits above it, as two's complement has it."""
    number: Array = plain & np.array(_mask(picture), plain.dtype)
    if picture.signed:
        sign = np.array(1 << picture.high_bit, plain.dtype)
        number = (number ^ sign) - sign
    return number

"""The frames of an instance as arrays of numbers, one at a time. What cannot be decoded is quarantined."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import replace

from sendit.deidentify.bulk import forget
from sendit.deidentify.dataset import PIXEL_DATA, Instance
from sendit.deidentify.pixels.codecs import decode, decoded_photometric
from sendit.deidentify.pixels.encapsulated import EncapsulatedFrames
from sendit.deidentify.pixels.native import Array, NativeFrame, full
from sendit.deidentify.pixels.picture import Picture, describe, pixels_of
from sendit.errors import Quarantine

_FORGET_AFTER = 16 << 20  # bytes


class Frames:
    """Decoded frames; each is made when it is asked for, and none is kept.

    Attributes:
        instance: whose frames they are.
        picture: what the header says.
        pixels: the element.
        decoded: the same of the arrays: YBR_FULL in place of YBR_FULL_422, RGB in place of YBR_RCT and YBR_ICT.

    Raises:
        Quarantine: they cannot be taken apart.
    """

    def __init__(self, instance: Instance) -> None:
        self.picture: Picture = describe(instance)
        pixels = pixels_of(instance.elements)
        assert pixels is not None  # `describe` asks for them
        self.pixels = pixels
        self._syntax = instance.syntax
        self.instance = instance
        self.decoded = replace(self.picture, photometric=decoded_photometric(self.picture), planar=False)
        self._first = 0
        self.encapsulated: EncapsulatedFrames | None = None
        if pixels.encapsulated:
            if pixels.tag != PIXEL_DATA or not instance.syntax.encapsulated:
                raise Quarantine("its pixels cannot be looked at: they are compressed where they should not be")
            self.encapsulated = EncapsulatedFrames(instance.elements, pixels, self.picture.frames)

    def __len__(self) -> int:
        return self.picture.frames

    def __iter__(self) -> Iterator[Array]:
        read = 0
        for index in range(len(self)):
            frame = self[index]
            read += frame.nbytes
            yield frame
            if read > _FORGET_AFTER and isinstance(self.pixels.value, memoryview):
                forget(self.pixels.value)
                read = 0

    def __getitem__(self, index: int) -> Array:
        """A frame, rows × columns or rows × columns × 3, samples as they are stored, colours not converted.

        Raises:
            IndexError: there is no such frame.
            Quarantine: it cannot be decoded.
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        if self.encapsulated is not None:
            return decode(self.encapsulated.frame(self._first + index), self.picture, self._syntax.uid)
        array = self.native(self._first + index).array
        array = full(array) if self.picture.subsampled else array
        return array.astype(array.dtype.newbyteorder("="), copy=False)

    def only(self, index: int) -> Frames:
        """One of the frames, for itself; to be looked at, not to be written into."""
        one = copy(self)
        one.picture, one.decoded = replace(self.picture, frames=1), replace(self.decoded, frames=1)
        one._first = self._first + index
        return one

    def native(self, index: int, value: bytes | memoryview | None = None) -> NativeFrame:
        """A frame of uncompressed pixel data, to be written into.

        Args:
            value: a copy of the pixel data, to be read in their place.
        """
        value = self.pixels.value if value is None else value
        return NativeFrame(value, self.picture, index, self._syntax.encoding.order, words=self.pixels.vr != "OB")

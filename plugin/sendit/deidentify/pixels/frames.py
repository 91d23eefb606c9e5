"""The frames of an instance as arrays, one at a time. Frames that cannot be decoded are quarantined."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.chunks import release_pages
from sendit.deidentify.dicom.dataset import PIXEL_DATA, Instance
from sendit.deidentify.pixels.codecs import decode, decoded_photometric
from sendit.deidentify.pixels.encapsulated import EncapsulatedFrames
from sendit.deidentify.pixels.image import ImagePixel, describe, pixels_of
from sendit.deidentify.pixels.native import Array, NativeFrame, full
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORGET_AFTER = 16 << 20  # bytes
#: Decoded frames of an instance that are kept: the first ones that fit, and the last one. The searches for text,
#: barcodes and markers go through all frames one after the other; of the last ones, none would be left for the next.
_KEPT = 64 << 20  # bytes
#: Compressed frames may expand by this ratio, or more if neither one nor all of them exceed these bytes.
_RATIO, _ALWAYS_ONE, _ALWAYS_ALL = 1000, 32 << 20, 256 << 20


class Frames:
    """Decoded frames; each is decoded on access, and some compressed ones are kept: they cannot be written to.

    Attributes:
        instance: the instance.
        image: the Image Pixel attributes of the header.
        pixels: the element with the pixel data.
        decoded: the same for the arrays: YBR_FULL instead of YBR_FULL_422, RGB instead of YBR_RCT and YBR_ICT.

    Raises:
        Quarantine: the pixel data cannot be split into frames.
    """

    def __init__(self, instance: Instance) -> None:
        self.image: ImagePixel = describe(instance)
        pixels = pixels_of(instance.elements)
        assert pixels is not None  # `describe` asks for them
        self.pixels = pixels
        self._syntax = instance.syntax
        self.instance = instance
        self.decoded = replace(self.image, photometric=decoded_photometric(self.image), planar=False)
        self._kept: dict[int, Array] = {}
        self._read = 0  # bytes of frames since pages of a mapped file were released
        self.encapsulated: EncapsulatedFrames | None = None
        if pixels.encapsulated:
            if pixels.tag != PIXEL_DATA or not instance.syntax.encapsulated:
                raise Quarantine("its pixels cannot be examined: they are compressed, and its transfer syntax is not")
            _check_proportion(self.image, len(pixels.value))
            self.encapsulated = EncapsulatedFrames(instance.elements, pixels, self.image.frames)

    def __len__(self) -> int:
        return self.image.frames

    def __iter__(self) -> Iterator[Array]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Array:
        """Return a frame as rows × columns or rows × columns × 3, samples as stored, colours not converted.

        Raises:
            IndexError: there is no such frame.
            Quarantine: it cannot be decoded.
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        if self._read > _FORGET_AFTER and isinstance(self.pixels.value, memoryview):
            release_pages(self.pixels.value)  # of a mapped file: frames that are still in use are read again
            self._read = 0
        frame = self._stored(index)
        self._read += frame.nbytes
        return frame

    def _stored(self, index: int) -> Array:
        if self.encapsulated is not None:
            return self._decoded(self.encapsulated, index)
        array = self.native(index).array
        array = full(array) if self.image.subsampled else array
        return array.astype(array.dtype.newbyteorder("="), copy=False)

    def _decoded(self, encapsulated: EncapsulatedFrames, index: int) -> Array:
        if index not in self._kept:
            frame = decode(encapsulated.frame(index), self.image, self._syntax.uid)
            if frame.nbytes > _KEPT:
                return frame
            frame.setflags(write=False)
            while self._kept and sum(one.nbytes for one in self._kept.values()) + frame.nbytes > _KEPT:
                self._kept.popitem()
            self._kept[index] = frame
        return self._kept[index]

    def native(self, index: int, value: bytes | memoryview | None = None) -> NativeFrame:
        """Return a frame of uncompressed pixel data, for writing.

        Args:
            index: number of the frame, from 0.
            value: a copy of the pixel data, used instead of them.
        """
        value = self.pixels.value if value is None else value
        return NativeFrame(value, self.image, index, self._syntax.encoding.order, words=self.pixels.vr != "OB")


def _check_proportion(image: ImagePixel, size: int) -> None:
    """Raise Quarantine if decoding would be work out of proportion to the size of the file."""
    one = image.rows * image.columns * image.samples * max(8, image.allocated) // 8
    every = one * image.frames
    if every > _RATIO * size and (one > _ALWAYS_ONE or every > _ALWAYS_ALL):
        raise Quarantine("its pixels cannot be examined: decoded, they would be out of proportion to its size")

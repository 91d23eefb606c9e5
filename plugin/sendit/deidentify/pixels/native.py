"""Frames of uncompressed pixel data: extracted, changed and put back bit by bit (PS3.5 section 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sendit.errors import Quarantine

if TYPE_CHECKING:
    from sendit.deidentify.pixels.image import ImagePixel

Array = NDArray[Any]


class NativeFrame:
    """One frame of uncompressed pixel data: the bytes that hold it, and its samples as an array.

    Attributes:
        start: position of its bytes in the value; a frame of single bits shares its first and last byte with others.
        array: rows × columns, or rows × columns × 3; `data()` returns what is written into it. For YBR_FULL_422,
            rows × pairs of columns × 4: Y, Y, CB, CR.
    """

    def __init__(self, value: bytes | memoryview, image: ImagePixel, index: int, order: str, *, words: bool) -> None:
        # Big endian: samples smaller than a word are in words with swapped bytes (PS3.5 8.2, Annex D).
        self._turned = words and order == ">" and image.allocated < 16
        first = index * image.frame_bits
        end = first + image.frame_bits
        self.start, stop = first // 8, (end + 7) // 8
        if self._turned:
            self.start, stop = self.start // 2 * 2, (stop + 1) // 2 * 2
        if stop > len(value):
            raise Quarantine("its pixels cannot be examined: they are shorter than the header says")
        self._raw = np.frombuffer(bytearray(value[self.start : stop]), dtype=np.uint8)
        if self._turned:
            self._raw = self._raw.reshape(-1, 2)[:, ::-1].reshape(-1).copy()
        self._bits: Array | None = None
        lead = first - self.start * 8
        if image.allocated == 1:
            self._bits = np.unpackbits(self._raw, bitorder="little")
            self.array: Array = self._bits[lead : lead + image.frame_bits].reshape(image.rows, image.columns)
        else:
            self.array = _shaped(self._raw[lead // 8 : lead // 8 + image.frame_bits // 8], image, order)

    def data(self) -> bytes:
        """Return the bytes, to be put back at `start`."""
        raw = self._raw if self._bits is None else np.packbits(self._bits, bitorder="little")
        if self._turned:
            raw = raw.reshape(-1, 2)[:, ::-1]
        return raw.tobytes()


def _shaped(raw: Array, image: ImagePixel, order: str) -> Array:
    kind = "f" if image.floating else "i" if image.signed else "u"
    samples = raw.view(np.dtype(f"{order}{kind}{image.allocated // 8}"))
    if image.subsampled:
        return samples.reshape(image.rows, image.columns // 2, 4)
    if image.samples == 1:
        return samples.reshape(image.rows, image.columns)
    if image.planar:
        return np.moveaxis(samples.reshape(3, image.rows, image.columns), 0, 2)
    return samples.reshape(image.rows, image.columns, 3)


def full(pairs: Array) -> Array:
    """Return YBR_FULL_422 as YBR_FULL: both neighbours get the colour that they share."""
    rows, half, _ = pairs.shape
    whole = np.empty((rows, half * 2, 3), pairs.dtype)
    whole[:, 0::2, 0], whole[:, 1::2, 0] = pairs[:, :, 0], pairs[:, :, 1]
    for channel in (1, 2):
        whole[:, :, channel] = np.repeat(pairs[:, :, channel + 1], 2, axis=1)
    return whole

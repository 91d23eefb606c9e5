"""Frames of pixel data that are not compressed: taken out, worked on, put back, to the last bit (PS3.5 section 8)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.picture import Picture
from sendit.errors import Quarantine

Array = NDArray[Any]


class NativeFrame:
    """One frame of uncompressed pixel data: the bytes that hold it, and its samples as an array.

    Attributes:
        start: where its bytes begin in the value; a frame of single bits shares its first and last byte with others.
        array: rows × columns, or rows × columns × 3: what is written into it stands in `data()`. Of YBR_FULL_422
            rows × pairs of columns × 4: Y, Y, CB, CR.
    """

    def __init__(self, value: bytes | memoryview, picture: Picture, index: int, order: str, words: bool) -> None:
        # Big endian: what is smaller than a word stands in words whose bytes are turned round (PS3.5 8.2, Annex D).
        self._turned = words and order == ">" and picture.allocated < 16
        first = index * picture.frame_bits
        end = first + picture.frame_bits
        self.start, stop = first // 8, (end + 7) // 8
        if self._turned:
            self.start, stop = self.start // 2 * 2, (stop + 1) // 2 * 2
        if stop > len(value):
            raise Quarantine("its pixels cannot be looked at: they are shorter than their description says")
        self._raw = np.frombuffer(bytearray(value[self.start : stop]), dtype=np.uint8)
        if self._turned:
            self._raw = self._raw.reshape(-1, 2)[:, ::-1].reshape(-1).copy()
        self._bits: Array | None = None
        lead = first - self.start * 8
        if picture.allocated == 1:
            self._bits = np.unpackbits(self._raw, bitorder="little")
            self.array: Array = self._bits[lead : lead + picture.frame_bits].reshape(picture.rows, picture.columns)
        else:
            self.array = _shaped(self._raw[lead // 8 : lead // 8 + picture.frame_bits // 8], picture, order)

    def data(self) -> bytes:
        """The bytes, to be put back at `start`."""
        raw = self._raw if self._bits is None else np.packbits(self._bits, bitorder="little")
        if self._turned:
            raw = raw.reshape(-1, 2)[:, ::-1]
        return raw.tobytes()


def _shaped(raw: Array, picture: Picture, order: str) -> Array:
    kind = "f" if picture.floating else "i" if picture.signed else "u"
    samples = raw.view(np.dtype(f"{order}{kind}{picture.allocated // 8}"))
    if picture.subsampled:
        return samples.reshape(picture.rows, picture.columns // 2, 4)
    if picture.samples == 1:
        return samples.reshape(picture.rows, picture.columns)
    if picture.planar:
        return np.moveaxis(samples.reshape(3, picture.rows, picture.columns), 0, 2)
    return samples.reshape(picture.rows, picture.columns, 3)


def full(pairs: Array) -> Array:
    """YBR_FULL_422 as YBR_FULL: each of two neighbours gets the colour that they share."""
    rows, half, _ = pairs.shape
    whole = np.empty((rows, half * 2, 3), pairs.dtype)
    whole[:, 0::2, 0], whole[:, 1::2, 0] = pairs[:, :, 0], pairs[:, :, 1]
    for channel in (1, 2):
        whole[:, :, channel] = np.repeat(pairs[:, :, channel + 1], 2, axis=1)
    return whole

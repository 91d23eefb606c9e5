"""Finds text in one frame: in tiles, small ones enlarged, each tile that was looked at before remembered by its pixels.

Images of a series share what is burned into them. A tile whose pixels are, to the last one, those of a tile that was
looked at is not looked at again; one with a single other pixel is. So what is remembered can never hide a changed name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from hashlib import blake2b
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.detect import Found
from sendit.deidentify.pixels.regions import Region
from sendit.deidentify.pixels.text_boxes import Box, boxes
from sendit.deidentify.pixels.text_network import LINE_HEIGHT, STEP, probabilities, read_line
from sendit.deidentify.pixels.text_views import Shown

T = TypeVar("T")

#: Images up to so many pixels are enlarged to twice their size: letters of 6 pixels are too small for the network.
_ENLARGED_UP_TO = 1_100_000
#: Pixels of the image at a side of a tile, and how far tiles reach into each other (the highest line that is cut).
_TILE, _OVERLAP = 512, 64
#: A tile whose values differ by less than this (of 255) has nothing that could be read.
_FLAT = 6
_REMEMBERED = 4096
#: What the network is so sure of is text, if it is not higher (pixels). All else has to be read, with this sureness.
_SURE, _HIGH, _READ = 0.75, 80, 0.6
_MOST_READ = 60  # lines of one frame; all that is found is masked, read or not


class RapidTextFinder:
    """The finder of text that SendIt ships (a `TextFinder`). For one process; remembers the tiles it has seen."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, tuple[Box, ...]] = OrderedDict()
        self._read: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self.looked_at = 0  # tiles that went through the network

    def __call__(self, frame: Shown) -> list[Found]:
        """All text of a frame: rows × columns, or rows × columns × 3 (RGB), as it would be shown.

        Raises:
            Misconfigured: the weights are not there.
        """
        return [found for found, sure in self.candidates(frame) if sure]

    def candidates(self, frame: Shown) -> list[tuple[Found, bool]]:
        """What may be text, the likeliest first, each with whether it is."""
        rows, columns = frame.shape[:2]
        found: list[Box] = []
        for scale, tile in _tiles(rows, columns):
            part = frame[tile.y0 : tile.y1, tile.x0 : tile.x1]
            found.extend(Box(_moved(box.region, tile), box.score) for box in self._boxes(part, scale))
        clipped = [Box(box.region.clipped(columns, rows), box.score) for box in found]
        judged = [(box, self._is_text(frame, box)) for box in clipped]
        sure = sorted(_joined([box for box, is_text in judged if is_text]), key=lambda box: -box.score)
        doubtful = [box for box, is_text in judged if not is_text]
        return [
            *((self._found(frame, box, number < _MOST_READ), True) for number, box in enumerate(sure)),
            *((self._found(frame, box, True), False) for box in doubtful),
        ]

    def _found(self, frame: Shown, box: Box, read: bool) -> Found:
        return Found(box.region, self._reading(frame, box.region)[0] if read else "", box.score)

    def _is_text(self, frame: Shown, box: Box) -> bool:
        """Whether it is no shape in the tissue. Only what is faint or very high has to be readable for that."""
        if box.score >= _SURE and box.region.y1 - box.region.y0 <= _HIGH:
            return True
        text, sureness = self._reading(frame, box.region)
        return sureness >= _READ and (len(text) > 1 or box.region.y1 - box.region.y0 <= _HIGH)

    def _boxes(self, part: Shown, scale: int) -> tuple[Box, ...]:
        if int(part.max(initial=0)) - int(part.min(initial=255)) < _FLAT:
            return ()
        key = _digest(part, scale)
        if key in self._seen:
            self._seen.move_to_end(key)
            return self._seen[key]
        self.looked_at += 1
        looked = tuple(boxes(probabilities(_for_network(part, scale)), scale, _HIGH))
        return _remember(self._seen, key, looked)

    def _reading(self, frame: Shown, region: Region) -> tuple[str, float]:
        part = frame[region.y0 : region.y1, region.x0 : region.x1]
        if not part.size:
            return "", 0.0
        key = _digest(part, 0)
        if key not in self._read:
            upright = part if part.shape[0] <= 2 * part.shape[1] else np.rot90(part)
            width = min(max(STEP, round(LINE_HEIGHT * upright.shape[1] / upright.shape[0])), 3200)
            line = cv2.resize(np.ascontiguousarray(upright), (width, LINE_HEIGHT), interpolation=cv2.INTER_CUBIC)
            _remember(self._read, key, read_line(_coloured(line)))
        return self._read[key]


def _tiles(rows: int, columns: int) -> Iterator[tuple[int, Region]]:
    scale = 2 if rows * columns <= _ENLARGED_UP_TO else 1
    side = 2 * _TILE // scale
    for y0, y1 in _spans(rows, side):
        for x0, x1 in _spans(columns, side):
            yield scale, Region(x0, y0, x1, y1)


def _spans(length: int, longest: int) -> list[tuple[int, int]]:
    """The fewest pieces of at most this length, all of one length, each reaching _OVERLAP into the next."""
    if length <= longest:
        return [(0, length)]
    count = -(-(length - _OVERLAP) // (longest - _OVERLAP))
    side = -(-(length + (count - 1) * _OVERLAP) // count)
    starts = [round(index * (length - side) / (count - 1)) for index in range(count)]
    return [(start, start + side) for start in starts]


def _for_network(part: Shown, scale: int) -> Shown:
    """Enlarged, and filled up at the right and at the bottom with what stands at its edge."""
    picture = _coloured(part)
    if scale > 1:
        size = (picture.shape[1] * scale, picture.shape[0] * scale)
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
    rows, columns = picture.shape[:2]
    return np.pad(picture, ((0, -rows % STEP), (0, -columns % STEP), (0, 0)), mode="edge")


def _coloured(part: NDArray[np.uint8] | cv2.typing.MatLike) -> Shown:
    array = np.asarray(part, np.uint8)
    return np.ascontiguousarray(array if array.ndim == 3 else np.repeat(array[..., np.newaxis], 3, axis=2))


def _moved(region: Region, tile: Region) -> Region:
    return Region(region.x0 + tile.x0, region.y0 + tile.y0, region.x1 + tile.x0, region.y1 + tile.y0)


def _joined(found: list[Box]) -> list[Box]:
    """Without those that lie within another one, as where tiles overlap."""
    kept: list[Box] = []
    for box in sorted(found, key=lambda box: -box.region.area):
        if not box.region.empty and not any(box.region.intersection(other.region) == box.region for other in kept):
            kept.append(box)
    return kept


def _digest(part: Shown, scale: int) -> bytes:
    return blake2b(np.ascontiguousarray(part).tobytes() + repr((part.shape, scale)).encode(), digest_size=16).digest()


def _remember(memory: OrderedDict[bytes, T], key: bytes, value: T) -> T:
    memory[key] = value
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
    return value

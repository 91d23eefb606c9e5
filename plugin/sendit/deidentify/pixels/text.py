"""Finds text in one frame: all of it is looked at first, and what may be text a second time, closely.

The first look, in the frame's own size and half as large again, finds nearly every line, but not always the whole of
it; the second one sees its ends better, and costs little, because it is taken only where there may be text. Whatever
was looked at before is remembered by its pixels: what is the same to the last one is not looked at again, and anything
else is. So what is remembered can never hide a changed name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.detect import Found
from sendit.deidentify.pixels.regions import Region
from sendit.deidentify.pixels.text_boxes import Box, boxes, linked
from sendit.deidentify.pixels.text_network import LINE_HEIGHT, STEP, probabilities, read_line
from sendit.deidentify.pixels.text_tiles import Cells, tiles
from sendit.deidentify.pixels.text_views import Shown

T = TypeVar("T")

#: The first look is taken in these sizes, of images with more pixels than that in their own size alone: what the
#: network misses in one size, it rarely misses in the other.
_SIZES, _BOTH_UP_TO = (1.0, 1.5), 800_000
#: The second look enlarges so much; lines that are higher than this (pixels) need none.
_CLOSER, _SMALL = 2, 40
#: A line may run out of what was looked at closely: then its end is looked at, so many times.
_ROUNDS = 3
#: A tile whose values differ by less than this (of 255) has nothing that could be read.
_FLAT = 6
_REMEMBERED = 4096
#: What the network is so sure of is text, if it is not higher (pixels). All else has to be read, with this sureness.
_SURE, _HIGH, _READ = 0.6, 60, 0.6
_MOST_READ = 60  # lines of one frame; all that is found is masked, read or not


class RapidTextFinder:
    """The finder of text that SendIt ships (a `TextFinder`). For one process; remembers the tiles it has seen."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, tuple[Box, ...]] = OrderedDict()
        self._read: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self.looked_at = 0  # pixels that went through the network

    def __call__(self, frame: Shown) -> list[Found]:
        """All text of a frame: rows × columns, or rows × columns × 3 (RGB), as it would be shown.

        Raises:
            Misconfigured: the weights are not there.
        """
        sure = [found for found, is_text in self.candidates(frame) if is_text]
        return [
            Found(one.region, self._reading(frame, one.region)[0] if number < _MOST_READ else "", one.score)
            for number, one in enumerate(sure)
        ]

    def candidates(self, frame: Shown) -> list[tuple[Found, bool]]:
        """What may be text, each with whether it is. What is not has been read, what is perhaps not."""
        rows, columns = frame.shape[:2]
        sizes = _SIZES if rows * columns <= _BOTH_UP_TO else _SIZES[:1]
        first = [box for scale in sizes for tile in tiles(rows, columns) for box in self._boxes(frame, tile, scale)]
        clipped = (Box(box.region.clipped(columns, rows), box.score) for box in (*first, *self._closer(frame, first)))
        judged = [(box, self._is_text(frame, box)) for box in clipped if not box.region.empty]
        sure = linked(box for box, is_text in judged if is_text)
        doubtful = [(box, self._reading(frame, box.region)[0]) for box, is_text in judged if not is_text]
        return [
            *((Found(box.region, "", box.score), True) for box in sorted(sure, key=lambda box: -box.score)),
            *((Found(box.region, text, box.score), False) for box, text in doubtful),
        ]

    def _closer(self, frame: Shown, first: Iterable[Box]) -> list[Box]:
        """What the second look finds where the first one found something small, and where that runs on."""
        cells = Cells(*frame.shape[:2])
        found = [box for box in first if box.short <= _SMALL]
        for _ in range(_ROUNDS):
            if not cells.add(box.region for box in found):
                break
            found = [box for tile in cells.tiles() for box in self._boxes(frame, tile, _CLOSER)]
        return found

    def _is_text(self, frame: Shown, box: Box) -> bool:
        """Whether it is no shape in the tissue. What is faint or very high has to read as two characters or more."""
        if box.score >= _SURE and box.short <= _HIGH:
            return True
        text, sureness = self._reading(frame, box.region)
        return sureness >= _READ and len(text) > 1

    def _boxes(self, frame: Shown, tile: Region, scale: float) -> list[Box]:
        """Lines in a part of the frame, in the frame's pixels."""
        part = frame[tile.y0 : tile.y1, tile.x0 : tile.x1]
        if int(part.max(initial=0)) - int(part.min(initial=255)) < _FLAT:
            return []
        key = _digest(part, scale)
        if key in self._seen:
            self._seen.move_to_end(key)
        else:
            picture = _for_network(part, scale)
            self.looked_at += picture.shape[0] * picture.shape[1]
            _remember(self._seen, key, tuple(boxes(probabilities(picture), scale, _HIGH)))
        return [box.moved(tile.x0, tile.y0) for box in self._seen[key]]

    def _reading(self, frame: Shown, region: Region) -> tuple[str, float]:
        """What stands there, and how sure that is; of what is higher than wide the better of both turns."""
        part = frame[region.y0 : region.y1, region.x0 : region.x1]
        if not part.size:
            return "", 0.0
        key = _digest(part, 0)
        if key not in self._read:
            turns = (0,) if part.shape[0] <= 2 * part.shape[1] else (1, 3)
            read = max((_read(np.rot90(part, turn)) for turn in turns), key=lambda one: one[1])
            _remember(self._read, key, read)
        return self._read[key]


def _read(part: Shown) -> tuple[str, float]:
    width = min(max(STEP, round(LINE_HEIGHT * part.shape[1] / part.shape[0])), 3200)
    line = cv2.resize(np.ascontiguousarray(part), (width, LINE_HEIGHT), interpolation=cv2.INTER_CUBIC)
    return read_line(_coloured(line))


def _for_network(part: Shown, scale: float) -> Shown:
    """Enlarged, and filled up at the right and at the bottom with what stands at its edge."""
    picture = _coloured(part)
    if scale > 1:
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
    rows, columns = picture.shape[:2]
    return np.pad(picture, ((0, -rows % STEP), (0, -columns % STEP), (0, 0)), mode="edge")


def _coloured(part: NDArray[np.uint8] | cv2.typing.MatLike) -> Shown:
    array = np.asarray(part, np.uint8)
    return np.ascontiguousarray(array if array.ndim == 3 else np.repeat(array[..., np.newaxis], 3, axis=2))


def _digest(part: Shown, scale: float) -> bytes:
    return blake2b(np.ascontiguousarray(part).tobytes() + repr((part.shape, scale)).encode(), digest_size=16).digest()


def _remember(memory: OrderedDict[bytes, T], key: bytes, value: T) -> None:
    memory[key] = value
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)

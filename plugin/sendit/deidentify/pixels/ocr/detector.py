"""Find text in one frame: search where strokes stand out first, and then closely where text may be.

The first pass, at the frame's own size and in part half as large again, finds nearly every line, but not all of it; the
second sees the ends better, and costs little, because it only covers places that may be text. Results are remembered by
the pixels: only what is identical to the last pixel is not searched again, so a changed name can never be missed.

The network takes callipers, ticks, rows of a mosaic, calcifications and the edge of a skull for text, and is sure of
it. So what it found counts only if its strokes are those of a line, or if it can be read (`strokes`, `readable`).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from sendit.deidentify.pixels.ocr.api import DetectedText
from sendit.deidentify.pixels.ocr.boxes import (
    Box,
    boxes,
    in_one_row,
    is_between,
    linked,
    rows_joined,
    rows_of_letters,
    same_joined,
)
from sendit.deidentify.pixels.ocr.models import LINE_HEIGHT, STEP, probabilities, read_line
from sendit.deidentify.pixels.ocr.readable import goes_on, is_readable, is_same, is_shape, is_varied
from sendit.deidentify.pixels.ocr.salience import (
    CLEAR,
    CLEAR_FINE,
    CLEAR_SHARP,
    grown,
    rectangles,
    salient_cells,
    without,
)
from sendit.deidentify.pixels.ocr.strokes import strokes_in
from sendit.deidentify.pixels.ocr.tiles import Cells, closely_searched, cut_to_tiles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from sendit.deidentify.pixels.regions import Region
    from sendit.deidentify.pixels.windowing import Shown

T = TypeVar("T")

#: Enlargement of the first pass where it found nothing, and the most pixels of an image that is searched so: what the
#: network misses at one scale, it rarely misses at the other.
_LARGER, _BOTH_UP_TO = 1.5, 800_000
#: Enlargement of the second pass; higher lines (pixels) do not need it.
_CLOSER, _SMALL = 2, 40
#: A line may extend beyond what was searched closely: rounds in which its ends are searched.
_ROUNDS = 3
#: A tile whose values differ by less than this (of 255) has nothing to read.
_FLAT = 6
_REMEMBERED = 4096
#: What the network is so sure of may be text, if it is not higher (pixels). All else has to be read.
_SURE, _HIGH = 0.6, 60
#: A line's strokes alone are enough where the network is so sure, of these heights (pixels). What is smaller is read
#: first; what cannot be read is text by its strokes, too: a script that the network does not know. What is in colour
#: has to be read. Less is enough for what is large and has the strokes of a line, and for what has those of writing and
#: is so much longer than high; over anything but a plain ground, writing has to be.
_CERTAIN, _LARGE, _LARGEST = 0.9, 20, 48
_LIKELY, _LONGER = 0.85, 1.5
#: A reading of what is high has to be so sure to be believed whatever it says.
_SURELY_READ = 0.95
#: What is higher than this share of the frame is a shape and no large character: a sector of ultrasound is read as a 9.
_SHAPE = 1 / 3
#: What is higher than this share of its width may be a turned line, if nothing can be read in it upright.
_TALL, _WELL_READ = 1.2, 0.7
#: Of a line that is longer than the first, its beginning is read first (times its height).
_LONG, _BEGINNING = 6, 4
#: A box is larger than its line, and much larger where that is short: what was read in it, but not for certain, is read
#: again without so much of its height at each side, if the first reading was so sure. The same has to be read there.
_CUT, _PARTLY_READ = (0.1, 0.25), 0.5
_LETTERS = 3  # that stand apart have to be read together
_MOST_READ = 60  # lines of one frame; everything found is masked, read or not


class RapidTextDetector:
    """The `TextDetector` that SendIt ships. For one process; remembers the tiles it has seen."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, tuple[Box, ...]] = OrderedDict()
        self._read: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self.looked_at = 0  # pixels that went through the network

    def __call__(self, frame: Shown) -> list[DetectedText]:
        """Return all text of a frame, rows × columns or rows × columns × 3 (RGB), as it would be displayed.

        Raises:
            Misconfigured: the model cannot be loaded.
        """
        sure = [text for text, is_text in self.candidates(frame) if is_text]
        return [
            DetectedText(one.region, self.reading(frame, one.region)[0] if number < _MOST_READ else "", one.score)
            for number, one in enumerate(sure)
        ]

    def candidates(self, frame: Shown, *, sharp: bool = False) -> list[tuple[DetectedText, bool]]:
        """Return what may be text, and whether it is. What is not has been read; what is may not have been."""
        rows, columns = frame.shape[:2]
        first = self._first(frame, sharp=sharp)
        clipped = [Box(box.region.clipped(columns, rows), box.score) for box in (*first, *self._closer(frame, first))]
        visible = [box for box in clipped if not box.region.empty]
        sure, doubtful = self._judged(frame, visible)
        return [
            *((DetectedText(box.region, "", box.score), True) for box in sorted(sure, key=lambda box: -box.score)),
            *((DetectedText(box.region, self.reading(frame, box.region)[0], box.score), False) for box in doubtful),
        ]

    def _first(self, frame: Shown, *, sharp: bool) -> list[Box]:
        """Return what the first pass finds: where strokes stand out; half as large again where fine ones do besides.

        What is sharp is searched in its own size: of 97 lines in single slices, all were found so, at less than half of
        the cost.
        """
        rows, columns = frame.shape[:2]
        marks = salient_cells(frame, CLEAR_SHARP if sharp else CLEAR)
        parts = cut_to_tiles(rectangles(grown(marks), rows, columns))
        found = [box for tile in parts for box in self._boxes(frame, tile, 1)]
        if sharp or rows * columns > _BOTH_UP_TO:
            return found
        left = without(
            salient_cells(frame, CLEAR_FINE), (closely_searched(box.region) for box in found if box.short <= _SMALL)
        )
        parts = cut_to_tiles(rectangles(grown(left), rows, columns))
        return [*found, *(box for tile in parts for box in self._boxes(frame, tile, _LARGER))]

    def _judged(self, frame: Shown, candidates: list[Box]) -> tuple[list[Box], list[Box]]:
        """Return the lines of text, cut to their ink, and the boxes that are none."""
        is_text = cache(lambda box: self._is_text(frame, box))
        likely = [box for box in candidates if box.score >= _SURE and box.short <= _HIGH]
        others = [box for box in candidates if box not in likely]
        text: list[Box] = []
        doubtful: list[Box] = []
        for line in linked([*likely, *(box for box in others if is_text(box) is not None)]):
            whole = is_text(line)
            if whole is not None:
                text.append(whole)
                continue
            parts = [box for box in likely if box.region != line.region and line.region.touches(box.region)]
            read = [one for one in map(is_text, parts) if one is not None]
            text += linked(read)
            doubtful += [line, *parts]
        doubtful += [box for box in others if is_text(box) is None]
        ends = [box for box in doubtful if box in likely and self._goes_on(frame, box, text)]
        ends += self._letters_apart(frame, text, [box for box in doubtful if box in likely and box not in ends])
        return rows_joined(same_joined([*text, *ends])), [box for box in doubtful if box not in ends]

    def _letters_apart(self, frame: Shown, text: list[Box], doubtful: list[Box]) -> list[Box]:
        """Return letters far apart in a row that can be read together: each alone, 0, 1 and L are shapes."""
        letters = {box for row in rows_of_letters([*doubtful, *text]) if self._is_spaced(frame, row) for box in row}
        return [box for box in doubtful if box in letters]

    def _is_spaced(self, frame: Shown, row: list[Box]) -> bool:
        """Return whether the boxes of a row, read one by one, are the letters of a line."""
        if len(row) < _LETTERS:
            return False
        read = [self.reading(frame, box.region) for box in same_joined(row)]
        single = [(text, sureness) for text, sureness in read if len(text) == 1]
        if len(single) < _LETTERS:
            return False
        sureness = sum(one for _, one in single) / len(single)
        return is_readable("".join(text for text, _ in single), sureness, sure=True, plain=False)

    def _goes_on(self, frame: Shown, box: Box, text: list[Box]) -> bool:
        """Return whether it belongs to a line that was found: an initial beside it, a comma between its parts."""
        regions = [one.region for one in text]
        if any(is_between(box.region, one, other) for one in regions for other in regions):
            return True
        near = any(in_one_row(one, box.region) for one in regions)
        return near and goes_on(*self.reading(frame, box.region))

    def _closer(self, frame: Shown, first: Iterable[Box]) -> list[Box]:
        """Return what the close look finds near small lines, and where those continue."""
        cells = Cells(*frame.shape[:2])
        regions = [closely_searched(box.region) for box in first if box.short <= _SMALL]
        lines: list[Box] = []
        for _ in range(_ROUNDS):
            if not cells.add(regions):
                break
            lines = [box for tile in cells.tiles() for box in self._boxes(frame, tile, _CLOSER)]
            regions = [box.region for box in lines]  # cells that a line reaches into, and that were not searched
        return lines

    def _is_text(self, frame: Shown, box: Box) -> Box | None:
        """Return the line, cut to its ink, if its strokes or its reading show that it is one."""
        strokes = strokes_in(frame, box.region)
        tight = Box(strokes.tight, box.score)
        highest, large_enough = _SHAPE * min(frame.shape[:2]), box.short >= _LARGE
        line = strokes.line and not strokes.coloured
        long = strokes.writing and tight.long >= _LONGER * tight.short
        written = (line or long or (strokes.writing and strokes.plain)) and tight.short <= min(_LARGEST, highest)
        if written and line and strokes.even and large_enough and box.score >= _CERTAIN:
            return tight
        if self._begins_readably(frame, box):
            return tight
        text, sureness = self.reading(frame, box.region)
        lies = box.region.y1 - box.region.y0 <= _TALL * (box.region.x1 - box.region.x0)  # else it is read in three ways
        low = box.short <= _HIGH or sureness >= _SURELY_READ
        plain = (lies and box.short <= _SMALL) or (strokes.line and low)
        large = large_enough and box.short <= highest
        sure = box.score >= _SURE
        if is_readable(text, sureness, sure=sure, plain=plain, large=large):
            return tight
        if sure and self._is_read_otherwise(frame, box, text, sureness, plain=plain, large=large):
            return tight
        likely = box.score >= (_LIKELY if long or (line and large_enough) else _CERTAIN)
        return tight if written and likely and not is_shape(text, sureness) else None

    def _is_read_otherwise(
        self, frame: Shown, box: Box, text: str, sureness: float, *, plain: bool, large: bool
    ) -> bool:
        """Return whether a line that the network is sure of is read for certain once it is cut closer, or mirrored."""
        if sureness >= _PARTLY_READ and len(text) > 1:
            for share in _CUT:
                closer = self.reading(frame, box.region.with_margin(-round(share * box.short)))
                if is_same(closer[0], text) and is_readable(*closer, sure=True, plain=plain, large=large):
                    return True
        mirrored = self.reading(frame, box.region, mirrored=True)
        return len(mirrored[0]) > 1 and is_readable(*mirrored, sure=True, plain=False, large=large)

    def _begins_readably(self, frame: Shown, box: Box) -> bool:
        """Return whether the beginning of a long line reads as text for certain: the rest of it need not be read."""
        region = box.region
        height = region.y1 - region.y0
        if box.score < _SURE or box.short > _SMALL or region.x1 - region.x0 <= _LONG * height:
            return False
        text, sureness = self.reading(frame, replace(region, x1=region.x0 + _BEGINNING * height))
        return sureness >= _CERTAIN and is_varied(text)

    def _boxes(self, frame: Shown, tile: Region, scale: float) -> list[Box]:
        """Return lines in a part of the frame, in the frame's pixels."""
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

    def reading(self, frame: Shown, region: Region, *, mirrored: bool = False) -> tuple[str, float]:
        """Return the text there and its confidence (0 to 1); of an upright region, the better of both rotations."""
        part = frame[region.y0 : region.y1, region.x0 : region.x1]
        part = part[:, ::-1] if mirrored else part
        if not part.size:
            return "", 0.0
        key = _digest(part, 0)
        if key not in self._read:
            tall = part.shape[0] / part.shape[1]
            read = _read(part) if tall <= 2 else ("", 0.0)
            if tall > 2 or (tall > _TALL and read[1] < _WELL_READ):
                read = max((read, *(_read(np.rot90(part, turn)) for turn in (1, 3))), key=lambda one: one[1])
            _remember(self._read, key, read)
        return self._read[key]


def _read(part: Shown) -> tuple[str, float]:
    width = min(max(STEP, round(LINE_HEIGHT * part.shape[1] / part.shape[0])), 3200)
    line = cv2.resize(np.ascontiguousarray(part), (width, LINE_HEIGHT), interpolation=cv2.INTER_CUBIC)
    return read_line(_coloured(line))


def _for_network(part: Shown, scale: float) -> Shown:
    """Return a part enlarged, and padded at right and bottom with its edge."""
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

"""Turn a map of probabilities into rectangles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Floats = NDArray[np.float32]

#: Least probability of a pixel in the core of a line, and least mean of a line.
_PIXEL, _LINE = 0.25, 0.3
#: The same within boxes that are too high for a line.
_STRICT_PIXEL, _STRICT_LINE = 0.75, 0.85
#: The network marks the core of a line: the line is larger on each side by _GROWTH times area / perimeter of the core.
#: Additional margins, in pixels of the network's input: the ends of a line are missed most.
_GROWTH, _MARGIN_X, _MARGIN_Y = 1.4, 3.0, 1.0
#: Parts of one line are linked across a gap of up to this multiple of their height.
_GAP = 0.4
#: Letters that stand apart: the greatest width of one, and of the gap between two (times their height).
_LETTER, _APART = 1.5, 3.0
_SMALLEST = 3  # pixels of the network's input; lower cores are noise


@dataclass(frozen=True, slots=True)
class Box:
    """A line of text."""

    region: Region
    score: float

    @property
    def short(self) -> int:
        """Return the height of a line along its longer side (pixels)."""
        return min(self.region.x1 - self.region.x0, self.region.y1 - self.region.y0)

    @property
    def long(self) -> int:
        """Return the other side."""
        return max(self.region.x1 - self.region.x0, self.region.y1 - self.region.y0)

    def moved(self, x: int, y: int) -> Box:
        """Return the box moved right and down."""
        region = self.region
        return Box(Region(region.x0 + x, region.y0 + y, region.x1 + x, region.y1 + y), self.score)


def boxes(map_: Floats, scale: float, highest: int) -> list[Box]:
    """Return the lines of text in a map.

    Args:
        map_: probability of every pixel.
        scale: pixels of the map for one of the image.
        highest: pixels of the image; higher boxes are examined more strictly, as lines may have merged with a shape.
    """
    lines = _cores(map_, _PIXEL, scale)
    high = [box for box in lines if box.short > highest]
    if high:
        strict = (box for box in _cores(map_, _STRICT_PIXEL, scale) if box.score >= _STRICT_LINE)
        lines.extend(box for box in strict if any(box.region.touches(other.region) for other in high))
    return lines


def _cores(map_: Floats, least: float, scale: float) -> list[Box]:
    cores = np.ascontiguousarray(map_ > least, dtype=np.uint8)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(cores, connectivity=8)
    found = []
    for label in range(1, count):
        x, y, width, height, area = (int(value) for value in statistics[label])
        if min(width, height) < _SMALLEST:
            continue
        within = labels[y : y + height, x : x + width] == label
        score = float(map_[y : y + height, x : x + width][within].mean())
        if score < _LINE:
            continue
        grown = _GROWTH * area / (2 * (width + height))
        region = Region(
            int(np.floor((x - grown - _MARGIN_X) / scale)),
            int(np.floor((y - grown - _MARGIN_Y) / scale)),
            int(np.ceil((x + width + grown + _MARGIN_X) / scale)),
            int(np.ceil((y + height + grown + _MARGIN_Y) / scale)),
        )
        found.append(Box(region, score))
    return found


def linked(parts: Iterable[Box]) -> list[Box]:
    """Join parts of one line, as on both sides of a comma, and leave out boxes within others."""
    return _joined(sorted(parts, key=lambda box: (-box.region.area, box.region)), _one_line)


def rows_joined(found: Iterable[Box]) -> list[Box]:
    """Join words of one row, with the space between them: what is too small to be found may stand there."""
    return _joined(sorted(found, key=lambda box: box.region), _in_either_row)


def _joined(parts: Iterable[Box], belong: Callable[[Region, Region], bool]) -> list[Box]:
    """Join boxes that belong together, one after the other, and what has been joined with the next."""
    kept: list[Box] = []
    for box in parts:
        merged = box
        while (other := next((one for one in kept if belong(one.region, merged.region)), None)) is not None:
            kept.remove(other)
            merged = Box(other.region.around(merged.region), max(other.score, merged.score))
        kept.append(merged)
    return kept


def _one_line(one: Region, other: Region) -> bool:
    if (one.x1 <= other.x0 or other.x1 <= one.x0) and (one.y1 <= other.y0 or other.y1 <= one.y0):
        return False  # as nearly all of thousands
    if one.intersection(other) in (one, other):
        return True
    return _beside(one, other) or _beside(_turned(one), _turned(other))


def _beside(one: Region, other: Region) -> bool:
    """Return whether two boxes are side by side, of similar height, with a gap no wider than high."""
    heights = one.y1 - one.y0, other.y1 - other.y0
    together = min(one.y1, other.y1) - max(one.y0, other.y0)
    gap = max(one.x0, other.x0) - min(one.x1, other.x1)
    wide = all(region.x1 - region.x0 >= 0.8 * (region.y1 - region.y0) for region in (one, other))
    alike = together >= 0.7 * max(heights)
    return wide and alike and gap <= _GAP * min(heights)


def rows_of_letters(found: Iterable[Box]) -> list[list[Box]]:
    """Return the boxes of single letters that stand in one row, or one below the other, far apart or not."""
    boxes_ = sorted(found, key=lambda box: box.region)
    rows: list[list[Box]] = []
    for turn in (lambda region: region, _turned):
        of_way: list[list[Box]] = []
        for box in boxes_:
            region = turn(box.region)
            if region.x1 - region.x0 > _LETTER * (region.y1 - region.y0):
                continue
            near = [row for row in of_way if any(_in_row_apart(turn(one.region), region) for one in row)]
            of_way = [row for row in of_way if row not in near]
            of_way.append([box, *(one for row in near for one in row)])
        rows += of_way
    return rows


def same_joined(found: Iterable[Box]) -> list[Box]:
    """Join boxes that are of one line, seen twice: cut to their ink, they may differ by a pixel."""
    kept: list[Box] = []
    for box in sorted(found, key=lambda box: (-box.region.area, box.region)):
        at = next((at for at, one in enumerate(kept) if _is_same(one.region, box.region)), None)
        if at is None:
            kept.append(box)
        else:
            kept[at] = Box(kept[at].region.around(box.region), max(kept[at].score, box.score))
    return kept


def _in_either_row(one: Region, other: Region) -> bool:
    """Return whether two stand in one row, or in one of a frame that is turned."""
    lying = [region.x1 - region.x0 >= region.y1 - region.y0 for region in (one, other)]
    return (all(lying) and in_one_row(one, other)) or (not any(lying) and in_one_row(_turned(one), _turned(other)))


def _is_same(one: Region, other: Region) -> bool:
    return one.intersection(other).area >= 0.8 * min(one.area, other.area)


def in_one_row(one: Region, other: Region) -> bool:
    """Return whether two stand beside each other with a space between them at most, and are of about one height."""
    heights = one.y1 - one.y0, other.y1 - other.y0
    together = min(one.y1, other.y1) - max(one.y0, other.y0)
    gap = max(one.x0, other.x0) - min(one.x1, other.x1)
    return together >= 0.6 * max(heights) and 0 <= gap <= min(heights)


def _in_row_apart(one: Region, other: Region) -> bool:
    heights = one.y1 - one.y0, other.y1 - other.y0
    together = min(one.y1, other.y1) - max(one.y0, other.y0)
    gap = max(one.x0, other.x0) - min(one.x1, other.x1)
    return together >= 0.5 * max(heights) and gap <= _APART * max(heights)


def is_between(region: Region, left: Region, right: Region) -> bool:
    """Return whether it lies in the gap between two parts of a row, which is not much wider than high."""
    height = min(left.y1 - left.y0, right.y1 - right.y0)
    top, bottom = max(left.y0, right.y0), min(left.y1, right.y1)
    together = min(region.y1, bottom) - max(region.y0, top)
    return (
        bottom - top >= 0.7 * height
        and 0 < right.x0 - left.x1 <= 1.5 * height
        and together >= 0.6 * (region.y1 - region.y0)
        and left.x1 - height < region.x0
        and region.x1 < right.x0 + height
    )


def _turned(region: Region) -> Region:
    return Region(region.y0, region.x0, region.y1, region.x1)

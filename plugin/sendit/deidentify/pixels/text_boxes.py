"""From the map of probabilities to rectangles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.regions import Region

Floats = NDArray[np.float32]

#: A pixel belongs to the core of a line from this probability on; it may be a line from this mean on.
_PIXEL, _LINE = 0.25, 0.3
#: The same within what is too high for a line.
_STRICT_PIXEL, _STRICT_LINE = 0.75, 0.85
#: The network marks the core of a line: the line is larger on each side by _GROWTH times area / perimeter of the core.
#: The margins besides, in pixels of the network's picture: a line's ends are what is missed most.
_GROWTH, _MARGIN_X, _MARGIN_Y = 1.4, 3.0, 1.0
#: Parts of one line are linked across a gap of so many times their height.
_GAP = 0.4
_SMALLEST = 3  # pixels of the network's picture; a core that is less high is noise


@dataclass(frozen=True, slots=True)
class Box:
    """A line of text."""

    region: Region
    score: float

    @property
    def short(self) -> int:
        """How high the line is, if it runs along its longer side (pixels)."""
        return min(self.region.x1 - self.region.x0, self.region.y1 - self.region.y0)

    def moved(self, x: int, y: int) -> Box:
        """The same so far to the right and down."""
        region = self.region
        return Box(Region(region.x0 + x, region.y0 + y, region.x1 + x, region.y1 + y), self.score)


def boxes(map_: Floats, scale: float, highest: int) -> list[Box]:
    """The lines of text in a map.

    Args:
        scale: pixels of the map for one of the image.
        highest: pixels of the image; what is higher is looked at more strictly: lines may have run into a shape.
    """
    found = _cores(map_, _PIXEL, scale)
    high = [box for box in found if box.short > highest]
    if high:
        strict = (box for box in _cores(map_, _STRICT_PIXEL, scale) if box.score >= _STRICT_LINE)
        found.extend(box for box in strict if any(box.region.touches(other.region) for other in high))
    return found


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


def linked(found: Iterable[Box]) -> list[Box]:
    """Parts of one line, as on both sides of a comma, become one box; what lies within another one is left out."""
    kept: list[Box] = []
    for box in sorted(found, key=lambda box: (-box.region.area, box.region)):
        merged = box
        while (other := next((one for one in kept if _one_line(one.region, merged.region)), None)) is not None:
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
    """Whether two stand beside each other, of about one height, with a gap that is no wider than high."""
    heights = one.y1 - one.y0, other.y1 - other.y0
    together = min(one.y1, other.y1) - max(one.y0, other.y0)
    gap = max(one.x0, other.x0) - min(one.x1, other.x1)
    wide = all(region.x1 - region.x0 >= 0.8 * (region.y1 - region.y0) for region in (one, other))
    alike = together >= 0.7 * max(heights)
    return wide and alike and gap <= _GAP * min(heights)


def _turned(region: Region) -> Region:
    return Region(region.y0, region.x0, region.y1, region.x1)

"""From the map of probabilities to rectangles."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.regions import Region

Floats = NDArray[np.float32]

#: A pixel belongs to the core of a line from this probability on; a line counts from this mean on.
_PIXEL, _LINE = 0.25, 0.45
_STRICT_PIXEL = 0.7
#: The network marks the core of a line: the line is larger on each side by _GROWTH times area / perimeter of the core.
#: The margins besides, in pixels of the network's picture: a line's ends are what is missed most.
_GROWTH, _MARGIN_X, _MARGIN_Y = 1.4, 3.0, 1.0
_SMALLEST = 3  # pixels of the network's picture; a core that is less high is noise


@dataclass(frozen=True, slots=True)
class Box:
    """A line of text."""

    region: Region
    score: float


def boxes(map_: Floats, scale: float, highest: int) -> list[Box]:
    """The lines of text in a map.

    Args:
        scale: pixels of the map for one of the image.
        highest: pixels of the image; what is higher is looked at more strictly: lines may have run into a shape.
    """
    found = _cores(map_, _PIXEL, scale)
    high = [box for box in found if box.region.y1 - box.region.y0 > highest]
    if high:
        strict = _cores(map_, _STRICT_PIXEL, scale)
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

"""Turn a map of probabilities into rotated rectangles around lines of text at any angle."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import cos, radians, sin
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from sendit.deidentify.pixels.windowing import Shown

Floats = NDArray[np.float32]

#: As for upright lines (`boxes`), but lower: what is found here has to be read.
_PIXEL, _LINE = 0.2, 0.25
_GROWTH, _MARGIN = 1.4, 2.0
#: The slant in degrees of a line that one rectangle holds.
_UPRIGHT = 4.0
#: A line that is lower than this share of what it lies in is another one: noise around a faint line looks like a shape.
_AS_HIGH = 0.5
_SMALLEST = 3  # least height of the core in pixels


@dataclass(frozen=True, slots=True)
class TextLine:
    """A rectangle around a line of text.

    Attributes:
        angle: clockwise rotation of its letters in degrees, from -90 to 90. It may be upside down.
    """

    x: float  # its middle
    y: float
    length: float
    height: float
    angle: float
    score: float

    @property
    def slant(self) -> float:
        """Return the angle to the nearest row or column, in degrees."""
        return min(abs(self.angle), 90 - abs(self.angle))

    def within(self, other: TextLine) -> bool:
        """Return whether its middle lies in the other line, and it is about as high and no longer."""
        if self.height < _AS_HIGH * other.height:
            return False  # a line in a shape that is none
        turned = radians(other.angle)
        x, y = self.x - other.x, self.y - other.y
        along, down = x * cos(turned) + y * sin(turned), y * cos(turned) - x * sin(turned)
        return abs(along) < other.length / 2 and abs(down) < other.height / 2 and self.length <= 1.2 * other.length

    def cut_out(self, frame: Shown, to_height: int, widest: int, *, upside_down: bool) -> Shown:
        """Return the line laid flat, with this many pixels of height."""
        scale = to_height / max(self.height, 1.0)
        width = int(min(max(to_height, round(self.length * scale / 8) * 8), widest))
        turned = radians(self.angle + (180 if upside_down else 0))
        along = np.array((cos(turned), sin(turned))) * self.length / width
        down = np.array((-sin(turned), cos(turned))) * self.height / to_height
        middle = np.array((self.x, self.y)) - along * (width - 1) / 2 - down * (to_height - 1) / 2
        matrix = np.column_stack((along, down, middle)).astype(np.float64)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpAffine(frame, matrix, (width, to_height), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8
        )

    def regions(self) -> list[Region]:
        """Return upright rectangles that contain it: one if it is upright, steps along it if it slants."""
        turned = radians(self.angle)
        along, down = np.array((cos(turned), sin(turned))), np.array((-sin(turned), cos(turned)))
        steps = 1 if self.slant < _UPRIGHT else max(1, round(self.length / max(self.height, 4.0)))
        ends = np.linspace(-self.length / 2, self.length / 2, steps + 1)
        return [self._step(along, down, float(a), float(b)) for a, b in pairwise(ends)]

    def _step(self, along: NDArray[np.float64], down: NDArray[np.float64], start: float, stop: float) -> Region:
        corners = [
            (self.x, self.y) + along * end + down * side
            for end in (start, stop)
            for side in (-self.height / 2, self.height / 2)
        ]
        low, high = np.floor(np.min(corners, axis=0)), np.ceil(np.max(corners, axis=0))
        return Region(int(low[0]), int(low[1]), int(high[0]), int(high[1]))


def lines(map_: Floats, scale: float) -> list[TextLine]:
    """Return the lines in a map, in pixels of the image.

    Args:
        map_: probability of every pixel.
        scale: pixels of the map for one of the image.
    """
    cores = np.ascontiguousarray(map_ > _PIXEL, dtype=np.uint8)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(cores, connectivity=8)
    rectangles = []
    for label in range(1, count):
        x, y, width, height, area = (int(value) for value in statistics[label])
        if max(width, height) < 2 * _SMALLEST or area < 4 * _SMALLEST:
            continue
        within = labels[y : y + height, x : x + width] == label
        score = float(map_[y : y + height, x : x + width][within].mean())
        if score < _LINE:
            continue
        points = (np.argwhere(within)[:, ::-1] + (x, y)).astype(np.float32)
        rectangles.append(_line(points, score, area, scale))
    return rectangles


def _line(points: Floats, score: float, area: int, scale: float) -> TextLine:
    (x, y), (one, other), angle = cv2.minAreaRect(points)
    length, height, turned = (one, other, angle) if one >= other else (other, one, angle + 90)
    length, height = length + 1, height + 1
    grown = _GROWTH * area / (2 * (length + height)) + _MARGIN
    turned = (turned + 90) % 180 - 90
    return TextLine(
        (x + 0.5) / scale - 0.5,
        (y + 0.5) / scale - 0.5,
        (length + 2 * grown) / scale,
        (height + 2 * grown) / scale,
        turned,
        score,
    )


def turned_back(line: TextLine, matrix: NDArray[np.float64], by: float, scale: float) -> TextLine:
    """Return a line of the rotated frame in the original one.

    Args:
        line: the line in the rotated frame.
        matrix: transformation from the rotated image to the frame.
        by: clockwise rotation of the frame in degrees.
        scale: pixels of the rotated image for one of the frame.
    """
    x, y = matrix @ (line.x, line.y, 1.0)
    angle = (line.angle - by + 90) % 180 - 90
    return TextLine(float(x), float(y), line.length / scale, line.height / scale, angle, line.score)

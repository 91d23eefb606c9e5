"""Find how far bars extend, and average them.

A decoder reports the line that it read along, and the bars continue beside it. Bars are the same in each line across
them, shifted slightly if they slant. So the lines beside the one that was read are followed as long as they are like
it. And where noise hides bars, the mean of many lines shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, degrees, radians, sin
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from sendit.deidentify.pixels.windowing import Shown

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

#: The most pixels by which bars shift from line to line: they slant by at most 72 degrees, else columns are the lines.
_MOVES = 3
#: The correlation with the lines before from which on a line belongs to the bars; the missed lines that end them.
_ALIKE, _GAP = 0.5, 6
#: The weight of one line in the average of those before: noise averages out.
_NEW = 0.15
_SHORTEST = 12  # pixels of a line
#: The least share of a line within the image.
_WITHIN = 0.5
#: The least share of the differences in a part that point across bars, of all in any direction; the same across the
#: edges of a grid.
_ONE_WAY, _ONE_GRID = 0.2, 0.06
#: Averaged bars: how many pixels along them, as a share of the shorter side of the part; their enlargement.
_ALONG, _ENLARGED = 0.15, 2


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a picture lies in a frame: a part of it, enlarged, and turned around its middle (degrees, clockwise)."""

    part: Region
    scale: float
    turned: float = 0.0

    def in_frame(self, x: float, y: float) -> tuple[float, float]:
        """Return column and row in the frame of a point of the picture."""
        if not self.turned:
            return x / self.scale + self.part.x0, y / self.scale + self.part.y0
        back = cv2.invertAffineTransform(self.from_frame())
        return float(back[0] @ (x, y, 1.0)), float(back[1] @ (x, y, 1.0))

    def size(self) -> tuple[int, int]:
        """Return columns and rows of the picture."""
        wide, high = self.part.x1 - self.part.x0, self.part.y1 - self.part.y0
        across, down = abs(cos(radians(self.turned))), abs(sin(radians(self.turned)))
        return int((wide * across + high * down) * self.scale) + 1, int((wide * down + high * across) * self.scale) + 1

    def from_frame(self) -> NDArray[np.float64]:
        """Return the transformation from the frame to the picture."""
        x, y = (self.part.x0 + self.part.x1 - 1) / 2, (self.part.y0 + self.part.y1 - 1) / 2
        matrix = np.asarray(cv2.getRotationMatrix2D((x, y), self.turned, self.scale), np.float64)
        matrix[:, 2] += np.array(self.size()) / 2 - (x, y)
        return matrix


def bars_around(grey: Shown, first: tuple[int, int], last: tuple[int, int]) -> Region | None:
    """Return where bars reach that were read along a line, upright or level; None if it is too short.

    Args:
        grey: the frame in shades of grey.
        first: column and row of one end of the line.
        last: column and row of the other end.
    """
    if abs(last[0] - first[0]) < abs(last[1] - first[1]):
        turned = bars_around(np.ascontiguousarray(grey.T), first[::-1], last[::-1])
        return None if turned is None else Region(turned.y0, turned.x0, turned.y1, turned.x1)
    rows, columns = grey.shape
    row = min(max((first[1] + last[1]) // 2, 0), rows - 1)
    left, right = max(min(first[0], last[0]), 0), min(max(first[0], last[0]) + 1, columns)
    if right - left < _SHORTEST:
        return None
    bars = Region(left, row, right, row + 1)
    for step in (-1, 1):
        bars = bars.around(_followed(grey, row, left, right, step))
    return bars


def _followed(grey: Shown, row: int, left: int, right: int, step: int) -> Region:
    """Return where the lines on one side of a line look like it."""
    pattern = grey[row, left:right].astype(np.float32)
    bars = Region(left, row, right, row + 1)
    moved = missed = 0
    while 0 <= row + step < len(grey) and missed < _GAP:
        row += step
        alike, best = max((_alike(pattern, grey[row], left + moved + by), -abs(by), by) for by in _tried(missed))[::2]
        if alike < _ALIKE:
            missed += 1
            continue
        missed, moved = 0, moved + best
        _take_in(pattern, grey[row], left + moved)
        bars = bars.around(Region(max(left + moved, 0), row, min(right + moved, grey.shape[1]), row + 1))
    return bars


def _tried(missed: int) -> range:
    most = _MOVES * (missed + 1)
    return range(-most, most + 1)


def _alike(pattern: Floats, line: Shown, start: int) -> float:
    """Return how much a line correlates with a pattern that is laid on it from a column on (-1 to 1)."""
    own, other = _overlap(pattern, line, start)
    if own.size < _WITHIN * pattern.size:
        return -1.0
    own, other = own - own.mean(), other - other.mean()
    size = float(np.sqrt((own @ own) * (other @ other)))
    return float(own @ other) / size if size > 0 else -1.0


def _take_in(pattern: Floats, line: Shown, start: int) -> None:
    own, other = _overlap(pattern, line, start)
    own += _NEW * (other - own)


def _overlap(pattern: Floats, line: Shown, start: int) -> tuple[Floats, Floats]:
    """Return the part of a pattern (a view) that lies within the line, and what it lies on."""
    low, high = max(0, -start), min(pattern.size, line.size - start)
    if high <= low:
        return pattern[:0], pattern[:0]
    return pattern[low:high], line[start + low : start + high].astype(np.float32)


def upright_bars(grey: Shown, part: Region) -> tuple[Shown, Placed] | None:
    """Return a part with its bars upright, enlarged and averaged along them; None if nothing in it looks like bars."""
    doubled = _doubled(grey, part)
    if abs(doubled) <= _ONE_WAY:
        return None
    shown, placed = turned_by(grey, Placed(part, _ENLARGED, degrees(np.angle(doubled)) / 2))
    along = int(_ALONG * _ENLARGED * min(part.x1 - part.x0, part.y1 - part.y0)) | 1
    return np.asarray(cv2.blur(shown, (1, along)), np.uint8), placed


def one_way(grey: Shown, part: Region) -> float:
    """Return how much the differences in a part point one way, as across bars (1), or into all directions (0)."""
    return abs(_doubled(grey, part))


def _doubled(grey: Shown, part: Region) -> complex:
    """Return the direction of the differences in a part, by twice its angle, as long as their share that has it."""
    across, down = _differences(grey, part)
    along, upright, both = (float(one.sum()) for one in (across * across, down * down, across * down))
    return complex(along - upright, 2 * both) / (along + upright) if along + upright else 0j


def slant_of_modules(grey: Shown, part: Region) -> float | None:
    """Return by how many degrees the edges in a part slant, from -45 to 45; None if they have no common direction."""
    across, down = _differences(grey, part)
    steep = np.hypot(across, down)
    if not steep.any():
        return None
    direction = ((across + 1j * down) / np.maximum(steep, 1e-6)) ** 4  # edges at right angles are of one direction
    sum_ = complex(steep @ direction)
    return degrees(np.angle(sum_)) / 4 if abs(sum_) > _ONE_GRID * float(steep.sum()) else None


def turned_by(grey: Shown, placed: Placed) -> tuple[Shown, Placed]:
    """Return a part of a frame turned and enlarged, with its place."""
    flags, border = cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
    shown = cv2.warpAffine(grey, placed.from_frame(), placed.size(), flags=flags, borderMode=border)
    return np.asarray(shown, np.uint8), placed


def _differences(grey: Shown, part: Region) -> tuple[Doubles, Doubles]:
    """Return how a part differs from pixel to pixel, along its rows and its columns."""
    cut = cv2.GaussianBlur(grey[part.y0 : part.y1, part.x0 : part.x1], (0, 0), 1.0)
    along_rows = np.asarray(cv2.Sobel(cut, cv2.CV_32F, 1, 0), np.float64).ravel()
    return along_rows, np.asarray(cv2.Sobel(cut, cv2.CV_32F, 0, 1), np.float64).ravel()

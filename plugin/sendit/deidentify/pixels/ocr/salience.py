"""Find the cells of a frame in which something stands out as strokes do: only there the network has to look.

Letters are strokes: they differ from the median around them, whatever their height, since their ends and corners do.
Noise and tissue differ as well, but evenly. So a cell may hold text if the energy of these differences exceeds that of
noise as in the quietest cell beside it. Edges of bones and vessels exceed it, too, and are left to the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sendit.deidentify.pixels.windowing import Shown

Marks = NDArray[np.uint8]
Floats = NDArray[np.float32]
N = TypeVar("N", bound=np.generic)

#: Side of a cell (pixels), and rows of cells that are examined together: what fits into a processor's cache.
CELL, _TOGETHER = 16, 16
_AROUND, _WITHIN = np.ones((3, 3), np.uint8), np.ones((5, 5), np.uint8)
_MEDIAN = 0.6745  # of |x|, of normally distributed noise with a deviation of 1


@dataclass(frozen=True, slots=True)
class Salience:
    """Say what stands out as strokes do.

    Attributes:
        kernel: side of the median (pixels): 5 for letters of any height, 3 for those of up to 14 pixels.
        stands_out: the energy in a cell, as a multiple of the noise's, from which there may be text. Letters that
            differ from their ground by four times its noise exceed it.
        beside: the same beside such a cell.
        least_noise: the least deviation (grey levels) that counts as noise.
    """

    kernel: int
    stands_out: float
    beside: float
    least_noise: float


#: What is clearly text, and its small letters.
CLEAR, CLEAR_FINE = Salience(5, 2.2, 1.6, 2.5), Salience(3, 3.5, 2.0, 2.5)
#: What is clearly text where only what stands out sharply is shown: the greatest of the noise of many frames is more
#: uneven than noise, and exceeds it by half without any text.
CLEAR_SHARP = Salience(5, 3.6, 2.4, 2.5)
#: The same for lines of 5 % contrast: of 332, 330 stood out so, and 322 as small letters. With 1.2 for both, it was one
#: line more, and all of a radiograph that is a little noisy, instead of a tenth.
FAINT, FAINT_FINE = Salience(5, 2.2, 1.6, 1.8), Salience(3, 3.5, 2.0, 1.2)
#: Above this share of the frame, all of it is searched: parts would cost as much as the whole.
_MOST = 0.6
#: A rectangle is divided if its halves, each cut to its marks, have less than this share of its area together. They
#: overlap by so many cells: the highest line that may be cut. Smaller ones (cells) are left as they are.
_WORTH, _OVERLAP, _SMALLEST = 0.85, 4, 64


def salient_cells(shown: Shown, salience: Salience = CLEAR) -> Marks:
    """Return the cells of a frame that may hold text: 1 for each, 0 for the others.

    Args:
        shown: rows × columns, or rows × columns × 3.
        salience: what stands out.
    """
    energy = np.zeros(cells_of(shown), np.float32)
    if not shown.size:
        return energy.astype(np.uint8)
    for channel in _channels(shown):
        np.maximum(energy, _relative_energy(channel, salience), out=energy)
    beside = np.asarray(energy >= salience.beside, np.uint8)
    _, labels = cv2.connectedComponents(beside, connectivity=8)
    wanted = np.unique(labels[energy >= salience.stands_out])
    marks = np.isin(labels, wanted).astype(np.uint8) & beside
    closed = np.asarray(cv2.morphologyEx(marks, cv2.MORPH_CLOSE, _WITHIN), np.uint8)  # the inside of large letters
    return closed if grown(closed).mean() < _MOST else np.ones_like(closed)


def varied_cells(shown: Shown, around: float, deviation: float) -> Marks:
    """Return the cells in wide areas whose grey levels deviate by so much: 1 for each, 0 for the others.

    A line of text on an even ground is no such area.

    Args:
        shown: rows × columns, or rows × columns × 3.
        around: how far the surroundings of a place reach (deviation of their weights in pixels).
        deviation: the least deviation (grey levels).
    """
    height = CELL * _TOGETHER
    bands = (shown[top : top + height] for top in range(0, len(shown), height))
    means = np.concatenate([_mean_and_square(band) for band in bands])
    wide = np.asarray(cv2.GaussianBlur(means, (0, 0), around / CELL))
    varied = np.asarray(wide[..., 1] - wide[..., 0] ** 2 >= deviation**2, np.uint8)
    return np.asarray(cv2.erode(varied, _WITHIN), np.uint8)


def _mean_and_square(band: Shown) -> Floats:
    """Return for each cell of some rows the mean of the grey levels, and that of their squares."""
    grey = band.astype(np.float32) if band.ndim == 2 else band.mean(axis=2, dtype=np.float32)
    whole = _whole_cells(grey)
    size = whole.shape[1] // CELL, whole.shape[0] // CELL
    return np.stack([cv2.resize(values, size, interpolation=cv2.INTER_AREA) for values in (whole, whole * whole)], -1)


def all_cells(shown: Shown) -> Marks:
    """Return all cells of a frame as marked."""
    return np.ones(cells_of(shown), np.uint8)


def cells_of(shown: NDArray[np.generic]) -> tuple[int, int]:
    """Return how many cells a frame has, down and across."""
    return -(-shown.shape[0] // CELL), -(-shown.shape[1] // CELL)


def grown(marks: Marks) -> Marks:
    """Return the marks with all cells around them: the network needs to see what is beside a line."""
    return np.asarray(cv2.dilate(marks, _AROUND), np.uint8)


def without(marks: Marks, regions: Iterable[Region]) -> Marks:
    """Return the marks without the cells that these regions touch."""
    left = marks.copy()
    for one in regions:
        left[max(0, one.y0 // CELL) : -(-one.y1 // CELL), max(0, one.x0 // CELL) : -(-one.x1 // CELL)] = 0
    return left


def rectangles(marks: Marks, rows: int, columns: int) -> list[Region]:
    """Return rectangles that cover all marked cells of a frame, and few others; they may overlap."""
    ys, xs = np.flatnonzero(marks.any(axis=1)), np.flatnonzero(marks.any(axis=0))
    if not ys.size:
        return []
    whole = Region(int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1)
    return [
        Region(one.x0 * CELL, one.y0 * CELL, one.x1 * CELL, one.y1 * CELL).clipped(columns, rows)
        for one in _divided(marks, whole)
    ]


def _divided(marks: Marks, whole: Region) -> list[Region]:
    """Return the parts of a rectangle of cells, each cut to its marks."""
    if whole.area < _SMALLEST:
        return [whole]
    both = min((_halves(marks, whole, across=across) for across in (False, True)), key=_area)
    if _area(both) > _WORTH * whole.area:
        return [whole]
    return [part for half in both for part in _divided(marks, half)]


def _halves(marks: Marks, whole: Region, *, across: bool) -> list[Region]:
    """Return two parts, divided where the fewest marks are: without overlap if there are none."""
    part = marks[whole.y0 : whole.y1, whole.x0 : whole.x1]
    counts = part.sum(axis=0 if across else 1)
    if len(counts) < 2 * _OVERLAP:
        return [whole]
    quarter = len(counts) // 4
    at = quarter + int(counts[quarter : len(counts) - quarter].argmin())
    spare = _OVERLAP // 2 if counts[at] else 0
    if across:
        halves = (
            Region(whole.x0, whole.y0, whole.x0 + at + spare, whole.y1),
            Region(whole.x0 + at - spare, whole.y0, whole.x1, whole.y1),
        )
    else:
        halves = (
            Region(whole.x0, whole.y0, whole.x1, whole.y0 + at + spare),
            Region(whole.x0, whole.y0 + at - spare, whole.x1, whole.y1),
        )
    return [tight for half in halves if (tight := _tight(marks, half)) is not None]


def _tight(marks: Marks, part: Region) -> Region | None:
    """Return a rectangle of cells cut to its marks; None if it has none."""
    inside = marks[part.y0 : part.y1, part.x0 : part.x1]
    ys, xs = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not ys.size:
        return None
    return Region(part.x0 + int(xs[0]), part.y0 + int(ys[0]), part.x0 + int(xs[-1]) + 1, part.y0 + int(ys[-1]) + 1)


def _area(parts: list[Region]) -> int:
    return sum(part.area for part in parts)


def _channels(shown: Shown) -> Iterator[Shown]:
    """Yield the frame, or its colours one by one: letters may differ from their ground in one of them only."""
    if shown.ndim == 2:
        yield np.ascontiguousarray(shown)
        return
    red, green, blue = (np.ascontiguousarray(shown[..., number]) for number in range(3))
    yield green
    if not np.array_equal(red, green):
        yield red
    if not np.array_equal(blue, green):
        yield blue


def _relative_energy(channel: Shown, salience: Salience) -> Floats:
    """Return for each cell the mean square of the differences from the local median, in terms of the noise's."""
    height = CELL * _TOGETHER
    parts = [
        _of_rows(channel, top, min(top + height, len(channel)), salience.kernel)
        for top in range(0, len(channel), height)
    ]
    energy, typical = (np.concatenate(both) for both in zip(*parts, strict=True))
    quietest = np.asarray(cv2.erode(typical, _AROUND), np.float32)
    relative: Floats = energy / np.maximum(quietest / _MEDIAN, salience.least_noise) ** 2
    return relative


def _of_rows(channel: Shown, top: int, bottom: int, kernel: int) -> tuple[Floats, Floats]:
    """Return for each cell of some rows the mean square of the differences, and their median."""
    above, below = max(0, top - kernel), min(len(channel), bottom + kernel)
    part = channel[above:below]
    differences = np.asarray(cv2.absdiff(part, cv2.medianBlur(part, kernel)), np.uint8)[top - above : bottom - above]
    differences = _whole_cells(differences)
    size = differences.shape[0] // CELL, differences.shape[1] // CELL
    values = differences.astype(np.float32)
    energy = np.asarray(cv2.resize(values * values, size[::-1], interpolation=cv2.INTER_AREA), np.float32)
    every_other = differences[::2].reshape(size[0], CELL // 2, size[1], CELL).swapaxes(1, 2)
    return energy, _medians(every_other.reshape(*size, CELL * CELL // 2))


def _whole_cells(values: NDArray[N]) -> NDArray[N]:
    """Return an array, reflected at its right and lower side to whole cells."""
    right, down = -values.shape[1] % CELL, -values.shape[0] % CELL
    return values if right == down == 0 else np.pad(values, ((0, down), (0, right)), mode="symmetric")


def _medians(values: Shown) -> Floats:
    """Return the medians along the last axis, between whole numbers: noise is often no more than a few of them."""
    middle = values.shape[-1] // 2
    median = np.partition(values, middle, axis=-1)[..., middle, np.newaxis]
    below = np.count_nonzero(values < median, axis=-1)
    equal = np.count_nonzero(values == median, axis=-1)
    between: Floats = median[..., 0].astype(np.float32) - 0.5 + ((middle - below) / equal).astype(np.float32)
    return between

"""Find the places of a frame where a barcode may stand: where dark and light alternate as in one.

Text alternates as densely. But in a code, dark and light have about equal shares, as have rising and falling edges; and
the edges of bars have one direction, those of square modules two. What lacks the first two cannot be read as a
code, and the third tells which kinds of codes are worth a reading. The limits are those of planted codes, with room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import zxingcpp

from sendit.deidentify.pixels.barcodes.bars import one_way
from sendit.deidentify.pixels.redaction.bands import bands, by_bands
from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from sendit.deidentify.pixels.barcodes.bars import Floats
    from sendit.deidentify.pixels.windowing import Shown

_FORMATS = zxingcpp.BarcodeFormat
ALL = [_FORMATS.AllReadable]
#: Dark and light are distinguished within this many pixels; differences below the second (of 255) are flat.
_AROUND, _FLAT = 24, 8
#: Least difference between a dark and a light neighbour, as stored and with equalised contrast, and as a multiple of
#: the median difference between neighbours.
_STEP, _STEP_EVENED, _NOISE = 8, 80, 2.5
#: Share of such neighbours in a part that may hold a code; the window and block (pixels) of the means.
_DENSE, _WINDOW, _BLOCK = 0.04, 64, 16
_FULL = 15
#: It extends to blocks with this share of the densest one, plus a margin (pixels); the most parts that are searched.
_REACH, AROUND_PART, _PARTS = 0.5, 24, 4
#: A part that is a larger share of the frame has been searched with the whole.
_LARGEST = 0.8
#: An island of a code: the window and the block (pixels) of its means, the least share of such neighbours, the least
#: side (pixels), and the share of its box that it fills at least (half, if it is turned by 45 degrees). How many are
_NEAR, _GRAIN, _SOLID, _LEAST_SIDE, _FILLED, _ISLANDS = 16, 4, 0.12, 16, 0.3, 64
#: Where modules are flat and their edges are not, few differences between neighbours make up most of the change: the
#: mean of their squares is so many times the square of their mean, within so many pixels, of slightly smoothed values
#: (sigma). In noise of any strength it is 1.57; in speckle, and in tissue with noise, 1.5 to 1.7.
#: An area of which this share is steep counts whole.
_STEEP, _STEEP_WITHIN, _SMOOTH, _STEEP_SHARE = 1.75, 24, 0.7, 0.2
#: The share of an island that is lighter than the mean around each pixel: it exceeds the first, and not the second.
_LIGHTER = 0.18, 0.82
#: Rising edges that no falling ones balance within so many pixels: their greatest share.
_WITHIN, _UNBALANCED = 32, 0.7
#: The least share of differences that point across bars in linear codes, the greatest in codes of square modules.
_BARS_FROM, _SQUARES_TO = 0.18, 0.6


def evened(grey: Shown) -> Shown:
    """Return the contrast stretched around each pixel; flat areas become grey."""
    return by_bands(_evened, grey, grey.shape, reach=2 * _AROUND)


def _evened(grey: Shown) -> Shown:
    size = (_AROUND, _AROUND)
    kernel = np.ones(size, np.uint8)
    low, high = (cv2.blur(edge(grey, kernel), size) for edge in (cv2.erode, cv2.dilate))
    spread = cv2.max(cv2.subtract(high, low), _FLAT)  # type: ignore[call-overload]
    return np.asarray(cv2.divide(cv2.subtract(grey, low), spread, scale=255, dtype=cv2.CV_8U), np.uint8)


def alternations(grey: Shown, even: Shown) -> tuple[Shown, bool]:
    """Return where dark and light alternate, and whether noise that hides bars does so everywhere.

    Returns:
        255 for each pixel that differs clearly from the previous one, else 0.
    """
    noise = _NOISE * _median_step(grey)
    clear = np.empty_like(grey)
    for rows in bands(grey):
        steps = _steps(grey, rows) > max(_STEP, noise)
        clear[rows] = steps & (_steps(even, rows) > _STEP_EVENED)
    clear *= np.uint8(255)
    return clear, noise > _STEP


def islands(steps: Shown) -> list[Region]:
    """Return the closed areas in which dark and light alternate as densely as in a code, cut to it; the densest first.

    A reader finds a faint or noisy code in a picture of nothing else, and not in one with more around it.
    """
    size = max(1, steps.shape[1] // _GRAIN), max(1, steps.shape[0] // _GRAIN)
    dense = np.asarray(cv2.resize(cv2.blur(steps, (_NEAR, _NEAR)), size, interpolation=cv2.INTER_AREA))
    closed = cv2.morphologyEx(np.asarray(dense > 255 * _SOLID, np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(np.asarray(closed, np.uint8), connectivity=4)
    closed_areas: list[tuple[float, Region]] = []
    for label, box in enumerate(boxes[1:], 1):
        x, y, width, height, area = (int(number) for number in box)
        if min(width, height) * _GRAIN >= _LEAST_SIDE and area >= _FILLED * width * height:
            part = np.s_[y : y + height, x : x + width]
            region = Region(x * _GRAIN, y * _GRAIN, (x + width) * _GRAIN, (y + height) * _GRAIN)
            closed_areas.append((float(dense[part][labels[part] == label].mean()), region))
    return [region for _, region in sorted(closed_areas, key=lambda one: (-one[0], one[1]))[:_ISLANDS]]


def steep_alone(grey: Shown, steps: Shown) -> Shown:
    """Return the alternations without those of noise and texture: where few differences make up most of the change."""
    cells = max(1, grey.shape[0] // _GRAIN), max(1, grey.shape[1] // _GRAIN)
    dense = np.asarray(cv2.resize(cv2.blur(steps, (_NEAR, _NEAR)), cells[::-1], interpolation=cv2.INTER_AREA))
    rows_asked = np.flatnonzero((dense > 255 * _DENSE).any(axis=1))
    if not rows_asked.size or min(grey.shape) <= _GRAIN:
        return np.zeros_like(steps)
    near = _STEEP_WITHIN // _GRAIN
    asked = slice(max(0, int(rows_asked[0]) - near), int(rows_asked[-1]) + 1 + near)
    mean, square = _differences(grey, cells, asked)
    mean, square = (np.asarray(cv2.blur(one, (near, near)), np.float32) for one in (mean, square))
    steep = np.asarray((square > _STEEP * mean * mean) & (dense > 255 * _DENSE), np.uint8)
    closed = np.asarray(cv2.morphologyEx(steep, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)), np.uint8)
    closed |= _areas_of(steep, np.asarray(dense, np.uint8))
    return steps & np.asarray(cv2.resize(closed * 255, grey.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def _areas_of(steep: Shown, dense: Shown) -> Shown:
    """Return the areas of alternations of which a part is steep, whole: fine bars that are blurred become waves."""
    number, labels, areas, _ = cv2.connectedComponentsWithStats(np.asarray(dense > 255 * _DENSE, np.uint8))
    counts = np.bincount(labels.ravel(), weights=steep.ravel(), minlength=number)
    whole = np.asarray(counts >= _STEEP_SHARE * np.maximum(areas[:, cv2.CC_STAT_AREA], 1), np.uint8)
    whole[0] = 0  # where nothing alternates
    return np.asarray(whole[labels], np.uint8)


def _differences(grey: Shown, cells: tuple[int, int], asked: slice) -> tuple[Floats, Floats]:
    """Return the means of the differences between neighbours, and of their squares, in the cells of some rows."""
    mean, square = np.zeros(cells, np.float32), np.zeros(cells, np.float32)
    for band in bands(grey[: cells[0] * _GRAIN].reshape(cells[0], -1)[asked]):
        first, last = asked.start + band.start, min(cells[0], asked.stop, asked.start + band.stop)
        here = grey[first * _GRAIN : last * _GRAIN + 1, : cells[1] * _GRAIN + 1].astype(np.float32)
        smooth = np.asarray(cv2.GaussianBlur(here, (0, 0), _SMOOTH))
        for steps in (cv2.absdiff(smooth[:, 1:], smooth[:, :-1]), cv2.absdiff(smooth[1:], smooth[:-1])):
            for sums, values in ((mean, steps), (square, steps * steps)):
                sums[first:last] += cv2.resize(values, (cells[1], last - first), interpolation=cv2.INTER_AREA)
    mean /= 2
    square /= 2
    return mean, square


def parts(alternations: Shown) -> list[Region]:
    """Return the parts in which dark and light alternate as in a code, the densest first."""
    rows, columns = alternations.shape
    size = max(1, columns // _BLOCK), max(1, rows // _BLOCK)
    # Sums of at most 15 times 64 times 64 fit into two bytes for each pixel of the frame, means would take four.
    sums = cv2.boxFilter(alternations & _FULL, cv2.CV_16U, (_WINDOW, _WINDOW), normalize=False)
    dense = np.asarray(cv2.resize(sums, size, interpolation=cv2.INTER_AREA)).astype(np.float32) / (_FULL * _WINDOW**2)
    del sums
    dense_parts: list[Region] = []
    for _ in range(_PARTS):
        densest = float(dense.max())
        if densest < _DENSE:
            break
        y, x = np.unravel_index(int(dense.argmax()), dense.shape)
        _, labels, boxes, _ = cv2.connectedComponentsWithStats(np.asarray(dense > _REACH * densest, np.uint8))
        label = int(labels[y, x])
        dense[labels == label] = 0
        left, top, width, height = (int(number) * _BLOCK for number in boxes[label][:4])
        part = Region(left, top, left + width + _BLOCK, top + height + _BLOCK).with_margin(AROUND_PART)
        if part.clipped(columns, rows).area <= _LARGEST * rows * columns:
            dense_parts.append(part.clipped(columns, rows))
    return dense_parts


def _steps(grey: Shown, rows: slice) -> Shown:
    """Return how much each pixel of some rows differs from the previous one, in row and column together."""
    here, first = grey[rows], int(rows.start == 0)
    steps = np.zeros_like(here)
    cv2.absdiff(here[:, 1:], here[:, :-1], steps[:, 1:])
    if len(here) > first:
        above = grey[rows.start - 1 + first : rows.start - 1 + len(here)]
        cv2.add(steps[first:], cv2.absdiff(here[first:], above), steps[first:])
    return steps


def _median_step(grey: Shown) -> int:
    """Return the median of how much the pixels differ from the previous ones."""
    counts = np.zeros(256)
    for rows in bands(grey):
        counts += cv2.calcHist([_steps(grey, rows)], [0], None, [256], [0, 256]).ravel()
    return int(np.searchsorted(np.cumsum(counts), grey.size / 2))


def island_formats(grey: Shown, even: Shown, island: Region) -> list[zxingcpp.BarcodeFormat]:
    """Return the kinds of codes that an island may be: none, some, or all."""
    here = np.s_[island.y0 : island.y1, island.x0 : island.x1]
    lighter = float((grey[here] > cv2.blur(grey[here], (_AROUND, _AROUND))).mean())
    if not (_LIGHTER[0] < lighter < _LIGHTER[1] and is_balanced(grey, island)):
        return []
    share = one_way(even, island)
    if share < _BARS_FROM:
        return [_FORMATS.AllMatrix]
    return [_FORMATS.AllLinear, _FORMATS.PDF417] if share > _SQUARES_TO else ALL


def is_balanced(grey: Shown, part: Region) -> bool:
    """Return whether rising edges are near falling ones, as in any code: the edge of a bone is not."""
    cut = grey[part.y0 : part.y1, part.x0 : part.x1]
    sums: list[float] = []
    for dx, dy in ((1, 0), (0, 1)):
        edges = cv2.Sobel(cut, cv2.CV_32F, dx, dy)
        left = np.abs(cv2.blur(edges, (_WITHIN, _WITHIN)))
        sums += [float(left.sum()), float(np.abs(edges).sum())]
    return sums[0] + sums[2] < _UNBALANCED * (sums[1] + sums[3])

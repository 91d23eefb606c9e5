"""Tell by its strokes whether a box holds a line of text, and how far its ink reaches.

Letters are drawn: in one brightness on a ground of another, with strokes of one width; several stand on one baseline,
have about the same height, and are not alike. Callipers and ticks are all alike, a trace is a single stroke, tissue has
none. Nothing is read here: what does not have the shape of a line has to be read before it is made black.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendit.deidentify.pixels.windowing import Shown

Floats = NDArray[np.float32]
Ink = NDArray[np.bool_]

#: A line is enlarged to at least this height (pixels), within limits: at their own size, small letters run together.
_HEIGHT, _MOST_ENLARGED, _WIDEST = 32, 4, 2400
#: Ink differs from its ground by at least this many grey levels, and its share of the box is within these limits.
_DIFFERS, _LEAST_INK, _MOST_INK = 12.0, 0.03, 0.6
#: An even ground (a bar, or nothing at all) deviates by less than this share of the ink's difference from it.
_EVEN = 0.12
#: A plain ground, with nothing behind the text, deviates by fewer grey levels than this.
_PLAIN = 3.0
#: Of a glyph: the least height (share of the tallest one), the greatest width (times its height), and the limits of the
#: share of its box that is ink.
_HIGH, _WIDE, _FILLED = 0.45, 1.8, (0.08, 0.92)
#: Of strokes: the limits of their width (shares of the glyphs' height), and its greatest deviation (share of the mean).
_STROKES, _ONE_WIDTH = (0.03, 0.36), 0.5
#: Of a line: the least number of glyphs, the least share of them on one baseline, how close to it they are (share of
#: their height), and how much they differ at least.
_GLYPHS, _ON_LINE, _NEAR, _UNLIKE = 4, 0.7, 0.16, 0.12
#: Of writing: how many strokes many rows cross at least, the same for each height of the line in its length, which
#: percentile of the rows crosses fewer, the limits of how much the distances between strokes deviate (share of their
#: mean), which share of the columns crosses a single one at most, and how much of the ink is strokes.
_CROSSED, _CROSSED_FOR_HEIGHT, _FEWER, _UNEVEN, _SINGLE, _LEFT = 3, 0.6, 70, (0.15, 0.9), 0.85, 0.4
#: Higher boxes (pixels) are not examined for writing, nor cut on uneven ground: most are shapes, and it takes long.
_HIGHEST = 72
#: With more than this share of its ink in colour, a box shows a colour map, flow, or a colour bar.
_SATURATED, _COLOURED = 40, 0.4
#: Ink is what differs from an even ground by more than this share of the ink's difference, and by more than this many
#: times the ground's deviation.
_FAINTEST, _DEVIATIONS = 0.12, 4.0
#: Where the ground deviates by more than this share of the ink's difference, ink is what differs from its surroundings.
_CLEAR = 0.02


@dataclass(frozen=True, slots=True)
class Strokes:
    """Describe the strokes in a box.

    Attributes:
        line: whether they are those of a line of text, whatever it says.
        even: whether their ground has one brightness, compared with the strokes.
        writing: whether they are like those of writing in any script, whose letters may be joined.
        plain: whether their ground has one brightness altogether, with nothing behind the strokes.
        coloured: whether much of its ink is in colour, for which `writing` is False.
        tight: the box, cut to its ink where the ground is even.
    """

    line: bool
    writing: bool
    even: bool
    plain: bool
    coloured: bool
    tight: Region


def strokes_in(shown: Shown, region: Region) -> Strokes:
    """Describe the strokes in a box of a frame, as it is displayed."""
    part = shown[region.y0 : region.y1, region.x0 : region.x1]
    grey = _grey(part)
    flat = float(np.ptp(grey)) < _DIFFERS if grey.size else True
    nothing = Strokes(line=False, writing=False, even=False, plain=flat, coloured=False, tight=region)
    if min(grey.shape) < 3:
        return nothing
    light, dark, at = _levels(grey)
    if light - dark < _DIFFERS:
        return nothing
    high = grey > at
    share = float(high.mean())
    ink = high if share <= 0.5 else ~high
    coloured = part.ndim == 3 and _is_coloured(part, ink)
    ground = grey[~ink]
    level = float(np.median(ground))
    difference = (light if share <= 0.5 else dark) - level
    deviation = 1.4826 * float(np.median(np.abs(ground - level)))
    even = deviation < _EVEN * abs(difference)
    drawn = _enlarged_ink(grey, at, light=share <= 0.5)
    line = drawn is not None and _are_glyphs(drawn)
    if min(grey.shape) > _HIGHEST:
        writing = False
    elif part.ndim == 3:
        writing = any(_is_writing(one) for one in _colourless_inks(part))
    else:
        writing = drawn is not None and _is_writing(drawn)
    tight = _cut(grey, ink, level, difference, deviation, region)
    return Strokes(line, writing, even, even and deviation < _PLAIN, coloured, tight)


def _grey(part: Shown) -> Floats:
    """Return the brightness, or the colour that differs most within the box."""
    if part.ndim == 2:
        return part.astype(np.float32)
    channels = part.reshape(-1, 3)
    grey: Floats = part[..., int(channels.std(axis=0).argmax())].astype(np.float32)
    return grey


def _levels(grey: Floats) -> tuple[float, float, float]:
    """Return the mean of the light and of the dark pixels, and the threshold between them (Otsu)."""
    at, _ = cv2.threshold(grey.astype(np.uint8), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    high = grey > at
    if high.all() or not high.any():
        return 0.0, 0.0, float(at)
    return float(grey[high].mean()), float(grey[~high].mean()), float(at)


def _is_coloured(part: Shown, ink: Ink) -> bool:
    return float((np.ptp(part[ink], axis=1) > _SATURATED).mean()) > _COLOURED


def _colourless_inks(part: Shown) -> Iterator[Ink]:
    """Yield what is ink in one colour and has none: flow behind white letters is bright in one of the three."""
    for number in range(3):
        grey = part[..., number].astype(np.float32)
        light, dark, at = _levels(grey)
        if light - dark < _DIFFERS:
            continue
        high = grey > at
        is_light = float(high.mean()) <= 0.5
        drawn = _enlarged_ink(grey, at, light=is_light)
        if drawn is not None and not _is_coloured(part, high if is_light else ~high):
            yield drawn


def _enlarged_ink(grey: Floats, at: float, *, light: bool) -> Ink | None:
    """Return the ink, lying and enlarged; None if it is too little or too much for letters."""
    rows, columns = grey.shape
    if rows > columns:
        grey = np.rot90(grey)
        rows, columns = columns, rows
    scale = min(max(1.0, _HEIGHT / rows), _MOST_ENLARGED, max(1.0, _WIDEST / columns))
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    large = np.asarray(cv2.resize(np.ascontiguousarray(grey), size, interpolation=cv2.INTER_CUBIC))
    ink = large > at if light else large <= at
    return ink if _LEAST_INK < float(ink.mean()) < _MOST_INK else None


def _without_blobs(ink: Ink) -> Ink:
    """Return the ink without what is thicker than any stroke, as tissue in a corner of the box."""
    side = round(_STROKES[1] * ink.shape[0])
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    thick = np.asarray(cv2.morphologyEx(ink.astype(np.uint8), cv2.MORPH_OPEN, pen))
    left: Ink = ink & (np.asarray(cv2.dilate(thick, np.ones((5, 5), np.uint8))) == 0)
    return left


def _is_writing(ink: Ink) -> bool:
    """Return whether many rows of the ink cross many strokes, at distances that differ: no ticks, and no trace."""
    whole, ink = int(ink.sum()), _without_blobs(ink)
    if not int(ink.sum()) > _LEFT * whole:
        return False
    down, along = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    tight = ink[down[0] : down[-1] + 1, along[0] : along[-1] + 1]
    crossed_down = _starts(tight.T).sum(axis=1)
    if float((crossed_down == 1).mean()) > _SINGLE:
        return False  # a trace
    starts = _starts(tight)
    crossed = starts.sum(axis=1)
    if float(np.percentile(crossed, _FEWER)) < max(_CROSSED, _CROSSED_FOR_HEIGHT * tight.shape[1] / tight.shape[0]):
        return False
    distances = [np.diff(np.flatnonzero(row)) for row in starts[crossed >= _CROSSED]]
    if not _UNEVEN[0] <= float(np.median([one.std() / one.mean() for one in distances])) <= _UNEVEN[1]:
        return False  # ticks, or stripes here and there
    return _are_drawn(ink, ink.astype(np.int32), float(tight.shape[0]))


def _starts(ink: Ink) -> Ink:
    """Return where strokes begin along each row."""
    starts: Ink = np.diff(ink.astype(np.int8), axis=1, prepend=np.int8(0)) > 0
    return starts


def _are_glyphs(ink: Ink) -> bool:
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    all_ = statistics[1:]
    rows = ink.shape[0]
    parts = all_[all_[:, cv2.CC_STAT_AREA] >= max(4, 0.002 * rows * rows)]
    if len(parts) < _GLYPHS:
        return False
    heights, widths = parts[:, cv2.CC_STAT_HEIGHT].astype(float), parts[:, cv2.CC_STAT_WIDTH].astype(float)
    highest = float(np.percentile(heights, 90))
    filled = parts[:, cv2.CC_STAT_AREA] / (heights * widths)
    fits = (
        (heights >= _HIGH * highest)
        & (heights <= 1.35 * highest)
        & (widths <= _WIDE * heights)
        & (filled > _FILLED[0])
        & ((filled < _FILLED[1]) | (widths < 0.4 * heights))
    )
    glyphs = parts[fits]
    if len(glyphs) < max(_GLYPHS, 0.4 * len(parts)):
        return False
    bottoms = glyphs[:, cv2.CC_STAT_TOP] + glyphs[:, cv2.CC_STAT_HEIGHT]
    if float((np.abs(bottoms - np.median(bottoms)) <= _NEAR * highest).mean()) < _ON_LINE:
        return False
    kinds = glyphs[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_AREA]].astype(float)
    if float((kinds.std(axis=0) / kinds.mean(axis=0)).max()) < _UNLIKE:
        return False
    return _are_drawn(ink, np.asarray(labels, np.int32), highest)


def _are_drawn(ink: Ink, labels: NDArray[np.int32], height: float) -> bool:
    """Return whether everything is drawn with one pen: strokes of one width, thin for their height."""
    distances = np.asarray(cv2.distanceTransform(ink.astype(np.uint8), cv2.DIST_L2, 3))
    ridge = ink & (distances >= np.asarray(cv2.dilate(distances, np.ones((3, 3), np.uint8))) - 1e-3)
    halves = distances[ridge & (labels > 0)]
    if not halves.size:
        return False
    mean = float(halves.mean())
    return _STROKES[0] < 2 * mean / height < _STROKES[1] and float(halves.std()) < _ONE_WIDTH * mean


def _cut(grey: Floats, ink: Ink, level: float, difference: float, deviation: float, region: Region) -> Region:
    """Return the box without bare ground at its sides, cutting no more than a detector adds around a line."""
    clear = deviation < _CLEAR * abs(difference)
    if clear:
        differs = np.abs(grey - level)  # whatever its sign: letters may continue over another ground
        least = max(_FAINTEST * abs(difference), _DEVIATIONS * deviation, 3.0)
    elif min(grey.shape) > _HIGHEST:
        return region
    else:
        differs = _sharp(grey)
        least = max(_DEVIATIONS * 1.4826 * float(np.median(differs[~ink])), 3.0)
    inked, surely = differs > least, differs > 1.5 * least  # a single pixel of it may be noise
    rows, columns = (np.flatnonzero((inked.sum(axis=axis) > 1) | surely.any(axis=axis)) for axis in (1, 0))
    if not rows.size or not columns.size:
        return region
    most, spare = max(4, round(0.4 * min(grey.shape))), 0 if clear else 1
    left, top, right, bottom = (
        max(0, min(int(free) - spare, most))
        for free in (columns[0], rows[0], grey.shape[1] - 1 - columns[-1], grey.shape[0] - 1 - rows[-1])
    )
    return Region(region.x0 + left, region.y0 + top, region.x1 - right, region.y1 - bottom)


def _sharp(grey: Floats) -> Floats:
    """Return how much each pixel differs from what is around it: strokes do, smooth tissue does not."""
    side = max(5, 2 * (min(grey.shape) // 4) + 1)
    numbers = np.ascontiguousarray(grey, np.uint8)
    return np.asarray(cv2.absdiff(numbers, cv2.medianBlur(numbers, side)), np.float32)

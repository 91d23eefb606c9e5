"""The second look: search for identifiers that can still be read in the masked frames.

The first look masks what is clearly text. This one sees the masked frame with local contrast enhanced everywhere, and
rotated by 45 degrees, so that every slant is near one that the network detects. Noise and tissue then often look like
text, so a find counts only if it reads as an identifier.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sendit.deidentify.pixels.ocr.match_identifiers import identifies
from sendit.deidentify.pixels.ocr.models import LINE_HEIGHT, STEP, probabilities, read_line
from sendit.deidentify.pixels.ocr.oriented import TextLine, lines, turned_back
from sendit.deidentify.pixels.ocr.tiles import cut, tiles
from sendit.deidentify.pixels.regions import Region
from sendit.deidentify.pixels.windowing import Shown, sampled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from sendit.deidentify.leak_check.identifiers import Identifiers
    from sendit.deidentify.pixels.native import Array

_MIDDLE = 128
#: Size of the surroundings that a place is compared with (pixels), and the grey levels that their noise becomes.
_AROUND, _LOUD = 12.0, 45.0
#: Differences below this share of the frame's range are ignored.
_LEAST = 0.004
#: Rotation, its scale, and for frames with more pixels than this the coarser one: slanting text is seldom small there.
_TURN, _TURNED_SIZE, _FINE, _COARSE_SIZE = 45.0, 0.75, 800_000, 0.5
#: Least slant in degrees; the upright frame covers the rest.
_SLANT = 15.0
#: Rows of the rotated frame that are searched together: its corners are empty.
_STRIP, _STRIP_OVERLAP, _LONGEST = 224, 32, 1280
_FLAT = 6
#: The most lines of one frame that are read, the likeliest first, and their greatest length.
_MOST_READ, _WIDEST = 24, 640
#: Lines this likely are read upside down, too.
_LIKELY = 0.6


def contrast_view(frame: Array, masked: Iterable[Region]) -> Shown:
    """Return a frame with each place as bright as it differs from its surroundings; masked areas are grey."""
    grey = _grey(frame)
    if not grey.size:
        return np.zeros(grey.shape, np.uint8)
    low, high = np.percentile(sampled(grey), (1, 99))
    around = cv2.GaussianBlur(grey, (0, 0), _AROUND)
    difference = grey - around
    noise = np.sqrt(cv2.GaussianBlur(difference * difference, (0, 0), _AROUND))
    difference *= _LOUD / (noise + max(_LEAST * float(high - low), 1e-6))
    shown: Shown = np.clip(difference + _MIDDLE, 0, 255).astype(np.uint8)
    for region in masked:
        inside = region.clipped(shown.shape[1], shown.shape[0])
        shown[inside.y0 : inside.y1, inside.x0 : inside.x1] = _MIDDLE
    return shown


def _grey(frame: Array) -> NDArray[np.float32]:
    if frame.ndim == 3:
        return np.asarray(frame.mean(axis=2, dtype=np.float32))
    grey: NDArray[np.float32] = frame.astype(np.float32)
    return np.nan_to_num(grey, nan=0.0, posinf=0.0, neginf=0.0) if frame.dtype.kind == "f" else grey


def identifiers_in(shown: Shown, identifiers: Identifiers) -> list[Region]:
    """Return where an identifier can be read in a view of a frame, at any angle."""
    candidates: list[TextLine] = []
    for line in sorted([*_upright(shown), *_slanting(shown)], key=lambda line: (-line.score, line.y, line.x)):
        if not any(line.within(other) for other in candidates):
            candidates.append(line)
    return [
        region for line in candidates[:_MOST_READ] if _identifies(shown, line, identifiers) for region in line.regions()
    ]


def _identifies(shown: Shown, line: TextLine, identifiers: Identifiers) -> bool:
    either = line.score >= _LIKELY or abs(line.angle) >= _SLANT
    return any(
        identifies(_read(shown, line, upside_down=turned), identifiers)
        for turned in ((False, True) if either else (False,))
    )


def _read(shown: Shown, line: TextLine, *, upside_down: bool) -> str:
    flat = line.cut_out(shown, LINE_HEIGHT, _WIDEST, upside_down=upside_down)
    low, high = np.percentile(flat, (2, 98))
    flat = np.clip((flat - np.float32(low)) * (255 / max(float(high - low), 1.0)), 0, 255).astype(np.uint8)
    return read_line(_coloured(flat))[0]


def _upright(shown: Shown) -> list[TextLine]:
    rows, columns = shown.shape
    return [line for tile in tiles(rows, columns) for line in _lines(shown, tile)]


def _slanting(shown: Shown) -> list[TextLine]:
    """Return slanting lines, found in the rotated frame."""
    scale = _TURNED_SIZE if shown.size <= _FINE else _COARSE_SIZE
    turned, back = _turned(shown, scale)
    candidates = [turned_back(line, back, _TURN, scale) for strip in _strips(turned) for line in _lines(turned, strip)]
    return [line for line in candidates if line.slant >= _SLANT]


def _turned(shown: Shown, scale: float) -> tuple[Shown, NDArray[np.float64]]:
    """Return a frame rotated clockwise, and the transformation back."""
    rows, columns = shown.shape
    side = int((rows + columns) * scale * 0.7072) + 2
    matrix = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), -_TURN, scale)
    matrix[:, 2] += (side - columns) / 2, (side - rows) / 2
    turned = cv2.warpAffine(shown, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=_MIDDLE)
    return np.asarray(turned, np.uint8), np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def _strips(turned: Shown) -> list[Region]:
    """Return the rotated frame without its empty corners."""
    strips: list[Region] = []
    for top in range(0, len(turned), _STRIP - _STRIP_OVERLAP):
        columns = np.flatnonzero((turned[top : top + _STRIP] != _MIDDLE).any(axis=0))
        if columns.size:
            whole = Region(int(columns[0]), top, int(columns[-1]) + 1, min(top + _STRIP, len(turned)))
            strips += cut(whole, _LONGEST, _STRIP)
    return strips


def _lines(shown: Shown, tile: Region) -> list[TextLine]:
    part = shown[tile.y0 : tile.y1, tile.x0 : tile.x1]
    if int(part.max(initial=0)) - int(part.min(initial=255)) < _FLAT:
        return []
    rows, columns = part.shape
    padded = np.pad(part, ((0, -rows % STEP), (0, -columns % STEP)), constant_values=_MIDDLE)
    candidates = lines(probabilities(_coloured(padded)), 1.0)
    return [replace(line, x=line.x + tile.x0, y=line.y + tile.y0) for line in candidates]


def _coloured(shown: Shown) -> Shown:
    return np.ascontiguousarray(np.repeat(shown[..., np.newaxis], 3, axis=2))

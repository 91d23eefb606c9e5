"""The second look: search for identifiers that can still be read in the masked frames.

The first look masks what is clearly text. This one sees the masked frame with local contrast enhanced everywhere, and
rotated by 45 degrees, so that every slant is near one that the network detects, wherever anything stands out from the
noise around it. Noise and tissue then often look like text, so a find counts only if it reads as an identifier.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sendit.deidentify.pixels.ocr.match_identifiers import identifies
from sendit.deidentify.pixels.ocr.models import LINE_HEIGHT, STEP, probabilities, read_line
from sendit.deidentify.pixels.ocr.oriented import TextLine, lines, turned_back
from sendit.deidentify.pixels.ocr.salience import (
    CELL,
    FAINT,
    FAINT_FINE,
    Marks,
    all_cells,
    cells_of,
    grown,
    rectangles,
    salient_cells,
    varied_cells,
    without,
)
from sendit.deidentify.pixels.ocr.tiles import cut_to_tiles
from sendit.deidentify.pixels.redaction.bands import by_bands
from sendit.deidentify.pixels.windowing import Shown, sampled, views

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from sendit.deidentify.leak_check.identifiers import Identifiers
    from sendit.deidentify.pixels.native import Array
    from sendit.deidentify.pixels.regions import Region

_MIDDLE = 128
#: Size of the surroundings that a place is compared with (pixels), and the grey levels that their noise becomes.
_AROUND, _LOUD = 12.0, 45.0
#: In wide areas whose grey levels deviate by so much, small letters that can be told from their surroundings have a
#: contrast that the first look finds: there they are not searched for, but near masks. All else is, in the upright
#: frame, too: turned by 45°, a line that slants the other way stands on end (of 24 in speckle, 11 could be read).
_SEEN = 20.0
#: Rows on either side that count for a row: both blurs reach four times _AROUND.
_REACH = 100
#: Differences below this share of the frame's range are ignored.
_LEAST = 0.004
#: Rotation, its scale, and for frames with more pixels than this the coarser one: slanting text is seldom small there.
_TURN, _TURNED_SIZE, _FINE, _COARSE_SIZE = 45.0, 0.75, 800_000, 0.5
#: Enlargement where small letters may be: of 126 lines of 5 and 10 % contrast, 12 could be read afterwards without it,
#: 7 with 1.5, none with 2. If they may be in more than this share of the frame, 1.5 found the same.
_LARGER, _LARGER_MANY, _MANY = 2.0, 1.5, 0.25
#: Frames with more pixels are searched in half of their size where no small letters may be: what stands out there has
#: wider strokes, whose letters are small enough then. A network takes a quarter of the time.
_WIDE, _HALF = 4_000_000, 0.5
#: What is masked changes what the network finds so near to it (pixels).
_NEAR = 48
#: Least slant in degrees; the upright frame covers the rest.
_SLANT = 15.0
_FLAT = 6
#: The most lines of one frame that are read, the likeliest first, and their greatest length.
_MOST_READ, _WIDEST = 32, 640
#: Lines this likely are read upside down, too, and mirrored if they do not slant.
_LIKELY = 0.6


def contrast_view(frame: Array, masked: Iterable[Region]) -> Shown:
    """Return a frame with each place as bright as it differs from its surroundings; masked areas are grey."""
    if not frame.size:
        return np.zeros(frame.shape[:2], np.uint8)
    low, high = np.percentile(_grey(sampled(frame)), (1, 99))
    least = max(_LEAST * float(high - low), 1e-6)
    shown = by_bands(lambda band: _contrast(_grey(band), least), frame, frame.shape[:2], reach=_REACH)
    for region in masked:
        inside = region.clipped(shown.shape[1], shown.shape[0])
        shown[inside.y0 : inside.y1, inside.x0 : inside.x1] = _MIDDLE
    return shown


def _contrast(grey: NDArray[np.float32], least: float) -> Shown:
    """Return each place as bright as it differs from its surroundings, in multiples of their noise."""
    difference = grey - cv2.GaussianBlur(grey, (0, 0), _AROUND)
    noise = np.sqrt(cv2.GaussianBlur(difference * difference, (0, 0), _AROUND))
    difference *= _LOUD / (noise + least)
    return np.asarray(np.clip(difference + _MIDDLE, 0, 255), np.uint8)


def _grey(frame: Array) -> NDArray[np.float32]:
    if frame.ndim == 3:
        return np.asarray(frame.mean(axis=2, dtype=np.float32))
    grey: NDArray[np.float32] = frame.astype(np.float32)
    return np.nan_to_num(grey, nan=0.0, posinf=0.0, neginf=0.0) if frame.dtype.kind == "f" else grey


@dataclass(frozen=True, slots=True)
class Places:
    """The cells of a frame that are searched.

    Attributes:
        strokes: where strokes stand out from the noise around them, however faint: other cells hold no line.
        fine: those of them where small letters may be that the first look may have missed.
    """

    strokes: Marks
    fine: Marks

    def near(self, regions: Iterable[Region]) -> Places:
        """Return only what is near these regions."""
        wide = [region.with_margin(_NEAR) for region in regions]
        strokes, fine = (cells - without(cells, wide) for cells in (self.strokes, self.fine))
        return Places(strokes, fine)


def places_in(frame: Array, masked: Iterable[Region] = ()) -> Places:
    """Return the places of a frame that may hold a line, where the first look left it.

    Args:
        frame: the frame, without masks.
        masked: what the first look found.
    """
    strokes, fine, loud = np.zeros((3, *cells_of(frame)), np.uint8)
    for view in views(frame):
        fine |= salient_cells(view, FAINT_FINE)
        strokes |= salient_cells(view, FAINT) | fine
        loud |= varied_cells(view, _AROUND, _SEEN)
    left = 1 - without(loud, [one.with_margin(_NEAR) for one in masked])
    return Places(strokes, fine & left)


def everywhere(shown: Shown) -> Places:
    """Return all of a frame."""
    return Places(all_cells(shown), all_cells(shown))


def identifiers_in(shown: Shown, identifiers: Identifiers, places: Places) -> list[Region]:
    """Return where an identifier can be read in some places of a view of a frame, at any angle.

    A line that is found in two sizes is read twice: its ends differ, and of a faint line the reading with them.
    """
    passes = _upright(shown, places), _larger(shown, places), _slanting(shown, places)
    candidates = sorted((line for lines_ in passes for line in _distinct(lines_)), key=_likelihood)
    return [
        region for line in candidates[:_MOST_READ] if _identifies(shown, line, identifiers) for region in line.regions()
    ]


def _distinct(found: list[TextLine]) -> list[TextLine]:
    """Return the lines that are no part of a likelier one."""
    distinct: list[TextLine] = []
    for line in sorted(found, key=_likelihood):
        if not any(line.within(other) for other in distinct):
            distinct.append(line)
    return distinct


def _likelihood(line: TextLine) -> tuple[float, float, float]:
    return -line.score, line.y, line.x


def _identifies(shown: Shown, line: TextLine, identifiers: Identifiers) -> bool:
    likely, slanting = line.score >= _LIKELY, abs(line.angle) >= _SLANT
    ways = [(False, False)]
    if likely or slanting:
        ways.append((True, False))
    if likely and not slanting:
        ways.append((False, True))
    return any(
        identifies(_read(shown, line, upside_down=turned, mirrored=mirrored), identifiers) for turned, mirrored in ways
    )


def _read(shown: Shown, line: TextLine, *, upside_down: bool, mirrored: bool) -> str:
    flat = line.cut_out(shown, LINE_HEIGHT, _WIDEST, upside_down=upside_down)
    flat = flat[:, ::-1] if mirrored else flat
    low, high = np.percentile(flat, (2, 98))
    flat = np.clip((flat - np.float32(low)) * (255 / max(float(high - low), 1.0)), 0, 255).astype(np.uint8)
    return read_line(_coloured(flat))[0]


def _upright(shown: Shown, places: Places) -> list[TextLine]:
    """Return lines that do not slant."""
    if shown.size <= _WIDE:
        return _found(shown, grown(places.strokes), 1)
    fine = grown(places.fine)
    return [*_found(shown, fine, 1), *_found(shown, grown(places.strokes) & (1 - fine), _HALF)]


def _larger(shown: Shown, places: Places) -> list[TextLine]:
    """Return the same, enlarged, where small letters may be."""
    fine = grown(places.fine)
    return _found(shown, fine, _LARGER_MANY if fine.mean() > _MANY else _LARGER) if shown.size <= _FINE else []


def _slanting(shown: Shown, places: Places) -> list[TextLine]:
    """Return slanting lines, found in the rotated frame."""
    scale = _TURNED_SIZE if shown.size <= _FINE else _COARSE_SIZE
    turned, back = _turned(shown, scale)
    found = _found(turned, _turned_cells(grown(places.strokes), turned.shape, back), 1)
    candidates = [turned_back(line, back, _TURN, scale) for line in found]
    return [line for line in candidates if line.slant >= _SLANT]


def _found(shown: Shown, cells: Marks, enlarged: float) -> list[TextLine]:
    """Return the lines that the network finds in some cells, enlarged or reduced."""
    tiles = cut_to_tiles(rectangles(cells, *shown.shape), enlarged)
    return [line for tile in tiles for line in _lines(shown, tile, enlarged)]


def _turned(shown: Shown, scale: float) -> tuple[Shown, NDArray[np.float64]]:
    """Return a frame rotated clockwise, and the transformation back."""
    rows, columns = shown.shape
    side = int((rows + columns) * scale * 0.7072) + 2
    matrix = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), -_TURN, scale)
    matrix[:, 2] += (side - columns) / 2, (side - rows) / 2
    turned = cv2.warpAffine(shown, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=_MIDDLE)
    return np.asarray(turned, np.uint8), np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def _turned_cells(cells: Marks, shape: tuple[int, ...], back: NDArray[np.float64]) -> Marks:
    """Return the cells of the rotated frame in which there is something of these cells of the frame."""
    size = -(-shape[1] // CELL), -(-shape[0] // CELL)
    middle = (CELL - 1) / 2
    matrix = back.copy()  # from cells to cells: their middles lie apart by CELL pixels in both frames
    matrix[:, 2] = (back[:, :2] @ (middle, middle) + back[:, 2] - middle) / CELL
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    share = cv2.warpAffine(cells.astype(np.float32), matrix, size, flags=flags)
    return np.asarray(np.asarray(share) > 0, np.uint8)


def _lines(shown: Shown, tile: Region, scale: float) -> list[TextLine]:
    """Return the lines that the network finds in a part of another size, in pixels of all that is shown."""
    part = shown[tile.y0 : tile.y1, tile.x0 : tile.x1]
    if int(part.max(initial=0)) - int(part.min(initial=255)) < _FLAT:
        return []
    if scale != 1:
        way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        part = np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=way), np.uint8)
    rows, columns = part.shape
    padded = np.pad(part, ((0, -rows % STEP), (0, -columns % STEP)), constant_values=_MIDDLE)
    candidates = lines(probabilities(_coloured(padded)), scale)
    return [replace(line, x=line.x + tile.x0, y=line.y + tile.y0) for line in candidates]


def _coloured(shown: Shown) -> Shown:
    return np.ascontiguousarray(np.repeat(shown[..., np.newaxis], 3, axis=2))

"""The parts of a frame that go through the network: tiles of the whole, and cells that are searched closely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Side of a tile (pixels of the image), and the overlap of tiles (the highest line that may be cut).
_TILE, _OVERLAP = 640, 64
#: The same for close searches.
_CLOSE, _CLOSE_OVERLAP = 320, 48
#: Side of a cell (pixels), and how far around a find the search extends.
_CELL, _AROUND = 32, 12


def tiles(rows: int, columns: int) -> list[Region]:
    """Return tiles that cover a frame."""
    return cut(Region(0, 0, columns, rows), _TILE, _OVERLAP)


def cut_to_tiles(parts: Iterable[Region], enlarged: float = 1.0) -> list[Region]:
    """Return parts of a frame, cut where they are larger than a tile once they are enlarged."""
    return [tile for part in parts for tile in cut(part, round(_TILE / enlarged), _OVERLAP)]


def closely_searched(find: Region) -> Region:
    """Return what a close search around a find sees: whole cells."""
    wide = find.with_margin(_AROUND)
    return Region(
        wide.x0 // _CELL * _CELL, wide.y0 // _CELL * _CELL, -(-wide.x1 // _CELL) * _CELL, -(-wide.y1 // _CELL) * _CELL
    )


class Cells:
    """Marked cells of a frame, where something was found; at the same places in every frame."""

    def __init__(self, rows: int, columns: int) -> None:
        self._rows, self._columns = rows, columns
        self._marked = np.zeros((-(-rows // _CELL), -(-columns // _CELL)), np.uint8)

    def add(self, regions: Iterable[Region]) -> bool:
        """Mark the cells that these touch; return whether one is new."""
        before = int(self._marked.sum())
        for region in regions:
            inside = region.clipped(self._columns, self._rows)
            if not inside.empty:
                rows = slice(inside.y0 // _CELL, -(-inside.y1 // _CELL))
                self._marked[rows, inside.x0 // _CELL : -(-inside.x1 // _CELL)] = 1
        return int(self._marked.sum()) > before

    def tiles(self) -> list[Region]:
        """Return rectangles that cover all marked cells: one for each connected group, if it is not too large."""
        if not self._marked.any():  # OpenCV crashes on an array without elements
            return []
        count, _, statistics, _ = cv2.connectedComponentsWithStats(self._marked, connectivity=4)
        rectangles: list[Region] = []
        for label in range(1, count):
            x, y, width, height = (int(value) * _CELL for value in statistics[label][:4])
            whole = Region(x, y, x + width, y + height).clipped(self._columns, self._rows)
            rectangles.extend(tile for tile in cut(whole, _CLOSE, _CLOSE_OVERLAP) if self._holds(tile))
        return rectangles

    def _holds(self, tile: Region) -> bool:
        cells = self._marked[tile.y0 // _CELL : -(-tile.y1 // _CELL), tile.x0 // _CELL : -(-tile.x1 // _CELL)]
        return bool(cells.any())


def cut(whole: Region, longest: int, overlap: int) -> list[Region]:
    """Cut a rectangle into parts with sides of at most this length, each overlapping the next."""
    return [
        Region(whole.x0 + x0, whole.y0 + y0, whole.x0 + x1, whole.y0 + y1)
        for y0, y1 in _spans(whole.y1 - whole.y0, longest, overlap)
        for x0, x1 in _spans(whole.x1 - whole.x0, longest, overlap)
    ]


def _spans(length: int, longest: int, overlap: int) -> list[tuple[int, int]]:
    """Return the fewest pieces of at most this length, all equally long, each overlapping the next."""
    if length <= longest:
        return [(0, length)]
    count = -(-(length - overlap) // (longest - overlap))
    side = -(-(length + (count - 1) * overlap) // count)
    starts = [round(index * (length - side) / (count - 1)) for index in range(count)]
    return [(start, start + side) for start in starts]

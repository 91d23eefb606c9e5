"""Rectangles in pixel coordinates: the first column and row are 0, the ends are exclusive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """Columns x0 to x1 and rows y0 to y1, without x1 and y1."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def empty(self) -> bool:
        """Return whether it contains no pixel."""
        return self.x0 >= self.x1 or self.y0 >= self.y1

    @property
    def area(self) -> int:
        """Return the number of pixels."""
        return 0 if self.empty else (self.x1 - self.x0) * (self.y1 - self.y0)

    def clipped(self, columns: int, rows: int) -> Region:
        """Return the part within an image."""
        return self.intersection(Region(0, 0, columns, rows))

    def intersection(self, other: Region) -> Region:
        """Return the part in both; possibly an empty region."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        return Region(x0, y0, max(x0, min(self.x1, other.x1)), max(y0, min(self.y1, other.y1)))

    def touches(self, other: Region) -> bool:
        """Return whether the two share a pixel."""
        return not self.intersection(other).empty

    def with_margin(self, pixels: int) -> Region:
        """Return it enlarged on every side; it may exceed the image."""
        return Region(self.x0 - pixels, self.y0 - pixels, self.x1 + pixels, self.y1 + pixels)

    def moved(self, x: int, y: int) -> Region:
        """Return it moved right and down."""
        return Region(self.x0 + x, self.y0 + y, self.x1 + x, self.y1 + y)

    def around(self, other: Region) -> Region:
        """Return the smallest region that contains both."""
        return Region(min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1))

    def without(self, hole: Region) -> list[Region]:
        """Return what remains beside another region: up to four that do not overlap."""
        hole = self.intersection(hole)
        if hole.empty:
            return [] if self.empty else [self]
        parts = (
            Region(self.x0, self.y0, self.x1, hole.y0),
            Region(self.x0, hole.y1, self.x1, self.y1),
            Region(self.x0, hole.y0, hole.x0, hole.y1),
            Region(hole.x1, hole.y0, self.x1, hole.y1),
        )
        return [part for part in parts if not part.empty]


@dataclass(frozen=True, slots=True)
class Corrections:
    """Corrections of a reviewer to text in images of one size."""

    rows: int
    columns: int
    drawn: tuple[Region, ...] = ()  # to be masked, whatever else is
    false: tuple[Region, ...] = ()  # text detection found text there, and there is none


def outside(kept: Iterable[Region], columns: int, rows: int) -> tuple[Region, ...]:
    """Return an image without the regions that are retained."""
    left = [Region(0, 0, columns, rows)]
    for region in kept:
        left = [part for whole in left for part in whole.without(region)]
    return tuple(sorted(left))


def subtracted(regions: Iterable[Region], kept: Sequence[Region]) -> tuple[Region, ...]:
    """Return the regions without those that are retained."""
    left = list(regions)
    for region in kept:
        left = [part for whole in left for part in whole.without(region)]
    return tuple(sorted(left))


def united(regions: Iterable[Region], columns: int, rows: int) -> tuple[Region, ...]:
    """Return regions that cover the same pixels, without those outside of the image or within another region."""
    largest_first = sorted({region.clipped(columns, rows) for region in regions}, key=lambda region: -region.area)
    kept: list[Region] = []
    for region in largest_first:
        if not region.empty and not any(region.intersection(other) == region for other in kept):
            kept.append(region)
    return tuple(sorted(kept))

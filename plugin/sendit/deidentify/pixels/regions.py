"""Rectangles in pixel coordinates: the first column and row are 0, the ends are not part of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """Columns x0 up to x1, rows y0 up to y1, without x1 and y1."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def empty(self) -> bool:
        """Whether there is no pixel in it."""
        return self.x0 >= self.x1 or self.y0 >= self.y1

    @property
    def area(self) -> int:
        """Pixels."""
        return 0 if self.empty else (self.x1 - self.x0) * (self.y1 - self.y0)

    def clipped(self, columns: int, rows: int) -> Region:
        """What of it lies within an image."""
        return self.intersection(Region(0, 0, columns, rows))

    def intersection(self, other: Region) -> Region:
        """What lies in both; perhaps an empty region."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        return Region(x0, y0, max(x0, min(self.x1, other.x1)), max(y0, min(self.y1, other.y1)))

    def touches(self, other: Region) -> bool:
        """Whether the two have a pixel in common."""
        return not self.intersection(other).empty

    def with_margin(self, pixels: int) -> Region:
        """So much larger on every side; it may reach out of the image."""
        return Region(self.x0 - pixels, self.y0 - pixels, self.x1 + pixels, self.y1 + pixels)

    def around(self, other: Region) -> Region:
        """The smallest one that holds both."""
        return Region(min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1))

    def without(self, hole: Region) -> list[Region]:
        """What is left of it beside another one: up to four that do not overlap."""
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


def outside(kept: Iterable[Region], columns: int, rows: int) -> tuple[Region, ...]:
    """All of an image but the regions that are kept."""
    left = [Region(0, 0, columns, rows)]
    for region in kept:
        left = [part for whole in left for part in whole.without(region)]
    return tuple(sorted(left))


def subtracted(regions: Iterable[Region], kept: Sequence[Region]) -> tuple[Region, ...]:
    """The regions without what is to be kept."""
    left = list(regions)
    for region in kept:
        left = [part for whole in left for part in whole.without(region)]
    return tuple(sorted(left))


def united(regions: Iterable[Region], columns: int, rows: int) -> tuple[Region, ...]:
    """The same pixels without those outside of the image, and without regions that lie within another one."""
    found = sorted({region.clipped(columns, rows) for region in regions}, key=lambda region: -region.area)
    kept: list[Region] = []
    for region in found:
        if not region.empty and not any(region.intersection(other) == region for other in kept):
            kept.append(region)
    return tuple(sorted(kept))

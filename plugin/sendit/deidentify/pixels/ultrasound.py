"""Where an ultrasound image has its picture: SequenceOfUltrasoundRegions (PS3.3 C.8.5.5)."""

from __future__ import annotations

from sendit.deidentify.dataset import Dataset, find
from sendit.deidentify.pixels.regions import Region

_REGIONS = 0x00186011
_CORNERS = (0x00186018, 0x0018601A, 0x0018601C, 0x0018601E)  # MinX0, MinY0, MaxX1, MaxY1


def ultrasound_regions(elements: Dataset, order: str) -> tuple[Region, ...]:
    """The regions; none if one of them cannot be read, so that nothing is kept that should not be."""
    sequence = find(elements, _REGIONS)
    if sequence is None or not sequence.items:
        return ()
    found = []
    for item in sequence.items:
        corners = [find(item, tag) for tag in _CORNERS]
        values = [
            int.from_bytes(c.value, "little" if order == "<" else "big")
            for c in corners
            if c is not None and len(c.value) == 4
        ]
        if len(values) != 4:
            return ()
        x0, y0, x1, y1 = values
        region = Region(x0, y0, x1 + 1, y1 + 1)  # the last column and row are part of it
        if region.empty:
            return ()
        found.append(region)
    return tuple(found)

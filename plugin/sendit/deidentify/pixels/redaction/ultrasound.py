"""The regions of the image that an ultrasound device declares (PS3.3 C.8.5.5)."""

from __future__ import annotations

from sendit.deidentify.dicom.dataset import Dataset, find
from sendit.deidentify.pixels.regions import Region

_REGIONS = 0x00186011
_CORNERS = (0x00186018, 0x0018601A, 0x0018601C, 0x0018601E)  # MinX0, MinY0, MaxX1, MaxY1
_FORMAT, _DATA = 0x00186012, 0x00186014  # RegionSpatialFormat, RegionDataType
_NONE = 0  # of either: neither image nor curve, but anything on the screen
#: Devices include the last column and row or not; what exceeds that was declared for an image of another size.
_TOO_FAR = 2


def ultrasound_regions(elements: Dataset, order: str, columns: int, rows: int) -> tuple[Region, ...]:
    """Return the regions that hold an image or a curve.

    Nothing if one of them cannot be read or exceeds the image, so that nothing stays that should not. Regions whose
    format or data type is none are left out.

    Args:
        elements: the dataset.
        order: of bytes, as `struct` has it.
        columns: of the image.
        rows: of the image.
    """
    sequence = find(elements, _REGIONS)
    regions = []
    for item in (sequence.items if sequence is not None else None) or ():
        if _NONE in (_number(item, _FORMAT, 2, order), _number(item, _DATA, 2, order)):
            continue
        x0, y0, x1, y1 = (_number(item, tag, 4, order) for tag in _CORNERS)
        if x0 is None or y0 is None or x1 is None or y1 is None:
            return ()
        region = Region(x0, y0, x1 + 1, y1 + 1)  # the last column and row are included
        if region.empty or x1 + 1 > columns + _TOO_FAR or y1 + 1 > rows + _TOO_FAR:
            return ()
        regions.append(region.clipped(columns, rows))
    return tuple(region for region in regions if not region.empty)


def _number(item: Dataset, tag: int, size: int, order: str) -> int | None:
    """Return an unsigned number of this many bytes; None if there is none."""
    element = find(item, tag)
    if element is None or element.items is not None or len(element.value) != size:
        return None
    return int.from_bytes(element.value, "little" if order == "<" else "big")

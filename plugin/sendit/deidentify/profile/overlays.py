"""Overlays under CleanGraphics (PS3.15 E.3.3): regions of interest stay, graphics are removed.

Graphics overlays (type G) often contain text, which cannot be cleaned without reading it. The planes that mark a region
(type R) are retained, and their descriptions cleaned. Curves (50xx) are always removed.
"""

from __future__ import annotations

import re
import struct

from sendit.deidentify.dicom.dataset import Dataset, find
from sendit.deidentify.plan import Action, Rule

_FIRST, _LAST = 0x6000, 0x601E
_TYPE, _ROWS, _COLUMNS, _FRAMES, _DATA = 0x0040, 0x0010, 0x0011, 0x0015, 0x3000
#: Element of an overlay's group, VR, action. (OverlayRows, …Columns, NumberOfFramesInOverlay, OverlayDescription,
#: …Type, …Subtype, …Origin, ImageFrameOrigin, OverlayBitsAllocated, …BitPosition, ROIArea, ROIMean,
#: ROIStandardDeviation, OverlayLabel, …Data, …Comments)
_ELEMENTS = (
    (_ROWS, "US", Action.KEEP),
    (_COLUMNS, "US", Action.KEEP),
    (_FRAMES, "IS", Action.KEEP),
    (0x0022, "LO", Action.CLEAN),
    (_TYPE, "CS", Action.KEEP),
    (0x0045, "LO", Action.CLEAN),
    (0x0050, "SS", Action.KEEP),
    (0x0051, "US", Action.KEEP),
    (0x0100, "US", Action.KEEP),
    (0x0102, "US", Action.KEEP),
    (0x1301, "IS", Action.KEEP),
    (0x1302, "DS", Action.KEEP),
    (0x1303, "DS", Action.KEEP),
    (0x1500, "LO", Action.CLEAN),
    (_DATA, "OB or OW", Action.KEEP),
    (0x4000, "LT", Action.CLEAN),
)


def overlay_rules() -> dict[int, Rule]:
    """Return the rules for the sixteen groups of overlays, by tag."""
    groups = range(_FIRST, _LAST + 2, 2)
    return {group << 16 | number: Rule(action, vr) for group in groups for number, vr, action in _ELEMENTS}


def regions_of_interest(elements: Dataset, order: str) -> frozenset[int]:
    """Return the groups of the overlays that mark a region, and whose planes have the size that they declare."""
    groups = {element.tag >> 16 for element in elements if _FIRST <= element.tag >> 16 <= _LAST}
    return frozenset(group for group in groups if _is_region(elements, group << 16, order))


def without_graphics(elements: Dataset, order: str, *, regions: bool = True) -> Dataset:
    """Return the dataset without overlays that are no regions of interest, or have a plane of the wrong size.

    Args:
        elements: the dataset.
        order: of its bytes, as in `struct`.
        regions: whether overlays that mark regions stay.
    """
    groups = {element.tag >> 16 for element in elements if _FIRST <= element.tag >> 16 <= _LAST}
    gone = groups - regions_of_interest(elements, order) if regions else groups
    return [element for element in elements if element.tag >> 16 not in gone]


def _is_region(elements: Dataset, base: int, order: str) -> bool:
    kind, data, frames = (find(elements, base | number) for number in (_TYPE, _DATA, _FRAMES))
    if kind is None or data is None or bytes(kind.value).strip(b" \0") != b"R" or data.items is not None:
        return False
    count = 1
    if frames is not None:
        text = bytes(frames.value).strip(b" \0")
        if not re.fullmatch(rb"\d{1,6}", text):
            return False
        count = int(text)
    for number in (_ROWS, _COLUMNS):
        side = find(elements, base | number)
        if side is None or len(side.value) != 2:
            return False
        count *= struct.unpack(order + "H", side.value)[0]
    needed = (count + 7) // 8
    return needed <= len(data.value) <= needed + 1

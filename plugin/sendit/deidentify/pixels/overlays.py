"""Overlays that stand in bits of the pixels which the pixels do not use."""

from __future__ import annotations

from sendit.deidentify.dataset import Dataset, find

_FIRST, _LAST = 0x6000, 0x601E
_ALLOCATED, _POSITION, _DATA = 0x0100, 0x0102, 0x3000


def holds_overlays(elements: Dataset, order: str) -> bool:
    """Whether there is such an overlay: a bit position, and no data of its own (PS3.3 C.9.2)."""
    groups = {element.tag >> 16 for element in elements if _FIRST <= element.tag >> 16 <= _LAST}
    for group in groups:
        if find(elements, group << 16 | _DATA) is not None:
            continue
        said = [find(elements, group << 16 | number) for number in (_ALLOCATED, _POSITION)]
        values = [bytes(element.value[:2]) for element in said if element is not None and element.items is None]
        if any(int.from_bytes(value, "little" if order == "<" else "big") > 1 for value in values):
            return True
    return False

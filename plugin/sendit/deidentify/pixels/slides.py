"""Labels of slides: in images of their own, and in overviews beside the tissue (PS3.3 C.8.12.4).

A label is printed, handwritten, or a barcode. Handwriting is not detected, so the whole label is masked.
"""

from __future__ import annotations

from enum import StrEnum
from math import ceil
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.dataset import Dataset, Element, find
from sendit.deidentify.pixels.regions import Region
from sendit.deidentify.validate import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_SOP_CLASS, _MODALITY, _IMAGE_TYPE = 0x00080016, 0x00080060, 0x00080008
_LABEL_IN_IMAGE = 0x00480010
_TOTAL_COLUMNS, _TOTAL_ROWS, _ROWS, _COLUMNS = 0x00480006, 0x00480007, 0x00280010, 0x00280011
_MICROSCOPY = tuple(f"1.2.840.10008.5.1.4.1.1.77.1.{number}" for number in ("2", "2.1", "3", "6"))
#: Terms of ImageType; the last ones are vendors'.
_LABELS = frozenset({"LABEL", "BARCODE"})
_OVERVIEWS = frozenset({"OVERVIEW", "MACRO"})
#: A slide is 75 or 76 mm long and 25 or 26 mm wide; its label covers 20 to 25 mm at one end.
_LONGEST, _SHORTEST, _END = 4.5, 1.8, 0.36


class SlideLabel(StrEnum):
    """The part of an image that a slide's label covers."""

    ALL = "the image of a slide's label"
    PART = "an image of a slide with its label"


def label_in(elements: Dataset) -> SlideLabel | None:
    """Return how much of an image is the label. An overview shows it unless it says that it does not."""
    uid = text_of(elements, _SOP_CLASS)
    declared = find(elements, _LABEL_IN_IMAGE)
    if declared is None and uid not in _MICROSCOPY and text_of(elements, _MODALITY).upper() != "SM":
        return None
    terms = {term.strip().upper() for term in text_of(elements, _IMAGE_TYPE).split("\\")}
    if terms & _LABELS:
        return SlideLabel.ALL
    shows = text_of(elements, _LABEL_IN_IMAGE).upper()
    silent = declared is None or not shows
    if silent:
        return SlideLabel.PART if terms & _OVERVIEWS else None
    return None if shows == "NO" else SlideLabel.PART


def is_tiled(elements: Dataset) -> bool:
    """Return whether one frame is less than the whole image, so that the label cannot be located."""
    for total, shown in ((_TOTAL_COLUMNS, _COLUMNS), (_TOTAL_ROWS, _ROWS)):
        whole, frame = find(elements, total), find(elements, shown)
        if whole is not None and (frame is None or _stripped(whole) != _stripped(frame)):
            return True
    return False


def _stripped(element: Element) -> bytes:
    """Return the digits of a number of two or four bytes in either byte order."""
    return bytes(element.value).strip(b"\0")


def label_regions(label: SlideLabel, barcodes: Sequence[Region], columns: int, rows: int) -> tuple[Region, ...]:
    """Return what has to be masked so that nothing of a label remains.

    Args:
        label: how much of the image the label covers.
        barcodes: regions of barcodes; if they are at one end of the slide only, the label is there.
        columns: of the image.
        rows: of the image.
    """
    whole = Region(0, 0, columns, rows)
    long, short = max(columns, rows), min(columns, rows)
    if label is SlideLabel.ALL or not _SHORTEST * short <= long <= _LONGEST * short:
        return (whole,)
    end = ceil(long * _END)
    if columns >= rows:
        ends = Region(0, 0, end, rows), Region(columns - end, 0, columns, rows)
    else:
        ends = Region(0, 0, columns, end), Region(0, rows - end, columns, rows)
    marked = [one for one in ends if any(one.touches(region) for region in barcodes)]
    return tuple(marked) if len(marked) == 1 else ends


def without_label(elements: Dataset) -> Dataset:
    """Return the dataset with SpecimenLabelInImage NO: the label is masked."""
    kept = [element for element in elements if element.tag != _LABEL_IN_IMAGE]
    return sorted([*kept, Element(_LABEL_IN_IMAGE, "CS", b"NO")], key=lambda element: element.tag)

"""Filters with coordinates, from recipes and from deid itself: the regions of an image that they mask."""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.dataset import Dataset, Encoding, find
from sendit.deidentify.pixels.redaction.ultrasound import ultrasound_regions
from sendit.deidentify.pixels.regions import Region, subtracted, united
from sendit.deidentify.recipes.filters import Filter, matching
from sendit.deidentify.recipes.parser import RecipeText, read_recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendit.deidentify.plan import Plan

_SHIPPED = "deid.dicom"
_CHARACTER_SET = 0x00080005
_MOST_HEADERS = 4096
#: A keyword that deid's file misspells, so that deid never matches those devices, and the name of the program that
#: wrote the file, which no file on a server still has.
_CORRECTED = {
    "Manfacturer": "Manufacturer",
    "Manufacture ": "Manufacturer ",
    "ImplementationVersionName MINDRAY": "Manufacturer MINDRAY",
}


class FilterMatcher:
    """Evaluates filters once for every distinct set of the attributes that they test."""

    def __init__(self, labels: Sequence[Filter]) -> None:
        self.labels = tuple(labels)
        asked = {test.tag for label in self.labels for line in label.criteria for test in line}
        self._tags = sorted(asked | {_CHARACTER_SET})
        self._known: OrderedDict[tuple[object, ...], tuple[Filter, ...]] = OrderedDict()

    def matching(self, elements: Dataset, encoding: Encoding) -> tuple[Filter, ...]:
        """Return the labels that match an instance."""
        if not self.labels:
            return ()
        header = (encoding, *(_key(elements, tag) for tag in self._tags))
        if header not in self._known:
            self._known[header] = tuple(matching(self.labels, elements, encoding))
            if len(self._known) > _MOST_HEADERS:
                self._known.popitem(last=False)
        return self._known[header]


_matchers: dict[str, FilterMatcher] = {}


def filters_of(plan: Plan) -> FilterMatcher:
    """Return the filters of a plan's recipes. All instances under one plan share them."""
    if plan.digest not in _matchers:
        _matchers[plan.digest] = FilterMatcher(plan.per_instance.filters if plan.per_instance else ())
    return _matchers[plan.digest]


def _key(elements: Dataset, tag: int) -> object:
    element = find(elements, tag)
    if element is None:
        return None
    return (element.vr, len(element.items) if element.items is not None else bytes(element.value[:4096]))


def filter_regions(label: Filter, elements: Dataset, order: str, columns: int, rows: int) -> tuple[Region, ...]:
    """Return what a label masks: its lines from top to bottom, each overriding those before it, as in deid."""
    masked: tuple[Region, ...] = ()
    for line in label.coordinates:
        if line.corners is not None:
            regions: tuple[Region, ...] = (Region(*line.corners),)
        elif line.sequence:
            regions = ultrasound_regions(elements, order, columns, rows)
        else:
            regions = (Region(0, 0, columns, rows),)
        masked = subtracted(masked, regions) if line.keep else (*masked, *regions)
    return united(masked, columns, rows)


@cache
def device_filters() -> FilterMatcher:
    """Return the labels with coordinates in deid's own file: devices, and where they write."""
    text = (files("deid") / "data" / _SHIPPED).read_text("utf-8")
    for wrong, right in _CORRECTED.items():
        text = text.replace(wrong, right)
    lines, within = [], True
    for line in text.splitlines():
        if line.startswith("%"):
            within = line.split()[:2] in (["%filter", "graylist"], ["%filter", "blacklist"])
        if within:
            lines.append(line)
    labels = read_recipe(RecipeText(_SHIPPED, "\n".join(lines))).filters
    return FilterMatcher([label for label in labels if label.coordinates and label.criteria])

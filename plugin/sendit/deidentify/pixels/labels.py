"""Filters with coordinates, those of recipes and those that deid ships: which regions they make black in an image."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from sendit.deidentify.dataset import Dataset, Encoding, find
from sendit.deidentify.pixels.regions import Region, subtracted, united
from sendit.deidentify.pixels.ultrasound import ultrasound_regions
from sendit.deidentify.recipe import RecipeText, read_recipe
from sendit.deidentify.recipe_filter import Label, matching

_SHIPPED = "deid.dicom"
_CHARACTER_SET = 0x00080005
_MOST_HEADERS = 4096
#: A keyword that deid's file misspells (so that deid never finds those devices), and the program that wrote the file,
#: which stands in no file that a server has received.
_CORRECTED = {
    "Manfacturer": "Manufacturer",
    "Manufacture ": "Manufacturer ",
    "ImplementationVersionName MINDRAY": "Manufacturer MINDRAY",
}


class LabelBook:
    """Labels whose criteria are evaluated once for every distinct header: the attributes that they ask for."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self.labels = tuple(labels)
        asked = {test.tag for label in self.labels for line in label.criteria for test in line}
        self._tags = sorted(asked | {_CHARACTER_SET})
        self._known: OrderedDict[tuple[object, ...], tuple[Label, ...]] = OrderedDict()

    def matching(self, elements: Dataset, encoding: Encoding) -> tuple[Label, ...]:
        """The labels that name an instance."""
        if not self.labels:
            return ()
        header = (encoding, *(_key(elements, tag) for tag in self._tags))
        if header not in self._known:
            self._known[header] = tuple(matching(self.labels, elements, encoding))
            if len(self._known) > _MOST_HEADERS:
                self._known.popitem(last=False)
        return self._known[header]


def _key(elements: Dataset, tag: int) -> object:
    element = find(elements, tag)
    if element is None:
        return None
    return (element.vr, len(element.items) if element.items is not None else bytes(element.value[:4096]))


def regions_of(label: Label, elements: Dataset, order: str, columns: int, rows: int) -> tuple[Region, ...]:
    """What a label makes black: its lines from top to bottom, each over those before it, as deid does it."""
    found: tuple[Region, ...] = ()
    for line in label.coordinates:
        if line.corners is not None:
            regions: tuple[Region, ...] = (Region(*line.corners),)
        elif line.sequence:
            regions = ultrasound_regions(elements, order)
        else:
            regions = (Region(0, 0, columns, rows),)
        found = subtracted(found, regions) if line.keep else (*found, *regions)
    return united(found, columns, rows)


@cache
def shipped() -> LabelBook:
    """The labels of deid's own file that give coordinates: devices, and where they write."""
    text = (files("deid") / "data" / _SHIPPED).read_text("utf-8")
    for wrong, right in _CORRECTED.items():
        text = text.replace(wrong, right)
    wanted, within = [], True
    for line in text.splitlines():
        if line.startswith("%"):
            within = line.split()[:2] in (["%filter", "graylist"], ["%filter", "blacklist"])
        if within:
            wanted.append(line)
    labels = read_recipe(RecipeText(_SHIPPED, "\n".join(wanted))).filters
    return LabelBook([label for label in labels if label.coordinates and label.criteria])

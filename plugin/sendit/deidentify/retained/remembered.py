"""Remember what became of short values: the instances of a study share most of theirs, and so do the items of one.

What an element becomes depends on its value, on the place where it stands, and on what all instances of a study have in
common (the scope). Whatever depends on more is worked anew for each instance: an outcome for which the elements beside
it were looked at is remembered with the whole item only.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sendit.deidentify.dicom.dataset import Element

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from sendit.deidentify.dicom.dataset import Dataset

#: Longer values and items are not remembered: hardly any of them is seen twice.
LONGEST_VALUE = 256
_MOST_ELEMENTS = 16
#: Most outcomes that one scope remembers; beyond that, all are forgotten.
_MOST_OUTCOMES = 2048

#: Tag, VR and value.
ElementKey = tuple[int, str, bytes]
ItemKey = tuple["Hashable", ...]


class Place(NamedTuple):
    """The dataset around an element, as far as the outcome depends on it."""

    sequence: int  # the tag of the sequence whose item it is
    character_set: bytes
    naming: bool  # within a code that names a person or an institution
    top: bool
    signed: bool


class ElementOutcome(NamedTuple):
    """Outcome of one element."""

    action: str  # as it is counted
    element: Element | None  # as it is released; shared, so it may not be changed


class ItemOutcome(NamedTuple):
    """Outcome of an item without sequences."""

    actions: Mapping[str, int]
    elements: Dataset


class Siblings(list[Element]):
    """The elements of a dataset, and whether somebody looked at them."""

    looked_at = False

    def __iter__(self) -> Iterator[Element]:
        """Return the iterator, and note it."""
        self.looked_at = True
        return super().__iter__()

    def __getitem__(self, place):  # type: ignore[no-untyped-def]  # as list's, which has two signatures
        """Return an element, and note it."""
        self.looked_at = True
        return super().__getitem__(place)


class Remembered:
    """The outcomes in one scope, by place and value."""

    __slots__ = ("_elements", "_items", "_size", "scope")

    def __init__(self, scope: Hashable) -> None:
        self.scope = scope  # what its instances have in common
        self._elements: dict[Place, dict[ElementKey, ElementOutcome]] = {}
        self._items: dict[tuple[Place, ItemKey], ItemOutcome] = {}
        self._size = 0

    def elements(self, place: Place) -> Mapping[ElementKey, ElementOutcome]:
        """Return the outcomes of elements at a place."""
        return self._elements.setdefault(place, {})

    def item(self, place: Place, key: ItemKey) -> ItemOutcome | None:
        """Return the outcome of an item."""
        return self._items.get((place, key))

    def keep_element(self, place: Place, key: ElementKey, outcome: ElementOutcome) -> None:
        """Remember the outcome of an element."""
        self._make_room()
        self._elements.setdefault(place, {})[key] = outcome

    def keep_item(self, place: Place, key: ItemKey, outcome: ItemOutcome) -> None:
        """Remember the outcome of an item."""
        self._make_room()
        self._items[place, key] = outcome

    def _make_room(self) -> None:
        self._size += 1
        if self._size > _MOST_OUTCOMES:
            for outcomes in self._elements.values():
                outcomes.clear()
            self._items.clear()
            self._size = 1


@lru_cache(maxsize=8)
def remembered_in(scope: Hashable) -> Remembered:
    """Return what is remembered of the instances that have all of this in common."""
    return Remembered(scope)


def key_of_item(item: Dataset) -> ItemKey | None:
    """Return tags, VRs and values of an item; None if it is not to be remembered."""
    if len(item) > _MOST_ELEMENTS:
        return None
    key: list[Hashable] = []
    for element in item:
        value = element.value
        if type(value) is not bytes or len(value) > LONGEST_VALUE or element.items is not None:
            return None
        if element.tag >> 16 & 1:  # its rule depends on its creator
            return None
        key += (element.tag, element.vr, value)
    return tuple(key)

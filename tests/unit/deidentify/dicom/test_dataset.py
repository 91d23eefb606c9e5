"""Elements of a dataset by their tags, and their text."""

from __future__ import annotations

import random

import pytest

from sendit.deidentify.dicom.dataset import Dataset, Element, find
from sendit.deidentify.validate import text_of

_CHARACTER_SET, _NAME = 0x00080005, 0x00100010


def by_looking_at_each(elements: Dataset, tag: int) -> Element | None:
    return next((element for element in elements if element.tag == tag), None)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 50])
def test_elements_are_found_by_their_tags(size: int) -> None:
    """The first of several with one tag, and none for a tag before, between and behind those that are there."""
    chance = random.Random(size)
    for _ in range(50):
        elements = [Element(2 * tag, "LO") for tag in sorted(chance.choices(range(1, 40), k=size))]
        for tag in range(90):
            assert find(elements, tag) is by_looking_at_each(elements, tag)


@pytest.mark.parametrize(
    ("value", "declared", "text"),
    [
        (b"Quimby^Ada ", b"", "Quimby^Ada"),
        (b"Quimby^Ada\0", b"ISO_IR 192", "Quimby^Ada"),
        ("Müller".encode(), b"ISO_IR 192", "Müller"),
        ("Müller".encode("latin-1"), b"ISO_IR 100", "Müller"),
        (b"Yamada=\x1b$B;3ED\x1b(B", b"\\ISO 2022 IR 87", "Yamada=山田"),  # all of these bytes are ASCII
        (b"", b"", ""),
    ],
)
def test_the_text_of_an_attribute(value: bytes, declared: bytes, text: str) -> None:
    """By the character set of its dataset, unless the bytes are the same in all of them."""
    elements = [Element(_NAME, "PN", value)]
    if declared:
        elements.insert(0, Element(_CHARACTER_SET, "CS", declared))
    assert text_of(elements, _NAME) == text
    assert text_of(elements, _NAME + 1) == ""

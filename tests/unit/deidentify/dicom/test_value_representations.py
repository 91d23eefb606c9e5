"""The value representation of an element where file, dictionary and encoding differ."""

from __future__ import annotations

import pytest

from sendit.deidentify.dicom.dataset import EXPLICIT_BIG, EXPLICIT_LITTLE, Element, character_set_of
from sendit.deidentify.dicom.value_representations import (
    chosen_vr,
    has_signed_pixels,
    single_vr,
    vr_fits,
    vr_of_unknown,
)


@pytest.mark.parametrize(
    ("vr", "dictionary", "expected"),
    [("OB", "OB or OW", "OB"), ("OW", "OB or OW", "OW"), ("UN", "OB or OW", "OW"), ("US", "LO", "LO")],
)
def test_a_single_vr(vr: str, dictionary: str, expected: str) -> None:
    assert single_vr(vr, dictionary) == expected


@pytest.mark.parametrize(
    ("dictionary", "signed", "expected"),
    [("US or SS", False, "US"), ("US or SS", True, "SS"), ("OB or OW", True, "OW"), ("US or SS or OW", False, "OW")],
)
def test_a_choice_follows_the_sign_of_the_pixels(dictionary: str, signed: bool, expected: str) -> None:
    assert chosen_vr(dictionary, signed=signed) == expected
    assert vr_of_unknown(dictionary, EXPLICIT_LITTLE, signed=signed) == expected


def test_binary_values_that_came_as_un_cannot_stay_in_a_big_endian_file() -> None:
    assert vr_of_unknown("US or SS", EXPLICIT_BIG, signed=False) == ""
    assert vr_of_unknown("OW", EXPLICIT_BIG, signed=False) == ""
    assert vr_of_unknown("LO", EXPLICIT_BIG, signed=False) == "LO"


def test_which_vr_holds_the_same_kind_of_value() -> None:
    """Older editions of the standard had SH where there is LO now, and text is no number."""
    assert vr_fits("SH", "LO")
    assert vr_fits("IS", "DS")
    assert vr_fits("OB", "OB or OW")
    assert not vr_fits("LO", "DS")
    assert not vr_fits("UN", "OB")


def test_what_holds_around_a_dataset_holds_within_it() -> None:
    """PixelRepresentation and SpecificCharacterSet of an item, or of what is around it; a sequence there is neither."""
    signed, unsigned = Element(0x00280103, "US", b"\1\0"), Element(0x00280103, "US", b"\0\0")
    assert has_signed_pixels([signed])
    assert not has_signed_pixels([unsigned], inherited=True)
    assert has_signed_pixels([], inherited=True)
    assert has_signed_pixels([Element(0x00280103, "SQ", items=[])], inherited=True)
    declared = Element(0x00080005, "CS", b"ISO_IR 192")
    assert character_set_of([declared], b"ISO_IR 100") == b"ISO_IR 192"
    assert character_set_of([], b"ISO_IR 100") == b"ISO_IR 100"
    assert character_set_of([]) == b""
    assert character_set_of([Element(0x00080005, "SQ", items=[])], b"ISO_IR 100") == b"ISO_IR 100"

"""What a report says of a program or device is cleaned as the attribute of an image that says the same."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from sendit.config.schema import Option
from sendit.deidentify import compile_plan
from tests.unit.deidentify.samples import dataset, file_of, output

_PLAN = compile_plan([Option.CLEAN_STRUCTURED_CONTENT], [])


def _said(code: str, meaning: str, text: str) -> str:
    report = dataset("reportsi.dcm")
    item, name = Dataset(), Dataset()
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = code, "DCM", meaning
    item.RelationshipType, item.ValueType, item.TextValue = "HAS PROPERTIES", "TEXT", text
    item.ConceptNameCodeSequence = [name]
    report.ContentSequence = [item]
    return str(output(file_of(report), _PLAN).ContentSequence[0].TextValue)


@pytest.mark.parametrize(
    ("code", "meaning", "text"),
    [
        ("111003", "Algorithm Version", "3.1.0.4"),
        ("111003", "Algorithm Version", "5.7.614.2"),
        ("121014", "Device Observer Manufacturer", "Varian Medical Systems"),
        ("113879", "Device Model Name", "SOMATOM Force"),
    ],
)
def test_programs_and_devices_stay(code: str, meaning: str, text: str) -> None:
    """Versions, makes and models."""
    assert _said(code, meaning, text) == text


@pytest.mark.parametrize(
    ("code", "meaning"), [("121106", "Comment"), ("111003", "Algorithm Version"), ("121014", "Device Manufacturer")]
)
def test_a_number_of_a_person_goes_from_all(code: str, meaning: str) -> None:
    """Whatever the item is called."""
    assert _said(code, meaning, "MRN 4711882") in ("Removed", "MRN")


def test_what_is_no_version_is_judged_as_any_text() -> None:
    """A number between points may be a host's in a comment."""
    assert _said("121106", "Comment", "5.7.614.2") == "Removed"

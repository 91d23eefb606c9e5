"""Short names in code strings, technical texts and the ethnic group go; terms of the standard and of makers stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sendit.config.schema import Option
from sendit.deidentify import compile_plan
from tests.unit.deidentify.samples import dataset, file_of, output

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PLAN = compile_plan([Option.CLEAN_DESCRIPTORS, Option.RETAIN_PATIENT_CHARACTERISTICS], [])


def _after(keyword: str, value: Any) -> Any:
    before: Dataset = dataset()
    setattr(before, keyword, value)
    return output(file_of(before), PLAN).get(keyword)


@pytest.mark.parametrize("name", ["LEE", "KIM", "WU", "NG", "CHO", "ANNA", "JOHN", "KOCH", "ROSS"])
@pytest.mark.parametrize(
    "keyword", ["BodyPartExamined", "ScanningSequence", "ScanOptions", "PatientPosition", "SmokingStatus"]
)
def test_a_short_name_in_a_code_string_goes(keyword: str, name: str) -> None:
    assert _after(keyword, name) == "UNKNOWN"


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ImageType", ["ORIGINAL", "PRIMARY", "M", "ND", "NORM", "FM", "FIL"]),
        ("ImageType", ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]),
        ("ScanOptions", ["SAT_GEMS", "PFP", "FS"]),
        ("BodyPartExamined", "HIP"),
        ("ViewPosition", "LLO"),
        ("PatientSex", "F"),
        ("RescaleType", "HU"),
        ("EthnicGroup", "White"),
        ("EthnicGroup", "Hispanic or Latino"),
        ("EthnicGroup", "W"),
    ],
)
def test_terms_stay(keyword: str, value: Any) -> None:
    assert _after(keyword, value) == value


@pytest.mark.parametrize("value", ["Smithson", "Lee", "Caucasian Kowalski"])
def test_a_name_in_the_ethnic_group_goes(value: str) -> None:
    assert _after("EthnicGroup", value) in ("", "Caucasian")


@pytest.mark.parametrize("keyword", ["ConvolutionKernel", "SequenceName", "SoftwareVersions", "Manufacturer"])
def test_a_technical_text_that_is_nothing_but_a_short_name_goes(keyword: str) -> None:
    assert "KIM" not in str(_after(keyword, "KIM"))


@pytest.mark.parametrize("value", ["王", "Li", "김", "Wu"])
def test_one_character_or_two_letters_are_no_ethnic_group(value: str) -> None:
    before = dataset()
    before.SpecificCharacterSet, before.EthnicGroup = "ISO_IR 192", value
    assert output(file_of(before), PLAN).EthnicGroup == ""


@pytest.mark.parametrize("value", ["Li Wu", "Dr Li", "Nurse Amy", "S. Ito", "Eva's", "Hr. Koch"])
@pytest.mark.parametrize("keyword", ["Manufacturer", "SequenceName", "SoftwareVersions", "TransducerData"])
def test_who_has_a_title_or_two_short_names_goes_from_technical_texts(keyword: str, value: str) -> None:
    left = str(_after(keyword, value))
    assert not any(name in left.split() for name in ("Li", "Wu", "Amy", "Ito", "Eva", "Koch"))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ConvolutionKernel", "HN 4471"),
        ("TransducerData", "ROOM 12"),
        ("TransducerData", "QXS-PACS01"),
        ("TransducerData", "Lot 4471A"),
        ("TransducerData", "feb 21 1961"),
        ("PaddleDescription", "61-02-21"),
    ],
)
def test_other_things_than_technique_go_from_technical_texts(keyword: str, value: str) -> None:
    """A number behind its label, a room, a host, a day: though each has the form of what belongs there."""
    assert value.split()[-1] not in str(_after(keyword, value))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("TransducerData", "L12-5 50 mm"),
        ("TransducerData", "C1-6-D"),
        ("PaddleDescription", "18x24 cm flex"),
        ("ManufacturerModelName", "MAC 5500"),
        ("ManufacturerModelName", "ACUSON X600"),
        ("ManufacturerModelName", "QDR 4500A"),
    ],
)
def test_technique_stays_in_technical_texts(keyword: str, value: str) -> None:
    assert _after(keyword, value) == value

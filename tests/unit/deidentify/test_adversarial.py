"""Identifiers of an instance in places where adversarial instances got them through."""

from __future__ import annotations

import struct

import pytest
from pydicom.dataset import Dataset

from sendit.deidentify import compile_plan
from sendit.deidentify.options import PRESETS, Option
from sendit.deidentify.private_blocks.protocol import kind_of
from tests.unit.deidentify.samples import dataset, file_of, output

RESEARCH = compile_plan([one for one in PRESETS["Research"] if one is not Option.CLEAN_PIXEL_DATA], [], ["vendors"])


def whole(**values: object) -> Dataset:
    """CT_small with these values, of a patient with letters in the identifier."""
    made = dataset()
    made.PatientID, made.PatientBirthDate, made.StudyDate = "MRN-7741905", "19610307", "20240211"
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


@pytest.mark.parametrize("number", ["7741905", "07741905", "7741905.0", "19610307", "20240211", "1\\7741905"])
@pytest.mark.parametrize("keyword", ["Exposure", "KVP", "ScanLength", "EventElapsedTimes"])
def test_numbers_that_tell_go(keyword: str, number: str) -> None:
    """The digits of an identifier with letters, and the patient's days, in IS and DS."""
    made = output(file_of(whole(**{keyword: number.split("\\")})), RESEARCH)
    assert number.split("\\")[-1] not in str(made.get(keyword, ""))


def test_numbers_that_tell_go_in_binary() -> None:
    """One of several, too."""
    made = output(file_of(whole(EffectiveDuration=7741905.0)), RESEARCH)
    assert made.get("EffectiveDuration") is None
    block = whole()
    block.add_new(0x00190010, "LO", "SIEMENS MR HEADER")
    block.add_new(0x0019100E, "FD", [0.5, 19610307.0, 0.1])
    assert struct.pack("<d", 19610307.0) not in file_of(output(file_of(block), RESEARCH))


def test_a_code_that_any_number_is() -> None:
    """A unit of UCUM may be a number; not that of the patient."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "7741905", "UCUM", "mm"
    made = output(file_of(whole(MeasurementUnitsCodeSequence=[item])), RESEARCH)
    assert b"7741905" not in file_of(made)


@pytest.mark.parametrize("name", ["Young^Chest", "Hand^Coil", "Slice^Axial", "Lung^Head"])
def test_the_patients_name_goes_from_descriptions(name: str) -> None:
    """Even if its parts are words of medicine; technical and coded attributes keep the words."""
    family, given = name.split("^")
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "T-D3000", "SRT", given
    made = output(
        file_of(
            whole(
                PatientName=name,
                SeriesDescription=f"T1 {given} knee",
                StudyDescription=f"MR {family.upper()} pelvis",
                ImageType=["ORIGINAL", "PRIMARY", "AXIAL"],
                AnatomicRegionSequence=[item],
            )
        ),
        RESEARCH,
    )
    assert made.SeriesDescription == "T1 knee"
    assert made.StudyDescription == "MR pelvis"
    assert list(made.ImageType) == ["ORIGINAL", "PRIMARY", "AXIAL"]
    assert made.AnatomicRegionSequence[0].CodeMeaning in (given, "Chest")


@pytest.mark.parametrize("name", ["T1^Brain", "Phantom^Head", "QA^Chest"])
def test_the_names_of_phantoms_are_no_patients(name: str) -> None:
    """Descriptions keep what they show."""
    made = output(file_of(whole(PatientName=name, SeriesDescription="Brain Head Chest")), RESEARCH)
    assert made.SeriesDescription == "Brain Head Chest"


@pytest.mark.parametrize("name", ["l19850312", "lPhase7741905", "dCoil07031961"])
def test_names_of_entries_hold_no_numbers(name: str) -> None:
    """A variable of a protocol is called by words."""
    assert kind_of(f"sKSpace.{name}") == ""
    assert kind_of("sKSpace.lBaseResolution") == "number"

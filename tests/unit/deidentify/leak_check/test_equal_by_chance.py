"""An identifier that equals a measurement, a code of the standard or a vendor's creator holds no instance."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from sendit.config.schema import Option
from sendit.deidentify import compile_plan, deidentify
from sendit.model import Quarantined, Released
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of, recipe

_RESEARCH = compile_plan(
    [Option.CLEAN_DESCRIPTORS, Option.CLEAN_STRUCTURED_CONTENT, Option.RETAIN_SAFE_PRIVATE], [], ["vendors"]
)


def _code(value: str, scheme: str, meaning: str) -> list[Dataset]:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return [made]


def _outcome(**values: Any) -> object:
    made = dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    block = made.private_block(0x0043, "GEMS_PARM_01", create=True)
    block.add_new(0x2F, "SS", 1)
    return deidentify(file_of(made), _RESEARCH, IDENTITIES)


@pytest.mark.parametrize("keyword", ["PatientID", "StudyID", "StationName", "DeviceSerialNumber", "InstitutionName"])
@pytest.mark.parametrize("value", ["79.125", "400.00", "0.70000"])
def test_a_number_with_a_point(keyword: str, value: str) -> None:
    """In the bytes of the file, it is a phrase of two words."""
    assert isinstance(_outcome(SpacingBetweenSlices=value, **{keyword: value}), Released)


def test_a_whole_number_is_found() -> None:
    """A recipe may keep it; the leak check holds it."""
    made = dataset()
    made.PatientID = made.SpacingBetweenSlices = "47118"
    by = compile_plan([], [recipe("KEEP SpacingBetweenSlices")])
    assert isinstance(deidentify(file_of(made), by, IDENTITIES), Quarantined)


@pytest.mark.parametrize(
    ("code", "scheme", "meaning"), [("111056", "DCM", "Rendering Intent"), ("T-04000", "SRT", "Breast")]
)
def test_a_code_of_the_standard(code: str, scheme: str, meaning: str) -> None:
    """The standard says what it means; another number in its place is held or goes."""
    sequence = _code(code, scheme, meaning)
    assert isinstance(_outcome(PatientID=code, AnatomicRegionSequence=sequence), Released)
    assert isinstance(_outcome(AccessionNumber=code, AnatomicRegionSequence=sequence), Released)


def test_a_private_code_that_is_the_number_of_the_patient() -> None:
    """Nobody says what it means."""
    outcome = _outcome(PatientID="7741905", AnatomicRegionSequence=_code("7741905", "99XYZ", "Breast"))
    assert isinstance(outcome, Quarantined) or b"7741905" not in b"".join(outcome.chunks)  # type: ignore[attr-defined]


def test_a_creator_of_a_vendors_list() -> None:
    """It says whose the block is."""
    assert isinstance(_outcome(PatientID="GEMS_PARM_01"), Released)

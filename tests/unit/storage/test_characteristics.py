"""What is noted of outputs for the risk report: coarse classes of what left, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from sendit.deidentify import compile_plan
from sendit.deidentify.options import Option
from sendit.storage.characteristics import UnreadableOutput, read_characteristics
from tests.unit.deidentify.samples import dataset, file_of, released

if TYPE_CHECKING:
    from pathlib import Path


def noted(tmp_path: Path, *contents: Dataset) -> dict[str, list[str]]:
    paths = []
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(file_of(content))
        paths.append(path)
    return read_characteristics(paths)


def retained() -> Dataset:
    content = dataset()
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99X", "CT Head"
    content.PatientAge, content.PatientSex, content.PatientSize, content.PatientWeight = "043Y", "F", "1.68", "71.5"
    content.EthnicGroup, content.BodyPartExamined, content.ManufacturerModelName = "Group A", "HEAD", "Model 1"
    content.StudyDate, content.LongitudinalTemporalInformationModified = "20200517", "UNMODIFIED"
    content.StudyDescription, content.InstitutionName = "Head  Native", "Clinic"
    content.ProcedureCodeSequence = Sequence([code])
    return content


def test_coarse_classes(tmp_path: Path) -> None:
    assert noted(tmp_path, retained()) == {
        "age": ["40–49"],
        "sex": ["F"],
        "height": ["160–169 cm"],
        "weight": ["70–79 kg"],
        "ethnic group": ["group a"],
        "study month": ["2020-05"],
        "institution": ["Clinic"],
        "device model": ["Model 1"],
        "modality": ["CT"],
        "body part": ["HEAD"],
        "procedure": ["CT Head"],
        "study description": ["head native"],
    }


@pytest.mark.parametrize(
    ("age", "expected"),
    [("000D", "0–9"), ("011M", "0–9"), ("120M", "10–19"), ("089Y", "80–89"), ("090Y", "90 or more"), ("43", None)],
)
def test_ages(tmp_path: Path, age: str, expected: str | None) -> None:
    content = retained()
    content.PatientAge = age
    del content.PatientBirthDate
    assert noted(tmp_path, content).get("age") == (None if expected is None else [expected])


def test_the_age_of_a_retained_date_of_birth(tmp_path: Path) -> None:
    content = retained()
    del content.PatientAge
    content.PatientBirthDate = "19800518"  # a day before the birthday
    assert noted(tmp_path, content)["age"] == ["30–39"]
    content.LongitudinalTemporalInformationModified = "MODIFIED"
    assert "age" not in noted(tmp_path, content)


def test_moved_dates_are_no_characteristic(tmp_path: Path) -> None:
    content = retained()
    content.LongitudinalTemporalInformationModified = "MODIFIED"
    assert "study month" not in noted(tmp_path, content)


def test_several_series(tmp_path: Path) -> None:
    other = retained()
    other.Modality, other.BodyPartExamined = "SR", ""
    found = noted(tmp_path, retained(), other)
    assert (found["modality"], found["body part"]) == (["CT", "SR"], ["HEAD"])


def test_what_the_profile_left_is_all(tmp_path: Path) -> None:
    """The Basic Profile retains neither patient nor date; with the option, the patient is there."""
    content = retained()
    for options, names in (
        ((), {"device model", "modality", "body part", "procedure"}),
        (
            (Option.RETAIN_PATIENT_CHARACTERISTICS, Option.RETAIN_LONGITUDINAL_FULL_DATES),
            {"device model", "modality", "body part", "procedure", "age", "sex", "height", "weight", "ethnic group",
             "study month"},
        ),
    ):  # fmt: skip
        output = tmp_path / "output.dcm"
        output.write_bytes(b"".join(released(file_of(content), compile_plan(options, ())).chunks))
        assert set(read_characteristics([output])) == names
        assert pydicom.dcmread(output).PatientID != content.PatientID


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").write_bytes(b"none")
    for name in ("x.dcm", "missing.dcm"):
        with pytest.raises(UnreadableOutput):
            read_characteristics([tmp_path / name])

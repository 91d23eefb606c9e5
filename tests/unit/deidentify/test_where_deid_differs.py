"""The places where deid's engine is wrong: what it does, and what SendIt does (docs/deidentification.md)."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from sendit.deidentify import deidentify
from sendit.errors import Misconfigured
from sendit.model import Released
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of, output, plan, recipe, sample
from tests.unit.deidentify.test_deid_differential import FAILURES

pytestmark = pytest.mark.filterwarnings("ignore")


def by_deid(before: Dataset, *lines: str, folder: Path) -> Dataset:
    """What deid's own engine makes of a dataset."""
    from deid.config import DeidRecipe
    from deid.dicom.fields import _get_fields_inner
    from deid.dicom.parser import DicomParser

    path = folder / "r.deid"
    path.write_text(recipe(*lines).text)
    parser = DicomParser(pydicom.dcmread(io.BytesIO(file_of(before))), recipe=DeidRecipe(str(path)))
    try:
        parser.parse()
    finally:
        _get_fields_inner.cache_clear()
    assert isinstance(parser.dicom, Dataset)
    return parser.dicom


@pytest.mark.parametrize(
    "line",
    [
        "REMOVE PatientNmae",
        "REPLACE PatientName var:unknown",
        "REPLACE PatientName func:unknown",
        "REMOV PatientName",
        "REMOVE values:unknown",
        "REMOVE fields:unknown",
    ],
)
def test_what_is_unknown(line: str, tmp_path: Path) -> None:
    """deid goes on, and the name stays; SendIt stops."""
    assert by_deid(dataset(), line, folder=tmp_path).PatientName == dataset().PatientName
    with pytest.raises(Misconfigured):
        plan(line)


@pytest.mark.parametrize("field", ["0010,0040", "allfields"])
def test_notations(field: str, tmp_path: Path) -> None:
    """deid does not know them; SendIt takes them for what they say."""
    assert "PatientSex" in by_deid(dataset(), f"REMOVE {field}", folder=tmp_path)
    assert "PatientSex" not in output(sample(), plan(f"REMOVE {field}"))


def test_except_within_sequences(tmp_path: Path) -> None:
    """deid spares all that stands in a sequence whose name fits; SendIt looks at each attribute's own name."""
    line = "REMOVE except:OtherPatientIDs|Sex"
    spared = by_deid(dataset(), line, folder=tmp_path)
    assert spared.OtherPatientIDsSequence[0].PatientID == "ABCD1234"
    after = output(sample(), plan(line))
    assert all("PatientID" not in item for item in after.get("OtherPatientIDsSequence", []))


def test_keep_in_sequences(tmp_path: Path) -> None:
    """deid's KEEP does not reach an attribute that stands in sequences only."""
    lines = ("REMOVE TypeOfPatientID", "KEEP TypeOfPatientID")
    assert "TypeOfPatientID" not in by_deid(dataset(), *lines, folder=tmp_path).OtherPatientIDsSequence[0]
    after = output(sample(), plan(*lines, "KEEP OtherPatientIDsSequence"))
    assert after.OtherPatientIDsSequence[0].TypeOfPatientID == "TEXT"


def test_the_order_of_lines(tmp_path: Path) -> None:
    """deid documents an order and follows that of the lines; SendIt follows the one documented."""
    assert by_deid(dataset(), "REPLACE StationName x", "BLANK StationName", folder=tmp_path).StationName in (None, "")
    assert output(sample(), plan("REPLACE StationName x", "BLANK StationName")).StationName == "x"
    assert by_deid(dataset(), "JITTER StudyDate 1", "JITTER StudyDate 1", folder=tmp_path).StudyDate == "20040121"
    assert output(sample(), plan("JITTER StudyDate 1", "JITTER StudyDate 1")).StudyDate == "20040120"


def test_add_by_tag(tmp_path: Path) -> None:
    """deid raises."""
    with pytest.raises(FAILURES):
        by_deid(dataset(), "ADD (0010,4000) none", folder=tmp_path)
    assert output(sample(), plan("ADD (0010,4000) none")).PatientComments == "none"


@pytest.mark.parametrize(("written", "after"), [("2020", "2020"), ("202002", "202002"), ("yesterday", None)])
def test_jitter_of_partial_dates(written: str, after: str | None, tmp_path: Path) -> None:
    """deid invents a day or raises, or keeps what is no date; SendIt invents nothing and keeps nothing."""
    before = dataset()
    before.StudyDate = written
    try:
        theirs = by_deid(before, "JITTER StudyDate 1", folder=tmp_path).StudyDate
    except FAILURES:
        theirs = "failed"
    assert theirs != after
    assert output(file_of(before), plan("JITTER StudyDate 1")).get("StudyDate") == after


def test_jitter_of_times(tmp_path: Path) -> None:
    """deid gives a date and time a fraction that it did not have."""
    before = dataset()
    before.AcquisitionDateTime = "20040119072730"
    line = "JITTER AcquisitionDateTime 1"
    assert by_deid(before, line, folder=tmp_path).AcquisitionDateTime == "20040120072730.000000"
    assert output(file_of(before), plan(line)).AcquisitionDateTime == "20040120072730"


def test_values_are_no_regular_expressions(tmp_path: Path) -> None:
    """deid searches with them as they are."""
    before = dataset()
    before.StudyID, before.ScanOptions = "A+B", "A+B"
    lines = ("%values own", "FIELD StudyID", "%header", "BLANK values:own")
    assert by_deid(before, *lines, folder=tmp_path).ScanOptions == "A+B"
    assert "A+B" not in str(output(file_of(before), plan(*lines)).get("ScanOptions"))
    before.StudyID = "(1"
    with pytest.raises(Exception, match=r"unterminated|missing"):
        by_deid(before, *lines, folder=tmp_path)
    assert isinstance(deidentify(file_of(before), plan(*lines), IDENTITIES), Released)


def test_numbers_are_no_values(tmp_path: Path) -> None:
    """deid blanks Rows if the PatientID is 128."""
    before = dataset()
    before.PatientID = "128"
    lines = ("%values own", "FIELD PatientID", "%header", "BLANK values:own")
    assert by_deid(before, *lines, folder=tmp_path).Rows is None
    assert output(file_of(before), plan(*lines)).Rows == 128

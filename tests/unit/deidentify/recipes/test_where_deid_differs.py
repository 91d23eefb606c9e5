"""The places where deid's engine is wrong: what it does, and what SendIt does (docs/deidentification.md)."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from deid.config import DeidRecipe
from deid.dicom import has_burned_pixels
from deid.dicom.fields import _get_fields_inner
from deid.dicom.parser import DicomParser
from pydicom.dataset import Dataset

from sendit.deidentify import FunctionsText, RecipeText, compile_plan, deidentify
from sendit.errors import Misconfigured
from sendit.model import Quarantined, Rejected, Released
from tests.unit.deidentify.recipes.test_deid_differential import FAILURES
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of, output, plan, recipe, sample
from tests.unit.deidentify.samples import path as sample_path

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore")]


def by_deid(before: Dataset, *lines: str, folder: Path) -> Dataset:
    """What deid's own engine makes of a dataset."""

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


def test_a_function_that_fails(tmp_path: Path) -> None:
    """deid's program ends with it, and a value that is none leaves the original; SendIt quarantines."""

    head = "(item, value, field, dicom):\n"
    text = f"def broken{head}    raise ValueError\n\ndef nothing{head}    pass\n"
    names: dict[str, Any] = {}
    exec(text, names)
    for name in ("broken", "nothing"):
        path = tmp_path / f"{name}.deid"
        path.write_text(recipe(f"REPLACE PatientName func:{name}").text)
        parser = DicomParser(pydicom.dcmread(io.BytesIO(sample())), recipe=DeidRecipe(str(path)))
        parser.define(name, names[name])
        if name == "broken":
            with pytest.raises(ValueError):
                parser.parse()
        else:
            parser.parse()
            assert parser.dicom.PatientName == dataset().PatientName
        made = compile_plan([], [recipe(f"REPLACE PatientName func:{name}"), FunctionsText("f.py", text)])
        assert isinstance(deidentify(sample(), made, IDENTITIES), Quarantined)


def test_patterns_are_taken_as_they_are_written(tmp_path: Path) -> None:
    r"""deid makes `\\D` to `\\d`, and finds nothing."""
    line = r"REMOVE contains:^Patient\DName$|^PatientSe\D$"
    assert "PatientSex" in by_deid(dataset(), line, folder=tmp_path)
    assert "PatientSex" not in output(sample(), plan(line))


def test_keep_of_a_group(tmp_path: Path) -> None:
    """deid's KEEP fields: does nothing."""
    lines = ("%fields some", "FIELD PatientSex", "%header", "REMOVE ALL", "KEEP fields:some")
    assert "PatientSex" not in by_deid(dataset(), *lines, folder=tmp_path)
    assert output(sample(), plan(*lines)).PatientSex == dataset().PatientSex


def test_a_sequence_that_is_kept(tmp_path: Path) -> None:
    """deid keeps all that stands in it; SendIt goes through its items."""
    lines = ("REMOVE ALL", "KEEP OtherPatientIDsSequence")
    assert by_deid(dataset(), *lines, folder=tmp_path).OtherPatientIDsSequence[0].PatientID == "ABCD1234"
    assert "ABCD1234" not in str(output(sample(), plan(*lines)).OtherPatientIDsSequence)


def test_values_that_do_not_fit(tmp_path: Path) -> None:
    """deid writes a CS with small letters and spaces, and keeps a number that it cannot replace; SendIt stops."""
    assert by_deid(dataset(), "REPLACE Modality no such, or is it", folder=tmp_path).Modality == "no such, or is it"
    assert by_deid(dataset(), "REPLACE Rows many", folder=tmp_path).Rows == 128
    for line in ("REPLACE Modality no such, or is it", "REPLACE Rows many"):
        with pytest.raises(Misconfigured):
            plan(line)


def test_replacing_a_sequence(tmp_path: Path) -> None:
    """deid raises, or leaves it; SendIt refuses the line, and removes what a pattern meets."""
    for line in ("REPLACE OtherPatientIDsSequence none", "REPLACE contains:OtherPatientIDs none"):
        try:
            theirs = str(by_deid(dataset(), line, folder=tmp_path).get("OtherPatientIDsSequence"))
        except FAILURES:
            theirs = "ABCD1234"
        assert "ABCD1234" in theirs or "none" in theirs
    with pytest.raises(Misconfigured):
        plan("REPLACE OtherPatientIDsSequence none")
    assert "OtherPatientIDsSequence" not in output(sample(), plan("REPLACE contains:OtherPatientIDs none"))


@pytest.mark.parametrize("action", ["REMOVE", "BLANK"])
def test_a_sequence_in_itself(action: str, tmp_path: Path) -> None:
    """deid raises at nested reports."""
    before = dataset("reportsi.dcm")
    assert any("ContentSequence" in item for item in before.ContentSequence)
    with pytest.raises(FAILURES):
        by_deid(before, f"{action} ContentSequence", folder=tmp_path)
    after = output(sample("reportsi.dcm"), plan(f"{action} ContentSequence"))
    assert not after.get("ContentSequence")


def test_the_notation_of_a_date_stays(tmp_path: Path) -> None:
    """deid writes it anew."""
    before = dataset()
    before.StudyDate = "1997.04.24"
    assert by_deid(before, "JITTER StudyDate 1", folder=tmp_path).StudyDate == "19970425"
    assert output(file_of(before), plan("JITTER StudyDate 1")).StudyDate == "1997.04.25"


@pytest.mark.parametrize("name", ["dicom_uuid", "basic_uuid", "suffix_uuid", "pydicom_uuid"])
def test_functions_of_deid(name: str, tmp_path: Path) -> None:
    """deid's UIDs are invalid, change with each run, or are the same without any key; SendIt codes the original."""
    line = f"REPLACE SOPInstanceUID deid_func:{name}"
    original = str(dataset().SOPInstanceUID)
    once, twice = (str(by_deid(dataset(), line, folder=tmp_path).SOPInstanceUID) for _ in range(2))
    assert once != twice or once == pydicom.uid.generate_uid("2.25.", [original])
    assert output(sample(), plan(line)).SOPInstanceUID == IDENTITIES.uid(original)


@pytest.mark.parametrize(("options", "days"), [("", 1), ("days=31", 31), ("years=1 days=-5", 360), ("years=2", 731)])
def test_jitter_as_a_function(options: str, days: int, tmp_path: Path) -> None:
    """Here both do the same."""
    line = f"REPLACE StudyDate deid_func:jitter {options}".strip()
    moved = (date(2004, 1, 19) + timedelta(days)).strftime("%Y%m%d")
    assert by_deid(dataset(), line, folder=tmp_path).StudyDate == moved
    assert output(sample(), plan(line)).StudyDate == moved


def test_conditions_that_are_no_functions(tmp_path: Path) -> None:
    """deid takes `re:` for a text, and removes whatever stands there; SendIt does not know it."""
    line = "REMOVE PatientSex re:^nothing like it$"
    assert "PatientSex" not in by_deid(dataset(), line, folder=tmp_path)
    with pytest.raises(Misconfigured):
        plan(line)


def test_private_attributes(tmp_path: Path) -> None:
    """deid keeps them unless they are removed; SendIt keeps none that is not named."""
    private = [
        element.tag for element in by_deid(dataset(), "REMOVE PatientName", folder=tmp_path) if element.tag.is_private
    ]
    assert private
    assert not [element for element in output(sample(), plan("REMOVE PatientName")) if element.tag.is_private]
    assert not [element for element in output(sample(), plan("KEEP ALL")) if element.tag.is_private]


def test_uids_and_file_meta(tmp_path: Path) -> None:
    """deid removes the UIDs that hold a file together, or lets file meta and dataset disagree."""
    after = by_deid(dataset(), "REPLACE SOPInstanceUID 1.2.3", folder=tmp_path)
    assert after.SOPInstanceUID != after.file_meta.MediaStorageSOPInstanceUID
    assert "SOPInstanceUID" not in by_deid(dataset(), "REMOVE ALL", folder=tmp_path)
    ours = output(sample(), plan("REMOVE ALL"))
    assert ours.SOPInstanceUID == ours.file_meta.MediaStorageSOPInstanceUID


@pytest.mark.parametrize(
    "criteria",
    [
        ["missing Modality || contains Modality CT"],
        ["contains Modality MR", "|| contains Modality CT"],
        [r"equals ImageType ORIGINAL\PRIMARY\AXIAL"],
    ],
)
def test_filters(criteria: list[str], tmp_path: Path) -> None:
    """deid loses a value, takes `||` for and, and never finds several values equal; SendIt does as it is written."""

    text = "\n".join(["FORMAT dicom", "%filter blacklist", "LABEL named", *criteria]) + "\n"
    (tmp_path / "r.deid").write_text(text)
    found = has_burned_pixels(str(sample_path("CT_small.dcm")), deid=DeidRecipe(str(tmp_path / "r.deid")))
    assert not found["flagged"]
    assert isinstance(deidentify(sample(), compile_plan([], [RecipeText("r", text)]), IDENTITIES), Rejected)

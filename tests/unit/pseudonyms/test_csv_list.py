"""Lists of pseudonyms: read whole or not at all, and read again when they change."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sendit.config.project import CsvList
from sendit.config.schema import load
from sendit.deidentify import Patient, patient_of
from sendit.errors import Misconfigured, Quarantine, Retry
from sendit.importer.cohort.cohort_list import read_list
from sendit.pipeline.projects import open_codes
from sendit.pseudonyms import CodeSource, open_source
from sendit.pseudonyms.lookup import Pseudonyms
from tests.dicom import Person, StudyMaker

if TYPE_CHECKING:
    from pathlib import Path

PLACE = "SendIt.Projects.irb.Identities"


def write(path: Path, *lines: str, mode: int = 0o600) -> None:
    """The list as another program would put it there: beside, then renamed."""
    beside = path.with_suffix(".new")
    beside.write_bytes("\n".join(lines).encode("utf-8") + b"\n")
    beside.chmod(mode)
    beside.replace(path)


def source(path: Path, **settings: object) -> CodeSource:
    opened = open_source(CsvList.model_validate({"Source": "Csv", "Path": str(path), **settings}), PLACE)
    assert opened is not None
    return opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "codes.csv"


def test_a_list(path: Path) -> None:
    """Found by PatientID, whatever its issuer; an empty PatientID never."""
    write(path, "Code,PatientID,Note", "S-001,MRN1,x", 'S 002,"MRN,2",', "", "S-003,\u00c4rger 7,")
    listed = source(path)
    assert listed.code(Patient("MRN1", "any")) == "S-001"
    assert listed.code(Patient("MRN,2")) == "S 002"
    assert listed.code(Patient("\u00c4rger 7")) == "S-003"
    assert listed.code(Patient("MRN3")) is None
    assert listed.code(Patient("", "", "1.2.3")) is None
    assert "3 patients" in listed.check()


def test_columns_of_other_names_and_the_issuer(path: Path) -> None:
    """With a column for the issuer, it is part of the patient's identity."""
    write(path, "\ufeffmrn;authority;subject", "1;A;S1", "1;B;S2", "1;;S3", "1;B;S2")
    columns = {"PatientID": "mrn", "IssuerOfPatientID": "authority", "Code": "subject"}
    listed = source(path, Columns=columns, Delimiter=";")
    assert [listed.code(Patient("1", issuer)) for issuer in ("A", "B", "", "C")] == ["S1", "S2", "S3", None]


def test_a_cohort_list(path: Path) -> None:
    """The list of a cohort is one of pseudonyms, too: other columns are not read, a patient may stand in many rows."""
    header = "AccessionNumber,PatientID,SubjectCode,StudyDateFrom"
    write(path, header, "A1,MRN-1,S-1,", "A2,MRN-1,S-1,2024-01-01", "A3,MRN-2,S-2,")
    codes = source(path, Columns={"PatientID": "PatientID", "Code": "SubjectCode"})
    assert [codes.code(Patient(patient)) for patient in ("MRN-1", "MRN-2", "MRN-3")] == ["S-1", "S-2", None]
    rows = read_list(path.read_text("utf-8"))
    assert [(row.line, row.wanted.accession_number, row.wanted.patient_id) for row in rows] == [
        (2, "A1", "MRN-1"), (3, "A2", "MRN-1"), (4, "A3", "MRN-2"),
    ]  # fmt: skip


BY_STUDY = {"AccessionNumber": "AccessionNumber", "StudyInstanceUID": "StudyInstanceUID"}
HEADER = "AccessionNumber,PatientID,StudyInstanceUID,Code"


def seen(patient: str, uid: str = "", number: str = "") -> Patient:
    return Patient(patient, "", uid, number)


def test_a_list_of_studies(path: Path) -> None:
    """Rows that name a study are found by it, whoever the patient is; those of a patient as ever."""
    write(path, HEADER, "A1,,,S-1", ",,1.2.3,S-2", ",MRN-3,,S-3", "A4,,,S-1", "A5,MRN-5,1.2.5,S-5")
    listed = source(path, Columns=BY_STUDY)
    expected = {
        seen("MRN-1", "1.2.1", "A1"): "S-1",
        seen("MRN-2", "1.2.3", "A2"): "S-2",
        seen("MRN-3", "1.2.4", "A3"): "S-3",
        seen("MRN-5", "1.2.6", "A6"): "S-5",
        seen("", "1.2.1", "A1"): "S-1",
        seen("MRN-9", "1.2.9", "A9"): None,
        seen("A1"): None,
        seen("", "A1", "1.2.3"): None,
    }
    assert {one: listed.code(one) for one in expected} == expected
    assert listed.code(seen("MRN-1", "1.2.2", "A4")) == "S-1"
    assert "7 patients and studies" in listed.check()


def test_a_list_of_studies_without_patients(path: Path) -> None:
    """The column of the PatientID may be missing then."""
    write(path, "AccessionNumber,Code", "A1,S-1")
    listed = source(path, Columns={"AccessionNumber": "AccessionNumber"})
    assert [listed.code(seen("MRN-1", "1.2.1", number)) for number in ("A1", "A2", "")] == ["S-1", None, None]


@pytest.mark.parametrize(
    ("rows", "patient", "problem"),
    [
        (["A1,,,S-1", ",MRN-1,,S-2"], seen("MRN-1", "1.2.3", "A1"), "one for the study, and another for the patient"),
        (["A1,,,S-1", ",,1.2.3,S-2"], seen("MRN-1", "1.2.3", "A1"), "two for the study"),
        (["A1,,,MRN 1"], seen("MRN-1", "1.2.3", "A1"), "is the PatientID itself"),
    ],
)
def test_a_list_of_studies_that_contradicts_itself(path: Path, rows: list[str], patient: Patient, problem: str) -> None:
    """The study is held; no one of the codes is taken. The reason names neither."""
    write(path, HEADER, *rows)
    with pytest.raises(Quarantine, match=problem) as caught:
        source(path, Columns=BY_STUDY).code(patient)
    assert not any(word in str(caught.value) for word in ("S-1", "S-2", "MRN"))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (",,,S-2", "each of PatientID, AccessionNumber, StudyInstanceUID is empty"),
        ("A1,,,S-2", "this study has another code in a line before"),
        ("A2,,,A 2", "the code is the AccessionNumber itself"),
    ],
)
def test_wrong_lists_of_studies(path: Path, row: str, problem: str) -> None:
    write(path, HEADER, "A1,,,S-1", row)
    with pytest.raises(Misconfigured, match=problem):
        source(path, Columns=BY_STUDY)


def test_studies_of_one_patient_are_asked_for_by_themselves(path: Path) -> None:
    """By a run over many files, too; a list of patients is asked once for each patient."""
    write(path, HEADER, "A1,,,S-1", "A2,,,S-2")
    studies = [seen("MRN-1", "1.2.1", "A1"), seen("MRN-1", "1.2.2", "A2"), seen("MRN-1", "1.2.3", "A3")]
    run = Pseudonyms(source(path, Columns=BY_STUDY), unknown_stops=False)
    assert [run.of(one) for one in studies] == [
        {one.parts(): code} for one, code in zip(studies, ("S-1", "S-2", ""), strict=True)
    ]
    write(path, "PatientID,Code", "MRN-1,S-1")
    assert len({source(path).asked_by(one) for one in studies}) == 1


def test_a_file_tells_its_accession_number() -> None:
    """It is no part of what makes the patient."""
    maker = StudyMaker(Person(patient_id="MRN-1"))
    patient = patient_of(maker.instance())
    assert patient is not None
    assert patient.accession_number == maker.accession_number
    assert patient == Patient("MRN-1", patient.issuer, patient.study_instance_uid)


def test_a_file_without_issuer(path: Path) -> None:
    """It is of the only issuer that the list has for its PatientID; of two, nobody can say which."""
    write(path, "PatientID,Issuer,Code", "1,A,S1", "2,A,S2", "2,B,S3", "11,A,S4")
    listed = source(path, Columns={"IssuerOfPatientID": "Issuer"})
    assert [listed.code(Patient(number)) for number in ("1", "2", "11")] == ["S1", None, "S4"]


@pytest.mark.parametrize(
    ("lines", "line", "problem"),
    [
        ((), 1, "no column is called 'PatientID'"),
        (("PatientID,Cod", "1,S1"), 1, "no column is called 'Code'"),
        (("PatientID,Code,Code", "1,S1,S1"), 1, "more than one column"),
        (("PatientID,Code", "MRN77,S1", "MRN77,S2"), 3, "another code"),
        (("PatientID,Code", "MRN77,S1", "MRN78,S1"), 3, "another patient's"),
        (("PatientID,Code", "MRN77,"), 2, "code is empty"),
        (("PatientID,Code", ",S1"), 2, "PatientID is empty"),
        (("PatientID,Code", "MRN77"), 2, "1 columns"),
        (("PatientID,Code", "MRN77,S1,x"), 2, "3 columns"),
        (("PatientID,Code", "MRN77," + "S" * 65), 2, "longer than 64"),
        (("PatientID,Code", "MRN77,S\\1"), 2, "cannot stand"),
        (("PatientID,Code", "MRN77,S^1"), 2, "cannot stand"),
        (("PatientID,Code", "MRN77,S\t1"), 2, "cannot stand"),
        (("PatientID,Code", "MRN77,S\u00e91"), 2, "cannot stand"),
        (("PatientID,Code", "MRN-77,mrn77"), 2, "PatientID itself"),
        (("PatientID,Code", "MRN77,.."), 2, "neither a letter nor a digit"),
        (("PatientID,Code", 'MRN77,"S1'), 2, "not CSV"),
        (("PatientID,Code", "MRN77,S\0"), 2, "NUL"),
    ],
)
def test_a_wrong_list_is_refused(path: Path, lines: tuple[str, ...], line: int, problem: str) -> None:
    """With the number of the line, and nothing of what stands in it."""
    write(path, *lines)
    with pytest.raises(Misconfigured, match=problem) as caught:
        source(path)
    assert caught.value.place == f"{PLACE}.Path"
    assert f"line {line}:" in str(caught.value)
    assert "77" not in caught.value.problem.replace(str(path), "")


DATASTORE = {"Type": "Datastore", "GoogleProject": "radiology"}
BIGQUERY = {"Type": "BigQuery", "GoogleProject": "radiology", "Dataset": "d"}


@pytest.mark.parametrize(
    ("code", "index", "refused"),
    [
        ("__res__", DATASTORE, True),
        ("__1__", [BIGQUERY, DATASTORE], True),
        ("__S 1__", DATASTORE, True),
        ("__S1", DATASTORE, False),
        ("_S1_", DATASTORE, False),
        ("__S1__", BIGQUERY, False),
        ("__S1__", [], False),
        ("SITE/1", DATASTORE, False),
    ],
)
@pytest.mark.parametrize("of", ["irb", "irb@other"])
def test_a_code_that_a_destination_cannot_hold(path: Path, of: str, code: str, index: object, refused: bool) -> None:
    """Refused where the list is loaded, with line, destination and rule; for a project and for its variants."""
    bucket = {"Type": "GoogleCloudStorage", "Bucket": "studies", "Index": index}
    plain = {"Type": "Folder", "Path": "/srv/out"}
    mine, others = (["bucket"], ["plain"]) if of == "irb" else (["plain"], ["bucket"])
    write(path, "PatientID,Code", "MRN77,S1", f"MRN78,{code}")
    project = {
        "Identities": {"Source": "Csv", "Path": str(path)},
        "Destinations": mine,
        "Variants": {"other": {"Destinations": others}},
    }
    section = {"Destinations": {"bucket": bucket, "plain": plain}, "Projects": {"irb": project}}
    settings, _ = load({"SendIt": section})
    if not refused:
        assert open_codes(settings, of) is not None
        return
    with pytest.raises(Misconfigured) as caught:
        open_codes(settings, of)
    assert caught.value.place == f"{PLACE}.Path"
    assert "line 3: the destination 'bucket' cannot hold the code: Datastore reserves" in caught.value.problem
    assert code not in caught.value.problem


def test_what_is_no_readable_file(path: Path) -> None:
    """Not there, a folder, open to others, or in another encoding."""
    with pytest.raises(Misconfigured, match="No such file"):
        source(path)
    with pytest.raises(Misconfigured, match="cannot be read"):
        source(path.parent)
    write(path, "PatientID,Code", mode=0o640)
    with pytest.raises(Misconfigured, match="chmod 600"):
        source(path)
    path.chmod(0o600)
    path.write_bytes("PatientID,Code\n1,S1\nJ\u00fcrgen,S2\n".encode("latin-1"))
    with pytest.raises(Misconfigured, match="line 3: it is not UTF-8"):
        source(path)


def test_read_again_when_it_changes(path: Path) -> None:
    """Replaced, and written in place with the same size; a wrong version stops, and the old one is not used."""
    write(path, "PatientID,Code", "1,S1")
    listed = source(path)
    write(path, "PatientID,Code", "1,S1", "2,S2")
    assert listed.code(Patient("2")) == "S2"
    state = path.stat()
    path.write_text("PatientID,Code\n1,S1\n2,S3\n")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert listed.code(Patient("2")) == "S3"
    write(path, "PatientID,Code", "1,S1", "2,")
    for _ in range(2):
        with pytest.raises(Retry, match="line 3: the code is empty"):
            listed.code(Patient("1"))
    path.unlink()
    with pytest.raises(Retry, match="No such file"):
        listed.code(Patient("1"))
    write(path, "PatientID,Code", "1,S9")
    assert listed.code(Patient("1")) == "S9"


@pytest.mark.parametrize(
    ("first", "delimiter", "remedy"),
    [
        ("PatientID;Code", ",", 'set Delimiter to ";"'),
        ("PatientID\tCode", ",", 'set Delimiter to "\\t"'),
        ('"PatientID";"Code";"Remark, free"', ",", 'set Delimiter to ";"'),
        ("PatientID,Code", ";", 'set Delimiter to ","'),
        ("PatientID|Code", ",", "save it with commas"),
        ("Patient ID;Code", ",", 'set Delimiter to ";"'),
        ("Patient ID,Code", ",", "Did you mean the column 'Patient ID'? Name it under Columns."),
        ("MRN,Code", ",", "Name the columns in the first line"),
        ("4711;Mueller", ",", "Name the columns in the first line"),
    ],
)
def test_what_is_suspected(path: Path, first: str, delimiter: str, remedy: str) -> None:
    """Another delimiter, or a column of another name; no other text of the line is repeated."""
    write(path, first, "1;S1")
    with pytest.raises(Misconfigured) as caught:
        source(path, Delimiter=delimiter)
    assert remedy in caught.value.remedy
    assert "Mueller" not in str(caught.value)

"""`sendit deidentify` for projects whose pseudonyms stand in a list or come from a service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pydicom
import pytest

from sendit.config.project import IdentityService as ServiceSettings
from sendit.deidentify import Patient
from sendit.errors import Quarantine, Retry
from sendit.pseudonyms.lookup import Pseudonyms
from sendit.pseudonyms.service import PseudonymService
from tests.dicom import Person, StudyMaker
from tests.servers.identity_service import Answer, IdentityService
from tests.system.test_cli_deidentify import lines, run
from tests.unit.pseudonyms.test_csv_list import write

if TYPE_CHECKING:
    from pathlib import Path

MRN = "MRN-7741-905"


def configured(folder: Path, **identities: Any) -> Path:
    """An orthanc.json of one project; its keys lie in a data directory that exists."""
    (folder / "data").mkdir(mode=0o700)
    section = {
        "DataDirectory": str(folder / "data"),
        "Destinations": {"research": {"Type": "OrthancPeer", "Peer": "research"}},
        "Projects": {"irb1": {"Destinations": ["research"], "Identities": identities}},
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps({"OrthancPeers": {"research": ["http://127.0.0.1:1"]}, "SendIt": section}))
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two patients of four instances each, in between each other, and a file that is none."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, person in (("a", Person()), ("b", Person(patient_id="MRN-2"))):
        for number, data in enumerate(StudyMaker(person=person, rows=8).instances(4)):
            (folder / f"{number}{name}").write_bytes(data)
    (folder / "text").write_text("hello")
    return folder


def codes(target: Path) -> dict[str, str]:
    """PatientID by the last letter of the file's name, for what was released."""
    found = {path.name[-1]: str(pydicom.dcmread(path).PatientID) for path in target.glob("[0-9]*")}
    assert {path.name for path in target.glob("[0-9]*")} == {f"{n}{letter}" for n in range(4) for letter in found}
    return found


@pytest.mark.slow
def test_a_list(tmp_path: Path, source: Path) -> None:
    """Its codes for those it knows; the others are quarantined with the reason, until it knows them."""
    path = tmp_path / "codes.csv"
    write(path, "PatientID,Code", f"{MRN},SUBJECT-1")
    config = configured(tmp_path, Source="Csv", Path=str(path))
    done = run(tmp_path, source, tmp_path / "out", "-c", config)
    assert (done.returncode, done.stdout) == (3, "9 files: 4 released, 1 rejected, 4 quarantined\n"), done.stderr
    assert codes(tmp_path / "out") == {"a": "SUBJECT-1"}
    held = [line for line in lines(tmp_path / "out").values() if line["status"] == "quarantined"]
    assert all("no pseudonym" in line["reason"] for line in held)
    assert MRN not in (tmp_path / "out" / "receipts.jsonl").read_text()
    write(path, "PatientID,Code", f"{MRN},SUBJECT-1", "MRN-2,SUBJECT-2")
    (source / "text").unlink()
    assert run(tmp_path, source, tmp_path / "out", "-c", config).returncode == 0
    assert codes(tmp_path / "out") == {"a": "SUBJECT-1", "b": "SUBJECT-2"}
    write(path, "PatientID,Code", f"{MRN},")
    wrong = run(tmp_path, source, tmp_path / "out", "-c", config)
    assert (wrong.returncode, "line 2: the code is empty" in wrong.stderr) == (2, True)


@pytest.mark.slow
def test_a_list_of_accession_numbers(tmp_path: Path) -> None:
    """Each study has the code of its row; another study of the same patient is held until the list has it."""
    folder, path = tmp_path / "in", tmp_path / "cohort.csv"
    folder.mkdir()
    for letter, number in (("a", "A2024-1"), ("b", "A2024-2")):
        (folder / f"0{letter}").write_bytes(StudyMaker(accession_number=number, rows=8).instance())
    columns = {"AccessionNumber": "AccessionNumber", "Code": "SubjectCode"}
    write(path, "AccessionNumber,Modality,SubjectCode", "A2024-1,CT,SUBJECT-1")
    config = configured(tmp_path, Source="Csv", Path=str(path), Columns=columns)
    done = run(tmp_path, folder, tmp_path / "out", "-c", config)
    assert (done.returncode, done.stdout) == (3, "2 files: 1 released, 0 rejected, 1 quarantined\n"), done.stderr
    write(path, "AccessionNumber,Modality,SubjectCode", "A2024-1,CT,SUBJECT-1", "A2024-2,CT,SUBJECT-1")
    assert run(tmp_path, folder, tmp_path / "out", "-c", config).returncode == 0
    released = [pydicom.dcmread(tmp_path / "out" / name) for name in ("0a", "0b")]
    assert [str(one.PatientID) for one in released] == ["SUBJECT-1", "SUBJECT-1"]
    assert not {str(one.AccessionNumber) for one in released} & {"A2024-1", "A2024-2"}


def test_a_service(tmp_path: Path, source: Path) -> None:
    """One request for each patient; whom it does not know has the pseudonym of the key, where the project says so."""
    with IdentityService({MRN: "SUBJECT-1"}) as service:
        config = configured(tmp_path, Source="Service", Url=service.url, Unknown="Keyed")
        done = run(tmp_path, source, tmp_path / "out", "-c", config)
        assert done.stdout == "9 files: 8 released, 1 rejected, 0 quarantined\n", done.stderr
        assert sorted(asked["patients"][0]["patient_id"] for asked in service.asked) == ["MRN-2", MRN]
        assert {asked["project"] for asked in service.asked} == {"irb1"}
    found = codes(tmp_path / "out")
    assert found["a"] == "SUBJECT-1"
    assert found["b"].isalnum()
    assert len(found["b"]) == 16


def test_a_service_that_refuses(tmp_path: Path, source: Path) -> None:
    """The run ends with what has to be mended, and nothing is released."""
    with IdentityService({}) as service:
        service.answer = Answer(401)
        config = configured(tmp_path, Source="Service", Url=service.url)
        done = run(tmp_path, source, tmp_path / "out", "-c", config)
    assert (done.returncode, "answers 401" in done.stderr) == (2, True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["receipts.jsonl"]


def test_a_service_is_asked_again_and_once_for_each_patient() -> None:
    """A patient who is not known is remembered, too; after the last try the run ends."""
    with IdentityService({MRN: "SUBJECT-1"}) as service:
        settings = ServiceSettings.model_validate({"Source": "Service", "Url": service.url})
        asking = Pseudonyms(
            PseudonymService(settings, "SendIt.Projects.irb1.Identities"), unknown_stops=True, delays=(0.01, 0.01)
        )
        known, unknown = Patient(MRN), Patient("MRN-2")
        service.answer = Answer(503)
        with pytest.raises(Retry, match="503"):
            asking.of(known)
        assert len(service.asked) == 3
        service.answer = None
        for _ in range(3):
            assert asking.of(known) == {known.parts(): "SUBJECT-1"}
            with pytest.raises(Quarantine, match="no pseudonym"):
                asking.of(unknown)
        assert asking.of(None) == {}
        assert len(service.asked) == 5

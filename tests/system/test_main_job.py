"""The main job, with two real Orthancs: a study arrives in one and leaves de-identified for the other."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from datetime import date, datetime
from typing import TYPE_CHECKING

import pytest
from pydicom.uid import CTImageStorage, generate_uid

from tests.dicom import PLANTED_NAME, Person, StudyMaker
from tests.servers.stack import Stack, dcmread_bytes
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStack


def assert_sums(batch: dict[str, int]) -> None:
    """received = sent + rejected + quarantined + still under way."""
    parts = ("sent", "rejected", "quarantined", "under_way")
    assert batch["received"] == sum(batch[part] for part in parts)


def assert_clean(stack: Stack, *makers: StudyMaker) -> None:
    """Nothing that identifies these studies is in any byte that the target holds."""
    for data in stack.delivered_files():
        for maker in makers:
            words = [maker.person.patient_id, maker.accession_number, maker.study_uid, maker.series_uid]
            for word in [*words, *maker.person.name.split("^"), maker.person.birth_date, maker.study_date]:
                assert word.encode() not in data


@pytest.mark.parametrize("way", ["rest", pytest.param("c-store", marks=pytest.mark.both_databases), "zip"])
def test_a_study_arrives_and_leaves_de_identified(
    make_stack: MakeStack, tmp_path: Path, database: str, way: str
) -> None:
    """Whatever the way in and whatever the database: all instances at the target, coded, read back; nothing staged."""
    stack = make_stack(database).start()
    maker = StudyMaker()
    files = maker.instances(4)
    if way == "rest":
        for file in files:
            stack.source.upload(file)
    elif way == "zip":
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as z:
            for number, file in enumerate(files):
                z.writestr(f"{number}.dcm", file)
        stack.source.upload(archive.getvalue())
    else:
        paths = [tmp_path / f"{number}.dcm" for number in range(len(files))]
        for path, file in zip(paths, files, strict=True):
            path.write_bytes(file)
        stack.store_scu(*paths)
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["received"], batch["sent"]) == ("DONE", 4, 4), stack.describe()
    assert_sums(batch)
    assert len(stack.delivered_files()) == 4
    assert_clean(stack, maker)
    assert stack.staged() == []
    assert PLANTED_NAME not in stack.source.log()
    assert maker.person.patient_id not in stack.source.log()


@pytest.mark.slow
def test_a_batch_is_seen_receiving_before_the_study_is_stable(make_stack: MakeStack) -> None:
    """It opens with the first instance, and counts."""
    stack = make_stack()
    stack.configure(StableAge=30)
    stack.start()
    maker = StudyMaker()
    stack.source.upload(maker.instance(1))
    stack.wait_batch(lambda b: b["state"] == "RECEIVING" and b["received"] == 1)
    stack.source.upload(maker.instance(2))
    stack.wait_batch(lambda b: b["state"] == "RECEIVING" and b["received"] == 2)


def test_a_late_instance_is_delivered_alone_under_the_same_codes(stack: Stack) -> None:
    """A further batch of just that instance; the same pseudonym, the same study and series UIDs."""
    maker = StudyMaker()
    for file in maker.instances(2):
        stack.source.upload(file)
    [first] = stack.wait_batches(1)
    stack.source.upload(maker.instance(3))
    _, second = stack.wait_batches(2)
    assert (second["received"], second["sent"], second["follows"]) == (1, 1, first["id"])
    delivered = stack.delivered()
    assert len(delivered) == 3
    assert len({d.SOPInstanceUID for d in delivered}) == 3
    for keyword in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "AccessionNumber", "StudyDate"):
        assert len({str(d[keyword].value) for d in delivered}) == 1, keyword


def test_sending_the_same_again_changes_nothing(stack: Stack) -> None:
    """Orthanc answers AlreadyStored; no second batch, nothing twice at the target."""
    maker = StudyMaker()
    files = maker.instances(2)
    for file in files:
        stack.source.upload(file)
    stack.wait_batches(1)
    assert [stack.source.upload(file)["Status"] for file in files] == ["AlreadyStored"] * 2
    other = StudyMaker(Person("OTHER-1", "Nobody^Else"))
    stack.source.upload(other.instance())  # something to wait for, after which the first would have shown
    batches = stack.wait_batches(2)
    assert [b["received"] for b in batches] == [2, 1]
    assert len(stack.delivered_files()) == 3


def test_two_studies_of_one_patient_stay_together_in_time(stack: Stack) -> None:
    """One pseudonym, the exact interval between the dates, and references between the studies resolve at the target."""
    person = Person()
    first = StudyMaker(person, study_date="20240115", accession_number="ACC9000001")
    target_uid = generate_uid()
    stack.source.upload(first.instance(1, uid=target_uid))
    stack.wait_batches(1)
    second = StudyMaker(person, study_date="20240302", accession_number="ACC9000002")
    second.refers_to = (CTImageStorage, target_uid)
    stack.source.upload(second.instance(1))
    stack.wait_batches(2)
    delivered = sorted(stack.delivered(), key=lambda d: str(d.StudyDate))
    earlier, later = delivered
    assert earlier.PatientID == later.PatientID != person.patient_id
    assert earlier.AccessionNumber != later.AccessionNumber
    assert earlier.StudyInstanceUID != later.StudyInstanceUID
    assert day(later.StudyDate) - day(earlier.StudyDate) == date(2024, 3, 2) - date(2024, 1, 15)
    assert (date(2024, 1, 15) - day(earlier.StudyDate)).days % 7 == 0
    assert later.ReferencedImageSequence[0].ReferencedSOPInstanceUID == earlier.SOPInstanceUID
    assert_clean(stack, first, second)


def day(value: str) -> date:
    return datetime.strptime(value, "%Y%m%d").date()


@pytest.mark.slow
def test_the_same_codes_after_a_restart(stack: Stack) -> None:
    """The key lasts: a study of the same patient after a restart has the same pseudonym."""
    person = Person()
    stack.source.upload(StudyMaker(person).instance())
    stack.wait_batches(1)
    stack.source.stop()
    stack.source.start()
    stack.wait_ready()
    stack.source.upload(StudyMaker(person, study_date="20240501").instance())
    stack.wait_batches(2)
    assert len({d.PatientID for d in stack.delivered()}) == 1


@pytest.mark.slow
def test_a_study_that_came_while_sendit_was_away_is_found(stack: Stack) -> None:
    """The sweep at the start takes it up: Orthanc never tells of it again."""
    stack.source.stop()
    configuration = stack.source.configuration
    stack.source.configuration = {**configuration, "Plugins": []}
    stack.source.start()
    stack.source.upload(StudyMaker().instance())
    stack.source.stop()
    stack.source.configuration = configuration
    stack.source.start()
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"]) == ("DONE", 1)


@pytest.mark.slow
def test_a_study_that_no_project_wants_ends_empty_and_can_be_retried(make_stack: MakeStack) -> None:
    """It says why; nothing leaves."""
    stack = make_stack()
    stack.sendit["Projects"]["irb1"]["Match"] = {"Modality": ["MR"]}
    stack.start()
    stack.source.upload(StudyMaker(modality="CT").instance())
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["rejected"]) == ("EMPTY", 1)
    assert "Match" in batch["reason"]
    answer = stack.source.session.post(
        f"{stack.source.url}/sendit/api/batches/{batch['id']}/retry", json={}, timeout=30
    )
    assert answer.status_code == 409
    assert "Match" in answer.json()["detail"]
    assert stack.delivered_files() == []


@pytest.mark.slow
def test_projects_are_chosen_by_what_matches_first(make_stack: MakeStack, tmp_path: Path) -> None:
    """By modality and by called AET; each project codes with a key of its own."""
    stack = make_stack()
    projects = stack.sendit["Projects"]
    projects.clear()
    common = {"Options": ["RetainLongitudinalModifiedDates"], "Destinations": ["research"]}
    projects["by-title"] = {"Match": {"CalledAET": "SOU*", "Modality": ["MR"]}, **common}
    projects["all"] = {"Match": {}, **common}
    stack.start()
    path = tmp_path / "a.dcm"
    path.write_bytes(StudyMaker(modality="MR").instance())
    stack.store_scu(path)
    stack.wait_batches(1)
    stack.source.upload(StudyMaker(modality="CT").instance())
    batches = stack.wait_batches(2)
    assert [b["project"] for b in batches] == ["by-title", "all"]
    assert len({d.PatientID for d in stack.delivered()}) == 2


def test_an_unreadable_instance_is_rejected_with_a_reason_and_the_rest_is_sent(make_stack: MakeStack) -> None:
    """A file that a failing disk cut off inside Orthanc's storage, while the study was arriving."""
    stack = make_stack()
    stack.configure(MaximumStorageCacheSize=0)
    stack.start()
    maker = StudyMaker()
    stack.source.upload(maker.instance(1))
    stored = set(stack.stored_files())
    stack.source.upload(maker.instance(2))
    [path] = set(stack.stored_files()) - stored
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 500)
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"], batch["rejected"]) == ("DONE", 1, 1), stack.describe()
    assert_sums(batch)
    detail = stack.api(f"batches/{batch['id']}")
    [reason] = detail["reasons"]
    assert reason["state"] == "REJECTED"
    assert reason["reason"]
    assert len(stack.delivered_files()) == 1


@pytest.mark.slow
def test_two_contents_under_one_uid_are_quarantined(stack: Stack) -> None:
    """The same SOPInstanceUID in two series with different pixels: nobody can say which is right; nothing leaves."""
    uid = generate_uid()
    maker = StudyMaker()
    stack.source.upload(maker.instance(1, uid=uid, pixel=1))
    maker.series_uid = generate_uid()
    stack.source.upload(maker.instance(1, uid=uid, pixel=2))
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["quarantined"]) == ("QUARANTINED", 2)
    assert stack.delivered_files() == []
    assert stack.staged() == []


@pytest.mark.slow
def test_an_overwritten_instance_is_quarantined(make_stack: MakeStack) -> None:
    """Orthanc set to overwrite: the content changed after it was sent; the new one is held, the old one stays."""
    stack = make_stack()
    stack.configure(OverwriteInstances=True)
    stack.start()
    uid = generate_uid()
    maker = StudyMaker()
    stack.source.upload(maker.instance(1, uid=uid, pixel=1))
    stack.wait_batches(1)
    stack.source.upload(maker.instance(1, uid=uid, pixel=2))
    batches = stack.wait_batches(2)
    assert Counter(b["state"] for b in batches) == {"DONE": 1, "QUARANTINED": 1}
    assert len(stack.delivered_files()) == 1


@pytest.mark.slow
def test_a_folder_becomes_a_batch_at_once(make_stack: MakeStack, tmp_path: Path) -> None:
    """ST-1.tmp2343 is left alone, ST-1 is taken, moved to .done and sent, without waiting for stability."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    stack = make_stack(
        WatchedFolders=[{"Path": str(inbox), "Project": "irb1", "QuietSeconds": 0.5, "PollSeconds": 0.5}]
    )
    stack.configure(StableAge=600)
    stack.sendit["Projects"]["irb1"].pop("Match")
    stack.start()
    growing = inbox / "ST-1.tmp2343"
    (growing / "series").mkdir(parents=True)
    maker = StudyMaker()
    for number, file in enumerate(maker.instances(3)):
        (growing / "series" / f"IM{number}").write_bytes(file)
    growing.rename(inbox / "ST-1")
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"], batch["project"]) == ("DONE", 3, "irb1")
    wait_for((inbox / ".done" / "ST-1").is_dir, "the folder in .done")
    assert_clean(stack, maker)


@pytest.mark.slow
def test_files_of_the_target_are_dicom_files_with_a_blank_preamble(stack: Stack) -> None:
    """File meta rebuilt, preamble zero, the coded UID in both places."""
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    [data] = stack.delivered_files()
    assert data[:132] == bytes(128) + b"DICM"
    dataset = dcmread_bytes(data)
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert "SourceApplicationEntityTitle" not in dataset.file_meta


@pytest.mark.slow
def test_a_study_deleted_while_it_waited_and_sent_again_leaves(stack: Stack) -> None:
    """What was never processed is not covered: the second sending is taken up."""
    maker = StudyMaker()
    files = maker.instances(2)
    for file in files:
        stack.source.upload(file)
    stack.wait_batch(lambda b: b["state"] != "RECEIVING")
    [study] = stack.source.get("/studies")
    stack.source.session.delete(f"{stack.source.url}/studies/{study}", timeout=30).raise_for_status()
    stack.wait_batches(1)
    for file in files:
        stack.source.upload(file)
    wait_for(lambda: len(stack.target.get("/instances")) == 2, "both instances at the target")
    assert {b["state"] for b in stack.wait_batches(1)} <= {"DONE", "EMPTY"}


@pytest.mark.slow
def test_a_late_instance_goes_to_every_project_that_has_the_study(make_stack: MakeStack, tmp_path: Path) -> None:
    """Sent for one by its Match, then imported for another: both get what comes later."""
    stack = make_stack()
    projects = stack.sendit["Projects"]
    projects["imported"] = {"Destinations": ["research"]}
    stack.start()
    maker = StudyMaker()
    data = maker.instance(1)
    stack.source.upload(data)
    stack.wait_batches(1)
    folder = tmp_path / "cd"
    folder.mkdir()
    (folder / "a").write_bytes(data)
    assert stack.cli("import", str(folder), "--project", "imported").returncode == 0
    stack.wait_batches(2)
    stack.source.upload(maker.instance(2))
    batches = stack.wait_batches(4)
    assert sorted(str(b["project"]) for b in batches) == ["imported", "imported", "irb1", "irb1"]
    assert len(stack.delivered_files()) == 4


@pytest.mark.slow
def test_a_destination_that_was_renamed_under_way_fails_and_a_retry_finds_the_new_one(make_stack: MakeStack) -> None:
    """FAILED with the reason, not stuck; the retry goes where the project points now."""
    stack = make_stack().start(target=False)
    stack.source.upload(StudyMaker().instance())
    stack.wait_batch(lambda b: b["state"] == "DELIVERING")
    stack.source.stop()
    stack.sendit["Destinations"]["archive"] = stack.sendit["Destinations"].pop("research")
    stack.sendit["Projects"]["irb1"]["Destinations"] = ["archive"]
    stack.target.start()
    stack.source.start()
    [batch] = stack.wait_batches(1)
    assert batch["state"] == "FAILED"
    assert "no longer configured" in batch["reason"]
    stack.api(f"batches/{batch['id']}/retry", "POST")
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"]) == ("DONE", 1)

"""The DICOMDIR of a folder: right after late parts, recalls and kills, and with several batches at once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest
from pydicom.fileset import FileSet
from pydicom.uid import UID

from sendit.config.schema import load
from sendit.errors import Misconfigured
from sendit.model import Shipment
from tests.destinations.bench import no_progress, open_out
from tests.destinations.bench_folder import folder_document
from tests.destinations.staged_instances import read_testfile, shipment, shipment_of

if TYPE_CHECKING:
    from sendit.destinations.base import Destination


def _open(share: Path) -> Destination:
    return open_out(folder_document(share, Dicomdir=True))


def _named(share: Path) -> dict[str, str]:
    """What pydicom reads: SOP instance UID → path."""
    return {str(one.SOPInstanceUID): one.path for one in FileSet(share / "DICOMDIR")}


def _uids(*sent: Shipment) -> set[str]:
    return {staged.receipt.sop_instance_uid for one in sent for staged in one.staged_instances}


def test_an_unmodified_reader_finds_everything(share: Path, tmp_path: Path) -> None:
    """Two patients, in two batches: pydicom walks the directory, and every file is the one that was sent."""
    one, two = shipment(tmp_path, 3), shipment(tmp_path, 2)
    destination = _open(share)
    for sent in (one, two):
        destination.deliver(sent, no_progress)
        assert destination.verify(sent) == []
    named = _named(share)
    assert set(named) == _uids(one, two)
    for staged in (*one.staged_instances, *two.staged_instances):
        assert Path(named[staged.receipt.sop_instance_uid]).read_bytes() == staged.path.read_bytes()
    found = FileSet(share / "DICOMDIR").find_values("PatientID")
    assert set(found) == {one.staged_instances[0].receipt.patient_id, two.staged_instances[0].receipt.patient_id}


def test_late_parts_and_recalls(share: Path, tmp_path: Path) -> None:
    """It names what is there, after each step; with the last instance it goes."""
    sent = shipment(tmp_path, 5)
    first, late = Shipment(1, "IRB1", sent.staged_instances[:3]), Shipment(2, "IRB1", sent.staged_instances[3:], part=2)
    destination = _open(share)
    destination.deliver(first, no_progress)
    destination.deliver(late, no_progress)
    assert set(_named(share)) == _uids(first, late)
    destination.recall(first)
    assert set(_named(share)) == _uids(late)
    destination.recall(late)
    assert [path.name for path in share.iterdir()] == [".sendit.lock"]


def test_the_same_instances_give_the_same_directory(share: Path, tmp_path: Path) -> None:
    """In whatever order they come; and nothing is written where nothing changed."""
    sent = shipment(tmp_path, 4)
    destination = _open(share)
    for staged in reversed(sent.staged_instances):
        destination.deliver(Shipment(1, "IRB1", [staged]), no_progress)
    before = (share / "DICOMDIR").stat().st_ino
    destination.deliver(sent, no_progress)
    assert (share / "DICOMDIR").stat().st_ino == before
    other = tmp_path / "other"
    other.mkdir()
    _open(other).deliver(sent, no_progress)
    one, two = (pydicom.dcmread(path / "DICOMDIR").DirectoryRecordSequence for path in (share, other))
    for record in (*one, *two):  # a directory's own UID, whose length is left to chance, moves all of them
        del record.OffsetOfTheNextDirectoryRecord, record.OffsetOfReferencedLowerLevelDirectoryEntity
    assert one == two


def test_killed_before_the_directory_was_written(share: Path, tmp_path: Path) -> None:
    """The files are there and not named: verification says so, and the next delivery names them."""
    sent = shipment(tmp_path, 2)
    destination = _open(share)
    destination.deliver(sent, no_progress)
    (share / "DICOMDIR").unlink()
    assert {found.problem for found in destination.verify(sent)} == {"it is there, but the DICOMDIR does not list it"}
    destination.deliver(sent, no_progress)
    assert destination.verify(sent) == []


def test_several_batches_at_once(share: Path, tmp_path: Path) -> None:
    """No batch's records are lost to another's."""
    sent = [shipment(tmp_path, 2) for _ in range(6)]
    sent = [Shipment(number, "IRB1", one.staged_instances) for number, one in enumerate(sent)]
    threads = [threading.Thread(target=_open(share).deliver, args=(one, no_progress)) for one in sent]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(_named(share)) == _uids(*sent)


def test_records_of_other_kinds(share: Path, tmp_path: Path) -> None:
    """Structured reports, plans and doses have record types of their own; missing attributes do not stop a batch."""
    datasets = [read_testfile(name) for name in ("CT_small.dcm", "rtplan.dcm", "rtdose.dcm", "test-SR.dcm")]
    poor = read_testfile()
    for keyword in ("InstanceNumber", "SeriesNumber", "StudyID", "StudyDate", "StudyTime"):
        delattr(poor, keyword)
    sent = shipment_of(*datasets, poor, folder=tmp_path)
    _open(share).deliver(sent, no_progress)
    records = pydicom.dcmread(share / "DICOMDIR").DirectoryRecordSequence
    kinds = [record.DirectoryRecordType for record in records]
    assert sorted(kinds) == sorted(
        ["PATIENT", "STUDY", "SERIES", "IMAGE", "IMAGE", "RT PLAN", "RT DOSE", "SR DOCUMENT"]
    )
    assert set(_named(share)) == _uids(sent)


def test_names_of_other_alphabets(share: Path, tmp_path: Path) -> None:
    """A record has the character set of its instance."""
    dataset = read_testfile()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.StudyDescription = "Schädel"
    sent = shipment_of(dataset, folder=tmp_path)
    destination = _open(share)
    destination.deliver(sent, no_progress)
    destination.deliver(shipment(tmp_path, 1), no_progress)
    (study,) = (
        r for r in pydicom.dcmread(share / "DICOMDIR").DirectoryRecordSequence if r.get("StudyDescription") == "Schädel"
    )
    assert study.StudyInstanceUID == sent.staged_instances[0].receipt.study_instance_uid


def test_a_directory_of_somebody_else(share: Path, tmp_path: Path) -> None:
    """It is not touched."""
    sent = shipment(tmp_path, 1)
    for content in (b"something", _foreign(tmp_path)):
        (share / "DICOMDIR").write_bytes(content)
        with pytest.raises(Misconfigured, match="did not write"):
            _open(share).deliver(sent, no_progress)
        assert (share / "DICOMDIR").read_bytes() == content


def _foreign(folder: Path) -> bytes:
    files = FileSet()
    dataset = read_testfile()
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID("2.25.7")
    files.add(dataset)
    files.write(folder / "foreign")
    return (folder / "foreign" / "DICOMDIR").read_bytes()


def test_names_are_prescribed(share: Path) -> None:
    """FileName beside Dicomdir is an error: a file-set has names of its own."""
    with pytest.raises(Misconfigured, match="leave FileName out"):
        load(folder_document(share, Dicomdir=True, FileName="{instance}.dcm"))

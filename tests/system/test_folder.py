"""The folder importer with a real Orthanc."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from sendit.errors import Misconfigured, Retry
from sendit.importer.watcher import import_folder
from sendit.model import FileOutcome, StoreAnswer
from tests.dicom import StudyMaker
from tests.servers.orthanc import OrthancServer
from tests.servers.orthanc_store import OrthancStore
from tests.servers.waiting import wait_for
from tests.system.watching import Recorder, Watching

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """One for all tests here: each makes studies of its own."""
    with OrthancServer(tmp_path_factory.mktemp("orthanc")) as server:
        yield server


@pytest.fixture
def store(orthanc: OrthancServer) -> OrthancStore:
    return OrthancStore(orthanc.url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The watched folder."""
    path = tmp_path / "watched"
    path.mkdir()
    return path


def fill(directory: Path, files: dict[str, bytes]) -> None:
    """Write files under a directory that is made for them."""
    for name, data in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def drop(folder: Path, name: str, files: dict[str, bytes]) -> None:
    """Put a directory into the watched folder as PACS scripts do: under another name first."""
    fill(folder / f"{name}.tmp2343", files)
    (folder / f"{name}.tmp2343").rename(folder / name)


def study(count: int = 3) -> dict[str, bytes]:
    """`IM1`, `IM2` …, small images of a new study."""
    return {f"IM{n}": data for n, data in enumerate(StudyMaker(rows=8).instances(count), 1)}


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def changed(data: bytes) -> bytes:
    """Other content under the same UIDs."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.ImageComments = "another one"
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def test_a_directory_by_rename(orthanc: OrthancServer, store: OrthancStore, folder: Path) -> None:
    """`ST-1.tmp2343` is left alone; renamed to `ST-1` it is imported whole, told at once, and moved to .done."""
    files = study()
    fill(folder / "ST-1.tmp2343", {"IM1": files["IM1"]})
    drop(folder, "other", study(1))
    with Watching(folder, store, QuietSeconds=86_400) as watching:
        watching.wait_for(".done/other")
        assert (folder / "ST-1.tmp2343").exists()
        fill(folder / "ST-1.tmp2343", files)
        (folder / "ST-1.tmp2343").rename(folder / "ST-1")
        watching.wait_for(".done/ST-1")
    told = watching.told
    assert told.finished == [("other", True), ("ST-1", True)]
    assert {path: outcome for (name, path), outcome in told.outcomes.items() if name == "ST-1"} == dict.fromkeys(
        files, FileOutcome.IMPORTED
    )
    (brought,) = told.studies[-1].items()
    assert told.project == "P"
    instances = orthanc.get(f"/studies/{brought[0]}/instances")
    assert brought[1] == {instance["ID"] for instance in instances}
    assert sorted(os.listdir(folder)) == [".done"]
    assert {p.name: p.read_bytes() for p in (folder / ".done" / "ST-1").iterdir()} == files


def test_a_rename_that_was_over_before_anyone_looked(store: OrthancStore, folder: Path) -> None:
    """A directory made, filled and renamed in an instant does not wait for QuietSeconds."""
    with Watching(folder, store, QuietSeconds=86_400) as watching:
        drop(folder, "first", study(1))
        watching.wait_for(".done/first")
        drop(folder, "second", study(1))
        watching.wait_for(".done/second")


def test_a_directory_filled_in_place_is_not_cut(store: OrthancStore, folder: Path) -> None:
    """Files that come one by one under the final name end up in one import, with the directory still in its place."""
    files = study(8)
    with Watching(folder, store, QuietSeconds=2) as watching:
        (folder / "ST-1").mkdir()
        for name, data in files.items():
            fill(folder / "ST-1", {name: data})
            threading.Event().wait(0.5)  # the pace of a slow copy, which is what this test is about
            assert (folder / "ST-1").exists()
        watching.wait_for(".done/ST-1")
    assert len(os.listdir(folder / ".done" / "ST-1")) == len(files)
    assert watching.told.directories == ["ST-1"]


def test_a_file_that_comes_during_the_import(store: OrthancStore, folder: Path) -> None:
    """The directory stays until all of it was imported, as one import."""
    late = study(1)["IM1"]

    class Slow(OrthancStore):
        def store(self, data: bytes | BinaryIO) -> StoreAnswer:
            if self.uploads == 0:
                fill(folder / "ST-1", {"late": late})
            return super().store(data)

    drop(folder, "ST-1", study())
    with Watching(folder, Slow(store.url)) as watching:
        watching.wait_for(".done/ST-1")
    assert watching.told.outcome("late") in (FileOutcome.IMPORTED, FileOutcome.ALREADY_THERE)
    assert watching.told.finished == [("ST-1", True)]
    assert (folder / ".done" / "ST-1" / "late").exists()


def test_polling(store: OrthancStore, folder: Path) -> None:
    """A folder that sends no events is looked at."""
    with Watching(folder, store, Polling=True, QuietSeconds=86_400) as watching:
        fill(folder / "ST-1.tmp2343", study())
        drop(folder, "first", study(1))
        watching.wait_for(".done/first")
        assert (folder / "ST-1.tmp2343").exists()
        (folder / "ST-1.tmp2343").rename(folder / "ST-1")
        watching.wait_for(".done/ST-1")


def test_what_lay_there_before(store: OrthancStore, folder: Path) -> None:
    """What came while SendIt was not running is taken at its start."""
    drop(folder, "ST-1", study())
    with Watching(folder, store) as watching:
        watching.wait_for(".done/ST-1")


def test_a_dump_of_a_disc(orthanc: OrthancServer, store: OrthancStore, folder: Path) -> None:
    """Nested folders, no extensions, a DICOMDIR, a file without preamble and junk: imported whole."""
    index = Path(str(get_testdata_file("DICOMDIR", download=False))).read_bytes()
    bare = Path(str(get_testdata_file("ExplVR_LitEndNoMeta.dcm", download=False))).read_bytes()
    one, two = study(2).values()
    contents = {"DICOMDIR": index, "A/B/C/D/00000001": one, "A/x.dcm": two, "bare": bare, "A/Thumbs.db": b"junk"}
    drop(folder, "disc", contents)
    with Watching(folder, store) as watching:
        watching.wait_for(".done/disc")
    told = watching.told
    assert {path: outcome for (_, path), outcome in told.outcomes.items()} == {
        "DICOMDIR": FileOutcome.INDEX,
        "A/B/C/D/00000001": FileOutcome.IMPORTED,
        "A/x.dcm": FileOutcome.IMPORTED,
        "bare": FileOutcome.IMPORTED,
        "A/Thumbs.db": FileOutcome.IGNORED,
    }


def test_archives(store: OrthancStore, folder: Path) -> None:
    """In a directory, loose, and in each other; members are named behind their archive."""
    files = study(4)
    drop(folder, "ST-1", {"all": zipped({"s/IM1": files["IM1"], "in.zip": zipped({"IM2": files["IM2"]})})})
    fill(folder, {"loose.zip": zipped({"IM3": files["IM3"]}), "bad.zip": zipped({"IM4": files["IM4"], "t": b"x"})})
    with Watching(folder, store) as watching:
        watching.wait_for(".done/ST-1")
        watching.wait_for(".done/loose.zip")
        watching.wait_for(".err/bad.zip")
    assert {path: outcome for (_, path), outcome in watching.told.outcomes.items()} == {
        "all/s/IM1": FileOutcome.IMPORTED,
        "all/in.zip/IM2": FileOutcome.IMPORTED,
        "loose.zip/IM3": FileOutcome.IMPORTED,
        "bad.zip/IM4": FileOutcome.IMPORTED,
        "bad.zip/t": FileOutcome.NOT_DICOM,
    }
    assert "bad.zip/t\tnot DICOM\t" in (folder / ".err" / "bad.zip.reasons.txt").read_text()


def test_loose_files(store: OrthancStore, folder: Path) -> None:
    """Taken together once they are quiet; the bad one goes another way; hidden and incomplete ones stay."""
    fill(folder, {**study(3), "notes.txt": b"nothing", "IM9.tmp1": b"1", ".hidden": b"2"})
    with Watching(folder, store) as watching:
        watching.wait_for(".err/notes.txt")
        for name in ("IM1", "IM2", "IM3"):
            watching.wait_for(f".done/{name}")
    assert len(watching.told.studies) == 1
    assert sorted(os.listdir(folder)) == [".done", ".err", ".hidden", "IM9.tmp1"]


def test_a_loose_file_that_grows(store: OrthancStore, folder: Path) -> None:
    """It is taken when it has stopped changing, and not before."""
    (data,) = study(1).values()
    step = len(data) // 6 + 1
    with Watching(folder, store, QuietSeconds=2) as watching, (folder / "IM1").open("wb") as file:
        for start in range(0, len(data), step):
            file.write(data[start : start + step])
            file.flush()
            threading.Event().wait(0.6)  # the pace of a slow copy
        watching.wait_for(".done/IM1")
    assert watching.told.outcome("IM1") is FileOutcome.IMPORTED
    assert watching.told.directories == ["."]


def test_what_came_another_way_is_there_already(store: OrthancStore, folder: Path) -> None:
    """Whoever receives by DICOM writes file meta information of its own; the dataset behind it decides."""
    data = study(1)["IM1"]
    received, buffer = pydicom.dcmread(io.BytesIO(data)), io.BytesIO()
    received.file_meta.ImplementationVersionName = "ANOTHER"
    received.save_as(buffer)
    assert buffer.getvalue() != data
    store.store(buffer.getvalue())
    drop(folder, "ST-1", {"IM1": data})
    with Watching(folder, store) as watching:
        watching.wait_for(".done/ST-1")
    assert watching.told.outcome("IM1") is FileOutcome.ALREADY_THERE


def test_everything_that_can_be_bad(store: OrthancStore, folder: Path, tmp_path: Path) -> None:
    """Each bad file is named in the reasons file with its outcome; the good ones are imported."""
    good, truncated, original, without = study(4).values()
    store.store(original)
    nameless = pydicom.dcmread(io.BytesIO(without))
    del nameless.StudyInstanceUID, nameless.SeriesInstanceUID, nameless.SOPInstanceUID
    buffer = io.BytesIO()
    nameless.save_as(buffer)
    secret = tmp_path / "secret"
    secret.write_bytes(study(1)["IM1"])
    files = {
        "good": good,
        "report.pdf": b"%PDF-1.4 nothing",
        "empty": b"",
        "truncated": truncated[:-40],
        "conflict": changed(original),
        "nameless": buffer.getvalue(),
        "broken.zip": zipped(study(1))[:-30],
    }
    drop(folder, "ST-1", files)
    (folder / "ST-1" / "link").symlink_to(secret)
    os.mkfifo(folder / "ST-1" / "pipe")
    before = store.stored
    with Watching(folder, store) as watching:
        watching.wait_for(".err/ST-1")
    expected = {
        "good": FileOutcome.IMPORTED,
        "report.pdf": FileOutcome.NOT_DICOM,
        "empty": FileOutcome.NOT_DICOM,
        "truncated": FileOutcome.UNREADABLE,
        "conflict": FileOutcome.CONFLICT,
        "nameless": FileOutcome.UNREADABLE,
        "broken.zip": FileOutcome.UNREADABLE,
        "link": FileOutcome.UNREADABLE,
        "pipe": FileOutcome.UNREADABLE,
    }
    assert {path: outcome for (_, path), outcome in watching.told.outcomes.items()} == expected
    assert store.stored == before + 1
    assert secret.exists()
    lines = (folder / ".err" / "ST-1.reasons.txt").read_text().splitlines()
    named = {line.split("\t")[0]: line.split("\t") for line in lines if "\t" in line}
    assert named.keys() == expected.keys() - {"good"}
    assert all(parts[1] == expected[name] and parts[2] for name, parts in named.items())
    assert watching.told.finished == [("ST-1", False)]


def test_the_same_again(store: OrthancStore, folder: Path) -> None:
    """A directory that was imported before is whole, with everything there already, and told again with all of it."""
    files = study()
    drop(folder, "ST-1", files)
    with Watching(folder, store) as watching:
        watching.wait_for(".done/ST-1")
        drop(folder, "ST-1", files)
        watching.wait_for(".done/ST-1.2")
    assert set(watching.told.outcomes.values()) == {FileOutcome.ALREADY_THERE}
    assert store.stored == len(files)
    assert watching.told.studies[0] == watching.told.studies[1]


def test_delete_after_import(store: OrthancStore, folder: Path) -> None:
    """Only what was imported whole is deleted."""
    drop(folder, "ST-1", study())
    drop(folder, "ST-2", {**study(), "notes.txt": b"x"})
    fill(folder, {"loose": study(1)["IM1"]})
    with Watching(folder, store, AfterImport="Delete") as watching:
        watching.wait_for(".err/ST-2")
        wait_for(lambda: sorted(os.listdir(folder)) == [".done", ".err"], "the folder to be emptied")
    assert os.listdir(folder / ".done") == []
    assert len(os.listdir(folder / ".err" / "ST-2")) == 4


def test_a_folder_that_comes_and_goes(
    store: OrthancStore, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder that does not exist is told once, by its place in the configuration; when it is there it is watched."""
    caplog.set_level(logging.INFO)
    folder.rmdir()
    with Watching(folder, store) as watching:
        wait_for(lambda: watching.watcher.problems(), "the report")
        folder.mkdir()
        drop(folder, "ST-1", study())
        watching.wait_for(".done/ST-1")
        wait_for(lambda: not watching.watcher.problems(), "all to be well")
        folder.rename(tmp_path / "unmounted")
        wait_for(lambda: watching.watcher.problems(), "the report")
        folder.mkdir()
        drop(folder, "ST-2", study())
        watching.wait_for(".done/ST-2")
    missing = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(missing) == 2
    assert all(message.startswith("SendIt.WatchedFolders[0]: ") for message in missing)
    assert not any("ST-1" in r.getMessage() or str(folder) in r.getMessage() for r in caplog.records)


def test_what_cannot_be_moved(store: OrthancStore, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told once, not imported again and again, and moved as soon as that works; others are imported meanwhile."""
    (folder / ".done").touch()  # a file where a folder should be: not even root can move something into it
    drop(folder, "ST-1", study(2))
    with Watching(folder, store) as watching:
        wait_for(lambda: watching.watcher.problems(), "the report")
        drop(folder, "ST-2", study(2))
        wait_for(lambda: store.stored == 4, "the second study")
        fill(folder, {"loose": study(1)["IM1"]})
        wait_for(lambda: store.stored == 5, "the loose file")
        (folder / ".done").unlink()
        for name in ("ST-1", "ST-2", "loose"):
            watching.wait_for(f".done/{name}")
        assert watching.watcher.problems() == []
    assert store.uploads == 5
    assert sum("cannot be moved" in record.getMessage() for record in caplog.records) == 1


def test_orthanc_goes_away_in_the_middle(tmp_path: Path, folder: Path) -> None:
    """The directory stays, it is tried again, and in the end everything was stored once."""
    server = OrthancServer(tmp_path / "orthanc").start()

    class Killing(OrthancStore):
        killed = False

        def store(self, data: bytes | BinaryIO) -> StoreAnswer:
            if self.stored >= 20 and not self.killed:
                self.killed = True
                server.kill()
            return super().store(data)

    store = Killing(server.url)
    try:
        drop(folder, "ST-1", study(60))
        with Watching(folder, store) as watching:
            wait_for(lambda: any("does not answer" in p for p in watching.watcher.problems()), "the report")
            assert (folder / "ST-1").exists()
            server.start()
            watching.wait_for(".done/ST-1")
        assert server.get("/statistics")["CountInstances"] == 60
        assert watching.told.finished == [("ST-1", True)]
        assert [len(instances) for instances in watching.told.studies[0].values()] == [60]
    finally:
        server.stop()


def test_stopping_in_the_middle(store: OrthancStore, folder: Path) -> None:
    """The watcher ends with what is under way, leaves the directory, and the next one completes it."""
    drop(folder, "ST-1", study(200))
    with Watching(folder, store):
        wait_for(lambda: store.stored > 5, "the first uploads")
    assert store.stored < 200
    assert (folder / "ST-1").exists()
    with Watching(folder, store) as watching:
        watching.wait_for(".done/ST-1")
    assert store.stored == 200


@contextmanager
def importer(folder: Path, orthanc: OrthancServer) -> Iterator[subprocess.Popen[bytes]]:
    """A process that imports what is put into the folder, and ends by kill -9."""
    command = [sys.executable, "-m", "tests.servers.folder_process", str(folder), orthanc.url]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_kill_9_in_the_middle(orthanc: OrthancServer, store: OrthancStore, folder: Path) -> None:
    """Killed at whatever point, the importer starts again and stores everything once, loose or not, packed or not."""
    files = study(150)
    names = list(files)
    drop(folder, "ST-1", {**{n: files[n] for n in names[:80]}, "a.zip": zipped({n: files[n] for n in names[80:120]})})
    fill(folder, {n: files[n] for n in names[120:]})
    before: int = orthanc.get("/statistics")["CountInstances"]

    def stored() -> int:
        now: int = orthanc.get("/statistics")["CountInstances"]
        return now - before

    for goal in (10, 60, 100):
        with importer(folder, orthanc):
            wait_for(lambda goal=goal: stored() >= goal, f"{goal} instances")  # type: ignore[misc]
    with Watching(folder, store) as watching:
        watching.wait_for(".done/ST-1")
        for name in names[120:]:
            watching.wait_for(f".done/{name}")
    assert stored() == 150
    assert sorted(os.listdir(folder)) == [".done"]


def test_import_folder(store: OrthancStore, folder: Path) -> None:
    """A folder imported once stays as it is; the summary counts every outcome and lists what was bad."""
    files = study(3)
    fill(folder, {**files, "deep/er/IM1": study(1)["IM1"], "notes.txt": b"x"})
    told = Recorder()
    progress: list[int] = []
    summary = import_folder(
        folder, "P", store, told, told.imported, lambda outcomes: progress.append(sum(outcomes.values()))
    )
    assert summary.outcomes == {FileOutcome.IMPORTED: 4, FileOutcome.NOT_DICOM: 1}
    assert not summary.ok
    assert [problem.name for problem in summary.problems] == ["notes.txt"]
    assert progress == [1, 2, 3, 4, 5]
    assert told.studies == [summary.studies]
    assert len(summary.studies) == 2
    assert sorted(os.listdir(folder)) == ["IM1", "IM2", "IM3", "deep", "notes.txt"]
    (folder / "notes.txt").unlink()
    again = import_folder(folder, "P", store, told, told.imported)
    assert again.ok
    assert again.outcomes == {FileOutcome.ALREADY_THERE: 4}


def test_import_of_one_archive(store: OrthancStore, folder: Path) -> None:
    """A single file can be named too."""
    fill(folder, {"a.zip": zipped(study(2))})
    told = Recorder()
    assert import_folder(folder / "a.zip", "P", store, told, told.imported).outcomes == {FileOutcome.IMPORTED: 2}


def test_import_of_nothing(store: OrthancStore, folder: Path) -> None:
    """A folder that is not there is told, and so is an Orthanc that is not there."""
    told = Recorder()
    with pytest.raises(Misconfigured, match="no such"):
        import_folder(folder / "nowhere", "P", store, told, told.imported)
    fill(folder, study(1))
    with pytest.raises(Retry, match="does not answer"):
        import_folder(folder, "P", OrthancStore("http://127.0.0.1:9"), told, told.imported)


def _bulk(folder: Path, count: int) -> None:
    """`count` small images of one series, in folders of 500, made from one by replacing its UID."""
    uid = generate_uid()[:50].ljust(50, "1")
    template = StudyMaker(rows=8).instance(uid=uid + "." + "1" * 9)
    for number in range(count):
        path = folder / f"ST.tmp1/{number // 500}/{number:06d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(template.replace(f"{uid}.{'1' * 9}".encode(), f"{uid}.{100000000 + number}".encode()))
    (folder / "ST.tmp1").rename(folder / "ST")


def _peak(pid: int) -> int:
    """The most memory that a process ever had, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


@pytest.mark.slow
@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_many_files_in_bounded_memory(orthanc: OrthancServer, folder: Path, count: int) -> None:
    """Thousands of files are imported, and the importer's memory grows by a few MiB only."""
    before = orthanc.get("/statistics")["CountInstances"]
    with importer(folder, orthanc) as process:
        drop(folder, "first", study(20))
        wait_for((folder / ".done" / "first").exists, "the first study")
        peak = _peak(process.pid)
        _bulk(folder, count)
        wait_for((folder / ".done" / "ST").exists, "the import", limit=800 if count > 2_000 else 100)
        assert _peak(process.pid) - peak < 16
    assert orthanc.get("/statistics")["CountInstances"] == before + 20 + count

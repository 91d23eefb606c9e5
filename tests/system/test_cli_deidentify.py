"""`sendit deidentify`, as a person runs it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pydicom
import pytest

from sendit.cli.files.folder import _take_over
from tests.burned import TEXT_BOX, CaptureMaker, ConsoleMaker
from tests.dicom import PLANTED_NAME, StudyMaker
from tests.servers.waiting import wait_for

SENDIT = Path(sys.executable).with_name("sendit")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the built-in project keeps its key."""
    return tmp_path / "home"


def run(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    environment = {**os.environ, "XDG_DATA_HOME": str(home)}
    command = [str(SENDIT), "deidentify", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def lines(target: Path) -> dict[str, dict[str, Any]]:
    """receipts.jsonl by path."""
    found = [json.loads(text) for text in (target / "receipts.jsonl").read_text().splitlines()]
    assert len({line["path"] for line in found}) == len(found)
    return {line["path"]: line for line in found}


def fill(folder: Path, count: int = 3) -> StudyMaker:
    """A study in nested folders."""
    maker = StudyMaker()
    for number, content in enumerate(maker.instances(count)):
        path = folder / f"series {number % 2}" / f"IM{number:04}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return maker


def test_a_folder(home: Path, tmp_path: Path) -> None:
    """Every file at the same relative path, a receipt for each, exit 0; the key made once, for us alone."""
    fill(tmp_path / "in")
    done = run(home, tmp_path / "in", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3 files: 3 released, 0 rejected, 0 quarantined\n"
    key = home / "sendit" / "default.key"
    assert str(key) in done.stderr
    assert key.stat().st_mode & 0o777 == 0o600
    found = lines(tmp_path / "out")
    assert set(found) == {"series 0/IM0000", "series 1/IM0001", "series 0/IM0002"}
    for path, line in found.items():
        content = (tmp_path / "out" / path).read_bytes()
        assert (line["status"], line["reason"]) == ("released", "")
        assert line["output_sha256"] == hashlib.sha256(content).hexdigest()
        assert line["input_sha256"] == hashlib.sha256((tmp_path / "in" / path).read_bytes()).hexdigest()
        assert pydicom.dcmread(io.BytesIO(content)).SOPInstanceUID == line["sop_instance_uid"]
        assert PLANTED_NAME.encode() not in content
    assert PLANTED_NAME not in (tmp_path / "out" / "receipts.jsonl").read_text()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"series 0", "series 1", "receipts.jsonl"}


@pytest.mark.slow
def test_again_gives_the_same(home: Path, tmp_path: Path) -> None:
    """Existing outputs are replaced by the same bytes; the key is not spoken of again."""
    fill(tmp_path / "in")
    run(home, tmp_path / "in", tmp_path / "out")
    first = {path: path.read_bytes() for path in (tmp_path / "out").rglob("IM*")}
    done = run(home, tmp_path / "in", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("IM*")} == first


def test_one_file(home: Path, tmp_path: Path) -> None:
    """SRC may be a file."""
    fill(tmp_path / "in", 1)
    done = run(home, tmp_path / "in" / "series 0" / "IM0000", tmp_path / "out")
    assert done.returncode == 0
    assert set(lines(tmp_path / "out")) == {"IM0000"}
    assert (tmp_path / "out" / "IM0000").exists()


def test_research_in_one_word(home: Path, tmp_path: Path) -> None:
    """Without a configuration: the options that research needs. With one, its projects have theirs."""
    (tmp_path / "in").mkdir()
    image = pydicom.dcmread(io.BytesIO(next(iter(StudyMaker().instances(1)))))
    image.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x28, "FD", 21.5)
    image.PatientSex = "F"
    image.save_as(tmp_path / "in" / "a.dcm")
    assert run(home, tmp_path / "in", tmp_path / "out", "--options", "Research").returncode == 0
    after = pydicom.dcmread(tmp_path / "out" / "a.dcm")
    assert (after[0x0019, 0x1028].value, after.PatientSex) == (21.5, "F")
    assert PLANTED_NAME not in str(after)
    wrong = run(home, tmp_path / "in", tmp_path / "out", "--options", "Reserch")
    assert wrong.returncode == 2
    assert "Research" in wrong.stderr


def test_what_is_not_released_is_named(home: Path, tmp_path: Path) -> None:
    """Not DICOM, empty, truncated, a link, a pipe, no UIDs: exit 1, a reason each, and no output."""
    source = tmp_path / "in"
    maker = fill(source, 1)
    good = (source / "series 0" / "IM0000").read_bytes()
    (source / "text").write_text("hello")
    (source / "empty").write_bytes(b"")
    (source / "cut").write_bytes(maker.instance(9)[:-10])
    (source / "link").symlink_to(source / "series 0" / "IM0000")
    (source / "linked folder").symlink_to("/etc")
    os.mkfifo(source / "pipe")
    (source / "receipts.jsonl").write_bytes(good)
    (source / os.fsdecode(b"caf\xe9")).write_text("a name that is no UTF-8")
    done = run(home, source, tmp_path / "out")
    assert done.returncode == 3
    assert done.stdout == "9 files: 1 released, 8 rejected, 0 quarantined\n"
    assert "\n  2 rejected: a symbolic link: not followed\n" in done.stderr
    assert done.stderr.endswith(f"\n  which file: {tmp_path / 'out' / 'receipts.jsonl'}\n")
    found = lines(tmp_path / "out")
    reasons = {path: line["reason"] for path, line in found.items() if line["status"] == "rejected"}
    assert "not DICOM" in reasons["text"]
    assert "empty" in reasons["empty"]
    assert "truncated" in reasons["cut"]
    assert "symbolic link" in reasons["link"]
    assert "symbolic link" in reasons["linked folder"]
    assert "not a file" in reasons["pipe"]
    assert "name is reserved for the list" in reasons["receipts.jsonl"]
    assert os.fsdecode(b"caf\xe9") in reasons
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.name != "receipts.jsonl"] == [
        tmp_path / "out" / "series 0" / "IM0000"
    ]


@pytest.mark.slow
def test_one_uid_with_different_contents(home: Path, tmp_path: Path) -> None:
    """Files stand each for itself: all are released, and who has another content under a known UID is told."""
    source, maker = tmp_path / "in", StudyMaker()
    source.mkdir()
    for name, pixel in (("a", 1), ("b", 2), ("c", 1)):
        (source / name).write_bytes(maker.instance(1, uid="1.2.3.4", pixel=pixel))
    for name in ("d", "e"):
        (source / name).write_bytes(maker.instance(2, uid="1.2.3.5"))
    done = run(home, source, tmp_path / "out")
    assert done.returncode == 0
    found = lines(tmp_path / "out")
    assert {line["status"] for line in found.values()} == {"released"}
    noted = {path for path, line in found.items() if "same SOPInstanceUID" in line["reason"]}
    assert noted in ({"b"}, {"a", "c"})  # whichever content came first
    assert "share a SOPInstanceUID" in done.stdout + done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*"abcde", "receipts.jsonl"}


@pytest.mark.slow
def test_one_study_with_several_patients(home: Path, tmp_path: Path) -> None:
    """Another PatientID is another patient, also if it differs in case only: the command says so."""
    (tmp_path / "in").mkdir()
    for number, patient in enumerate(("ab-12", "ab-12 ", "AB-12")):
        image = pydicom.dcmread(io.BytesIO(StudyMaker().instance(number)))
        image.PatientID, image.StudyInstanceUID = patient, "1.2.3"
        image.save_as(tmp_path / "in" / str(number))
    done = run(home, tmp_path / "in", tmp_path / "out")
    assert done.returncode == 0
    assert len({line["patient_id"] for line in lines(tmp_path / "out").values()}) == 2
    assert "1 study has several PatientIDs" in done.stderr


@pytest.mark.slow
def test_an_output_of_before_does_not_stay(home: Path, tmp_path: Path) -> None:
    """What was released by an earlier run and is not any more is removed; files of others are left alone."""
    fill(tmp_path / "in", 1)
    run(home, tmp_path / "in", tmp_path / "out")
    (tmp_path / "in" / "series 0" / "IM0000").write_bytes(b"broken now")
    (tmp_path / "out" / "mine").write_text("stays")
    assert run(home, tmp_path / "in", tmp_path / "out").returncode == 3
    assert not (tmp_path / "out" / "series 0" / "IM0000").exists()
    assert (tmp_path / "out" / "mine").exists()


@pytest.mark.slow
def test_an_output_of_other_inputs_is_not_forgotten(home: Path, tmp_path: Path) -> None:
    """A run over another SRC says that outputs of before are left; one that refuses their inputs removes them still."""
    fill(tmp_path / "in", 1)
    run(home, tmp_path / "in", tmp_path / "out")
    first = lines(tmp_path / "out")["series 0/IM0000"]
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "other").write_bytes(StudyMaker().instance(5))
    done = run(home, tmp_path / "others", tmp_path / "out")
    assert (done.returncode, done.stdout) == (0, "1 file: 1 released, 0 rejected, 0 quarantined\n")
    assert "DST still has 1 output of earlier runs" in done.stderr
    assert lines(tmp_path / "out")["series 0/IM0000"] == first
    (tmp_path / "in" / "series 0" / "IM0000").write_bytes(b"broken now")
    assert run(home, tmp_path / "in", tmp_path / "out").returncode == 3
    assert not (tmp_path / "out" / "series 0" / "IM0000").exists()
    assert (tmp_path / "out" / "other").exists()


@pytest.mark.slow
def test_an_output_of_a_killed_run_does_not_stay(home: Path, tmp_path: Path) -> None:
    """Its list, cut off anywhere, is read by the next run, and by the one after that if that is killed as well."""
    fill(tmp_path / "in", 3)
    run(home, tmp_path / "in", tmp_path / "out")
    part = tmp_path / "out" / ".receipts.jsonl.part"
    (tmp_path / "out" / "receipts.jsonl").rename(part)
    part.write_text(part.read_text() + '{"path": "cut o')
    _take_over(part, tmp_path / "out" / "receipts.jsonl")  # the second run begins its own list, and is killed
    part.write_text("")
    (tmp_path / "in" / "series 0" / "IM0000").write_bytes(b"broken now")
    assert run(home, tmp_path / "in", tmp_path / "out").returncode == 3
    assert lines(tmp_path / "out")["series 0/IM0000"]["status"] == "rejected"
    assert not (tmp_path / "out" / "series 0" / "IM0000").exists()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"series 0", "series 1", "receipts.jsonl"}


@pytest.mark.slow
def test_a_line_is_there_before_the_run_ends(home: Path, tmp_path: Path) -> None:
    """Killed with -9, a run leaves the names of what it released."""
    (tmp_path / "in").mkdir()
    (tmp_path / "file").write_bytes(StudyMaker(rows=1024).instance(1))
    for number in range(3000):
        (tmp_path / "in" / f"{number:05}").hardlink_to(tmp_path / "file")
    command = [str(SENDIT), "deidentify", str(tmp_path / "in"), str(tmp_path / "out"), "--workers", "1"]
    process = subprocess.Popen(command, env={**os.environ, "XDG_DATA_HOME": str(home)})
    part = tmp_path / "out" / ".receipts.jsonl.part"
    wait_for(lambda: part.exists() and part.read_text().count("\n") > 2, "the first lines")
    process.kill()
    process.wait()
    assert not (tmp_path / "out" / "receipts.jsonl").exists()


@pytest.mark.slow
def test_an_output_never_leaves_the_folder(home: Path, tmp_path: Path) -> None:
    """A link in DST that leads to SRC: the originals stay as they are, even if an earlier run released there."""
    fill(tmp_path / "in", 2)
    run(home, tmp_path / "in", tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "series 0")
    (tmp_path / "out" / "series 0").symlink_to(tmp_path / "in" / "series 0")
    original = (tmp_path / "in" / "series 0" / "IM0000").read_bytes()
    assert run(home, tmp_path / "in", tmp_path / "out").returncode == 3
    assert (tmp_path / "in" / "series 0" / "IM0000").read_bytes() == original
    found = lines(tmp_path / "out")
    assert "out of DST" in found["series 0/IM0000"]["reason"]
    assert found["series 1/IM0001"]["status"] == "released"


@pytest.mark.slow
def test_outputs_that_have_no_place(home: Path, tmp_path: Path) -> None:
    """A file where a folder should be, at any depth; the others are released, one with a name that is not UTF-8 too."""
    maker, odd = StudyMaker(), os.fsdecode(b"caf\xe9")
    for number, name in enumerate(("a/b/c/file", "a/file", odd, "good")):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(maker.instance(number))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("mine")
    done = run(home, tmp_path / "in", tmp_path / "out")
    assert (done.returncode, done.stderr.count("Traceback")) == (3, 0), done.stderr
    found = lines(tmp_path / "out")
    assert {found[name]["reason"] for name in ("a/file", "a/b/c/file")} == {"DST has a file in the place of its folder"}
    assert found[odd]["status"] == found["good"]["status"] == "released"
    assert (tmp_path / "out" / odd).is_file()
    assert (tmp_path / "out" / "a").read_text() == "mine"


def test_a_folder_in_the_place_of_the_list(home: Path, tmp_path: Path) -> None:
    """One message."""
    fill(tmp_path / "in", 1)
    (tmp_path / "out" / "receipts.jsonl").mkdir(parents=True)
    done = run(home, tmp_path / "in", tmp_path / "out")
    assert done.returncode == 2
    assert "there is a folder where SendIt writes" in done.stderr
    assert "Traceback" not in done.stderr


def test_text_in_pixels_is_masked_without_a_configuration(home: Path, tmp_path: Path) -> None:
    """And the list says so."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(CaptureMaker().capture())
    done = run(home, tmp_path / "in", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    x0, y0, x1, y1 = TEXT_BOX
    assert pydicom.dcmread(tmp_path / "out" / "a").pixel_array[y0:y1, x0:x1].max() < 100
    assert lines(tmp_path / "out")["a"]["pixels"]["status"] == "cleaned"


@pytest.mark.slow
def test_text_in_one_slice_of_a_series_is_masked(home: Path, tmp_path: Path) -> None:
    """The series is looked at before any of it stands in DST; nothing else is left there."""
    maker = ConsoleMaker()
    (tmp_path / "in").mkdir()
    for number in range(6):
        content = maker.slice_(number, "QUIXWORTH ZEBULON" if number == 3 else "")
        (tmp_path / "in" / f"{number}").write_bytes(content)
    done = run(home, tmp_path / "in", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    found = lines(tmp_path / "out")
    assert {line["pixels"]["series"] for line in found.values()} == {"looked at"}
    assert [path for path, line in found.items() if line["pixels"]["status"] == "cleaned"] == ["3"]
    assert pydicom.dcmread(tmp_path / "out" / "3").pixel_array[19:29, 22:120].max() == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*map(str, range(6)), "receipts.jsonl"}


def _configuration(tmp_path: Path, **project: Any) -> Path:
    (tmp_path / "data").mkdir(mode=0o700, exist_ok=True)
    section = {
        "DataDirectory": str(tmp_path / "data"),
        "Destinations": {"research": {"Type": "OrthancPeer", "Peer": "research"}},
        "Projects": {"IRB1": {"Destinations": ["research"], **project}},
    }
    path = tmp_path / "orthanc.json"
    path.write_text(json.dumps({"OrthancPeers": {"research": ["http://127.0.0.1:1/"]}, "SendIt": section}))
    return path


@pytest.mark.slow
def test_a_project_of_the_configuration(home: Path, tmp_path: Path) -> None:
    """Its options, its recipes (beside the configuration file), and its key in the data directory."""
    fill(tmp_path / "in", 1)
    (tmp_path / "site.deid").write_text("FORMAT dicom\n%header\nKEEP StudyDescription\n")
    config = _configuration(tmp_path, Options=["RetainInstitutionIdentity"], Recipes=["site.deid"])
    done = run(home, tmp_path / "in", tmp_path / "out", "--config", config, "--project", "IRB1")
    assert done.returncode == 0, done.stderr
    after = pydicom.dcmread(tmp_path / "out" / "series 0" / "IM0000")
    assert (after.StudyDescription, after.InstitutionName) == ("CT HEAD", "Hospital of Nowhere")
    assert (tmp_path / "data" / "keys" / "IRB1.key").stat().st_mode & 0o777 == 0o600
    assert not home.exists()


def test_a_lost_key_is_not_made_anew(home: Path, tmp_path: Path) -> None:
    """Where SendIt has worked already, it would code the same patients differently."""
    fill(tmp_path / "in", 1)
    config = _configuration(tmp_path)
    (tmp_path / "data" / "journal.sqlite").write_bytes(b"")
    done = run(home, tmp_path / "in", tmp_path / "out", "--config", config)
    assert done.returncode == 2
    assert "the key is missing" in done.stderr


@pytest.mark.slow
def test_no_data_directory_is_made(home: Path, tmp_path: Path) -> None:
    """It would belong to whoever runs the command, and Orthanc could not read it."""
    fill(tmp_path / "in", 1)
    config = _configuration(tmp_path)
    (tmp_path / "data").rmdir()
    done = run(home, tmp_path / "in", tmp_path / "out", "--config", config)
    assert done.returncode == 2
    assert "Start Orthanc once first" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "out"], "there is no such file or folder"),
        (["in", "in/out"], "one of SRC and DST contains the other"),
        (["in/series 0", "in"], "one of SRC and DST contains the other"),
        (["in", "in"], "one of SRC and DST contains the other"),
        (["in/series 0/IM0000", "in/series 0"], "one of SRC and DST contains the other"),
        (["in", "file/out"], "cannot be created"),
        (["in", "out", "--project", "IRB1"], "--config"),
        (["in", "out", "--config", "orthanc.json", "--project", "IRB2"], "there is no project 'IRB2'"),
        (["in", "out", "--config", "nowhere.json"], "cannot be read"),
        (["in", "out", "--key-directory", "open"], "chmod 600"),
        (["in"], "Missing argument"),
    ],
)
def test_wrong_use(home: Path, tmp_path: Path, arguments: list[str], says: str) -> None:
    """Exit 2, one message, no traceback, and nothing written."""
    fill(tmp_path / "in", 1)
    (tmp_path / "file").write_text("")
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "default.key").write_text("00" * 32)
    (tmp_path / "open" / "default.key").chmod(0o644)
    _configuration(tmp_path)
    command = [str(SENDIT), "deidentify", *arguments]
    environment = {**os.environ, "XDG_DATA_HOME": str(home), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.rglob("receipts.jsonl"))


def test_a_wrong_recipe(home: Path, tmp_path: Path) -> None:
    """Is named with its line."""
    fill(tmp_path / "in", 1)
    (tmp_path / "site.deid").write_text("FORMAT dicom\n%header\nKEPT StudyDescription\n")
    config = _configuration(tmp_path, Recipes=["site.deid"])
    done = run(home, tmp_path / "in", tmp_path / "out", "--config", config)
    assert done.returncode == 2
    assert "recipe site.deid, line 3" in done.stderr


@pytest.mark.slow
def test_interrupted(home: Path, tmp_path: Path) -> None:
    """Ctrl-C: no traceback, nothing half-written under a final name, no process left, the list as far as it came."""
    fill(tmp_path / "in", 3)
    for number, content in enumerate(StudyMaker(rows=1024).instances(4)):
        (tmp_path / f"{number}").write_bytes(content)
    for number in range(6000):  # work for longer than it takes to interrupt it
        (tmp_path / "in" / f"{number:05}").hardlink_to(tmp_path / str(number % 4))
    environment = {**os.environ, "XDG_DATA_HOME": str(home)}
    process = subprocess.Popen(
        [str(SENDIT), "deidentify", str(tmp_path / "in"), str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    wait_for(lambda: len(list((tmp_path / "out").glob("000*"))) > 3, "the first outputs")
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors
    wait_for(lambda: not _group_lives(process.pid), "every process of the command to end")
    released = [path for path, line in lines(tmp_path / "out").items() if line["status"] == "released"]
    for path in released:
        pydicom.dcmread(tmp_path / "out" / path)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="a small file system needs root")
def test_a_full_disk(home: Path, tmp_path: Path) -> None:
    """One message that says so, exit 2, and no half output."""
    fill(tmp_path / "in", 1)
    for number, content in enumerate(StudyMaker(rows=1024).instances(4)):
        (tmp_path / "in" / str(number)).write_bytes(content)
    target = tmp_path / "small"
    target.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", target], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        done = run(home, tmp_path / "in", target / "out")
        assert done.returncode == 2
        assert "No space left" in done.stderr
        assert "Traceback" not in done.stderr
        assert not [path for path in (target / "out").rglob("*") if path.name.endswith(".part")]
    finally:
        subprocess.run(["umount", target], check=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_thousand_files(home: Path, tmp_path: Path) -> None:
    """All of them, in memory that does not grow with their number."""
    source, maker = tmp_path / "in", StudyMaker(rows=8)
    source.mkdir()
    for number in range(10_000):
        (source / f"{number:05}").write_bytes(maker.instance(number))
    peak = tmp_path / "peak"
    # Not ru_maxrss, which a process has from the one that started it: here, from the run of all these tests.
    program = (
        "from sendit.cli.app import app\n"
        "try: app()\n"
        f"finally: open({str(peak)!r}, 'w').write(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])\n"
    )
    command = [sys.executable, "-c", program, "deidentify", str(source), str(tmp_path / "out")]
    environment = {**os.environ, "XDG_DATA_HOME": str(home)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.stdout == "10000 files: 10000 released, 0 rejected, 0 quarantined\n"
    assert int(peak.read_text()) < 250_000  # KiB; most of it is the command line's own libraries

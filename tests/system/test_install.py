"""scripts/install.sh, from nothing to a delivered study: below a folder, with real packages and a real Orthanc."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sendit import __version__
from tests.dicom import StudyMaker
from tests.servers.orthanc import OrthancServer
from tests.servers.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
DEBIANS = '{"Name": "as Debian has it"}'

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def install(prefix: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "scripts" / "install.sh"), "--prefix", str(prefix), *arguments]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


class Installed(OrthancServer):
    """An Orthanc with the folder that the script wrote, on ports that are free."""

    named = ""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        written: dict[str, Any] = json.loads((folder / "orthanc.json").read_text())
        ports = {"HttpPort": self.http_port, "DicomPort": self.dicom_port}
        self.configuration = {**written, **ports, "StableAge": 1}
        self.session.auth = ("admin", written["RegisteredUsers"]["admin"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what Debian's package brings, into which SendIt was installed."""
    folder = tmp_path_factory.mktemp("install")
    etc = folder / "root" / "etc" / "orthanc"
    etc.mkdir(parents=True)
    (etc / "orthanc.json").write_text(DEBIANS)
    (folder / "research").mkdir()
    answers = {"project": "IRB1", "studies": "all", "destination": "Folder", "address": str(folder / "research")}
    words = [word for name, value in answers.items() for word in (f"--{name}", value)]
    done = install(folder / "root", *words, "--profile", "Research")
    assert done.returncode == 0, done.stdout
    assert "SendIt is installed." in done.stdout
    return folder


def test_the_service_gets_additions(place: Path) -> None:
    """As they are in deploy/systemd."""
    written = place / "root" / "etc" / "systemd" / "system" / "orthanc.service.d" / "sendit.conf"
    assert written.read_bytes() == (ROOT / "deploy" / "systemd" / "sendit.conf").read_bytes()


def test_a_study_is_delivered(place: Path) -> None:
    """By Orthanc with the files as they were written; nothing else was configured."""
    etc = place / "root" / "etc" / "orthanc"
    assert sorted(path.name for path in etc.glob("*.json")) == ["orthanc-explorer-2.json", "orthanc.json"]
    with Installed(etc) as orthanc:
        api = f"{orthanc.url}/sendit/api/batches"
        wait_for(lambda: orthanc.session.get(api, timeout=5).status_code == 200, "the worker")
        orthanc.upload(StudyMaker().instance())

        def done() -> bool:
            return [one["state"] for one in orthanc.session.get(api, timeout=5).json()["batches"]] == ["DONE"]

        wait_for(done, f"the study to be delivered; {orthanc.log()[-2000:]}", limit=120)
    assert len([*(place / "research").rglob("*.dcm")]) == 1


def test_a_second_time_changes_no_configuration(place: Path) -> None:
    """Also not with other answers: those are for the first time. The command works, through its link."""
    root = place / "root"
    etc = root / "etc" / "orthanc"
    before = {path: path.read_bytes() for path in etc.rglob("*") if path.is_file()}
    done = install(root, "--project", "ANOTHER")
    assert done.returncode == 0, done.stdout
    assert "it stays as it is" in done.stdout
    assert {path: path.read_bytes() for path in etc.rglob("*") if path.is_file()} == before
    version = [str(root / "usr" / "local" / "bin" / "sendit"), "--version"]
    assert __version__ in subprocess.run(version, capture_output=True, text=True, check=True).stdout


def test_uninstalling_keeps_keys_and_journal(place: Path) -> None:
    """Debian's configuration is back; what cannot be made again is named and still there. Only once."""
    root = place / "root"
    data = root / "var" / "lib" / "sendit"
    kept = sorted(os.listdir(data))
    assert "keys" in kept
    done = install(root, "--uninstall")
    assert done.returncode == 0, done.stdout
    assert str(data) in done.stdout
    assert sorted(os.listdir(data)) == kept
    assert not (root / "opt" / "sendit").exists()
    assert not (root / "usr" / "local" / "bin" / "sendit").is_symlink()
    assert not (root / "etc" / "systemd" / "system" / "orthanc.service.d").exists()
    etc = root / "etc" / "orthanc"
    assert {path.name: path.read_text() for path in etc.glob("*.json")} == {"orthanc.json": DEBIANS}
    assert {"orthanc.json", "IRB1.deid"} <= {path.name for path in (etc / "sendit-removed").iterdir()}
    assert not (etc / "IRB1.deid").exists()
    again = install(root, "--uninstall")
    assert (again.returncode, "Nothing was changed" in again.stdout) == (1, True)

"""The tools that are compared. Each takes a folder of files and gives a folder of files with the same names."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import requests
from pydicom.dataset import FileDataset, FileMetaDataset

from sendit.config.schema import Option
from sendit.deidentify.profile.table import check_options
from sendit.errors import Misconfigured
from tests.servers.orthanc import OrthancServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parents[2]
_VENV = ROOT / "var" / "bench-venv"

#: What a site that does research asks for, beside the Basic Profile.
RESEARCH = ("RetainLongitudinalModifiedDates", "RetainPatientCharacteristics", "CleanDescriptors")


@dataclass(frozen=True, slots=True)
class Tool:
    """A column of the table."""

    name: str
    run: Callable[[Path, Path], None]
    characteristics: bool = False  # whether it was asked to keep sex, age, size and weight


def controls() -> list[Tool]:
    """The two that show that the scorer sees what there is to see."""
    return [Tool("nothing done", _nothing), Tool("everything deleted", _everything)]


def sendit() -> list[Tool]:
    """SendIt, by its command: the Basic Profile, and with the options of RESEARCH that this version has."""
    options = [option for option in RESEARCH if _available(option)]
    named = "SendIt, " + ", ".join(options)
    return [
        Tool("SendIt, Basic Profile", lambda source, target: _sendit(source, target, [])),
        Tool(named, lambda source, target: _sendit(source, target, options), characteristics=True),
    ]


def peers() -> list[Tool]:
    """Other tools, with what they do by default."""
    pinned = _pinned()
    found = [Tool(f"{name} {version}", _peer(name)) for name, version in pinned.items()]
    return [*found, Tool("Orthanc /anonymize", _orthanc)]


def _available(option: str) -> bool:
    try:
        check_options([Option(option)])
    except Misconfigured:
        return False
    return True


def _nothing(source: Path, target: Path) -> None:
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())


def _everything(source: Path, target: Path) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    for path in source.iterdir():
        pydicom.dcmwrite(target / path.name, FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128))


def _sendit(source: Path, target: Path, options: list[str]) -> None:
    """As on a workstation: `sendit deidentify` with a configuration file."""
    data = target.parent / f"{target.name}-data"
    data.mkdir(mode=0o700)
    configuration = {
        "OrthancPeers": {"research": ["http://127.0.0.1:8042/"]},
        "SendIt": {
            "DataDirectory": str(data),
            "Destinations": {"research": {"Type": "OrthancPeer", "Peer": "research"}},
            "Projects": {"benchmark": {"Options": options, "Destinations": ["research"]}},
        },
    }
    path = data / "orthanc.json"
    path.write_text(json.dumps(configuration))
    keys = data / "keys"
    keys.mkdir(mode=0o700)
    key = keys / "benchmark.key"
    key.write_text(bytes(range(32)).hex() + "\n")  # the same codes in every run
    key.chmod(0o600)
    command = [
        str(Path(sys.executable).with_name("sendit")),
        "deidentify",
        str(source),
        str(target),
        "--config",
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not (target / "receipts.jsonl").exists():  # exit code 1 says that something was rejected
        raise RuntimeError(done.stderr)


def _peer(name: str) -> Callable[[Path, Path], None]:
    def run(source: Path, target: Path) -> None:
        script = Path(__file__).with_name("peers.py")
        python = _VENV / "bin" / "python"
        command = [str(python), "-W", "ignore", str(script), name, str(source), str(target)]
        subprocess.run(command, capture_output=True, check=True)

    return run


def _orthanc(source: Path, target: Path) -> None:
    """A real server: every file is uploaded, and taken from its REST API anonymized."""
    with OrthancServer(target.parent / "orthanc", {"StableAge": 600}) as server:
        for path in source.iterdir():
            try:
                stored = server.upload(path.read_bytes())
                answer = server.session.post(f"{server.url}/instances/{stored['ID']}/anonymize", json={}, timeout=60)
                answer.raise_for_status()
            except requests.RequestException:
                continue  # it takes no such file
            (target / path.name).write_bytes(answer.content)


def _pinned() -> Mapping[str, str]:
    """The other tools and their versions, from pyproject.toml's extra `bench`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return dict(line.split("==") for line in project["optional-dependencies"]["bench"])

"""A source Orthanc with SendIt and a target Orthanc, as in a hospital, on loopback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from pydicom import dcmread

from tests.dicom import Person, StudyMaker
from tests.servers.orthanc import OrthancServer
from tests.servers.processes import children
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydicom.dataset import Dataset

PLUGIN = Path(__file__).parents[2] / "plugin" / "sendit_plugin.py"
PROJECT = "irb1"
#: From these a batch does not move by itself.
ENDED = {"DONE", "EMPTY", "QUARANTINED", "FAILED"}


class Stack:
    """Both servers; the target may be started and stopped at will."""

    def __init__(self, folder: Path, database: str = "sqlite", **sendit: Any) -> None:
        self.folder = folder
        self.data_directory = folder / "data"
        self.target = OrthancServer(folder / "target", name="TARGET")
        self.peers: dict[str, Any] = {"research": [self.target.url]}
        self.sendit: dict[str, Any] = {
            "DataDirectory": str(self.data_directory),
            "Database": database,
            "Python": sys.executable,
            "Workers": 2,
            "ReconcileSeconds": 1,
            "Retry": {"FirstDelay": 0.2, "MaxDelay": 1, "Limit": 5},
            "Destinations": {
                "research": {
                    "Type": "OrthancPeer",
                    "Peer": "research",
                    "Retry": {"FirstDelay": 0.2, "MaxDelay": 1, "Limit": 200},
                }
            },
            "Projects": {
                PROJECT: {
                    "Match": {},
                    "Options": ["CleanPixelData", "RetainLongitudinalModifiedDates"],
                    "Destinations": ["research"],
                }
            },
            **sendit,
        }
        self.source = self._make_source({})

    def _make_source(self, extra: Mapping[str, Any]) -> OrthancServer:
        configuration = {"OrthancPeers": self.peers, "SendIt": self.sendit, **extra}
        return OrthancServer(self.folder / "source", configuration, PLUGIN, "SOURCE")

    def configure(self, **extra: Any) -> None:
        """Lay this over the source's configuration; before `start`."""
        self.source.configuration.update(extra)

    def start(self, target: bool = True, ready: bool = True) -> Stack:
        if target:
            self.target.start()
        self.source.start()
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self) -> None:
        wait_for(self.is_ready, f"the worker; Orthanc's log:\n{self.source.log()[-3000:]}", limit=150)

    def is_ready(self) -> bool:
        try:
            return self.api("health").get("version") is not None
        except requests.RequestException:
            return False

    def api(self, path: str, method: str = "GET", **kwargs: Any) -> Any:
        """The JSON of /sendit/api/`path` through Orthanc; raises for an error status."""
        if method == "POST":
            kwargs.setdefault("json", {})
        answer = self.source.session.request(method, f"{self.source.url}/sendit/api/{path}", timeout=30, **kwargs)
        answer.raise_for_status()
        return answer.json()

    def batches(self) -> list[dict[str, Any]]:
        """The oldest first."""
        found: list[dict[str, Any]] = self.api("batches?limit=500")["batches"]
        return found[::-1]

    def wait_batches(self, count: int, states: set[str] = ENDED, limit: float = 60) -> list[dict[str, Any]]:
        """Until there are `count` batches and all of them have ended."""

        def ended() -> list[dict[str, Any]]:
            try:
                found = self.batches()
            except requests.RequestException:
                return []
            return found if len(found) >= count and all(b["state"] in states for b in found) else []

        try:
            return wait_for(ended, f"{count} batches to end", limit=limit)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.describe()}") from None

    def wait_batch(self, condition: Callable[[dict[str, Any]], bool], limit: float = 60) -> dict[str, Any]:
        """Until some batch fulfils the condition; that batch."""

        def found() -> dict[str, Any]:
            try:
                return next((b for b in self.batches() if condition(b)), {})
            except requests.RequestException:  # too busy just now
                return {}

        try:
            return wait_for(found, "a batch that fulfils the condition", limit=limit)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.describe()}") from None

    def describe(self) -> str:
        """What a person would look at."""
        try:
            batches = json.dumps(self.batches(), indent=1)
        except requests.RequestException as error:
            batches = f"no answer: {error}"
        return f"{batches}\nlog:\n{self.source.log()[-4000:]}"

    def delivered(self) -> list[Dataset]:
        """All that the target holds, read from its files."""
        return [dcmread_bytes(data) for data in self.delivered_files()]

    def delivered_files(self) -> list[bytes]:
        return [self.target.instance_file(identifier) for identifier in self.target.get("/instances")]

    def store_scu(self, *files: Path) -> None:
        """C-STORE to the source with DCMTK's storescu, as a modality sends."""
        self.source.store_scu(*files, timeout=120)

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command `sendit`, told of this stack's configuration."""
        command = [str(Path(sys.executable).parent / "sendit"), *arguments]
        environment = {**os.environ, "SENDIT_CONFIG": str(self.source.folder / "orthanc.json"), "COLUMNS": "200"}
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)

    def worker_pid(self) -> int:
        """The worker's process: the child of Orthanc that runs `-m sendit`."""
        return wait_for(lambda: worker_of(self.source.pid), "a worker process")

    def stored_files(self) -> list[Path]:
        """The DICOM files in the source's storage."""
        storage = self.source.folder / "storage"
        return [p for p in storage.rglob("*") if p.is_file() and len(p.parents[0].name) == 2]

    def staged(self) -> list[Path]:
        """Files in staging."""
        return [path for path in (self.data_directory / "staging").rglob("*") if path.is_file()]

    def stop(self) -> None:
        for server in (self.source, self.target):
            if server.process is not None and server.process.poll() is None:
                server.stop()

    def restart(self) -> None:
        """Stop and start the Orthanc of the source, and with it the worker."""
        self.source.stop()
        self.source.start()
        self.wait_ready()

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def worker_of(orthanc: int) -> int:
    """The child of an Orthanc that is SendIt's worker; 0 if there is none."""
    found = (one for one in children(orthanc) if b"sendit" in Path(f"/proc/{one}/cmdline").read_bytes())
    return next(found, 0)


def send_study(stack: Stack, count: int = 3, person: Person | None = None) -> StudyMaker:
    """Store a new study of so many instances in the source."""
    maker = StudyMaker(person or Person())
    for file in maker.instances(count):
        stack.source.upload(file)
    return maker


def dcmread_bytes(data: bytes) -> Dataset:

    return dcmread(io.BytesIO(data))

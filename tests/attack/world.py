"""What is attacked: an Orthanc with SendIt, its database, and four targets; each can be struck and brought up again."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from tests.attack.auditor import Audit, audit, bucket_files, folder_files, index_entries, orthanc_files
from tests.servers.google_datastore import DatastoreServer, wait_for_grpc
from tests.servers.google_storage import GoogleStorage
from tests.servers.processes import children
from tests.servers.stack import PROJECT, Stack
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence

    from tests.attack.patients import SentStudy
    from tests.servers.postgres import PostgresServer

BUCKET = "research"
GOOGLE_PROJECT = "sendit-demo"  # as of `official_client`
_RETRY = {"FirstDelay": 0.2, "MaxDelay": 1, "Limit": 1000}
_ENDED = {"DONE", "EMPTY", "RECALLED", "QUARANTINED", "FAILED", "RECALL_FAILED"}
#: Seconds: machines that run 300 kills may be busy with other things, too.
PATIENCE = 600
#: MiB of the data directory, where it can be a file system of its own.
ROOM = 48


class Index(DatastoreServer):
    """The index's server, which can be started again at its port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        super().__init__(folder, project=GOOGLE_PROJECT)

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.servers.google_datastore", "--port", str(self.port)]
        command += ["--folder", str(self._folder), "--project", GOOGLE_PROJECT]
        self.process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        wait_for_grpc(self.port, self.process)


class World:
    """All servers of one attack. `postgres`: the journal's database, if it is no SQLite file."""

    def __init__(self, folder: Path, postgres: PostgresServer | None = None) -> None:
        self.folder = folder
        self.postgres = postgres
        self.clock = folder / "clock"
        self.out = folder / "out"
        self.out.mkdir(parents=True)
        self.bucket = GoogleStorage(folder / "bucket", [BUCKET]).start()
        self.index = Index(folder / "index")
        self.stack = Stack(folder / "stack", postgres.database() if postgres else "sqlite", **self._section())
        self.mounted = self._mount()

    def _section(self) -> dict[str, Any]:
        index = {"Type": "Datastore", "GoogleProject": GOOGLE_PROJECT, "Endpoint": self.index.endpoint}
        bucket = {
            "Type": "GoogleCloudStorage",
            "Bucket": BUCKET,
            "Endpoint": self.bucket.url,
            "Layout": "Instances",
            "Credentials": {"Source": "Anonymous"},
            "Timeout": 2,
            "Index": index,
            "Retry": _RETRY,
        }
        research = {"Type": "OrthancPeer", "Peer": "research", "Retry": _RETRY}
        project = {"Match": {}, "Destinations": ["research", "bucket", "folder"]}
        return {
            "Python": str(self._python()),
            "Retry": _RETRY,
            "Destinations": {
                "research": research,
                "bucket": bucket,
                "folder": {"Type": "Folder", "Path": str(self.out), "Retry": _RETRY},
            },
            "Projects": {PROJECT: project},
        }

    def _python(self) -> Path:
        """An interpreter for the worker whose clock can go wrong."""
        script = self.folder / "python"
        clock = Path(__file__).with_name("clock.py")
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {clock} {self.clock} "$@"\n')
        script.chmod(0o700)
        return script

    def _mount(self) -> bool:
        """Give the data directory a file system of its own, so that it can be full; root alone may."""
        data = self.stack.data_directory
        data.mkdir(parents=True, mode=0o700)
        options = ["-o", f"size={ROOM}m,mode=0700"]
        return (
            subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(data)], capture_output=True).returncode == 0
        )

    def start(self) -> World:
        self.stack.start()
        return self

    # --- processes -------------------------------------------------------------------------------------------------

    def worker(self) -> int:
        """The worker's process; 0 if there is none."""
        source = self.stack.source.process
        return _child(source.pid, b"sendit") if source is not None and source.poll() is None else 0

    def pool(self) -> list[int]:
        """The processes that de-identify: children of the worker's fork server."""
        worker = self.worker()
        server = _child(worker, b"forkserver") if worker else 0
        return children(server) if server else []

    def up(self) -> None:
        """Start what does not run, and wait until all of it answers."""
        if self.postgres is not None:
            self.postgres.ensure()
        for server in (self.stack.target, self.stack.source):
            if server.process is None or server.process.poll() is not None:
                server.start(wait=False)
        for server in (self.stack.target, self.stack.source):
            wait_for(server.answers, f"Orthanc on port {server.http_port}", limit=PATIENCE)
        if self.bucket.process is None or self.bucket.process.poll() is not None:
            self.bucket.start()
        if self.index.process.poll() is not None:
            self.index.start()
        wait_for(self.stack.is_ready, "the worker", limit=PATIENCE)

    # --- what was sent, and what is there --------------------------------------------------------------------------

    def send(self, study: SentStudy, files: Sequence[bytes]) -> None:
        """As a modality does: each file until it is acknowledged."""
        for file in files:
            while True:
                with contextlib.suppress(requests.RequestException):
                    session = requests.Session()  # the servers' own one is not for several threads
                    answer = session.post(self.stack.source.url + "/instances", data=file, timeout=30)
                    if answer.status_code == 200:
                        study.orthanc_id = str(answer.json()["ParentStudy"])
                        break
                time.sleep(0.2)  # a modality waits, too

    def sending(self, studies: Sequence[SentStudy]) -> threading.Thread:
        """The same for many studies, meanwhile."""

        def send() -> None:
            for study in studies:
                self.send(study, study.files)

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        return thread

    def batches(self) -> list[dict[str, Any]]:
        try:
            return self.stack.batches()
        except requests.RequestException:
            return []

    def settle(self, studies: Sequence[SentStudy], limit: float = 3 * PATIENCE) -> None:
        """Until all batches have ended, and every study that was sent has one."""

        def settled() -> bool:
            found = self.batches()
            covered = {batch["study"]: 0 for batch in found}
            for batch in found:
                covered[batch["study"]] += batch["received"]
            whole = all(covered.get(study.orthanc_id, 0) >= len(study.files) for study in studies)
            return bool(found) and whole and all(batch["state"] in _ENDED for batch in found)

        try:
            wait_for(settled, "all studies to settle", limit=limit, poll=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.stack.describe()}") from None

    def withdraw(self, study: SentStudy) -> None:
        """Recall the study of every batch; the destinations answer for it later."""
        study.withdrawn = True
        number = next(batch["id"] for batch in self.batches() if batch["study"] == study.orthanc_id)
        self.stack.api("recalls", "POST", json={"batch": number, "reason": "consent withdrawn"})

    def audit(self, studies: Sequence[SentStudy]) -> Audit:
        """What the targets hold, compared with what was sent."""
        targets = {
            "Orthanc": orthanc_files(self.stack.target),
            "bucket": bucket_files(self.bucket.url, BUCKET),
            "folder": folder_files(self.out),
        }
        return audit(studies, targets, index_entries(self.index.endpoint))

    def held(self, studies: Sequence[SentStudy]) -> list[str]:
        """Why batches, or instances, of studies that nobody withdrew did not leave."""
        innocent = {study.orthanc_id for study in studies if not study.withdrawn}
        found = []
        for batch in self.batches():
            if batch["study"] in innocent and (batch["state"] != "DONE" or batch["sent"] != batch["received"]):
                found.append(f"batch {batch['id']}: {batch['state']}: {batch['reason']}")
        return found

    def stop(self) -> None:
        """End everything; fine if it has ended."""
        self.stack.stop()
        self.bucket.stop()
        self.index.close()
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.stack.data_directory)], check=True)


def orphans(folder: Path) -> list[int]:
    """The processes that still name this folder, or have a file of it open."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            named = _read(int(entry.name), "cmdline").decode(errors="replace") + os.readlink(entry / "cwd")
            held = [os.readlink(handle) for handle in (entry / "fd").iterdir()]
        except OSError:
            continue
        if any(str(folder) in name for name in (named, *held)):
            found.append(int(entry.name))
    return found


def signal_(pid: int, number: signal.Signals) -> bool:
    """Send a signal; False if there is no such process."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _child(pid: int, word: bytes) -> int:
    return next((child for child in children(pid) if word in _read(child, "cmdline")), 0)


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""

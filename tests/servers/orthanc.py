"""A real Orthanc server on loopback, started and ended by a test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import requests

from tests.servers.ports import free_port
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PLUGINS = "/usr/share/orthanc/plugins/libOrthancPython.so"


class OrthancServer:
    """One Orthanc with its own storage folder.

    `configuration` is laid over a small default one. Without `script` no plugin is loaded. It is started with
    `named` behind the folder's path: the file there, or nothing, for all of the folder's files.
    """

    named = "/orthanc.json"

    def __init__(
        self,
        folder: Path,
        configuration: Mapping[str, Any] | None = None,
        script: Path | None = None,
        name: str = "TEST",
    ) -> None:
        self.folder = folder
        self.http_port = free_port()
        self.dicom_port = free_port()
        self.log_path = folder / "orthanc.log"
        self.session = requests.Session()
        self.session.headers["Accept-Encoding"] = "identity"
        self.process: subprocess.Popen[bytes] | None = None
        self.configuration: dict[str, Any] = {
            "Name": name,
            "DicomAet": name,
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": self.http_port,
            "DicomPort": self.dicom_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomCheckCalledAet": False,
            "StableAge": 1,
            "Plugins": [PLUGINS] if script else [],
            **({"PythonScript": str(script)} if script else {}),
            **(configuration or {}),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def configuration_text(self) -> str:
        """What stands in its orthanc.json."""
        return json.dumps(self.configuration, indent=1)

    def start(self, wait: bool = True, environment: Mapping[str, str] | None = None) -> OrthancServer:
        """Start, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "orthanc.json"
        path.write_text(self.configuration_text())
        path.chmod(0o644)  # whatever the umask: SendIt refuses what its group may change
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                ["Orthanc", f"{self.folder}{self.named}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )
        if wait:
            wait_for(self.answers, f"Orthanc on port {self.http_port}; its log:\n{self.log()[-3000:]}", limit=30)
        return self

    def answers(self) -> bool:
        """Whether it answers; AssertionError if it has ended."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"Orthanc ended with {self.process.returncode}; its log:\n{self.log()[-3000:]}")
        try:
            return self.session.get(self.url + "/system", timeout=5).status_code in (200, 401)
        except requests.ConnectionError:
            return False

    def stop(self, limit: float = 20.0) -> int:
        """SIGTERM, as an operator stops it; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"Orthanc did not stop within {limit:g} s of SIGTERM") from None

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def get(self, path: str) -> Any:
        """The JSON answer of a GET; raises for an error status."""
        answer = self.session.get(self.url + path, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def upload(self, data: bytes) -> Any:
        """POST /instances; the JSON answer (a list for a ZIP archive)."""
        answer = self.session.post(self.url + "/instances", data=data, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def store_scu(self, *paths: Path, timeout: float | None = None) -> None:
        """C-STORE with DCMTK's storescu, as a modality sends; of a folder, all files in it."""
        called = ["-aec", "SOURCE", "127.0.0.1", str(self.dicom_port), "+sd", *map(str, paths)]
        subprocess.run(["storescu", *called], check=True, capture_output=True, timeout=timeout)

    def instance_file(self, orthanc_id: str) -> bytes:
        answer = self.session.get(f"{self.url}/instances/{orthanc_id}/file", timeout=60)
        answer.raise_for_status()
        return answer.content

    def __enter__(self) -> OrthancServer:
        try:
            return self.start()
        except BaseException:
            if self.process is not None and self.process.poll() is None:
                self.kill()
            raise

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()

"""The servers of the demonstration, as processes that outlive the command which started them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import requests

from scripts.demo.failure import Failure

_STOP_SECONDS = 20.0
_LOG_LINES = 15


class Server(ABC):
    """Server with its folder, its log and the file that records its process."""

    kind = "server"

    def __init__(self, name: str, state: Path, url: str) -> None:
        self.name = name
        self.url = url
        self.log = state / "log" / f"{name}.log"
        self._folder = state / name
        self._pid_file = state / f"{name}.pid"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def title(self) -> str:
        """Title for messages, for example "source Orthanc"."""
        return f"{self.name} {self.kind}"

    @abstractmethod
    def _command(self) -> list[str]:
        """Return the command that starts it, after writing the files that it needs."""

    @abstractmethod
    def _mark(self) -> Path:
        """Path on its command line by which its process is recognised."""

    @abstractmethod
    def differing_port(self) -> int | None:
        """Return a port that it was started with, if it would now get another one."""

    @abstractmethod
    def _probe(self) -> bool:
        """Tell whether it answers."""

    def start(self) -> None:
        """Start it and record its process. It need not answer yet."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = self._command()
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C in the terminal is for the command, which then stops the servers in order.
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env={**os.environ, **self._environment()},
                start_new_session=True,
            )
        pid = self._child.pid
        self._pid_file.write_text(json.dumps({"pid": pid, "started": _start_time(pid)}))

    def _environment(self) -> dict[str, str]:
        return {}

    def pid(self) -> int | None:
        """Its process, if that runs: the same start time and command line, for process ids are used again."""
        if self._child is not None:  # for a moment after its start, the command line of a child reads empty
            return self._child.pid if self._child.poll() is None else None
        try:
            remembered = json.loads(self._pid_file.read_text())
            pid, started = int(remembered["pid"]), int(remembered["started"])
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError, KeyError, TypeError):
            return None
        ours = os.fsencode(self._mark()) in command and _start_time(pid) == started
        return pid if ours else None

    def answers(self) -> bool:
        """Tell whether it answers; raise Failure if its process has ended."""
        self.must_run()
        return self._probe()

    def stop(self) -> bool:
        """Stop it and wait until it is gone; False if it was not running. What does not stop in time is killed."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            if not self._gone(_STOP_SECONDS):
                os.kill(pid, signal.SIGKILL)
                self._gone(_STOP_SECONDS)
                problem = f"the {self.title} did not stop within {_STOP_SECONDS:g} s and was killed"
                raise Failure(f"{problem}\n{self.last_lines()}")
        self._pid_file.unlink(missing_ok=True)
        return pid is not None

    def must_run(self) -> None:
        """Raise Failure, with the end of its log, if its process has ended."""
        if self.pid() is None:
            code = self._child.poll() if self._child is not None else None
            how = "" if code is None else f" with exit code {code}"
            raise Failure(f"the {self.title} has ended{how}\n{self.last_lines()}")

    def last_lines(self) -> str:
        """Return the end of its log, for a failure."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        except OSError:
            return f"(there is no {self.log})"
        return "\n".join([f"The last lines of {self.log}:", *(f"  {line}" for line in lines)])

    def _gone(self, limit: float) -> bool:
        deadline = time.monotonic() + limit
        while self.pid() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


class Orthanc(Server):
    """An Orthanc with its configuration and its storage."""

    kind = "Orthanc"

    def __init__(self, name: str, state: Path, http_port: int, configuration: dict[str, Any]) -> None:
        super().__init__(name, state, f"http://127.0.0.1:{http_port}")
        self._configuration = configuration
        self._configuration_file = self._folder / "orthanc.json"

    def _command(self) -> list[str]:
        program = shutil.which("Orthanc")
        if program is None:
            raise Failure("Orthanc is missing; run: make setup")
        self._configuration_file.write_text(json.dumps(self._configuration, indent=2) + "\n")
        self._configuration_file.chmod(0o600)  # whatever the umask: SendIt refuses what its group may change
        return [program, str(self._configuration_file)]

    def _mark(self) -> Path:
        return self._configuration_file

    def differing_port(self) -> int | None:
        try:
            before = json.loads(self._configuration_file.read_text())
        except (OSError, ValueError):
            return None
        return next((before[k] for k in ("HttpPort", "DicomPort") if before[k] != self._configuration[k]), None)

    def _probe(self) -> bool:
        try:
            return requests.get(self.url + "/system", timeout=5).ok
        except requests.RequestException:
            return False


class Google(Server):
    """Stand-in for a service of Google's: a module of this checkout that speaks its protocol, on loopback."""

    def __init__(self, name: str, state: Path, port: int, module: str, arguments: list[str], scheme: str = "") -> None:
        super().__init__(name, state, f"{scheme}127.0.0.1:{port}")
        self._port = port
        self._module = module
        self._arguments = arguments
        self._port_file = self._folder / "port"

    def _command(self) -> list[str]:
        self._port_file.write_text(f"{self._port}\n")
        options = ["--port", str(self._port), "--folder", str(self._mark())]
        return [sys.executable, "-m", self._module, *options, *self._arguments]

    def _environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}

    def _mark(self) -> Path:
        return self._folder / "content"

    def differing_port(self) -> int | None:
        try:
            before = int(self._port_file.read_text())
        except (OSError, ValueError):
            return None
        return before if before != self._port else None

    def _probe(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=5):
                return True
        except OSError:
            return False


def _start_time(pid: int) -> int:
    """When a process started, in clock ticks since the machine did; -1 if there is none, or only its corpse."""
    try:
        # The command's name may hold spaces and brackets, so count from its end (proc(5): state is 3, starttime is 22).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1
    return -1 if fields[0] in "ZX" else int(fields[19])

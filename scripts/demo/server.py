"""One Orthanc of the demonstration, as a process that outlives the command which started it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import requests

from scripts.demo.failure import Failure

_STOP_SECONDS = 20.0
_LOG_LINES = 15


class Server:
    """An Orthanc with its configuration, its storage, its log and the file that remembers its process."""

    def __init__(self, name: str, state: Path, http_port: int, configuration: dict[str, Any]) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{http_port}"
        self.log = state / "log" / f"{name}.log"
        self._folder = state / name
        self._configuration_file = self._folder / "orthanc.json"
        self._pid_file = state / f"{name}.pid"
        self._configuration = configuration
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and remember its process. It need not answer yet."""
        program = shutil.which("Orthanc")
        if program is None:
            raise Failure("there is no Orthanc here; call: make setup")
        self._folder.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._configuration_file.write_text(json.dumps(self._configuration, indent=2) + "\n")
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C in the terminal is for the command, which then stops the servers in order.
            self._child = subprocess.Popen(
                [program, str(self._configuration_file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
            )
        pid = self._child.pid
        self._pid_file.write_text(json.dumps({"pid": pid, "started": _start_time(pid)}))

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
        ours = os.fsencode(self._configuration_file) in command and _start_time(pid) == started
        return pid if ours else None

    def differing_port(self) -> int | None:
        """A port that it was started with where it would now be given another one."""
        try:
            before = json.loads(self._configuration_file.read_text())
        except (OSError, ValueError):
            return None
        return next((before[k] for k in ("HttpPort", "DicomPort") if before[k] != self._configuration[k]), None)

    def answers(self) -> bool:
        """Whether its HTTP server does; Failure if its process has ended."""
        self.must_run()
        try:
            return requests.get(self.url + "/system", timeout=5).ok
        except requests.RequestException:
            return False

    def stop(self) -> bool:
        """Stop it and wait until it is gone; False if it was not running. What does not stop in time is killed."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            if not self._gone(_STOP_SECONDS):
                os.kill(pid, signal.SIGKILL)
                self._gone(_STOP_SECONDS)
                problem = f"the {self.name} Orthanc did not stop within {_STOP_SECONDS:g} s and was killed"
                raise Failure(f"{problem}\n{self.last_lines()}")
        self._pid_file.unlink(missing_ok=True)
        return pid is not None

    def must_run(self) -> None:
        """Failure, with the end of its log, if its process has ended."""
        if self.pid() is None:
            code = self._child.poll() if self._child is not None else None
            how = "" if code is None else f" with exit code {code}"
            raise Failure(f"the {self.name} Orthanc has ended{how}\n{self.last_lines()}")

    def last_lines(self) -> str:
        """The end of its log, to be shown with a failure."""
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


def _start_time(pid: int) -> int:
    """When a process started, in clock ticks since the machine did; -1 if there is none, or only its corpse."""
    try:
        # The command's name may hold spaces and brackets, so count from its end (proc(5): state is 3, starttime is 22).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1
    return -1 if fields[0] in "ZX" else int(fields[19])

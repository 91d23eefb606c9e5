"""`make run`, `make up`, `make down`: what a newcomer calls first, with ports and a folder of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.demo.ports import VARIABLES
from tests.servers.ports import free_port
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


class Demo:
    """The commands, and what they print."""

    def __init__(self, state: Path) -> None:
        self.state = state
        ports = {variable: str(free_port()) for variable in VARIABLES.values()}
        self.environment = {**os.environ, **ports, "SENDIT_STATE": str(state), "COLUMNS": "200"}

    def start(self, command: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "scripts.demo", command],
            cwd=ROOT,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def call(self, command: str, expected: int = 0, **environment: str) -> str:
        process = self.start(command, **environment)
        output, _ = process.communicate(timeout=110)
        assert process.returncode == expected, output
        return output

    def processes(self) -> list[str]:
        """The command lines of this machine's processes that name our folder."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                environment = (process / "environ").read_bytes()
            except OSError:
                continue
            if str(self.state) in command or os.fsencode(f"SENDIT_STATE={self.state}") in environment:
                found.append(command)
        return found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path / "var")
    yield demo
    demo.call("down")
    assert demo.processes() == []


def test_a_oneshot_run_delivers_and_verifies_all_samples(demo: Demo) -> None:
    """Three ways in, text in pixels made black, a table, exit code 0, and nothing left running."""
    output = demo.call("run", ONESHOT="1")
    for way, count in (("folder", 4), ("REST", 3), ("C-STORE", 2)):
        row = next(line.split() for line in output.splitlines() if line.split()[:1] == [way] and len(line.split()) > 2)
        # way, modality, name, received, sent, verified, bucket, index, batch, state
        assert row[3:8] == [str(count)] * 5
        assert row[-1] == "DONE"
    masked = next(line.split() for line in output.splitlines() if "text burned in" in line and "ROSSI" in line)
    assert masked[-7:-2] + masked[-1:] == ["2"] * 5 + ["DONE"]
    assert demo.processes() == []


@pytest.mark.slow
def test_a_run_serves_until_interrupted(demo: Demo) -> None:
    """Ctrl-C is an orderly end: all servers stop, exit code 0."""
    process = demo.start("run")
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Serving until Ctrl-C" in line:
            break
    assert process.poll() is None, "".join(lines)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert demo.processes() == []


@pytest.mark.slow
def test_up_and_down_can_be_called_twice(demo: Demo) -> None:
    """`up` comes back when everything answers; the second `up` finds it so; `down` leaves nothing behind."""
    assert demo.call("up").count("127.0.0.1:") == 5
    assert "Up already" in demo.call("up")
    output = demo.call("up", expected=1, SENDIT_DICOM_PORT=str(free_port()))
    assert f"the stack runs on port {demo.environment['SENDIT_DICOM_PORT']}" in output
    assert "make down first" in output
    demo.call("run", ONESHOT="1")  # through the servers that run, which go on
    assert demo.call("status").count("process") == 4
    assert "Stopped: source, target, storage, datastore" in demo.call("down")
    assert demo.processes() == []
    assert "Nothing was running" in demo.call("down")
    assert "not running" in demo.call("status", expected=1)


@pytest.mark.slow
def test_what_was_killed_is_started_again(demo: Demo) -> None:
    """After kill -9 of one server, `up` makes it whole; a process id in a file is trusted only with its start time."""
    demo.call("up")
    os.kill(json.loads((demo.state / "source.pid").read_text())["pid"], signal.SIGKILL)
    wait_for(lambda: "not running" in demo.call("status", expected=1), "the source to be gone")
    assert "target Orthanc runs without the others" in demo.call("up")
    file = demo.state / "target.pid"
    remembered = file.read_text()
    file.write_text(json.dumps({"pid": os.getpid(), "started": 1}))
    assert "target    not running" in demo.call("status", expected=1)
    file.write_text(remembered)


@pytest.mark.slow
def test_a_taken_port_is_named_with_what_holds_it(demo: Demo) -> None:
    """And with the variable that changes it; nothing is started."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", int(demo.environment["SENDIT_TARGET_DICOM_PORT"])))
        server.listen()
        output = demo.call("up", expected=1)
    assert f"is taken by {Path('/proc/self/comm').read_text().strip()} (process {os.getpid()})" in output
    assert "choose another with SENDIT_TARGET_DICOM_PORT=" in output
    assert demo.processes() == []


@pytest.mark.slow
def test_a_server_that_cannot_start_is_shown_with_its_log(demo: Demo) -> None:
    """The reason and the last lines; what was started beside it is stopped again."""
    (demo.state / "target").mkdir(parents=True)
    (demo.state / "target" / "storage").write_text("a file where Orthanc wants its folder")
    output = demo.call("up", expected=1)
    assert "the target Orthanc has ended" in output
    assert "The last lines of" in output
    assert demo.processes() == []


@pytest.mark.slow
def test_each_destination_is_shown_with_its_state(demo: Demo) -> None:
    """`sendit destinations` in a running demonstration: Orthanc and bucket are reachable, and hold what went there."""
    demo.call("up")
    demo.call("run", ONESHOT="1")
    environment = {**demo.environment, "SENDIT_CONFIG": str(demo.state / "source" / "orthanc.json")}
    command = [str(Path(sys.executable).parent / "sendit"), "destinations", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    found = {one["name"]: one for one in json.loads(done.stdout)["destinations"]}
    assert {name: one["state"] for name, one in found.items()} == {"research": "reachable", "bucket": "reachable"}
    assert {one["instances"] for one in found.values()} == {11}

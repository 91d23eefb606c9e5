"""The plugin inside a real Orthanc, with a stand-in for the worker that speaks its protocol."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from tests.servers.orthanc import OrthancServer
from tests.servers.waiting import wait_for
from tests.system.key_values import PRELUDE

if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGIN = Path(__file__).resolve().parents[2] / "plugin" / "sendit_plugin.py"
CT = Path(str(get_testdata_file("CT_small.dcm", download=False)))
USER, PASSWORD = "ada", "secret:1"


class Stack:
    """An Orthanc with the plugin and the stand-in worker."""

    def __init__(self, folder: Path, **configuration: Any) -> None:
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        python = folder / "python"
        python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {PLUGIN_STAND_IN} "$@"\n')
        python.chmod(0o700)
        section = {"Python": str(python), "DataDirectory": str(self.data)}
        self.orthanc = OrthancServer(folder / "orthanc", {"SendIt": section, **configuration}, PLUGIN)

    def mode(self, mode: str) -> None:
        (self.data / "mode").write_text(mode)

    def with_constants(self, **constants: str) -> None:
        """Run a copy of the plugin in which some of its numbers are smaller."""
        text = PLUGIN.read_text()
        for name, value in constants.items():
            text, count = re.subn(rf"^{name} = \S+", f"{name} = {value}", text, flags=re.MULTILINE)
            assert count == 1, name
        copy = self.data.parent / "sendit_plugin.py"
        copy.write_text(text)
        self.orthanc.configuration["PythonScript"] = str(copy)

    def with_key_values(self) -> Path:
        """Run a copy of the plugin that finds key-value stores; return their folder."""
        folder = self.data.parent / "stores"
        folder.mkdir()
        copy = self.data.parent / "sendit_plugin.py"
        prelude = PRELUDE.format(folder=str(folder))
        copy.write_text(PLUGIN.read_text().replace("\nimport orthanc\n", f"\n{prelude}\n"))
        self.orthanc.configuration["PythonScript"] = str(copy)
        return folder

    def start(self, ready: bool = True, **environment: str) -> Stack:
        self.orthanc.start(environment=environment)
        if ready:
            self.wait_for_worker(1)
        return self

    def workers(self) -> list[dict[str, Any]]:
        return _lines(self.data / "workers.jsonl")

    def events(self) -> list[dict[str, Any]]:
        return _lines(self.data / "events.jsonl")

    def wait_for_worker(self, number: int) -> dict[str, Any]:
        """The facts of the worker that was started as the `number`th, once it serves."""
        wait_for(lambda: self.orthanc.log().count("the worker is ready") >= number, f"worker {number} to be ready")
        return self.workers()[-1]

    def wait_for_log(self, text: str) -> None:
        wait_for(lambda: text in self.orthanc.log(), f"{text!r} in the log of Orthanc")

    def ask(self, path: str = "", method: str = "GET", **arguments: Any) -> requests.Response:
        return self.orthanc.session.request(method, self.orthanc.url + "/sendit" + path, timeout=60, **arguments)

    def ask_alone(self, path: str) -> requests.Response:
        """The same for use in threads: over a connection of its own."""
        return requests.get(self.orthanc.url + "/sendit" + path, timeout=120)


PLUGIN_STAND_IN = shlex.quote(str(Path(__file__).with_name("stand_in_worker.py")))


def _lines(path: Path) -> list[dict[str, Any]]:
    """The complete lines of a file that may be written at the moment."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _gone(pid: int) -> bool:
    """True for a zombie too: in a container nobody may reap an orphan."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _instance(folder: Path, study: str) -> bytes:
    """A new instance of this study."""
    dataset = dcmread(CT)
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = generate_uid()
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    path = folder / "instance.dcm"
    dataset.save_as(path)
    return path.read_bytes()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Not started yet; ended with the test."""
    made = Stack(tmp_path)
    yield made
    made.orthanc.__exit__()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running one with a user, for the tests that only ask."""
    made = Stack(tmp_path_factory.mktemp("s"), AuthenticationEnabled=True, RegisteredUsers={USER: PASSWORD})
    made.orthanc.session.auth = (USER, PASSWORD)
    yield made.start()
    made.orthanc.__exit__()


# What the worker is told


def test_greeting(served: Stack) -> None:
    """The worker gets what it needs of the configuration, no password of a user, and a token that opens Orthanc."""
    hello = json.loads((served.data / "hello.json").read_text())
    assert hello["hello"] == 1
    assert hello["url"] == served.orthanc.url
    assert hello["answered"] == 200
    assert hello["orthanc_version"] == served.orthanc.get("/system")["Version"]
    assert hello["configuration"]["StableAge"] == 1
    assert hello["configuration"]["HttpPort"] == served.orthanc.http_port
    assert PASSWORD not in json.dumps(hello)
    assert not {"RegisteredUsers", "Plugins", "PythonScript"} & hello["configuration"].keys()


@pytest.mark.parametrize(("named", "said"), [("/orthanc.json", "/orthanc.json"), ("", ""), ("/", "")])
def test_how_the_configuration_is_named(tmp_path: Path, named: str, said: str) -> None:
    """By its file, or by its folder, as Debian's service does: Orthanc itself would say the folder around that one."""
    stack = Stack(tmp_path)
    stack.orthanc.named = named
    with stack.orthanc:
        stack.wait_for_worker(1)
        hello = json.loads((stack.data / "hello.json").read_text())
        assert hello["configuration_path"] == f"{stack.orthanc.folder}{said}"


def test_process(stack: Stack) -> None:
    """The worker is `PYTHON -m sendit`, in a session of its own, at /, and without Orthanc's Python variables."""
    facts = stack.start(PYTHONPATH="/nowhere").workers()[0]
    assert facts["argv"] == ["-m", "sendit"]
    assert facts["session"] == facts["pid"]
    assert facts["cwd"] == "/"
    assert facts["python_variables"] == []


def test_events(stack: Stack, tmp_path: Path) -> None:
    """What comes by REST and by C-STORE, what becomes stable and what is deleted is told in that order."""
    stack.start()
    uploaded = stack.orthanc.upload(_instance(tmp_path, generate_uid()))
    study, instance = uploaded["ParentStudy"], uploaded["ID"]
    subprocess.run(["storescu", "127.0.0.1", str(stack.orthanc.dicom_port), str(CT)], check=True, timeout=60)
    sent = next(i for i in stack.orthanc.get("/instances") if i != instance)
    wait_for(lambda: {"event": "stable", "study": study} in stack.events(), "the study to be told stable")
    stack.orthanc.session.delete(f"{stack.orthanc.url}/studies/{study}", timeout=30).raise_for_status()
    wait_for(lambda: {"event": "deleted", "study": study} in stack.events(), "the deletion to be told")
    events = stack.events()
    stored = [i for e in events if e["event"] == "stored" for i in e["instances"]]
    assert stored == [instance, sent]
    kinds = [e["event"] for e in events if e.get("study") == study]
    assert kinds == ["new_study", "stable", "deleted"]
    assert {e["event"] for e in events} == {"stored", "new_study", "stable", "deleted"}


def test_many_stored_are_merged(stack: Stack, tmp_path: Path) -> None:
    """A worker that does not read keeps nobody waiting; it is told afterwards, in few lines, each within its bound."""
    stack.with_constants(MAX_MERGED="20")
    worker = stack.start().workers()[0]
    study = generate_uid()
    os.kill(worker["pid"], signal.SIGSTOP)
    sent = [stack.orthanc.upload(_instance(tmp_path, study))["ID"] for _ in range(60)]
    os.kill(worker["pid"], signal.SIGCONT)

    def told() -> list[str]:
        return [i for e in stack.events() if e["event"] == "stored" for i in e["instances"]]

    wait_for(lambda: len(told()) >= 60, "60 instances to be told")
    assert told() == sent
    assert max(len(e.get("instances", [])) for e in stack.events()) <= 20
    assert len(stack.events()) < 60


def test_what_is_stable_is_kept_over_a_kill(stack: Stack, tmp_path: Path) -> None:
    """Until the worker has taken it; each worker is told of it once more, and Orthanc may be killed meanwhile."""
    stores = stack.with_key_values()
    stack.mode("forgetful")
    stack.start()
    study = stack.orthanc.upload(_instance(tmp_path, generate_uid()))["ParentStudy"]
    stable = {"event": "stable", "study": study}
    wait_for(lambda: stack.events().count(stable) == 1, "the study to be told stable")
    worker = stack.workers()[-1]
    stack.orthanc.kill()
    wait_for(lambda: _gone(worker["pid"]), "the worker to end")
    stack.orthanc.start()
    wait_for(lambda: stack.events().count(stable) == 2, "it to be told again")
    assert [file.name for file in (stores / "sendit-stable").iterdir()] == [study]
    stack.mode("")
    os.kill(stack.wait_for_worker(2)["pid"], signal.SIGKILL)  # as if it had crashed
    wait_for(lambda: not any((stores / "sendit-stable").iterdir()), "the third worker to take it")
    assert stack.events().count(stable) == 3


def test_a_database_without_key_values(stack: Stack, tmp_path: Path) -> None:
    """It is said once, and events are told as before."""
    stores = stack.with_key_values()
    (stores / "broken").touch()
    stack.start()
    studies = {stack.orthanc.upload(_instance(tmp_path, generate_uid()))["ParentStudy"] for _ in range(2)}

    def told() -> set[str]:
        return {event["study"] for event in stack.events() if event["event"] == "stable"}

    wait_for(lambda: told() == studies, "both to be told stable")
    assert stack.orthanc.log().count("Orthanc keeps no stable studies") == 1


def test_bounded_queue(stack: Stack, tmp_path: Path) -> None:
    """When too many events wait they are dropped, once said in the log, and Orthanc goes on receiving."""
    stack.orthanc.configuration["SendIt"]["Python"] = "/nowhere/python"
    stack.with_constants(MAX_EVENTS="3")
    stack.start(ready=False)
    for _ in range(6):
        assert stack.orthanc.upload(_instance(tmp_path, generate_uid()))["Status"] == "Success"
    stack.wait_for_log("more than 3 events wait")
    assert stack.orthanc.log().count("events wait") == 1


# /sendit


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_methods(served: Stack, method: str) -> None:
    """Each method that Orthanc passes to plugins reaches the worker, with its body where it has one."""
    body = bytes(range(256)) if method in ("POST", "PUT") else None
    answer = served.ask("/api/batches/1/retry", method, data=body, headers={"Content-Type": "x/y", "Accept": "z/z"})
    assert answer.status_code == 200
    said = answer.json()
    assert said["method"] == method
    assert said["target"] == "/api/batches/1/retry"
    assert said["body"] == (body or b"").decode("latin-1")
    assert (said["headers"]["accept"], said["headers"]["content-type"]) == ("z/z", "x/y")


@pytest.mark.parametrize(
    ("asked", "passed"),
    [
        ("", "/"),
        ("/", "/"),
        ("/api/batches?limit=5&after=a%20b%3D%C3%A9%22", "/api/batches?limit=5&after=a%20b%3D%C3%A9%22"),
        ("/a%20b/%C3%A9%3Fx%23y%25?z", "/a%20b/%C3%A9%3Fx%23y%25?z="),
    ],
)
def test_targets(served: Stack, asked: str, passed: str) -> None:
    """Path and query arrive as they were sent, whatever they hold; the order of the query may change."""
    path, _, query = served.ask(asked).json()["target"].partition("?")
    assert (path, sorted(query.split("&"))) == (passed.partition("?")[0], sorted(passed.partition("?")[2].split("&")))


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        *((s, s) for s in (200, 201, 204, 302, 303, 304, 307, 400, 401, 403, 404, 409, 413, 422, 500, 503)),
        *((301, 307), (308, 307), (405, 405), (418, 400), (429, 503), (511, 500)),
    ],
)
def test_statuses(served: Stack, said: int, answered: int) -> None:
    """Every status arrives with its body, or as the nearest one that Orthanc can answer."""
    answer = served.ask(f"/status/{said}", allow_redirects=False)
    assert answer.status_code == answered
    if said not in (204, 304, 405):
        assert answer.json() == {"detail": "détail"}
        assert answer.headers["Content-Type"].startswith("application/json")  # 1.12.7 adds a second one
    if said // 100 == 3:
        assert answer.headers["Location"] == "../elsewhere"
    if said == 405:
        assert answer.headers["Allow"] == "GET,POST"
    assert "Set-Cookie" not in answer.headers


def test_large_answer(served: Stack) -> None:
    """A large binary answer arrives whole."""
    answer = served.ask("/big/20000000")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.content == bytes(range(256)) * (20_000_000 // 256)


def test_user(served: Stack) -> None:
    """The worker is told who asks, never a password or a cookie, and not who a client claims to be."""
    headers = served.ask("/x", headers={"Cookie": "c=d", "X-SendIt-User": "root"}).json()["headers"]
    assert headers["x-sendit-user"] == USER
    assert headers["x-forwarded-prefix"] == "/sendit"
    assert not {"authorization", "cookie"} & headers.keys()


@pytest.mark.parametrize("path", ["", "/", "/api/batches"])
def test_authentication(served: Stack, path: str) -> None:
    """Without credentials, or with wrong ones, nothing of /sendit answers."""
    url = served.orthanc.url + "/sendit" + path
    assert requests.get(url, timeout=30).status_code == 401
    assert requests.get(url, auth=(USER, "wrong"), timeout=30).status_code == 401


def test_broken_connection(served: Stack) -> None:
    """A worker that answers nothing gives 503 and a sentence."""
    answer = served.ask("/break")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "SendIt's worker closed the connection.",
        "cure": "Try again in a moment.",
    }


def test_explorer(served: Stack) -> None:
    """Orthanc Explorer gets its buttons."""
    answer = served.orthanc.session.get(served.orthanc.url + "/plugins/explorer.js", timeout=30)
    assert "../sendit/studies/" in answer.text


# When the worker is not well


def test_log(served: Stack) -> None:
    """What the worker says stands in Orthanc's log at its level, even where Orthanc could not write it as it is."""
    assert re.search(r"^W.*SendIt: a warning of \? the stand-in\?$", served.orthanc.log(), re.MULTILINE)
    assert re.search(r"^E.*SendIt: an error of the stand-in$", served.orthanc.log(), re.MULTILINE)


def test_restart(stack: Stack, tmp_path: Path) -> None:
    """A worker that was killed is started again, and told what arrives from then on."""
    first = stack.start().workers()[0]
    os.kill(first["pid"], signal.SIGKILL)
    second = stack.wait_for_worker(2)
    assert second["pid"] != first["pid"]
    assert "The worker ended (exit status -9): it was killed" in stack.orthanc.log()
    uploaded = stack.orthanc.upload(_instance(tmp_path, generate_uid()))
    wait_for(lambda: {"event": "stored", "instances": [uploaded["ID"]]} in stack.events(), "the new worker to be told")
    assert stack.ask("/x").status_code == 200


def test_exit_during_a_request(stack: Stack) -> None:
    """A request in whose midst the worker ends is answered with 503."""
    stack.start()
    assert stack.ask("/die/3").status_code == 503
    stack.wait_for_log("The worker ended (exit status 3)")


def test_crash_at_start(stack: Stack) -> None:
    """A worker that breaks is tried again with a growing delay; its traceback is in the log, its end at /sendit."""
    stack.mode("crash")
    stack.start(ready=False)
    stack.wait_for_log("Next try in 1 s")
    stack.wait_for_log("Next try in 2 s")
    assert "Traceback" in stack.orthanc.log()
    answer = stack.ask("/api/health")
    assert answer.status_code == 503
    assert "RuntimeError: the stand-in broke" in answer.json()["detail"]


def test_misconfigured(stack: Stack, tmp_path: Path) -> None:
    """Exit status 78 is not tried again; the reason is in the log and at /sendit, and Orthanc receives."""
    stack.mode("misconfigured")
    stack.start(ready=False)
    stack.wait_for_log("nothing is forwarded. SendIt.Projects.P: the recipe <p.deid> is not there")
    assert stack.orthanc.upload(_instance(tmp_path, generate_uid()))["Status"] == "Success"
    answer = stack.ask("/api/health")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "SendIt.Projects.P: the recipe <p.deid> is not there."
    assert "restart Orthanc" in answer.json()["cure"]
    page = stack.ask("/", headers={"Accept": "text/html"})
    assert page.status_code == 503
    assert page.headers["Content-Type"].startswith("text/plain")
    assert "SendIt.Projects.P: the recipe <p.deid> is not there" in page.text
    stack.orthanc.stop()
    assert len(stack.workers()) == 1
    assert "Next try" not in stack.orthanc.log()


REMOTE = {"RemoteAccessAllowed": True}


@pytest.mark.parametrize(
    ("configuration", "error"),
    [
        ({"SendIt": None}, 'no section "SendIt"'),
        ({"SendIt": []}, 'no section "SendIt"'),
        (
            {"SendIt": {"Python": "/nowhere/bin/python"}},
            "interpreter /nowhere/bin/python cannot be started (No such file",
        ),
        ({**REMOTE, "AuthenticationEnabled": False}, "everyone could read the originals"),
        ({**REMOTE, "AuthenticationEnabled": ..., "RegisteredUsers": {"u": ""}}, "RegisteredUsers.u has an empty"),
        (
            {"AuthenticationEnabled": True, "RegisteredUsers": {"u": "${SENDIT_NOT_SET}"}},
            "RegisteredUsers.u has an empty",
        ),
        (
            {**REMOTE, "AuthenticationEnabled": True, "RegisteredUsers": {"v": "x", "u": ""}},
            "RegisteredUsers.u has an empty",
        ),
    ],
)
def test_refused(tmp_path: Path, configuration: dict[str, Any], error: str) -> None:
    """What must not run starts no worker: Orthanc receives, and says why in its log and at /sendit."""
    stack = Stack(tmp_path)
    server = stack.orthanc
    server.configuration.update(configuration)
    if configuration.get("AuthenticationEnabled") is ...:
        del server.configuration["AuthenticationEnabled"]  # Orthanc itself then takes true
    users = server.configuration.get("RegisteredUsers") or {"orthanc": "orthanc"}
    server.session.auth = (next(iter(users)), next(iter(users.values())).replace("${SENDIT_NOT_SET}", ""))
    with server:
        stack.wait_for_log(error)
        assert server.upload(CT.read_bytes())["Status"] == "Success"
        answer = stack.ask("/api/health")
        assert answer.status_code == 503
        assert error in answer.json()["detail"]
        assert answer.json()["cure"]
    assert stack.workers() == []


def test_refused_without_users(stack: Stack) -> None:
    """Authentication without any user starts no worker (1.10.1 would let in orthanc, orthanc; 1.13 nobody)."""
    stack.orthanc.configuration.update({"AuthenticationEnabled": True, "RegisteredUsers": {}})
    stack.start(ready=False)
    stack.wait_for_log("nothing is forwarded. RegisteredUsers is empty")
    assert stack.workers() == []


@pytest.fixture
def frozen(stack: Stack) -> Iterator[Stack]:
    """A stack whose worker was stopped in the middle of its work (SIGSTOP), as one that hangs."""
    pid = stack.start().workers()[0]["pid"]
    os.kill(pid, signal.SIGSTOP)
    yield stack
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def test_a_frozen_worker_leaves_orthanc_its_threads(frozen: Stack) -> None:
    """60 requests to /sendit/ while the worker is frozen: each is told so, and /system answers before they are."""
    system = frozen.orthanc.url + "/system"
    with ThreadPoolExecutor(60) as many:
        asked = [many.submit(frozen.ask_alone, "/api/batches") for _ in range(60)]
        wait_for(lambda: any(one.done() for one in asked), "the first to be turned away")
        assert not all(one.done() for one in asked), "nobody waits for the worker: nothing is shown"
        assert requests.get(system, timeout=30).status_code == 200
        assert not all(one.done() for one in asked), "Orthanc's own REST waited for /sendit/"
        answers = [one.result() for one in asked]
    assert {answer.status_code for answer in answers} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    assert {answer.json()["detail"] for answer in answers} <= {
        "SendIt has too many requests at once.",
        "SendIt's worker hangs: it does not respond.",
    }


def test_a_worker_that_thaws_is_asked_again(frozen: Stack) -> None:
    """Known as silent, it is given nothing; as soon as it shows itself, requests pass."""
    assert frozen.ask("/x").status_code == 503
    assert frozen.ask("/x").json()["detail"] == "SendIt's worker hangs: it does not respond."
    assert "Perhaps" not in frozen.ask("/x").json()["cure"]
    changing = frozen.orthanc.session.post(f"{frozen.orthanc.url}/sendit/x", json={}, timeout=30)
    assert "Perhaps it is done all the same" in changing.json()["cure"]
    page = frozen.orthanc.session.get(f"{frozen.orthanc.url}/sendit/x", headers={"Accept": "text/html"}, timeout=30)
    assert int(page.headers["Refresh"]) > 0  # a browser comes back by itself
    assert "Refresh" not in changing.headers
    os.kill(frozen.workers()[0]["pid"], signal.SIGCONT)
    wait_for(lambda: frozen.ask("/x").status_code == 200, "a request to pass")
    frozen.wait_for_log("the worker responds again")
    assert frozen.orthanc.log().count("the worker hangs: it does not respond. If it does so for minutes") == 1


def test_a_slow_answer_of_a_worker_that_lives_arrives(stack: Stack) -> None:
    """It is waited for beyond the time after which a silent worker is given up."""
    stack.with_constants(SILENCE="0.2", ALIVE_TIMEOUT="5.0")
    stack.start()
    answer = stack.ask("/slow/2")
    assert (answer.status_code, answer.json()["target"]) == (200, "/slow/2")


def test_few_threads(stack: Stack) -> None:
    """An Orthanc with four threads for HTTP gives at most two of them away."""
    stack.orthanc.configuration["HttpThreadsCount"] = 4
    worker = stack.start().workers()[0]
    os.kill(worker["pid"], signal.SIGSTOP)
    with ThreadPoolExecutor(12) as many:
        asked = [many.submit(stack.ask_alone, "/x") for _ in range(12)]
        assert requests.get(stack.orthanc.url + "/system", timeout=30).status_code == 200
        assert {one.result().status_code for one in asked} == {503}
    os.kill(worker["pid"], signal.SIGCONT)


# The end


@pytest.mark.parametrize("mode", ["", "stubborn", "child"])
def test_stop(stack: Stack, mode: str) -> None:
    """SIGTERM of Orthanc ends the worker by end of file, else by force, with its children, within 10 s."""
    stack.mode(mode)
    worker = stack.start().workers()[0]
    assert stack.orthanc.stop(limit=10) == 0
    assert (stack.data / "eof").exists()
    assert _gone(worker["pid"])
    assert worker["child"] is None or _gone(worker["child"])


def test_stop_between_two_tries(stack: Stack) -> None:
    """SIGTERM while a restart is waited for ends Orthanc at once, and starts no other worker."""
    stack.mode("crash")
    stack.start(ready=False)
    stack.wait_for_log("Next try in 4 s")
    assert stack.orthanc.stop(limit=10) == 0
    assert len(stack.workers()) == 3


def test_kill_of_orthanc(stack: Stack) -> None:
    """kill -9 of Orthanc ends the worker by end of file; Orthanc starts again on the same ports, with a new worker."""
    worker = stack.start().workers()[0]
    stack.orthanc.kill()
    wait_for(lambda: _gone(worker["pid"]), "the worker to end")
    assert (stack.data / "eof").exists()
    stack.orthanc.start()
    assert stack.wait_for_worker(2)["pid"] != worker["pid"]

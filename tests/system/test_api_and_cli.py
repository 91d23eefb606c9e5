"""The REST API through Orthanc, and the command line, on a running stack."""

from __future__ import annotations

import json
import re
import stat
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
import requests

from tests.dicom import StudyMaker
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStack
    from tests.servers.stack import Stack


def call(stack: Stack, path: str, method: str = "GET", **kwargs: object) -> requests.Response:
    return stack.source.session.request(method, f"{stack.source.url}/sendit/{path}", timeout=30, **kwargs)  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_api_shows_pages_and_details_and_refuses_clearly(stack: Stack) -> None:
    """Pages that do not overlap, a batch with its history, and errors that say what to do."""
    for number in range(3):
        stack.source.upload(StudyMaker(accession_number=f"A{number}").instance())
    stack.wait_batches(3)
    first = call(stack, "api/batches?limit=2").json()
    second = call(stack, f"api/batches?limit=2&before={first['next']}").json()
    assert [b["id"] for b in first["batches"] + second["batches"]] == [3, 2, 1]
    assert second["next"] is None
    assert call(stack, "api/batches?state=FAILED").json()["batches"] == []
    study = first["batches"][0]["study"]
    assert [b["id"] for b in call(stack, f"api/batches?study={study}").json()["batches"]] == [3]
    detail = call(stack, "api/batches/1").json()
    assert any("read back" in event["message"] for event in detail["events"])
    assert detail["deliveries"][0]["state"] == "VERIFIED"
    missing = call(stack, "api/batches/99")
    assert (missing.status_code, missing.json()["detail"]) == (404, "there is no batch 99")
    refused = call(stack, "api/batches/1/retry", "POST", json={})
    assert refused.status_code == 409
    assert "DONE" in refused.json()["detail"]
    for wrong in ("batches?limit=0", "batches?before=0", f"batches?before={2**70}", f"batches/{2**70}", "imports/x"):
        answer = call(stack, f"api/{wrong}")
        assert answer.status_code in (400, 422), wrong
        assert answer.json()["detail"], wrong
    assert call(stack, "api/nothing").json()["detail"]
    for folder in ("", "relative", "/" + "x" * 300, "/nowhere"):
        answer = call(stack, "api/imports", "POST", json={"folder": folder, "project": "irb1"})
        assert (answer.status_code, answer.json()["detail"]) == (409, "there is no such folder on the server"), folder
    assert call(stack, "api/batches?state=NONSENSE").status_code == 422


def test_health_openapi_and_page(stack: Stack) -> None:
    """What they show, and that the documentation needs no other server."""
    health = call(stack, "api/health").json()
    assert (health["status"], health["problems"], health["projects"]) == ("ok", [], ["irb1"])
    assert "/api/batches/{batch_id}/retry" in call(stack, "api/openapi.json").json()["paths"]
    docs = call(stack, "api/docs").text
    assert "cdn." not in docs
    for link in re.findall(r'(?:src|href)="([^"]+)"', docs):
        found = urljoin(f"{stack.source.url}/sendit/api/docs", link)
        assert stack.source.session.get(found, timeout=30).status_code == 200, link
    assert "Nothing needs you." in call(stack, "").text
    assert "No batch yet" in call(stack, "batches").text
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    assert 'href="batches/1"' in (page := call(stack, "batches").text)
    assert "No batch yet" not in page


@pytest.mark.slow
def test_orthancs_authentication_covers_it(make_stack: MakeStack) -> None:
    """Without a user, 401; with one, in."""
    stack = make_stack()
    stack.configure(AuthenticationEnabled=True, RegisteredUsers={"alice": "secret-1"})
    stack.source.session.auth = ("alice", "secret-1")
    stack.start()
    assert requests.get(f"{stack.source.url}/sendit/api/batches", timeout=30).status_code == 401
    assert call(stack, "api/batches").status_code == 200
    stack.source.upload(StudyMaker().instance())
    [batch] = stack.wait_batches(1)
    assert batch["state"] == "DONE"
    assert "secret-1" not in stack.source.log()


@pytest.mark.slow
def test_only_our_own_user_can_open_socket_and_journal(stack: Stack) -> None:
    """0600, and the directory 0700."""
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in stack.data_directory.iterdir()}
    for name in ("sendit.sock", "journal.sqlite", "engine.sqlite"):
        assert modes[name] == 0o600, name
    assert stat.S_IMODE(stack.data_directory.stat().st_mode) == 0o700
    assert modes["staging"] == modes["pictures"] == modes["keys"] == 0o700
    assert stat.S_IMODE((stack.data_directory / "keys" / "irb1.key").stat().st_mode) == 0o600


def test_the_commands_say_what_the_api_says(stack: Stack, tmp_path: Path) -> None:
    """status, batches, batch, retry and doctor of a healthy stack."""
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    status = stack.cli("status")
    assert status.returncode == 0, status.stderr
    assert "ok" in status.stdout
    assert "DONE" in stack.cli("batches").stdout
    one = stack.cli("batch", "1")
    assert "received 1 = sent 1 + rejected 0 + quarantined 0 + under way 0" in one.stdout
    missing = stack.cli("batch", "77")
    assert missing.returncode == 2
    assert "there is no batch 77" in missing.stderr
    assert "Traceback" not in missing.stderr
    refused = stack.cli("retry", "1")
    assert refused.returncode == 2
    doctor = stack.cli("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert "wrong" not in doctor.stdout


def test_import_by_command(make_stack: MakeStack, tmp_path: Path) -> None:
    """Every file's outcome is counted, the study is sent at once, the folder stays as it is."""
    stack = make_stack()
    stack.configure(StableAge=600)
    stack.start()
    folder = tmp_path / "cd" / "deep"
    folder.mkdir(parents=True)
    for number, data in enumerate(StudyMaker().instances(3)):
        (folder / f"IM{number}").write_bytes(data)
    done = stack.cli("import", str(tmp_path / "cd"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 imported" in done.stdout
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"]) == ("DONE", 3)
    again = stack.cli("import", str(tmp_path / "cd"))
    assert "3 already there" in again.stdout
    assert len(stack.batches()) == 1
    (folder / "letter.txt").write_text("no image")
    assert stack.cli("import", str(tmp_path / "cd")).returncode == 1
    listed = stack.api("imports?limit=2")
    assert ([one["id"] for one in listed["imports"]], listed["next"]) == ([3, 2], 2)
    assert stack.api(f"imports?before={listed['next']}")["imports"][0]["files"] == {"imported": 3}
    assert "ERRORS" in stack.cli("imports").stdout
    [failed] = [one for one in stack.api("imports/3")["outcomes"] if one["outcome"] != "already there"]
    assert failed["reason"] in " ".join(stack.cli("imports", "3").stdout.split())
    assert "letter" not in str(stack.api("imports/3"))
    assert len(list(folder.iterdir())) == 4
    (tmp_path / "empty" / "below").mkdir(parents=True)
    empty = stack.cli("import", str(tmp_path / "empty"))
    assert (empty.returncode, "nothing to import, the folder contains no files" in empty.stdout) == (0, True)
    missing = stack.cli("import", str(tmp_path / "nothing"))
    assert missing.returncode == 2
    assert "no such folder" in missing.stderr


def test_doctor_before_the_first_start(make_stack: MakeStack) -> None:
    """Nothing runs yet, and nothing is wrong because of that alone; what is wrong all the same is named."""
    stack = make_stack()
    stack.target.start()
    stack.source.folder.mkdir(parents=True)
    file = stack.source.folder / "orthanc.json"
    file.write_text(json.dumps(stack.source.configuration))
    doctor = stack.cli("doctor")
    assert (doctor.returncode, "wrong" in doctor.stdout) == (0, False), doctor.stdout
    assert "SendIt has not been started yet" in doctor.stdout
    stack.target.kill()
    stack.sendit["WatchedFolders"] = [{"Path": "/nonexistent/inbox", "Project": "irb1"}]
    file.write_text(json.dumps(stack.source.configuration))
    stack.data_directory.mkdir(parents=True, mode=0o700)
    assert _wrong(stack) == ["research", "WatchedFolders[0]"]
    (stack.data_directory / "worker.lock").touch()  # as a first start leaves behind
    assert _wrong(stack) == ["research", "WatchedFolders[0]", "worker"]


@pytest.mark.slow
def test_doctor_looks_at_what_is_around(make_stack: MakeStack) -> None:
    """Who may ask Orthanc, its keys, the plugin's files, the order of the projects, files that others may change."""
    stack = make_stack()
    stack.target.start()
    stack.source.folder.mkdir(parents=True)
    file = stack.source.folder / "orthanc.json"
    right = json.loads(json.dumps(stack.source.configuration))
    second = {"second": {"Match": {"Modality": ["CT"]}, "Destinations": ["research"]}}
    cases: dict[str, dict[str, Any]] = {
        "access": {"RemoteAccessAllowed": True, "AuthenticationEnabled": False},
        "Orthanc": {"RemoteAccesAllowed": False, "RemoteAccessAllowed": None},
        "plugin": {"PythonScript": "/nowhere/sendit_plugin.py"},
        "projects": {"SendIt": {**right["SendIt"], "Projects": {**right["SendIt"]["Projects"], **second}}},
    }
    for named, changed in cases.items():
        text = {key: value for key, value in {**right, **changed}.items() if value is not None}
        file.write_text(json.dumps(text))
        assert _wrong(stack) == [named]
    file.write_text(json.dumps(right))
    file.chmod(0o666)
    assert _wrong(stack) == ["permissions"]


def _wrong(stack: Stack) -> list[str]:
    """The last word of what the doctor finds wrong, each."""
    doctor = stack.cli("doctor")
    wrong = [line for line in doctor.stdout.splitlines() if line.startswith("wrong")]
    assert (doctor.returncode == 1) == bool(wrong)
    return [line.split(":")[0].split()[-1] for line in wrong]


def test_status_until_somebody_has_seen_it(make_stack: MakeStack) -> None:
    """A target that is down, a batch that failed, files that failed: not ok, each until it is mended or seen."""
    stack = make_stack()
    stack.target.configuration.update(AuthenticationEnabled=True, RegisteredUsers={"x": "y"})
    stack.start()
    refused = stack.cli("status")
    assert refused.returncode == 1
    assert "destination research is refused" in refused.stdout
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1, {"FAILED"})
    stack.target.stop()
    stack.target.configuration.update(AuthenticationEnabled=False)
    down = stack.api("health")
    assert (down["status"], down["works"], down["unseen_batches"]) == ("degraded", True, [1])
    assert any("destination research is unreachable" in problem for problem in down["problems"])
    stack.target.start()
    unseen = wait_for(lambda: (h := stack.api("health"))["problems"][1:] == [] and h, "the target to be found")
    assert unseen["problems"] == ["a batch is FAILED and not acknowledged: 1"]
    assert stack.cli("status").returncode == 1
    seen = stack.cli("acknowledge", "1", "--reason", "the target was misconfigured")
    assert (seen.returncode, seen.stdout.split(";")[0]) == (0, "acknowledged: batch 1")
    assert stack.cli("status").returncode == 0
    assert "acknowledged by cli:" in stack.cli("batch", "1").stdout
    assert stack.cli("acknowledge", "1", "99").returncode == 1
    assert stack.cli("acknowledge").returncode == 2


@pytest.mark.slow
def test_what_is_taken_up_again_has_to_be_seen_anew(make_stack: MakeStack) -> None:
    """A batch that fails once more after a retry counts again; a batch that is done never did."""
    stack = make_stack()
    stack.target.configuration.update(AuthenticationEnabled=True, RegisteredUsers={"x": "y"})
    stack.start()
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1, {"FAILED"})
    assert stack.api("acknowledgements", "POST", json={"batches": [1]})["batches"] == [1]
    assert stack.api("health")["unseen_batches"] == []
    stack.api("batches/1/retry", "POST", json={"reason": "mended?"})
    wait_for(lambda: stack.api("health")["unseen_batches"] == [1], "the batch to fail again")
    assert stack.api("batches/1")["acknowledged"] is None
    assert stack.cli("acknowledge", "--all").returncode == 0
    assert stack.api("health")["unseen_batches"] == []


def test_an_import_with_errors_has_to_be_seen(stack: Stack, tmp_path: Path) -> None:
    """Files that failed make the status not ok until somebody acknowledges the import."""
    folder = tmp_path / "cd"
    folder.mkdir()
    (folder / "IM1").write_bytes(StudyMaker().instance()[:300])
    assert stack.cli("import", str(folder)).returncode == 1
    health = stack.api("health")
    assert (health["status"], health["unseen_imports"]) == ("degraded", [1])
    assert health["problems"] == ["files of an import failed and are not acknowledged: 1"]
    assert stack.cli("acknowledge", "--import", "1").returncode == 0
    assert stack.cli("status").returncode == 0

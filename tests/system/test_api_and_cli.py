"""The REST API through Orthanc, and the command line, on a running stack."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import requests

from tests.conftest import MakeStack
from tests.dicom import StudyMaker
from tests.servers.stack import Stack


def call(stack: Stack, path: str, method: str = "GET", **kwargs: object) -> requests.Response:
    return stack.source.session.request(method, f"{stack.source.url}/sendit/{path}", timeout=30, **kwargs)  # type: ignore[arg-type]


def test_the_api_shows_pages_and_details_and_refuses_clearly(stack: Stack) -> None:
    """Pages that do not overlap, a batch with its story, and errors that say what to do."""
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
    assert (missing.status_code, missing.json()["error"]) == (404, "there is no batch 99")
    refused = call(stack, "api/batches/1/retry", "POST")
    assert refused.status_code == 409
    assert "DONE" in refused.json()["error"]
    for wrong in ("batches?limit=0", "batches?before=0", f"batches?before={2**70}", f"batches/{2**70}", "imports/x"):
        answer = call(stack, f"api/{wrong}")
        assert answer.status_code in (400, 422), wrong
        assert answer.json()["error"], wrong
    assert call(stack, "api/nothing").json()["error"]
    for folder in ("", "relative", "/" + "x" * 300, "/nowhere"):
        answer = call(stack, "api/imports", "POST", json={"folder": folder, "project": "irb1"})
        assert (answer.status_code, answer.json()["error"]) == (409, "there is no such folder on the server"), folder
    assert call(stack, "api/batches?state=NONSENSE").status_code == 422


def test_health_openapi_and_page(stack: Stack) -> None:
    """What they show, and that the documentation needs no other server."""
    health = call(stack, "api/health").json()
    assert (health["status"], health["problems"], health["projects"]) == ("ok", [], ["irb1"])
    assert "/api/batches/{batch_id}/retry" in call(stack, "api/openapi.json").json()["paths"]
    docs = call(stack, "api/docs").text
    assert "cdn." not in docs
    for link in re.findall(r'(?:src|href)="([^"]+)"', docs):
        assert stack.source.session.get(stack.source.url + link, timeout=30).status_code == 200, link
    page = call(stack, "").text
    assert "No batch yet" in page
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    assert "DONE" in call(stack, "").text


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
    """Every file's fate is counted, the study is sent at once, the folder stays as it is."""
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
    assert len(list(folder.iterdir())) == 4
    (tmp_path / "empty" / "below").mkdir(parents=True)
    empty = stack.cli("import", str(tmp_path / "empty"))
    assert (empty.returncode, "nothing to import, the folder holds no files" in empty.stdout) == (0, True)
    missing = stack.cli("import", str(tmp_path / "nothing"))
    assert missing.returncode == 2
    assert "no such folder" in missing.stderr


def test_doctor_names_what_to_mend(make_stack: MakeStack) -> None:
    """A target that is down, a folder that is missing, a worker that does not run; each with its place."""
    stack = make_stack(WatchedFolders=[{"Path": "/nonexistent/inbox", "Project": "irb1"}])
    stack.data_directory.mkdir(parents=True, mode=0o700)
    stack.source.folder.mkdir(parents=True)
    (stack.source.folder / "orthanc.json").write_text(json.dumps(stack.source.configuration))
    doctor = stack.cli("doctor")
    assert doctor.returncode == 1
    wrong = [line for line in doctor.stdout.splitlines() if line.startswith("wrong")]
    assert [line.split(":")[0].split()[-1] for line in wrong] == ["research", "WatchedFolders[0]", "worker"], (
        doctor.stdout
    )

"""Users of a real Orthanc with different roles: what each may do and see, and what the audit log says of it."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.burned import CaptureMaker
from tests.dicom import StudyMaker
from tests.servers.stack import PROJECT, Stack
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from tests.conftest import MakeStack

ROLES = {"View": ["vera"], "Review": ["rita"], "Release": ["bea"], "LookUp": ["lee"], "Administer": ["ada"]}
USERS = {name: f"secret-of-{name}" for name in ("vera", "rita", "bea", "lee", "ada", "nobody")}


def ask(stack: Stack, user: str, path: str, method: str = "GET", body: Any = None, **headers: str) -> requests.Response:
    """Ask through Orthanc, as this user."""
    url = f"{stack.source.url}/sendit/{path}"
    given = {"Content-Type": "application/json", **headers} if method == "POST" else headers
    data = json.dumps(body or {}) if method == "POST" else None
    return requests.request(method, url, auth=(user, USERS[user]), data=data, headers=given, timeout=30)


def started(stack: Stack, **project: Any) -> Stack:
    stack.sendit["Roles"] = ROLES
    stack.sendit["Projects"][PROJECT].update(project)
    stack.configure(AuthenticationEnabled=True, RegisteredUsers=USERS)
    stack.source.session.auth = ("ada", USERS["ada"])
    return stack.start()


def test_what_each_may_do(make_stack: MakeStack, database: str) -> None:
    """A viewer changes nothing, whatever the address; an administrator does, and the audit log says so."""
    stack = make_stack(database)
    stack.target.configuration.update(AuthenticationEnabled=True, RegisteredUsers={"x": "y"})
    started(stack)
    stack.source.upload(StudyMaker().instance())
    [batch] = stack.wait_batches(1)
    assert batch["state"] == "FAILED"
    _check_refusals(stack)
    assert ask(stack, "nobody", "api/batches").status_code == 403
    assert ask(stack, "nobody", "").status_code == 403
    assert ask(stack, "nobody", "api/me").json() == {"actor": "orthanc:nobody", "roles": []}
    assert ask(stack, "bea", "api/me").json() == {"actor": "orthanc:bea", "roles": ["release", "view"]}
    assert ask(stack, "ada", "api/acknowledgements", "POST", {"batches": [1], "reason": "seen"}).status_code == 200
    assert stack.cli("acknowledge", "1", "--reason", "seen, too").returncode == 0
    assert ask(stack, "ada", "api/batches/1/retry", "POST", {"reason": "=mended"}).status_code == 200
    _check_lists(stack)
    _check_chain(stack, database)


def _check_refusals(stack: Stack) -> None:
    """Every address of the description that takes a POST."""
    document = ask(stack, "vera", "api/openapi.json").json()
    posts = [path for path, operations in document["paths"].items() if "post" in operations]
    assert len(posts) >= 5
    originals = (
        "/api/crosswalk/lookup",
        "/api/projects/{name}/preview",
        "/api/pulls/{pull_id}/identified-result",
    )
    for path in posts:
        for user in ("vera", "nobody") if path in originals else ("vera", "lee", "nobody"):
            answer = ask(stack, user, re.sub(r"\{\w+_id\}", "1", path).replace("{study}", "0").lstrip("/"), "POST")
            assert (answer.status_code, answer.headers["Content-Type"][:24]) == (403, "application/problem+json"), path
            assert answer.json()["detail"].startswith(f"orthanc:{user} does not have the role "), path
            assert "SendIt.Roles." in answer.json()["cure"], path
    assert ask(stack, "vera", "api/batches").status_code == 200
    assert stack.batches()[0]["state"] == "FAILED"
    assert stack.api("audit")["entries"] == []


def _check_lists(stack: Stack) -> None:
    """By the API, page by page and as CSV, and by the command line."""
    first = ask(stack, "vera", "api/audit?limit=2").json()
    second = ask(stack, "vera", f"api/audit?limit=2&before={first['next']}").json()
    entries = first["entries"] + second["entries"]
    assert [one["action"] for one in entries] == ["retry", "acknowledge", "acknowledge"]
    assert [one["reason"] for one in entries] == ["=mended", "seen, too", "seen"]
    assert [one["actor"].partition(":")[0] for one in entries] == ["orthanc", "cli", "orthanc"]
    assert {(one["batch"], one["project"], one["redacted"]) for one in entries} == {(1, PROJECT, False)}
    assert second["next"] is None
    [only] = ask(stack, "vera", "api/audit?actor=orthanc:ada&action=retry").json()["entries"]
    assert only == entries[0]
    assert ask(stack, "vera", "api/audit?since=2999-01-01").json()["entries"] == []  # midnight, UTC
    assert ask(stack, "vera", "api/audit?since=2999-01-01T00:00:00Z").json()["entries"] == []
    for wrong in (
        "until=0.5",
        "since=0001-01-01T00:00:00%2B14:00",
        "format=csv&limit=3",
        "actor=%00",
        "head=1",
        "batch=0",
    ):
        assert ask(stack, "vera", f"api/audit?{wrong}").status_code in (400, 422), wrong
    for table in (
        ask(stack, "vera", "api/audit?format=csv").text,
        ask(stack, "vera", "api/audit", Accept="text/csv").text,
        stack.cli("audit", "list", "--csv").stdout,
    ):
        assert len(table.splitlines()) == 4, table
        assert ",'=mended," in table  # no formula for a spreadsheet
    listed = json.loads(stack.cli("audit", "list", "--json", "--batch", "1", "--action", "retry").stdout)
    assert [one["hash"] for one in listed] == [entries[0]["hash"]]
    shown = stack.cli("audit", "list", "--limit", "1").stdout
    assert ("orthanc:ada" in shown, "=mended" in shown, "seen" in shown) == (True, True, False)


def _check_chain(stack: Stack, database: str) -> None:
    """It holds; and breaks when a row is changed in the database, as anybody could who owns it."""
    verdict = ask(stack, "vera", "api/audit/verify").json()
    assert (verdict["ok"], verdict["entries"], verdict["broken"]) == (True, 3, None)
    said = stack.cli("audit", "verify", "--head", verdict["head"])
    assert (said.returncode, f"head: {verdict['head']}" in said.stdout) == (0, True), said.stdout
    assert stack.cli("audit", "verify", "--head", "1" * 64).returncode == 1
    assert stack.cli("audit", "verify", "--head", "xyz").returncode == 2
    if database != "sqlite":
        return  # tests/journal/test_audit.py changes rows on both
    with sqlite3.connect(stack.data_directory / "journal.sqlite", timeout=30) as journal:
        journal.execute("DROP TRIGGER audit_is_not_changed")
        journal.execute("UPDATE audit SET actor = 'orthanc:rita' WHERE number = 2")
    said = stack.cli("audit", "verify")
    assert (said.returncode, "entry 2: it was changed" in said.stdout) == (1, True), said.stdout
    assert ask(stack, "vera", "api/audit/verify").json()["broken"] == 2


def test_who_sees_originals(make_stack: MakeStack) -> None:
    """Images before cleaning, and those that are held: reviewers, and who may look up; each look is recorded."""
    stack = started(make_stack(), Pixels={"OnText": "Review"})
    stack.source.upload(CaptureMaker().capture(1))
    [batch] = stack.wait_batches(1, {"REVIEW"})
    assert batch["pictures"] == 1, stack.describe()
    [shown] = ask(stack, "vera", "api/batches/1/pictures").json()["pictures"]
    address = f"api/batches/1/pictures/{shown['name']}"
    for user in ("vera", "bea", "ada", "nobody"):
        for which in ("before", "after"):
            answer = ask(stack, user, f"{address}/{which}")
            assert (answer.status_code, answer.headers["Content-Type"][:9]) == (403, "applicati"), (user, which)
            assert answer.headers["Cache-Control"] == "no-store"
    assert "<img" not in ask(stack, "vera", "batches/1/pictures").text
    assert stack.api("audit")["entries"] == []
    assert ask(stack, "rita", "batches/1/pictures").text.count("<img") == 2
    for user in ("rita", "rita", "lee"):
        for which in ("before", "after"):
            answer = ask(stack, user, f"{address}/{which}")
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    looks = stack.api("audit?action=look")["entries"]
    uid = shown["sop_instance_uid"]
    assert [(one["actor"], one["batch"], one["subject"]) for one in looks] == [
        ("orthanc:lee", 1, uid),
        ("orthanc:rita", 1, uid),
    ]
    assert ask(stack, "rita", "api/batches/1/pictures/nothing/before").status_code == 404
    assert len(stack.api("audit")["entries"]) == 2


@pytest.mark.slow
def test_doctor_says_who_may_do_what(make_stack: MakeStack) -> None:
    """Loudly where nobody is named; and a role that does not exist stops SendIt, with its place."""
    stack = make_stack().start()
    doctor = stack.cli("doctor")
    assert (doctor.returncode, "NOTE  roles: NOBODY IS NAMED" in doctor.stdout) == (0, True), doctor.stdout
    assert "SendIt.Roles names nobody" in stack.source.log()
    stack.source.stop()
    stack.sendit["Roles"] = {"Operate": ["ada"]}
    stack.source.configuration["SendIt"] = stack.sendit
    stack.source.start()
    answer = requests.get(f"{stack.source.url}/sendit/api/health", timeout=30)
    assert answer.status_code == 503
    doctor = stack.cli("doctor")
    assert (doctor.returncode, "SendIt.Roles.Operate" in doctor.stdout) == (1, True), doctor.stdout


@pytest.mark.slow
@pytest.mark.parametrize("roles", [{"View": ["*"]}, {"Administer": ["root"]}])
def test_a_name_that_nobody_has_checked_is_no_role(make_stack: MakeStack, roles: dict[str, list[str]]) -> None:
    """Where Orthanc asks for no password, only what everybody has counts."""
    stack = make_stack(Roles=roles)
    stack.start(ready=False)
    stack.source.session.auth = ("root", "whatever")
    everybody = "*" in str(roles)
    if everybody:
        stack.wait_ready()
    else:
        stack.worker_pid()
        _wait_for_refusal(stack)
    answer = stack.source.session.post(
        f"{stack.source.url}/sendit/api/acknowledgements", json={"batches": [1]}, timeout=30
    )
    assert answer.status_code == 403
    assert answer.json()["detail"].startswith("anonymous does not have the role Administer")


def _wait_for_refusal(stack: Stack) -> None:
    url = f"{stack.source.url}/sendit/api/health"
    wait_for(lambda: requests.get(url, timeout=30).status_code == 403, "the worker to answer", limit=150)

"""Users whom the authorization plugin knows, on a real Orthanc without passwords: their names, and roles by profile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import requests

from tests.dicom import StudyMaker
from tests.servers.waiting import wait_for
from tests.system.authorization_plugin import write_script

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStack
    from tests.servers.stack import Stack

ROLES = {"View": ["vera"], "Review": ["group:readers"], "Release": ["rita"], "Administer": ["permission:sendit"]}
USERS: dict[str, dict[str, Any]] = {
    "Bearer 1": {"name": "vera", "permissions": ["view"]},
    "Bearer 2": {"name": "rita", "permissions": ["view"], "groups": ["readers"], "authorized-labels": ["*"]},
    "Bearer 3": {"name": "ada", "permissions": ["view", "sendit"]},
    "Bearer 4": {"name": "permission:sendit", "permissions": []},
    "Bearer 5": {"name": "", "permissions": ["sendit"]},
}
AUTHORIZATION = {"WebServiceRootUrl": "http://127.0.0.1:9/", "TokenHttpHeaders": ["Token"]}


def configured(make_stack: MakeStack, folder: Path, *, lets_in_everybody: bool = False) -> Stack:
    """A stack that everybody reaches, and whose authorization plugin asks for tokens."""
    stack = make_stack(Roles=ROLES)
    script, users = write_script(folder, lets_in_everybody=lets_in_everybody)
    users.write_text(json.dumps(USERS))
    stack.configure(PythonScript=str(script), RemoteAccessAllowed=True, Authorization=AUTHORIZATION)
    stack.source.session.headers["Token"] = "Bearer 3"
    return stack


def ask(stack: Stack, path: str, **headers: str) -> requests.Response:
    return requests.get(f"{stack.source.url}/sendit/api/{path}", headers=headers, timeout=30)


def test_names_and_roles_come_from_the_profile(make_stack: MakeStack, tmp_path: Path) -> None:
    """Each token has the roles of its name, permissions and groups; what a client claims in a header gives none."""
    stack = configured(make_stack, tmp_path).start()
    expected = {
        "Bearer 1": ("orthanc:vera", ["view"]),
        "Bearer 2": ("orthanc:rita", ["release", "review", "view"]),
        "Bearer 3": ("orthanc:ada", ["administer", "view"]),
        "Bearer 4": ("orthanc:permission:sendit", []),  # called like a permission, which gives nothing
        "Bearer 5": ("anonymous", []),
    }
    answers = {token: ask(stack, "me", Token=token).json() for token in expected}
    assert {token: (me["actor"], sorted(me["roles"])) for token, me in answers.items()} == expected
    claims = {
        "X-SendIt-User": "ada",
        "X-SendIt-Profile": '{"token": "Bearer 3"}',
        "Authorization": "Basic YWRhOng=",  # ada:x
    }
    assert ask(stack, "me", Token="Bearer 1", **claims).json()["actor"] == "orthanc:vera"
    assert ask(stack, "me").status_code == 403
    assert ask(stack, "me", Token="Bearer 9", **claims).status_code == 403

    stack.source.upload(StudyMaker().instance())
    [batch] = stack.wait_batches(1)
    assert batch["state"] == "DONE", stack.describe()  # the worker itself is let in
    stack.api("recalls", "POST", json={"batch": batch["id"], "reason": "withdrew"})
    assert stack.api("audit?action=recall")["entries"][0]["actor"] == "orthanc:ada"
    assert ask(stack, "batches", Token="Bearer 4").status_code == 403
    assert "Bearer" not in stack.source.log()


def test_a_plugin_that_refuses_nobody(make_stack: MakeStack, tmp_path: Path) -> None:
    """Without passwords, Orthanc is asked once without a token; if it lists patients, nothing is started."""
    stack = configured(make_stack, tmp_path, lets_in_everybody=True).start(ready=False)
    wait_for(lambda: "refuses nobody: everyone could read" in stack.source.log(), "the refusal")
    answer = ask(stack, "health")
    assert answer.status_code == 503
    assert "everyone could read the originals" in answer.json()["detail"]

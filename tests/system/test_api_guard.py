"""Who may change something over the API, through the real proxy; what every answer says to browsers; who did it."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.dicom import StudyMaker

if TYPE_CHECKING:
    import requests

    from tests.conftest import MakeStack
    from tests.servers.stack import Stack

ACK = "/sendit/api/acknowledgements"


def post(stack: Stack, path: str = ACK, body: str | None = "{}", **headers: str) -> requests.Response:
    given = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return stack.source.session.post(stack.source.url + path, data=body, headers=given, timeout=30)


def failed(make_stack: MakeStack, **configuration: Any) -> Stack:
    """A running stack with batch 1 FAILED: the target lets nobody in."""
    stack = make_stack()
    stack.target.configuration.update(AuthenticationEnabled=True, RegisteredUsers={"x": "y"})
    stack.configure(**configuration)
    users = configuration.get("RegisteredUsers")
    stack.source.session.auth = next(iter(users.items())) if users else None
    stack.start()
    stack.source.upload(StudyMaker().instance())
    [batch] = stack.wait_batches(1)
    assert batch["state"] == "FAILED"
    return stack


def test_other_sites_change_nothing(stack: Stack) -> None:
    """Only SendIt's own pages, or no browser at all; and only with JSON that says that it is JSON."""
    own, port = f"http://127.0.0.1:{stack.source.http_port}", stack.source.http_port
    for headers in ({}, {"Origin": own}, {"Sec_Fetch_Site": "same-origin", "Origin": own}, {"Sec_Fetch_Site": "none"}):
        assert post(stack, **headers).status_code == 200, headers
    for headers in (
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": own},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": f"http://localhost:{port}"},
        {"Origin": "http://127.0.0.1:1"},
    ):
        for path in (ACK, "/sendit/api/recalls", "/sendit/api/imports", "/sendit/api/batches/1/retry", "/sendit/x"):
            refused = post(stack, path, **headers)
            assert refused.status_code == 403, (headers, path)
            assert "another site" in refused.json()["detail"]
    proxied = {"Origin": "https://pacs.example", "X_Forwarded_Host": "pacs.example"}
    assert post(stack, **proxied).status_code == 200
    assert post(stack, **{**proxied, "Origin": "https://evil.example"}).status_code == 403
    for method in ("DELETE", "PUT"):
        answer = stack.source.session.request(
            method, stack.source.url + ACK, headers={"Sec-Fetch-Site": "cross-site"}, data="{}", timeout=30
        )
        assert answer.status_code == 403, method


def test_a_body_has_to_be_json_and_to_say_so(stack: Stack) -> None:
    """What a form, or a page of another site, could send without asking first, is not taken."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "text/json", "application/jsonp", ""):
        refused = post(stack, Content_Type=kind)
        assert (refused.status_code, "JSON" in refused.json()["detail"]) == (415, True), kind
    # Forms with files Orthanc keeps to itself: 1.10.1 says 200 to them, and asks no plugin.
    form = post(stack, Content_Type="multipart/form-data; boundary=x")
    assert form.status_code in (400, 415) or not form.text
    assert post(stack, Content_Type="Application/JSON; charset=utf-8").status_code == 200
    assert post(stack, body="").status_code == 422


def test_headers_of_every_answer(stack: Stack) -> None:
    """No copy is kept, no other site's frame shows it, nothing but our own scripts runs; through Orthanc."""
    pages = ("", "/", "/batches/1/pictures", "/api/docs", "/api/openapi.json", "/api/docs-files/swagger-ui.css")
    files = {"/static/style.css": "text/css", "/static/documentation.js": "text/javascript"}
    answers = (
        "/api/batches",
        "/api/batches/9",
        "/api/none",
        "/api/batches?limit=0",
        "/api/batches/1/pictures/x/before",
    )
    for path in (*pages, *answers, *files):
        headers = stack.source.session.get(f"{stack.source.url}/sendit{path}", timeout=30).headers
        assert headers["Cache-Control"] == "no-store", path
        assert headers["X-Frame-Options"] == "DENY", path
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Content-Type"].startswith(files.get(path, "")), path


def test_headers_while_nothing_runs(make_stack: MakeStack) -> None:
    """The plugin's own page says the same."""
    stack = make_stack()
    stack.sendit["Python"] = "/nowhere/python"
    stack.start(ready=False)
    for accepted in ("text/html", "application/json"):
        answer = stack.source.session.get(f"{stack.source.url}/sendit/", headers={"Accept": accepted}, timeout=30)
        assert answer.status_code == 503
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_a_parameter_that_does_not_exist(stack: Stack) -> None:
    """Is an error: ignored, it would seem to be a filter."""
    for path in ("api/batches?Project=CT1", "api/batches?Limit=1", "api/health?x=", "api/batches/1?verbose"):
        answer = stack.source.session.get(f"{stack.source.url}/sendit/{path}", timeout=30)
        assert answer.status_code == 422, path
        assert answer.json()["detail"].startswith("there is no query parameter of this name"), path
        assert answer.json()["cure"], path


def test_who_did_it(make_stack: MakeStack) -> None:
    """Orthanc's user, whatever a client claims; on the command line, the user of the system."""
    stack = failed(make_stack, AuthenticationEnabled=True, RegisteredUsers={"alice": "secret-1"})
    claimed = post(stack, body='{"batches": [1], "reason": "seen"}', X_SendIt_User="root", X_SendIt_Token="x")
    assert claimed.json() == {"batches": [1], "imports": []}
    batch = stack.api("batches/1")
    assert (batch["acknowledged"]["actor"], batch["acknowledged"]["reason"]) == ("orthanc:alice", "seen")
    assert stack.cli("acknowledge", "1").returncode == 0
    assert stack.api("batches/1")["acknowledged"]["actor"].startswith("cli:")
    stack.api("batches/1/retry", "POST", json={"reason": "mended"})
    events = [(event["actor"], event["reason"]) for event in stack.api("batches/1")["events"]]
    assert [(who, why) for who, why in events if who != "system"][-1] == ("orthanc:alice", "mended")


def test_a_user_whom_nobody_has_checked(make_stack: MakeStack) -> None:
    """Where Orthanc asks for no password, whoever is named is no more than a claim."""
    stack = failed(make_stack)
    stack.source.session.auth = ("root", "whatever")
    assert post(stack, body='{"batches": [1]}').status_code == 200
    assert stack.api("batches/1")["acknowledged"]["actor"] == "anonymous"


def test_nobody_speaks_for_the_plugin(make_stack: MakeStack) -> None:
    """On the socket itself a name without the plugin's token counts for nothing, and a wrong token is refused."""
    stack = failed(make_stack)

    def ask(**headers: str) -> int:
        connection = http.client.HTTPConnection("localhost")
        with socket.socket(socket.AF_UNIX) as connection.sock:
            connection.sock.connect(str(Path(stack.data_directory) / "sendit.sock"))
            given = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
            connection.request("POST", "/api/acknowledgements", json.dumps({"batches": [1]}), given)
            return connection.getresponse().status

    assert ask(X_SendIt_User="alice") == 200
    assert stack.api("batches/1")["acknowledged"]["actor"].startswith("cli:")
    assert ask(X_SendIt_Token="0" * 64) == 403
    assert ask(X_SendIt_User="alice", X_SendIt_Token="0" * 64) == 403


def test_a_recall_needs_a_reason(stack: Stack) -> None:
    """Over the API and on the command line; a preview needs none, and changes nothing."""
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    for reason in ({}, {"reason": ""}, {"reason": " "}, {"reason": "two\nlines"}, {"reason": "nul\0"}):
        refused = post(stack, "/sendit/api/recalls", json.dumps({"batch": 1, **reason}))
        assert refused.status_code == 422, reason
    assert post(stack, "/sendit/api/recalls", '{"batch": 1, "preview": true}').status_code == 202
    refused_command = stack.cli("recall", "--batch", "1", "--yes")
    assert refused_command.returncode == 2
    assert "--reason" in refused_command.stderr
    [batch] = stack.batches()
    assert batch["state"] == "DONE"
    accepted = post(stack, "/sendit/api/recalls", '{"batch": 1, "reason": "consent withdrawn"}')
    assert accepted.status_code == 202
    stack.wait_batches(1, {"RECALLED"})
    [event] = [one for one in stack.api("batches/1")["events"] if one["reason"] == "consent withdrawn"]
    assert event["actor"] == "anonymous"
    assert "by anonymous: consent withdrawn" in stack.cli("batch", "1").stdout

"""Pauses, actions on many batches and the question for changes: through Orthanc and on the command line."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.dicom import StudyMaker
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    import requests

    from tests.conftest import MakeStack
    from tests.servers.stack import Stack


def call(stack: Stack, path: str, body: Any = None) -> requests.Response:
    """A GET, or a POST with a body."""
    address, method = f"{stack.source.url}/sendit/api/{path}", "GET" if body is None else "POST"
    return stack.source.session.request(method, address, json=body, timeout=60)


def acted(stack: Stack, body: dict[str, Any]) -> dict[str, Any]:
    """An action, once it has ended."""
    begun = call(stack, "batches/actions", body)
    assert begun.status_code == 202, begun.text

    def ended() -> Any:
        run = call(stack, f"actions/{begun.json()['id']}").json()
        return run["finished_at"] and run

    run: dict[str, Any] = wait_for(ended, "the end of the action")
    return run


def idle(stack: Stack) -> bool:
    return bool(call(stack, "health").json()["active"] == 0)


def wait_state(stack: Stack, number: int, state: str) -> dict[str, Any]:
    return stack.wait_batch(lambda batch: batch["id"] == number and batch["state"] == state)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_pauses_hold_and_nothing_is_lost(make_stack: MakeStack) -> None:
    """What is paused stays so over a restart; once it is resumed, all that has waited goes on."""
    stack = make_stack().start()
    answer = call(stack, "pauses", {"kind": "destination", "name": "research", "reason": "it is moved"})
    assert [one["name"] for one in answer.json()["pauses"]] == ["research"]
    stack.source.upload(StudyMaker(accession_number="A1").instance())
    held = stack.wait_batch(lambda batch: any(one["state"] == "PAUSED" for one in batch["deliveries"]))
    assert held["state"] == "DELIVERING"
    assert stack.delivered() == []
    [destination] = call(stack, "destinations").json()["destinations"]
    assert destination["state"] == "paused"
    assert "it is moved" in destination["reason"]
    health = call(stack, "health").json()
    assert (health["status"], len(health["paused"])) == ("ok", 1)
    shown = stack.cli("status")
    assert "destination research was paused by anonymous: it is moved" in shown.stdout
    assert stack.cli("pause", "--project", "irb1", "--reason", "new rules").returncode == 0
    stack.source.upload(StudyMaker(accession_number="A2").instance())
    queued = wait_state(stack, 2, "QUEUED")
    wait_for(lambda: idle(stack), "that nothing is scheduled")
    assert stack.batches()[-1]["state"] == "QUEUED"
    assert call(stack, "batches/2").json()["place"] == 1
    assert (queued["processed"], queued["size"], queued["ended_at"]) == (0, None, None)
    stack.restart()
    wait_for(lambda: idle(stack), "that nothing is scheduled")
    assert {batch["id"]: batch["state"] for batch in stack.batches()} == {1: "DELIVERING", 2: "QUEUED"}
    assert call(stack, "pauses/end", {"kind": "project", "name": "irb1"}).json()["pauses"][0]["kind"] == "destination"
    wait_state(stack, 2, "DELIVERING")
    assert stack.cli("resume", "--destination", "research").returncode == 0
    done = stack.wait_batches(2)
    assert [batch["state"] for batch in done] == ["DONE", "DONE"]
    assert len(stack.delivered()) == 2
    assert call(stack, "pauses/end", {"kind": "everything"}).status_code == 404
    assert call(stack, "pauses", {"kind": "project", "name": "nobody"}).status_code == 409
    assert call(stack, "pauses", {"kind": "everything", "name": "x"}).status_code == 422


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_actions_on_many(make_stack: MakeStack) -> None:
    """Cancel and retry by filter, each batch with its outcome; what has become more than was seen is refused."""
    stack = make_stack().start()
    call(stack, "pauses", {"kind": "everything"})
    for number in range(3):
        stack.source.upload(StudyMaker(accession_number=f"A{number}").instance())
    for number in (1, 2, 3):
        wait_state(stack, number, "QUEUED")
    queued = {"state": ["QUEUED"], "project": "irb1"}
    seen = call(stack, "batches/actions", {"action": "cancel", "filter": queued, "preview": True}).json()
    assert (seen["total"], seen["id"]) == (3, None)
    by_filter = {"action": "cancel", "filter": queued, "reason": "a test"}
    refused = call(stack, "batches/actions", {**by_filter, "expected": 2})
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "filter: more than 2 batches match the filter by now",
    )
    assert call(stack, "batches/actions", {**by_filter, "reason": "", "expected": 3}).status_code == 409
    assert call(stack, "batches/actions", by_filter).status_code == 422
    assert call(stack, "batches/actions", {"action": "nonsense", "batches": [1]}).status_code == 409
    run = acted(stack, {**by_filter, "expected": 3})
    assert (run["done"], run["refused"], [one["said"] for one in run["outcomes"]]) == (3, 0, ["cancelled"] * 3)
    for batch in call(stack, "batches?state=CANCELLED").json()["batches"]:
        assert (batch["reason"], batch["quarantined"], batch["under_way"]) == ("cancelled by a person", 1, 0)
    mixed = acted(stack, {"action": "retry", "batches": [1, 77]})
    assert [(one["batch"], one["ok"]) for one in mixed["outcomes"]] == [(1, True), (77, False)]
    assert mixed["refused"] == 1
    call(stack, "pauses/end", {"kind": "everything"})
    wait_state(stack, 1, "DONE")
    done = stack.cli("retry", "--state", "CANCELLED", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["total"] == 2
    assert [batch["state"] for batch in stack.wait_batches(3)] == ["DONE"] * 3
    assert len(stack.delivered()) == 3
    assert stack.cli("cancel", "1", "--reason", "too late").returncode == 2
    assert call(stack, "actions/99").status_code == 404
    before = call(stack, "actions").json()["actions"]
    assert [(one["action"], one["done"]) for one in before] == [("retry", 2), ("retry", 2), ("cancel", 3)]
    stack.restart()
    assert call(stack, "actions").json()["actions"] == before
    assert call(stack, f"actions/{mixed['id']}").json() == mixed
    events = [event["message"] for event in call(stack, "batches/1").json()["events"]]
    assert events.count("cancelled by a person") == events.count("retried by an operator") == 1


@pytest.mark.timeout(300)
def test_lists_counts_totals_and_changes(make_stack: MakeStack) -> None:
    """The filters of the page and the command line, what was delivered today, and an answer once something changes."""
    stack = make_stack().start()
    cursor = call(stack, "changes").json()["cursor"]
    assert call(stack, f"changes?since={cursor}").json() == {"cursor": cursor, "changed": False}
    with ThreadPoolExecutor(2) as threads:
        waits = [threads.submit(call, stack, f"changes?since={cursor}&wait=25") for _ in range(2)]
        stack.source.upload(StudyMaker(accession_number="A1").instance())
        assert [wait.result().json()["changed"] for wait in waits] == [True, True]
    [batch] = stack.wait_batches(1)
    assert batch["modalities"] == ["CT"]
    assert batch["size"] > 100
    day = batch["opened_at"][:10]
    for query in ("project=irb1&state=DONE,FAILED", "modality=CT", "destination=research&delivery=VERIFIED",
                  f"opened_from={day}", f"ended_to={day}", f"study={batch['study']}", "project="):  # fmt: skip
        page = call(stack, f"batches?{query}").json()
        assert ([one["id"] for one in page["batches"]], page["total"]) == ([1], 1), query
    for query in (
        "modality=MR",
        "reason=peer",
        "coded=nobody",
        "destination=research&delivery=FAILED",
        "opened_to=2020-01-01",
    ):
        page = call(stack, f"batches?{query}").json()
        assert (page["batches"], page["total"], page["next"]) == ([], 0, None), query
    assert call(stack, "batches?projects=irb1").status_code == 422
    assert call(stack, "counts").json() == {"counts": [{"project": "irb1", "state": "DONE", "batches": 1}]}
    [total] = call(stack, "totals?by=destination&each=span").json()["totals"]
    assert (total["destination"], total["studies"], total["instances"], total["size"]) == (
        "research",
        1,
        1,
        batch["size"],
    )
    assert "irb1" in stack.cli("totals").stdout
    listed = stack.cli("batches", "--modality", "CT", "--state", "DONE", "--opened-from", day)
    assert "DONE" in listed.stdout
    assert max(map(len, listed.stdout.splitlines())) <= 80
    assert json.loads(stack.cli("batches", "--json").stdout)["total"] == 1
    assert "No batch matches" in stack.cli("batches", "--why", "peer").stdout

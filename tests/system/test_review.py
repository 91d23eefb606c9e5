"""Review with real Orthancs: what waits, boxes that a reviewer draws, and what reaches the target, or never does."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.burned import TEXT_BOX, CaptureMaker
from tests.dicom import StudyMaker
from tests.servers.stack import PROJECT, Stack, send_study
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from tests.conftest import MakeStack

#: In the bright spot of a capture, where no text is.
_BOX = [150, 100, 170, 130]


def _configure(stack: Stack, **project: Any) -> Stack:
    stack.sendit["Projects"] = {PROJECT: {"Match": {}, "Destinations": ["research"], **project}}
    return stack


def _wait(stack: Stack, number: int, *states: str) -> dict[str, Any]:
    return stack.wait_batch(lambda b: b["id"] == number and b["state"] in states)


def _review(stack: Stack, number: int) -> dict[str, Any]:
    answer: dict[str, Any] = stack.api(f"batches/{number}/review")
    return answer


def _decide(stack: Stack, number: int, decision: str, **request: Any) -> dict[str, Any]:
    attempt = _review(stack, number)["attempt"]
    request = {"attempt": attempt, "decision": decision, "reason": "as a test", **request}
    answer: dict[str, Any] = stack.api(f"batches/{number}/review", "POST", json=request)
    return answer


def test_a_box_is_black_at_the_target(make_stack: MakeStack) -> None:
    """Text was found: it waits, masked. A reviewer draws a further box; once accepted, both are black at the target."""
    stack = _configure(make_stack(), Pixels={"OnText": "Review"}).start()
    stack.source.upload(CaptureMaker().capture(1))
    batch = stack.wait_batch(lambda b: b["state"] == "REVIEW")
    assert (batch["under_way"], batch["sent"]) == (1, 0)
    detail = _review(stack, batch["id"])
    [shown] = detail["instances"]
    assert (shown["status"], bool(shown["text"]), shown["drawn"]) == ("cleaned", True, [])
    assert "requires a review" in shown["doubt"]
    assert "ACCEPT" in detail["allowed"]

    after = _decide(stack, batch["id"], "REGIONS", regions={"instance": 1, "add": [_BOX]}, scope="study")
    assert after["attempt"] == detail["attempt"] + 1
    _wait(stack, batch["id"], "REVIEW")
    [shown] = _review(stack, batch["id"])["instances"]
    assert shown["drawn"] == [_BOX]
    assert stack.delivered_files() == []

    _decide(stack, batch["id"], "ACCEPT")
    _wait(stack, batch["id"], "DONE")
    [delivered] = stack.delivered()
    for x0, y0, x1, y1 in (TEXT_BOX, _BOX):
        assert delivered.pixel_array[y0:y1, x0:x1].max() < 100
    assert delivered.pixel_array[140:145, 155:165].max() > 100  # beside the box, the picture is as it was
    assert delivered.BurnedInAnnotation == "NO"


@pytest.mark.slow
def test_a_false_box_and_an_identifier(make_stack: MakeStack) -> None:
    """A reviewer may uncover text that is none; where an identifier is read, the mask stays whatever they say."""
    stack = _configure(make_stack(), Pixels={"OnText": "Review"}).start()
    stack.source.upload(CaptureMaker(shown="GAIN 45").capture(1))
    stack.source.upload(CaptureMaker().capture(1))
    innocent, named = (one["id"] for one in stack.wait_batches(2, {"REVIEW"}))
    for number in (innocent, named):
        [shown] = _review(stack, number)["instances"]
        _decide(stack, number, "REGIONS", regions={"instance": 1, "remove": shown["text"]})
        _wait(stack, number, "REVIEW")
    texts = {number: _review(stack, number)["instances"][0]["text"] for number in (innocent, named)}
    assert (texts[innocent], bool(texts[named])) == ([], True)


def test_rejected_never_arrives(make_stack: MakeStack) -> None:
    """One instance is rejected, the other one is accepted: that alone arrives; nothing of a rejected batch does."""
    stack = _configure(make_stack(), Release="Review").start()
    send_study(stack, 2)
    [batch] = stack.wait_batches(1, {"REVIEW"})
    bad = requests.post(
        f"{stack.source.url}/sendit/api/batches/{batch['id']}/review",
        json={"decision": "REJECT", "attempt": _review(stack, batch["id"])["attempt"]},
        auth=stack.source.session.auth,
        timeout=30,
    )
    assert bad.status_code == 422
    _decide(stack, batch["id"], "REJECT", instances=[1], text=True)
    _decide(stack, batch["id"], "ACCEPT")
    done = _wait(stack, batch["id"], "DONE")
    assert (done["received"], done["sent"], done["rejected"]) == (2, 1, 1)
    assert len(stack.delivered_files()) == 1

    send_study(stack, 1)
    second = stack.wait_batch(lambda b: b["state"] == "REVIEW")
    _decide(stack, second["id"], "REJECT")
    assert _wait(stack, second["id"], "EMPTY")["rejected"] == 1
    assert len(stack.delivered_files()) == 1
    assert stack.staged() == []
    risk = stack.api(f"projects/{PROJECT}/residual-risk")
    [kind] = risk["kinds"]
    assert (kind["studies"], kind["missed"]) == (2, 1)
    assert stack.api(f"projects/{PROJECT}")["residual_risk"] == [kind["words"]]


def test_two_persons(make_stack: MakeStack) -> None:
    """The same person twice is one: it leaves once a second one has accepted it, and its receipts name both."""
    stack = _configure(make_stack(), Release={"Review": {"Persons": 2}})
    stack.configure(AuthenticationEnabled=True, RegisteredUsers={"alice": "a", "bob": "b"})
    stack.source.session.auth = ("alice", "a")
    stack.start()
    send_study(stack, 1)
    [batch] = stack.wait_batches(1, {"REVIEW"})
    for _ in range(2):
        assert _decide(stack, batch["id"], "ACCEPT")["batch"]["state"] == "REVIEW"
    assert _review(stack, batch["id"])["instances"][0]["accepted_by"] == ["orthanc:alice"]
    stack.source.session.auth = ("bob", "b")
    _decide(stack, batch["id"], "ACCEPT")
    _wait(stack, batch["id"], "DONE")
    assert len(stack.delivered_files()) == 1
    actors = [one["actor"] for one in _review(stack, batch["id"])["decisions"]]
    assert actors == ["orthanc:alice", "orthanc:alice", "orthanc:bob"]


@pytest.mark.slow
def test_a_kill_after_a_decision_loses_nothing(make_stack: MakeStack) -> None:
    """The worker is killed when a box was drawn: what waits is staged anew, with the box, and waits again."""
    stack = _configure(make_stack(), Pixels={"OnText": "Review"}).start()
    stack.source.upload(CaptureMaker().capture(1))
    batch = stack.wait_batch(lambda b: b["state"] == "REVIEW")
    before = stack.worker_pid()
    _decide(stack, batch["id"], "REGIONS", regions={"instance": 1, "add": [_BOX]})
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: stack.is_ready() and stack.worker_pid() != before, "a new worker", limit=60)
    _wait(stack, batch["id"], "REVIEW")
    assert _review(stack, batch["id"])["instances"][0]["drawn"] == [_BOX]
    stack.restart()
    assert _review(stack, batch["id"])["batch"]["state"] == "REVIEW"
    staged = [path for path in stack.staged() if path.suffix == ".dcm"]  # beside it: the digest of its rules
    assert len(staged) == 1  # the reconciliation leaves what waits alone
    assert stack.delivered_files() == []
    _decide(stack, batch["id"], "ACCEPT")
    _wait(stack, batch["id"], "DONE")
    [delivered] = stack.delivered()
    x0, y0, x1, y1 = _BOX
    assert delivered.pixel_array[y0:y1, x0:x1].max() < 100


def _check_attributes(difference: dict[str, Any]) -> None:
    """The preview names each attribute that the rules treat in another way, before and now, with the rule."""
    assert (difference["attributes_read"], difference["attributes_note"]) == (1, "")
    named = {one["name"]: one for one in difference["attributes"]}
    dates, sex = named["StudyDate"], named["PatientSex"]
    assert (dates["before"], dates["before_rule"]) == ("shifted", "PS3.15 Table E.1-1, RetainLongitudinalModifiedDates")
    assert (dates["after"], dates["after_rule"]) == ("blanked", "PS3.15 Table E.1-1, Basic Profile")
    assert (sex["after"], sex["after_rule"]) == ("kept", "PS3.15 Table E.1-1, RetainPatientCharacteristics")
    assert "PatientID" not in named


@pytest.mark.slow
def test_a_further_version_at_the_target(make_stack: MakeStack) -> None:
    """Other rules: the preview says what differs, and the target then holds the new version under the same UIDs."""
    stack = _configure(make_stack(), Options=["CleanPixelData", "RetainLongitudinalModifiedDates"]).start()
    maker = StudyMaker()
    stack.source.upload(maker.instance())
    [batch] = stack.wait_batches(1)
    [before] = stack.delivered()
    stack.source.stop()
    _configure(stack, Options=["CleanPixelData", "RetainPatientCharacteristics"])
    stack.source.configuration["SendIt"] = stack.sendit
    stack.source.start()
    stack.wait_ready()
    told = stack.cli("reprocess", str(batch["id"]), "--preview", "--json")
    assert told.returncode == 0, told.stderr
    preview = json.loads(told.stdout)
    assert (preview[0]["difference"]["changed"], preview[0]["difference"]["same"]) == (1, 0)
    _check_attributes(preview[0]["difference"])
    assert maker.person.patient_id not in told.stdout
    assert stack.staged() == []
    stack.api(f"batches/{batch['id']}/reprocess", "POST", json={"reason": "other rules"})
    done = stack.wait_batch(lambda b: b["state"] == "DONE" and b["version"] == 2)
    [after] = stack.delivered()
    assert (done["sent"], after.SOPInstanceUID) == (1, before.SOPInstanceUID)
    assert "StudyDate" in before
    assert after.to_json() != before.to_json()


@pytest.mark.slow
def test_cancel_by_the_command_line(make_stack: MakeStack) -> None:
    """Cancelled while the target is away: nothing arrives when it comes back; a retry sends it."""
    stack = make_stack()
    stack.start(target=False)
    send_study(stack, 1)
    batch = stack.wait_batch(lambda b: b["state"] == "DELIVERING")
    assert stack.cli("cancel", str(batch["id"])).returncode == 2  # without a reason
    answer = stack.cli("cancel", str(batch["id"]), "--reason", "wrong study", "--json")
    assert json.loads(answer.stdout)["state"] == "CANCELLED", answer
    stack.target.start()
    assert stack.delivered_files() == []
    stack.api(f"batches/{batch['id']}/retry", "POST")
    _wait(stack, batch["id"], "DONE")
    assert len(stack.delivered_files()) == 1


@pytest.mark.slow
def test_the_commands_of_a_review(make_stack: MakeStack) -> None:
    """List, show, regions and accept, as a person at a terminal uses them; a held batch is taken up for review."""
    stack = _configure(make_stack(), Release={"Review": {"FirstOfDevice": 1}}).start()
    stack.source.upload(StudyMaker().instance())
    [batch] = stack.wait_batches(1, {"REVIEW"})
    number = str(batch["id"])
    listed = json.loads(stack.cli("review", "list", "--json").stdout)
    assert [one["id"] for one in listed["batches"]] == [batch["id"]]
    shown = stack.cli("review", "show", number).stdout
    assert "possible decisions: accept" in shown
    assert stack.cli("review", "regions", number, "-i", "1", "--add", "0,0,4,4").returncode == 0
    _wait(stack, batch["id"], "REVIEW")
    _decide(stack, batch["id"], "HOLD")
    assert _wait(stack, batch["id"], "QUARANTINED")["quarantined"] == 1
    _decide(stack, batch["id"], "RERUN")
    _wait(stack, batch["id"], "REVIEW")
    assert "REVIEW" not in stack.cli("review", "accept", number).stdout
    _wait(stack, batch["id"], "DONE")

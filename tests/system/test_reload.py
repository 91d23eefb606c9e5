"""`sendit reload` on a running stack: what is taken over, what is refused, and what becomes of batches under way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.dicom import Person, StudyMaker
from tests.servers.stack import send_study
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.stack import Stack

pytestmark = pytest.mark.long


def write(stack: Stack, text: str | None = None) -> None:
    """Write the source's orthanc.json as its `configuration` is now, or this text."""
    path = stack.source.folder / "orthanc.json"
    path.write_text(stack.source.configuration_text() if text is None else text)


def reloaded(stack: Stack, *options: str, code: int = 0) -> dict[str, Any]:
    """Call `sendit reload --json`, and return its answer."""
    done = stack.cli("reload", "--json", *options)
    assert done.returncode == code, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def plant(stack: Stack, name: str, **project: Any) -> None:
    """Add a project, before the others."""
    projects = stack.sendit["Projects"]
    new = {"Match": {}, "Options": ["CleanPixelData"], "Destinations": ["research"], **project}
    stack.sendit["Projects"] = {name: new, **projects}


def test_a_project_is_added_while_it_runs(stack: Stack) -> None:
    """The next study is the new project's; what was delivered stays; Orthanc is not restarted; the act is recorded."""
    send_study(stack, 1)
    stack.wait_batches(1)
    orthanc = stack.source.pid
    worker = stack.worker_pid()
    plant(stack, "irb0", Match={"Modality": ["CT"]})
    stack.sendit["Projects"]["irb1"]["Options"].append("CleanDescriptors")
    write(stack)
    preview = reloaded(stack, "--preview")
    assert (preview["applied"], "project irb0: added" in preview["changes"]) == (False, True)
    assert stack.worker_pid() == worker
    answer = reloaded(stack, "--reason", "a new study")
    assert answer["applied"]
    assert answer["refused"] == ""
    assert answer["changes"] == [
        "project irb0: added",
        "project irb1: Options + CleanDescriptors",
    ]
    assert (stack.source.pid, stack.worker_pid() != worker) == (orthanc, True)
    assert stack.api("health")["projects"] == ["irb0", "irb1"]
    send_study(stack, 1, Person(patient_id="P2"))
    batches = stack.wait_batches(2)
    assert [(batch["project"], batch["state"]) for batch in batches] == [("irb1", "DONE"), ("irb0", "DONE")]
    assert reloaded(stack)["changes"] == []


def test_a_bad_configuration_is_refused(stack: Stack) -> None:
    """Whatever is wrong with it: nothing is applied, the worker goes on, and the command line still reaches it."""
    worker = stack.worker_pid()
    good = stack.source.configuration_text()
    section = json.loads(good)["SendIt"]
    wrong: dict[str, Any] = {
        "is not JSON": "{",
        "there is no such key": {**section, "Optoins": 1},
        "is no destination": {**section, "Projects": {"irb1": {"Destinations": ["nowhere"]}}},
        "cannot be read": {**section, "Projects": {"irb1": {**section["Projects"]["irb1"], "Recipes": ["none.deid"]}}},
        "no such section": None,
    }
    for problem, content in wrong.items():
        document = {**json.loads(good), "SendIt": content}
        if content is None:
            del document["SendIt"]
        write(stack, content if isinstance(content, str) else json.dumps(document))
        answer = stack.source.session.post(f"{stack.source.url}/sendit/api/reload", json={}, timeout=30)
        assert answer.status_code == 409, problem
        assert problem in answer.text
    write(stack)
    assert stack.cli("status").returncode == 0
    assert stack.worker_pid() == worker


@pytest.mark.slow
def test_what_needs_a_restart_of_orthanc(stack: Stack, tmp_path: Path) -> None:
    """Another data directory or interpreter forbids the rest; Orthanc's own keys are named and change nothing."""
    plant(stack, "irb0")
    for key, value in (("DataDirectory", str(tmp_path / "other")), ("Python", "/usr/bin/python3")):
        former, stack.sendit[key] = stack.sendit[key], value
        write(stack)
        answer = stack.api("reload", "POST")
        assert (answer["applied"], answer["blocked_by"]) == (False, [f"SendIt.{key}"])
        stack.sendit[key] = former
    assert stack.api("health")["projects"] == ["irb1"]
    stack.configure(StableAge=7)
    write(stack)
    answer = reloaded(stack, code=1)
    assert (answer["applied"], answer["restart_needed"]) == (True, ["StableAge"])
    assert stack.api("health")["projects"] == ["irb0", "irb1"]


@pytest.mark.slow
def test_a_reload_that_cannot_start_is_undone(stack: Stack) -> None:
    """The former configuration applies again, and status says why until a reload works."""
    plant(stack, "irb0")
    write(stack)
    in_the_way = stack.data_directory / "keys" / "crosswalk" / "irb0.key"
    in_the_way.mkdir(parents=True)  # looked for by the start, and not by the check before it
    answer = reloaded(stack, code=1)
    assert answer["applied"]
    assert "irb0.key" in answer["refused"]
    health = stack.api("health")
    assert (health["status"], health["projects"]) == ("degraded", ["irb1"])
    assert any("the last reload was undone" in problem for problem in health["problems"])
    send_study(stack, 1)
    assert stack.wait_batches(1)[0]["state"] == "DONE"
    in_the_way.rmdir()
    assert reloaded(stack)["refused"] == ""
    assert stack.api("health")["projects"] == ["irb0", "irb1"]


_GATE = """
import time
from pathlib import Path

def gate(item, value, field, dicom):
    while len(list(Path("{staging}").rglob("*.dcm"))) > 50:
        time.sleep(0.05)
    return str(field.element.value)
"""


@pytest.mark.slow
def test_a_batch_under_way_begins_anew_if_its_rules_change(stack: Stack) -> None:
    """It is reloaded while most of a study is de-identified: all of it arrives, once, by the new rules alone."""
    count = 60
    (stack.source.folder / "gate.py").write_text(_GATE.format(staging=stack.data_directory / "staging"))
    (stack.source.folder / "irb1.deid").write_text("FORMAT dicom\n\n%header\n\nREPLACE InstanceNumber func:gate\n")
    project = stack.sendit["Projects"]["irb1"]
    project |= {"Recipes": ["irb1.deid"], "Functions": "gate.py"}
    write(stack)
    assert reloaded(stack)["applied"]
    for file in StudyMaker().instances(count):
        stack.source.upload(file)
    stack.wait_batch(lambda batch: 0 < len(_receipts(stack)) < count)
    (receipt, *_) = _receipts(stack)
    stack.sendit["Projects"]["irb1"] = {**project, "Recipes": [], "Functions": None}
    write(stack)
    assert reloaded(stack)["applied"]
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"], batch["received"]) == ("DONE", count, count), stack.describe()
    assert "begun anew: its rules have changed" in [event["message"] for event in stack.api("batches/1")["events"]]
    assert len({one.SOPInstanceUID for one in stack.delivered()}) == count
    plans = {receipt["plan_sha256"] for receipt in _receipts(stack)}
    assert len(plans) == 1
    assert receipt["plan_sha256"] not in plans


@pytest.mark.slow
def test_a_batch_under_way_being_delivered_keeps_its_outputs(stack: Stack) -> None:
    """What was de-identified before the reload is delivered after it as it was, whatever the rules are now."""
    stack.target.stop()
    for file in StudyMaker().instances(3):
        stack.source.upload(file)
    stack.wait_batch(lambda batch: batch["state"] == "DELIVERING" and batch["deliveries"][0]["failures"] > 0)
    before = _receipts(stack)
    stack.sendit["ReconcileSeconds"] = 2
    stack.sendit["Projects"]["irb1"]["Options"].append("CleanDescriptors")
    write(stack)
    assert reloaded(stack)["applied"]
    stack.target.start()
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"]) == ("DONE", 3)
    assert [one["output_sha256"] for one in _receipts(stack)] == [one["output_sha256"] for one in before]


def _receipts(stack: Stack) -> list[dict[str, Any]]:
    from sendit.journal import Journal  # noqa: PLC0415

    journal = Journal.open("sqlite", stack.data_directory, upgrade=False)
    try:
        return [receipt for _, receipt in journal.batches.receipts(1)]
    finally:
        journal.close()


@pytest.mark.slow
def test_recipes_and_secrets(stack: Stack) -> None:
    """A recipe that was edited is a change; no secret is in what the API shows, nor in Orthanc's log."""
    recipe = stack.source.folder / "irb1.deid"
    recipe.write_text("FORMAT dicom\n\n%header\n\nREMOVE StudyDescription\n")
    secret = "s3cret-" + "x" * 8
    stack.sendit["Projects"]["irb1"]["Recipes"] = ["irb1.deid"]
    stack.sendit["Destinations"]["web"] = {
        "Type": "DicomWeb",
        "Url": "http://127.0.0.1:9/dicom-web",
        "Username": "u",
        "Password": secret,
        "Headers": {"X-Key": secret},
        "Enabled": False,
    }
    stack.peers["second"] = ["http://127.0.0.1:9/", "user", secret]
    write(stack)
    answer = reloaded(stack)
    assert answer["changes"] == ["destination web: added", "project irb1: Recipes + irb1.deid", "peer second: added"]
    recipe.write_text("FORMAT dicom\n\n%header\n\nKEEP StudyDescription\n")
    assert reloaded(stack, "--preview")["changes"] == ["project irb1: irb1.deid has changed"]
    stack.sendit["Destinations"]["web"]["Password"] = f"{secret}2"
    write(stack)
    assert "destination web: Password: changed" in reloaded(stack)["changes"]
    shown = stack.source.session.get(f"{stack.source.url}/sendit/api/configuration", timeout=30).text
    assert '"Password":"***"' in shown
    running = stack.cli("config", "show", "--running").stdout
    for text in (shown, running, stack.cli("config", "show").stdout, stack.source.log()):
        assert secret not in text


@pytest.mark.slow
def test_during_the_restart_requests_get_503(stack: Stack) -> None:
    """Orthanc answers meanwhile, and receives; nothing of what it receives is lost."""
    plant(stack, "irb0")
    write(stack)
    assert stack.api("reload", "POST", json={})["applied"]

    def gone() -> bool:
        answer = stack.source.session.get(f"{stack.source.url}/sendit/api/health", timeout=30)
        return answer.status_code == 503 and "new configuration" in answer.text

    wait_for(gone, "the worker to end")
    send_study(stack, 2)
    stack.wait_ready()
    [batch] = stack.wait_batches(1)
    assert (batch["project"], batch["state"], batch["sent"]) == ("irb0", "DONE", 2)
    with pytest.raises(requests.HTTPError):
        stack.api("reload", "POST", json={"unknown": 1})

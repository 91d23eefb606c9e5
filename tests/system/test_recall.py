"""`sendit recall`, with real Orthancs: what was sent is taken back, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.dicom import Person
from tests.servers.fault_proxy import FaultProxy, Status
from tests.servers.orthanc import OrthancServer
from tests.servers.stack import PROJECT, Stack, send_study
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from tests.conftest import MakeStack


def is_(state: str) -> Any:
    return lambda batch: batch["state"] == state


def test_a_study_is_taken_back_from_every_destination(make_stack: MakeStack) -> None:
    """Removed, counted, told; what comes late is held; a retry is refused; a second recall has nothing to do."""
    stack = make_stack()
    second = OrthancServer(stack.folder / "second", name="SECOND")
    stack.peers["second"] = [second.url]
    stack.sendit["Destinations"]["second"] = {"Type": "OrthancPeer", "Peer": "second"}
    stack.sendit["Projects"][PROJECT]["Destinations"] = ["research", "second"]
    with second:
        stack.start()
        maker = send_study(stack)
        other = send_study(stack, 1, Person("OTHER", "O^O"))
        stack.wait_batches(2)
        assert len(second.get("/instances")) == 4
        [number] = {b["id"] for b in stack.batches() if b["received"] == 3}
        done = stack.cli(
            "recall",
            "--batch",
            str(number),
            "--yes",
            "--reason",
            "consent [/withdrawn]",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        rows = [line.split() for line in done.stdout.splitlines() if line.startswith(str(number))]
        assert sorted(rows) == [[str(number), "research", "3", "0"], [str(number), "second", "3", "0"]]
        for server in (stack.target, second):
            assert len(server.get("/instances")) == 1
        certificate = stack.cli("certificate", str(number))
        assert (certificate.returncode, "Complete: nothing of it is left." in certificate.stdout) == (0, True)
        batch = stack.api(f"batches/{number}")
        assert (batch["state"], batch["recalled"], batch["sent"], batch["under_way"]) == ("RECALLED", 3, 0, 0)
        assert batch["reason"] == "recalled by an operator: consent [/withdrawn]"
        for shown in (stack.cli("batch", str(number)), stack.cli("batches")):  # what stands in brackets is no markup
            assert (shown.returncode, "consent [/withdrawn]" in shown.stdout) == (0, True)
        again = stack.cli("process", batch["study"], "--project", PROJECT, "--reason", "asked for")
        assert (again.returncode, "has a batch of project" in " ".join(again.stderr.split())) == (2, True), again.stderr
        retried = stack.source.session.post(
            f"{stack.source.url}/sendit/api/batches/{number}/retry", json={}, timeout=30
        )
        assert retried.status_code == 409
        stack.source.upload(maker.instance(9))
        late = stack.wait_batch(lambda b: b["follows"] == number and b["state"] == "QUARANTINED")
        assert "recalled in this project" in late["reason"]
        refused = stack.cli("retry", str(late["id"]))
        assert refused.returncode == 2
        assert "recalled in this project" in refused.stderr
        assert len(stack.target.get("/instances")) == 1
        assert maker.person.patient_id not in stack.source.log()
        assert other.person.patient_id not in stack.source.log()


def test_a_patient_is_taken_back_by_the_coded_identifier(stack: Stack) -> None:
    """All studies, and further ones are held; an unknown code says so; nothing happens without a yes."""
    person = Person()
    send_study(stack, 2, person)
    send_study(stack, 1, person)
    send_study(stack, 1, Person("OTHER", "O^O"))
    stack.wait_batches(3)
    codes = [str(d.PatientID) for d in stack.delivered()]
    [code] = {c for c in codes if codes.count(c) == 3}
    asked = stack.cli("recall", "--patient", code, "--reason", "consent withdrawn")
    assert asked.returncode == 1
    assert "Recall 2 batches" in asked.stderr
    assert len(stack.delivered_files()) == 4
    unknown = stack.cli("recall", "--patient", "NOBODY", "--yes", "--reason", "consent withdrawn")
    assert (unknown.returncode, "nothing was released" in unknown.stderr) == (2, True)
    done = stack.cli("recall", "--patient", code, "--project", PROJECT, "--yes", "--reason", "consent withdrawn")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [str(d.PatientID) for d in stack.delivered()] == [c for c in codes if c != code]
    send_study(stack, 1, person)
    held = stack.wait_batch(is_("QUARANTINED"))
    assert "recalled" in held["reason"]
    assert len(stack.delivered_files()) == 1


@pytest.mark.slow
def test_a_destination_that_is_down_is_asked_until_it_answers(make_stack: MakeStack) -> None:
    """Visibly not complete meanwhile, also over a kill -9 of the worker; complete by itself afterwards."""
    stack = make_stack().start()
    send_study(stack)
    stack.wait_batches(1)
    stack.target.stop()
    done = stack.cli("recall", "--batch", "1", "--yes", "--reason", "consent withdrawn")
    assert done.returncode == 1
    assert "will be retried" in done.stdout
    assert stack.api("batches/1")["state"] == "RECALLING"
    os.kill(stack.worker_pid(), signal.SIGKILL)
    stack.target.start()
    assert len(stack.delivered_files()) == 3

    def recalled() -> bool:
        try:
            return bool(stack.api("batches/1")["state"] == "RECALLED")
        except requests.RequestException:
            return False

    wait_for(recalled, "the recall to be taken up", limit=60)
    assert stack.delivered_files() == []


@pytest.mark.slow
def test_a_batch_under_way_is_fenced_and_taken_back(make_stack: MakeStack) -> None:
    """Called back in the middle of its delivery: in the end nothing of it is at the target, and nothing staged."""
    stack = make_stack()
    stack.sendit["Destinations"]["research"]["BytesPerSecond"] = 20_000  # some instances a second
    stack.start()
    send_study(stack, 40)
    wait_for(lambda: len(stack.target.get("/instances")) > 0, "the delivery to begin")
    done = stack.cli("recall", "--batch", "1", "--yes", "--reason", "consent withdrawn")
    assert done.returncode == 0, done.stdout + done.stderr
    batch = stack.api("batches/1")
    assert (batch["state"], batch["recalled"], batch["under_way"]) == ("RECALLED", 40, 0)
    assert stack.target.get("/instances") == []
    wait_for(lambda: stack.staged() == [], "nothing to be staged")


@pytest.mark.slow
def test_what_was_never_sent_needs_no_destination(make_stack: MakeStack) -> None:
    """Called back before it left: RECALLED at once, and nothing leaves when the destination is enabled."""
    stack = make_stack()
    stack.sendit["Destinations"]["research"]["Enabled"] = False
    stack.start()
    send_study(stack)
    stack.wait_batch(lambda b: bool(b["deliveries"]) and b["deliveries"][0]["state"] == "PAUSED")
    assert stack.cli("recall", "--batch", "1", "--yes", "--reason", "consent withdrawn").returncode == 0
    stack.source.stop()
    stack.sendit["Destinations"]["research"]["Enabled"] = True
    stack.source.start()
    stack.wait_ready()
    send_study(stack, 1, Person("OTHER", "O^O"))
    stack.wait_batches(2, {"DONE", "RECALLED"})
    assert len(stack.delivered_files()) == 1


@pytest.mark.slow
def test_a_patient_is_held_though_all_studies_were_recalled_one_by_one(stack: Stack) -> None:
    """A recall of the patient then finds nothing to remove, and further studies are held nevertheless.

    A recall that names a wrong project, and one with a misspelt key, change nothing.
    """
    person = Person()
    send_study(stack, 1, person)
    stack.wait_batches(1)
    [code] = {str(d.PatientID) for d in stack.delivered()}
    wrong = stack.cli("recall", "--batch", "1", "--project", "another", "--yes", "--reason", "consent withdrawn")
    assert (wrong.returncode, "it is of project irb1" in wrong.stderr) == (2, True)
    assert len(stack.delivered_files()) == 1
    misspelt = {"batch": 1, "preveiw": True}
    refused = stack.source.session.post(f"{stack.source.url}/sendit/api/recalls", json=misspelt, timeout=30)
    assert (refused.status_code, len(stack.delivered_files())) == (422, 1)
    assert stack.cli("recall", "--batch", "1", "--yes", "--reason", "consent withdrawn").returncode == 0
    done = stack.cli("recall", "--patient", code, "--yes", "--reason", "consent withdrawn")
    assert (done.returncode, "Further studies are held" in done.stdout) == (0, True)
    send_study(stack, 1, person)
    stack.wait_batch(is_("QUARANTINED"))
    assert stack.delivered_files() == []


@pytest.mark.slow
def test_a_mended_destination_is_recalled_while_another_is_away(make_stack: MakeStack) -> None:
    """One refuses and one is down: the one that was mended need not wait for the other, and says what is left."""
    stack = make_stack()
    second = OrthancServer(stack.folder / "second", name="SECOND").start()
    try:
        with FaultProxy(second.url) as proxy:
            stack.peers["second"] = [proxy.url]
            stack.sendit["Destinations"]["second"] = {"Type": "OrthancPeer", "Peer": "second"}
            stack.sendit["Destinations"]["research"]["Retry"] = {"FirstDelay": 3600}
            stack.sendit["Projects"][PROJECT]["Destinations"] = ["research", "second"]
            stack.start()
            send_study(stack)
            stack.wait_batches(1)
            stack.target.stop()
            proxy.inject(Status(403, times=1000))
            refused = stack.cli("recall", "--batch", "1", "--yes", "--reason", "consent withdrawn")
            assert (refused.returncode, "does not allow SendIt to" in refused.stdout) == (1, True)
            proxy.heal()
            again = stack.cli("recall", "--batch", "1", "--yes", "--reason", "consent withdrawn")
            assert again.returncode == 1
            assert second.get("/instances") == []
            asked = {d["name"]: d for d in stack.api("destinations")["destinations"]}
            assert (asked["research"]["recalling"], asked["second"]["recalling"]) == (1, 0)
            stack.target.start()
            assert stack.cli("recall", "--batch", "1", "--yes", "--reason", "consent withdrawn").returncode == 0
            assert stack.target.get("/instances") == []
    finally:
        second.stop()


@pytest.mark.slow
def test_no_other_project_takes_a_recalled_study(stack: Stack) -> None:
    """Its project was renamed since: what comes late of the study is held, and nothing of it leaves for the new one."""
    maker = send_study(stack)
    stack.wait_batches(1)
    assert stack.cli("recall", "--batch", "1", "--yes", "--reason", "consent withdrawn").returncode == 0
    stack.source.stop()
    stack.sendit["Projects"]["renamed"] = stack.sendit["Projects"].pop(PROJECT)
    stack.source.start()
    stack.wait_ready()
    stack.source.upload(maker.instance(9))
    stack.wait_batch(is_("QUARANTINED"))
    send_study(stack, 1, Person("OTHER", "O^O"))
    stack.wait_batches(3, {"DONE", "RECALLED", "QUARANTINED"})
    assert [(b["project"], b["state"]) for b in stack.batches()] == [
        (PROJECT, "RECALLED"),
        (PROJECT, "QUARANTINED"),
        ("renamed", "DONE"),
    ]
    assert len(stack.delivered_files()) == 1

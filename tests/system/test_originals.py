"""AfterDelivery: "DeleteOriginals", with real Orthancs: what goes, when, and what stays."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.dicom import Person, StudyMaker
from tests.servers.orthanc import OrthancServer
from tests.servers.stack import PROJECT, Stack
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from tests.conftest import MakeStack


pytestmark = pytest.mark.slow


@pytest.fixture
def deleting(make_stack: MakeStack) -> Stack:
    """A stack, not started yet, whose project deletes originals."""
    stack = make_stack()
    stack.sendit["Projects"][PROJECT]["AfterDelivery"] = "DeleteOriginals"
    return stack


def originals(stack: Stack) -> list[str]:
    found: list[str] = stack.source.get("/instances")
    return found


def history(stack: Stack, number: int) -> list[str]:
    return [event["message"] for event in stack.api(f"batches/{number}")["events"]]


def test_originals_go_when_all_is_read_back_and_late_ones_follow(deleting: Stack) -> None:
    """The study, then a late instance; what is sent again is known, is not sent twice, and goes again."""
    deleting.start()
    maker = StudyMaker()
    files = maker.instances(3)
    for file in files:
        deleting.source.upload(file)
    [batch] = deleting.wait_batches(1)
    wait_for(lambda: originals(deleting) == [], "the originals to go")
    assert (batch["state"], batch["sent"], batch["rejected"]) == ("DONE", 3, 0)
    wait_for(lambda: "3 originals deleted from Orthanc" in history(deleting, 1), "the history to say so")
    deleting.source.upload(maker.instance(4))
    deleting.wait_batches(2)
    wait_for(lambda: originals(deleting) == [], "the late original to go")
    assert deleting.source.upload(files[0])["Status"] == "Success"
    wait_for(lambda: originals(deleting) == [], "what was sent again to go again")
    batches = deleting.wait_batches(2)
    assert [(b["state"], b["received"], b["sent"]) for b in batches] == [("DONE", 3, 3), ("DONE", 1, 1)]
    assert len(deleting.delivered_files()) == 4
    assert deleting.cli("verify", "1").returncode == 0


def test_another_content_under_a_deleted_uid_stays_and_is_held(deleting: Stack) -> None:
    """It was never sent: quarantined, and not deleted."""
    deleting.start()
    maker = StudyMaker()
    deleting.source.upload(maker.instance(1, uid="2.25.4711"))
    deleting.wait_batches(1)
    wait_for(lambda: originals(deleting) == [], "the original to go")
    deleting.source.upload(maker.instance(1, uid="2.25.4711", pixel=7))
    deleting.wait_batch(lambda b: b["state"] == "QUARANTINED")
    assert len(originals(deleting)) == 1
    assert len(deleting.delivered_files()) == 1


def test_nothing_goes_before_the_last_destination_has_it(deleting: Stack) -> None:
    """One is down: the originals stay until it has been read back too."""
    second = OrthancServer(deleting.folder / "second", name="SECOND")
    deleting.peers["second"] = [second.url]
    retry = {"FirstDelay": 0.2, "MaxDelay": 1, "Limit": 200}
    deleting.sendit["Destinations"]["second"] = {"Type": "OrthancPeer", "Peer": "second", "Retry": retry}
    deleting.sendit["Projects"][PROJECT]["Destinations"] = ["research", "second"]
    deleting.start()
    for file in StudyMaker().instances(2):
        deleting.source.upload(file)

    def half(batch: dict[str, Any]) -> bool:
        states = {d["destination"]: d["state"] for d in batch["deliveries"]}
        return states == {"research": "VERIFIED", "second": "RETRYING"}

    deleting.wait_batch(half)
    assert len(originals(deleting)) == 2
    with second:
        deleting.wait_batches(1)
        wait_for(lambda: originals(deleting) == [], "the originals to go")
        assert len(second.get("/instances")) == 2


def test_what_went_nowhere_stays(deleting: Stack) -> None:
    """No destination takes its modality: the rest goes."""
    deleting.sendit["Destinations"]["research"]["Modalities"] = ["CT"]
    deleting.start()
    maker = StudyMaker()
    deleting.source.upload(maker.instance(1))
    other = StudyMaker(study_uid=maker.study_uid, modality="MR")
    deleting.source.upload(other.instance(2))
    deleting.wait_batches(1)
    wait_for(lambda: len(originals(deleting)) == 1, "the CT image to go")
    wait_for(lambda: any("1 stay" in text for text in history(deleting, 1)), "the history to say so")
    [left] = originals(deleting)
    assert deleting.source.get(f"/instances/{left}/tags?simplify")["Modality"] == "MR"


def test_a_project_that_keeps_them_has_its_way(deleting: Stack, tmp_path: Any) -> None:
    """A study of two projects: one wants the originals deleted, the other one does not."""
    deleting.sendit["Projects"]["keeper"] = {"Destinations": ["research"]}
    deleting.start()
    folder = tmp_path / "import"
    folder.mkdir()
    for number, file in enumerate(StudyMaker().instances(2)):
        (folder / f"{number}.dcm").write_bytes(file)
    assert deleting.cli("import", str(folder), "--project", "keeper").returncode == 0
    assert deleting.cli("import", str(folder), "--project", PROJECT).returncode == 0
    deleting.wait_batches(2)
    number = next(b["id"] for b in deleting.batches() if b["project"] == PROJECT)
    said = "the originals stay: project keeper keeps them"
    wait_for(lambda: said in history(deleting, number), "the history to say so")
    assert len(originals(deleting)) == 2


@pytest.mark.timeout(240)
def test_a_kill_in_between_is_no_harm(deleting: Stack) -> None:
    """The worker is killed while it deletes: afterwards the rest goes, and nothing is sent twice or lost."""
    deleting.start()
    people = [Person(f"MRN-{n}", f"N{n}^X") for n in range(2)]
    for person in people:
        for file in StudyMaker(person).instances(40):
            deleting.source.upload(file)
    wait_for(lambda: len(originals(deleting)) < 80, "the first original to go", limit=120, poll=0.002)
    os.kill(deleting.worker_pid(), signal.SIGKILL)
    wait_for(lambda: originals(deleting) == [], "all originals to go", limit=90)
    batches = deleting.wait_batches(2)
    assert [(b["state"], b["received"], b["sent"]) for b in batches] == [("DONE", 40, 40)] * 2
    assert len(deleting.delivered_files()) == 80

"""An Orthanc that deletes the oldest patients to make room: what SendIt loses by it is FAILED, never nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dicom import Person, StudyMaker
from tests.servers.stack import PROJECT, Stack
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from tests.conftest import MakeStack


def people(count: int) -> list[StudyMaker]:
    return [StudyMaker(Person(f"MRN-{n}", "Nobody^Else")) for n in range(count)]


def recycled(stack: Stack) -> list[dict[str, object]]:
    return [b for b in stack.batches() if b["state"] == "FAILED"]


def test_studies_that_were_pushed_out_before_they_were_stable(make_stack: MakeStack) -> None:
    """Four patients where two have room: two are sent, and of two a batch says what happened and what to do."""
    stack = make_stack()
    stack.configure(MaximumPatientCount=2, StableAge=4)
    stack.start()
    makers = people(4)
    for maker in makers:
        stack.source.upload(maker.instance())
    wait_for(lambda: len(stack.delivered_files()) == 2, "the two that have room to arrive")
    batches = stack.wait_batches(4)
    assert sorted(b["state"] for b in batches) == ["DONE", "DONE", "FAILED", "FAILED"], stack.describe()
    for batch in recycled(stack):
        assert "deleted from Orthanc before it was complete" in str(batch["reason"])
        assert "MaximumPatientCount is 2" in str(batch["reason"])
        assert (batch["received"], batch["under_way"]) == (0, 0)
    stack.source.upload(makers[0].instance())
    wait_for(lambda: len(stack.delivered_files()) == 3, "what was sent again to arrive")


@pytest.mark.slow
def test_a_study_that_was_pushed_out_while_it_was_queued(make_stack: MakeStack) -> None:
    """Its instances were listed, and could not be read any more: FAILED; sent again, they leave."""
    stack = make_stack()
    stack.configure(MaximumPatientCount=1)
    stack.sendit["Projects"][PROJECT]["Identities"] = {
        "Source": "Service",
        "Url": "http://127.0.0.1:9/",  # nobody answers there: batches wait
    }
    stack.sendit["Retry"] = {"FirstDelay": 0.5, "MaxDelay": 0.5, "Limit": 1000}
    stack.start()
    first, second = people(2)
    for file in first.instances(2):
        stack.source.upload(file)
    stack.wait_batch(lambda b: b["state"] in ("QUEUED", "PROCESSING") and b["received"] == 2)
    stack.source.upload(second.instance())
    batch = stack.wait_batch(lambda b: b["state"] == "FAILED")
    assert "2 of 2 instances were deleted from Orthanc before they were processed" in batch["reason"]
    assert "MaximumPatientCount is 1" in batch["reason"]


@pytest.mark.slow
def test_what_a_person_deletes_where_there_is_no_limit_ends_empty(make_stack: MakeStack) -> None:
    """Somebody wanted that."""
    stack = make_stack()
    stack.configure(StableAge=30)
    stack.start()
    stack.source.upload(StudyMaker().instance())
    stack.wait_batch(lambda b: b["state"] == "RECEIVING")
    [study] = stack.source.get("/studies")
    stack.source.session.delete(f"{stack.source.url}/studies/{study}", timeout=30).raise_for_status()
    [batch] = stack.wait_batches(1)
    assert batch["state"] == "EMPTY"


@pytest.mark.parametrize(
    ("limits", "ok", "said"),
    [
        ({}, True, "does not delete studies by itself"),
        pytest.param(
            {"MaximumPatientCount": 0, "MaximumStorageSize": 0},
            True,
            "does not delete studies by itself",
            marks=pytest.mark.slow,
        ),
        ({"MaximumPatientCount": 20}, False, "MaximumPatientCount is 20"),
        ({"MaximumStorageSize": 500}, False, "MaximumStorageSize is 500"),
        ({"MaximumStorageSize": 500, "MaximumStorageMode": "Reject"}, True, "does not delete studies by itself"),
        pytest.param({"MaximumStorageSize": 4_000_000}, True, "MaximumStorageSize is 4000000", marks=pytest.mark.slow),
    ],
)
def test_the_doctor_knows_the_limits(make_stack: MakeStack, limits: dict[str, object], ok: bool, said: str) -> None:
    """Without an Orthanc that runs: small ones are a fault, large ones are said."""
    stack = make_stack()
    stack.configure(**limits)
    stack.source.folder.mkdir(parents=True)
    (stack.source.folder / "orthanc.json").write_text(stack.source.configuration_text())
    lines = stack.cli("doctor").stdout.replace("\n ", " ").splitlines()
    [line] = [line for line in lines if "Orthanc's limits" in line]
    assert said in " ".join(lines)
    assert ("wrong" in line) is not ok

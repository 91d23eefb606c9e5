"""A target that is down, refuses, errs or filters: tried again or FAILED with the reason, never called sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.dicom import StudyMaker
from tests.servers.fault_proxy import DropAfter, DropBefore, FaultProxy, Status, Truncate

if TYPE_CHECKING:
    from tests.conftest import MakeStack
    from tests.servers.stack import Stack

MANY = 10_000


def retrying(batch: dict[str, Any]) -> bool:
    return any(d["state"] == "RETRYING" and d["failures"] >= 2 for d in batch["deliveries"])


@pytest.mark.slow
def test_a_target_that_is_down_gets_everything_once_it_is_up(make_stack: MakeStack) -> None:
    """Visibly tried again meanwhile; sent afterwards."""
    stack = make_stack().start(target=False)
    for file in StudyMaker().instances(3):
        stack.source.upload(file)
    batch = stack.wait_batch(retrying)
    assert batch["state"] == "DELIVERING"
    assert (batch["sent"], batch["under_way"]) == (0, 3)
    assert batch["deliveries"][0]["last_error"]
    assert batch["deliveries"][0]["next_attempt_at"]
    stack.target.start()
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"]) == ("DONE", 3)
    assert len(stack.delivered_files()) == 3


def through(stack: Stack, proxy: FaultProxy) -> Stack:
    """The stack with the proxy before its target."""
    stack.peers["research"] = [proxy.url]
    return stack


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Status(500, times=9), marks=pytest.mark.slow),
        pytest.param(Status(503, times=9), marks=pytest.mark.slow),
        pytest.param(Status(429, times=9), marks=pytest.mark.slow),
        pytest.param(DropBefore(times=5), marks=pytest.mark.slow),
        DropAfter(times=5),
        pytest.param(Truncate(times=3), marks=pytest.mark.slow),
    ],
    ids=["500", "503", "429", "dropped-before", "dropped-after", "truncated-answer"],
)
def test_what_heals_by_itself_is_tried_until_it_does(make_stack: MakeStack, fault: Any) -> None:
    """All there once, whatever the target had already taken."""
    stack = make_stack()
    stack.target.start()
    with FaultProxy(stack.target.url) as proxy:
        through(stack, proxy).start(target=False)
        proxy.inject(fault, "POST /instances")
        for file in StudyMaker().instances(4):
            stack.source.upload(file)
        [batch] = stack.wait_batches(1)
        assert (batch["state"], batch["sent"]) == ("DONE", 4), stack.describe()
        assert len(stack.delivered_files()) == 4
        assert stack.staged() == []


@pytest.mark.slow
@pytest.mark.parametrize("status", [401, 403])
def test_a_target_that_refuses_us_fails_at_once_and_a_retry_heals(make_stack: MakeStack, status: int) -> None:
    """The reason names the peer and what to check; after mending, `retry` sends all."""
    stack = make_stack()
    stack.target.start()
    with FaultProxy(stack.target.url) as proxy:
        through(stack, proxy).start(target=False)
        proxy.inject(Status(status, times=MANY), "")
        stack.source.upload(StudyMaker().instance())
        [batch] = stack.wait_batches(1)
        assert (batch["state"], batch["sent"]) == ("FAILED", 0)
        assert "OrthancPeers.research" in batch["reason"]
        assert str(status) in batch["reason"] or "refuse" in batch["reason"]
        assert stack.delivered_files() == []
        proxy.heal()
        stack.api(f"batches/{batch['id']}/retry", "POST")
        [batch] = stack.wait_batches(1)
        assert (batch["state"], batch["sent"]) == ("DONE", 1)


@pytest.mark.slow
def test_a_target_that_stays_down_fails_after_the_limit(make_stack: MakeStack) -> None:
    """FAILED with the last reason and how often it was tried; nothing is called sent."""
    stack = make_stack()
    stack.sendit["Destinations"]["research"]["Retry"] = {"Limit": 2, "FirstDelay": 0.1, "MaxDelay": 0.2}
    stack.start(target=False)
    stack.source.upload(StudyMaker().instance())
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"], batch["under_way"]) == ("FAILED", 0, 1)
    assert "tried 3 times" in batch["reason"]


@pytest.mark.slow
def test_a_target_that_filters_everything_is_never_called_sent(make_stack: MakeStack) -> None:
    """It answers 200 and stores nothing: FAILED, and the reason says so."""
    stack = make_stack()
    script = stack.folder / "filter.lua"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("function ReceivedInstanceFilter(dicom, origin, info) return false end\n")
    stack.target.configuration["LuaScripts"] = [str(script)]
    stack.start()
    stack.source.upload(StudyMaker().instance())
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"]) == ("FAILED", 0)
    assert "filter" in batch["reason"].lower()


def test_what_the_target_loses_is_found_by_reading_back(make_stack: MakeStack) -> None:
    """It acknowledges and then has nothing: tried again, and FAILED in the end; never sent."""
    stack = make_stack()
    stack.sendit["Destinations"]["research"]["Retry"] = {"Limit": 2, "FirstDelay": 0.1, "MaxDelay": 0.2}
    script = stack.folder / "lose.lua"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("function OnStoredInstance(id, tags, metadata) Delete(id) end\n")
    stack.target.configuration["LuaScripts"] = [str(script)]
    stack.start()
    for file in StudyMaker().instances(3):
        stack.source.upload(file)
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"], batch["under_way"]) == ("FAILED", 0, 3), stack.describe()
    # A newer Orthanc deletes before it answers: the study is then missed already when its passport is stored.
    assert "read back" in batch["reason"] or "disappeared from the peer" in batch["reason"]

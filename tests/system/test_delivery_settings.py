"""What every destination can be told, with real Orthancs: not enabled, hours, modalities; and one that is down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.dicom import Person, StudyMaker
from tests.servers.fault_proxy import FaultProxy, Silence
from tests.servers.orthanc import OrthancServer
from tests.servers.stack import PROJECT

if TYPE_CHECKING:
    from tests.conftest import MakeStack

RETRY = {"FirstDelay": 0.2, "MaxDelay": 1, "Limit": 200}


def destination(**keys: Any) -> dict[str, Any]:
    return {"Type": "OrthancPeer", "Peer": "research", "Retry": RETRY, **keys}


def paused(batch: dict[str, Any]) -> bool:
    return any(d["state"] == "PAUSED" for d in batch["deliveries"])


@pytest.mark.slow
def test_a_destination_that_is_not_enabled_waits_and_goes_on(make_stack: MakeStack) -> None:
    """Visible as paused, nothing counted; enabled again after a restart, it goes on by itself."""
    stack = make_stack()
    stack.sendit["Destinations"]["research"] = destination(Enabled=False)
    stack.start()
    stack.source.upload(StudyMaker().instance())
    batch = stack.wait_batch(paused)
    assert (batch["state"], batch["deliveries"][0]["failures"]) == ("DELIVERING", 0)
    assert "to research: paused, 0 acknowledged" in stack.cli("batch", "1").stdout
    assert "paused" in stack.source.session.get(f"{stack.source.url}/sendit/batches/1", timeout=30).text.lower()
    assert stack.delivered_files() == []
    stack.sendit["Destinations"]["research"] = destination()
    stack.restart()
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"], batch["deliveries"][0]["failures"]) == ("DONE", 1, 0)
    assert len(stack.delivered_files()) == 1


@pytest.mark.slow
def test_outside_of_its_window_a_destination_waits(make_stack: MakeStack) -> None:
    """Paused until it opens; without the window it goes on."""
    now = datetime.now(UTC)
    hours = {"From": f"{now + timedelta(hours=2):%H:%M}", "To": f"{now + timedelta(hours=3):%H:%M}", "TimeZone": "UTC"}
    stack = make_stack()
    stack.sendit["Destinations"]["research"] = destination(Window=hours)
    stack.start()
    stack.source.upload(StudyMaker().instance())
    batch = stack.wait_batch(paused)
    assert batch["deliveries"][0]["next_attempt_at"][11:16] == hours["From"]
    assert "paused until" in stack.cli("batch", "1").stdout
    stack.sendit["Destinations"]["research"] = destination()
    stack.restart()
    assert stack.wait_batches(1)[0]["state"] == "DONE"


@pytest.mark.slow
def test_modalities_choose_what_goes_where(make_stack: MakeStack) -> None:
    """Each destination holds its own; the one that takes nothing of a study says so, and the study is done."""
    stack = make_stack()
    second = OrthancServer(stack.folder / "second", name="SECOND")
    stack.peers["second"] = [second.url]
    stack.sendit["Destinations"] = {
        "research": destination(Modalities=["CT"]),
        "second": destination(Peer="second", Modalities=["MR", "SR"]),
    }
    stack.sendit["Projects"][PROJECT]["Destinations"] = ["research", "second"]
    with second:
        stack.start()
        for file in (*StudyMaker().instances(2), StudyMaker(Person("P2", "B^B"), modality="MR").instance()):
            stack.source.upload(file)
        batches = stack.wait_batches(2)
        assert {b["state"] for b in batches} == {"DONE"}, stack.describe()
        assert {d.Modality for d in stack.delivered()} == {"CT"}
        assert len(stack.delivered_files()) == 2
        assert len(second.get("/instances")) == 1
        for batch in batches:
            assert sum(d["sent"] for d in batch["deliveries"]) == batch["sent"] == batch["received"]
            verified = stack.cli("verify", str(batch["id"]))
            assert verified.returncode == 0
            assert "none go there" in verified.stdout
            assert verified.stdout.count("holds all of them") == 1


def test_one_destination_that_is_down_never_delays_another(make_stack: MakeStack) -> None:
    """One takes connections and says nothing: the other one gets study after study meanwhile."""
    stack = make_stack()
    second = OrthancServer(stack.folder / "second", name="SECOND")
    stack.sendit["Destinations"] = {
        "research": destination(BatchesAtOnce=1),
        "silent": destination(Peer="silent", BatchesAtOnce=1),
    }
    stack.sendit["Projects"][PROJECT]["Destinations"] = ["research", "silent"]
    with second, FaultProxy(second.url) as proxy:
        stack.peers["silent"] = [proxy.url]
        proxy.inject(Silence(times=10_000), "")
        stack.start()
        for number in range(4):
            stack.source.upload(StudyMaker(Person(f"P{number}", f"N{number}^X")).instance())

        def there(batch: dict[str, Any]) -> bool:
            states = {d["destination"]: d["state"] for d in batch["deliveries"]}
            return states.get("research") == "VERIFIED" and states.get("silent") != "VERIFIED"

        for number in range(4):
            stack.wait_batch(lambda b, n=number: b["id"] == n + 1 and there(b))  # type: ignore[misc]
        assert len(stack.delivered_files()) == 4
        assert second.get("/instances") == []
        proxy.heal()
        stack.source.stop()

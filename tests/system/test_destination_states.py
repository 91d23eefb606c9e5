"""`sendit destinations`: each with its state, also where one of them says nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.dicom import StudyMaker
from tests.servers.fault_proxy import FaultProxy, Silence
from tests.servers.ports import free_port
from tests.servers.stack import PROJECT

if TYPE_CHECKING:
    from tests.conftest import MakeStack


def peer(name: str, **keys: Any) -> dict[str, Any]:
    return {"Type": "OrthancPeer", "Peer": name, "Retry": {"FirstDelay": 0.2, "MaxDelay": 1, "Limit": 500}, **keys}


@pytest.mark.slow
def test_each_destination_shows_where_it_stands(make_stack: MakeStack) -> None:
    """Reachable, down, silent, paused, outside of its window: with counts, reasons, and no secret."""
    now = datetime.now(UTC)
    hours = {"From": f"{now + timedelta(hours=2):%H:%M}", "To": f"{now + timedelta(hours=3):%H:%M}", "TimeZone": "UTC"}
    stack = make_stack()
    with FaultProxy(stack.target.url) as proxy:
        proxy.inject(Silence(times=10_000), "")
        stack.peers["silent"] = [proxy.url]
        stack.peers["down"] = [f"http://127.0.0.1:{free_port()}", "user", "hunter2"]
        stack.sendit["Destinations"] = {
            "research": peer("research"),
            "down": peer("down", Retry={"FirstDelay": 60, "MaxDelay": 60}),
            "silent": peer("silent"),
            "paused": peer("research", Enabled=False),
            "night": peer("research", Window=hours),
        }
        stack.sendit["Projects"][PROJECT]["Destinations"] = ["research", "down", "paused"]
        stack.start()
        stack.source.upload(StudyMaker().instance())
        stack.wait_batch(
            lambda b: (
                {d["destination"]: d["state"] for d in b["deliveries"]}
                == {"research": "VERIFIED", "down": "RETRYING", "paused": "PAUSED"}
            )
        )
        said = stack.cli("destinations", "--json")
        assert said.returncode == 1
        found = {one["name"]: one for one in json.loads(said.stdout)["destinations"]}
        assert {name: one["state"] for name, one in found.items()} == {
            "research": "reachable",
            "down": "unreachable",
            "silent": "unreachable",
            "paused": "paused",
            "night": "outside its window",
        }
        assert (found["research"]["delivered"], found["research"]["instances"]) == (1, 1)
        assert (found["down"]["retrying"], found["paused"]["waiting"]) == (1, 1)
        assert found["down"]["last_error"]
        assert found["silent"]["reason"]
        assert found["night"]["until"][11:16] == hours["From"]
        assert found["research"]["where"] == stack.target.url
        shown = stack.cli("destinations").stdout
        assert "outside its window" in shown
        assert f"night: until {found['night']['until'][:16].replace('T', ' ')} UTC" in shown
        assert "hunter2" not in shown + said.stdout
        assert "down: the peer down cannot be reached" in " ".join(stack.cli("batches").stdout.split())
        looked = stack.cli("doctor").stdout
        assert "destination paused: paused" in looked
        assert "wrong destination silent" in looked

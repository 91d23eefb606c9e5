"""Since when a destination takes nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from sendit.errors import Retry
from sendit.pipeline.readback.destination_status import DestinationStates
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from sendit.pipeline.context import Services


class Destination:
    """Answers, or does not."""

    works = False

    def check(self) -> None:
        if not self.works:
            raise Retry("connection refused")


def test_since_when_a_destination_is_down() -> None:
    """The first time that it was seen counts, until it answers."""
    one = Destination()
    services = SimpleNamespace(settings=SimpleNamespace(destinations={"archive": None}), destinations={"archive": one})
    deliverer: Any = SimpleNamespace(hold=lambda name: None)
    states = DestinationStates(cast("Services", services), deliverer, cast("Any", None))
    assert states.since() == {}
    wait_for(states.down, "the destination to be seen down")
    first = states.since()
    assert list(first) == ["archive"]
    assert states.down()
    assert states.since() == first
    one.works = True
    wait_for(lambda: not states.down(), "the destination to answer")
    assert states.since() == {}

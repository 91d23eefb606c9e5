"""The status of each destination: its address, whether it answers, and how many batches wait for it.

Destinations are asked at the same time, each for a limited time: one that says nothing delays nobody. One that has not
answered an earlier question is not asked a second one meanwhile.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

from sendit.errors import Misconfigured, Retry, SendItError
from sendit.logs import places

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendit.config.orthanc import OrthancConfig
    from sendit.model import DeliveryState
    from sendit.pipeline.context import Services
    from sendit.pipeline.deliver import Deliverer

log = logging.getLogger(__name__)

#: So long (seconds) a destination may take to answer.
PATIENCE = 10.0

#: So long (seconds) whoever only asks whether all is well waits for destinations; then their last answers count.
_GLANCE = 2.0

REACHABLE, REFUSED, UNREACHABLE, PAUSED, CLOSED = "reachable", "refused", "unreachable", "paused", "outside its window"


@dataclass(frozen=True, slots=True)
class Answer:
    """A destination's answer to a status check."""

    state: str
    reason: str = ""
    remedy: str = ""
    error: SendItError | None = None


@dataclass(frozen=True, slots=True)
class DestinationState:
    """One destination."""

    name: str
    type: str
    where: str  # no credentials
    state: str
    reason: str
    remedy: str
    until: datetime | None  # when its window opens
    batches: dict[DeliveryState, int] = field(default_factory=dict)
    instances: int = 0  # that it holds, read back
    last_error: str | None = None  # of a delivery that failed, or is tried again


def ask(check: Callable[[], None]) -> Answer:
    """Run a destination's `check`, and return its result."""
    try:
        check()
    except Misconfigured as error:
        return Answer(REFUSED, f"{error.place}: {error.problem}", error.remedy, error)
    except SendItError as error:
        return Answer(UNREACHABLE, str(error), error=error)
    except Exception as error:
        log.error("a destination could not be checked", exc_info=error)
        return _unreachable(f"unexpected fault of SendIt: {places(error)}")
    return Answer(REACHABLE)


def _unreachable(reason: str) -> Answer:
    return Answer(UNREACHABLE, reason, error=Retry(reason))


class StatusChecks:
    """Asks in threads, for a limited time."""

    def __init__(self) -> None:
        self._asked: dict[str, Future[Answer]] = {}
        self._lock = threading.Lock()

    def begin(self, name: str, check: Callable[[], None]) -> Future[Answer]:
        """Ask, or wait for the answer to an earlier question."""
        with self._lock:
            earlier = self._asked.get(name)
            if earlier is not None and not earlier.done():
                return earlier
            asked: Future[Answer] = Future()
            self._asked[name] = asked
        # A daemon: what hangs in a destination must not keep the process from ending.
        threading.Thread(target=lambda: asked.set_result(ask(check)), name=f"check {name}", daemon=True).start()
        return asked

    def answer(self, asked: Future[Answer], seconds: float) -> Answer:
        """Wait for the answer of a destination."""
        try:
            return asked.result(max(0.0, seconds))
        except NoAnswer:
            return _unreachable(f"it has not answered within {PATIENCE:g} s")


class DestinationStates:
    """All that are configured."""

    def __init__(self, services: Services, deliverer: Deliverer, orthanc: OrthancConfig) -> None:
        self._services = services
        self._deliverer = deliverer
        self._orthanc = orthanc
        self._checks = StatusChecks()
        self._looks: dict[str, tuple[float, Future[Answer]]] = {}  # when each was asked last, and what it says
        self._said: dict[str, Answer] = {}
        self._since: dict[str, datetime] = {}

    def problems(self) -> list[str]:
        """Return which destinations take nothing, in words; see `down`."""
        return [f"destination {name} is {one.state}: {one.reason}" for name, one in self.down().items()]

    def since(self) -> dict[str, datetime]:
        """Return since when each destination that takes nothing was seen to, by this worker."""
        return dict(self._since)

    def down(self) -> dict[str, Answer]:
        """Return the destinations that take nothing. They are asked, and waited for no longer than a moment.

        Of one that needs longer, what it said before counts, for as long as it may take to answer.
        """
        deadline = monotonic() + _GLANCE
        asked = [name for name in self._services.settings.destinations if self._deliverer.hold(name) is None]
        for name in asked:
            begun, earlier = self._looks.get(name, (0.0, None))
            if earlier is None or (earlier.done() and monotonic() - begun > _GLANCE):
                question = self._checks.begin(name, self._services.destinations[name].check)
                self._looks[name] = (monotonic(), question)
        answers = {name: self._said_by(name, deadline) for name in asked}
        down = {name: one for name, one in answers.items() if one.state != REACHABLE}
        now = datetime.now(UTC)
        self._since = {name: self._since.get(name, now) for name in down}
        return down

    def _said_by(self, name: str, deadline: float) -> Answer:
        begun, question = self._looks[name]
        try:
            self._said[name] = question.result(max(0.0, deadline - monotonic()))
        except NoAnswer:
            if monotonic() - begun > PATIENCE:
                self._said[name] = _unreachable(f"it has not answered within {PATIENCE:g} s")
        return self._said.get(name, Answer(REACHABLE))

    def all(self) -> list[DestinationState]:
        """Return the states in the configuration's order. One that is paused or closed is not asked."""
        deadline = monotonic() + PATIENCE
        holds = {name: self._deliverer.hold(name) for name in self._services.settings.destinations}
        asked = {
            name: self._checks.begin(name, self._services.destinations[name].check)
            for name, hold in holds.items()
            if hold is None
        }
        counts = self._services.journal.deliveries.summary()
        states = []
        for name, settings in self._services.settings.destinations.items():
            hold = holds[name]
            if hold is None:
                answer = self._checks.answer(asked[name], deadline - monotonic())
            else:
                answer = Answer(PAUSED if hold.until is None else CLOSED, hold.why)
            states.append(
                DestinationState(
                    name,
                    settings.type,
                    settings.address(self._orthanc),
                    answer.state,
                    answer.reason,
                    answer.remedy,
                    None if hold is None else hold.until,
                    *counts.get(name, ({}, 0, None)),
                )
            )
        return states

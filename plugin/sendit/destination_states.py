"""What stands with each destination: where it is, whether it answers, and how many batches wait for it.

Destinations are asked at the same time, each for a limited time: one that says nothing delays nobody. One that has not
answered an earlier question is not asked a second one meanwhile.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from sendit.delivery import Deliverer
from sendit.destination_settings import (
    DestinationSettings,
    DicomModalitySettings,
    DicomWebSettings,
    FolderSettings,
    GoogleCloudStorageSettings,
    OrthancPeerSettings,
)
from sendit.errors import Misconfigured, Retry, SendItError
from sendit.logs import places
from sendit.model import DeliveryState
from sendit.orthanc_config import OrthancConfig
from sendit.stages import Rooms

log = logging.getLogger(__name__)

#: So long (seconds) a destination may take to answer.
PATIENCE = 10.0

REACHABLE, REFUSED, UNREACHABLE, PAUSED, CLOSED = "reachable", "refused", "unreachable", "paused", "outside its window"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a destination said when it was asked."""

    state: str
    reason: str = ""
    cure: str = ""
    error: SendItError | None = None


@dataclass(frozen=True, slots=True)
class DestinationState:
    """One destination."""

    name: str
    type: str
    where: str  # no credentials
    state: str
    reason: str
    cure: str
    until: datetime | None  # when its window opens
    batches: dict[DeliveryState, int] = field(default_factory=dict)
    instances: int = 0  # that it holds, read back
    last_error: str | None = None  # of a delivery that failed, or is tried again


def where(settings: DestinationSettings, orthanc: OrthancConfig) -> str:
    """Where a destination is, without credentials."""
    match settings:
        case OrthancPeerSettings():
            return orthanc.peers[settings.peer].url
        case GoogleCloudStorageSettings():
            indexes = "".join(f", index in {one.type}" for one in settings.index)
            return f"gs://{settings.bucket}" + (f" at {settings.endpoint}" if settings.endpoint else "") + indexes
        case DicomModalitySettings():
            modality = orthanc.dicom.modality(settings.modality)
            return f"{modality.aet} at {modality.host}:{modality.port}"
        case DicomWebSettings():
            return settings.url
        case FolderSettings():
            return str(settings.path)


def ask(check: Callable[[], None]) -> Answer:
    """What `check` of a destination says, as an answer."""
    try:
        check()
    except Misconfigured as error:
        return Answer(REFUSED, f"{error.place}: {error.problem}", error.cure, error)
    except SendItError as error:
        return Answer(UNREACHABLE, str(error), error=error)
    except Exception as error:
        log.error("a destination could not be checked", exc_info=error)
        return _unreachable(f"unexpected fault of SendIt: {places(error)}")
    return Answer(REACHABLE)


def _unreachable(reason: str) -> Answer:
    return Answer(UNREACHABLE, reason, error=Retry(reason))


class Questions:
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
        try:
            return asked.result(max(0.0, seconds))
        except NoAnswer:
            return _unreachable(f"it has not answered within {PATIENCE:g} s")


class DestinationStates:
    """All that are configured."""

    def __init__(self, rooms: Rooms, deliverer: Deliverer, orthanc: OrthancConfig) -> None:
        self._rooms = rooms
        self._deliverer = deliverer
        self._orthanc = orthanc
        self._questions = Questions()

    def all(self) -> list[DestinationState]:
        """In the order of the configuration. One that is paused or closed is not asked."""
        deadline = monotonic() + PATIENCE
        holds = {name: self._deliverer.hold(name) for name in self._rooms.settings.destinations}
        asked = {
            name: self._questions.begin(name, self._rooms.destinations[name].check)
            for name, hold in holds.items()
            if hold is None
        }
        counts = self._rooms.journal.deliveries.summary()
        found = []
        for name, settings in self._rooms.settings.destinations.items():
            hold = holds[name]
            if hold is None:
                answer = self._questions.answer(asked[name], deadline - monotonic())
            else:
                answer = Answer(PAUSED if hold.until is None else CLOSED, hold.why)
            found.append(
                DestinationState(
                    name,
                    settings.type,
                    where(settings, self._orthanc),
                    answer.state,
                    answer.reason,
                    answer.cure,
                    None if hold is None else hold.until,
                    *counts.get(name, ({}, 0, None)),
                )
            )
        return found

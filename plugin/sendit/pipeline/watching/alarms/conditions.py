"""Conditions that are wrong now. Each has a key by which it is known again, and a text without identifiers."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from sendit.config.variants import key_owner
from sendit.errors import SendItError, counted
from sendit.journal.lists.counts import DESTINATION, ENDED, INSTANCE, PROJECT
from sendit.journal.lists.pauses import holding
from sendit.logs.meters import kind_of
from sendit.model import BatchState, DeliveryState, InstanceState
from sendit.orthanc.certificates import endings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping

    from sendit.config.alarms import Alarms, Kind
    from sendit.config.orthanc import OrthancConfig
    from sendit.pipeline.context import Services
    from sendit.pipeline.readback.destination_status import DestinationStates

log = logging.getLogger(__name__)

#: A worker that was seen so lately (seconds) is alive.
_ALIVE_SECONDS = 60.0
#: So many numbers of batches are named in a message.
_NAMED = 10
#: Faults that are over sooner are not told: Orthanc was restarted.
_PASSING = timedelta(minutes=2)
_WAITING = (DeliveryState.WAITING, DeliveryState.SENDING, DeliveryState.RETRYING)


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong."""

    key: str  # begins with its kind
    text: str
    size: int = 1  # a condition that has grown is reported again sooner
    patience: timedelta = timedelta(0)  # so long it has to last before it is reported


class Conditions:
    """Looks for them.

    Args:
        services: the services of the worker.
        states: asks the destinations.
        orthanc: names certificates.
        alarms: the limits.
        faults: returns what keeps SendIt itself from working, in words.
    """

    def __init__(
        self,
        services: Services,
        states: DestinationStates,
        orthanc: OrthancConfig,
        alarms: Alarms,
        faults: Callable[[], list[str]],
    ) -> None:
        self._services = services
        self._journal = services.journal
        self._states = states
        self._orthanc = orthanc
        self._alarms = alarms
        self._faults = faults

    def leads(self) -> bool:
        """Return whether this worker tells of what all workers see in a journal that they share."""
        mine = self._services.scheduler.executor
        return mine == min(self._journal.facts.alive(_ALIVE_SECONDS) | {mine})

    def now(self, memory: MutableMapping[str, str]) -> dict[Kind, list[Condition] | None]:
        """Return the conditions of each kind that is reported; None where that is not known here at the moment.

        Args:
            memory: what is remembered from look to look.
        """
        look: dict[Kind, Callable[[], Iterator[Condition]]] = {
            "Fault": self._own_faults,
            "Disk": self._disk,
            "Destination": self._destinations,
            "Expiry": self._expiry,
            "Held": lambda: self._ended("Held", BatchState.QUARANTINED),
            "Failed": lambda: self._ended("Failed", BatchState.FAILED, BatchState.RECALL_FAILED),
            "Idle": lambda: self._idle(memory),
        }
        shared, leads = ("Held", "Failed", "Idle"), cache(self.leads)
        conditions: dict[Kind, list[Condition] | None] = {}
        for kind in self._alarms.on:
            try:
                conditions[kind] = [*look[kind]()] if kind not in shared or leads() else None
            except SendItError:  # a journal that does not answer is reported as a fault
                conditions[kind] = None
            except Exception as error:
                log.error("alarms of the kind %s cannot be checked", kind, exc_info=error)
                conditions[kind] = None
        return conditions

    def _own_faults(self) -> Iterator[Condition]:
        for fault in self._faults():
            yield Condition(f"Fault:{_digest(fault)}", f"SendIt cannot work as it should: {fault}", 1, _PASSING)

    def _disk(self) -> Iterator[Condition]:
        free = shutil.disk_usage(self._services.settings.data_directory).free / 1e9
        if free < self._alarms.disk_gigabytes:
            yield Condition("Disk:", f"the disk of SendIt.DataDirectory has {free:.1f} GB left")

    def _destinations(self) -> Iterator[Condition]:
        patience = timedelta(minutes=self._alarms.destination_minutes)
        for name, answer in self._states.down().items():
            yield Condition(
                f"Destination:{name}", f"destination {name} is {answer.state}: {answer.reason}", 1, patience
            )

    def _ended(self, kind: Kind, *states: BatchState) -> Iterator[Condition]:
        groups: dict[tuple[str, str], list[int]] = {}
        for waiting in self._journal.acknowledgements.waiting():
            if waiting.state in states:
                why = kind_of(waiting.reason) if waiting.state is BatchState.QUARANTINED else str(waiting.state)
                groups.setdefault((waiting.project or "", why), []).extend(waiting.batches)
        for (project, why), numbers in groups.items():
            many = f"{len(numbers)} batches" if len(numbers) > 1 else "a batch"
            of = f"project {project}" if project else "no project"
            words = f"held ({why})" if kind == "Held" else why
            text = f"{many} of {of} {'are' if len(numbers) > 1 else 'is'} {words}: {_few(numbers)}"
            yield Condition(f"{kind}:{project}:{why}", text, len(numbers))

    def _idle(self, memory: MutableMapping[str, str]) -> Iterator[Condition]:
        """Yield a condition if nothing has come to an end for long, though something waits that nothing holds back."""
        progress, present = self._progress(), datetime.now(UTC)
        if memory.get("progress") != progress or not (waiting := self._waiting()):
            memory.update(progress=progress, moved=present.isoformat())
            return
        moved = datetime.fromisoformat(memory["moved"])
        if present - moved >= timedelta(hours=self._alarms.idle_hours):
            since = f"{moved:%Y-%m-%d %H:%M} UTC"
            text = f"nothing was de-identified or delivered since {since}, and something waits: {waiting}"
            yield Condition("Idle:", text)

    def _progress(self) -> str:
        """Return a text that differs once an instance has got its outcome, or a batch or a delivery came to an end."""
        ended = {*ENDED, BatchState.SENT, BatchState.REVIEW, BatchState.DELIVERING}
        facts = [
            (count.name, count.state, count.number)
            for count in self._journal.counts.of(PROJECT)
            if count.state in ended
        ]
        facts += [
            (count.name, count.state, count.number)
            for count in self._journal.counts.of(INSTANCE)
            if count.state != InstanceState.PENDING
        ]
        facts += [
            (count.name, count.state, count.instances)
            for count in self._journal.counts.of(DESTINATION)
            if count.state == DeliveryState.VERIFIED
        ]
        return _digest(repr(sorted(facts)))

    def _waiting(self) -> str:
        """Return what waits for SendIt, in words; what is paused or outside its window does not count."""
        pauses = self._journal.pauses.all()
        queued = sum(
            count.number
            for count in self._journal.counts.of(PROJECT)
            if count.state in (BatchState.QUEUED, BatchState.PROCESSING) and holding(pauses, count.name) is None
        )
        sending: Counter[str] = Counter()
        for count in self._journal.counts.of(DESTINATION):
            if count.state in _WAITING and holding(pauses, destination=count.name) is None:
                sending[count.name] += count.number
        words = [f"{counted(queued, 'batch', 'batches')} to be de-identified"] if queued else []
        return ", ".join(words + [f"{number} for {name}" for name, number in sorted(sending.items())])

    def _expiry(self) -> Iterator[Condition]:
        soon = datetime.now(UTC) + timedelta(days=self._alarms.expiry_days)
        for ending in endings(self._orthanc, soon):
            serial = f"{ending.serial:x}" if ending.end else ""
            yield Condition(f"Expiry:{ending.place}:{serial}", ending.text)
        if self._alarms.signing_key_days is not None:
            yield from self._old_keys(soon - timedelta(days=self._alarms.signing_key_days))

    def _old_keys(self, made_before: datetime) -> Iterator[Condition]:
        projects = self._services.settings.projects
        for owner in dict.fromkeys(key_owner(projects, name) for name in projects):
            keys = self._journal.passports.keys(owner)
            if keys and datetime.fromisoformat(keys[-1].made) <= made_before:
                text = f"the signing key of project {owner} is of {keys[-1].made[:10]}, and is to be rotated"
                yield Condition(f"Expiry:key:{owner}:{keys[-1].number}", text)


def _few(numbers: list[int]) -> str:
    return ", ".join(map(str, sorted(numbers)[-_NAMED:])) + (" and others" if len(numbers) > _NAMED else "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

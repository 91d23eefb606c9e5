"""The plugin's events: an instance was stored; a study is new, stable, or deleted.

The plugin's events are hints, and may be lost; the reconciliation finds what they missed. That a study is stable, a
plugin of 6.0 or later keeps until it is told that the study is in the journal. So this module may take its
time: it looks at most at a few instances a second, because every question costs Orthanc time that it needs to receive.
"""

from __future__ import annotations

import hashlib
import json
import logging
import queue
import sys
import threading
from typing import TYPE_CHECKING, Any

from sendit.errors import Retry
from sendit.model import InstanceState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sendit.pipeline.batch import Pipeline
    from sendit.pipeline.watching.early import EarlyWork

log = logging.getLogger(__name__)

#: How many of the instances that arrived within one interval are looked up to learn what studies are arriving.
_LOOKED_UP = 2
_INTERVAL = 1.0  # seconds


def lines_of_plugin() -> Iterator[Mapping[str, Any]]:
    """Yield what the plugin writes to this process, until it or Orthanc ends: a configuration first, then events."""
    for line in sys.stdin.buffer:
        try:
            yield json.loads(line)
        except ValueError:
            log.error("the plugin sent a line that is not JSON; it is ignored")


class Arrivals:
    """Takes events from any thread and works them off in one of its own."""

    def __init__(self, pipeline: Pipeline, early: EarlyWork, taken: Callable[[str], None]) -> None:
        """Remember what works the events off, and what is told of a stable study once the journal has it."""
        self._pipeline = pipeline
        self._early = early
        self._taken = taken
        self._events: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
        self._stored: dict[str, None] = {}  # an ordered set
        self._thread = threading.Thread(target=self._work, name="arrivals", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def take(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Accept events of the plugin until there are no more."""
        for event in events:
            self._events.put(event)

    def stop(self) -> None:
        """Stop the thread."""
        self._events.put(None)
        self._thread.join(timeout=2)

    def _work(self) -> None:
        while True:
            try:
                event = self._events.get(timeout=_INTERVAL if self._stored else None)
            except queue.Empty:
                self._guard(self._look_up)
                continue
            if event is None:
                return
            self._work_off(event)

    def _work_off(self, event: Mapping[str, Any]) -> None:
        kind = event.get("event")
        if kind == "stored":
            instances = [str(instance) for instance in event.get("instances", [])]
            self._stored.update(dict.fromkeys(instances))
            self._early.tell(instances)
        elif kind == "new_study":
            study = str(event["study"])
            self._guard(lambda: self._receiving(study))
        elif kind == "stable":
            study = str(event["study"])
            self._guard(self._look_up)
            if self._guard(lambda: self._pipeline.stable(study)):
                self._taken(study)
        elif kind == "deleted":
            study = str(event["study"])
            self._guard(lambda: self._pipeline.stable(study))

    def _guard(self, act: Callable[[], Any]) -> bool:
        """Return whether an event was processed. One that fails is dropped: the reconciliation makes up for it."""
        try:
            act()
            return True
        except Retry as error:
            log.warning("an arrival could not be processed yet: %s", error)
        except Exception as error:
            log.error("an arrival could not be processed", exc_info=error)
        return False

    def _receiving(self, study: str) -> None:
        count = self._pipeline.services.source.count(study)
        if count:
            self._pipeline.services.journal.intake.receiving(study, count)

    def _look_up(self) -> None:
        """Open or count the batches of the studies that are arriving, judged by a few of their instances."""
        stored, self._stored = list(self._stored), {}
        if not stored:
            return
        covered: dict[str, tuple[int, InstanceState, str | None]] = {}
        for start in range(0, len(stored), 1000):
            covered |= self._pipeline.services.journal.intake.covered(stored[start : start + 1000])
        new = [instance for instance in stored if instance not in covered]
        step = max(1, len(new) // _LOOKED_UP)
        studies = {self._pipeline.services.source.study_of(instance) for instance in new[::step][:_LOOKED_UP]}
        for study in studies - {None}:
            self._receiving(str(study))
        for instance, (batch_id, state, digest) in covered.items():
            if state is not InstanceState.PENDING and digest:
                self._compare(instance, batch_id, digest)

    def _compare(self, instance: str, batch_id: int, digest: str) -> None:
        """Compare an already processed instance that was stored again: is it still the same?"""
        source = self._pipeline.services.source
        sha256 = hashlib.sha256()
        for chunk in source.read(instance):
            sha256.update(chunk)
        study = source.study_of(instance)
        if study is not None and sha256.hexdigest() != digest:
            self._pipeline.overwritten(study, instance, batch_id)

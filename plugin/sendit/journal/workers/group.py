"""The workers on one database as a group: which of them live, which one leads, and the limits of destinations.

Whose batches a worker does stands in `homes.py`; why it is so, in docs/decisions/0029-many-workers.md.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sendit.journal.workers.leases import LEAD, places_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sendit.journal import Journal
    from sendit.journal.workers.leases import Leases

#: A worker that was not seen for so long (seconds) is taken for dead. If it is not, its writes are fenced.
ALIVE_SECONDS = 20.0
#: How often (seconds) a delivery looks whether its destination has a free place.
_LOOK_SECONDS = 0.5
#: A worker reserves this share of a second of a destination's pace at a time.
_SLICE = 0.25


class WorkerGroup:
    """The workers that share the journal, as one of them sees them."""

    def __init__(self, journal: Journal, executor: str) -> None:
        self._journal = journal
        self._executor = executor
        self._seen: frozenset[str] = frozenset()

    def begin(self) -> None:
        """Say that this worker lives; what it held before it was killed is free again."""
        self._journal.leases.release_all(self._executor)
        self.beat()

    def beat(self) -> bool:
        """Say that this worker lives, and renew what it holds; return whether another one is gone since."""
        self._journal.facts.beat(self._executor, self._journal.home)
        self._journal.leases.renew(self._executor)
        alive = frozenset(self._journal.facts.alive(ALIVE_SECONDS)) if self._journal.leases.shared else frozenset()
        gone, self._seen = self._seen - alive, alive
        return bool(gone)

    def end(self) -> None:
        """Give back what this worker holds: another one need not wait for its end."""
        self._journal.leases.release_all(self._executor)

    def homes(self) -> set[str]:
        """Return the homes with a living worker, this one's among them."""
        return {*self._journal.facts.alive_at(ALIVE_SECONDS).values(), self._journal.home} - {""}

    def leads(self) -> bool:
        """Return whether this worker does what is done once for all of them."""
        return self._journal.leases.take(LEAD, self._executor)


class Places:
    """The places of destinations: so many batches go to one at once (BatchesAtOnce), from all workers together.

    Args:
        leases: where they are kept.
        executor: this worker.
        stopping: set when the worker is stopped.
    """

    def __init__(self, leases: Leases, executor: str, stopping: threading.Event) -> None:
        self._leases = leases
        self._executor = executor
        self._stopping = stopping

    @contextmanager
    def one(self, destination: str, batch_id: int, batches_at_once: int) -> Iterator[bool]:
        """Wait for a place, and hold it; False if the worker is stopped before.

        Waiting in the queue's slot keeps nobody: all of its slots are for this destination.
        """
        if not self._leases.shared:
            yield True
            return
        holder = f"{self._executor}/{batch_id}"
        place = self._wait(places_of(destination, batches_at_once), holder)
        try:
            yield place is not None
        finally:
            if place is not None:
                self._leases.release(place, holder)

    def _wait(self, places: list[str], holder: str) -> str | None:
        while not self._stopping.is_set():
            for place in places:
                if self._leases.take(place, holder):
                    return place
            self._stopping.wait(_LOOK_SECONDS)
        return None


class SharedPace:
    """On average `bytes_per_second` of all workers together. Safe to use from several threads.

    Args:
        leases: where the pace of all workers is kept.
        destination: its name.
        bytes_per_second: how fast all of them may send.
        sleep: waits so many seconds.
    """

    def __init__(
        self, leases: Leases, destination: str, bytes_per_second: int, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._leases = leases
        self._destination = destination
        self._rate = bytes_per_second
        self._sleep = sleep
        self._lock = threading.Lock()
        self._left = 0.0  # bytes that were reserved and have not left

    def __call__(self, size: int) -> None:
        """Wait until `size` bytes may leave. Who comes first goes first."""
        with self._lock:
            if size > self._left:
                reserved = max(size - self._left, self._rate * _SLICE)
                if wait := self._leases.reserve(self._destination, reserved / self._rate):
                    self._sleep(wait)
                self._left += reserved
            self._left -= size

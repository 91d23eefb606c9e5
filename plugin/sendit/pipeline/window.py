"""When work may go on: the windows of destinations, their pace, and what persons have paused.

Windows are of wall-clock times: an hour that a change to summer time leaves out is no hour. Pauses are looked up once a
second at most, so that each instance may ask.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from sendit.journal.lists.pauses import Pause, holding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sendit.config.destination import Window
    from sendit.journal import Journal

_T = TypeVar("_T")


def opens_at(window: Window, now: datetime) -> datetime | None:
    """Return when it opens next (UTC); None if it is open at `now`, which is any aware time."""
    zone = None if window.time_zone is None else ZoneInfo(window.time_zone)
    local = now.astimezone(zone)  # None: the machine's own zone
    if _is_open(window, local):
        return None
    days = (local.date() + timedelta(days=ahead) for ahead in range(3))
    openings = (datetime.combine(day, window.opens, zone).astimezone(UTC) for day in days)
    return next(opening for opening in openings if opening > now)


def _is_open(window: Window, local: datetime) -> bool:
    time = local.time()
    if window.opens < window.closes:
        return window.opens <= time < window.closes
    return time >= window.opens or time < window.closes


#: At most this much (seconds) of unused allowance is kept: after a pause, no flood.
_BURST_SECONDS = 1.0


class Pace:
    """On average `bytes_per_second`, whoever asks. Safe to use from several threads.

    Args:
        clock: seconds that only go forward.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        bytes_per_second: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = bytes_per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._allowance = 0.0  # bytes; below zero: what was given out ahead of time
        self._seen = clock()

    def __call__(self, size: int) -> None:
        """Return when `size` bytes may leave. Who comes first goes first; no one jumps the queue."""
        with self._lock:
            now = self._clock()
            earned = (now - self._seen) * self._rate
            self._allowance = min(self._allowance + earned, self._rate * _BURST_SECONDS) - size
            self._seen = now
            wait = -self._allowance / self._rate
        if wait > 0:
            self._sleep(wait)


#: Seconds for which an answer of the journal counts.
_FRESH = 1.0


class Held(Exception):
    """Raised in the middle of work when it is paused."""

    def __init__(self, pause: Pause) -> None:
        super().__init__(pause.why)
        self.pause = pause


class PauseGate:
    """Asks the journal whether work is paused. Safe to use from several threads."""

    def __init__(self, journal: Journal, clock: Callable[[], float] = time.monotonic) -> None:
        self._journal = journal
        self._clock = clock
        self._read: tuple[float, list[Pause]] | None = None

    def forget(self) -> None:
        """Look it up anew at the next question: it was changed just now."""
        self._read = None

    def all(self) -> list[Pause]:
        """Return all pauses, as of at most a second ago."""
        read = self._read
        if read is None or self._clock() - read[0] >= _FRESH:
            read = self._read = (self._clock(), self._journal.pauses.all())
        return read[1]

    def holding(self, project: str | None = None, destination: str | None = None) -> Pause | None:
        """Return the pause that holds work of this project, or for this destination; None if there is none."""
        return holding(self.all(), project, destination)

    def watch(self, jobs: Iterable[_T], project: str | None) -> Iterator[_T]:
        """Yield the jobs as long as their project is not paused.

        Raises:
            Held: it is.
        """
        for job in jobs:
            if pause := self.holding(project):
                raise Held(pause)
            yield job

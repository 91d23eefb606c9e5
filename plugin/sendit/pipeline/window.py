"""When work may go on: windows, pace, what persons have paused, and what goes first.

Windows are of wall-clock times: an hour that a change to summer time leaves out is no hour. The journal is asked once a
second at most, so that each instance may ask.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from sendit.journal.lists.pauses import Pause, holding

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

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
_MOST_ANSWERS = 1000


class Held(Exception):
    """Raised in the middle of work when it is paused, or lets other work go first."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


#: Why a study of a pulled cohort waits.
BEHIND = "studies that were sent go first"


class PauseGate:
    """Asks the journal whether work is paused, or has to let other work go first. Safe to use from several threads."""

    def __init__(self, journal: Journal, clock: Callable[[], float] = time.monotonic) -> None:
        self._journal = journal
        self._clock = clock
        self._answers: dict[Hashable, tuple[float, Any]] = {}

    def forget(self) -> None:
        """Look it up anew at the next question: it was changed just now."""
        self._answers = {}

    def _fresh(self, question: Hashable, ask: Callable[[], _T]) -> _T:
        """Return the answer to a question, as of at most a second ago."""
        known: tuple[float, _T] | None = self._answers.get(question)
        if known is not None and self._clock() - known[0] < _FRESH:
            return known[1]
        answer = ask()
        if len(self._answers) > _MOST_ANSWERS:
            self.forget()
        self._answers[question] = (self._clock(), answer)
        return answer

    def all(self) -> list[Pause]:
        """Return all pauses."""
        return self._fresh("pauses", self._journal.pauses.all)

    def pulling(self) -> bool:
        """Return whether a cohort is being pulled."""
        return bool(self._fresh("pulls", self._journal.pulls.running))

    def live(self) -> bool:
        """Return whether studies that were not pulled arrive, are to be de-identified, or are being delivered."""
        projects = self._fresh("live", self._journal.pulls.live_projects)
        return any(self.holding(project or None) is None for project in projects)

    def behind(self, study: str) -> str:
        """Return why this study has to let others go first; "" if it need not: it was not pulled, or none waits."""
        if not self.pulling() or not self.live():
            return ""
        return BEHIND if self._fresh(("pulled", study), lambda: self._journal.pulls.is_pulled(study)) else ""

    def batch_behind(self, batch_id: int) -> str:
        """Return the same of a batch's study."""
        if not self.pulling() or not self.live():
            return ""
        batch = self._fresh(("batch", batch_id), lambda: self._journal.batches.get(batch_id))
        return "" if batch is None else self.behind(batch.study)

    def holding(self, project: str | None = None, destination: str | None = None) -> Pause | None:
        """Return the pause that holds work of this project, or for this destination; None if there is none."""
        return holding(self.all(), project, destination)

    def watch(self, jobs: Iterable[_T], project: str | None, study: str) -> Iterator[_T]:
        """Yield the jobs as long as their project is not paused, and their study need not let others go first.

        Raises:
            Held: it is, or has to.
        """
        for job in jobs:
            if pause := self.holding(project):
                raise Held(pause.why)
            if why := self.behind(study):
                raise Held(why)
            yield job

"""When work may go on: windows, what persons have paused, what goes first, and whether there is room.

Windows are of wall-clock times: an hour that a change to summer time leaves out is no hour. The journal is asked once a
second at most, so that each instance may ask.

Where there is no room (the disk, the memory or the queue has reached a limit), imports and pulls wait. Studies that
arrive by DICOM are not held back: their sender would take that for a failure. Nor are they slowed down: what is done
ahead waits for a core that nobody needs.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from sendit.importer.types import Stopped
from sendit.journal.lists.pauses import Pause, holding
from sendit.model import BatchState

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from sendit.config.destination import Window
    from sendit.config.schema import Settings
    from sendit.journal import Journal

log = logging.getLogger(__name__)

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


#: Of so many ticks (10 ms each) of a core it can be told how busy it is: fewer are too coarse, more are of the past.
_TICKS = 10, 100
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


#: Who waits goes on when the limit is kept by so much: not at every byte that is free.
_SPARE = 1.1
_UNDER_WAY = (BatchState.QUEUED, BatchState.PROCESSING, BatchState.DELIVERING)
_CGROUP = Path("/sys/fs/cgroup")
_HOLD_BACK = "imports and pulls wait: "


class Pressure:
    """Asks once a second at most. Safe to use from several threads.

    Args:
        settings: with the limits.
        journal: where the batches under way are counted.
        clock: seconds that only go forward.
    """

    def __init__(self, settings: Settings, journal: Journal, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = settings.limits
        self._folder = settings.staging_directory
        self._journal = journal
        self._clock = clock
        self._lock = threading.Lock()
        self._asked_at: float | None = None
        self._why = ""

    def why(self) -> str:
        """Return why imports and pulls have to wait, in words; "" if they need not."""
        with self._lock:
            if self._asked_at is not None and self._clock() - self._asked_at < _FRESH:
                return self._why
            before, self._why = self._why, self._look(_SPARE if self._why else 1.0)
            self._asked_at = self._clock()
            if bool(before) != bool(self._why):
                log.warning("%s", self._why) if self._why else log.info("imports and pulls go on")
            return self._why

    def _look(self, spare: float) -> str:
        limits = self._limits
        free = shutil.disk_usage(self._folder).free / 1e9
        if free < limits.free_disk_gigabytes * spare:
            least = f"SendIt.Limits.FreeDiskGigabytes: {limits.free_disk_gigabytes:g}"
            return f"{_HOLD_BACK}the disk of {self._folder} has {free:.1f} GB left ({least})"
        if available_memory() / 1e6 < limits.free_memory_megabytes * spare:
            least = f"SendIt.Limits.FreeMemoryMegabytes: {limits.free_memory_megabytes:g}"
            return f"{_HOLD_BACK}too little memory is available ({least})"
        states = self._journal.counts.by_state()
        if sum(states.get(state, 0) for state in _UNDER_WAY) >= limits.batches_under_way / spare:
            most = f"SendIt.Limits.BatchesUnderWay: {limits.batches_under_way}"
            return f"{_HOLD_BACK}as many batches are under way as may be ({most})"
        return ""

    def wait(self, stop: threading.Event) -> None:
        """Wait until nothing has to wait.

        Raises:
            Stopped: `stop` was set.
        """
        while self.why():
            if stop.wait(_FRESH):
                raise Stopped

    def problems(self) -> list[str]:
        """Return that imports and pulls wait, if they do."""
        return [why] if (why := self.why()) else []


class Cores:
    """Tells how many cores are idle, or do what gives way to anything else (nice). Safe to use from several threads.

    Args:
        statistics: the system's, as in proc(5).
    """

    def __init__(self, statistics: Path = Path("/proc/stat")) -> None:
        self._statistics = statistics
        self._lock = threading.Lock()
        self._before = self._ticks()
        self._free = 0.0

    def free(self) -> float:
        """Return how many were idle since the question before; 0 if that was too long ago, or cannot be told."""
        with self._lock:
            now = self._ticks()
            busy, every = (one - before for one, before in zip(now[:2], self._before[:2], strict=True))
            if every >= _TICKS[0] * now[2]:
                self._free = now[2] * (1 - busy / every) if every <= _TICKS[1] * now[2] else 0.0
                self._before = now
            return self._free

    def _ticks(self) -> tuple[int, int, int]:
        """Return the ticks of what does not give way, of everything, and the number of cores."""
        try:
            lines = [line.split() for line in self._statistics.read_text("ascii").splitlines()]
            user, nice, system, idle, waiting, *interrupts = map(int, lines[0][1:9])
        except (OSError, ValueError, IndexError):
            return 0, 0, 1
        busy = user + system + sum(interrupts)
        return busy, busy + nice + idle + waiting, sum(line[0].startswith("cpu") for line in lines if line) - 1


def available_memory() -> float:
    """Return how many bytes this process and its children may still take; infinite if the system does not tell."""
    free = float("inf")
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
        most = (_CGROUP / "memory.max").read_text("ascii").strip()
        if most != "max":
            used = int((_CGROUP / "memory.current").read_text("ascii"))
            free = min(free, int(most) - used + _cached())
    except (OSError, ValueError):
        pass
    return free


def _cached() -> int:
    """Return the bytes of files that the container's limit counts, and the system gives back when it has to."""
    for line in (_CGROUP / "memory.stat").read_text("ascii").splitlines():
        if line.startswith("inactive_file "):
            return int(line.split()[1])
    return 0

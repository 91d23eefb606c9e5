"""Whether imports and pulls have to wait: the disk, the memory or the queue has reached a limit of the configuration.

Studies that arrive by DICOM are not held back: their sender would take that for a failure. What has begun goes on, and
makes the room that the others wait for.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sendit.importer.types import Stopped
from sendit.model import BatchState

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendit.config.schema import Settings
    from sendit.journal import Journal

log = logging.getLogger(__name__)

#: Seconds for which an answer counts.
_FRESH = 1.0
#: Who waits goes on when the limit is kept by so much: not at every byte that is free.
_SPARE = 1.1
_UNDER_WAY = (BatchState.QUEUED, BatchState.PROCESSING, BatchState.DELIVERING)
_CGROUP = Path("/sys/fs/cgroup")
_WAIT = "imports and pulls wait: "


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
            least = f"{limits.free_disk_gigabytes:g} (SendIt.Limits.FreeDiskGigabytes)"
            return f"{_WAIT}the disk of staged files has less than {least} GB left"
        if available_memory() / 1e6 < limits.free_memory_megabytes * spare:
            least = f"{limits.free_memory_megabytes:g} (SendIt.Limits.FreeMemoryMegabytes)"
            return f"{_WAIT}less than {least} MB of memory are available"
        states = self._journal.counts.by_state()
        if sum(states.get(state, 0) for state in _UNDER_WAY) >= limits.batches_under_way / spare:
            most = f"{limits.batches_under_way} (SendIt.Limits.BatchesUnderWay)"
            return f"{_WAIT}{most} batches or more are under way"
        return ""

    def wait(self, stop: threading.Event) -> None:
        """Return once nothing has to wait.

        Raises:
            Stopped: `stop` was set.
        """
        while self.why():
            if stop.wait(_FRESH):
                raise Stopped

    def problems(self) -> list[str]:
        """Return that imports and pulls wait, if they do."""
        return [why] if (why := self.why()) else []


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

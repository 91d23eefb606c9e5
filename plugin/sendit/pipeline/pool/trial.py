"""A job that is tried alone since its process died in company: whether it is guilty shows how its own process ends.

A signal that a process gives itself (a crash, the alarm of its time limit) is the job's doing. SIGKILL comes from
outside: from the system if memory ran out, which is the job's doing if it happens again, or from somebody or something
else, which is not, however often it happens.
"""

from __future__ import annotations

import re
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future, ProcessPoolExecutor
    from multiprocessing.process import BaseProcess

J = TypeVar("J")
R = TypeVar("R")

#: Reasons of those that are held. After a restart of everything the last two are tried once more.
CRASHED = "it ended the process that worked on it, also alone (damaged?)"
HUNG = "it took longer than one instance may, also alone (damaged?)"
TOO_LARGE = (
    "it ended the process that worked on it, also alone: memory ran out; lower SendIt.Workers, or give more memory"
)
KILLED = "the process that worked on it was ended from outside, again and again; SendIt could not try it"
TRIED_AGAIN = (TOO_LARGE, KILLED)

_BY_ITSELF = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSYS,
                        signal.SIGTRAP, signal.SIGXCPU, signal.SIGXFSZ})  # fmt: skip
#: So often memory has to run out; so often somebody else may end the process, with longer and longer waits.
_TOO_LARGE, _KILLED = 2, 6
_FIRST_WAIT = 0.2  # seconds
_JOIN_SECONDS = 10.0


class LonelyProcess:
    """A pool of one process for one job."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor
        self._process: BaseProcess | None = None

    def submit(self, work: Callable[[J], R], job: J) -> Future[R]:
        """Begin the job."""
        future = self._executor.submit(work, job)
        self._process = next(iter(self._executor._processes.values()), None)  # noqa: SLF001 - no other way
        return future

    def exit_code(self) -> int | None:
        """Return how the process ended; None if that is unknown."""
        if self._process is None:
            return None
        self._process.join(_JOIN_SECONDS)
        return self._process.exitcode

    def end(self) -> None:
        """End the process at once, if it still runs."""
        end(self._executor)


@dataclass(slots=True)
class Trial:
    """A job on trial, by the deaths of its own processes. `verdict` is why it is held; "" while it may be innocent."""

    verdict: str = ""
    _short_of_memory: int = 0
    _from_outside: int = 0
    _memory_kills: int | None = field(default_factory=lambda: memory_kills())

    def died(self, exit_code: int | None) -> None:
        """Judge the end of its process by the exit code; None if that is unknown."""
        if exit_code is not None and exit_code == -signal.SIGALRM:
            self.verdict = HUNG
        elif exit_code is not None and (exit_code >= 0 or -exit_code in _BY_ITSELF):
            self.verdict = CRASHED
        elif self._ran_out_of_memory():
            self._short_of_memory += 1
            self.verdict = TOO_LARGE if self._short_of_memory >= _TOO_LARGE else ""
        else:
            self._from_outside += 1
            self.verdict = KILLED if self._from_outside >= _KILLED else ""
            if not self.verdict:
                time.sleep(_FIRST_WAIT * 2**self._from_outside)

    def _ran_out_of_memory(self) -> bool:
        before, self._memory_kills = self._memory_kills, memory_kills()
        return self._memory_kills is None or (before is not None and self._memory_kills > before)


def memory_kills() -> int | None:
    """Return how many processes the system has killed for want of memory since it started; None if it does not say."""
    try:
        match = re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text("ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(match[1]) if match else None


def end(executor: ProcessPoolExecutor) -> None:
    """End a pool's processes at once."""
    for process in list((executor._processes or {}).values()):  # noqa: SLF001 - kill_workers() comes with Python 3.14
        process.kill()
    executor.shutdown(wait=True, cancel_futures=True)

"""A pool of processes that de-identify: read one instance, write its output, give back its receipt.

Bytes never travel between processes. The children are started afresh (spawn), and end when their parent does, however
it ends. One that dies (killed for want of memory) hangs nothing: the pool starts anew, its jobs come back as Retry.
"""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing.connection import wait as wait_for_sentinel
from pathlib import Path
from typing import TypeVar

from sendit import keyring
from sendit.deidentify import KeyedIdentities, Patient, Plan, RecipeText, compile_plan, deidentify, patient_of
from sendit.deidentify.plan import NO_HANDLING, Handling
from sendit.errors import Reject, Retry
from sendit.instance_io import fetched, opened, written
from sendit.limits import limited
from sendit.model import Outcome, Quarantined, Receipt, Rejected, Released, Ties
from sendit.pictures import forget, keep
from sendit.pixel_tools import pixel_tools
from sendit.settings import Option

T = TypeVar("T")

_DIED = "a de-identification process ended unexpectedly; if the system's log says out of memory, lower SendIt.Workers"


@dataclass(frozen=True, slots=True)
class ProjectSpec:
    """What a process needs to know of a project. The key itself stays in its file."""

    options: tuple[Option, ...]
    recipes: tuple[RecipeText, ...]
    key_directory: Path
    project: str
    safe_private: tuple[str, ...] = ()
    handling: Handling = NO_HANDLING


@dataclass(frozen=True, slots=True)
class Job:
    """One instance to de-identify.

    `source` is a local file, or a URL that is read with `headers` and, for HTTPS, has to show `certificate` (PEM file).
    `output` is written when the instance is released: beside it first, synchronised to the disk, then renamed.
    """

    name: str  # comes back with the result; means nothing here
    project: ProjectSpec
    source: str | Path
    output: Path
    headers: Mapping[str, str] = field(default_factory=dict)
    certificate: str = ""
    #: Pseudonyms by `Patient.parts()`, as ListedIdentities takes them; None where all of them are the key's.
    codes: Mapping[tuple[str, ...], str] | None = field(default=None, repr=False)
    pictures: Path | None = None  # of `Pictures.place`: where those of before and after go; None: none are made


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a job."""

    name: str
    outcome: Receipt | Rejected | Quarantined
    ties: Ties | None = None  # of a released one


class DeidentifyPool:
    """So many processes, started when they are needed. Safe to use from several threads.

    Args:
        workers: 0 for one per core.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers or len(os.sched_getaffinity(0))
        self._in_flight = 2 * self._workers
        self._lock = threading.Lock()
        self._executor: ProcessPoolExecutor | None = None
        self._closed = False

    def __enter__(self) -> DeidentifyPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, jobs: Iterable[Job], *, alone_again: bool = False) -> Iterator[Result]:
        """The results, in the order in which they are ready. `jobs` is read as far ahead as the processes need.

        Args:
            alone_again: a job whose process died is done once more, alone; if it ends that process too, it is
                quarantined. Without it the job raises Retry.

        Raises:
            Retry: an instance could not be read, or its output not written, for now. What else was under way is
                given first; nothing is still being written when this is raised.
            Misconfigured: the project's key or recipe, or what finds text in pixels, cannot be had.
        """
        source = iter(jobs)
        pending: dict[Future[Result], Job] = {}
        suspects: list[Job] = []
        try:
            while True:
                while len(pending) < self._in_flight and (job := next(source, None)) is not None:
                    pending[self._submit(job, _work)] = job
                if not pending:
                    break
                yield from self._collect(pending, suspects if alone_again else None)
        finally:
            for future in pending:
                future.cancel()
            wait(pending)
        yield from map(self._alone, suspects)

    def patient(self, jobs: Iterable[Job]) -> Patient | None:
        """Whom the first of these instances that can be read is about; None if none can.

        Raises:
            Retry: an instance could not be read for now.
        """
        died = False
        for job in jobs:
            future = self._submit(job, _whose)
            try:
                found = future.result()
            except (BrokenProcessPool, CancelledError):
                died = True
                continue
            if found is not None:
                return found
        if died:
            raise Retry(_DIED)
        return None

    def patients(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Patient | None]]:
        """Each of these jobs with whom its instance is about, in their order; None if it cannot be read.

        Raises:
            Retry: an instance could not be read for now.
        """
        source = iter(jobs)
        waiting: deque[tuple[Job, Future[Patient | None]]] = deque()
        try:
            while True:
                while len(waiting) < self._in_flight and (job := next(source, None)) is not None:
                    waiting.append((job, self._submit(job, _whose)))
                if not waiting:
                    return
                job, future = waiting.popleft()
                yield job, self._patient_of(job, future)
        finally:
            for _, future in waiting:
                future.cancel()

    def _patient_of(self, job: Job, future: Future[Patient | None]) -> Patient | None:
        """One that ended its process is asked once more: another one may have ended it."""
        with contextlib.suppress(BrokenProcessPool, CancelledError):
            return future.result()
        with contextlib.suppress(BrokenProcessPool):
            return self._submit(job, _whose).result()
        return None

    def close(self) -> None:
        """End the processes at once; what they were writing stays behind as `.part` and is written over."""
        with self._lock:
            self._closed = True
            executor, self._executor = self._executor, None
        if executor is not None:
            _end(executor)

    def _collect(self, pending: dict[Future[Result], Job], suspects: list[Job] | None) -> Iterator[Result]:
        """The results that are ready; then the first trouble among them, if there was one."""
        done, _ = wait(pending, return_when=FIRST_COMPLETED)
        trouble: BaseException | None = None
        for future in done:
            job = pending.pop(future)
            error = future.exception()
            if error is None:
                yield future.result()
            elif isinstance(error, BrokenProcessPool) and suspects is not None and not self._closed:
                suspects.append(job)
            else:
                trouble = Retry(_DIED) if isinstance(error, BrokenProcessPool) else error
        if trouble is not None:
            raise trouble

    def _submit(self, job: Job, work: Callable[[Job], T]) -> Future[T]:
        with self._lock:
            for _ in range(2):
                if self._closed:
                    raise Retry("SendIt is stopping")
                if self._executor is None:
                    self._executor = _executor(self._workers)
                try:
                    with _no_interrupt():
                        return self._executor.submit(work, job)
                except BrokenProcessPool:
                    self._executor = None  # its other jobs hear of it through their own futures
        raise Retry(_DIED)

    def _alone(self, job: Job) -> Result:
        executor = _executor(1)
        try:
            with _no_interrupt():
                future = executor.submit(_work, job)
            return future.result()
        except BrokenProcessPool:
            return Result(
                job.name, Quarantined("it ended the process that worked on it, twice (too large, or damaged?)")
            )
        finally:
            _end(executor)


def _executor(workers: int) -> ProcessPoolExecutor:
    # Not fork: a forked child keeps the sockets, locks and threads of the worker half alive.
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin)


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Processes that begin here never see Ctrl-C, not even while they still import; it is the parent's business."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(executor: ProcessPoolExecutor) -> None:
    for process in list((executor._processes or {}).values()):
        process.kill()
    executor.shutdown(wait=True, cancel_futures=True)


# --- in the child -------------------------------------------------------------------------------------------------


def _begin() -> None:
    """The parent's end is ours, too."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_sentinel([parent.sentinel])
        os._exit(1)


@contextlib.contextmanager
def _source(job: Job) -> Iterator[bytes | mmap.mmap]:
    if isinstance(job.source, Path):
        with opened(job.source) as source:
            yield source
    else:
        with fetched(job.source, job.headers, job.certificate, job.output.parent) as source:
            yield source


def _whose(job: Job) -> Patient | None:
    try:
        with _source(job) as source:
            return patient_of(source)
    except Reject:
        return None


def _work(job: Job) -> Result:
    plan, identities = _ready(job.project)
    if job.codes is not None:
        identities = identities.listed(job.codes)
    if job.pictures is not None:
        forget(job.pictures)
    try:
        with _source(job) as source:
            if not plan.clean_pixels:
                return _result(job, deidentify(source, plan, identities))
            tools = pixel_tools(job.output.parent, job.pictures is not None)
            with limited(len(source)):
                outcome = deidentify(source, plan, identities, tools)
            result = _result(job, outcome)
    except Reject as refusal:
        return Result(job.name, Rejected(str(refusal)))
    if job.pictures is not None and tools.album is not None and not isinstance(result.outcome, Rejected):
        keep(tools.album, job.pictures, result.outcome, identities.uid(tools.album.sop_instance_uid))
    return result


def _result(job: Job, outcome: Outcome) -> Result:
    """The output of what is released is on the disk then."""
    if not isinstance(outcome, Released):
        return Result(job.name, outcome)
    written(outcome.chunks, job.output)
    return Result(job.name, outcome.receipt, outcome.ties)


@lru_cache(maxsize=64)
def _ready(spec: ProjectSpec) -> tuple[Plan, KeyedIdentities]:
    """Compiled once in each process. A key that is not there is never made here."""
    key = keyring.load_key(spec.key_directory, spec.project, create=False)
    return compile_plan(spec.options, spec.recipes, spec.safe_private, spec.handling), KeyedIdentities(key)

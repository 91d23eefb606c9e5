"""A pool of processes that de-identify: read one instance, write its output, give back its receipt.

Bytes never travel between processes. The children are forked from a server that has imported what they need and does
nothing else (forkserver), and end when the process that uses the pool does, however it ends. One that dies hangs
nothing: the pool starts anew. All jobs that were under way are suspects then, and each is tried alone: one that ends
its process by itself is guilty, the others are innocent (`trial.py`).
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from sendit import keyring
from sendit.deidentify import KeyedIdentities, Patient, Plan, RecipeText, compile_plan, deidentify, patient_of
from sendit.deidentify.plan import NO_HANDLING, Handling
from sendit.errors import Misconfigured, Reject, Retry
from sendit.model import CrosswalkEntry, Doubt, Outcome, PlaceInSeries, Quarantined, Receipt, Rejected, Released
from sendit.pipeline.pool.executor import new_executor, no_interrupt
from sendit.pipeline.pool.limits import limited
from sendit.pipeline.pool.pixel_tools import pixel_tools
from sendit.pipeline.pool.series_look import (
    SeriesLook,
    SeriesOfOutputs,
    SeriesPart,
    look_at_part,
    parts_of,
)
from sendit.pipeline.pool.trial import LonelyProcess, Trial, end
from sendit.storage import dataset_digests
from sendit.storage.previews import forget, keep
from sendit.storage.staging import WrittenTogether, fetched, opened, written

if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sendit.config.schema import Option
    from sendit.deidentify.pixels.ocr.api import PixelTools
    from sendit.deidentify.pixels.regions import Corrections, Region

J = TypeVar("J")
T = TypeVar("T")
#: Writes chunks to an output.
Write: TypeAlias = "Callable[[Sequence[bytes | memoryview], Path], None]"

_DIED = "a de-identification process ended unexpectedly; if the system's log says out of memory, lower SendIt.Workers"


@dataclass(frozen=True, slots=True)
class ProjectSpec:
    """A project as a process needs to know it. The key itself stays in its file."""

    options: tuple[Option, ...]
    recipes: tuple[RecipeText, ...]
    key_directory: Path
    project: str
    safe_private: tuple[str, ...] = ()
    handling: Handling = NO_HANDLING
    issuers_part: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One instance to de-identify.

    `source` is a local file, or a URL that is read with `headers` and, for HTTPS, has to show `certificate` (PEM file).
    `output` is written when the instance is released: beside it first, synchronised to the disk, then renamed. Without
    `name_lasts`, and for jobs that are done together, whoever gets the result synchronises its folder before anything
    relies on it.
    """

    name: str  # comes back with the result; means nothing here
    project: ProjectSpec
    source: str | Path
    output: Path
    headers: Mapping[str, str] = field(default_factory=dict)
    certificate: str = ""
    #: Pseudonyms by `Patient.parts()`, as ListedIdentities takes them; None where all of them are the key's.
    codes: Mapping[tuple[str, ...], str] | None = field(default=None, repr=False)
    previews: Path | None = None  # of `Previews.place`: where those of before and after go; None: none are made
    series: tuple[Region, ...] | None = None  # what the look at its series found in it; None: there was none yet
    corrections: tuple[Corrections, ...] = ()  # what reviewers said of text in it
    staged_doubts: frozenset[Doubt] = frozenset()  # for which its output is made, and waits for a person
    name_lasts: bool = True
    digest_dataset: bool = False  # a passport will name it
    local: tuple[Path, int] | None = None  # where the same bytes may be, and how many; read instead of the URL


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a job."""

    name: str
    outcome: Receipt | Rejected | Quarantined
    crosswalk_entry: CrosswalkEntry | None = None  # of a released one
    place: PlaceInSeries | None = None  # of one that is searched together with its series
    dataset_sha256: str | None = None  # of its output, if the job wants it


@dataclass(frozen=True, slots=True)
class Done:
    """The outcomes of jobs that one process was given together."""

    results: Sequence[Result | None]  # None: it could not be read, or its output not written, for now
    seconds: float  # that they took


class DeidentifyPool:
    """So many processes, started when they are needed. Safe to use from several threads.

    Args:
        workers: 0 for one per core.
        nice: how far its processes give way to others.
    """

    def __init__(self, workers: int, *, nice: int = 0) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        self._nice = nice
        self._in_flight = 2 * self.workers
        self._lock = threading.Lock()
        self._executor: ProcessPoolExecutor | None = None
        self._lonely: set[LonelyProcess] = set()
        self._closed = False

    def __enter__(self) -> DeidentifyPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, jobs: Iterable[Job], *, alone_again: bool = False) -> Iterator[Result]:
        """Yield the results in the order in which they are ready. `jobs` is read as far ahead as the processes need.

        Args:
            jobs: the jobs, read lazily.
            alone_again: a job whose process died is done again, alone; if it ends that process by itself, it is
                quarantined. Without it the job raises Retry.

        Raises:
            Retry: an instance could not be read, or its output not written, for now. Other work under way is
                given first; nothing is still being written when this is raised.
            Misconfigured: the project's key or recipe, or text detection, is unavailable.
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

    def begin(self, jobs: Sequence[Job]) -> Future[Done]:
        """Have one process do jobs, one after the other; return at once. If it dies, the future has BrokenProcessPool.

        Raises:
            Retry: the processes cannot be started, or are being stopped.
        """
        return self._submit(jobs, _work_together)

    def begin_look(self, part: SeriesPart) -> Future[SeriesLook]:
        """Begin to look at a part of a series, as `begin` begins jobs."""
        return self._submit(part, look_at_part)

    def patient(self, jobs: Iterable[Job]) -> Patient | None:
        """Return the patient of the first of these instances that can be read; None if none can.

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
        """Yield each of these jobs with the patient of its instance, in their order; None if it cannot be read.

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
        """Return the patient of a job; ask once more if its process ended: another job may have ended it."""
        with contextlib.suppress(BrokenProcessPool, CancelledError):
            return future.result()
        with contextlib.suppress(BrokenProcessPool):
            return self._submit(job, _whose).result()
        return None

    def look_at_series(self, series: Iterable[SeriesOfOutputs]) -> Iterator[SeriesLook]:
        """Search whole series of outputs for text, in their order, in several processes.

        A series or a part whose process died is searched once more, alone.

        Raises:
            Misconfigured: text detection is unavailable.
        """
        divided = enumerate(self._each(series, parts_of, lambda whole: [whole.undivided()]))
        parts = ((number, part) for number, (_, parts) in divided for part in parts)
        looks = self._each(parts, _look_at_numbered, lambda numbered: numbered[1].all_suspect())
        for _, of_one in groupby(looks, key=lambda look: look[0][0]):
            yield SeriesLook.merged(look for _, look in of_one)

    def look_at_parts(self, parts: Iterable[SeriesPart]) -> Iterator[SeriesLook]:
        """Search parts of series, as `look_at_series` does."""
        return (look for _, look in self._each(parts, look_at_part, SeriesPart.all_suspect))

    def _each(self, items: Iterable[J], work: Callable[[J], T], instead: Callable[[J], T]) -> Iterator[tuple[J, T]]:
        """Yield each item with the result of the work on it, in their order; read only as far ahead as is needed.

        Args:
            items: the items.
            work: what a process does with one.
            instead: the result for an item that ends its process, alone, too.
        """
        source = iter(items)
        waiting: deque[tuple[J, Future[T]]] = deque()
        try:
            while True:
                while len(waiting) < self._in_flight and (item := next(source, None)) is not None:
                    waiting.append((item, self._submit(item, work)))
                if not waiting:
                    return
                item, future = waiting.popleft()
                try:
                    yield item, future.result()
                except (BrokenProcessPool, CancelledError):
                    if self._closed:
                        raise Retry("SendIt is stopping") from None
                    found = self._on_trial(work, item)
                    yield item, instead(item) if isinstance(found, str) else found
        finally:
            for _, future in waiting:
                future.cancel()

    def close(self) -> None:
        """End the processes at once; what they were writing stays behind as `.part` and is written over."""
        with self._lock:
            self._closed = True
            executor, self._executor = self._executor, None
            for process in self._lonely:
                process.end()
        if executor is not None:
            end(executor)

    def _collect(self, pending: dict[Future[Result], Job], suspects: list[Job] | None) -> Iterator[Result]:
        """Yield the results that are ready; then raise the first error among them, if there is one."""
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

    def _submit(self, job: J, work: Callable[[J], T]) -> Future[T]:
        with self._lock:
            for _ in range(2):
                if self._closed:
                    raise Retry("SendIt is stopping")
                if self._executor is None:
                    self._executor = new_executor(self.workers, self._nice)
                try:
                    with no_interrupt():
                        return self._executor.submit(work, job)
                except BrokenProcessPool:
                    self._executor = None  # its other jobs hear of it through their own futures
        raise Retry(_DIED)

    def _alone(self, job: Job) -> Result:
        found = self._on_trial(_work, job)
        return Result(job.name, Quarantined(found)) if isinstance(found, str) else found

    def _on_trial(self, work: Callable[[J], T], job: J) -> T | str:
        """Return the result of a job in a process of its own, or why it ended that process."""
        trial = Trial()
        while not trial.verdict:
            with self._lock:
                if self._closed:
                    raise Retry("SendIt is stopping")
                process = LonelyProcess(new_executor(1))
                self._lonely.add(process)
            try:
                with no_interrupt():
                    future = process.submit(work, job)
                return future.result()
            except (BrokenProcessPool, CancelledError):
                trial.died(process.exit_code())
            finally:
                with self._lock:
                    self._lonely.discard(process)
                process.end()
        return trial.verdict


# --- in the child -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _source(job: Job) -> Iterator[bytes | mmap.mmap]:
    if isinstance(job.source, Path):
        with opened(job.source) as source:
            yield source
    elif (local := _local(job)) is not None:
        yield local
    else:
        with fetched(job.source, job.headers, job.certificate, job.output.parent) as source:
            yield source


def _local(job: Job) -> bytes | mmap.mmap | None:
    """Return the bytes from the local file, if it is there in its full size, and a DICOM file (PS3.10)."""
    if job.local is None:
        return None
    path, size = job.local
    with contextlib.suppress(Reject), opened(path) as content:
        return content if len(content) == size and content[128:132] == b"DICM" else None
    return None


def _whose(job: Job) -> Patient | None:
    try:
        with _source(job) as source:
            return patient_of(source)
    except Reject:
        return None
    except (Retry, Misconfigured):
        raise
    except BaseException:  # noqa: BLE001  `_work` meets it again
        return None


def _work(job: Job, write: Write | None = None) -> Result:
    """Return the result of a job. Only errors that can be pickled are raised: others would look like a crash.

    Args:
        job: the job.
        write: writes its output, if not as `Job.name_lasts` says.
    """
    try:
        return _worked(job, write or partial(written, name_lasts=job.name_lasts))
    except (Retry, Misconfigured):
        raise
    except BaseException as error:  # noqa: BLE001  law 1, and the rest of the study goes on
        kind = type(error).__name__
        return Result(job.name, Quarantined(f"a fault of SendIt while working on the instance ({kind})"))


def _work_together(jobs: Sequence[Job]) -> Done:
    begun = time.monotonic()
    results: list[Result | None] = []
    together = WrittenTogether()
    for job in jobs:
        try:
            results.append(_work(job, together.write))
        except (Retry, Misconfigured):
            results.append(None)
    failed = together.finish()
    whole = [None if job.output in failed else result for job, result in zip(jobs, results, strict=True)]
    return Done(whole, time.monotonic() - begun)


def _look_at_numbered(numbered: tuple[int, SeriesPart]) -> SeriesLook:
    return look_at_part(numbered[1])


def _worked(job: Job, write: Write) -> Result:
    plan, identities = plan_of(job.project)
    if job.codes is not None:
        identities = identities.listed(job.codes)
    if job.previews is not None:
        forget(job.previews)
    try:
        with _source(job) as source:
            previews = job.previews is not None
            tools = (
                _tools(job, previews=previews) if plan.clean_pixels or job.corrections or job.staged_doubts else None
            )
            with limited(len(source)):
                outcome = deidentify(source, plan, identities, tools)
            result = _result(job, outcome, write)
    except Reject as refusal:
        return Result(job.name, Rejected(str(refusal)))
    if (
        job.previews is not None
        and tools is not None
        and tools.previews is not None
        and not isinstance(result.outcome, Rejected)
    ):
        keep(tools.previews, job.previews, result.outcome, identities.uid(tools.previews.sop_instance_uid))
    return result


def _tools(job: Job, *, previews: bool) -> PixelTools:
    return pixel_tools(
        job.output.parent,
        previews=previews,
        series=job.series,
        corrections=job.corrections,
        staged_doubts=job.staged_doubts,
    )


def _result(job: Job, outcome: Outcome, write: Write) -> Result:
    """Write a released output to the disk, and return the result."""
    if not isinstance(outcome, Released):
        return Result(job.name, outcome)
    write(outcome.chunks, job.output)
    dataset = dataset_digests.of_chunks(outcome.chunks) if job.digest_dataset else None
    return Result(job.name, outcome.receipt, outcome.crosswalk_entry, outcome.place, dataset)


@lru_cache(maxsize=256)
def compiled(spec: ProjectSpec) -> Plan:
    """Return the plan of a project, compiled once in each process: it takes half a second."""
    return compile_plan(spec.options, spec.recipes, spec.safe_private, spec.handling)


@lru_cache(maxsize=64)
def plan_of(spec: ProjectSpec) -> tuple[Plan, KeyedIdentities]:
    """Return plan and codes, read once in each process. A key that is not there is never made here."""
    key = keyring.load_key(spec.key_directory, spec.project, create=False)
    return compiled(spec), KeyedIdentities(key, issuers_part=spec.issuers_part)

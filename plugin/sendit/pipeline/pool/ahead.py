"""Outputs of instances whose study still arrives, made before anybody knows whether they will be needed.

Nothing of them is in the journal or visible. They are known in memory only: what a worker leaves behind when it ends is
deleted by the next one (`forget_all`). A batch takes what was made of the same bytes by the same rules with the same
pseudonyms, and makes the rest anew. Their processes are apart from those of the batches, and have a lower priority:
an instance that ends one of them holds nobody up, and is tried anew by its batch.

Once nothing more seems to arrive, whole series of these outputs are looked at for text, too (`series_look.py`). A batch
takes what was seen if it has the same outputs of the series, and no others.
"""

from __future__ import annotations

import math
import shutil
import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sendit.model import PlaceInSeries, Receipt
from sendit.pipeline.pool.processes import DeidentifyPool, Job
from sendit.pipeline.pool.series_look import divided, is_due

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from sendit.deidentify import Patient
    from sendit.pipeline.pool.processes import Done, Result
    from sendit.pipeline.pool.series_look import SeriesLook, SeriesPart
    from sendit.storage.previews import Previews
    from sendit.storage.staging import Staging

#: Results beyond these are not made: each takes a few kilobytes of memory until its batch runs.
_MOST_MADE = 20_000
#: Of so many studies it is known when they were forgotten.
_MOST_FORGOTTEN = 1_000
#: Seconds for which a batch waits for the instances of its study, and then for the parts of its series, that are being
#: worked on ahead.
_PATIENCE = 5.0
#: So often the series of one study are looked at ahead: it may go on arriving after each pause.
_MOST_ROUNDS = 3
#: Seconds after its last result at which what was made of a study is given up: it does not become stable.
_TOO_OLD = 3600.0
#: A process is handed as many instances of a study at once as it does in so many seconds, up to so many: to hand over
#: one and to take its result costs the worker a tenth of what de-identifying it costs the process.
_TOGETHER_SECONDS, _MOST_TOGETHER = 0.1, 16
#: Seconds after which it is looked again whether a study that no longer arrives is made.
_SOON = 0.1
#: The niceness of work ahead: it gives way to Orthanc, which receives, and to the batches.
_NICE = 10


@dataclass(frozen=True, slots=True)
class _Origin:
    """All that determines an output."""

    version: str
    rules: str
    job: Job

    def gives(self, version: str | None, rules: str, job: Job) -> bool:
        """Return whether this job would give the same: equal bytes, rules and pseudonyms."""
        same = replace(self.job, output=job.output, previews=job.previews, local=job.local)
        return self.version == version and self.rules == rules and same == job


@dataclass(frozen=True, slots=True)
class _Look:
    """The result of a look at a series."""

    digests: Mapping[str, str]  # of its outputs, by instance
    parts: Sequence[SeriesPart]
    done: dict[int, SeriesLook] = field(default_factory=dict)  # by the number of the part


@dataclass(slots=True)
class _Study:
    """The outputs that are made ahead of one study, in folders of their own."""

    folder: Path
    previews: Path
    made: dict[str, tuple[_Origin, Receipt, Result]] = field(default_factory=dict)
    under_way: dict[str, Future[Done]] = field(default_factory=dict)
    together: int = 1  # how many a process is handed at once
    looks: dict[str, _Look] = field(default_factory=dict)  # by coded series
    looking: dict[tuple[str, int], Future[Any]] = field(default_factory=dict)  # by series and part
    rounds: int = 0  # of looks
    looked_at: bool = True  # nothing was made since the last round
    closed: bool = False  # its batch has begun, or it is not needed
    forgotten: bool = False
    arrived: float = -math.inf  # when its last instance did
    touched: float = field(default_factory=time.monotonic)

    def lacks(self, name: str, version: str) -> bool:
        """Return whether an instance is neither made nor being worked on."""
        made = self.made.get(name)
        return name not in self.under_way and (made is None or made[0].version != version)

    def is_still(self) -> bool:
        """Return whether no process works on it."""
        return not self.under_way and not self.looking


class Ahead:
    """Makes outputs ahead, and keeps them until their batch asks. Safe to use from several threads.

    Args:
        staging: where outputs wait.
        previews: where their previews do.
        workers: how many processes batches have. Half as many work ahead, but two if there are two: of two cores, none
            is idle then.
    """

    def __init__(self, staging: Staging, previews: Previews, workers: int) -> None:
        self._staging = staging
        self._previews = previews
        self._pool = DeidentifyPool(max(workers // 2, min(workers, 2)), nice=_NICE)
        self._most = self._pool.workers + 1  # one waits, so that no process does
        self._begun = 0
        self._studies: dict[str, _Study] = {}
        self._forgotten: dict[str, float] = {}  # when that was, the oldest first
        self._changed = threading.Condition()

    def close(self) -> None:
        """End the processes, at once."""
        self._pool.close()

    def forget_all(self) -> None:
        """Delete what a former worker left behind; before the first `begin`."""
        self._staging.ahead.forget()
        self._previews.ahead.forget()

    def wait_for_room(self, seconds: float, cores: float = math.inf) -> bool:
        """Return whether another instance may be begun now, or within so many seconds.

        Args:
            seconds: how long to wait.
            cores: on so many cores.
        """
        with self._changed:
            return self._changed.wait_for(lambda: self._has_room(cores), timeout=seconds)

    def _has_room(self, cores: float) -> bool:
        begun = self._begun < self._most and self._begun + 1 <= cores
        return begun and sum(len(study.made) for study in self._studies.values()) < _MOST_MADE

    def together(self, study: str) -> int:
        """Return how many instances of a study are to be begun at once."""
        with self._changed:
            state = self._studies.get(study)
            return 1 if state is None else state.together

    def begin(
        self,
        study: str,
        rules: str,
        jobs: Iterable[tuple[str, Job]],
        *,
        as_of: float = math.inf,
        arrived: float = -math.inf,
    ) -> None:
        """Begin instances of a study, unless its batch has begun, or has ended since; not those that are made already.

        Args:
            study: Orthanc's identifier.
            rules: the digest of the project's rules.
            jobs: what its batch would have the pool do; their paths are replaced. Each with the version of the
                instance, which differs whenever its bytes in Orthanc do, and was looked up before they are read.
            as_of: when no batch had them yet, on the monotonic clock.
            arrived: when the last of them arrived.

        Raises:
            Retry: the processes cannot be started, or are being stopped.
        """
        with self._changed:
            if self._forgotten.get(study, -math.inf) > as_of:
                return
            state = self._studies.get(study) or self._opened(study)
            state.arrived = max(state.arrived, arrived)
            new = [self._placed(state, version, rules, job) for version, job in jobs if state.lacks(job.name, version)]
            if state.closed or not new:
                return
            future = self._pool.begin([origin.job for origin in new])
            state.under_way.update((origin.job.name, future) for origin in new)
            self._begun += 1
        future.add_done_callback(partial(self._done, state, new))

    def _placed(self, state: _Study, version: str, rules: str, job: Job) -> _Origin:
        name = self._staging.name(0, job.name).name
        job = replace(job, output=state.folder / name, previews=state.previews / Path(name).stem)
        return _Origin(version, rules, job)

    def _opened(self, study: str) -> _Study:
        key = uuid.uuid4().hex
        state = _Study(self._staging.ahead.path(key), self._previews.ahead.path(key))
        state.folder.mkdir(mode=0o700)
        self._studies[study] = state
        return state

    def _done(self, state: _Study, origins: Sequence[_Origin], future: Future[Done]) -> None:
        """Keep what was released. Everything else is for the batch: to say, or to try again."""
        with self._changed:
            self._begun -= 1
            state.touched = time.monotonic()
            for origin in origins:
                state.under_way.pop(origin.job.name, None)
            if _succeeded(future):
                self._keep(state, origins, future.result())
            self._ended(state)

    def _keep(self, state: _Study, origins: Sequence[_Origin], done: Done) -> None:
        for origin, result in zip(origins, done.results, strict=True):
            if result is not None and isinstance(result.outcome, Receipt):
                state.made[origin.job.name] = origin, result.outcome, result
                state.looked_at = False
        pace = len(origins) / max(done.seconds, 1e-3)
        state.together = max(1, min(_MOST_TOGETHER, int(_TOGETHER_SECONDS * pace)))

    def look_at_quiet(self, quiet: float) -> float:
        """Begin to look at whole series of the studies of which nothing arrived for so many seconds, once all is made.

        Return the seconds after which there may be others.

        Raises:
            Retry: the processes cannot be started, or are being stopped.
        """
        now, wait = time.monotonic(), math.inf
        with self._changed:
            for state in self._studies.values():
                if state.looked_at or state.closed or state.rounds >= _MOST_ROUNDS:
                    continue
                left = state.arrived + quiet - now
                if left <= 0 and state.is_still():
                    self._look(state)
                else:
                    wait = min(wait, max(left, _SOON))
        return wait

    def _look(self, state: _Study) -> None:
        state.looked_at, state.rounds = True, state.rounds + 1
        by_series: dict[str, dict[str, tuple[PlaceInSeries, Path, str]]] = {}
        for name, (origin, receipt, result) in state.made.items():
            if is_due(receipt):
                image = result.place or PlaceInSeries(), origin.job.output, receipt.output_sha256
                by_series.setdefault(receipt.series_instance_uid, {})[name] = image
        for series, images in by_series.items():
            digests = {name: digest for name, (_, _, digest) in images.items()}
            if series in state.looks and state.looks[series].digests == digests:
                continue
            parts = list(divided((place, name, path) for name, (place, path, _) in images.items()))
            if all(part.is_readable() for part in parts):  # else it is for the batch
                self._begin_look(state, series, _Look(digests, parts))

    def _begin_look(self, state: _Study, series: str, look: _Look) -> None:
        state.looks[series] = look
        for number, part in enumerate(look.parts):
            state.looking[series, number] = begun = self._pool.begin_look(part)
            begun.add_done_callback(partial(self._looked, state, look, (series, number)))

    def _looked(self, state: _Study, look: _Look, which: tuple[str, int], future: Future[SeriesLook]) -> None:
        """Keep the look at a part; one that failed for any image is for the batch to try again."""
        with self._changed:
            # Without it: the batch did not wait for it, and has moved the outputs meanwhile.
            known = state.looking.pop(which, None) is not None and _succeeded(future)
            if known and all(future.result().suspects.values()):
                look.done[which[1]] = future.result()
            self._ended(state)

    def _ended(self, state: _Study) -> None:
        if state.forgotten and state.is_still():
            self._remove(state)
        self._changed.notify_all()

    def look_of(
        self, study: str, series: str, digests: Mapping[str, str]
    ) -> list[tuple[SeriesPart, SeriesLook | None]]:
        """Return the parts of a series of a study, each with what was seen in it; none if other outputs were looked at.

        Args:
            study: Orthanc's identifier.
            series: the coded SeriesInstanceUID.
            digests: SHA-256 of each output, by instance.
        """
        with self._changed:
            state = self._studies.get(study)
            look = None if state is None else state.looks.get(series)
            if look is None or look.digests != digests:
                return []
            return [(part, look.done.get(number)) for number, part in enumerate(look.parts)]

    def patient(self, job: Job) -> Patient | None:
        """Return whom an instance is about; None if it cannot be read.

        Raises:
            Retry: it could not be read for now.
        """
        return self._pool.patient([replace(job, output=self._staging.trials() / "none")])

    def made_of(self, study: str) -> frozenset[str]:
        """Return the instances of a study that were made ahead, and begin no others of it.

        What is being worked on is waited for, for a while.
        """
        with self._changed:
            state = self._studies.get(study)
            if state is None:
                return frozenset()
            state.closed = True
        self._cancel(state)
        with self._changed:
            self._changed.wait_for(lambda: not state.under_way, timeout=_PATIENCE)
            self._changed.wait_for(lambda: not state.looking, timeout=_PATIENCE)
            state.looking.clear()
            return frozenset(state.made)

    def _cancel(self, state: _Study) -> None:
        """Give up what has not begun."""
        with self._changed:
            waiting: list[Future[Any]] = [*state.under_way.values(), *state.looking.values()]
        for future in waiting:
            future.cancel()

    def take(self, study: str, jobs: Iterable[Job], rules: str, versions: Mapping[str, str]) -> Iterator[Result]:
        """Yield the results of those jobs that were done ahead; their outputs are where the jobs want them.

        Args:
            study: Orthanc's identifier.
            jobs: the jobs of the batch.
            rules: the digest of the project's rules.
            versions: of the instances, as Orthanc has them now.
        """
        with self._changed:
            state = self._studies.get(study)
        if state is None:
            return
        for job in jobs:
            with self._changed:
                made = state.made.pop(job.name, None)
            if made is None:
                continue
            origin, receipt, result = made
            if origin.gives(versions.get(job.name), rules, job) and self._put_in_place(origin.job, receipt, job):
                yield result

    def _put_in_place(self, done: Job, receipt: Receipt, job: Job) -> bool:
        """Put an output in its place; return whether it was there, in its full size."""
        if not self._staging.holds(done.output, receipt):
            return False
        try:
            done.output.replace(job.output)
        except FileNotFoundError:  # forgotten meanwhile
            return False
        if done.previews is not None and job.previews is not None:
            self._previews.move(done.previews, job.previews)
        return True

    def forget(self, study: str) -> None:
        """Delete what was made of a study and not taken."""
        with self._changed:
            self._forgotten.pop(study, None)
            if len(self._forgotten) >= _MOST_FORGOTTEN:
                del self._forgotten[next(iter(self._forgotten))]
            self._forgotten[study] = time.monotonic()
            state = self._studies.pop(study, None)
            if state is None:
                return
            state.closed = state.forgotten = True
        self._cancel(state)
        with self._changed:
            if state.is_still():
                self._remove(state)

    def forget_old(self, now: float | None = None) -> None:
        """Delete what was made of studies that do not become stable.

        Args:
            now: of the monotonic clock.
        """
        at = time.monotonic() if now is None else now
        with self._changed:
            old = [study for study, state in self._studies.items() if at - state.touched > _TOO_OLD]
        for study in old:
            self.forget(study)

    def _remove(self, state: _Study) -> None:
        for folder in (state.folder, state.previews):
            shutil.rmtree(folder, ignore_errors=True)


def _succeeded(future: Future[Any]) -> bool:
    return not future.cancelled() and future.exception() is None

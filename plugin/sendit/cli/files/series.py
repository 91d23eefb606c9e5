"""Hold back outputs of `sendit deidentify` until their series has been checked: DST gets nothing before.

Every output is first written to a hidden folder of DST. An output that need not wait is renamed to its place at once;
the others are renamed, or made again with their text blackened, once they were checked together with the outputs of
their series that are near them in the order of the folder. The order decides the groups, so a second run does the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from sendit.model import Receipt
from sendit.pipeline.pool.processes import DeidentifyPool, Job, Result
from sendit.pipeline.pool.series_look import SeriesLook, SeriesOfOutputs, is_due, looked_at
from sendit.storage.staging import moved

_FOLDER = ".sendit-held-back"
#: Number of consecutive inputs that are checked together, series by series.
_TOGETHER = 128


@dataclass(slots=True)
class _Group:
    """A group of consecutive inputs."""

    under_way: int = 0
    series: dict[str, list[str]] = field(default_factory=dict)  # coded UID → names of the outputs that wait


@dataclass(slots=True)
class HeldBack:
    """The waiting outputs of one run. Their receipts are on disk, since a folder may have millions of files."""

    target: Path
    _jobs: dict[str, tuple[Job, int]] = field(default_factory=dict)  # running or waiting, with the number of its group
    _groups: dict[int, _Group] = field(default_factory=dict)  # by number
    _started: int = 0  # inputs so far

    def first(self, job: Job) -> Job:
        """Return the job with its output in the hidden folder."""
        folder = self.target / _FOLDER
        if not self._started:
            shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
            folder.mkdir(mode=0o700)
        number = self._started // _TOGETHER
        self._started += 1
        self._jobs[job.name] = job, number
        self._groups.setdefault(number, _Group()).under_way += 1
        return replace(job, output=self._place(job.name))

    def takes(self, result: Result) -> bool:
        """Hold a result back if it has to wait, else move its output to its place. Return whether it waits.

        Raises:
            Retry: the disk is full.
        """
        if result.name not in self._jobs:
            return False
        job, number = self._jobs[result.name]
        group = self._groups[number]
        group.under_way -= 1
        if isinstance(result.outcome, Receipt) and is_due(result.outcome):
            group.series.setdefault(result.outcome.series_instance_uid, []).append(result.name)
            self._receipt(result.name).write_text(json.dumps(result.outcome.as_dict()), encoding="utf-8")
            return True
        self._place_at(result, job)
        return False

    def _place_at(self, result: Result, job: Job) -> None:
        del self._jobs[result.name]
        if isinstance(result.outcome, Receipt):
            moved(self._place(job.name), job.output)

    def looked_at(self, pool: DeidentifyPool, end: bool = False) -> Iterator[Result]:
        """Yield the results that need not wait any longer; their outputs are in their places.

        Args:
            pool: the processes that search.
            end: all inputs have been started.
        """
        last = self._started // _TOGETHER
        for number in [n for n, group in self._groups.items() if not group.under_way and (end or n < last)]:
            yield from self._look(self._groups.pop(number), pool)

    def _look(self, group: _Group, pool: DeidentifyPool) -> Iterator[Result]:
        series = [group.series[uid] for uid in sorted(group.series)]
        looks = pool.look_at_series(SeriesOfOutputs({name: self._place(name) for name in names}) for names in series)
        for look in looks:
            yield from self._clean(look)
            again = (
                replace(self._jobs[name][0], series=findings, output=self._place(name))
                for name, findings in look.suspects.items()
            )
            for result in pool.run(again, alone_again=True):
                self._place_at(result, self._jobs[result.name][0])
                yield result

    def _clean(self, look: SeriesLook) -> Iterator[Result]:
        for name in look.names:
            if name not in look.suspects:
                receipt = Receipt.from_dict(json.loads(self._receipt(name).read_text("utf-8")))
                result = Result(name, looked_at(receipt))
                self._place_at(result, self._jobs[name][0])
                yield result

    def close(self) -> None:
        """Remove the hidden folder: outputs left in it were not released."""
        shutil.rmtree(self.target / _FOLDER, ignore_errors=True)

    def _place(self, name: str, kind: str = "dcm") -> Path:
        return self.target / _FOLDER / f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}.{kind}"

    def _receipt(self, name: str) -> Path:
        return self._place(name, "json")

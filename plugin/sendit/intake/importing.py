"""One import: many files, a few uploads at a time, every fate recorded."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sendit.intake.archives import Member, members
from sendit.intake.base import Finding, ImportLog, ImportSummary, Stopped, Store
from sendit.intake.judging import judge_file, judge_member
from sendit.intake.naming import shown
from sendit.intake.walk import FoundFile, open_regular, refusal
from sendit.model import FileFate

UPLOADS = 4
#: Files under way or waiting for an upload; each holds a few MiB at most.
_WINDOW = 2 * UPLOADS
#: So many bad files are kept to be listed; all of them are counted, and recorded in the log.
MOST_PROBLEMS = 10_000


@dataclass
class Tally:
    """What one import has brought so far. Written by one thread."""

    import_id: int
    log: ImportLog
    on_finding: Callable[[Finding], None] = lambda finding: None
    fates: Counter[FileFate] = field(default_factory=Counter)
    studies: dict[str, set[str]] = field(default_factory=dict)
    problems: list[Finding] = field(default_factory=list)
    bad: Counter[str] = field(default_factory=Counter)  # how many, by the first part of their names

    def note(self, finding: Finding) -> None:
        """Record one file's fate."""
        self.log.record(self.import_id, finding.name, finding.fate, finding.reason, finding.study)
        self.fates[finding.fate] += 1
        if finding.study and finding.instance:
            self.studies.setdefault(finding.study, set()).add(finding.instance)
        if finding.bad:
            self.bad[finding.name.split("/")[0]] += 1
            if len(self.problems) < MOST_PROBLEMS:
                self.problems.append(finding)
        self.on_finding(finding)

    def summary(self) -> ImportSummary:
        return ImportSummary(self.import_id, dict(self.fates), self.studies, self.problems)


class Uploads:
    """Judges files in a few threads, and notes their fates in the calling one; order has no meaning.

    At most _WINDOW files are held at any time, however many there are.
    """

    def __init__(
        self, store: Store, note: Callable[[Finding], None], stop: threading.Event, spool: Path | None
    ) -> None:
        self._store = store
        self._note = note
        self._stop = stop
        self._spool = spool
        self._under_way: dict[Future[Finding | None], FoundFile | Member] = {}

    def run(self, entries: Iterable[FoundFile | Finding]) -> None:
        """Deal with all of `entries`.

        Raises:
            Retry, Misconfigured: the first one that a file met with; what was under way is finished and noted.
            Stopped: `stop` was set.
        """
        with ThreadPoolExecutor(UPLOADS, thread_name_prefix="sendit-import") as pool, self._noting_what_is_left(pool):
            for entry in entries:
                self._take(pool, entry)
            while self._under_way:
                self._collect(pool, wait(self._under_way, return_when=FIRST_COMPLETED).done)

    def _take(self, pool: ThreadPoolExecutor, entry: FoundFile | Member | Finding) -> None:
        if self._stop.is_set():
            raise Stopped
        if isinstance(entry, Finding):
            self._note(entry)
        elif isinstance(entry, Member):
            self._under_way[pool.submit(judge_member, entry, self._store)] = entry
        else:
            self._under_way[pool.submit(judge_file, entry, self._store)] = entry
        while len(self._under_way) >= _WINDOW:
            self._collect(pool, wait(self._under_way, return_when=FIRST_COMPLETED).done)

    def _collect(self, pool: ThreadPoolExecutor, done: Iterable[Future[Finding | None]]) -> None:
        archives: list[FoundFile] = []
        for future in done:
            entry = self._under_way.pop(future)
            finding = future.result()
            if finding is not None:
                self._note(finding)
            elif isinstance(entry, FoundFile):  # judge_file says None for an archive
                archives.append(entry)
        for archive in archives:
            for found in self._open(archive):
                self._take(pool, found)

    def _open(self, archive: FoundFile) -> Iterator[Member | Finding]:
        try:
            stream = os.fdopen(open_regular(archive.path), "rb")
        except OSError as error:
            yield Finding(shown(archive.name), FileFate.UNREADABLE, refusal(error))
            return
        with stream:
            empty = True
            for entry in members(stream, archive.name, self._spool):
                empty = False
                yield entry
            if empty:
                yield Finding(shown(archive.name), FileFate.NOT_DICOM, "it is an empty ZIP archive")

    @contextmanager
    def _noting_what_is_left(self, pool: ThreadPoolExecutor) -> Iterator[None]:
        """Whatever ends the import, uploads that have begun are waited for, and their fates noted."""
        try:
            yield
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            for future, entry in self._under_way.items():
                if future.cancelled():
                    if isinstance(entry, Member):
                        entry.stream.close()
                elif future.exception() is None and (finding := future.result()) is not None:
                    self._note(finding)
            raise

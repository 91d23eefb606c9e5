"""One import: many files, a few at a time. For each file its kind, Orthanc's answer and the outcome are recorded."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from sendit.errors import Reject
from sendit.importer.file_kind import HEAD, FileKind, kind_of
from sendit.importer.file_names import shown
from sendit.importer.types import FileResult, ImportLog, ImportSummary, Stopped, Store
from sendit.importer.walk import FoundFile, open_regular, refusal
from sendit.importer.zip import Member, decide_by_kind, members
from sendit.model import FileOutcome
from sendit.storage import dataset_digests

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

UPLOADS = 4
#: Files under way or waiting for an upload; each holds a few MiB at most.
_WINDOW = 2 * UPLOADS
#: So many bad files are kept to be listed; all of them are counted, and recorded in the log.
MOST_PROBLEMS = 10_000

_CHUNK = 1024 * 1024


@dataclass
class ImportTally:
    """The results of one import so far. Written by one thread."""

    import_id: int
    log: ImportLog
    on_result: Callable[[FileResult], None] = lambda _: None
    outcomes: Counter[FileOutcome] = field(default_factory=Counter)
    studies: dict[str, set[str]] = field(default_factory=dict)
    problems: list[FileResult] = field(default_factory=list)
    bad: Counter[str] = field(default_factory=Counter)  # how many, by the first part of their names

    def note(self, result: FileResult) -> None:
        """Record one file's outcome."""
        self.log.record(self.import_id, result.name, result.outcome, result.reason, result.study)
        self.outcomes[result.outcome] += 1
        if result.study and result.instance:
            self.studies.setdefault(result.study, set()).add(result.instance)
        if result.bad:
            self.bad[result.name.split("/")[0]] += 1
            if len(self.problems) < MOST_PROBLEMS:
                self.problems.append(result)
        self.on_result(result)

    def summary(self) -> ImportSummary:
        """Return the result so far."""
        return ImportSummary(self.import_id, dict(self.outcomes), self.studies, self.problems)


class Uploads:
    """Judges files in a few threads, and notes their outcomes in the calling one; order has no meaning.

    At most _WINDOW files are held at any time, however many there are.
    """

    def __init__(
        self, store: Store, note: Callable[[FileResult], None], stop: threading.Event, spool: Path | None
    ) -> None:
        self._store = store
        self._note = note
        self._stop = stop
        self._spool = spool
        self._under_way: dict[Future[FileResult | None], FoundFile | Member] = {}

    def run(self, entries: Iterable[FoundFile | FileResult]) -> None:
        """Process all `entries`.

        Raises:
            Retry, Misconfigured: the first one that a file met with; what was under way is finished and noted.
            Stopped: `stop` was set.
        """
        with ThreadPoolExecutor(UPLOADS, thread_name_prefix="sendit-import") as pool, self._noting_what_is_left(pool):
            for entry in entries:
                self._take(pool, entry)
            while self._under_way:
                self._collect(pool, wait(self._under_way, return_when=FIRST_COMPLETED).done)

    def _take(self, pool: ThreadPoolExecutor, entry: FoundFile | Member | FileResult) -> None:
        if self._stop.is_set():
            raise Stopped
        if isinstance(entry, FileResult):
            self._note(entry)
        elif isinstance(entry, Member):
            self._under_way[pool.submit(outcome_of_member, entry, self._store)] = entry
        else:
            self._under_way[pool.submit(outcome_of_file, entry, self._store)] = entry
        while len(self._under_way) >= _WINDOW:
            self._collect(pool, wait(self._under_way, return_when=FIRST_COMPLETED).done)

    def _collect(self, pool: ThreadPoolExecutor, done: Iterable[Future[FileResult | None]]) -> None:
        archives: list[FoundFile] = []
        for future in done:
            entry = self._under_way.pop(future)
            result = future.result()
            if result is not None:
                self._note(result)
            elif isinstance(entry, FoundFile):  # outcome_of_file says None for an archive
                archives.append(entry)
        for archive in archives:
            for member in self._open(archive):
                self._take(pool, member)

    def _open(self, archive: FoundFile) -> Iterator[Member | FileResult]:
        try:
            stream = os.fdopen(open_regular(archive.path), "rb")
        except OSError as error:
            yield FileResult(shown(archive.name), FileOutcome.UNREADABLE, refusal(error))
            return
        with stream:
            empty = True
            for entry in members(stream, archive.name, self._spool):
                empty = False
                yield entry
            if empty:
                yield FileResult(shown(archive.name), FileOutcome.NOT_DICOM, "it is an empty ZIP archive")

    @contextmanager
    def _noting_what_is_left(self, pool: ThreadPoolExecutor) -> Iterator[None]:
        """Wait for uploads that have begun and note their outcomes, whatever ends the import."""
        try:
            yield
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            for future, entry in self._under_way.items():
                if future.cancelled():
                    if isinstance(entry, Member):
                        entry.stream.close()
                elif future.exception() is None and (result := future.result()) is not None:
                    self._note(result)
            raise


def outcome_of_file(file: FoundFile, store: Store) -> FileResult | None:
    """Return the outcome of a file on disk, which is opened here and streamed; None if it is an archive.

    Raises:
        Retry, Misconfigured: from the store, or if the folder went away.
    """
    try:
        with os.fdopen(open_regular(file.path), "rb") as stream:
            kind = kind_of(stream.read(HEAD), file.name)
            decided = decide_by_kind(kind, file.name)
            if decided is not None or kind is FileKind.ARCHIVE:
                return decided
            stream.seek(0)
            return _outcome_of_stream(stream, shown(file.name), kind, store)
    except OSError as error:
        return FileResult(shown(file.name), FileOutcome.UNREADABLE, refusal(error))


def outcome_of_member(member: Member, store: Store) -> FileResult:
    """Return the outcome of a member of an archive; closes its stream. Raises as outcome_of_file."""
    with member.stream:
        return _outcome_of_stream(member.stream, member.name, member.kind, store)


def _outcome_of_stream(stream: BinaryIO, name: str, kind: FileKind, store: Store) -> FileResult:
    """Store it; what Orthanc has already is compared with it."""
    try:
        answer = store.store(stream)
    except Reject as error:
        if kind is FileKind.BARE:
            return FileResult(name, FileOutcome.NOT_DICOM, "it has no DICOM header, and Orthanc makes nothing of it")
        return FileResult(name, FileOutcome.UNREADABLE, str(error))
    if answer.status == "Success":
        return FileResult(name, FileOutcome.IMPORTED, None, answer.study, answer.instance)
    if answer.status != "AlreadyStored":
        return FileResult(
            name, FileOutcome.NOT_STORED, f"Orthanc did not store it ({answer.status})", answer.study or None
        )
    if _is_there(answer.instance, stream, store):
        return FileResult(name, FileOutcome.ALREADY_THERE, None, answer.study, answer.instance)
    reason = "Orthanc holds another content under the same UIDs; it was left as it is"
    return FileResult(name, FileOutcome.CONFLICT, reason, answer.study)


def _is_there(instance: str, stream: BinaryIO, store: Store) -> bool:
    """Return whether Orthanc has these bytes, or the same dataset behind a file meta information of its own.

    It writes that anew for what came by DICOM. The MD5 is asked for first: Orthanc has it without reading the file.
    """
    stream.seek(0)
    if store.same_content(instance, _md5(stream)):
        return True
    stream.seek(0)
    dataset = dataset_digests.of_stream(stream)
    return dataset is not None and dataset_digests.of_chunks(store.read(instance)) == dataset


def _md5(stream: BinaryIO) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()

"""The importer's interfaces to the rest of SendIt, and its results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from sendit.model import BAD_OUTCOMES, FileOutcome, StoreAnswer


class Store(Protocol):
    """Our own Orthanc. Its methods are called from several threads at once."""

    def store(self, data: bytes | BinaryIO) -> StoreAnswer:
        """Upload one DICOM file. A stream is read from where it stands to its end, and is not closed.

        Raises:
            Reject: Orthanc cannot make an instance of it (HTTP 400 or 404: not DICOM, truncated, without UIDs).
            Retry: Orthanc is not reachable, has an error of its own, or its disk is full.
            Misconfigured: Orthanc does not let us in.
        """
        ...

    def same_content(self, instance: str, md5: str) -> bool:
        """Return whether Orthanc holds exactly these bytes (`md5` in hexadecimal) under this identifier.

        Raises Retry.
        """
        ...

    def read(self, instance: str) -> Iterator[bytes]:
        """Yield the bytes that Orthanc holds under this identifier, a piece at a time; nothing if it was deleted.

        Raises Retry.
        """
        ...


class ImportLog(Protocol):
    """Where the outcome of every file is kept. Called from one thread of each importer."""

    def begin(self, project: str, folder: str, directory: str) -> int:
        """Begin an import, and return its id; `directory` is the name inside `folder`, or "." for loose files."""
        ...

    def record(self, import_id: int, path: str, outcome: FileOutcome, reason: str | None, study: str | None) -> None:
        """Record the outcome of one file; a later one for the same path replaces it.

        `path` is relative to the directory. A file in an archive is named `archive.zip/name of the member`.
        """
        ...

    def finish(self, import_id: int, *, ok: bool) -> None:
        """Note that the import is complete. One that is not finished was interrupted, and is done again."""
        ...


class OnImported(Protocol):
    """Told once an import has ended: which instances of which studies Orthanc now holds because of it.

    Called before the directory is moved away, so a kill in between calls it again with the same content.
    Instances that were there already are among them; files that failed are not.
    """

    def __call__(self, studies: Mapping[str, Set[str]], project: str) -> None:
        """Take note of imported studies, each with its instances."""
        ...


#: Called after each file with how many files had each outcome so far.
Progress = Callable[[Mapping[FileOutcome, int]], None]


@dataclass(frozen=True, slots=True)
class FileResult:
    """The result for one file. `name` is relative to the directory and fit to be shown."""

    name: str
    outcome: FileOutcome
    reason: str | None = None
    study: str | None = None
    instance: str | None = None

    @property
    def bad(self) -> bool:
        """Return whether its directory goes to `.err/`."""
        return self.outcome in BAD_OUTCOMES


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """The result of one import."""

    import_id: int
    outcomes: Mapping[FileOutcome, int]
    studies: Mapping[str, Set[str]] = field(repr=False)
    problems: Sequence[FileResult] = field(repr=False)  # the bad ones; at most importing.MOST_PROBLEMS of them

    @property
    def ok(self) -> bool:
        """Whether all was imported, or was there already, or needed no import."""
        return not any(outcome in BAD_OUTCOMES for outcome in self.outcomes)


class Stopped(Exception):
    """The importer was asked to end in the middle of an import; the next start takes it up again."""

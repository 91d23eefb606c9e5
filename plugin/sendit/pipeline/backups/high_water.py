"""The high-water mark: what the journal has to know, a second time, in a file beside the keys, apart from the database.

A journal that was restored from a backup has forgotten recalls, and would send the recalled studies again. So a start,
and each delivery, compares the journal with the mark: one that is behind is refused until an operator accepts it
(`sendit.pipeline.backups.accept`). The mark is a lower bound and written from the journal alone; what the journal knows
and the mark does not is added to it. Why it is so: docs/decisions/0013-journal-high-water-mark.md.

The file: a line for each fact, `<CRC-32 in hexadecimal> <JSON>`, appended and fsynced. It is written anew (beside,
fsynced, renamed) when it has grown long, and when a project is unlinked: what leads to originals goes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any

from sendit import keyring
from sendit.errors import Misconfigured, Retry, SendItError
from sendit.journal import Journal, JournalFault
from sendit.journal.database import JOURNAL_FILE, NotMade, Seal
from sendit.journal.database.faults import PLACE
from sendit.journal.high_water import Level, ProjectCounts, beyond, in_words, lacking
from sendit.journal.writing import reading
from sendit.pipeline.projects import KEYS
from sendit.storage import data_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "high-water-mark"
_VERSION = 1
#: A longer file is written anew at the next start.
_LONG = 1 << 20
_ACCEPT = "if there is none, an operator may accept this one: sendit journal accept (docs/runbook.md)"
_NEWEST = f"Restore the newest journal; {_ACCEPT}."


class JournalBehind(JournalFault):
    """The journal is older than what has left, another one, or its mark is not there: an operator has to accept it."""


@dataclass(slots=True)
class Mark:
    """The content of the mark's file."""

    level: Level = field(default_factory=Level)
    restored: dict[str, str] | None = None  # a backup was restored, and no operator has accepted it yet
    damaged: int | None = None  # the first line that cannot be read though others follow, or though there is no other
    there: bool = False
    end: int = 0  # where its last whole line ends, in bytes


class MarkFile:
    """The file, for one process at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / KEYS
        self.path = self._directory / FILE

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the mark, which is a file of its own: the mark may be renamed over."""
        keyring.make_folder(self._directory)
        try:
            with _private(self.path.with_suffix(".lock"), "a") as lock:
                keyring.give(self.path.with_suffix(".lock"), self._directory)
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            problem = f"the high-water mark {self.path} cannot be written ({error.strerror})"
            raise Retry(f"{problem}; nothing leaves until there is room, and SendIt may write there") from None

    def signature(self) -> tuple[int, int] | None:
        """Return what changes with the file; None if it is not there."""
        try:
            state = self.path.stat()
        except FileNotFoundError:
            return None
        return state.st_ino, state.st_size

    def read(self) -> Mark:
        """Read the mark. A last line that a kill tore off is left out.

        Raises:
            Misconfigured: it cannot be read, or is of a newer SendIt.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return Mark()
        except OSError as error:
            raise Misconfigured(str(self.path), f"it cannot be read ({error.strerror})", "Run as its owner.") from None
        mark = Mark(there=bool(content))
        unread, begin = None, 0
        for number, line in enumerate(content.split(b"\n"), 1):
            fact, end = _fact(line), begin + len(line) + 1
            begin = end
            if end > len(content):
                break  # no end of line: a kill tore it off
            if fact is None:
                unread = unread or (number if line.strip(b"\0 ") else None)
                continue
            mark.damaged = mark.damaged or unread
            if fact.get("version", _VERSION) > _VERSION:
                raise Misconfigured(
                    str(self.path), "it was written by a newer version of SendIt", "Install that version again."
                )
            _add(mark, fact)
            mark.end = end
        if mark.there and not mark.level.journal:
            mark.damaged = mark.damaged or unread or 1
        return mark

    def append(self, mark: Mark, facts: list[dict[str, Any]]) -> None:
        """Add lines to what was read just now, and have them on the disk. To be called with the lock held."""
        fresh = not self.path.exists()
        with _private(self.path, "ab") as file:
            file.truncate(mark.end)  # what a kill tore off
            file.write(b"".join(_line(fact) for fact in facts))
            file.flush()
            os.fsync(file.fileno())
        if fresh:
            keyring.give(self.path, self._directory)
            keyring.synchronise(self._directory)

    def rewrite(self, mark: Mark) -> None:
        """Write it anew, and overwrite what was. To be called with the lock held."""
        beside = self.path.with_suffix(".new")
        with _private(beside, "wb") as file:
            file.write(b"".join(_line(fact) for fact in _facts(mark.level, mark.restored)))
            file.flush()
            os.fsync(file.fileno())
        keyring.give(beside, self._directory)
        old = self.path.open("r+b") if self.path.exists() else None
        os.rename(beside, self.path)
        keyring.synchronise(self._directory)
        if old is not None:
            with old:
                old.write(bytes(os.fstat(old.fileno()).st_size))
                old.flush()
                os.fsync(old.fileno())


def _private(path: Path, mode: str) -> IO[Any]:
    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600)

    return open(path, mode, opener=opener)


def _line(fact: dict[str, Any]) -> bytes:
    text = json.dumps(fact, separators=(",", ":")).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _fact(line: bytes) -> dict[str, Any] | None:
    """Return what stands in a line; None if it is not whole."""
    digits, _, text = line.partition(b" ")
    try:
        if len(digits) != 8 or int(digits, 16) != zlib.crc32(text):
            return None
        fact: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return fact


def _facts(level: Level, restored: dict[str, str] | None = None) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = [{"version": _VERSION, "journal": level.journal}]
    for name, count in sorted(level.counts.items()):
        numbers = {"begun": count.begun, "released": count.released, "withdrawn": count.withdrawn}
        facts.append({"project": name, **numbers})
    facts += [{"project": name, "study": study} for name, study in sorted(level.studies)]
    facts += [{"project": name, "patient": patient} for name, patient in sorted(level.patients)]
    facts += [{"project": name, "cut": sorted(studies)} for name, studies in sorted(level.unlinked.items())]
    return facts + ([{"restored": restored}] if restored else [])


def _add(mark: Mark, fact: dict[str, Any]) -> None:
    level, project = mark.level, str(fact.get("project", ""))
    if "journal" in fact:
        level.journal = str(fact["journal"])
    elif "begun" in fact:
        numbers = ProjectCounts(int(fact["begun"]), int(fact["released"]), int(fact["withdrawn"]))
        level.counts[project] = numbers.raised_to(level.counts.get(project, ProjectCounts()))
    elif "study" in fact:
        level.studies.add((project, str(fact["study"])))
    elif "patient" in fact:
        level.patients.add((project, str(fact["patient"])))
    elif "cut" in fact:
        level.unlinked.setdefault(project, set()).update(map(str, fact["cut"]))
    elif "restored" in fact:
        mark.restored = dict(fact["restored"])
    elif "accepted" in fact:
        mark.restored = None


class JournalGuard:
    """Compares the journal with its high-water mark, and keeps that up. Safe to use from several threads."""

    def __init__(self, journal: Journal, directory: Path) -> None:
        self._journal = journal
        self._directory = directory
        self._file = MarkFile(directory)
        self._mutex = threading.Lock()
        self._known: tuple[Any, ...] = ()  # what was found equal
        self._level: Level | None = None  # the journal's, as it was read last
        self._mark: Mark | None = None  # the file's, as long as its signature is the known one

    def look(self) -> JournalFault | None:
        """Return the fault that makes it impossible to go on; None if there is none.

        Cheap; notices a deleted journal.
        """
        if self._journal.fault is None and self._journal.engine.dialect.name == "sqlite":
            with contextlib.suppress(SendItError), reading(self._journal.engine) as connection:
                connection.exec_driver_sql("SELECT 1")
        return self._journal.fault

    def sync(self, *, tidy: bool = False) -> None:
        """Add to the mark what the journal knows and it does not. To be called before anything leaves.

        Args:
            tidy: write the file anew if it has grown long.

        Raises:
            JournalBehind: the journal lacks what the mark knows; the mark stays as it is.
            Retry: the mark cannot be written.
        """
        with self._mutex:
            counts = self._journal.high_water.counts()
            if not tidy and self._known == (counts, self._file.signature()):
                return
            with self._file.locked():
                try:
                    self._sync(counts, tidy=tidy)
                except JournalBehind as fault:
                    self._journal.fault = self._journal.fault or fault
                    raise
                except OSError:
                    self._mark = None  # half a line may have been written
                    raise
                self._known = (counts, self._file.signature())

    def _read(self, counts: tuple[str, dict[str, ProjectCounts]]) -> Level:
        """Return the journal's level. Where nothing was withdrawn since the last time, the counts alone are news."""
        last = self._level
        if last is not None and (last.journal, _withdrawn(last.counts)) == (counts[0], _withdrawn(counts[1])):
            return replace(last, counts=counts[1])
        return self._journal.high_water.level()

    def _sync(self, counts: tuple[str, dict[str, ProjectCounts]], *, tidy: bool) -> None:
        unchanged = self._mark is not None and self._known[1] == self._file.signature()
        mark, level = self._mark if self._mark and unchanged else self._file.read(), self._read(counts)
        node = data_directory.node(self._directory)
        refuse(self._file.path, mark, level, kept=bool(self._mark) or self._journal.high_water.is_kept_by(node))
        if level.unlinked.keys() - mark.level.unlinked.keys() or (
            tidy and (self._file.signature() or (0, 0))[1] > _LONG
        ):
            self._file.rewrite(Mark(level))
        elif fresh := _news(mark, level):
            self._file.append(mark, fresh)
        if self._mark is None:
            self._journal.high_water.keep(node)
        size = (self._file.signature() or (0, 0))[1]
        self._level, self._mark = level, Mark(level, there=True, end=size)


def _withdrawn(counts: dict[str, ProjectCounts]) -> dict[str, int]:
    return {name: count.withdrawn for name, count in counts.items()}


def _news(mark: Mark, level: Level) -> list[dict[str, Any]]:
    news = Level(level.journal)
    news.counts = {name: count for name, count in level.counts.items() if mark.level.counts.get(name) != count}
    recorded = mark.level
    news.studies, news.patients = beyond(level.studies, recorded.studies), beyond(level.patients, recorded.patients)
    news.unlinked = {
        name: studies for name, studies in level.unlinked.items() if beyond(studies, recorded.unlinked.get(name, set()))
    }
    facts = _facts(news)
    return facts if not mark.there or len(facts) > 1 else []


def refuse(path: Path, mark: Mark, level: Level, *, kept: bool) -> None:
    """Raise JournalBehind if the journal is not one that may go on with this mark.

    Args:
        path: the file of the mark.
        mark: the high-water mark.
        level: what the journal has.
        kept: the journal says that this node has kept a mark of it.
    """
    if mark.damaged is not None:
        problem, remedy = (
            f"line {mark.damaged} of the high-water mark is damaged",
            "Restore the file from your backup;",
        )
        raise JournalBehind(str(path), problem, f"{remedy} {_ACCEPT}.")
    if not mark.there:
        if kept:
            problem = (
                "the high-water mark is missing or empty, so SendIt cannot tell whether this journal is the newest"
            )
            raise JournalBehind(str(path), problem, f"Restore the file from your backup; {_ACCEPT}.")
        return
    if mark.restored:
        problem = f"the journal was restored from a backup of {mark.restored.get('made', 'an unknown time')}"
        remedy = "It may lack what was sent or recalled since: follow the runbook, then run: sendit journal accept"
        raise JournalBehind(PLACE, problem, f"{remedy} (docs/runbook.md).")
    if level.journal != mark.level.journal:
        everything = in_words(lacking(mark.level, Level()))
        problem = "the database contains a different journal than the high-water mark's"
        raise JournalBehind(PLACE, f"{problem}, of which: {everything}" if everything else problem, _NEWEST)
    if missing := in_words(lacking(mark.level, level)):
        raise JournalBehind(PLACE, f"the journal is older than what was sent or recalled: {missing}", _NEWEST)


def open_journal(database: str, directory: Path, seal: Seal | None = None, home: str = "") -> Journal:
    """Open the journal for work, and compare it with its mark.

    Raises:
        JournalBehind: the journal is missing, empty, another one, or behind; nothing was made or changed.
        Misconfigured, Retry: as `Journal.open`.
    """
    refuse_missing(database, directory)
    return Journal.open(database, directory, seal=seal, home=home)


def refuse_missing(database: str, directory: Path) -> None:
    """Raise JournalBehind if there is no journal, though the mark knows one. Nothing is made."""
    mark = MarkFile(directory).read()
    if mark.level.journal and is_missing(database, directory):
        problem = f"the journal is missing or empty: {in_words(lacking(mark.level, Level())) or 'it was used before'}"
        raise JournalBehind(PLACE if database != "sqlite" else str(directory / JOURNAL_FILE), problem, _NEWEST)


def examine(journal: Journal, directory: Path) -> None:
    """Raise JournalBehind if SendIt would not start with this journal. Nothing is written."""
    node = directory / "node"
    kept = node.exists() and journal.high_water.is_kept_by(node.read_text().strip())
    file = MarkFile(directory)
    refuse(file.path, file.read(), journal.high_water.level(), kept=kept)


def is_missing(database: str, directory: Path) -> bool:
    """Return whether there is no journal at all where the configuration says. Nothing is made."""
    if database == "sqlite":
        path = directory / JOURNAL_FILE
        return not path.exists() or path.stat().st_size == 0
    try:
        Journal.open(database, directory, upgrade=False).close()
    except NotMade:
        return True
    except JournalFault:
        raise
    except Misconfigured:
        return False  # of an older SendIt, or of a newer one: it says so when it is opened
    return False

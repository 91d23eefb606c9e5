"""Watched folders: studies that are put there are imported into Orthanc. When one is complete: `completeness.py`."""

from __future__ import annotations

import logging
import os
import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import watchfiles

from sendit.errors import Misconfigured, SendItError
from sendit.importer.after_import import Changed, Ended, dispose, finish_deletions
from sendit.importer.completeness import SETTLE_SECONDS, Completeness
from sendit.importer.file_names import DONE, ERR, is_taken, shown
from sendit.importer.types import FileResult, ImportLog, ImportSummary, OnImported, Progress, Stopped, Store
from sendit.importer.upload import ImportTally, Uploads
from sendit.importer.walk import Bounds, Snapshot, snapshot, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sendit.config.schema import WatchedFolder

log = logging.getLogger(__name__)
logging.getLogger("watchfiles").setLevel(logging.WARNING)  # below that it logs paths

_LOOSE = "."  # what stands in the import log for loose files
_FIRST_DELAY = 1.0  # seconds
_LONGEST_DELAY = 60.0
_TICK_MS = 1000  # how often the watcher wakes up when nothing happens


@dataclass(slots=True)
class _Patience:
    """When something is tried again after a failure: 1 s, 2 s, 4 s … 60 s."""

    failures: int = 0
    due: float = 0.0

    def failed(self, now: float) -> None:
        self.due = now + min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(self.failures, 10))
        self.failures += 1


@dataclass(slots=True)
class _Attempts:
    """The record of a directory, or of all loose files together, until it has left the folder."""

    patience: _Patience = field(default_factory=_Patience)
    import_id: int | None = None  # of the import that a failure interrupted
    ended: list[Ended] = field(default_factory=list)  # imported, and not moved yet


class FolderWatcher:
    """Imports what is put into one folder, for one project.

    Args:
        folder: the settings.
        place: where it stands in the configuration; logs name this and never a path.
        spool: where large members of archives are unpacked to; None: the system's temporary folder.
    """

    def __init__(
        self,
        folder: WatchedFolder,
        store: Store,
        log: ImportLog,
        on_imported: OnImported,
        place: str = "SendIt.WatchedFolders",
        spool: Path | None = None,
    ) -> None:
        self._folder = folder
        self._root = str(folder.path)
        self._store = store
        self._log = log
        self._on_imported = on_imported
        self._place = place
        self._spool = spool
        self._completeness = Completeness(folder.quiet_seconds)
        self._attempts: dict[str, _Attempts] = {}
        self._trouble: dict[str, str] = {}  # what was reported, by what it is about
        self._next_look = 0.0

    def run(self, stop: threading.Event) -> None:
        """Watch until `stop` is set. Nothing else ends it: an error is logged once, and tried again."""
        while not stop.is_set():
            try:
                self._watch(stop)
            except OSError as error:
                self._report("folder", f"the folder cannot be watched ({error.strerror or type(error).__name__})")
            except Exception as error:  # noqa: BLE001 - a watcher that died would be noticed by nobody
                self._report("folder", f"watching failed with {_kind(error)}")
            stop.wait(0 if stop.is_set() else self._folder.poll_seconds)

    def problems(self) -> list[str]:
        """Return what is wrong with this folder at the moment, in words, without paths.

        May be called from any thread.
        """
        return [f"{self._place}: {message}" for message in dict.fromkeys(list(self._trouble.values()))]

    def _watch(self, stop: threading.Event) -> None:
        """Watch until the folder is another one (mounted, unmounted, renamed) or `stop` is set."""
        identity = self._identity()
        try:
            finish_deletions(self._root)
            self._well("delete")
        except OSError as error:
            self._report("delete", f"what was imported cannot be deleted ({error.strerror})")
        for changes in self._changes(stop):
            for _, path in changes:
                self._completeness.heard_of(os.path.basename(path))
            if self._identity() != identity:
                return
            if changes or time.monotonic() >= self._next_look:
                self._look(stop)
            if stop.is_set():
                return

    def _changes(self, stop: threading.Event) -> Iterator[set[tuple[watchfiles.Change, str]]]:
        """Yield changes directly in the folder; an empty set at the beginning, and now and then.

        Not below it: a watch on every directory would exhaust the system's, and `completeness.py` looks for itself.
        """
        yield set()
        yield from watchfiles.watch(
            self._root,
            watch_filter=None,
            debounce=400,
            rust_timeout=_TICK_MS,
            yield_on_timeout=True,
            stop_event=stop,
            raise_interrupt=False,
            force_polling=self._folder.polling,
            poll_delay_ms=int(self._folder.poll_seconds * 1000),
            recursive=False,
        )

    def _identity(self) -> tuple[int, int]:
        state = os.stat(self._root)
        return state.st_dev, state.st_ino

    def _look(self, stop: threading.Event) -> None:
        """Look once at everything in the folder, and import what is complete."""
        now = time.monotonic()
        names = self._names()
        self._well("folder")
        self._completeness.keep_only(names)
        for name in [n for n in self._attempts if n != _LOOSE and n not in names]:
            del self._attempts[name]
            self._well(f"import {name}")
            self._well(f"move {name}")
        directories, loose = self._complete(names, now)
        for name in sorted(directories):
            if not self._attempt(name, {name: directories[name]}, stop):
                break  # Orthanc fails, or SendIt ends; the others come with the next look
        else:
            if loose:
                self._attempt(_LOOSE, loose, stop)
        pause = self._folder.poll_seconds
        self._next_look = time.monotonic() + (
            pause if self._folder.polling or not names else min(pause, SETTLE_SECONDS)
        )

    def _names(self) -> set[str]:
        names = set()
        with os.scandir(self._root) as entries:
            for entry in entries:
                if is_taken(entry.name):
                    names.add(entry.name)
                elif not entry.name.startswith("."):
                    self._completeness.heard_of(entry.name)
        return names

    def _complete(self, names: set[str], now: float) -> tuple[dict[str, Snapshot], dict[str, Snapshot]]:
        """Return the complete directories, and the loose files if it is their turn.

        What waits after a failure is left out.
        """
        directories: dict[str, Snapshot] = {}
        complete: dict[str, Snapshot] = {}
        loose: set[str] = set()
        for name in names:
            is_loose = not self._is_directory(name)
            if is_loose:
                loose.add(name)
            waiting = self._attempts.get(_LOOSE if is_loose else name)
            if waiting is not None and waiting.patience.due > now:
                continue
            seen = self._snapshot(name)
            if seen is not None and self._completeness.is_complete(name, seen, now, loose=is_loose):
                (complete if is_loose else directories)[name] = seen
        return directories, complete if self._completeness.group(complete, loose, now) else {}

    def _is_directory(self, name: str) -> bool:
        path = os.path.join(self._root, name)
        return os.path.isdir(path) and not os.path.islink(path)

    def _snapshot(self, name: str) -> Snapshot | None:
        """Return None if it is not there any more."""
        try:
            return snapshot(os.path.join(self._root, name))
        except OSError:
            return None

    def _attempt(self, name: str, group: Mapping[str, Snapshot], stop: threading.Event) -> bool:
        """Import a directory, or a group of loose files, and move it away. False if others had better wait."""
        attempts = self._attempts.setdefault(name, _Attempts())
        try:
            self._import(name, group, attempts, stop)
        except Stopped:
            return False
        except SendItError as error:
            self._report(f"import {name}", f"an import waits and is tried again: {error}")
        except Exception as error:  # noqa: BLE001 - one directory must not end the watching of all others
            self._report(f"import {name}", f"an import failed with {_kind(error)} and is tried again")
        else:
            self._well(f"import {name}")
            if not self._dispose(name, attempts):
                attempts.patience.failed(time.monotonic())
            elif attempts.import_id is None:
                del self._attempts[name]
            else:  # still being written
                attempts.patience = _Patience()
            return True
        attempts.patience.failed(time.monotonic())
        return False

    def _import(self, name: str, group: Mapping[str, Snapshot], attempts: _Attempts, stop: threading.Event) -> None:
        """Import what was not imported yet; `attempts.ended` then holds what is to be moved."""
        ended = {e.name: e.seen.fingerprint for e in attempts.ended}
        fresh = {n: seen for n, seen in group.items() if ended.get(n) != seen.fingerprint}
        if not fresh:
            return
        attempts.ended = [e for e in attempts.ended if e.name not in fresh]
        if attempts.import_id is None:
            attempts.import_id = self._log.begin(self._folder.project, self._root, shown(name))
        tally = ImportTally(attempts.import_id, self._log)
        bounds = Bounds(self._root, is_taken)
        entries = (entry for n in fresh for entry in walk(os.path.join(self._root, n), bounds))
        Uploads(self._store, tally.note, stop, self._spool).run(entries)
        unchanged = self._unchanged(fresh)
        if not unchanged:
            return  # still being written: all of it once more, as the same import, when it is quiet
        if tally.studies:
            self._on_imported(tally.studies, self._folder.project)
        summary = tally.summary()
        self._log.finish(attempts.import_id, ok=summary.ok)
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(summary.outcomes.items()))
        log.info("%s: import %d has ended: %s", self._place, attempts.import_id, counts)
        attempts.import_id = None
        attempts.ended += _ended_files(unchanged, tally) if name == _LOOSE else [_ended(name, unchanged[name], tally)]

    def _unchanged(self, group: Mapping[str, Snapshot]) -> dict[str, Snapshot]:
        """Return the files that still look as they did before the import; the others have to become quiet again."""
        unchanged: dict[str, Snapshot] = {}
        for name, seen in group.items():
            now = self._snapshot(name)
            if now is not None and now.fingerprint == seen.fingerprint:
                unchanged[name] = seen
            else:
                self._completeness.forget(name)
        return unchanged

    def _dispose(self, name: str, attempts: _Attempts) -> bool:
        """Move away all that has ended; False if something could not be moved."""
        kept: list[Ended] = []
        for ended in attempts.ended:
            try:
                dispose(self._root, ended, delete=self._folder.after_import == "Delete")
            except Changed:
                self._completeness.forget(ended.name)
            except OSError as error:
                kept.append(ended)
                remedy = f"let SendIt's user write there; it needs {DONE} and {ERR}"
                self._report(f"move {name}", f"what was imported cannot be moved away ({error.strerror}); {remedy}")
            else:
                self._completeness.forget(ended.name)
        attempts.ended = kept
        if not kept:
            self._well(f"move {name}")
        return not kept

    def _report(self, about: str, message: str) -> None:
        """Log a problem once; it is logged again only after it was solved. `about` is not shown."""
        reported = message in self._trouble.values()
        self._trouble[about] = message
        if not reported:
            log.warning("%s: %s", self._place, message)

    def _well(self, about: str) -> None:
        message = self._trouble.pop(about, None)
        if message is not None and message not in self._trouble.values():
            log.info("%s: no longer so: %s", self._place, message)


def _kind(error: Exception) -> str:
    """Return an unforeseen error without its text, which could hold a path: what it is, and where it came up."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + where


def _ended(name: str, seen: Snapshot, tally: ImportTally) -> Ended:
    """Return an ended directory with all its problems."""
    return Ended(name, seen, tally.problems, tally.bad.total() - len(tally.problems))


def _ended_files(group: Mapping[str, Snapshot], tally: ImportTally) -> list[Ended]:
    """Return loose files, each with its problems: an archive can have several."""
    problems: dict[str, list[FileResult]] = {}
    for problem in tally.problems:
        problems.setdefault(problem.name.split("/")[0], []).append(problem)
    ended = []
    for name, seen in group.items():
        listed = problems.get(shown(name), [])
        ended.append(Ended(name, seen, listed, tally.bad[shown(name)] - len(listed)))
    return ended


def import_folder(
    path: Path,
    project: str,
    store: Store,
    log: ImportLog,
    on_imported: OnImported,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    spool: Path | None = None,
) -> ImportSummary:
    """Import a folder, or a single file or archive, once and as it is. Nothing in it is moved or deleted.

    Raises:
        Misconfigured: there is nothing at `path`, or Orthanc does not let us in.
        Retry: the local Orthanc fails; run it again, and what was imported already is not stored twice.
        Stopped: `stop` was set.
    """
    if not path.exists():
        raise Misconfigured("FOLDER", "there is no such file or folder", "Check its spelling, and that it is mounted.")
    top = os.path.realpath(path)
    import_id = log.begin(project, shown(top), _LOOSE)
    tally = ImportTally(import_id, log)
    if progress is not None:
        tally.on_result = lambda _: progress(tally.outcomes)
    inside = top if os.path.isdir(top) else os.path.dirname(top)
    Uploads(store, tally.note, stop or threading.Event(), spool).run(walk(top, Bounds(inside, lambda _: True)))
    if tally.studies:
        on_imported(tally.studies, project)
    summary = tally.summary()
    log.finish(import_id, ok=summary.ok)
    return summary

"""After the import: a directory or file moves to `.done/`, to `.err/` with its reasons, or is deleted."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendit.importer.file_names import DONE, ERR, REASONS, free_name
from sendit.importer.walk import Snapshot, snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendit.importer.types import FileResult

_DELETING = ".deleting-"

_HEADER = """\
SendIt could not import all of what lies beside this file.
Each line below is one file: its path, what became of it, and why, with tabs between them.
All other files were imported. To try again after repairing or removing the files below, move the
directory or file out of .err into the watched folder; what Orthanc holds already is not stored twice.

"""


@dataclass(frozen=True, slots=True)
class Ended:
    """An import of one directory or loose file that has come to its end."""

    name: str  # in the watched folder
    seen: Snapshot  # what was imported looked like this
    problems: Sequence[FileResult]
    more: int = 0  # problems that are counted only

    @property
    def whole(self) -> bool:
        """Whether all of it was imported, or needed no import."""
        return not self.problems and not self.more


class Changed(Exception):
    """Something was still written while it was being imported."""


def dispose(folder: str, ended: Ended, *, delete: bool) -> None:
    """Move it to where it belongs, or delete it if it was imported whole and `delete` says so.

    Raises:
        Changed: it is no longer what was imported; it stays, or is put back.
        OSError: it cannot be moved; it stays.
    """
    source = os.path.join(folder, ended.name)
    if _is_changed(source, ended.seen):
        raise Changed
    place = os.path.join(folder, DONE if ended.whole else ERR)
    os.makedirs(place, exist_ok=True)
    target = os.path.join(place, free_name(place, ended.name))
    if not ended.whole:
        _write_reasons(target + REASONS, ended)
    os.rename(source, target)
    if delete and ended.whole:
        _delete(source, target, ended.seen)


def finish_deletions(folder: str) -> None:
    """Delete what a kill left half deleted. Raises OSError."""
    place = os.path.join(folder, DONE)
    if os.path.isdir(place):
        for name in os.listdir(place):
            if name.startswith(_DELETING):
                _remove(os.path.join(place, name))


def _delete(source: str, target: str, seen: Snapshot) -> None:
    if _is_changed(target, seen):  # something came in the instant before the move
        os.rename(target, source)
        raise Changed
    doomed = os.path.join(os.path.dirname(target), _DELETING + os.path.basename(target))
    os.rename(target, doomed)
    _remove(doomed)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _is_changed(path: str, seen: Snapshot) -> bool:
    try:
        return snapshot(path).fingerprint != seen.fingerprint
    except FileNotFoundError:
        return True


def _write_reasons(path: str, ended: Ended) -> None:
    """Write the reasons beside the directory, synced and renamed into place, before the directory itself is moved."""
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        file.write(_HEADER)
        for problem in ended.problems:
            file.write(f"{problem.name}\t{problem.outcome}\t{problem.reason or ''}\n")
        if ended.more:
            file.write(f"and {ended.more} more\n")
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".tmp", path)

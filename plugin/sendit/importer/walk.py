"""Goes through a directory lazily, with one open folder at a time, and never leaves it."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendit.errors import Retry
from sendit.importer.file_names import shown
from sendit.importer.types import FileResult
from sendit.model import FileOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The folder itself fails, not this one file: a network mount that went away, a machine without memory.
_AWAY = frozenset(
    {
        errno.ESTALE,
        errno.ENOTCONN,
        errno.ETIMEDOUT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.ECONNABORTED,
        errno.ECONNRESET,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EINTR,
        errno.EAGAIN,
    }
)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file that is to be opened."""

    path: str
    name: str  # relative to the directory


@dataclass(frozen=True, slots=True)
class Bounds:
    """The area that links may lead to: a folder, and which names directly in it are imported."""

    folder: str
    is_taken: Callable[[str], bool]


def refusal(error: OSError) -> str:
    """Return why a file cannot be read, in the system's words and without its path.

    Raises:
        Retry: the fault is not this file's.
    """
    words = error.strerror or type(error).__name__
    if error.errno in _AWAY:
        raise Retry(f"the folder cannot be read at the moment ({words})") from None
    return f"it cannot be read ({words})"


def walk(top: str, bounds: Bounds) -> Iterator[FoundFile | FileResult]:
    """Yield every file under `top`, at any depth, in no order; `top` may be a file itself.

    What is not to be opened (a link, a socket) or cannot be listed comes as a FileResult.

    Raises:
        Retry: the folder went away.
    """
    if os.path.islink(top) or not os.path.isdir(top):
        yield _look(top, os.path.basename(top), bounds)
        return
    for name, entry in _below(top):
        if isinstance(entry, OSError):
            yield FileResult(shown(name or "."), FileOutcome.UNREADABLE, refusal(entry))
        elif not entry.is_dir(follow_symlinks=False):
            yield _look(entry.path, name, bounds)


def _below(top: str) -> Iterator[tuple[str, os.DirEntry[str] | OSError]]:
    """Yield all that lies under a directory, at any depth, in no order, by its name relative to it.

    A folder that cannot be listed to its end comes once more, with the reason.
    """
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(os.path.join(top, folder)) as entries:
                for entry in entries:
                    name = os.path.join(folder, entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(name)
                    yield name, entry
        except OSError as error:
            yield folder, error


def _look(path: str, name: str, bounds: Bounds) -> FoundFile | FileResult:
    try:
        mode = os.lstat(path).st_mode
    except OSError as error:
        return FileResult(shown(name), FileOutcome.UNREADABLE, refusal(error))
    if stat.S_ISREG(mode):
        return FoundFile(path, name)
    if stat.S_ISLNK(mode):
        return _look_at_link(path, name, bounds)
    return FileResult(shown(name), FileOutcome.UNREADABLE, "it is not a file but a device, a pipe or a socket")


def _look_at_link(path: str, name: str, bounds: Bounds) -> FileResult:
    """Return the result for a link.

    Links are never followed: one that stays inside leads to a file that is imported anyway.
    """
    try:
        target = os.path.realpath(path, strict=True)
    except OSError:
        return FileResult(shown(name), FileOutcome.UNREADABLE, "it is a symbolic link that leads nowhere")
    inside = os.path.relpath(target, os.path.realpath(bounds.folder))
    if inside.split(os.sep)[0] != os.pardir and (inside == os.curdir or bounds.is_taken(inside.split(os.sep)[0])):
        return FileResult(shown(name), FileOutcome.IGNORED, "it is a symbolic link to what is imported by itself")
    return FileResult(shown(name), FileOutcome.UNREADABLE, "it is a symbolic link that leads out of the folder")


def open_regular(path: str) -> int:
    """Return a file descriptor of a regular file; whatever took its place since it was found is not opened.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file")
    return descriptor


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a directory or file at one look, without opening anything."""

    fingerprint: int  # changes when any name, size, time of change or identity in it does
    files: int
    renamed: bool  # the last thing that happened was to the directory itself, for example that it got its name


def snapshot(top: str) -> Snapshot:
    """Look at a directory or a file. An unreadable directory counts as a file, so that its import can say so.

    Raises:
        OSError: it vanished, or the folder went away.
    """
    own = os.lstat(top)
    if not stat.S_ISDIR(own.st_mode):
        return Snapshot(_mark("", own), 1, renamed=False)
    fingerprint, files, newest = own.st_ino, 0, 0
    for name, entry in _below(top):
        try:
            if isinstance(entry, OSError):
                raise entry
            state = entry.stat(follow_symlinks=False)
        except OSError as error:
            if error.errno in _AWAY or not os.path.lexists(top):
                raise
            fingerprint += hash((name, error.errno))
            files += isinstance(entry, OSError) or not entry.is_dir(follow_symlinks=False)
            continue
        newest = max(newest, state.st_ctime_ns)
        fingerprint += _mark(name, state)
        files += not stat.S_ISDIR(state.st_mode)
    renamed = own.st_ctime_ns > own.st_mtime_ns and own.st_ctime_ns >= newest
    return Snapshot(fingerprint % 2**64, files, renamed)


def _mark(name: str, state: os.stat_result) -> int:
    """Return a number to be summed over a listing, whatever its order and without keeping it in memory."""
    return hash((name, state.st_ino, state.st_size, state.st_mtime_ns, state.st_mode))

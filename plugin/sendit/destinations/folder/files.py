"""Files below one directory that may be a mounted share. Faults leave here as errors of SendIt's own.

Everything is done relative to one open descriptor of the directory: when the share is unmounted meanwhile, nothing is
written into the empty mount point that it leaves behind.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import threading
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from sendit.errors import Misconfigured, Retry

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 1024 * 1024
#: How often a directory is made that recalls of other batches remove again.
_ATTEMPTS = 20
_LONGEST_LOCK = 60.0  # seconds
_LOCK_PAUSE = 0.05  # seconds
#: Name of a file that is being written; one that a kill left is removed by the next attempt of the same batch.
_UNFINISHED = ".sendit-"

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_IN_THE_WAY = {errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
#: A share without hard links: FAT, some SMB servers.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}


class AlreadyThere(Exception):
    """A file of this name exists."""


class Root:
    """The directory, opened once for one delivery. All methods may be called from several threads.

    Args:
        owner: of unfinished files, for example the batch: those that a kill left are known by it.

    Raises:
        Retry: it is not there, its marker is not, or it cannot be used at the moment.
        Misconfigured: a person has to change its permissions, or what stands there.
    """

    def __init__(self, path: Path, place: str, marker: str | None, modes: tuple[int, int], owner: str = "") -> None:
        self._path, self._place, self._marker = path, place, marker
        self._file_mode, self._directory_mode = modes
        self._unfinished = f"{_UNFINISHED}{owner}-"
        self._touched: set[PurePosixPath] = set()  # to be synchronised
        self._entered: set[PurePosixPath] = set()  # known to be there, and free of what kills left
        self._lock = threading.Lock()
        with self._told():
            try:
                self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except NotADirectoryError:
                raise Misconfigured(place, f"{path} is not a directory", "Name a directory.") from None
        try:
            self._look_for_marker()
        except BaseException:
            os.close(self._fd)
            raise

    def close(self) -> None:
        """Close the directory."""
        os.close(self._fd)

    def __enter__(self) -> Root:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def still_there(self) -> None:
        """Check that the path still leads to the directory that was opened; its files are unknown otherwise.

        Raises:
            Retry: it does not.
        """
        with self._told():
            if not os.path.samestat(os.stat(self._path), os.fstat(self._fd)):
                raise Retry(f"{self._path} was replaced meanwhile (a share was mounted or unmounted)")
        self._look_for_marker()

    def try_to_write(self) -> None:
        """Check that a file can be made here. It is removed again."""
        name = f"{self._unfinished}check-{secrets.token_hex(8)}"
        with self._told():
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self._fd))
            os.unlink(name, dir_fd=self._fd)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO | None]:
        """Open the file of this name; None if there is none. Links are not followed."""
        with self._told(), contextlib.ExitStack() as stack:
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._fd)
            except FileNotFoundError:
                yield None
                return
            yield stack.enter_context(os.fdopen(descriptor, "rb"))

    def write(self, name: str, content: BinaryIO) -> None:
        """Write the file whole or not at all: beside, fsync, then under its name, unless there is one of this name.

        Raises:
            AlreadyThere: nothing was changed.
        """
        folder = PurePosixPath(name).parent
        with self._told():
            unfinished = self._write_beside(folder, content)
            try:
                self._give_name(unfinished, name)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(unfinished, dir_fd=self._fd)

    def replace(self, name: str, content: BinaryIO) -> None:
        """Write as `write` does, in place of the file that is there."""
        with self._told():
            unfinished = self._write_beside(PurePosixPath(name).parent, content)
            os.rename(unfinished, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the lock of this file: no other thread, process or machine is inside at the same time.

        Raises:
            Retry: another one did not come out in time.
        """
        deadline = time.monotonic() + _LONGEST_LOCK
        with self._told():
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(name, flags, self._file_mode, dir_fd=self._fd)
        try:
            while not self._try_lock(descriptor):
                if time.monotonic() > deadline:
                    raise Retry(f"another process holds {name} in {self._path}")
                time.sleep(_LOCK_PAUSE)
            yield
        finally:
            os.close(descriptor)

    def _try_lock(self, descriptor: int) -> bool:
        with self._told():
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    def remove(self, name: str) -> None:
        """Remove the file. One that is not there is removed."""
        with self._told(), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(name, dir_fd=self._fd)
        with self._lock:
            self._touched.update(PurePosixPath(name).parents)

    def remove_empty(self) -> None:
        """Remove, of the directories of what was removed, those that are empty now, and what kills left in them."""
        with self._told(), self._lock:
            for folder in sorted(self._touched, key=lambda folder: -len(folder.parts)):
                self._remove_unfinished(folder)
                try:
                    if folder.parts:
                        os.rmdir(folder, dir_fd=self._fd)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise

    def touch(self, name: str) -> None:
        """Synchronise directories of an existing file: its writer may have been killed before doing so."""
        with self._told(), self._lock:
            self._enter(PurePosixPath(name).parent)

    def sync(self) -> None:
        """Synchronise the names, so that they outlive a power cut."""
        with self._told(), self._lock:
            for folder in sorted(self._touched, reverse=True):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    self._sync_directory(folder)
            self._touched.clear()

    def _sync_directory(self, folder: PurePosixPath) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)
        try:
            os.fsync(descriptor)
        except OSError as error:  # some shares cannot
            if error.errno not in _NO_SYNC:
                raise
        finally:
            os.close(descriptor)

    def _write_beside(self, folder: PurePosixPath, content: BinaryIO) -> str:
        name, descriptor = self._create(folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                shutil.copyfileobj(content, file, _PIECE)
                file.flush()
                with contextlib.suppress(PermissionError):  # a share that gives all files the same mode
                    os.fchmod(descriptor, self._file_mode)
                os.fsync(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=self._fd)
            raise
        return name

    def _create(self, folder: PurePosixPath) -> tuple[str, int]:
        """Create a file under an unused name; return that and its descriptor.

        A recall may remove the empty directory at any moment: made again.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        for attempt in range(_ATTEMPTS):
            name = str(folder / f"{self._unfinished}{secrets.token_hex(8)}")
            try:
                self._make_directory(folder)
                return name, os.open(name, flags, 0o600, dir_fd=self._fd)
            except FileNotFoundError:
                if attempt == _ATTEMPTS - 1:
                    raise
                with self._lock:
                    self._entered.discard(folder)
        raise AssertionError("not reached")

    def _make_directory(self, folder: PurePosixPath) -> None:
        with self._lock:
            if folder in self._entered:
                return
            for one in (*reversed(folder.parents), folder):
                if not one.parts:
                    continue
                try:
                    os.mkdir(one, 0o700, dir_fd=self._fd)
                except FileExistsError:
                    continue
                with contextlib.suppress(PermissionError):
                    os.chmod(one, self._directory_mode, dir_fd=self._fd)
            self._enter(folder)

    def _enter(self, folder: PurePosixPath) -> None:
        if folder not in self._entered:
            self._remove_unfinished(folder)
            self._entered.add(folder)
            self._touched.update((folder, *folder.parents))

    def _give_name(self, unfinished: str, name: str) -> None:
        """Name the file without replacing another: by hard link, or after looking where there are no hard links."""
        try:
            os.link(unfinished, name, src_dir_fd=self._fd, dst_dir_fd=self._fd, follow_symlinks=False)
        except FileExistsError:
            raise AlreadyThere from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            with contextlib.suppress(FileNotFoundError):
                os.lstat(name, dir_fd=self._fd)
                raise AlreadyThere from None
            os.rename(unfinished, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def _remove_unfinished(self, folder: PurePosixPath) -> None:
        """Remove leftovers of a killed attempt.

        Another one that still runs finds its file gone, and begins again later.
        """
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)
        except FileNotFoundError:
            return
        try:
            for name in os.listdir(descriptor):
                if name.startswith(self._unfinished):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=descriptor)
        finally:
            os.close(descriptor)

    def _look_for_marker(self) -> None:
        if self._marker is None:
            return
        with self._told():
            try:
                os.stat(self._marker, dir_fd=self._fd)
            except FileNotFoundError:
                raise Retry(f"{self._path} does not contain {self._marker}: is the share mounted?") from None

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise translate(error, self._path, self._place) from None


def translate(error: OSError, path: Path, place: str) -> Misconfigured | Retry:
    """Return what an operator hears. The name of the file is left out; it says nothing more than the batch."""
    reason = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return Retry(f"{path} is full ({reason})")
    if error.errno in _FORBIDDEN:
        user = os.geteuid()
        return Misconfigured(place, f"{path}: {reason}", f"Let the worker (user {user}) read and write there.")
    if error.errno in _IN_THE_WAY:
        return Misconfigured(place, f"something else is in the way below {path} ({reason})", "Move it away.")
    if error.errno == errno.ENAMETOOLONG:
        return Misconfigured(place, f"{path}: {reason}", "Give shorter names with FileName.")
    if error.errno == errno.ENOENT:
        return Retry(f"{path} does not exist ({reason}), and SendIt does not create it; a share may not be mounted")
    return Retry(f"{path} cannot be used at the moment ({reason})")

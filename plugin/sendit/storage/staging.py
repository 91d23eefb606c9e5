"""The files of instances: where released ones wait for their delivery, and how they are read and written.

`<DataDirectory>/staging/<batch>/` holds what waits. `fetched` and `opened` bring the bytes of an original into memory,
from our own Orthanc or from a file; `written` brings an output to the disk whole, or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import mmap
import os
import shutil
import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import TYPE_CHECKING, BinaryIO

import requests

from sendit.deidentify.dicom.chunks import pieces
from sendit.errors import Reject, Retry
from sendit.keyring import synchronise
from sendit.model import DELETED
from sendit.orthanc.client import own_server
from sendit.storage.dataset_digests import DatasetDigests

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from sendit.model import Receipt

_RULES = "rules"
#: Folders here, and of previews, begin with it that hold what was made before its batch began.
AHEAD = "ahead-"

#: Larger instances are mapped from a file, so that they do not have to fit into memory.
_LARGEST_IN_MEMORY = 64 << 20
_PIECE = 1 << 20
#: So many outputs are synchronised at the same time.
_MOST_WAITING = 16
_TIMEOUT = (10, 120)  # seconds: to connect, and between two pieces of the answer


class AheadFolders:
    """The folders for what was made before its batch began; their names say whose they are.

    Args:
        root: where they are, beside the batches' own.
        home: whose worker this is.
    """

    def __init__(self, root: Path, home: str) -> None:
        self._root = root
        self._home = home

    def path(self, key: str) -> Path:
        """Return the folder for a study that still arrives. Creates nothing."""
        return self._root / f"{AHEAD}{self._home}.{key}"

    def forget(self) -> None:
        """Remove all of this worker's."""
        self._remove(lambda home: home == self._home)

    def forget_of_others(self, living: Collection[str]) -> None:
        """Remove those of workers that do not run."""
        self._remove(lambda home: home not in {*living, self._home})

    def _remove(self, chosen: Callable[[str], bool]) -> None:
        for folder in self._root.glob(f"{AHEAD}*"):
            if chosen(folder.name.removeprefix(AHEAD).rpartition(".")[0]):
                shutil.rmtree(folder, ignore_errors=True)


class Staging:
    """The staging folder.

    Args:
        directory: where it is; several workers may share it.
        own: this worker's data directory, if it is not the same.
        home: whose worker this is, if others share the folder.

    Attributes:
        datasets: digests of what this worker made.
    """

    def __init__(self, directory: Path, own: Path | None = None, home: str = "") -> None:
        self._root = directory / "staging"
        self.ahead = AheadFolders(self._root, home)
        self._root.mkdir(mode=0o700, exist_ok=True)
        self.datasets = DatasetDigests()
        self._trials = (own or directory) / "staging" / "trials"

    def folder(self, batch_id: int) -> Path:
        """Return the folder of a batch; create it if it is not there."""
        folder = self._root / str(batch_id)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def output(self, batch_id: int, instance: str) -> Path:
        """Return where the pool writes the output of an instance (Orthanc's identifier).

        The name is a digest of it: the coded UID is known only once the instance was processed.
        """
        self.folder(batch_id)
        return self.name(batch_id, instance)

    def name(self, batch_id: int, instance: str) -> Path:
        """Return the output's path without creating its folder."""
        return self._root / str(batch_id) / (hashlib.sha256(instance.encode()).hexdigest()[:32] + ".dcm")

    def settle(self, batch_id: int) -> None:
        """Make the names of a batch's outputs last over a power cut, before the journal relies on them.

        Raises:
            Retry: the disk fails or is full.
        """
        settled(self.folder(batch_id))

    def look(self, batch_id: int, series: str) -> Path:
        """Return where the check of a series is kept (its coded UID)."""
        return self.folder(batch_id) / (hashlib.sha256(series.encode()).hexdigest()[:32] + ".look")

    def rules(self, batch_id: int) -> str:
        """Return the digest of the rules by which the staged files of a batch were made; "" if it is not known."""
        try:
            return (self._root / str(batch_id) / _RULES).read_text("ascii")
        except (OSError, ValueError):
            return ""

    def set_rules(self, batch_id: int, digest: str) -> None:
        """Record the digest of the rules, before the first file is made by them.

        Raises:
            Retry: it cannot be written.
        """
        written([digest.encode("ascii")], self.folder(batch_id) / _RULES)

    def holds(self, path: Path, receipt: Receipt) -> bool:
        """Return whether the staged file is there in its full size; its digest is compared when it leaves."""
        try:
            return path.stat().st_size == receipt.output_size
        except FileNotFoundError:
            return False

    def trials(self) -> Path:
        """Return where outputs are made that nobody keeps; empty after a call of `forget_trials`."""
        self._trials.parent.mkdir(mode=0o700, exist_ok=True)
        self._trials.mkdir(mode=0o700, exist_ok=True)
        return self._trials

    def forget_trials(self) -> None:
        """Remove what a kill left there."""
        shutil.rmtree(self._trials, ignore_errors=True)

    def has(self, batch_id: int) -> bool:
        """Return whether anything of a batch is staged here."""
        return (self._root / str(batch_id)).is_dir()

    def remove(self, batch_id: int) -> None:
        """Remove all of a batch's files; fine if there are none."""
        shutil.rmtree(self._root / str(batch_id), ignore_errors=True)

    def batches(self) -> Iterator[int]:
        """Yield the batches that have a folder here."""
        yield from (int(path.name) for path in self._root.iterdir() if path.name.isdigit())


@contextlib.contextmanager
def opened(path: Path) -> Iterator[bytes | mmap.mmap]:
    """Open the bytes of a local file; a symbolic link is not followed.

    Raises:
        Reject: it cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            state = os.fstat(handle)
            if not stat.S_ISREG(state.st_mode):
                raise Reject("not a file")
            content = _mapped(handle) if state.st_size > _LARGEST_IN_MEMORY else file.read()
    except OSError as error:
        raise Reject(f"it cannot be read ({error.strerror})") from None
    yield content


@contextlib.contextmanager
def fetched(url: str, headers: Mapping[str, str], certificate: str, near: Path) -> Iterator[bytes | mmap.mmap]:
    """Fetch the bytes of an instance from the local Orthanc.

    Args:
        url: where to read.
        headers: headers of the request.
        certificate: certificate of the authority.
        near: a folder on the disk where a large one may be laid down; that file has no name.

    Raises:
        Reject: Orthanc does not have it any more.
        Retry: Orthanc does not answer, or there is no room.
    """
    try:
        with _session(certificate).get(url, headers=dict(headers), stream=True, timeout=_TIMEOUT) as answer:
            if answer.status_code == 404:
                raise Reject(DELETED)
            if answer.status_code != 200:
                raise Retry(f"the local Orthanc answered {answer.status_code}")
            content = _received(answer, near)
    except requests.RequestException as error:
        raise Retry(f"the local Orthanc is not responding ({type(error).__name__})") from None
    yield content


def _received(answer: requests.Response, near: Path) -> bytes | mmap.mmap:
    pieces: list[bytes] = []
    size = 0
    stream = answer.iter_content(_PIECE)
    for piece in stream:
        pieces.append(piece)
        size += len(piece)
        if size > _LARGEST_IN_MEMORY:
            with _room(), tempfile.TemporaryFile(dir=near) as file:
                file.writelines(pieces)
                pieces.clear()
                file.writelines(stream)
                file.flush()
                size = file.tell()
                _check_length(answer, size)
                return _mapped(file.fileno())
    _check_length(answer, size)
    return b"".join(pieces)


def _check_length(answer: requests.Response, size: int) -> None:
    announced = answer.headers.get("Content-Length")
    if announced is not None and "Content-Encoding" not in answer.headers and int(announced) != size:
        raise Retry("the local Orthanc broke off its answer")


def _mapped(handle: int) -> mmap.mmap:
    return mmap.mmap(handle, 0, access=mmap.ACCESS_READ)


@lru_cache(maxsize=4)
def _session(certificate: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["Accept-Encoding"] = "identity"
    if certificate:
        session.mount("https://", own_server(certificate))
    return session


def written(chunks: Sequence[bytes | memoryview], output: Path, *, name_lasts: bool = True) -> None:
    """Write beside, synchronise, rename, synchronise the folder: `output` is there whole or not at all.

    The name beside is always the same for one output, so what a kill left behind is written over by the next try.

    Args:
        chunks: the content.
        output: where it goes.
        name_lasts: False: the caller synchronises the folder, once for many outputs.

    Raises:
        Retry: it cannot be written, for example because the disk is full.
    """
    with _room():
        with _beside(output) as (beside, file):
            _write(chunks, file)
            os.fsync(file.fileno())
            beside.replace(output)
        if name_lasts:
            synchronise(output.parent)


class WrittenTogether:
    """Outputs that are written one after the other, and synchronised at the same time: the disk waits once for all.

    None is there before `finish`, and then whole or not at all, as with `written`; their folders are the caller's.
    """

    def __init__(self) -> None:
        self._begun: dict[Path, tuple[Path, BinaryIO, contextlib.ExitStack]] = {}

    def write(self, chunks: Sequence[bytes | memoryview], output: Path) -> None:
        """Write the content of an output beside its place.

        Raises:
            Retry: it cannot be written.
        """
        with _room(), contextlib.ExitStack() as stack:
            beside, file = stack.enter_context(_beside(output))
            _write(chunks, file)
            self._begun[output] = beside, file, stack.pop_all()

    def finish(self) -> set[Path]:
        """Synchronise and rename what was written; return the outputs of which that failed."""
        begun, self._begun = self._begun, {}
        if not begun:
            return set()
        failures = _threads().map(_finish, begun.items())
        return {output for output, failed in zip(begun, failures, strict=True) if failed}


@cache
def _threads() -> ThreadPoolExecutor:
    """Return threads that wait for the disk; they are kept, because to start them costs more than what they do."""
    return ThreadPoolExecutor(_MOST_WAITING)


def _finish(begun: tuple[Path, tuple[Path, BinaryIO, contextlib.ExitStack]]) -> bool:
    """Return whether it failed."""
    output, (beside, file, stack) = begun
    try:
        with stack:
            os.fsync(file.fileno())
            beside.replace(output)
    except OSError:
        return True
    return False


@contextlib.contextmanager
def _beside(output: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Open the file in which an output is written before it gets its name; delete it after an error."""
    beside = output.with_name(f".{hashlib.sha256(os.fsencode(output.name)).hexdigest()[:32]}.part")
    try:
        with beside.open("wb") as file:
            yield beside, file
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _write(chunks: Sequence[bytes | memoryview], file: BinaryIO) -> None:
    for piece in pieces(chunks):
        file.write(piece)
    file.flush()


def moved(file: Path, output: Path) -> None:
    """Give a written file its own name, also on another file system; the name lasts then.

    Raises:
        Retry: it cannot be written.
    """
    with _room():
        try:
            file.replace(output)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with opened(file) as content:
                written([memoryview(content)], output)
            file.unlink()
        synchronise(output.parent)


def settled(folder: Path) -> None:
    """Make the names in a folder last over a power cut.

    Raises:
        Retry: it cannot be done.
    """
    with _room():
        synchronise(folder)


@contextlib.contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except requests.RequestException:  # a child of OSError, and no fault of the disk
        raise
    except OSError as error:
        raise Retry(f"the output cannot be written ({error.strerror}); free some space or repair the disk") from None

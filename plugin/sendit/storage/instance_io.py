"""The bytes of an instance: from a file or our own Orthanc into memory, and from memory safely to the disk."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import mmap
import os
import stat
import tempfile
from functools import lru_cache
from typing import TYPE_CHECKING

import requests

from sendit.deidentify.dicom.chunks import pieces
from sendit.errors import Reject, Retry
from sendit.model import DELETED
from sendit.orthanc.client import own_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

#: Larger instances are mapped from a file, so that they do not have to fit into memory.
_LARGEST_IN_MEMORY = 64 << 20
_PIECE = 1 << 20
_TIMEOUT = (10, 120)  # seconds: to connect, and between two pieces of the answer


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
    beside = output.with_name(f".{hashlib.sha256(os.fsencode(output.name)).hexdigest()[:32]}.part")
    with _room():
        try:
            with beside.open("wb") as file:
                for piece in pieces(chunks):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(output)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        if name_lasts:
            synchronise(output.parent)


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
    """Do what `synchronise` does.

    Raises:
        Retry: it cannot be done.
    """
    with _room():
        synchronise(folder)


def synchronise(folder: Path) -> None:
    """Make the names in a folder last over a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except requests.RequestException:  # a child of OSError, and no fault of the disk
        raise
    except OSError as error:
        raise Retry(f"the output cannot be written ({error.strerror}); free some space or repair the disk") from None

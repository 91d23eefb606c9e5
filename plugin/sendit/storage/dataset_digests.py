"""SHA-256 of DICOM files behind their file meta information, which servers write anew: a passport names it.

It is computed when an output is made and still in memory, if it will be needed; else the staged file is read for it.
"""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, BinaryIO

from sendit.deidentify.dicom.chunks import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_PIECE = 1024 * 1024
#: Preamble, "DICM", and the group length with which file meta information begins (PS3.10 Section 7.1).
_HEAD = 144
#: Of so many outputs the digest is kept, some 4 MB: those of the batches under way.
_MOST_KNOWN = 20_000


def of_chunks(chunks: Iterable[bytes | memoryview]) -> str | None:
    """Return the digest of a file that is in memory; None if it is not a DICOM file."""
    digest, skip = hashlib.sha256(), -1
    for piece in pieces(chunks):
        if skip < 0 and (skip := _start(bytes(piece[:_HEAD]))) < 0:
            return None
        digest.update(memoryview(piece)[skip:])
        skip = max(0, skip - len(piece))
    return digest.hexdigest() if skip == 0 else None


def of_file(path: Path) -> str | None:
    """Return the digest of a file on the disk; None if it is not a DICOM file."""
    with path.open("rb") as file:
        return of_stream(file)


def of_stream(file: BinaryIO) -> str | None:
    """Return the digest of a file that is open at its beginning; None if it is not a DICOM file."""
    start = _start(file.read(_HEAD))
    if start < 0:
        return None
    file.seek(start)
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _start(head: bytes) -> int:
    """Return where the dataset begins; less than 0 if this is not the head of a DICOM file."""
    if head[128:140] != b"DICM\x02\x00\x00\x00UL\x04\x00":
        return -1
    return _HEAD + int.from_bytes(head[140:_HEAD], "little")


class DatasetDigests:
    """The digests of outputs, by the SHA-256 of the whole file. Safe to use from several threads."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}  # the oldest first
        self._lock = threading.Lock()

    def remember(self, file: str, dataset: str) -> None:
        """Remember a digest (hexadecimal, as is that of the file)."""
        with self._lock:
            self._known[bytes.fromhex(file)] = bytes.fromhex(dataset)
            if len(self._known) > _MOST_KNOWN:
                del self._known[next(iter(self._known))]

    def of(self, file: str) -> str | None:
        """Return the digest of the dataset in a file of this SHA-256; None if it is not known."""
        known = self._known.get(bytes.fromhex(file))
        return None if known is None else known.hex()

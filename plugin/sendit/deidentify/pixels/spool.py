"""New pixel data while they are made: in memory if they are small, otherwise in a file without a name."""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path
from typing import IO

from sendit.deidentify.bulk import forget, pieces
from sendit.errors import Quarantine

_LARGEST_IN_MEMORY = 64 << 20
#: DICOM cannot say a greater length, nor a basic offset table a greater offset.
_LARGEST = 0xFFFFFFFE
_TOO_LARGE = "its pixels cannot be cleaned: they would be longer than DICOM can say"


def copied(value: bytes | memoryview, folder: Path | None) -> memoryview:
    """A copy that can be written into.

    Args:
        folder: on a disk with room for a large one; None: the system's folder for such files.
    """
    if len(value) <= _LARGEST_IN_MEMORY:
        return memoryview(bytearray(value))
    made = blank(len(value), folder)
    position = 0
    for piece in pieces([value]):
        made[position : position + len(piece)] = piece
        position += len(piece)
        forget(made)
    return made


def blank(size: int, folder: Path | None) -> memoryview:
    """So many zeros that can be written into.

    Raises:
        Quarantine: more than DICOM can say.
    """
    if size > _LARGEST:
        raise Quarantine(_TOO_LARGE)
    if size <= _LARGEST_IN_MEMORY:
        return memoryview(bytearray(size))
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(size)
        return memoryview(mmap.mmap(file.fileno(), size))


class Spool:
    """Bytes that grow."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._parts: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._size = 0

    def append(self, data: bytes) -> None:
        """Put behind what is there.

        Raises:
            Quarantine: it became more than DICOM can say.
        """
        self._size += len(data)
        if self._size > _LARGEST:
            raise Quarantine(_TOO_LARGE)
        if self._file is not None:
            self._file.write(data)
            return
        self._parts.append(data)
        if self._size > _LARGEST_IN_MEMORY:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  lives as long as this object
            self._file.writelines(self._parts)
            self._parts.clear()

    def value(self, start: bytes) -> bytes | memoryview:
        """All of it, with other bytes in place of the first ones."""
        if self._file is None:
            whole = b"".join(self._parts)
            return start + whole[len(start) :]
        self._file.seek(0)
        self._file.write(start)
        self._file.flush()
        return memoryview(mmap.mmap(self._file.fileno(), self._size, access=mmap.ACCESS_READ))

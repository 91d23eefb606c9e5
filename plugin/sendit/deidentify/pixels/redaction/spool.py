"""New pixel data under construction: in memory if they are small, otherwise in an unnamed file."""

from __future__ import annotations

import mmap
import tempfile
from typing import IO, TYPE_CHECKING

from sendit.deidentify.dicom.chunks import pieces, release_pages
from sendit.deidentify.dicom.dataset import Element
from sendit.deidentify.pixels.encapsulated import end_of_items, item, offset_table
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST_IN_MEMORY = 64 << 20
#: The greatest length that DICOM, and offset that a basic offset table, can encode.
_LARGEST = 0xFFFFFFFE
_TOO_LARGE = "its pixels cannot be cleaned: they would be longer than DICOM can say"


def copied(value: bytes | memoryview, folder: Path | None) -> memoryview:
    """Return a writable copy.

    Args:
        value: the bytes to copy.
        folder: on a disk with room for a large file; None: the system's temporary folder.
    """
    if len(value) <= _LARGEST_IN_MEMORY:
        return memoryview(bytearray(value))
    made = blank(len(value), folder)
    position = 0
    for piece in pieces([value]):
        made[position : position + len(piece)] = piece
        position += len(piece)
        release_pages(made)
    return made


def blank(size: int, folder: Path | None) -> memoryview:
    """Return writable zeros.

    Raises:
        Quarantine: it is longer than DICOM can encode.
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
            Quarantine: it became longer than DICOM can encode.
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
        """Return all of it, the first bytes replaced."""
        if self._file is None:
            whole = b"".join(self._parts)
            return start + whole[len(start) :]
        self._file.seek(0)
        self._file.write(start)
        self._file.flush()
        return memoryview(mmap.mmap(self._file.fileno(), self._size, access=mmap.ACCESS_READ))


class EncapsulatedWriter:
    """Compressed frames of one fragment each (PS3.5 A.4), while they are made.

    Attributes:
        lengths: of the fragments, with the head of their items.
    """

    def __init__(self, frames: int, folder: Path | None, *, table: bool = True) -> None:
        """Begin with an offset table for so many frames, or with an empty one."""
        self.lengths: list[int] = []
        self._table = table
        self._head = item(bytes(4 * frames if table else 0))
        self._spool = Spool(folder)
        self._spool.append(self._head)

    def append(self, frame: bytes) -> None:
        """Append a frame.

        Raises:
            Quarantine: they became more than DICOM can say.
        """
        fragment = item(frame)
        self.lengths.append(len(fragment))
        self._spool.append(fragment)

    def element(self, tag: int, vr: str) -> Element:
        """Return all frames as an element."""
        self._spool.append(end_of_items())
        head = item(offset_table(self.lengths)) if self._table else self._head
        return Element(tag, vr, self._spool.value(head), encapsulated=True)

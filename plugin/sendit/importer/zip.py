"""ZIP archives: their members one at a time, within bounds. Names of members never become paths on disk."""

from __future__ import annotations

import io
import lzma
import struct
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from sendit.errors import Retry
from sendit.importer.file_kind import HEAD, FileKind, kind_of
from sendit.importer.file_names import is_junk, shown
from sendit.importer.types import FileResult
from sendit.model import FileOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MIB = 1024**2
#: A larger member is refused; unpacked it would fill the disk.
_LARGEST = 4096 * _MIB
#: Above the first size a member that was packed this many times smaller is refused (black images reach such ratios).
_SUSPICIOUS = 512 * _MIB
_RATIO = 500
#: Smaller members are held in memory, larger ones in a file without a name.
_IN_MEMORY = 4 * _MIB
#: An archive's list of contents is read as a whole; this is room for some 150,000 members.
_LONGEST_READ = 16 * _MIB
_CHUNK = _MIB // 4
#: An archive in an archive is opened, one in that is not.
_DEPTH = 2
_ENCRYPTED = 0x1  # bit 0 of the general purpose flags (APPNOTE.TXT section 4.4.4)

#: Errors of zipfile and its decompressors for bad bytes, besides BadZipFile and NotImplementedError.
_BROKEN = (zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, OSError, ValueError, OverflowError)


class _Refused(Exception):
    """The archive or the member cannot be read; the message says why."""


class _Bounded(io.BufferedIOBase):
    """The archive's bytes, never so many at once that a forged list of contents fills the memory."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw

    def read(self, size: int | None = -1, /) -> bytes:
        data = self._raw.read(_LONGEST_READ + 1 if size is None or size < 0 else min(size, _LONGEST_READ + 1))
        if len(data) > _LONGEST_READ:
            raise zipfile.BadZipFile("its list of contents is too long")
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def seekable(self) -> bool:
        return True


@dataclass(slots=True)
class Member:
    """A member that looks like DICOM, unpacked and checked. Whoever gets it closes `stream`."""

    name: str  # with the archive's in front, fit to be shown
    kind: FileKind
    stream: BinaryIO


def members(archive: BinaryIO, name: str, spool: Path | None, depth: int = 1) -> Iterator[Member | FileResult]:
    """Yield every member of an archive: what is to be stored as a Member, anything else as a FileResult.

    Args:
        archive: seekable; stays open.
        name: its relative name.
        spool: where large members are unpacked to, in files without a name; None: the system's temporary folder.
        depth: how deep the archive is nested.

    Raises:
        Retry: the disk of `spool` is full.
    """
    try:
        with _translated():
            opened = zipfile.ZipFile(cast("IO[bytes]", _Bounded(archive)))
    except _Refused as refused:
        yield FileResult(shown(name), FileOutcome.UNREADABLE, f"this ZIP archive cannot be opened ({refused})")
        return
    seen: set[str] = set()
    with opened:
        for info in opened.infolist():
            if info.is_dir():
                continue
            member = _unique(f"{name}/{info.filename}", seen)
            try:
                yield from _unpack(opened, info, member, spool, depth)
            except _Refused as refused:
                yield FileResult(
                    shown(member), FileOutcome.UNREADABLE, f"in this ZIP archive it cannot be read ({refused})"
                )


def _unique(name: str, seen: set[str]) -> str:
    """Return a name for the member that no other has: an archive can contain two of one name, each with its outcome."""
    candidate, number = name, 1
    while candidate in seen:
        number += 1
        candidate = f"{name} ({number})"
    seen.add(candidate)
    return candidate


def _unpack(
    opened: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, spool: Path | None, depth: int
) -> Iterator[Member | FileResult]:
    _check(info)
    with _translated():
        packed = opened.open(info)
    with packed:
        with _translated():
            head = packed.read(HEAD)
        kind = kind_of(head, name)
        decided = decide_by_kind(kind, name)
        if decided is not None:
            yield decided
        elif kind is not FileKind.ARCHIVE:
            yield Member(shown(name), kind, _spooled(head, packed, info.file_size, spool))
        elif depth >= _DEPTH:
            yield FileResult(shown(name), FileOutcome.UNREADABLE, "it is an archive in an archive in an archive")
        else:
            with _spooled(head, packed, info.file_size, spool) as inner:
                yield from members(inner, name, spool, depth + 1)


def decide_by_kind(kind: FileKind, name: str) -> FileResult | None:
    """Return the outcome of what need not be asked of Orthanc; None for what must be, and for archives."""
    if kind in (FileKind.DICOM, FileKind.BARE):
        return None
    if kind is FileKind.INDEX:
        return FileResult(shown(name), FileOutcome.INDEX, "it lists other files")
    if is_junk(name):
        return FileResult(shown(name), FileOutcome.IGNORED, "it is what systems leave behind")
    if kind is FileKind.ARCHIVE:
        return None
    return FileResult(
        shown(name), FileOutcome.NOT_DICOM, "it is empty" if kind is FileKind.EMPTY else "it is not a DICOM file"
    )


def _check(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise _Refused("it is encrypted")
    if info.file_size > _LARGEST:
        raise _Refused("unpacked it is larger than 4 GiB")
    if info.file_size > _SUSPICIOUS and info.file_size > _RATIO * max(info.compress_size, 1):
        raise _Refused("it is packed so densely that it is taken for an attack")


def _spooled(head: bytes, packed: IO[bytes], size: int, spool: Path | None) -> BinaryIO:
    """Return all of a member, unpacked to its end, so that its checksum was compared before anything is stored."""
    try:
        stream = _new_stream(size, spool)
        try:
            stream.write(head)
            while chunk := _read(packed):
                stream.write(chunk)
            stream.seek(0)
        except BaseException:
            stream.close()
            raise
    except OSError as error:
        raise Retry(f"an archive cannot be unpacked at the moment ({error.strerror})") from None
    return stream


def _new_stream(size: int, spool: Path | None) -> BinaryIO:
    if size <= _IN_MEMORY:
        return io.BytesIO()
    return cast("BinaryIO", tempfile.TemporaryFile(dir=spool))


def _read(packed: IO[bytes]) -> bytes:
    with _translated():
        return packed.read(_CHUNK)


@contextmanager
def _translated() -> Iterator[None]:
    """Translate zipfile's many errors; texts that may quote a member's name are left out."""
    try:
        yield
    except NotImplementedError:
        raise _Refused("it is compressed with an unsupported method") from None
    except zipfile.BadZipFile as error:
        raise _Refused("its checksum is wrong" if "CRC" in str(error) else "it is damaged") from None
    except _BROKEN:
        raise _Refused("it is damaged") from None

"""The archive of one study: written as a stream, the same bytes each time, and read as a stream.

A .tar.gz of `manifest.json` and `<series>/<instance>.dcm`, sorted by name. No time, owner or file name stands in it,
and the compression is always the same one: the same receipts and files give the same bytes, in any process, after any
restart.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
import zlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

import google_crc32c
from isal import isal_zlib

from sendit.config.name_template import safe
from sendit.destinations.base import open_staged
from sendit.errors import Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from types import TracebackType

    from sendit.model import Receipt, Shipment, StagedInstance

MANIFEST = "manifest.json"
#: ISA-L's level 1 packs images as small as zlib's, seven times as fast (docs/benchmarks/destinations.md): with zlib an
#: upload would wait for the packing.
_LEVEL = 1
_GZIP = 31  # a window of 32 KiB, and a header that holds neither a name nor a time
_PIECE = 1024 * 1024
_AHEAD = 3  # files that have passed the gate and wait; each takes up to 8 MiB of memory


def member(receipt: Receipt) -> str:
    """Return where an instance is in the archive."""
    return f"{safe(receipt.series_instance_uid)}/{safe(receipt.sop_instance_uid)}.dcm"


def manifest(shipment: Shipment) -> bytes:
    """Return the receipts as JSON (`Receipt.outward`), for a receiver to check against."""
    entries = []
    for name, staged in _sorted(shipment):
        entries.append({"file": name, **staged.receipt.outward()})
    content = {"format": "SendIt archive 1", "project": shipment.project, "instances": entries}
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def _sorted(shipment: Shipment) -> list[tuple[str, StagedInstance]]:
    return sorted(((member(staged.receipt), staged) for staged in shipment.staged_instances), key=lambda pair: pair[0])


def write(shipment: Shipment) -> Generator[bytes, None, None]:
    """Yield the bytes of the archive, in pieces.

    Every instance passes the gate (`open_staged`) before a byte of it comes.
    """
    packer = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
    for piece in _tar(shipment):
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _tar(shipment: Shipment) -> Iterator[bytes]:
    listed = manifest(shipment)
    yield _header(MANIFEST, len(listed))
    yield listed + _padding(len(listed))
    entries = _sorted(shipment)
    with closing(_opened(staged for _, staged in entries)) as files:
        for (name, staged), file in zip(entries, files, strict=True):
            size = staged.receipt.output_size
            yield _header(name, size)
            while piece := file.read(_PIECE):
                yield piece
            yield _padding(size)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _opened(staged_instances: Iterable[StagedInstance]) -> Generator[BinaryIO, None, None]:
    """Yield each staged instance's file, open until the next one is asked for.

    A thread of its own opens a few ahead.
    """

    def enter(staged: StagedInstance) -> tuple[ExitStack, BinaryIO]:
        stack = ExitStack()
        return stack, stack.enter_context(open_staged(staged))

    coming: deque[Future[tuple[ExitStack, BinaryIO]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="sendit-gate") as gate:
        try:
            for staged in staged_instances:
                coming.append(gate.submit(enter, staged))
                if len(coming) > _AHEAD:
                    yield from _handed_out(coming.popleft())
            while coming:
                yield from _handed_out(coming.popleft())
        finally:
            for future in coming:
                if not future.cancel() and future.exception() is None:
                    future.result()[0].close()


def _handed_out(opened: Future[tuple[ExitStack, BinaryIO]]) -> Iterator[BinaryIO]:
    stack, file = opened.result()
    with stack:
        yield file


def _header(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)  # its time, owner and group are 0
    entry.size, entry.mode = size, 0o644
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


class ArchiveStream:
    """The archive as a file that can be read once; the next chunk is packed while the last one is on its way.

    `size` and `crc32c` are those of what was read so far; `ended` says whether that is all.
    """

    def __init__(self, shipment: Shipment, ahead: int) -> None:
        self.size = 0
        self.ended = False
        self._crc32c = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
        self._pieces = write(shipment)
        self._ahead = ahead
        self._rest = b""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sendit-pack")
        self._next: Future[bytes] = self._thread.submit(self._chunk)

    def _chunk(self) -> bytes:
        """Return so many bytes, fewer only at the end.

        Runs in the one thread, which alone touches `_pieces` and `_rest`.
        """
        pieces, size = [self._rest], len(self._rest)
        while size < self._ahead and (piece := next(self._pieces, None)) is not None:
            pieces.append(piece)
            size += len(piece)
        last = pieces.pop()
        end = len(last) - max(0, size - self._ahead)
        self._rest = last[end:]
        return b"".join([*pieces, memoryview(last)[:end]])

    def read(self, size: int = -1) -> bytes:
        """Return the next chunk. Whoever reads asks for the size that was agreed on."""
        assert size == self._ahead, "an archive is read in chunks of one size"
        if self.ended:
            return b""
        chunk = self._next.result()
        self.ended = len(chunk) < self._ahead
        if not self.ended:
            self._next = self._thread.submit(self._chunk)
        self._crc32c.update(chunk)  # type: ignore[no-untyped-call]
        self.size += len(chunk)
        return chunk

    def tell(self) -> int:
        """Return the position: the bytes written so far."""
        return self.size

    @property
    def crc32c(self) -> str:
        """As Google writes it."""
        return _base64(self._crc32c)

    def __enter__(self) -> ArchiveStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.submit(self._pieces.close)
        self._thread.shutdown()


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive."""

    size: int
    sha256: str
    content: bytes | None  # where it was wanted


def read(file: BinaryIO, crc32c: str, is_kept: Callable[[str, str], bool], most: int) -> dict[str, Member] | None:
    """Return what is in an archive, without the manifest; None if it is none, or is damaged.

    Args:
        file: the archive.
        crc32c: that of the whole, as Google has it.
        is_kept: whether the content is to be kept, of a name and a SHA-256.
        most: bytes of the largest content that is kept.

    Raises:
        Retry: what was read is not what Google holds: it was damaged on its way.
    """
    checked = _Checked(file)
    members: dict[str, Member] | None = {}
    try:
        with tarfile.open(fileobj=cast("BinaryIO", checked), mode="r|gz", bufsize=_PIECE) as archive:
            for entry in archive:
                content = archive.extractfile(entry)
                if content is not None and entry.name != MANIFEST and members is not None:
                    members[entry.name] = _member(content, entry, is_kept, most)
    except (tarfile.TarError, zlib.error, EOFError):
        members = None
    if checked.whole() != crc32c:
        raise Retry("the archive was damaged in transit when it was read back")
    return members


def _member(content: IO[bytes], entry: tarfile.TarInfo, is_kept: Callable[[str, str], bool], most: int) -> Member:
    digest = hashlib.sha256()
    kept = []
    while piece := content.read(_PIECE):
        digest.update(piece)
        if entry.size <= most:
            kept.append(piece)
    sha256 = digest.hexdigest()
    keep = entry.size <= most and is_kept(entry.name, sha256)
    return Member(entry.size, sha256, b"".join(kept) if keep else None)


class _Checked:
    """A file whose crc32c is computed while it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._crc32c = google_crc32c.Checksum()  # type: ignore[no-untyped-call]

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._crc32c.update(data)  # type: ignore[no-untyped-call]
        return data

    def whole(self) -> str:
        """Read to the end; return the crc32c of all."""
        while self.read(_PIECE):
            pass
        return _base64(self._crc32c)


def _base64(checksum: Any) -> str:
    return base64.b64encode(checksum.digest()).decode()

"""One archive for each batch of a study.

Two studies may come to the same name (one patient, the same date, no accession number). Both are kept: an archive says
in its metadata of which study it is; who finds another study's takes the name with its own coded UID behind it. To find
an archive again both names are looked at, so it does not matter which of the two was first.

The archive is a .tar.gz of `manifest.json` and `<series>/<instance>.dcm`, sorted by name, written and read as a stream.
No time, owner or file name stands in it, and the compression is always the same one: the same receipts and files give
the same bytes, in any process, after any restart.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tarfile
import threading
import zlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

import google_crc32c
from isal import isal_zlib

from sendit.config.name_template import NameTemplate, safe
from sendit.destinations.base import NOT_THERE, Progress, open_staged
from sendit.destinations.gcs.bucket import CHUNK, Bucket, Taken, Undeletable
from sendit.destinations.gcs.layout import MOST_COMPARED, Inspection, Layout, differs, metadata
from sendit.destinations.passports import part_suffix
from sendit.errors import Misconfigured, Retry
from sendit.model import Discrepancy, Shipment, StagedInstance

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from types import TracebackType

    from sendit.model import Receipt


_SUFFIX = re.compile(r"(\.tar\.gz|\.tgz)?$")
#: How often another may be faster before it is left for later.
_RACES = 4
MANIFEST = "manifest.json"
#: ISA-L's level 1 packs images as small as zlib's, seven times as fast (docs/benchmarks/destinations.md): with zlib an
#: upload would wait for the packing.
_LEVEL = 1
_GZIP = 31  # a window of 32 KiB, and a header that holds neither a name nor a time
_PIECE = 1024 * 1024
_AHEAD = 3  # files that have passed the release check and wait; each takes up to 8 MiB of memory


class Archives(Layout):
    """Objects of the kind application/gzip, without a Content-Encoding: else Google would unpack them on their way."""

    def __init__(self, bucket: Bucket, concurrency: int, template: NameTemplate) -> None:
        super().__init__(bucket, concurrency)
        self._template = template
        self._lock = threading.Lock()
        self._read_back: dict[tuple[str, int], str] = {}  # name and generation → digest of the manifest that it fits

    def deliver(self, shipment: Shipment, progress: Progress) -> int:
        """Stream the archive in one session; all instances are acknowledged at once."""
        listed = hashlib.sha256(manifest_of(shipment)).hexdigest()
        stream: ArchiveStream | None = None
        for _ in range(_RACES):
            blob, name = self._find(shipment)
            if blob is not None:
                self._check_same(blob, shipment, listed, stream)
                break
            try:
                with ArchiveStream(shipment, CHUNK) as stream:
                    self._upload(name, stream, shipment, listed)
                break
            except Taken:  # by another study, another worker, or by ourselves and the answer was lost
                continue
        else:
            raise Retry("the archive's name was taken by another upload, several times")
        for count in range(1, len(shipment.staged_instances) + 1):
            progress(count)
        return len(shipment.staged_instances)

    def _upload(self, name: str, stream: ArchiveStream, shipment: Shipment, listed: str) -> None:
        values = metadata(shipment, [staged.receipt for staged in shipment.staged_instances])
        values = {**values, "manifest_sha256": listed}
        made = self._bucket.upload(name, cast("BinaryIO", stream), None, "application/gzip", values)
        if (int(made.size), made.crc32c) != (stream.size, stream.crc32c):
            raise Retry("the archive that Google stored differs from what was sent")

    def _find(self, shipment: Shipment) -> tuple[Any | None, str]:
        """Return the archive of this batch, and its name; or None, and the name that is free for it."""
        free = None
        for name in self._names(shipment):
            blob = self._bucket.get(name)
            if blob is None:
                free = free or name
            elif _is_of(blob, shipment):
                return blob, name
        if free is None:
            problem = "the names for the archive are taken by other objects"
            raise Misconfigured(f"{self._bucket.place}.ObjectName", problem, "Put {study} into the template.")
        return None, free

    def _names(self, shipment: Shipment) -> tuple[str, str]:
        receipt = shipment.staged_instances[0].receipt
        name = self._template.name(shipment, receipt)
        end = cast("re.Match[str]", _SUFFIX.search(name)).start()
        stem, ending = name[:end] + part_suffix(shipment.part), name[end:]
        return f"{stem}{ending}", f"{stem}_{safe(receipt.study_instance_uid)}{ending}"

    def passport(self, shipment: Shipment) -> str:
        """Return a name beside the archive. Its study stands in it, whichever name the archive has."""
        receipt = shipment.staged_instances[0].receipt
        name = self._template.name(shipment, receipt)
        stem = name[: cast("re.Match[str]", _SUFFIX.search(name)).start()]
        return f"{stem}_{safe(receipt.study_instance_uid)}{part_suffix(shipment.part)}.manifest.json"

    def _check_same(self, blob: Any, shipment: Shipment, listed: str, sent: ArchiveStream | None) -> None:
        """Check that the existing archive has the same content, byte for byte or instance for instance."""
        if sent is not None and sent.ended and (int(blob.size), blob.crc32c) == (sent.size, sent.crc32c):
            return
        if (blob.metadata or {}).get("manifest_sha256") == listed and (sent is None or not sent.ended):
            return  # its instances are compared when it is read back
        wrong = self._compare(blob, shipment).wrong
        if wrong:
            raise self.other_content(wrong)

    def inspect(self, shipment: Shipment, *, remember: bool = False) -> Inspection:
        """Read the whole archive, and compare each of its members with its receipt."""
        blob, _ = self._find(shipment)
        if blob is None:
            return Inspection(wrong=[_missing(staged) for staged in shipment.staged_instances])
        key = (blob.name, int(blob.generation))
        listed = hashlib.sha256(manifest_of(shipment)).hexdigest()
        with self._lock:
            verified = self._read_back.pop(key, None)
        if verified == listed:  # a generation never changes
            return Inspection({p.receipt.sop_instance_uid: self._member(blob, p) for p in shipment.staged_instances})
        inspection = self._compare(blob, shipment)
        if remember and not inspection.wrong:
            with self._lock:
                self._read_back[key] = listed
        return inspection

    def _compare(self, blob: Any, shipment: Shipment) -> Inspection:
        staged_instances = {member_name(staged.receipt): staged for staged in shipment.staged_instances}

        def wanted(name: str, sha256: str) -> bool:
            return name in staged_instances and staged_instances[name].receipt.output_sha256 != sha256

        with self._bucket.opened(blob) as file:
            held = read_archive(file, blob.crc32c, wanted, MOST_COMPARED)
        inspection = Inspection()
        for name, staged in staged_instances.items():
            uid = staged.receipt.sop_instance_uid
            if held is None:
                inspection.wrong.append(Discrepancy(uid, "the archive of its study is damaged"))
            elif name not in held:
                inspection.wrong.append(_missing(staged))
            elif held[name].sha256 != staged.receipt.output_sha256:
                inspection.wrong.append(Discrepancy(uid, differs(staged, held[name].content)))
            else:
                inspection.places[uid] = self._member(blob, staged)
        for name in (held or {}).keys() - staged_instances.keys():
            uid = name.rpartition("/")[2].removesuffix(".dcm")
            inspection.wrong.append(Discrepancy(uid, "the archive contains it, but it does not belong to this batch"))
        return inspection

    def _member(self, blob: Any, staged: StagedInstance) -> Any:
        return self.place(blob, member_name(staged.receipt))

    def remove(self, shipment: Shipment) -> list[Discrepancy]:
        """Remove every generation of the archive of this batch, under either name."""
        for blob in self._generations(shipment):
            try:
                self._bucket.delete(blob)
            except Undeletable as kept:
                problem = f"its archive may not be deleted yet ({kept})"
                return [Discrepancy(staged.receipt.sop_instance_uid, problem) for staged in shipment.staged_instances]
        return []

    def _generations(self, shipment: Shipment) -> Iterator[Any]:
        for name in self._names(shipment):
            for blob in self._bucket.listed(name, versions=True):
                if blob.name == name and _is_of(blob, shipment):
                    yield blob


def _is_of(blob: Any, shipment: Shipment) -> bool:
    """Return whether an archive is of this study and this part of it, by what it says of itself."""
    stored = blob.metadata or {}
    expected = (shipment.project, shipment.staged_instances[0].receipt.study_instance_uid, str(shipment.part))
    return (stored.get("project"), stored.get("study"), stored.get("part")) == expected


def _missing(staged: StagedInstance) -> Discrepancy:
    return Discrepancy(staged.receipt.sop_instance_uid, NOT_THERE)


def member_name(receipt: Receipt) -> str:
    """Return where an instance is in the archive."""
    return f"{safe(receipt.series_instance_uid)}/{safe(receipt.sop_instance_uid)}.dcm"


def manifest_of(shipment: Shipment) -> bytes:
    """Return the receipts as JSON (`Receipt.outward`), for a receiver to check against."""
    entries = []
    for name, staged in _sorted(shipment):
        entries.append({"file": name, **staged.receipt.outward()})
    content = {"format": "SendIt archive 1", "project": shipment.project, "instances": entries}
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def _sorted(shipment: Shipment) -> list[tuple[str, StagedInstance]]:
    return sorted(
        ((member_name(staged.receipt), staged) for staged in shipment.staged_instances), key=lambda pair: pair[0]
    )


def archive_bytes(shipment: Shipment) -> Generator[bytes, None, None]:
    """Yield the bytes of the archive, in pieces.

    Every instance passes the release check (`open_staged`) before a byte of it comes.
    """
    packer = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
    for piece in _tar(shipment):
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _tar(shipment: Shipment) -> Iterator[bytes]:
    listed = manifest_of(shipment)
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
        self._pieces = archive_bytes(shipment)
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
class ArchiveMember:
    """A member of an archive."""

    size: int
    sha256: str
    content: bytes | None  # where it was wanted


def read_archive(
    file: BinaryIO, crc32c: str, is_kept: Callable[[str, str], bool], most: int
) -> dict[str, ArchiveMember] | None:
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
    members: dict[str, ArchiveMember] | None = {}
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


def _member(
    content: IO[bytes], entry: tarfile.TarInfo, is_kept: Callable[[str, str], bool], most: int
) -> ArchiveMember:
    digest = hashlib.sha256()
    kept = []
    while piece := content.read(_PIECE):
        digest.update(piece)
        if entry.size <= most:
            kept.append(piece)
    sha256 = digest.hexdigest()
    keep = entry.size <= most and is_kept(entry.name, sha256)
    return ArchiveMember(entry.size, sha256, b"".join(kept) if keep else None)


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

"""One archive for each batch of a study.

Two studies may come to the same name (one patient, the same date, no accession number). Both are kept: an archive says
in its metadata of which study it is; who finds another study's takes the name with its own coded UID behind it. To find
an archive again both names are looked at, so it does not matter which of the two was first.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from sendit.destinations import google_cloud_storage_archive as archive
from sendit.destinations.base import NOT_THERE, Progress
from sendit.destinations.google_cloud_storage_bucket import CHUNK, Bucket, Kept, Taken
from sendit.destinations.google_cloud_storage_layout import MOST_COMPARED, Inspection, Layout, differs, metadata
from sendit.errors import Misconfigured, Retry
from sendit.model import Consignment, Discrepancy, Parcel
from sendit.names import NameTemplate, safe

_SUFFIX = re.compile(r"(\.tar\.gz|\.tgz)?$")
#: How often another may be faster before it is left for later.
_RACES = 4


class Archives(Layout):
    """Objects of the kind application/gzip, without a Content-Encoding: else Google would unpack them on their way."""

    def __init__(self, bucket: Bucket, concurrency: int, template: NameTemplate) -> None:
        super().__init__(bucket, concurrency)
        self._template = template
        self._lock = threading.Lock()
        self._read_back: dict[tuple[str, int], str] = {}  # name and generation → digest of the manifest that it fits

    def deliver(self, consignment: Consignment, progress: Progress) -> int:
        """Streamed in one session; all instances are acknowledged at once."""
        listed = hashlib.sha256(archive.manifest(consignment)).hexdigest()
        stream: archive.ArchiveStream | None = None
        for _ in range(_RACES):
            blob, name = self._find(consignment)
            if blob is not None:
                self._check_same(blob, consignment, listed, stream)
                break
            try:
                with archive.ArchiveStream(consignment, CHUNK) as stream:
                    self._upload(name, stream, consignment, listed)
                break
            except Taken:  # by another study, another worker, or by ourselves and the answer was lost
                continue
        else:
            raise Retry("others were faster at taking the archive's name, several times")
        for count in range(1, len(consignment.parcels) + 1):
            progress(count)
        return len(consignment.parcels)

    def _upload(self, name: str, stream: archive.ArchiveStream, consignment: Consignment, listed: str) -> None:
        said = metadata(consignment, [parcel.receipt for parcel in consignment.parcels])
        said = {**said, "manifest_sha256": listed}
        made = self._bucket.upload(name, cast(BinaryIO, stream), None, "application/gzip", said)
        if (int(made.size), made.crc32c) != (stream.size, stream.crc32c):
            raise Retry("Google stored another archive than was sent")

    def _find(self, consignment: Consignment) -> tuple[Any | None, str]:
        """The archive of this batch, and its name; or None, and the name that is free for it."""
        free = None
        for name in self._names(consignment):
            blob = self._bucket.get(name)
            if blob is None:
                free = free or name
            elif _is_of(blob, consignment):
                return blob, name
        if free is None:
            problem = "the names for an archive are taken by objects of others"
            raise Misconfigured(f"{self._bucket.place}.ObjectName", problem, "Put {study} into the template.")
        return None, free

    def _names(self, consignment: Consignment) -> tuple[str, str]:
        receipt = consignment.parcels[0].receipt
        name = self._template.name(consignment, receipt)
        end = cast(re.Match[str], _SUFFIX.search(name)).start()
        part = f"_part{consignment.part}" if consignment.part > 1 else ""
        stem, ending = name[:end] + part, name[end:]
        return f"{stem}{ending}", f"{stem}_{safe(receipt.study_instance_uid)}{ending}"

    def _check_same(self, blob: Any, consignment: Consignment, listed: str, sent: archive.ArchiveStream | None) -> None:
        """The archive that is there already holds the same, byte for byte or instance for instance."""
        if sent is not None and sent.ended and (int(blob.size), blob.crc32c) == (sent.size, sent.crc32c):
            return
        if (blob.metadata or {}).get("manifest_sha256") == listed and (sent is None or not sent.ended):
            return  # its instances are compared when it is read back
        wrong = self._compare(blob, consignment).wrong
        if wrong:
            raise self.other_content(wrong)

    def inspect(self, consignment: Consignment, remember: bool = False) -> Inspection:
        """The whole archive is read, and each of its members compared with its receipt."""
        blob, _ = self._find(consignment)
        if blob is None:
            return Inspection(wrong=[_missing(parcel) for parcel in consignment.parcels])
        key = (blob.name, int(blob.generation))
        listed = hashlib.sha256(archive.manifest(consignment)).hexdigest()
        with self._lock:
            known = self._read_back.pop(key, None)
        if known == listed:  # a generation never changes
            return Inspection({p.receipt.sop_instance_uid: self._member(blob, p) for p in consignment.parcels})
        found = self._compare(blob, consignment)
        if remember and not found.wrong:
            with self._lock:
                self._read_back[key] = listed
        return found

    def _compare(self, blob: Any, consignment: Consignment) -> Inspection:
        parcels = {archive.member(parcel.receipt): parcel for parcel in consignment.parcels}

        def wanted(name: str, sha256: str) -> bool:
            return name in parcels and parcels[name].receipt.output_sha256 != sha256

        with self._bucket.opened(blob) as file:
            held = archive.read(file, blob.crc32c, wanted, MOST_COMPARED)
        inspection = Inspection()
        for name, parcel in parcels.items():
            uid = parcel.receipt.sop_instance_uid
            if held is None:
                inspection.wrong.append(Discrepancy(uid, "the archive of its study is damaged"))
            elif name not in held:
                inspection.wrong.append(_missing(parcel))
            elif held[name].sha256 != parcel.receipt.output_sha256:
                inspection.wrong.append(Discrepancy(uid, differs(parcel, held[name].content)))
            else:
                inspection.places[uid] = self._member(blob, parcel)
        for name in (held or {}).keys() - parcels.keys():
            uid = name.rpartition("/")[2].removesuffix(".dcm")
            inspection.wrong.append(Discrepancy(uid, "the archive holds it, and it is not of this batch"))
        return inspection

    def _member(self, blob: Any, parcel: Parcel) -> Any:
        return self.place(blob, archive.member(parcel.receipt))

    def remove(self, consignment: Consignment) -> list[Discrepancy]:
        """Every generation of the archive of this batch, under either name."""
        for blob in self._generations(consignment):
            try:
                self._bucket.delete(blob)
            except Kept as kept:
                problem = f"its archive may not be deleted yet ({kept})"
                return [Discrepancy(parcel.receipt.sop_instance_uid, problem) for parcel in consignment.parcels]
        return []

    def _generations(self, consignment: Consignment) -> Iterator[Any]:
        for name in self._names(consignment):
            for blob in self._bucket.listed(name, versions=True):
                if blob.name == name and _is_of(blob, consignment):
                    yield blob


def _is_of(blob: Any, consignment: Consignment) -> bool:
    """Whether an archive is of this study and this part of it, by what it says of itself."""
    said = blob.metadata or {}
    wanted = (consignment.project, consignment.parcels[0].receipt.study_instance_uid, str(consignment.part))
    return (said.get("project"), said.get("study"), said.get("part")) == wanted


def _missing(parcel: Parcel) -> Discrepancy:
    return Discrepancy(parcel.receipt.sop_instance_uid, NOT_THERE)

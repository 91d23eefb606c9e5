"""One archive for each batch of a study.

Two studies may come to the same name (one patient, the same date, no accession number). Both are kept: an archive says
in its metadata of which study it is; who finds another study's takes the name with its own coded UID behind it. To find
an archive again both names are looked at, so it does not matter which of the two was first.
"""

from __future__ import annotations

import hashlib
import re
import threading
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from sendit.config.name_template import NameTemplate, safe
from sendit.destinations.base import NOT_THERE, Progress
from sendit.destinations.gcs import tar_stream
from sendit.destinations.gcs.bucket import CHUNK, Bucket, Kept, Taken
from sendit.destinations.gcs.layout import MOST_COMPARED, Inspection, Layout, differs, metadata
from sendit.destinations.passports import part_suffix
from sendit.errors import Misconfigured, Retry
from sendit.model import Discrepancy, Shipment, StagedInstance

if TYPE_CHECKING:
    from collections.abc import Iterator

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

    def deliver(self, shipment: Shipment, progress: Progress) -> int:
        """Stream the archive in one session; all instances are acknowledged at once."""
        listed = hashlib.sha256(tar_stream.manifest(shipment)).hexdigest()
        stream: tar_stream.ArchiveStream | None = None
        for _ in range(_RACES):
            blob, name = self._find(shipment)
            if blob is not None:
                self._check_same(blob, shipment, listed, stream)
                break
            try:
                with tar_stream.ArchiveStream(shipment, CHUNK) as stream:
                    self._upload(name, stream, shipment, listed)
                break
            except Taken:  # by another study, another worker, or by ourselves and the answer was lost
                continue
        else:
            raise Retry("the archive's name was taken by another upload, several times")
        for count in range(1, len(shipment.staged_instances) + 1):
            progress(count)
        return len(shipment.staged_instances)

    def _upload(self, name: str, stream: tar_stream.ArchiveStream, shipment: Shipment, listed: str) -> None:
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

    def _check_same(self, blob: Any, shipment: Shipment, listed: str, sent: tar_stream.ArchiveStream | None) -> None:
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
        listed = hashlib.sha256(tar_stream.manifest(shipment)).hexdigest()
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
        staged_instances = {tar_stream.member(staged.receipt): staged for staged in shipment.staged_instances}

        def wanted(name: str, sha256: str) -> bool:
            return name in staged_instances and staged_instances[name].receipt.output_sha256 != sha256

        with self._bucket.opened(blob) as file:
            held = tar_stream.read(file, blob.crc32c, wanted, MOST_COMPARED)
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
        return self.place(blob, tar_stream.member(staged.receipt))

    def remove(self, shipment: Shipment) -> list[Discrepancy]:
        """Remove every generation of the archive of this batch, under either name."""
        for blob in self._generations(shipment):
            try:
                self._bucket.delete(blob)
            except Kept as kept:
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

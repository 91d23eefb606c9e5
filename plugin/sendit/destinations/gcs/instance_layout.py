"""One object for each instance. One listing of the study tells which are there, with Google's own digests."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from sendit.destinations.base import NOT_THERE, Progress, open_staged
from sendit.destinations.gcs.bucket import Bucket, Taken, Undeletable
from sendit.destinations.gcs.layout import MOST_COMPARED, Inspection, Layout, differs, metadata
from sendit.destinations.passports import passport_name
from sendit.destinations.threads import in_threads
from sendit.errors import Retry
from sendit.model import Discrepancy, Receipt, Shipment, StagedInstance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sendit.config.name_template import NameTemplate


class Instances(Layout):
    """Objects of the kind application/dicom, as they were staged."""

    def __init__(self, bucket: Bucket, concurrency: int, template: NameTemplate) -> None:
        super().__init__(bucket, concurrency)
        self._template = template

    def deliver(self, shipment: Shipment, progress: Progress) -> int:
        """Upload several at once; skip what is already there."""
        held = self._lookup(shipment)

        def send(staged: StagedInstance) -> None:
            name = self._template.name(shipment, staged.receipt)
            blob = held(name)
            if blob is None and self._upload(name, shipment, staged):
                return
            blob = blob or self._bucket.get(name)
            if blob is None:
                raise Retry("Google reported an object as present, and then it was not")
            problem = self._problem(blob, staged)
            if problem is not None:
                raise self.other_content([Discrepancy(staged.receipt.sop_instance_uid, problem)])

        count = 0
        for count, _ in enumerate(in_threads(send, shipment.staged_instances, self._threads), 1):
            progress(count)
        return count

    def _upload(self, name: str, shipment: Shipment, staged: StagedInstance) -> bool:
        """Return whether it was made now. Google's digest of it is compared with the receipt's."""
        receipt = staged.receipt
        values = {
            **metadata(shipment, [receipt]),
            "series": receipt.series_instance_uid,
            "instance": receipt.sop_instance_uid,
            "sha256": receipt.output_sha256,
        }
        with open_staged(staged) as file:
            try:
                made = self._bucket.upload(name, file, receipt.output_size, "application/dicom", values)
            except Taken:
                return False
        if not _matches(made, receipt):
            raise Retry("the object that Google stored differs from what was sent")
        return True

    def inspect(self, shipment: Shipment, *, remember: bool = False) -> Inspection:
        """Compare size and MD5 as Google computed them; download what differs, to tell how."""
        held = self._lookup(shipment)

        def look(numbered: tuple[int, StagedInstance]) -> tuple[int, StagedInstance, Any, str | None]:
            number, staged = numbered
            blob = held(self._template.name(shipment, staged.receipt))
            return number, staged, blob, NOT_THERE if blob is None else self._problem(blob, staged)

        inspection = Inspection()
        looked = in_threads(look, enumerate(shipment.staged_instances), self._threads)
        for _, staged, blob, problem in sorted(looked, key=lambda entry: entry[0]):
            uid = staged.receipt.sop_instance_uid
            if problem is None:
                inspection.places[uid] = self.place(blob)
            else:
                inspection.wrong.append(Discrepancy(uid, problem))
        return inspection

    def _problem(self, blob: Any, staged: StagedInstance) -> str | None:
        """Return None if the object is what the receipt describes."""
        if _matches(blob, staged.receipt):
            return None
        return differs(staged, self._bucket.content(blob) if int(blob.size) <= MOST_COMPARED else None)

    def remove(self, shipment: Shipment) -> list[Discrepancy]:
        """Remove every generation of every object."""
        prefix = self._prefix(shipment)
        names = {
            self._template.name(shipment, p.receipt): p.receipt.sop_instance_uid for p in shipment.staged_instances
        }
        prefixes = [prefix] if prefix else list(names)
        blobs = (blob for one in prefixes for blob in self._bucket.listed(one, versions=True) if blob.name in names)

        def delete(blob: Any) -> Discrepancy | None:
            try:
                self._bucket.delete(blob)
            except Undeletable as kept:
                return Discrepancy(names[blob.name], f"it may not be deleted yet ({kept})")
            return None

        left = (discrepancy for discrepancy in in_threads(delete, blobs, self._threads) if discrepancy is not None)
        return list({discrepancy.sop_instance_uid: discrepancy for discrepancy in left}.values())

    def passport(self, shipment: Shipment) -> str:
        """Return a name in the folder of the study."""
        receipt = shipment.staged_instances[0].receipt
        folder, own = self._template.study_folder(shipment, receipt)
        name = passport_name(shipment.part, "" if own else receipt.study_instance_uid)
        return f"{folder}/{name}" if folder else name

    def _lookup(self, shipment: Shipment) -> Callable[[str], Any | None]:
        """Look objects up by name: in one listing, or one by one if a study has no prefix of its own."""
        prefix = self._prefix(shipment)
        if not prefix:
            return self._bucket.get
        listed: Mapping[str, Any] = {blob.name: blob for blob in self._bucket.listed(prefix)}
        return listed.get

    def _prefix(self, shipment: Shipment) -> str | None:
        """Return the folder that holds this study and no other, if the template makes one."""
        if not shipment.staged_instances:
            return None
        folder, own = self._template.study_folder(shipment, shipment.staged_instances[0].receipt)
        return f"{folder}/" if own else None


def _matches(blob: Any, receipt: Receipt) -> bool:
    """Compare size and MD5. Only a composed object has no MD5, and SendIt composes none."""
    md5 = base64.b64encode(bytes.fromhex(receipt.output_md5)).decode()
    return int(blob.size) == receipt.output_size and blob.md5_hash == md5

"""One object for each instance. What is there is known from one listing of the study, with Google's own digests."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from sendit.destinations.base import NOT_THERE, Progress, open_parcel
from sendit.destinations.google_cloud_storage_bucket import Bucket, Kept, Taken
from sendit.destinations.google_cloud_storage_layout import MOST_COMPARED, Inspection, Layout, differs, metadata
from sendit.destinations.in_threads import in_threads
from sendit.errors import Retry
from sendit.model import Consignment, Discrepancy, Parcel, Receipt
from sendit.names import STUDY_WORDS, WORDS, NameTemplate

_INSTANCE_WORDS = [word for word in WORDS if word not in STUDY_WORDS]


class Instances(Layout):
    """Objects of the kind application/dicom, as they were staged."""

    def __init__(self, bucket: Bucket, concurrency: int, template: NameTemplate) -> None:
        super().__init__(bucket, concurrency)
        self._template = template

    def deliver(self, consignment: Consignment, progress: Progress) -> int:
        """Several at once; what is there is not sent again."""
        held = self._lookup(consignment)

        def send(parcel: Parcel) -> None:
            name = self._template.name(consignment, parcel.receipt)
            blob = held(name)
            if blob is None and self._upload(name, consignment, parcel):
                return
            blob = blob or self._bucket.get(name)
            if blob is None:
                raise Retry("Google said that an object is there, and then it was not")
            problem = self._problem(blob, parcel)
            if problem is not None:
                raise self.other_content([Discrepancy(parcel.receipt.sop_instance_uid, problem)])

        count = 0
        for count, _ in enumerate(in_threads(send, consignment.parcels, self._threads), 1):
            progress(count)
        return count

    def _upload(self, name: str, consignment: Consignment, parcel: Parcel) -> bool:
        """Whether it was made now. Google's digest of it is compared with the receipt's."""
        receipt = parcel.receipt
        said = {
            **metadata(consignment, [receipt]),
            "series": receipt.series_instance_uid,
            "instance": receipt.sop_instance_uid,
            "sha256": receipt.output_sha256,
        }
        with open_parcel(parcel) as file:
            try:
                made = self._bucket.upload(name, file, receipt.output_size, "application/dicom", said)
            except Taken:
                return False
        if not _matches(made, receipt):
            raise Retry("Google stored other bytes than were sent")
        return True

    def inspect(self, consignment: Consignment, remember: bool = False) -> Inspection:
        """Size and MD5 as Google computed them; what differs is downloaded, to say in what."""
        held = self._lookup(consignment)

        def look(numbered: tuple[int, Parcel]) -> tuple[int, Parcel, Any, str | None]:
            number, parcel = numbered
            blob = held(self._template.name(consignment, parcel.receipt))
            return number, parcel, blob, NOT_THERE if blob is None else self._problem(blob, parcel)

        inspection = Inspection()
        looked = in_threads(look, enumerate(consignment.parcels), self._threads)
        for _, parcel, blob, problem in sorted(looked, key=lambda found: found[0]):
            uid = parcel.receipt.sop_instance_uid
            if problem is None:
                inspection.places[uid] = self.place(blob)
            else:
                inspection.wrong.append(Discrepancy(uid, problem))
        return inspection

    def _problem(self, blob: Any, parcel: Parcel) -> str | None:
        """None if the object is what the receipt describes."""
        if _matches(blob, parcel.receipt):
            return None
        return differs(parcel, self._bucket.content(blob) if int(blob.size) <= MOST_COMPARED else None)

    def remove(self, consignment: Consignment) -> list[Discrepancy]:
        """Every generation of every object."""
        prefix = self._prefix(consignment)
        names = {self._template.name(consignment, p.receipt): p.receipt.sop_instance_uid for p in consignment.parcels}
        prefixes = [prefix] if prefix else list(names)
        blobs = (blob for one in prefixes for blob in self._bucket.listed(one, versions=True) if blob.name in names)

        def delete(blob: Any) -> Discrepancy | None:
            try:
                self._bucket.delete(blob)
            except Kept as kept:
                return Discrepancy(names[blob.name], f"it may not be deleted yet ({kept})")
            return None

        left = (found for found in in_threads(delete, blobs, self._threads) if found is not None)
        return list({found.sop_instance_uid: found for found in left}.values())

    def _lookup(self, consignment: Consignment) -> Callable[[str], Any | None]:
        """What is there under a name: out of one listing, or asked for one by one where a study has no prefix."""
        prefix = self._prefix(consignment)
        if not prefix:
            return self._bucket.get
        listed: Mapping[str, Any] = {blob.name: blob for blob in self._bucket.listed(prefix)}
        return listed.get

    def _prefix(self, consignment: Consignment) -> str | None:
        """The folder that holds this study and no other, if the template makes one."""
        folders = []
        for part in self._template.text.split("/")[:-1]:
            if any(f"{{{word}}}" in part for word in _INSTANCE_WORDS):
                break
            folders.append(part)
        if not consignment.parcels or not any("{study}" in part for part in folders):
            return None
        return NameTemplate("/".join(folders)).name(consignment, consignment.parcels[0].receipt) + "/"


def _matches(blob: Any, receipt: Receipt) -> bool:
    """By size and MD5. Only an object that was composed of others has no MD5, and SendIt composes none."""
    md5 = base64.b64encode(bytes.fromhex(receipt.output_md5)).decode()
    return int(blob.size) == receipt.output_size and blob.md5_hash == md5

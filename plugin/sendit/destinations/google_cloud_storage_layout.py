"""What the two layouts of a bucket have in common: what they answer, and the words for what differs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sendit import __version__
from sendit.destinations.base import NOT_THERE, Progress, read_parcel
from sendit.destinations.google_cloud_storage_bucket import Bucket
from sendit.destinations.index import Place
from sendit.destinations.same_dataset import CannotCompare, difference
from sendit.errors import Misconfigured
from sendit.model import Consignment, Discrepancy, Parcel, Receipt

#: Larger instances are compared by their digests alone (bytes): for more, both have to stand in memory.
MOST_COMPARED = 64 * 1024 * 1024


@dataclass
class Inspection:
    """What was found of a consignment in the bucket."""

    places: dict[str, Place] = field(default_factory=dict)  # coded SOPInstanceUID → where it is, as its receipt says
    wrong: list[Discrepancy] = field(default_factory=list)


class Layout(ABC):
    """How instances become objects."""

    def __init__(self, bucket: Bucket, concurrency: int) -> None:
        self._bucket = bucket
        self._threads = concurrency

    @abstractmethod
    def deliver(self, consignment: Consignment, progress: Progress) -> int:
        """See `Destination.deliver`."""

    @abstractmethod
    def inspect(self, consignment: Consignment, remember: bool = False) -> Inspection:
        """Read back and compare.

        Args:
            remember: the next inspection need not read again what Google cannot have changed since.
        """

    @abstractmethod
    def remove(self, consignment: Consignment) -> list[Discrepancy]:
        """See `Destination.recall`."""

    def place(self, blob: Any, member: str | None = None) -> Place:
        """Where an object is, for the indexes."""
        return Place(
            bucket=self._bucket.name,
            name=blob.name,
            generation=int(blob.generation),
            size=int(blob.size),
            crc32c=blob.crc32c,
            md5=blob.md5_hash,
            member=member,
        )

    def other_content(self, wrong: Sequence[Discrepancy]) -> Misconfigured:
        """There is something else where this should be."""
        found = next((one for one in wrong if one.problem != NOT_THERE), wrong[0])
        return Misconfigured(
            self._bucket.place,
            f"the bucket holds another content under the coded UID {found.sop_instance_uid}: {found.problem}",
            "Nothing there was overwritten. Find out whose it is; remove it there, then retry.",
        )


def metadata(consignment: Consignment, receipts: Sequence[Receipt]) -> Mapping[str, str]:
    """What objects say of themselves; coded values alone."""
    return {
        "batch": str(consignment.batch_id),
        "project": consignment.project,
        "study": receipts[0].study_instance_uid,
        "part": str(consignment.part),
        "instances": str(len(receipts)),
        "plan_sha256": ",".join(sorted({receipt.plan_sha256 for receipt in receipts})[:8]),
        "software": f"SendIt {__version__}",
    }


def differs(parcel: Parcel, theirs: bytes | None) -> str:
    """What differs between a staged file and other bytes under its name, without any value."""
    if theirs is None:
        return "other bytes than its receipt says (too large to say which attributes differ)"
    if not parcel.path.exists():
        return "other bytes than its receipt says; what was sent is no longer kept, so the contents cannot be compared"
    try:
        found = difference(read_parcel(parcel), theirs)
    except CannotCompare:
        found = None
    return found or "other bytes than its receipt says"

"""Common parts of the bucket's two layouts: their results, and the messages about differences."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sendit import __version__
from sendit.destinations.base import NOT_THERE, Progress, other_content, read_staged
from sendit.destinations.compare import CannotCompare, difference
from sendit.destinations.indexes.base import Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sendit.destinations.gcs.bucket import Bucket
    from sendit.errors import Misconfigured
    from sendit.model import Discrepancy, Receipt, Shipment, StagedInstance

#: Larger instances are compared by their digests alone (bytes): for more, both have to stand in memory.
MOST_COMPARED = 64 * 1024 * 1024


@dataclass
class Inspection:
    """The state of a shipment in the bucket."""

    places: dict[str, Place] = field(default_factory=dict)  # coded SOPInstanceUID → where it is, as its receipt says
    wrong: list[Discrepancy] = field(default_factory=list)


class Layout(ABC):
    """How instances become objects."""

    def __init__(self, bucket: Bucket, concurrency: int) -> None:
        self._bucket = bucket
        self._threads = concurrency

    @abstractmethod
    def deliver(self, shipment: Shipment, progress: Progress) -> int:
        """See `Destination.deliver`."""

    @abstractmethod
    def inspect(self, shipment: Shipment, *, remember: bool = False) -> Inspection:
        """Read back and compare.

        Args:
            shipment: the instances of the batch.
            remember: the next inspection need not read again what Google cannot have changed since.
        """

    @abstractmethod
    def remove(self, shipment: Shipment) -> list[Discrepancy]:
        """See `Destination.recall`."""

    @abstractmethod
    def passport(self, shipment: Shipment) -> str:
        """Return the name of the object with the passport of this part of a study."""

    def place(self, blob: Any, member: str | None = None) -> Place:
        """Return where an object is, for the indexes."""
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
        """Return the error for an object whose name is taken by something else."""
        example = next((one for one in wrong if one.problem != NOT_THERE), wrong[0])
        return other_content(self._bucket.place, "bucket", example.sop_instance_uid, example.problem)


def metadata(shipment: Shipment, receipts: Sequence[Receipt]) -> Mapping[str, str]:
    """Return what objects say of themselves; coded values alone."""
    return {
        "batch": str(shipment.batch_id),
        "project": shipment.project,
        "study": receipts[0].study_instance_uid,
        "part": str(shipment.part),
        "instances": str(len(receipts)),
        "plan_sha256": ",".join(sorted({receipt.plan_sha256 for receipt in receipts})[:8]),
        "software": f"SendIt {__version__}",
    }


def differs(staged: StagedInstance, theirs: bytes | None) -> str:
    """Return what differs between a staged file and other bytes under its name, without any value."""
    if theirs is None:
        return "its bytes differ from its receipt (too large to tell which attributes differ)"
    if not staged.path.exists():
        return "its bytes differ from its receipt; what was sent is no longer kept, so the contents cannot be compared"
    try:
        problem = difference(read_staged(staged), theirs)
    except CannotCompare:
        problem = None
    return problem or "its bytes differ from its receipt"

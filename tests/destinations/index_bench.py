"""What the contract suite of the indexes has to know of one: its server, and the harm that can be done in between."""

from __future__ import annotations

import base64
import hashlib
import os
import pickle
import subprocess
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import google_crc32c

from sendit.destinations.indexes.base import Index, Place
from sendit.model import Receipt, Shipment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.servers.fault_proxy import Fault

#: Where the index stands in the configuration of these tests.
PLACE = "SendIt.Destinations.bucket.Index[0]"


class IndexBench(ABC):
    """An index made for one test; its server is shared: each test enters a study of its own."""

    index: Index

    #: What may heal, on its wire, by readable names.
    healing: ClassVar[Mapping[str, Fault]]
    #: What a person has to change, by readable names; with a piece of the message.
    lasting: ClassVar[Mapping[str, tuple[Fault, str]]]

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The entry of "Index", as an operator writes it."""

    @abstractmethod
    def harm_writing(self, fault: Fault) -> None:
        """The next `fault.times` calls that write suffer this."""

    @abstractmethod
    def harm_reading(self, fault: Fault) -> None:
        """The next `fault.times` calls that read suffer this."""

    @abstractmethod
    def heal(self) -> None:
        """No more harm."""

    @abstractmethod
    def take_down(self) -> None:
        """From now on nothing listens any more."""

    @abstractmethod
    def held(self, receipt: Receipt) -> list[Mapping[str, Any]]:
        """The entries of one instance, found by query with the official client, past all harm."""

    @abstractmethod
    def counted(self, receipt: Receipt) -> int:
        """How many instances of this study the index says there are."""

    @abstractmethod
    def remove(self, receipt: Receipt) -> None:
        """Delete an entry behind the index's back."""

    @abstractmethod
    def alter(self, receipt: Receipt) -> None:
        """Change the digest in an entry behind the index's back."""

    @abstractmethod
    def hold(self, nth: int, after: bool) -> Any:
        """Keep the `nth` writing call (or its answer); the result has `wait()`, which returns when that begins."""

    @abstractmethod
    def writes(self) -> int:
        """How many calls that write reached the server."""

    @abstractmethod
    def close(self) -> None:
        """End what was made for this test alone."""

    def holds_all(self, shipment: Shipment) -> bool:
        """Every instance once, with the digest of its receipt."""
        return all(
            [entry["sha256"] for entry in self.held(staged.receipt)] == [staged.receipt.output_sha256]
            for staged in shipment.staged_instances
        ) and self.counted(shipment.staged_instances[0].receipt) == len(shipment.staged_instances)


def places_of(shipment: Shipment, bucket: str = "sendit-demo", archive: bool = True) -> dict[str, Place]:
    """Where the instances would lie, as the destination tells it."""
    return {p.receipt.sop_instance_uid: _place(shipment, p.receipt, bucket, archive) for p in shipment.staged_instances}


def _place(shipment: Shipment, receipt: Receipt, bucket: str, archive: bool) -> Place:
    member = f"{receipt.series_instance_uid}/{receipt.sop_instance_uid}.dcm"
    name = f"{receipt.study_instance_uid}/{member}"
    if archive:
        late = "" if shipment.part == 1 else f"_part{shipment.part}"
        name = f"Collection/{shipment.project}/Entity/{receipt.patient_id}/{receipt.patient_id}{late}.tar.gz"
    content = name.encode()
    return Place(
        bucket=bucket,
        name=name,
        generation=1_700_000_000_000_000 + shipment.part,
        size=receipt.output_size,
        crc32c=base64.b64encode(google_crc32c.value(content).to_bytes(4)).decode(),
        md5=base64.b64encode(hashlib.md5(content).digest()).decode(),
        member=member if archive else None,
    )


def part_of(shipment: Shipment, staged_instances: Sequence[Any], batch: int, part: int) -> Shipment:
    """Some of the staged instances as a batch of their own."""
    return Shipment(batch, shipment.project, staged_instances, part)


def peak_memory(bench: IndexBench, sent: Shipment, tmp_path: Path) -> float:
    """The most memory (MB) that a process takes to write the index of these."""
    job = tmp_path / "job"
    job.write_bytes(pickle.dumps((PLACE, bench.settings(), sent, places_of(sent))))
    process = subprocess.Popen([sys.executable, "-m", "tests.destinations.index_sender", str(job)])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024

"""Delivery to a bucket of Google Cloud Storage, and from there into indexes.

Two layouts: `Archive` (one .tar.gz for each batch of a study, archive_layout.py) and `Instances` (one
object each, instance_layout.py). Indexes are written once the objects are read back, and emptied before
they are removed, so that an index never points at nothing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sendit.destinations.base import Destination, Progress
from sendit.destinations.gcs.archive_layout import Archives
from sendit.destinations.gcs.bucket import Bucket
from sendit.destinations.gcs.check import check
from sendit.destinations.gcs.instance_layout import Instances
from sendit.destinations.gcs.layout import metadata
from sendit.destinations.gcs.passport import Documents
from sendit.destinations.indexes.base import Index, open_index
from sendit.destinations.passports import (
    PASSPORT_FORMAT,
    REVOCATIONS_FORMAT,
    PassportHolder,
    RevocationsHolder,
    revocations_name,
)
from sendit.errors import Retry
from sendit.model import Discrepancy, Shipment

if TYPE_CHECKING:
    from sendit.config.orthanc import OrthancConfig
    from sendit.destinations.gcs.layout import Layout
    from sendit.destinations.gcs.settings import GoogleCloudStorageSettings


class GoogleCloudStorageDestination(Destination, PassportHolder, RevocationsHolder):
    """A bucket, and the indexes that tell what is in it."""

    def __init__(self, name: str, settings: GoogleCloudStorageSettings, orthanc: OrthancConfig) -> None:
        self.name = name
        self._settings = settings
        self._place = f"SendIt.Destinations.{name}"
        self._bucket = Bucket(self._place, settings)
        layout = Archives if settings.layout == "Archive" else Instances
        self._layout: Layout = layout(self._bucket, settings.concurrency, settings.template)
        self._documents = Documents(self._bucket)
        self._lock = threading.Lock()
        self._opened: list[Index] | None = None

    def check(self) -> None:
        """Check that the bucket exists, that we may create, read and list, and that every index works."""
        check(self._bucket, self._settings)
        for index in self._indexes():
            index.check()

    def deliver(self, shipment: Shipment, progress: Progress) -> int:
        """See `Destination`. With indexes, what was sent is read back at once, and entered then."""
        if not shipment.staged_instances:
            return 0
        indexes = self._indexes()
        count = self._layout.deliver(shipment, progress)
        if indexes:
            inspection = self._layout.inspect(shipment, remember=True)
            if inspection.wrong:
                total = len(shipment.staged_instances)
                raise Retry(
                    f"read back: {len(inspection.wrong)} of {total} are not as sent ({inspection.wrong[0].problem})"
                )
            for index in indexes:
                index.write(shipment, inspection.places)
        return count

    def verify(self, shipment: Shipment) -> list[Discrepancy]:
        """See `Destination`. The objects first, then what every index says of those that are there."""
        if not shipment.staged_instances:
            return []
        inspection = self._layout.inspect(shipment)
        there = [staged for staged in shipment.staged_instances if staged.receipt.sop_instance_uid in inspection.places]
        indexed = Shipment(shipment.batch_id, shipment.project, there, shipment.part)
        return [
            *inspection.wrong,
            *(wrong for index in self._indexes() if there for wrong in index.verify(indexed, inspection.places)),
        ]

    def recall(self, shipment: Shipment) -> list[Discrepancy]:
        """See `Destination`. The indexes first."""
        if not shipment.staged_instances:
            return []
        for index in self._indexes():
            index.remove(shipment)
        return self._layout.remove(shipment)

    def put_passport(self, shipment: Shipment, content: bytes) -> None:
        """See `PassportHolder`. It is an object beside the archive, or in the folder of the study."""
        first = shipment.staged_instances[0].receipt
        values = metadata(shipment, [first])
        about = {name: values[name] for name in ("batch", "project", "study", "part", "software")}
        name = self._layout.passport(shipment)
        self._documents.put(name, content, PASSPORT_FORMAT, first.study_instance_uid, about)

    def read_passport(self, shipment: Shipment) -> bytes | None:
        """See `PassportHolder`."""
        return self._documents.read(self._layout.passport(shipment))

    def remove_passport(self, shipment: Shipment) -> str | None:
        """See `PassportHolder`. Every generation goes."""
        study = shipment.staged_instances[0].receipt.study_instance_uid
        return self._documents.remove(self._layout.passport(shipment), PASSPORT_FORMAT, study)

    def put_revocations(self, project: str, content: bytes) -> None:
        """See `RevocationsHolder`. They are at the top of the bucket."""
        self._documents.put(revocations_name(project), content, REVOCATIONS_FORMAT, project, {"project": project})

    def _indexes(self) -> list[Index]:
        """Open the indexes on first use: their clients cost time and memory."""
        with self._lock:
            if self._opened is None:
                section, several = self._settings, len(self._settings.index) > 1
                self._opened = [
                    open_index(f"{self._place}.Index" + (f"[{number}]" if several else ""), one, section.credentials)
                    for number, one in enumerate(section.index)
                ]
            return self._opened

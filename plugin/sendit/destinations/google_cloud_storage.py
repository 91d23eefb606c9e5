"""Delivery to a bucket of Google Cloud Storage, and from there into indexes.

Two layouts: `Archive` (one .tar.gz for each batch of a study, google_cloud_storage_archives.py) and `Instances` (one
object each, google_cloud_storage_instances.py). Indexes are written once the objects are read back, and emptied before
they are removed, so that an index never points at nothing.
"""

from __future__ import annotations

import threading

from sendit.destination_settings import GoogleCloudStorageSettings
from sendit.destinations.base import Destination, Progress
from sendit.destinations.google_cloud_storage_archives import Archives
from sendit.destinations.google_cloud_storage_bucket import Bucket
from sendit.destinations.google_cloud_storage_check import check
from sendit.destinations.google_cloud_storage_instances import Instances
from sendit.destinations.google_cloud_storage_layout import Layout
from sendit.destinations.index import Index, open_index
from sendit.errors import Retry
from sendit.model import Consignment, Discrepancy
from sendit.orthanc_config import OrthancConfig


class GoogleCloudStorageDestination(Destination):
    """A bucket, and the indexes that tell what is in it."""

    def __init__(self, name: str, settings: GoogleCloudStorageSettings, orthanc: OrthancConfig) -> None:
        self.name = name
        self._settings = settings
        self._place = f"SendIt.Destinations.{name}"
        self._bucket = Bucket(self._place, settings)
        layout = Archives if settings.layout == "Archive" else Instances
        self._layout: Layout = layout(self._bucket, settings.concurrency, settings.template)
        self._lock = threading.Lock()
        self._opened: list[Index] | None = None

    def check(self) -> None:
        """The bucket is there, we may create, read and list, and every index is well."""
        check(self._bucket, self._settings)
        for index in self._indexes():
            index.check()

    def deliver(self, consignment: Consignment, progress: Progress) -> int:
        """See `Destination`. With indexes, what was sent is read back at once, and entered then."""
        if not consignment.parcels:
            return 0
        indexes = self._indexes()
        count = self._layout.deliver(consignment, progress)
        if indexes:
            found = self._layout.inspect(consignment, remember=True)
            if found.wrong:
                total = len(consignment.parcels)
                raise Retry(f"read back: {len(found.wrong)} of {total} are not as sent ({found.wrong[0].problem})")
            for index in indexes:
                index.write(consignment, found.places)
        return count

    def verify(self, consignment: Consignment) -> list[Discrepancy]:
        """See `Destination`. The objects first, then what every index says of those that are there."""
        if not consignment.parcels:
            return []
        found = self._layout.inspect(consignment)
        there = [parcel for parcel in consignment.parcels if parcel.receipt.sop_instance_uid in found.places]
        indexed = Consignment(consignment.batch_id, consignment.project, there, consignment.part)
        return [
            *found.wrong,
            *(wrong for index in self._indexes() if there for wrong in index.verify(indexed, found.places)),
        ]

    def recall(self, consignment: Consignment) -> list[Discrepancy]:
        """See `Destination`. The indexes first."""
        if not consignment.parcels:
            return []
        for index in self._indexes():
            index.remove(consignment)
        return self._layout.remove(consignment)

    def _indexes(self) -> list[Index]:
        """Made when they are first needed: their clients cost time and memory."""
        with self._lock:
            if self._opened is None:
                section, several = self._settings, len(self._settings.index) > 1
                self._opened = [
                    open_index(f"{self._place}.Index" + (f"[{number}]" if several else ""), one, section.credentials)
                    for number, one in enumerate(section.index)
                ]
            return self._opened

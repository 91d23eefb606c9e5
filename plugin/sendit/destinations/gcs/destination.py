"""Delivery to a bucket of Google Cloud Storage, and from there into indexes.

Two layouts: `Archive` (one .tar.gz for each batch of a study, archive_layout.py) and `Instances` (one
object each, instance_layout.py). Indexes are written once the objects are read back, and emptied before
they are removed, so that an index never points at nothing.
"""

from __future__ import annotations

import io
import logging
import threading
from typing import TYPE_CHECKING, Any

from sendit.destinations.base import Destination, Progress
from sendit.destinations.gcs.archive_layout import Archives
from sendit.destinations.gcs.bucket import Bucket, Taken, Undeletable
from sendit.destinations.gcs.instance_layout import Instances
from sendit.destinations.gcs.layout import metadata
from sendit.destinations.indexes.base import Index, open_index
from sendit.destinations.passports import (
    PASSPORT_FORMAT,
    REVOCATIONS_FORMAT,
    PassportHolder,
    RevocationsHolder,
    check_replaceable,
    is_ours,
    revocations_name,
)
from sendit.errors import Misconfigured, Retry
from sendit.model import Discrepancy, Shipment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendit.config.orthanc import OrthancConfig
    from sendit.destinations.gcs.layout import Layout
    from sendit.destinations.gcs.settings import GoogleCloudStorageSettings


log = logging.getLogger(__name__)

#: Permissions for delivering and reading back, and a role that has each.
_NEEDED = {
    "storage.objects.create": "Storage Object Creator",
    "storage.objects.get": "Storage Object Viewer",
    "storage.objects.list": "Storage Object Viewer",
}
#: Permission for recalling.
_TO_DELETE = "storage.objects.delete"
#: Permissions for further checks, which are made where we have them.
_TO_SEE = "storage.buckets.get"
_TO_SEE_POLICY = "storage.buckets.getIamPolicy"

_EVERYBODY = {"allUsers", "allAuthenticatedUsers"}


class GoogleCloudStorageDestination(Destination, PassportHolder, RevocationsHolder):
    """A bucket, and the indexes that tell what is in it."""

    def __init__(self, name: str, settings: GoogleCloudStorageSettings, orthanc: OrthancConfig) -> None:
        self.name = name
        self._settings = settings
        self._place = f"SendIt.Destinations.{name}"
        self._bucket = Bucket(self._place, settings)
        layout = Archives if settings.layout == "Archive" else Instances
        self._layout: Layout = layout(self._bucket, settings.concurrency, settings.template)
        self._documents = _Documents(self._bucket)
        self._lock = threading.Lock()
        self._opened: list[Index] | None = None

    def check(self) -> None:
        """Check that the bucket exists, that we may create, read and list, and that every index works."""
        _check_bucket(self._bucket, self._settings)
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


def _check_bucket(bucket: Bucket, settings: GoogleCloudStorageSettings) -> None:
    """Check that it can be delivered to. Settings that are allowed but unwise are logged as warnings."""
    granted = set(bucket.granted([*_NEEDED, _TO_DELETE, _TO_SEE, _TO_SEE_POLICY]))
    missing = [permission for permission in _NEEDED if permission not in granted]
    if missing:
        problem = f"on the bucket '{bucket.name}' this account lacks {', '.join(missing)}"
        roles = " and ".join(dict.fromkeys(_NEEDED[permission] for permission in missing))
        raise Misconfigured(bucket.place, problem, f"Give it the role {roles}, or Storage Object User for all.")
    if _TO_DELETE not in granted:
        log.warning("%s: without %s nothing can be recalled from the bucket", bucket.place, _TO_DELETE)
    if _TO_SEE in granted:
        _check_properties(bucket, bucket.description(), settings)
    elif settings.kms_key is not None:
        log.warning("%s: without %s the bucket's encryption cannot be checked", bucket.place, _TO_SEE)
    if _TO_SEE_POLICY in granted:
        _check_policy(bucket)


def _check_properties(bucket: Bucket, properties: Any, settings: GoogleCloudStorageSettings) -> None:
    place = bucket.place
    _check_key(bucket, properties, settings)
    iam = properties.iam_configuration
    if not iam.uniform_bucket_level_access_enabled:
        log.warning("%s: the bucket has no uniform access: single objects can be made public", place)
    if iam.public_access_prevention != "enforced":
        log.warning("%s: the bucket does not enforce the prevention of public access", place)
    if properties.versioning_enabled:
        log.info("%s: the bucket keeps versions; a recall removes them all", place)
    kept = getattr(properties.soft_delete_policy, "retention_duration_seconds", None)
    if kept:
        log.warning("%s: what is recalled can be restored for %d days (soft delete)", place, int(kept) // 86_400)
    log.info("%s: the bucket is in %s, %s", place, properties.location, properties.storage_class)


def _check_key(bucket: Bucket, properties: Any, settings: GoogleCloudStorageSettings) -> None:
    """Check the key's location: Google refuses one from elsewhere than the bucket, but only at the first upload."""
    if settings.kms_key is None:
        return
    key, default = settings.kms_key.split("/")[3], str(properties.location or "").lower()
    if properties.location_type == "region" and key != default:
        problem = f"this key is in {key}, and the bucket in {default}"
        raise Misconfigured(f"{bucket.place}.KmsKey", problem, "Use a key in the bucket's location.")
    if properties.default_kms_key_name not in (None, settings.kms_key):
        log.warning("%s.KmsKey: the bucket's own default key is another one", bucket.place)


def _check_policy(bucket: Bucket) -> None:
    for binding in bucket.policy():
        if _EVERYBODY & set(binding.get("members", ())):
            log.warning("%s: the bucket is public: everybody has the role %s", bucket.place, binding.get("role"))


class _Documents:
    """Passports and lists of recalled studies: small objects of a bucket that may be written anew."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def put(self, name: str, content: bytes, kind: str, subject: str, metadata: Mapping[str, str]) -> None:
        """Store a document in place of an earlier one of its kind and subject (see `check_replaceable`).

        Raises:
            Retry: another wrote it at the same moment.
        """
        existing = self._bucket.get(name)
        if existing is not None:
            held = self._bucket.content(existing)
            if held == content:
                return
            check_replaceable(held, kind, subject, self._bucket.place)
        generation = int(existing.generation) if existing is not None else 0
        try:
            self._bucket.upload(
                name, io.BytesIO(content), len(content), "application/json", metadata, generation=generation
            )
        except Taken:  # or the answer to our own upload was lost
            raise Retry("the passport in the bucket was written by another at the same moment") from None

    def read(self, name: str) -> bytes | None:
        """Return the content of the object; None if there is none."""
        existing = self._bucket.get(name)
        return None if existing is None else self._bucket.content(existing)

    def remove(self, name: str, kind: str, subject: str) -> str | None:
        """Remove every generation of the document; return why one could not be removed, or None."""
        for blob in self._bucket.listed(name, versions=True):
            if blob.name != name or not is_ours(self._bucket.content(blob), kind, subject):
                continue
            try:
                self._bucket.delete(blob)
            except Undeletable as kept:
                return f"its passport may not be deleted yet ({kept})"
        return None

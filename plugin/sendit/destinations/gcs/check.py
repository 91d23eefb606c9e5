"""Whether a bucket is there, lets us do what is needed, and is kept as the configuration says."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from sendit.destinations.gcs.bucket import Bucket
    from sendit.destinations.gcs.settings import GoogleCloudStorageSettings

_log = logging.getLogger(__name__)

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


def check(bucket: Bucket, settings: GoogleCloudStorageSettings) -> None:
    """Check that it can be delivered to. What is allowed and unwise is logged as a warning."""
    granted = set(bucket.granted([*_NEEDED, _TO_DELETE, _TO_SEE, _TO_SEE_POLICY]))
    missing = [permission for permission in _NEEDED if permission not in granted]
    if missing:
        problem = f"on the bucket '{bucket.name}' this account lacks {', '.join(missing)}"
        roles = " and ".join(dict.fromkeys(_NEEDED[permission] for permission in missing))
        raise Misconfigured(bucket.place, problem, f"Give it the role {roles}, or Storage Object User for all.")
    if _TO_DELETE not in granted:
        _log.warning("%s: without %s nothing can be recalled from the bucket", bucket.place, _TO_DELETE)
    if _TO_SEE in granted:
        _look_at(bucket, bucket.description(), settings)
    elif settings.kms_key is not None:
        _log.warning("%s: without %s the bucket's encryption cannot be checked", bucket.place, _TO_SEE)
    if _TO_SEE_POLICY in granted:
        _look_at_policy(bucket)


def _look_at(bucket: Bucket, properties: Any, settings: GoogleCloudStorageSettings) -> None:
    place = bucket.place
    _check_key(bucket, properties, settings)
    iam = properties.iam_configuration
    if not iam.uniform_bucket_level_access_enabled:
        _log.warning("%s: the bucket has no uniform access: single objects can be made public", place)
    if iam.public_access_prevention != "enforced":
        _log.warning("%s: the bucket does not enforce the prevention of public access", place)
    if properties.versioning_enabled:
        _log.info("%s: the bucket keeps versions; a recall removes them all", place)
    kept = getattr(properties.soft_delete_policy, "retention_duration_seconds", None)
    if kept:
        _log.warning("%s: what is recalled can be restored for %d days (soft delete)", place, int(kept) // 86_400)
    _log.info("%s: the bucket is in %s, %s", place, properties.location, properties.storage_class)


def _check_key(bucket: Bucket, properties: Any, settings: GoogleCloudStorageSettings) -> None:
    """Check the key's location: Google refuses one from elsewhere than the bucket, but only at the first upload."""
    if settings.kms_key is None:
        return
    key, default = settings.kms_key.split("/")[3], str(properties.location or "").lower()
    if properties.location_type == "region" and key != default:
        problem = f"this key is in {key}, and the bucket in {default}"
        raise Misconfigured(f"{bucket.place}.KmsKey", problem, "Use a key in the bucket's location.")
    if properties.default_kms_key_name not in (None, settings.kms_key):
        _log.warning("%s.KmsKey: the bucket's own default key is another one", bucket.place)


def _look_at_policy(bucket: Bucket) -> None:
    for binding in bucket.policy():
        if _EVERYBODY & set(binding.get("members", ())):
            _log.warning("%s: the bucket is public: everybody has the role %s", bucket.place, binding.get("role"))

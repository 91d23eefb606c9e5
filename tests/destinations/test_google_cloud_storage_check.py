"""What sendit doctor and the start of SendIt say about a bucket that cannot be delivered to, or is kept unwisely."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from sendit.config.schema import load
from sendit.destinations.gcs.settings import ARCHIVE_NAME
from sendit.errors import Misconfigured
from tests.destinations.bench_google_cloud_storage import document, opened, plain_bucket

if TYPE_CHECKING:
    from tests.servers.google_storage import GoogleStorage

KEY = "projects/p/locations/us/keyRings/r/cryptoKeys/k"


def test_a_bucket_that_is_not_there(own_server: GoogleStorage) -> None:
    """Its place, and what to do."""
    with pytest.raises(Misconfigured, match="there is no bucket 'elsewhere'") as caught:
        opened(own_server, Bucket="elsewhere").check()
    assert caught.value.place == "SendIt.Destinations.out.Bucket"


def test_the_permission_that_is_missing_is_named(own_server: GoogleStorage, caplog: pytest.LogCaptureFixture) -> None:
    """With the role that would bring it; without the right to delete only a warning."""
    own_server.limits(denied=["storage.objects.create", "storage.buckets.get"])
    with pytest.raises(Misconfigured, match=r"lacks storage\.objects\.create.*Storage Object Creator"):
        opened(own_server).check()
    own_server.limits(denied=["storage.objects.delete", "storage.buckets.get", "storage.buckets.getIamPolicy"])
    with caplog.at_level(logging.WARNING):
        opened(own_server).check()
    assert "nothing can be recalled" in caplog.text


def test_a_public_bucket_is_warned_of(own_server: GoogleStorage, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever gives everybody a role on it reads so."""
    bucket = plain_bucket(own_server.url)
    policy = bucket.get_iam_policy()
    policy["roles/storage.objectViewer"] = {"allUsers"}
    bucket.set_iam_policy(policy)
    with caplog.at_level(logging.WARNING):
        opened(own_server).check()
    assert "the bucket is public: everybody has the role roles/storage.objectViewer" in caplog.text


def test_a_key_of_another_place(own_server: GoogleStorage) -> None:
    """Google would refuse every upload; check() says it before."""
    bucket = plain_bucket(own_server.url)
    bucket.reload()
    own_server_location = {"location": "EUROPE-WEST3", "locationType": "region"}
    bucket._patch_property("location", own_server_location["location"])
    bucket._patch_property("locationType", own_server_location["locationType"])
    bucket.patch()
    with pytest.raises(Misconfigured, match="this key is in us, and the bucket in europe-west3"):
        opened(own_server, KmsKey=KEY).check()


@pytest.mark.parametrize(
    ("settings", "place", "problem"),
    [
        ({"ObjectName": "{pateint}.tar.gz"}, "ObjectName", "unknown placeholder {pateint}"),
        ({"ObjectName": "{study}/{instance}.tar.gz"}, "ObjectName", "unknown placeholder {instance}"),
        ({"ObjectName": "{study}.dcm", "Layout": "Instances"}, "ObjectName", "{instance}"),
        ({"ObjectName": "../{study}"}, "ObjectName", "dot"),
        ({"StorageClass": "GLACIER"}, "StorageClass", "NEARLINE"),
        ({"KmsKey": "k"}, "KmsKey", "pattern"),
        ({"Endpoint": "http://storage:9023", "Credentials": {"Source": "Default"}}, "Endpoint", "encrypted"),
        ({"Bukcet": "b"}, "Bukcet", "no such key"),
    ],
)
def test_what_is_refused_at_load(settings: dict[str, object], place: str, problem: str) -> None:
    """With its place, before anything is connected."""
    with pytest.raises(Misconfigured) as caught:
        load(document("http://127.0.0.1:1", **settings))
    assert caught.value.place == f"SendIt.Destinations.out.{place}"
    assert problem in str(caught.value)


def test_the_default_names_archives_as_the_first_sendit_did() -> None:
    """Collection/IRB/Entity/patient/patient_date_accession.tar.gz."""
    assert ARCHIVE_NAME == "Collection/{project}/Entity/{patient}/{patient}_{study_date}_{accession}.tar.gz"

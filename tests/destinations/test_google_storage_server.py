"""The storage server of the tests, by Google's own unmodified client: what the destination's tests build on."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from typing import TYPE_CHECKING

import pytest
import requests
from google.api_core.exceptions import BadRequest, Forbidden, NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import InvalidOperation
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from tests.servers.google_storage import GoogleStorage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GoogleStorage]:
    with GoogleStorage(tmp_path / "storage", buckets=["b"]) as server:
        yield server


@pytest.fixture
def bucket(server: GoogleStorage) -> storage.Bucket:
    return client(server).bucket("b")


def client(server: GoogleStorage) -> storage.Client:
    """The official client, pointed at the server and else as it is."""
    return storage.Client(
        project="p",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": server.url},
    )


def test_an_object_goes_in_and_comes_out(bucket: storage.Bucket) -> None:
    """Content, digests, metadata, class and key; then whole, in part, and gone."""
    data = os.urandom(100_000)
    blob = bucket.blob("a/b c/ü.bin", kms_key_name="projects/p/locations/l/keyRings/r/cryptoKeys/k")
    blob.metadata, blob.storage_class = {"study": "2.25.1"}, "NEARLINE"
    blob.upload_from_file(io.BytesIO(data), size=len(data), content_type="application/dicom", if_generation_match=0)
    found = bucket.get_blob("a/b c/ü.bin")
    assert (found.size, found.content_type, found.storage_class) == (len(data), "application/dicom", "NEARLINE")
    assert found.metadata == {"study": "2.25.1"}
    assert found.md5_hash == base64.b64encode(hashlib.md5(data).digest()).decode()
    assert found.kms_key_name.startswith("projects/p/locations/l/keyRings/r/cryptoKeys/k/")
    assert found.download_as_bytes() == data
    assert found.download_as_bytes(start=5, end=9) == data[5:10]
    found.delete(if_generation_match=found.generation)
    assert bucket.get_blob("a/b c/ü.bin") is None


def test_a_large_object_goes_in_chunks(bucket: storage.Bucket, server: GoogleStorage) -> None:
    """A resumable upload of known and of unknown size, also where the size is a whole number of chunks."""
    for size in (20 << 20, (20 << 20) + 17, 8 << 20):
        data = os.urandom(size)
        for known in (size, None):
            blob = bucket.blob(f"{size}-{known}", chunk_size=8 << 20)
            blob.upload_from_file(io.BytesIO(data), size=known)
            with blob.open("rb", chunk_size=1 << 20) as file:
                assert file.read() == data
    assert server.state()["created"] == 6


def test_an_upload_is_taken_up_where_it_broke_off(server: GoogleStorage) -> None:
    """What was received counts, is told, and is not taken twice."""
    start = requests.post(f"{server.url}/upload/storage/v1/b/b/o?uploadType=resumable&name=x", json={}, timeout=9)
    where, data = start.headers["Location"], os.urandom(1 << 20)
    half = len(data) // 2
    first = requests.put(where, data[:half], headers={"Content-Range": f"bytes 0-{half - 1}/*"}, timeout=9)
    assert (first.status_code, first.headers["Range"]) == (308, f"bytes=0-{half - 1}")
    told = requests.put(where, headers={"Content-Range": "bytes */*"}, timeout=9)
    assert (told.status_code, told.headers["Range"]) == (308, f"bytes=0-{half - 1}")
    again = {"Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}"}
    assert requests.put(where, data, headers=again, timeout=9).json()["size"] == str(len(data))
    assert requests.put(where, headers={"Content-Range": "bytes */*"}, timeout=9).json()["size"] == str(len(data))
    assert requests.get(f"{server.url}/storage/v1/b/b/o/x?alt=media", timeout=9).content == data


def test_preconditions_hold_for_every_method(bucket: storage.Bucket) -> None:
    """Uploads of both kinds, reading, changing and deleting."""
    bucket.blob("x").upload_from_string("1", if_generation_match=0)
    blob = bucket.get_blob("x")
    other = blob.generation + 1
    with pytest.raises(PreconditionFailed):
        bucket.blob("x").upload_from_string("2", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        bucket.blob("x", chunk_size=1 << 18).upload_from_file(io.BytesIO(b"2" * (1 << 20)), if_generation_match=0)
    for refused in (
        lambda: bucket.get_blob("x", if_generation_match=other),
        lambda: blob.download_as_bytes(if_generation_match=other),
        lambda: blob.patch(if_metageneration_match=7),
        lambda: blob.delete(if_generation_match=other),
        lambda: blob.delete(if_generation_not_match=blob.generation),
    ):
        with pytest.raises(PreconditionFailed):
            refused()  # type: ignore[no-untyped-call]
    assert bucket.get_blob("x").download_as_bytes() == b"1"


def test_a_digest_that_does_not_fit_is_refused(server: GoogleStorage, bucket: storage.Bucket) -> None:
    """What was corrupted on its way does not become an object."""
    blob = bucket.blob("x")
    blob.md5_hash = base64.b64encode(b"0" * 16).decode()
    with pytest.raises(BadRequest, match="doesn't match"):
        blob.upload_from_string("1", checksum=None)
    assert bucket.get_blob("x") is None


def test_listing(bucket: storage.Bucket) -> None:
    """By prefix, in pages, with a delimiter."""
    for name in ("a/1", "a/2", "a/b/3", "b/4"):
        bucket.blob(name).upload_from_string("")
    assert [blob.name for blob in bucket.list_blobs(prefix="a/", page_size=2)] == ["a/1", "a/2", "a/b/3"]
    pages = bucket.list_blobs(prefix="a/", delimiter="/")
    assert [blob.name for blob in pages] == ["a/1", "a/2"]
    assert pages.prefixes == {"a/b/"}


def test_a_versioned_bucket_keeps_what_was_deleted(bucket: storage.Bucket) -> None:
    """Until that generation itself is deleted."""
    bucket.reload()
    bucket.versioning_enabled = True
    bucket.patch()
    bucket.blob("x").upload_from_string("1")
    bucket.blob("x").delete()
    (kept,) = bucket.list_blobs(versions=True)
    assert kept.download_as_bytes() == b"1"
    bucket.delete_blob("x", generation=kept.generation)
    assert list(bucket.list_blobs(versions=True)) == []


def test_who_is_let_in(server: GoogleStorage, bucket: storage.Bucket) -> None:
    """Without the token nobody; without a permission not to that."""
    server.limits(denied=["storage.objects.create"])
    assert bucket.test_iam_permissions(["storage.objects.create", "storage.objects.get"]) == ["storage.objects.get"]
    with pytest.raises(Forbidden, match=r"storage\.objects\.create"):
        bucket.blob("x").upload_from_string("1")
    server.limits(token="secret")
    with pytest.raises(InvalidOperation):  # the client's way to say 401 where it has no credentials
        bucket.get_blob("x")
    server.limits(token=None)
    with pytest.raises(NotFound):
        client(server).get_bucket("elsewhere")


def test_no_room(server: GoogleStorage, bucket: storage.Bucket) -> None:
    """A full disk refuses, leaves nothing behind, and takes it when there is room."""
    server.limits(room=50)
    for size in (60, None):
        blob = bucket.blob("x", chunk_size=1 << 18)
        with pytest.raises(Exception, match="507"):
            blob.upload_from_file(io.BytesIO(b"1" * 60), size=size, retry=DEFAULT_RETRY.with_timeout(0.1))
    assert bucket.get_blob("x") is None
    server.limits(room=100)
    bucket.blob("x").upload_from_string(b"1" * 60)
    assert server.state()["room"] == 40


def test_objects_outlive_the_server(server: GoogleStorage, bucket: storage.Bucket) -> None:
    """They are on the disk."""
    bucket.blob("a/x").upload_from_string("1")
    server.stop()
    server.start()
    assert bucket.get_blob("a/x").download_as_bytes() == b"1"

"""Read what arrived in the bucket and its index, with Google's own clients."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING, Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import datastore, storage

from scripts.demo.stack import BUCKET, GOOGLE_PROJECT, Stack

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def archives(stack: Stack) -> set[str]:
    """Return the names of the archives in the bucket; each has a passport beside it."""
    return {blob.name for blob in _bucket(stack).list_blobs() if blob.content_type == "application/gzip"}


def files(stack: Stack, before: Collection[str]) -> Iterator[bytes]:
    """Yield the DICOM files in the archives that were not there `before`."""
    bucket = _bucket(stack)
    for name in sorted(archives(stack) - set(before)):
        with tarfile.open(fileobj=io.BytesIO(bucket.blob(name).download_as_bytes())) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None and member.name.endswith(".dcm"):  # beside them there is a manifest
                    yield content.read()


def indexed(stack: Stack) -> set[str]:
    """Return the coded SOPInstanceUIDs that a query of the index finds."""
    # The client knows an emulator by this variable alone.
    os.environ["DATASTORE_EMULATOR_HOST"] = stack.datastore.url
    client = datastore.Client(project=GOOGLE_PROJECT)
    query = client.query(kind="Image")
    return {str(entity["SOPInstanceUID"]) for entity in query.fetch()}


def _bucket(stack: Stack) -> Any:
    client = storage.Client(
        project=GOOGLE_PROJECT,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": stack.storage.url},
    )
    return client.bucket(BUCKET)

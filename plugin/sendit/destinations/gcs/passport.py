"""Passports and lists of recalled studies as objects beside what they are about."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from sendit.destinations.gcs.bucket import Bucket, Kept, Taken
from sendit.destinations.passports import check_replaceable, is_ours
from sendit.errors import Retry

if TYPE_CHECKING:
    from collections.abc import Mapping


class Documents:
    """Small objects of a bucket that may be written anew."""

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
            except Kept as kept:
                return f"its passport may not be deleted yet ({kept})"
        return None

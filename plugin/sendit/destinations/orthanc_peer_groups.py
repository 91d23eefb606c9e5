"""Small instances travel together: Orthanc (since 1.8.2) takes a ZIP archive wherever it takes an instance."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence

from sendit.model import Parcel

#: A request carries at most so much (bytes, instances). Larger ones were not faster, and each thread has one in memory.
MOST_BYTES = 1024 * 1024
MOST_INSTANCES = 100


def groups(parcels: Iterable[Parcel]) -> Iterator[list[Parcel]]:
    """The parcels in their order, as many together as one request carries; an instance larger than that goes alone."""
    group: list[Parcel] = []
    size = 0
    for parcel in parcels:
        if group and (size + parcel.receipt.output_size > MOST_BYTES or len(group) == MOST_INSTANCES):
            yield group
            group, size = [], 0
        group.append(parcel)
        size += parcel.receipt.output_size
    if group:
        yield group


def zipped(files: Sequence[bytes]) -> bytes:
    """A ZIP archive of these, not compressed: that would cost both sides more than it saves."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for number, data in enumerate(files):
            archive.writestr(zipfile.ZipInfo(str(number)), data)
    return buffer.getvalue()

"""The file of an instance as the network wants it: by a path, and in a transfer syntax that the modality takes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pydicom
from pydicom.pixels.utils import decompress
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import split_dataset

from sendit.destinations.compare import UNDECODABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

#: Transfer syntaxes that every modality should take (PS3.5 Section 10.1), the better one first.
UNCOMPRESSED = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
#: Files up to this size (bytes) are converted: it is done in memory.
_CONVERTED = 64 * 1024 * 1024
_PIECE = 1024 * 1024


class CannotConvert(Exception):
    """The instance cannot be written in another transfer syntax here; the text says why."""


@contextlib.contextmanager
def by_path(file: BinaryIO) -> Iterator[Path]:
    """Provide a path to the checked bytes: of this very descriptor, or of a file in memory."""
    try:
        descriptor = os.dup(file.fileno())
    except io.UnsupportedOperation:
        descriptor = os.memfd_create("sendit")
        with os.fdopen(os.dup(descriptor), "wb") as copy:
            shutil.copyfileobj(file, copy, _PIECE)
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def converted(path: Path, size: int, accepted: Collection[str]) -> io.BytesIO:
    """Return the instance in one of the `accepted` transfer syntaxes; elements and decoded pixels stay the same.

    Raises:
        CannotConvert: with the reason.
    """
    target = next((UID(syntax) for syntax in UNCOMPRESSED if syntax in accepted), None)
    if target is None:
        raise CannotConvert("the modality does not accept uncompressed instances either")
    if size > _CONVERTED:
        raise CannotConvert(f"it is larger than {_CONVERTED >> 20} MiB, and too large to be decompressed here")
    try:
        dataset = pydicom.dcmread(path)
        if not dataset.file_meta.TransferSyntaxUID.is_little_endian:  # the bytes of pixels would stay as they are
            raise CannotConvert("it is in big endian, which is not converted here")
        if dataset.file_meta.TransferSyntaxUID.is_compressed and "PixelData" in dataset:
            decompress(dataset, as_rgb=False, generate_instance_uid=False)
        dataset.file_meta.TransferSyntaxUID = target
        written = io.BytesIO()
        pydicom.dcmwrite(written, dataset, enforce_file_format=True)
    except UNDECODABLE as error:
        raise CannotConvert(f"it cannot be decompressed here ({type(error).__name__})") from None
    written.seek(0)
    return written


def dataset_digest(path: Path) -> str:
    """Return the SHA-256 of everything after the file meta information, which a receiver rewrites."""
    _, offset = split_dataset(path)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(offset)
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()

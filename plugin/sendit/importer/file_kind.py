"""The kind of a file, detected from its first bytes. Pure functions."""

from __future__ import annotations

import re
from enum import Enum, auto

#: So many bytes of a file's beginning are looked at.
HEAD = 1024

_PREAMBLE = 128  # bytes before "DICM" (PS3.10 section 7.1)
_MEDIA_STORAGE_DIRECTORY = b"1.2.840.10008.1.3.10"  # the SOP class of a DICOMDIR (PS3.4 Annex B.5)
_SOP_CLASS = re.compile(rb"\x02\x00\x02\x00UI(..)", re.DOTALL)  # (0002,0002) Media Storage SOP Class UID
# The first element of a data set without file meta information, or of file meta information without a preamble: a tag
# of group 0002 or 0008 in either byte order, then a value representation or an implicit length below 64 KiB.
_BARE = re.compile(
    rb"[\x02\x08]\x00.[\x00\x01\x10](?:[A-Z][A-Z]|..\x00\x00)|\x00[\x02\x08][\x00\x01\x10].(?:[A-Z][A-Z]|\x00\x00..)",
    re.DOTALL,
)


class FileKind(Enum):
    """Kinds of files, by what is done with them."""

    DICOM = auto()  # "DICM" stands where it should
    BARE = auto()  # could be DICOM as it was written before PS3.10: Orthanc decides
    INDEX = auto()  # a DICOMDIR
    ARCHIVE = auto()  # a ZIP archive
    EMPTY = auto()
    OTHER = auto()


def kind_of(head: bytes, name: str) -> FileKind:
    """Return the kind of a file by its first HEAD bytes (all of a shorter file) and its relative name."""
    if not head:
        return FileKind.EMPTY
    if head[_PREAMBLE : _PREAMBLE + 4] == b"DICM":
        return FileKind.INDEX if _is_index(head, name) else FileKind.DICOM
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return FileKind.ARCHIVE
    return FileKind.BARE if _BARE.match(head) else FileKind.OTHER


def _is_index(head: bytes, name: str) -> bool:
    match = _SOP_CLASS.search(head, _PREAMBLE + 4)
    if match is None:
        return name.rsplit("/", 1)[-1].upper() == "DICOMDIR"
    value = head[match.end() : match.end() + int.from_bytes(match[1], "little")]
    return value.rstrip(b"\0 ") == _MEDIA_STORAGE_DIRECTORY

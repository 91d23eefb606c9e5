"""A DICOMDIR: the directory of a file-set (PS3.3 Annex F, PS3.10 Section 8), patient → study → series → instance.

It is written anew as a whole, beside, and put in the place of the old one, so that a reader sees the one or the other.
The same instances give the same directory, in whatever order they came.
"""

from __future__ import annotations

import hashlib
import io
from base64 import b32encode
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO

import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.fileset import DIRECTORY_RECORDERS
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MediaStorageDirectoryStorage, generate_uid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sendit.model import Receipt

NAME = "DICOMDIR"
#: By this a DICOMDIR is known to be ours.
_FILE_SET = "SENDIT"
_LEVELS = ("PATIENT", "STUDY", "SERIES")
#: Where an encoded record has the two places: they are in its first and its third element.
_NEXT, _LOWER = slice(16, 20), slice(38, 42)

#: Directory record types of what is no image, by the beginning of the SOP class (PS3.3 Table F.4-1).
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_TYPES = (
    ("88.59", "KEY OBJECT DOC"),
    ("88.", "SR DOCUMENT"),
    ("11.", "PRESENTATION"),
    ("9.", "WAVEFORM"),
    ("481.2", "RT DOSE"),
    ("481.3", "RT STRUCTURE SET"),
    ("481.5", "RT PLAN"),
    ("481.8", "RT PLAN"),
    ("66.5", "SURFACE"),
    ("66.4", "IMAGE"),
    ("66.2", "FIDUCIAL"),
    ("66.", "REGISTRATION"),
    ("66", "RAW DATA"),
    ("4.2", "SPECTROSCOPY"),
    ("104.", "ENCAP DOC"),
)


class NotOurs(Exception):
    """There is a DICOMDIR that SendIt has not written."""


@dataclass
class _Record:
    content: Dataset
    below: dict[str, _Record] = field(default_factory=dict)


def file_id(receipt: Receipt) -> list[str]:
    """Return the parts of a name as a file-set wants it: 8 characters, capitals and digits (PS3.10 Section 8.2)."""
    uids = (receipt.patient_id, receipt.study_instance_uid, receipt.series_instance_uid, receipt.sop_instance_uid)
    return ["DICOM", *(b32encode(hashlib.sha256(uid.encode()).digest())[:8].decode() for uid in uids)]


class Directory:
    """The records of one DICOMDIR.

    Args:
        file: the DICOMDIR as it is, or None.

    Raises:
        NotOurs: it cannot be read, or another program wrote it.
    """

    def __init__(self, file: BinaryIO | None) -> None:
        self._root = _Record(Dataset())
        self._uid = generate_uid(prefix=None)
        if file is not None:
            self._read(file)

    def names(self, receipt: Receipt) -> bool:
        """Return whether it lists this instance."""
        here: _Record | None = self._root
        for key in _keys(receipt):
            here = here.below.get(key) if here is not None else None
        return here is not None

    def add(self, receipt: Receipt, instance: Dataset) -> None:
        """Name it; `instance` is what its file holds."""
        contents = (*(_RECORDS[level](instance) for level in _LEVELS), _leaf(receipt, instance))
        here = self._root
        for key, content in zip(_keys(receipt), contents, strict=True):
            here = here.below.setdefault(key, _Record(content))

    def remove(self, receipt: Receipt) -> None:
        """Do not name it any more, nor what is empty then."""
        way = [self._root]
        for key in _keys(receipt):
            if key not in way[-1].below:
                return
            way.append(way[-1].below[key])
        for above, key in reversed(list(zip(way, _keys(receipt), strict=False))):
            if not above.below[key].below:
                del above.below[key]

    def is_empty(self) -> bool:
        """Return whether it lists nothing."""
        return not self._root.below

    def to_bytes(self) -> bytes:
        """Return the whole file.

        A record knows the place of the next one and of the first one below (PS3.3 Section F.3).
        """
        order = list(_depth_first(self._root))
        items = {id(record): _encoded(record.content) for record in order}
        place = len(_head(self._uid, 0, 0)) + 12  # behind the head of the sequence
        places: dict[int, int] = {}
        for record in order:
            places[id(record)] = place
            place += len(items[id(record)])
        for above in (self._root, *order):
            below = _sorted(above)
            if below and above is not self._root:
                items[id(above)][_LOWER] = places[id(below[0])].to_bytes(4, "little")
            for one, following in pairwise(below):
                items[id(one)][_NEXT] = places[id(following)].to_bytes(4, "little")
        first = _sorted(self._root)
        head = _head(self._uid, places[id(first[0])], places[id(first[-1])]) if first else _head(self._uid, 0, 0)
        body = b"".join(items[id(record)] for record in order)
        return head + b"\x04\x00\x20\x12SQ\0\0" + len(body).to_bytes(4, "little") + body

    def _read(self, file: BinaryIO) -> None:
        try:
            dicomdir = pydicom.dcmread(file)
            if dicomdir.get("FileSetID") != _FILE_SET:
                raise NotOurs
            self._uid = dicomdir.file_meta.MediaStorageSOPInstanceUID
            way = [self._root]
            for content in dicomdir.DirectoryRecordSequence:
                kind = content.DirectoryRecordType
                depth = _LEVELS.index(kind) if kind in _LEVELS else len(_LEVELS)
                del way[depth + 1 :]
                record = _Record(content)
                way[depth].below[_key(content, depth)] = record
                way.append(record)
        except (InvalidDicomError, AttributeError, IndexError, KeyError, ValueError, OSError):
            raise NotOurs from None


def _patient(instance: Dataset) -> Dataset:
    return _record(instance, "PATIENT", ("PatientName", "PatientID"))


def _study(instance: Dataset) -> Dataset:
    keys = ("StudyDate", "StudyTime", "AccessionNumber", "StudyDescription", "StudyInstanceUID", "StudyID")
    return _record(instance, "STUDY", keys)


def _series(instance: Dataset) -> Dataset:
    return _record(instance, "SERIES", ("Modality", "SeriesInstanceUID", "SeriesNumber"))


_RECORDS = {"PATIENT": _patient, "STUDY": _study, "SERIES": _series}


def _record(instance: Dataset, kind: str, keys: Iterable[str]) -> Dataset:
    record = Dataset()
    record.OffsetOfTheNextDirectoryRecord = 0
    record.RecordInUseFlag = 0xFFFF
    record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    record.DirectoryRecordType = kind
    if instance.get("SpecificCharacterSet"):
        record.SpecificCharacterSet = instance.SpecificCharacterSet
    for key in keys:
        setattr(record, key, instance.get(key, ""))
    return record


def _leaf(receipt: Receipt, instance: Dataset) -> Dataset:
    end = receipt.sop_class_uid.removeprefix(_STORAGE)
    kind = next((kind for beginning, kind in _TYPES if end.startswith(beginning)), "IMAGE")
    record = _record(instance, kind, ())
    record.ReferencedFileID = file_id(receipt)
    record.ReferencedSOPClassUIDInFile = receipt.sop_class_uid
    record.ReferencedSOPInstanceUIDInFile = receipt.sop_instance_uid
    record.ReferencedTransferSyntaxUIDInFile = receipt.transfer_syntax_uid
    try:
        record.update(DIRECTORY_RECORDERS[kind](instance))
    except (AttributeError, KeyError, ValueError):  # something that the record should hold is missing or empty
        record.InstanceNumber = instance.get("InstanceNumber")
    return record


def _keys(receipt: Receipt) -> tuple[str, str, str, str]:
    return receipt.patient_id, receipt.study_instance_uid, receipt.series_instance_uid, receipt.sop_instance_uid


def _key(content: Dataset, depth: int) -> str:
    keyword = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "ReferencedSOPInstanceUIDInFile")[depth]
    return str(content[keyword].value)


def _sorted(record: _Record) -> list[_Record]:
    return [record.below[key] for key in sorted(record.below)]


def _depth_first(record: _Record) -> Iterator[_Record]:
    for one in _sorted(record):
        yield one
        yield from _depth_first(one)


def _encoded(content: Dataset) -> bytearray:
    """Encode one item of the sequence, with its two offsets 0."""
    content.OffsetOfTheNextDirectoryRecord = 0
    content.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    data = _written(content)
    return bytearray(b"\xfe\xff\x00\xe0" + len(data).to_bytes(4, "little") + data)


def _written(content: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, content)
    return buffer.getvalue()


def _head(uid: UID, first: int, last: int) -> bytes:
    """Return the file up to the sequence of records."""
    content = FileDataset("", Dataset(), preamble=b"\0" * 128)
    content.file_meta = FileMetaDataset()
    content.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    content.file_meta.MediaStorageSOPInstanceUID = uid
    content.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    content.FileSetID = _FILE_SET
    content.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = first
    content.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = last
    content.FileSetConsistencyFlag = 0
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, content, enforce_file_format=True)
    return buffer.getvalue()

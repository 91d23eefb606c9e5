"""The sample studies: pydicom's own test images and a screen capture, with invented patients."""

from __future__ import annotations

import hashlib
import io
import secrets
from dataclasses import dataclass

import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

from scripts.demo.captures import BANNER, capture


@dataclass(frozen=True, slots=True)
class Sample:
    """One study. UIDs and the patient's identifiers are new each time, so that every run sends new studies."""

    way: str  # how it comes in
    modality: str
    patient_name: str
    planted: tuple[bytes, ...]  # must not be found at the target
    study: str  # Orthanc's identifier of the study at the source
    files: tuple[bytes, ...]
    pixels: frozenset[str]  # `pixel_digest` of each file: how its image is known again at the target


#: The way in of the captures, which are made here.
CAPTURES = "REST, text burned in"
#: Way in, file in pydicom's package ("": a capture), how many instances, the patient's name.
_PLAN = (
    ("folder", "CT_small.dcm", 4, "APPLESEED^JOHANNA"),
    ("REST", "MR_small.dcm", 3, "MUSTERMANN^ERIKA"),
    ("C-STORE", "dicomdirtests/77654033/CR1/6154", 2, "BLOGGS^JOSEPHINE"),
    (CAPTURES, "", 2, "ROSSI^MARIALUISA"),
)


def make() -> list[Sample]:
    """Return one study for each way in, and one whose pixels show the patient's name."""
    return [_sample(*row) for row in _PLAN]


def pixel_digest(dataset: Dataset) -> str:
    """Return a digest that identifies an image: of its pixel data, for a capture those below its text.

    Whoever sends studies of their own sends what has no pixel data, too: that is none of the samples.
    """
    start = BANNER * dataset.get("Columns", 0) if dataset.SOPClassUID == SecondaryCaptureImageStorage else 0
    return hashlib.sha256(dataset.get("PixelData", b"")[start:]).hexdigest()


def _sample(way: str, file: str, count: int, name: str) -> Sample:
    token = secrets.token_hex(4).upper()
    study_uid, series_uid = generate_uid(), generate_uid()
    patient_id, accession = f"MRN-{token}", f"ACC-{token}"
    files: list[bytes] = []
    digests: set[str] = set()
    modality = ""
    for number in range(1, count + 1):
        mark = bytes.fromhex(token) + bytes([number])
        dataset = _marked(pydicom.dcmread(_path(file)), mark) if file else _capture(name, patient_id, number, mark)
        modality = dataset.Modality
        _identify(dataset, name, patient_id, accession)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_uid, series_uid
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.InstanceNumber = number
        digests.add(pixel_digest(dataset))
        files.append(_encode(dataset))
    planted = (*name.split("^"), patient_id, accession, study_uid, series_uid)
    return Sample(
        way=way,
        modality=modality,
        patient_name=name,
        planted=tuple(text.encode() for text in planted),
        study=_orthanc_id(patient_id, study_uid),
        files=tuple(files),
        pixels=frozenset(digests),
    )


def _marked(dataset: FileDataset, mark: bytes) -> FileDataset:
    """Make the first pixels unique, so that images can be told apart without their headers."""
    dataset.PixelData = bytes(byte & 0x0F for byte in mark) + dataset.PixelData[len(mark) :]
    return dataset


def _capture(name: str, patient_id: str, number: int, mark: bytes) -> FileDataset:
    return capture((f"{name.replace('^', ', ')}   {patient_id}", "ST. NOWHERE HOSPITAL   11.03.2024"), number, mark)


def _identify(dataset: Dataset, name: str, patient_id: str, accession: str) -> None:
    """Plant identifiers in the open, inside a sentence, and in a nested sequence."""
    dataset.PatientName = name
    dataset.PatientID = patient_id
    dataset.AccessionNumber = accession
    dataset.StudyID = "1"
    dataset.StudyDescription = f"Follow-up of {name}"
    dataset.PatientComments = f"{name} prefers to be called in the morning"
    request = Dataset()
    request.AccessionNumber = accession
    request.RequestedProcedureDescription = f"Images of {name}, {patient_id}"
    dataset.RequestAttributesSequence = Sequence([request])


def _path(file: str) -> str:
    path = get_testdata_file(file, download=False)
    assert isinstance(path, str), f"pydicom's package has no {file}"
    return path


def _encode(dataset: FileDataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _orthanc_id(patient_id: str, study_uid: str) -> str:
    """Orthanc names a study by the SHA-1 of its patient's identifier and its UID, in five groups."""
    digest = hashlib.sha1(f"{patient_id}|{study_uid}".encode()).hexdigest()
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))

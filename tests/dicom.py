"""DICOM studies made by the tests. The people in them do not exist."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

#: Stand in the originals made here, and may stand in nothing that leaves.
PLANTED_NAME = "Quixworth^Zebulon"


@dataclass
class Person:
    """A patient, by the values that a study of theirs carries."""

    patient_id: str = "MRN-7741-905"
    name: str = PLANTED_NAME
    birth_date: str = "19610307"
    issuer: str = ""


@dataclass
class StudyMaker:
    """Makes the instances of one study, as files' bytes."""

    person: Person = field(default_factory=Person)
    study_date: str = "20240115"
    accession_number: str = "ACC5512077"
    modality: str = "CT"
    rows: int = 64
    study_uid: str = field(default_factory=generate_uid)
    series_uid: str = field(default_factory=generate_uid)
    frame_uid: str = field(default_factory=generate_uid)
    refers_to: tuple[str, str] | None = None  # SOP class and instance UID of an instance of another study

    def instance(self, number: int = 1, uid: str | None = None, pixel: int = 0) -> bytes:
        """One CT image of `rows` × `rows` 16-bit pixels."""
        dataset = self._header(number, uid or generate_uid())
        noise = np.random.default_rng(number).integers(0, 2000, (self.rows, self.rows), dtype=np.uint16)
        noise[0, 0] = pixel
        dataset.Rows = dataset.Columns = self.rows
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit = 15
        dataset.PixelRepresentation = 0
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.PixelData = noise.tobytes()
        return written(dataset)

    def instances(self, count: int) -> list[bytes]:
        """`count` different instances."""
        return [self.instance(number) for number in range(1, count + 1)]

    def _header(self, number: int, uid: str) -> Dataset:
        d = Dataset()
        d.SOPClassUID = CTImageStorage
        d.SOPInstanceUID = uid
        d.StudyInstanceUID = self.study_uid
        d.SeriesInstanceUID = self.series_uid
        d.FrameOfReferenceUID = self.frame_uid
        d.PatientID = self.person.patient_id
        d.PatientName = self.person.name
        d.PatientBirthDate = self.person.birth_date
        d.PatientSex = "O"
        if self.person.issuer:
            d.IssuerOfPatientID = self.person.issuer
        d.StudyDate = d.SeriesDate = d.AcquisitionDate = d.ContentDate = self.study_date
        d.StudyTime = "101112"
        d.AccessionNumber = self.accession_number
        d.Modality = self.modality
        d.InstitutionName = "Hospital of Nowhere"
        d.ReferringPhysicianName = "Thistlewood^Ada"
        d.StudyDescription = "CT HEAD"
        d.SeriesNumber = 1
        d.InstanceNumber = number
        d.PixelSpacing = [0.5, 0.5]
        d.SliceThickness = 1
        d.ImagePositionPatient = [0, 0, number]
        d.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        if self.refers_to is not None:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = self.refers_to
            d.ReferencedImageSequence = [item]
        return d


def written(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """A dataset as the bytes of a PS3.10 file; its pixel data have to be in that transfer syntax already."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()

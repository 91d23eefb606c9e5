"""A passport as a DICOM object, for destinations that hold nothing else: a Basic Text SR in the study that it is of.

The same passport gives the same object, byte for byte, so a delivery that is repeated sends it once.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, BasicTextSRStorage, ExplicitVRLittleEndian

from sendit.model import Receipt, StagedInstance

if TYPE_CHECKING:
    from pathlib import Path

    from sendit.model import Shipment

#: The software that wrote the object (PS3.7 Section D.3.3.2): a UID made of a UUID once and for all.
_IMPLEMENTATION = UID("2.25.268394461327219411326129093412836871421")
_TITLE = "Passport of a de-identified study"
_NAMES = uuid.UUID("8c1f4f0e-6f0b-4d57-9a55-0d8f2f6c9b11")


def staged_passport(shipment: Shipment, content: str, path: Path, *, write: bool = False) -> StagedInstance:
    """Return the object of a passport as an instance that can be delivered, verified and recalled like any other.

    Args:
        shipment: the instances that the passport is of.
        content: the document.
        path: where its file is, or would be.
        write: write the file, which a delivery needs.
    """
    data = _encoded(shipment, content)
    if write:
        path.write_bytes(data)
    first = shipment.staged_instances[0].receipt
    series, instance = _uids(shipment, content)
    receipt = Receipt(
        input_sha256="",
        plan_sha256="",
        output_sha256=hashlib.sha256(data).hexdigest(),
        output_md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        output_size=len(data),
        patient_id=first.patient_id,
        study_instance_uid=first.study_instance_uid,
        series_instance_uid=series,
        sop_instance_uid=instance,
        sop_class_uid=str(BasicTextSRStorage),
        transfer_syntax_uid=str(ExplicitVRLittleEndian),
        study_date=first.study_date,
        accession_number=first.accession_number,
        modality="SR",
        leak_check="not needed: it holds coded values of receipts alone",
        released=True,
    )
    return StagedInstance(receipt, path)


def _uids(shipment: Shipment, content: str) -> tuple[str, str]:
    """Return SeriesInstanceUID and SOPInstanceUID: other contents have other UIDs, as no archive replaces an object."""
    study = shipment.staged_instances[0].receipt.study_instance_uid
    names = (f"series {study} {shipment.project}", f"instance {content}")
    series, instance = (f"2.25.{uuid.uuid5(_NAMES, name).int}" for name in names)
    return series, instance


def _encoded(shipment: Shipment, content: str) -> bytes:
    first = shipment.staged_instances[0].receipt
    series, instance = _uids(shipment, content)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = BasicTextSRStorage
    meta.MediaStorageSOPInstanceUID = UID(instance)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _IMPLEMENTATION
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = BasicTextSRStorage, UID(instance)
    dataset.StudyDate, dataset.AccessionNumber = first.study_date, first.accession_number
    dataset.Modality, dataset.Manufacturer = "SR", "SendIt"
    dataset.PatientID, dataset.StudyInstanceUID = first.patient_id, first.study_instance_uid
    dataset.SeriesInstanceUID, dataset.SeriesNumber, dataset.InstanceNumber = UID(series), 9999, 1
    for empty in ("StudyTime", "ReferringPhysicianName", "PatientName", "PatientBirthDate", "PatientSex", "StudyID"):
        setattr(dataset, empty, "")
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.PatientIdentityRemoved, dataset.DeidentificationMethod = "YES", "SendIt: coded values of receipts alone"
    _fill(dataset, content)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _fill(dataset: Dataset, content: str) -> None:
    """Add the report (PS3.3 C.17): a container with the document as its only text."""
    issued = content.partition('"issued":"')[2][:19]
    dataset.ContentDate, dataset.ContentTime = issued[:10].replace("-", ""), issued[11:].replace(":", "")
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.PerformedProcedureCodeSequence = []
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = [_code("PASSPORT", _TITLE)]
    text = Dataset()
    text.RelationshipType, text.ValueType, text.TextValue = "CONTAINS", "TEXT", content.strip()
    text.ConceptNameCodeSequence = [_code("DOCUMENT", "Document as JSON")]
    dataset.ContentSequence = [text]


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "99SENDIT", meaning
    return code

"""Staged instances made by hand: real DICOM bytes with coded identifiers, and the receipt that belongs to them."""

from __future__ import annotations

import hashlib
import io
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import UID

from sendit.model import Receipt, Shipment, StagedInstance

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import FileDataset


def read_testfile(name: str = "CT_small.dcm") -> FileDataset:
    """One of the files in pydicom's own package; never a download."""
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    return pydicom.dcmread(path)


def new_uid() -> str:
    return f"2.25.{uuid.uuid4().int}"


def coded(dataset: FileDataset, patient: str, study: str, series: str) -> FileDataset:
    """The data set with coded identifiers, as if SendIt had made it."""
    dataset.PatientID = patient
    dataset.PatientName = patient
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = series
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(new_uid())
    return dataset


def to_bytes(dataset: FileDataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def staged_of(dataset: FileDataset, folder: Path) -> StagedInstance:
    """Stage the data set and write its receipt."""
    data = to_bytes(dataset)
    path = folder / f"{dataset.SOPInstanceUID}.dcm"
    path.write_bytes(data)
    receipt = Receipt(
        input_sha256="0" * 64,
        plan_sha256="1" * 64,
        output_sha256=hashlib.sha256(data).hexdigest(),
        output_md5=hashlib.md5(data).hexdigest(),
        output_size=len(data),
        patient_id=dataset.PatientID,
        study_instance_uid=dataset.StudyInstanceUID,
        series_instance_uid=dataset.SeriesInstanceUID,
        sop_instance_uid=dataset.SOPInstanceUID,
        sop_class_uid=dataset.SOPClassUID,
        transfer_syntax_uid=dataset.file_meta.TransferSyntaxUID,
        released=True,
    )
    return StagedInstance(receipt, path)


def shipment_of(*datasets: FileDataset, folder: Path) -> Shipment:
    """These data sets, coded as one series of one study."""
    patient, study, series = f"P{uuid.uuid4().hex[:12]}", new_uid(), new_uid()
    staged_instances = [staged_of(coded(dataset, patient, study, series), folder) for dataset in datasets]
    return Shipment(batch_id=1, project="IRB1", staged_instances=staged_instances)


def shipment(folder: Path, count: int = 5) -> Shipment:
    """So many small CT instances of one new study."""
    return shipment_of(*(read_testfile() for _ in range(count)), folder=folder)


def altered(staged: StagedInstance, folder: Path, **values: object) -> StagedInstance:
    """A well-made staged instance under the same UIDs whose content is another: what a mix-up would bring."""
    dataset = pydicom.dcmread(staged.path)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    folder.mkdir(exist_ok=True)
    return staged_of(dataset, folder)


def with_receipt(staged: StagedInstance, **changes: object) -> StagedInstance:
    return StagedInstance(replace(staged.receipt, **changes), staged.path)  # type: ignore[arg-type]

"""Whatever the size: one instance of 2 GB, and a study of 5,000, with the sending process under 512 MB."""

from __future__ import annotations

import hashlib
import io
import uuid
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGLSLossless

from sendit.model import Receipt, Shipment, StagedInstance
from tests.destinations.bench_dicom_modality import modality_document, start_modality
from tests.destinations.bench_dicom_web import dicom_web_document, start_dicom_web
from tests.destinations.bench_folder import folder_document
from tests.destinations.bench_google_cloud_storage import document as google_document
from tests.destinations.bench_google_cloud_storage import start_storage
from tests.destinations.bench_orthanc_peer import peer_document, start_target
from tests.destinations.index_bench_bigquery import DATASET, start_bigquery
from tests.destinations.index_bench_bigquery import PROJECT as BIGQUERY
from tests.destinations.index_bench_datastore import PROJECT as DATASTORE
from tests.destinations.index_bench_datastore import start_ours
from tests.destinations.measured_sender import deliver_measured
from tests.destinations.staged_instances import new_uid, read_testfile, shipment_of, to_bytes
from tests.servers.orthanc import OrthancServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.destinations.bench import Servers

_MOST_MEMORY = 512  # MB
_FRAMES = 4000  # of 512 × 512 pixels of two bytes: 2 GB


def _folder(servers: Servers) -> Mapping[str, Any]:
    return folder_document(servers.new_folder("folder"))


def _dicom_web(servers: Servers) -> Mapping[str, Any]:
    return dicom_web_document(servers.get("dicomweb", start_dicom_web).url, Timeout=300)


def _dicom_modality(servers: Servers) -> Mapping[str, Any]:
    port = servers.get("modality", start_modality).dicom_port
    return modality_document(port, {"AET": "ARCHIVE", "Host": "127.0.0.1", "Port": port, "Timeout": 100})


def _orthanc_peer(servers: Servers) -> Mapping[str, Any]:
    return peer_document({"Url": servers.get("target", start_target).url, "Timeout": 300})


def _google_cloud_storage(servers: Servers) -> Mapping[str, Any]:
    """With both indexes."""
    bigquery, datastore = servers.get("bigquery", start_bigquery), servers.get("datastore", start_ours)
    indexes = [
        {
            "Type": "BigQuery",
            "GoogleProject": BIGQUERY,
            "Dataset": DATASET,
            "Endpoint": bigquery.url,
            "Table": _table(),
        },
        {"Type": "Datastore", "GoogleProject": DATASTORE, "Endpoint": datastore.endpoint},
    ]
    url = servers.get("storage", start_storage).url
    return google_document(url, Layout="Instances", Timeout=60, Index=indexes)


def _table() -> str:
    return f"dicom_{uuid.uuid4().hex[:8]}"


#: The configuration of each destination, straight to its server.
DOCUMENTS: Mapping[str, Callable[[Servers], Mapping[str, Any]]] = {
    "OrthancPeer": _orthanc_peer,
    "Folder": _folder,
    "DicomWeb": _dicom_web,
    "DicomModality": _dicom_modality,
    "GoogleCloudStorage, BigQuery, Datastore": _google_cloud_storage,
}


@pytest.fixture(params=DOCUMENTS)
def document(request: pytest.FixtureRequest, servers: Servers) -> Mapping[str, Any]:
    return DOCUMENTS[request.param](servers)


def _large(folder: Path) -> Shipment:
    """A multi-frame image whose pixels take no room on the disk before it is sent."""
    staged = shipment_of(read_testfile(), folder=folder).staged_instances[0]
    dataset = pydicom.dcmread(staged.path)
    del dataset[0xFFFCFFFC]
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.Rows = dataset.Columns = 512
    dataset.NumberOfFrames = _FRAMES
    dataset.PixelData = b"\0\0"
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset)
    length = 512 * 512 * 2 * _FRAMES
    head = buffer.getvalue()[:-6] + length.to_bytes(4, "little")
    with staged.path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + length)
    return Shipment(1, "IRB1", [StagedInstance(_receipt_of(staged.path, staged.receipt.as_dict()), staged.path)])


def _receipt_of(path: Path, values: dict[str, Any]) -> Receipt:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        md5 = hashlib.file_digest(file, "md5").hexdigest()
    return Receipt.from_dict({**values, "output_sha256": sha256, "output_md5": md5, "output_size": path.stat().st_size})


def _many(folder: Path, count: int) -> Shipment:
    """Instances that differ in their UIDs alone, written by replacing the one of the first."""
    first = shipment_of(read_testfile(), folder=folder).staged_instances[0]
    dataset = pydicom.dcmread(first.path)
    placeholder = "2.25." + "1" * 38
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(placeholder)
    data = to_bytes(dataset)
    staged_instances = []
    for _ in range(count):
        uid = new_uid().ljust(len(placeholder), "1")[: len(placeholder)]
        path = folder / f"{uid}.dcm"
        path.write_bytes(data.replace(placeholder.encode(), uid.encode()))
        values = {**first.receipt.as_dict(), "sop_instance_uid": uid}
        staged_instances.append(StagedInstance(_receipt_of(path, values), path))
    return Shipment(1, "IRB1", staged_instances)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_instance_of_2_gb(document: Mapping[str, Any], tmp_path: Path) -> None:
    """Sent, read back and equal, in pieces."""
    sent = _large(tmp_path)
    delivered, problems, peak = deliver_measured(document, sent, tmp_path)
    assert (delivered, problems) == (1, [])
    assert peak < _MOST_MEMORY
    sent.staged_instances[0].path.unlink()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_instance_of_2_gb_that_the_peer_transcoded(tmp_path: Path) -> None:
    """Read back in JPEG-LS, and compared frame by frame."""
    sent = _large(tmp_path)
    with OrthancServer(tmp_path / "orthanc", {"IngestTranscoding": str(JPEGLSLossless)}) as server:
        document = peer_document({"Url": server.url, "Timeout": 600})
        delivered, problems, peak = deliver_measured(document, sent, tmp_path)
    assert (delivered, problems) == (1, [])
    assert peak < _MOST_MEMORY
    sent.staged_instances[0].path.unlink()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_study_of_5000_instances(document: Mapping[str, Any], tmp_path: Path) -> None:
    """Sent, read back and equal, a few at a time."""
    sent = _many(tmp_path, 5000)
    delivered, problems, peak = deliver_measured(document, sent, tmp_path)
    assert (delivered, problems) == (5000, [])
    assert peak < _MOST_MEMORY

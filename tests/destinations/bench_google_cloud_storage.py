"""Google Cloud Storage under the contract, in both layouts: a server of its JSON API, behind a proxy that does harm."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from sendit.config.name_template import NameTemplate
from sendit.destinations.gcs.settings import ARCHIVE_NAME, INSTANCE_NAME
from sendit.model import Receipt, Shipment, StagedInstance
from tests.destinations.bench import Bench, Servers, open_out
from tests.servers.fault_proxy import Corrupt, Fault, FaultProxy
from tests.servers.google_storage import GoogleStorage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sendit.destinations.base import Destination

BUCKET = "research"
#: The client tries again by itself for a while: a fault that is to reach SendIt lasts until it is healed.
LASTING = 1000


def start_storage(folder: Path) -> GoogleStorage:
    return GoogleStorage(folder, buckets=[BUCKET])


def plain_bucket(url: str, name: str = BUCKET) -> Any:
    """The bucket by Google's client as it comes."""
    client = storage.Client(
        project="p",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": url},
    )
    return client.bucket(name)


def document(url: str, **settings: object) -> Mapping[str, Any]:
    """The configuration of the destination "out"."""
    out = {
        "Type": "GoogleCloudStorage",
        "Bucket": BUCKET,
        "Endpoint": url,
        "Credentials": {"Source": "Anonymous"},
        "Concurrency": 3,
        "Timeout": 2,
        **settings,
    }
    return {"SendIt": {"Destinations": {"out": out}}}


def opened(server: GoogleStorage, **settings: object) -> Destination:
    """The destination "out" with this server."""
    return open_out(document(server.url, **settings))


class GoogleCloudStorageBench(Bench):
    """What both layouts share."""

    layout: ClassVar[str]
    faults: ClassVar[tuple[Fault, ...]] = (*Bench.faults, Corrupt())
    uploading: ClassVar[str]

    def __init__(self, servers: Servers) -> None:
        self.server = servers.get("storage", start_storage)
        self.proxy = FaultProxy(self.server.url)
        self.document = document(self.proxy.url, Layout=self.layout)
        self.destination = open_out(self.document)
        self.bucket = plain_bucket(self.server.url)
        self._before = self.server.state()["created"]

    def harm_uploads(self, fault: Fault) -> None:
        self.proxy.inject(replace(fault, times=LASTING), self.uploading)

    def harm_reading(self, fault: Fault) -> None:
        self.proxy.inject(replace(fault, times=LASTING), "GET ")

    def heal(self) -> None:
        self.proxy.heal()

    def take_down(self) -> None:
        self.proxy.close()

    def blob_of_passport(self, shipment: Shipment) -> Any:
        """The passport of a study, by Google's client as it comes."""
        study = shipment.staged_instances[0].receipt.study_instance_uid
        (found,) = (blob for blob in self.bucket.list_blobs() if study in blob.name and "manifest" in blob.name)
        return found

    def uploads(self) -> int:
        return int(self.server.state()["created"] - self._before)

    def close(self) -> None:
        self.proxy.close()


class InstancesBench(GoogleCloudStorageBench):
    """One object for each instance."""

    layout = "Instances"
    uploading = "POST /upload/"

    def held(self, receipt: Receipt) -> bytes | None:
        blob = self.bucket.get_blob(_name(INSTANCE_NAME, receipt))
        return None if blob is None else bytes(blob.download_as_bytes())

    def put(self, staged: StagedInstance) -> None:
        self.bucket.blob(_name(INSTANCE_NAME, staged.receipt)).upload_from_filename(str(staged.path))

    def remove(self, receipt: Receipt) -> None:
        self.bucket.delete_blob(_name(INSTANCE_NAME, receipt))


class ArchiveBench(GoogleCloudStorageBench):
    """One archive for each study."""

    layout = "Archive"
    uploading = "PUT /upload/"
    one_by_one = False

    def held(self, receipt: Receipt) -> bytes | None:
        found = (read_archive(blob) for blob in self._archives(receipt))
        return next((files[_member(receipt)] for files in found if _member(receipt) in files), None)

    def put(self, staged: StagedInstance) -> None:
        self._change(staged.receipt, {_member(staged.receipt): staged.path.read_bytes()})

    def remove(self, receipt: Receipt) -> None:
        self._change(receipt, {_member(receipt): None})

    def _archives(self, receipt: Receipt) -> list[Any]:
        prefix = _name(ARCHIVE_NAME, receipt).removesuffix(".tar.gz")
        blobs = self.bucket.list_blobs(prefix=prefix)
        archives = (blob for blob in blobs if blob.name.endswith(".tar.gz"))
        return [blob for blob in archives if blob.metadata["study"] == receipt.study_instance_uid]

    def _change(self, receipt: Receipt, changes: Mapping[str, bytes | None]) -> None:
        """Write the archive anew, by other means than SendIt's."""
        blob = next(iter(self._archives(receipt)), None)
        files = {**(read_archive(blob) if blob else {}), **changes}
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, data in files.items():
                if data is not None:
                    entry = tarfile.TarInfo(name)
                    entry.size = len(data)
                    archive.addfile(entry, io.BytesIO(data))
        if blob is None:
            blob = self.bucket.blob(_name(ARCHIVE_NAME, receipt))
            blob.metadata = {"project": "IRB1", "study": receipt.study_instance_uid, "part": "1"}
        buffer.seek(0)
        blob.upload_from_file(buffer)


def read_archive(blob: Any) -> dict[str, bytes]:
    """Every file of an archive."""
    with tarfile.open(fileobj=io.BytesIO(blob.download_as_bytes()), mode="r:gz") as archive:
        files = ((entry.name, archive.extractfile(entry)) for entry in archive)
        return {name: file.read() for name, file in files if file is not None}


def _member(receipt: Receipt) -> str:
    return f"{receipt.series_instance_uid}/{receipt.sop_instance_uid}.dcm"


def _name(template: str, receipt: Receipt) -> str:
    return NameTemplate(template).name(Shipment(1, "IRB1", []), receipt)

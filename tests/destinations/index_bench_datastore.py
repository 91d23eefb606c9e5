"""The Datastore index under the contract: a server of our own, or one of Google's emulators, behind a proxy."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.datastore import Client, Entity
from google.cloud.datastore.query import PropertyFilter

from sendit.destinations.google.settings import GoogleCredentials
from sendit.destinations.indexes.base import Patience
from sendit.destinations.indexes.datastore.index import DatastoreIndex
from sendit.destinations.indexes.datastore.settings import DatastoreIndexSettings
from tests.destinations.index_bench import PLACE, IndexBench
from tests.servers.fault_proxy import DropAfter, DropBefore, Fault, Silence
from tests.servers.google_datastore import DatastoreServer, wait_for_grpc
from tests.servers.grpc_fault_proxy import Code, GrpcFaultProxy, Hold, Late
from tests.servers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sendit.model import Receipt
    from tests.destinations.bench import Servers

PROJECT = "sendit-demo"
_PLATFORM = Path("/usr/lib/google-cloud-sdk/platform")
_C = grpc.StatusCode


class Emulator:
    """One of Google's emulators: what `gcloud beta emulators` starts, without gcloud."""

    def __init__(self, name: str, arguments: list[str], environment: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        command = [str(_PLATFORM / name / name.replace("-", "_"))]
        command += [argument.format(port=self.port) for argument in arguments]
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for_grpc(self.port, self.process)
        client = official_client(self.endpoint)  # Java needs seconds for its first of each call
        with client.transaction():
            client.put(Entity(client.key("Warm", "up")))
        list(client.query(kind="Warm").fetch())

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Emulator:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)  # a shell, and Java below it
        self.process.wait()


def start_ours(folder: Path) -> DatastoreServer:
    return DatastoreServer(folder, project=PROJECT)


def start_datastore_emulator(folder: Path) -> Emulator:
    create = [str(_PLATFORM / "cloud-datastore-emulator" / "cloud_datastore_emulator"), "create"]
    subprocess.run([*create, f"--project_id={PROJECT}", str(folder / "data")], check=True, capture_output=True)
    start = ["start", "--host=127.0.0.1", "--port={port}", "--store_on_disk=False", "--consistency=1.0"]
    return Emulator("cloud-datastore-emulator", [*start, "--allow_remote_shutdown", str(folder / "data")])


def start_firestore_emulator(_: Path) -> Emulator:
    start = ["--host=127.0.0.1", "--port={port}", "--database-mode=datastore-mode"]
    return Emulator("cloud-firestore-emulator", start, {"DATASTORE_PROJECT_ID": PROJECT})


class DatastoreBench(IndexBench):
    name = "datastore-server"
    start: ClassVar[Callable[[Path], Any]] = start_ours
    healing: ClassVar[Mapping[str, Fault]] = {
        "unavailable": Code(_C.UNAVAILABLE),
        "deadline": Code(_C.DEADLINE_EXCEEDED),
        "aborted": Code(_C.ABORTED, "too much contention on these datastore entities. please try again."),
        "quota": Code(_C.RESOURCE_EXHAUSTED, "Quota exceeded"),
        "internal": Code(_C.INTERNAL),
        "disk-full": Code(_C.RESOURCE_EXHAUSTED, "No space left on device"),
        "dropped-before": DropBefore(),
        "dropped-after": DropAfter(),
        "silence": Silence(),
        "slow": Late(seconds=0.5),
    }
    lasting: ClassVar[Mapping[str, tuple[Fault, str]]] = {
        "401": (Code(_C.UNAUTHENTICATED, "Request had invalid authentication credentials."), "Credentials"),
        "403": (Code(_C.PERMISSION_DENIED, "Missing or insufficient permissions."), "roles/datastore.user"),
        "api-not-enabled": (
            Code(_C.PERMISSION_DENIED, "Cloud Datastore API has not been used in project 1 before or it is disabled."),
            "gcloud services enable",
        ),
        "native-mode": (
            Code(_C.FAILED_PRECONDITION, "The Cloud Firestore API is not available for Firestore in Native Mode."),
            "Datastore mode",
        ),
        "no-database": (
            Code(_C.NOT_FOUND, "The database (default) does not exist for project sendit-demo."),
            "gcloud firestore databases create",
        ),
    }

    def __init__(self, servers: Servers) -> None:
        self.server = servers.get(self.name, type(self).start)
        self.proxy = GrpcFaultProxy(self.server.endpoint)
        self.index = open_datastore(self.settings())
        self.client = official_client(self.server.endpoint)

    def settings(self) -> dict[str, Any]:
        return {"Type": "Datastore", "GoogleProject": PROJECT, "Endpoint": self.proxy.endpoint}

    def harm_writing(self, fault: Fault) -> None:
        self.proxy.inject(fault, "Commit")

    def harm_reading(self, fault: Fault) -> None:
        self.proxy.inject(fault, "Lookup")

    def heal(self) -> None:
        self.proxy.heal()

    def take_down(self) -> None:
        self.proxy.close()

    def held(self, receipt: Receipt) -> list[Mapping[str, Any]]:
        query = self.client.query(kind="Image")
        query.add_filter(filter=PropertyFilter("SOPInstanceUID", "=", receipt.sop_instance_uid))
        return list(query.fetch())

    def counted(self, receipt: Receipt) -> int:
        query = self.client.query(kind="Study")
        query.add_filter(filter=PropertyFilter("StudyInstanceUID", "=", receipt.study_instance_uid))
        found = list(query.fetch())
        assert len(found) <= 1
        return found[0]["image_count"] if found else 0

    def remove(self, receipt: Receipt) -> None:
        for entity in self.held(receipt):
            self.client.delete(entity.key)  # type: ignore[attr-defined]

    def alter(self, receipt: Receipt) -> None:
        for entity in self.held(receipt):
            entity["sha256"] = "0" * 64  # type: ignore[index]
            self.client.put(entity)

    def hold(self, nth: int, after: bool) -> Any:
        self.proxy.inject(Late(seconds=0, times=nth - 1), "Commit")
        self.proxy.inject(Hold(after=after), "Commit")
        return self.proxy.held

    def writes(self) -> int:
        return self.proxy.passed.count("Commit")

    def close(self) -> None:
        self.proxy.close()


class DatastoreEmulatorBench(DatastoreBench):
    """Google's older emulator."""

    name = "cloud-datastore-emulator"
    start = start_datastore_emulator

    def __init__(self, servers: Servers) -> None:
        if not (_PLATFORM / self.name).exists() or not shutil.which("java"):
            pytest.skip(f"this machine has no {self.name} (a component of the Google Cloud SDK) or no Java")
        super().__init__(servers)


class FirestoreEmulatorBench(DatastoreEmulatorBench):
    """Google's newer one, in Datastore mode."""

    name = "cloud-firestore-emulator"
    start = start_firestore_emulator


def open_datastore(settings: dict[str, Any], patience: Patience | None = None) -> DatastoreIndex:
    """The index for an entry of "Index", less patient than an operator's."""
    index = DatastoreIndex(PLACE, DatastoreIndexSettings.model_validate(settings), GoogleCredentials())
    index.entities.patience = patience or Patience(call=1.0, whole=2.0)
    return index


def official_client(endpoint: str, **options: Any) -> Client:
    """Google's own client, unmodified."""
    return Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": f"http://{endpoint}"},
        **options,
    )

"""An Orthanc peer under the contract: a real Orthanc, behind a proxy that does harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendit.destinations.orthanc_peer.delivery import orthanc_id
from tests.destinations.bench import Bench, Servers, open_out
from tests.servers.fault_proxy import Fault, FaultProxy
from tests.servers.orthanc import OrthancServer

if TYPE_CHECKING:
    from pathlib import Path

    from sendit.destinations.base import Destination
    from sendit.model import Receipt, StagedInstance


def start_target(folder: Path) -> OrthancServer:
    return OrthancServer(folder, name="TARGET")


class StoredInOrthanc:
    """The part of a bench that looks into the Orthanc behind it."""

    server: OrthancServer

    def held(self, receipt: Receipt) -> bytes | None:
        answer = self.server.session.get(f"{self.server.url}/instances/{instance_id(receipt)}/file")
        return answer.content if answer.ok else None

    def put(self, staged: StagedInstance) -> None:
        self.server.upload(staged.path.read_bytes())

    def remove(self, receipt: Receipt) -> None:
        self.server.session.delete(f"{self.server.url}/instances/{instance_id(receipt)}").raise_for_status()


class OrthancPeerBench(StoredInOrthanc, Bench):
    def __init__(self, servers: Servers) -> None:
        self.server = servers.get("target", start_target)
        self.proxy = FaultProxy(self.server.url)
        self.document = peer_document({"Url": self.proxy.url, "Timeout": 2})
        self.destination = open_out(self.document)

    def harm_uploads(self, fault: Fault) -> None:
        self.proxy.inject(fault, "POST /instances")

    def harm_reading(self, fault: Fault) -> None:
        self.proxy.inject(fault, "GET ")

    def heal(self) -> None:
        self.proxy.heal()

    def take_down(self) -> None:
        self.proxy.close()

    def uploads(self) -> int:
        return self.proxy.uploads()

    def close(self) -> None:
        self.proxy.close()


def instance_id(receipt: Receipt) -> str:
    return orthanc_id(
        receipt.patient_id, receipt.study_instance_uid, receipt.series_instance_uid, receipt.sop_instance_uid
    )


def open_peer(peer: object, **configuration: object) -> Destination:
    """The destination for one entry of "OrthancPeers", by way of the configuration as an operator writes it."""
    return open_out(peer_document(peer, **configuration))


def peer_document(peer: object, **configuration: object) -> dict[str, object]:
    return {
        "OrthancPeers": {"research": peer},
        "SendIt": {"Destinations": {"out": {"Type": "OrthancPeer", "Peer": "research", "Concurrency": 3}}},
        **configuration,
    }

"""The destinations under the contract, each with a real server behind it and a proxy that does harm between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import pytest

from sendit.destinations import open_destination
from sendit.destinations.base import Destination
from sendit.destinations.orthanc_peer import orthanc_id
from sendit.model import Consignment, Parcel, Receipt
from sendit.settings import load
from tests.servers.fault_proxy import FaultProxy
from tests.servers.orthanc import OrthancServer


class Bench(ABC):
    """What the contract suite needs to know of a destination's server. Each destination has one."""

    destination: Destination
    proxy: FaultProxy  # between the destination and its server
    upload: str  # the beginning of a request that stores an instance, for `proxy.inject`

    @abstractmethod
    def held(self, receipt: Receipt) -> bytes | None:
        """What the server holds under this receipt's identifiers, read past the proxy."""

    @abstractmethod
    def put(self, parcel: Parcel) -> None:
        """Store this file behind the destination's back."""

    @abstractmethod
    def remove(self, receipt: Receipt) -> None:
        """Delete it behind the destination's back."""

    @abstractmethod
    def uploads(self) -> int:
        """How many instances reached the server through the proxy."""

    def holds_all(self, consignment: Consignment) -> bool:
        """All there, byte for byte."""
        return all(self.held(parcel.receipt) == parcel.path.read_bytes() for parcel in consignment.parcels)


class OrthancPeerBench(Bench):
    upload = "POST /instances"

    def __init__(self, server: OrthancServer, proxy: FaultProxy) -> None:
        self.server = server
        self.proxy = proxy
        self.destination = open_peer({"Url": proxy.url, "Timeout": 2})

    def held(self, receipt: Receipt) -> bytes | None:
        answer = self.server.session.get(f"{self.server.url}/instances/{instance_id(receipt)}/file")
        return answer.content if answer.ok else None

    def put(self, parcel: Parcel) -> None:
        self.server.upload(parcel.path.read_bytes())

    def remove(self, receipt: Receipt) -> None:
        self.server.session.delete(f"{self.server.url}/instances/{instance_id(receipt)}").raise_for_status()

    def uploads(self) -> int:
        return self.proxy.uploads()


def instance_id(receipt: Receipt) -> str:
    return orthanc_id(
        receipt.patient_id, receipt.study_instance_uid, receipt.series_instance_uid, receipt.sop_instance_uid
    )


def open_peer(peer: object, **configuration: object) -> Destination:
    """The destination for one entry of "OrthancPeers", by way of the configuration as an operator writes it."""
    settings, orthanc = load(
        {
            "OrthancPeers": {"research": peer},
            "SendIt": {"Destinations": {"out": {"Type": "OrthancPeer", "Peer": "research", "Concurrency": 3}}},
            **configuration,
        }
    )
    return open_destination("out", settings.destinations["out"], orthanc)


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """One real Orthanc for all tests that do not need their own: each test sends a study of its own."""
    with OrthancServer(tmp_path_factory.mktemp("target"), name="TARGET") as server:
        yield server


@pytest.fixture
def proxy(target: OrthancServer) -> Iterator[FaultProxy]:
    with FaultProxy(target.url) as proxy:
        yield proxy


@pytest.fixture(params=["OrthancPeer"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """Every destination of the registry; a test in test_contract.py sees to it that none is missing."""
    if request.param == "OrthancPeer":
        return OrthancPeerBench(request.getfixturevalue("target"), request.getfixturevalue("proxy"))
    raise AssertionError(f"no bench for {request.param}")

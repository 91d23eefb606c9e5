"""The destinations under the contract, each with a real server behind it, and harm in between."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.destinations.bench import Bench, Servers
from tests.destinations.bench_dicom_modality import DicomModalityBench
from tests.destinations.bench_dicom_web import DicomWebBench, GoogleHealthcareBench
from tests.destinations.bench_folder import DicomdirBench, FolderBench
from tests.destinations.bench_google_cloud_storage import BUCKET, ArchiveBench, InstancesBench
from tests.destinations.bench_orthanc_peer import OrthancPeerBench, start_target
from tests.servers.fault_proxy import FaultProxy
from tests.servers.google_storage import GoogleStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.servers.orthanc import OrthancServer

#: Every destination of the registry (the part before a "/"; after it stands a variant). test_contract.py holds it so.
BENCHES: Mapping[str, Callable[[Servers], Bench]] = {
    "OrthancPeer": OrthancPeerBench,
    "Folder": FolderBench,
    "Folder/Dicomdir": DicomdirBench,
    "DicomModality": DicomModalityBench,
    "DicomWeb": DicomWebBench,
    "DicomWeb/Google": GoogleHealthcareBench,
    "GoogleCloudStorage": ArchiveBench,
    "GoogleCloudStorage/Instances": InstancesBench,
}


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """What the tests of a session share."""
    with ExitStack() as stack:
        yield Servers(stack, lambda name: tmp_path_factory.mktemp(name))


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Bench]:
    """Every destination in its turn."""
    bench = BENCHES[request.param](servers)
    yield bench
    bench.close()


@pytest.fixture(scope="session")
def target(servers: Servers) -> OrthancServer:
    """One real Orthanc for all tests that do not need their own: each test sends a study of its own."""
    return servers.get("target", start_target)


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """An empty folder of one test, as a share that is mounted."""
    path = tmp_path / "share"
    path.mkdir()
    return path


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[GoogleStorage]:
    """A storage server for a test that changes what the server allows."""
    with GoogleStorage(tmp_path / "storage", buckets=[BUCKET]) as server:
        yield server


@pytest.fixture
def proxy(target: OrthancServer) -> Iterator[FaultProxy]:
    with FaultProxy(target.url) as proxy:
        yield proxy

"""DICOMweb under the contract: Orthanc's own plugin behind a proxy that does harm, and one that also is Google's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.destinations.bench import Bench, Servers, open_out
from tests.destinations.bench_orthanc_peer import StoredInOrthanc
from tests.servers.fault_proxy import Fault, FaultProxy
from tests.servers.healthcare import HealthcareStore
from tests.servers.orthanc import OrthancServer

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


def start_dicom_web(folder: Path) -> OrthancServer:
    return OrthancServer(folder, {"Plugins": [PLUGIN]}, name="DICOMWEB")


class DicomWebBench(StoredInOrthanc, Bench):
    can_recall = False

    def __init__(self, servers: Servers) -> None:
        self.server = servers.get("dicomweb", start_dicom_web)
        self.proxy = self._proxy()
        self.document = dicom_web_document(self.proxy.url, **self._settings(servers))
        self.destination = open_out(self.document)

    def _proxy(self) -> FaultProxy:
        return FaultProxy(self.server.url)

    def _settings(self, servers: Servers) -> dict[str, object]:
        return {}

    def harm_uploads(self, fault: Fault) -> None:
        self.proxy.inject(fault, "POST /dicom-web")

    def harm_reading(self, fault: Fault) -> None:
        self.proxy.inject(fault, "GET ")

    def take_down(self) -> None:
        self.proxy.close()

    def uploads(self) -> int:
        return self.proxy.passed.count("POST /dicom-web/studies")

    def close(self) -> None:
        self.proxy.close()


class GoogleHealthcareBench(DicomWebBench):
    can_recall = True

    def _proxy(self) -> FaultProxy:
        return HealthcareStore(self.server)

    def _settings(self, servers: Servers) -> dict[str, object]:
        assert isinstance(self.proxy, HealthcareStore)
        key = self.proxy.write_key(servers.new_folder("key") / "key.json")
        return {"Google": {"Source": "ServiceAccountFile", "Path": str(key)}}


def dicom_web_document(url: str, **settings: object) -> dict[str, object]:
    out = {"Type": "DicomWeb", "Url": f"{url}/dicom-web", "Timeout": 5, "Concurrency": 3, **settings}
    return {"SendIt": {"Destinations": {"out": out}}}

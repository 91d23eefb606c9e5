"""A DICOM modality under the contract: a real Orthanc's DICOM side, behind a proxy that does harm to associations."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.destinations.bench import Bench, Servers, open_out
from tests.destinations.bench_orthanc_peer import StoredInOrthanc
from tests.servers.fault_proxy import DropAfter, DropBefore, Fault, Silence
from tests.servers.orthanc import OrthancServer
from tests.servers.tcp_fault_proxy import (
    ASSOCIATE,
    C_FIND,
    C_STORE,
    Busy,
    Corrupt,
    CutAfter,
    DicomFaultProxy,
    NotAuthorized,
    OutOfResources,
    Rejected,
    TitleNotKnown,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sendit.model import Shipment, StagedInstance


def start_modality(folder: Path) -> OrthancServer:
    """It knows nobody, and lets everybody ask."""
    return OrthancServer(folder, {"DicomAlwaysAllowFind": True, "DicomAlwaysAllowGet": True}, name="ARCHIVE")


class DicomModalityBench(StoredInOrthanc, Bench):
    faults: ClassVar[tuple[Fault, ...]] = (DropBefore(), DropAfter(), Silence(), CutAfter(), OutOfResources(), Busy())
    refusals: ClassVar[tuple[Fault, ...]] = (TitleNotKnown(), NotAuthorized())
    corruption: ClassVar[Fault] = Corrupt()
    can_recall = False

    def __init__(self, servers: Servers) -> None:
        self.server = servers.get("modality", start_modality)
        self.proxy = DicomFaultProxy(self.server.dicom_port)
        self.document = modality_document(self.proxy.port)
        self.destination = open_out(self.document)

    def harm_uploads(self, fault: Fault) -> None:
        self.proxy.inject(fault, ASSOCIATE if isinstance(fault, Rejected) else C_STORE)

    def harm_reading(self, fault: Fault) -> None:
        self.proxy.inject(fault, C_FIND)

    def heal(self) -> None:
        self.proxy.heal()

    def take_down(self) -> None:
        self.proxy.close()

    def uploads(self) -> int:
        return self.proxy.answered.count(C_STORE)

    def close(self) -> None:
        self.proxy.close()

    def holds_all(self, shipment: Shipment) -> bool:
        """A modality writes the file meta information anew; behind it stands what was sent, byte for byte."""
        return all(self._same(staged) for staged in shipment.staged_instances)

    def _same(self, staged: StagedInstance) -> bool:
        held = self.held(staged.receipt)
        return held is not None and behind_meta(held) == behind_meta(staged.path.read_bytes())


def behind_meta(file: bytes) -> bytes:
    """The data set of a DICOM file, as it is encoded."""
    length = int.from_bytes(file[140:144], "little")
    return file[144 + length :]


def modality_document(port: int, modality: object = None, **settings: object) -> dict[str, object]:
    entry = modality if modality is not None else {"AET": "ARCHIVE", "Host": "127.0.0.1", "Port": port, "Timeout": 3}
    out = {"Type": "DicomModality", "Modality": "archive", "Concurrency": 3, **settings}
    return {"DicomModalities": {"archive": entry}, "DicomAet": "SENDIT", "SendIt": {"Destinations": {"out": out}}}

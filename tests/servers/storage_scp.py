"""Modalities of pynetdicom and dcmtk, for what Orthanc does not do: statuses, few transfer syntaxes, no queries."""

from __future__ import annotations

import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification  # type: ignore[attr-defined]

from tests.servers.ports import free_port
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pynetdicom.events import Event


class StorageScp:
    """Answers C-STORE with the given statuses, one after the other, then with success.

    Storage commitment: on the same association, with `failed` as what it does not commit itself to.
    """

    def __init__(self, statuses: Sequence[int] = (), syntaxes: Sequence[str] = (), failed: Sequence[str] = ()) -> None:
        self.statuses, self.failed = list(statuses), set(failed)
        self.received: list[tuple[str, str]] = []  # transfer syntax, SOP instance UID
        self.associations = 0
        entity = AE(ae_title="ARCHIVE")
        entity.maximum_associations = 64
        entity.add_supported_context(Verification)
        entity.add_supported_context(StorageCommitmentPushModel)
        for context in AllStoragePresentationContexts:
            assert context.abstract_syntax is not None
            if syntaxes:
                entity.add_supported_context(context.abstract_syntax, list(syntaxes))
            else:
                entity.add_supported_context(context.abstract_syntax)
        handlers = [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_ACTION, self._commit),
            (evt.EVT_ESTABLISHED, self._established),
        ]
        self._server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)  # type: ignore[arg-type]
        assert self._server is not None
        assert self._server.socket is not None
        self.port = int(self._server.socket.getsockname()[1])

    def __enter__(self) -> StorageScp:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def _established(self, event: Event) -> None:
        self.associations += 1

    def _store(self, event: Event) -> int:
        self.received.append(
            (str(event.context.transfer_syntax), str(getattr(event.request, "AffectedSOPInstanceUID", "")))
        )
        if event.request._dataset_path is not None:
            Path(event.dataset_path).unlink(missing_ok=True)
        return self.statuses.pop(0) if self.statuses else 0x0000

    def _commit(self, event: Event) -> tuple[int, Dataset | None]:
        asked = event.action_information
        report = Dataset()
        report.TransactionUID = asked.TransactionUID
        report.ReferencedSOPSequence, report.FailedSOPSequence = [], []
        for item in asked.ReferencedSOPSequence:
            if str(item.ReferencedSOPInstanceUID) in self.failed:
                item.FailureReason = 0x0112
                report.FailedSOPSequence.append(item)
            else:
                report.ReferencedSOPSequence.append(item)
        if not report.FailedSOPSequence:
            del report.FailedSOPSequence
        self._report(event, report)
        return 0x0000, None

    def _report(self, event: Event, report: Dataset) -> None:
        """Later: the answer to N-ACTION has to go first."""
        uid = "1.2.840.10008.1.20.1.1"
        kind = 2 if "FailedSOPSequence" in report else 1
        timer = threading.Timer(
            0.2, lambda: event.assoc.send_n_event_report(report, kind, StorageCommitmentPushModel, uid)
        )
        timer.daemon = True
        timer.start()


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[int]:
    """dcmtk's storescp writes what it receives into the folder, bit by bit; its port."""
    port = free_port()
    folder.mkdir()
    command = ["storescp", "--output-directory", str(folder), "-aet", "ARCHIVE", *options, str(port)]
    process = subprocess.Popen(command)

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_for(listens, "storescp")
        yield port
    finally:
        process.terminate()
        process.wait()

"""Storage commitment: the modality takes responsibility for what it was sent, or says for what not (PS3.4 Annex J).

The answer comes on the same association, or on one that the modality opens to `CommitmentPort`.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    Verification,
)
from pynetdicom.transport import ThreadedAssociationServer

from sendit.destinations.dimse.association import EVENT_CLOSED, EVENT_REPORT, EVENT_SENT, Line, NothingAccepted
from sendit.errors import Misconfigured, Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pynetdicom.events import Event

    from sendit.destinations.dimse.association import Handlers
    from sendit.destinations.dimse.settings import DicomModalitySettings
    from sendit.model import Receipt, Shipment

_FAILURES = {
    0x0110: "processing failure",
    0x0112: "it does not know it",
    0x0119: "its SOP class is different there",
    0x0122: "it does not support the SOP class",
    0x0131: "another transaction has this UID",
    0x0213: "resource limitation",
}
_POLL = 0.1  # seconds


class _Reports:
    """Answers by transaction: verifications of several batches may wait at once.

    Who waits gets an answer when it has been acknowledged, and releases the association only then: pynetdicom's thread
    for the network ends in an error if it has to send something after the release.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, queue.Queue[Dataset]] = {}
        self._unacknowledged: dict[int, Dataset] = {}  # by association
        self._lock = threading.Lock()

    def handlers(self) -> Handlers:
        """Return what an association needs to take answers."""
        return [(EVENT_REPORT, self._take), (EVENT_SENT, self._acknowledged), (EVENT_CLOSED, self._acknowledged)]

    @contextlib.contextmanager
    def expect(self, transaction: str) -> Iterator[queue.Queue[Dataset]]:
        waiting: queue.Queue[Dataset] = queue.Queue()
        with self._lock:
            self._waiting[transaction] = waiting
        try:
            yield waiting
        finally:
            with self._lock:
                del self._waiting[transaction]

    def _take(self, event: Event) -> tuple[int, Dataset | None]:
        """Handle an N-EVENT-REPORT. One that no thread waits for any more is acknowledged all the same."""
        with self._lock:
            self._unacknowledged[id(event.assoc)] = event.event_information
        return 0x0000, None

    def _acknowledged(self, event: Event) -> None:
        """Pass on the answer: something was sent on its association, or that ended."""
        with self._lock:
            report = self._unacknowledged.pop(id(event.assoc), None)
            waiting = None if report is None else self._waiting.get(str(report.get("TransactionUID", "")))
        if report is not None and waiting is not None:
            waiting.put(report)


_reports = _Reports()
_listening: dict[int, tuple[ThreadedAssociationServer, int]] = {}  # port → server and how many wait for it
_listening_lock = threading.Lock()


def request_commitment(line: Line, settings: DicomModalitySettings, shipment: Shipment) -> dict[str, str]:
    """Ask, and wait for the answer; return why instances are not committed, by coded SOP instance UID.

    Raises:
        Retry: no answer came in time.
        Misconfigured: the modality has no storage commitment, or refuses the request.
    """
    request = Dataset()
    request.TransactionUID = generate_uid(prefix=None)
    request.ReferencedSOPSequence = [_reference(staged.receipt) for staged in shipment.staged_instances]
    deadline = time.monotonic() + settings.commitment_timeout
    # The same association, for as long as the modality keeps it, or until the time for one of its own.
    patience = line.modality.timeout if settings.commitment_port else settings.commitment_timeout
    with _listener(line, settings.commitment_port), _reports.expect(str(request.TransactionUID)) as answers:
        report = _ask(line, request, answers, min(deadline, time.monotonic() + patience))
        if report is None and settings.commitment_port:
            report = _wait(answers, deadline, lambda: True)
    if report is None:
        raise Retry(f"the modality {line.modality.name} has not answered the request for storage commitment")
    return _failures(report, shipment)


def _ask(line: Line, request: Dataset, answers: queue.Queue[Dataset], until: float) -> Dataset | None:
    """Return the answer if it comes while the association is open; None otherwise."""
    try:
        with line.open([build_context(StorageCommitmentPushModel)], handlers=_reports.handlers()) as association:
            try:
                status, _ = association.send_n_action(
                    request, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
                )
            except (RuntimeError, ValueError):
                raise line.lost() from None
            code = line.answered(association, status)
            if code != 0:
                problem = f"the modality refuses storage commitment (status {code:04X})"
                raise Misconfigured(line.place, problem, "Have it allowed there, or set StorageCommitment to false.")
            return _wait(answers, until, lambda: association.is_established)
    except NothingAccepted:
        problem = "the modality does not offer storage commitment"
        raise Misconfigured(line.place, problem, "Set StorageCommitment to false.") from None


def _wait(answers: queue.Queue[Dataset], until: float, going_on: Callable[[], bool]) -> Dataset | None:
    while True:
        with contextlib.suppress(queue.Empty):
            return answers.get(timeout=max(0.0, min(_POLL, until - time.monotonic())))
        if time.monotonic() >= until or not going_on():
            with contextlib.suppress(queue.Empty):
                return answers.get(timeout=_POLL)  # it may come with the end of the association
            return None


def _failures(report: Dataset, shipment: Shipment) -> dict[str, str]:
    """Return the instances that were not committed (PS3.4 Table J.3-2)."""
    committed = {str(item.ReferencedSOPInstanceUID) for item in report.get("ReferencedSOPSequence", [])}
    reasons = {
        str(item.ReferencedSOPInstanceUID): int(item.get("FailureReason", 0))
        for item in report.get("FailedSOPSequence", [])
    }
    problems = {}
    for staged in shipment.staged_instances:
        uid = staged.receipt.sop_instance_uid
        if uid in reasons:
            reason = _FAILURES.get(reasons[uid], "no known reason")
            problems[uid] = f"the modality does not commit to it: {reason} ({reasons[uid]:04X})"
        elif uid not in committed:
            problems[uid] = "the modality's storage commitment does not name it"
    return problems


@contextlib.contextmanager
def _listener(line: Line, port: int | None) -> Iterator[None]:
    """Listen at the port for as long as any thread waits for an answer."""
    if port is None:
        yield
        return
    with _listening_lock:
        server, waiting = _listening.get(port) or (_listen(line, port), 0)
        _listening[port] = (server, waiting + 1)
    try:
        yield
    finally:
        with _listening_lock:
            server, waiting = _listening.pop(port)
            if waiting > 1:
                _listening[port] = (server, waiting - 1)
            else:
                server.shutdown()
                server.server_close()


def _listen(line: Line, port: int) -> ThreadedAssociationServer:
    entity = AE(ae_title=line.modality.local_aet)
    entity.add_supported_context(Verification)
    # The modality opens the association and is the provider in it: it proposes the roles the other way round.
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    try:
        server = entity.start_server(("", port), block=False, evt_handlers=list(_reports.handlers()))
    except OSError as error:
        problem = f"cannot listen on port {port} ({error.strerror})"
        raise Misconfigured("CommitmentPort", problem, "Choose an unused port.") from None
    assert isinstance(server, ThreadedAssociationServer)
    return server


def _reference(receipt: Receipt) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = receipt.sop_class_uid
    item.ReferencedSOPInstanceUID = receipt.sop_instance_uid
    return item

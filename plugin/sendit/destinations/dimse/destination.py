"""Delivery by C-STORE to a modality named in "DicomModalities" (PS3.4 Annex B): another archive, a workstation.

DICOM has no way to take back what was sent, and no archive has to give back what it holds. Whatever can be known
afterwards is asked for: storage commitment, where it is configured; C-FIND and C-GET, where they are offered.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from pynetdicom import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from sendit.destinations.base import Destination, Progress, is_held, open_staged
from sendit.destinations.dimse.association import MOST_CONTEXTS, Associations, Line
from sendit.destinations.dimse.query import ModalityQueries, storage_contexts
from sendit.destinations.dimse.storage_commitment import request_commitment
from sendit.destinations.dimse.transcode import CannotConvert, by_path, converted
from sendit.destinations.threads import in_threads
from sendit.errors import Misconfigured, Retry
from sendit.model import Discrepancy, Receipt, Shipment, StagedInstance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import BytesIO
    from pathlib import Path

    from pynetdicom.association import Association

    from sendit.config.orthanc import OrthancConfig
    from sendit.destinations.dimse.settings import DicomModalitySettings

_log = logging.getLogger(__name__)

_Kinds = set[tuple[str, str]]  # (SOP class, transfer syntax)


class DicomModalityDestination(Destination):
    """A modality. `Concurrency` associations send at once."""

    def __init__(self, name: str, settings: DicomModalitySettings, orthanc: OrthancConfig) -> None:
        self.name = name
        self._settings = settings
        self._orthanc = orthanc
        self._modality = orthanc.dicom.modality(settings.modality)

    def check(self) -> None:
        """Check that the modality is reachable, knows us, answers C-ECHO, and will be able to tell what it has."""
        line = self._line()
        with line.open([build_context(Verification)]) as association:
            status = line.answered(association, association.send_c_echo())
            if status != 0:
                raise Retry(f"the modality {self._modality.name} answered C-ECHO with status {status:04X}")
        with self._queries(line, set()) as queries:
            self._can_be_verified(queries)

    def deliver(self, shipment: Shipment, progress: Progress) -> int:
        """See `Destination`. Where the modality answers C-FIND, it is asked first what it holds."""
        line = self._line()
        count = 0
        for kinds in _groups(shipment.staged_instances):
            staged_instances = (staged for staged in shipment.staged_instances if _kind(staged.receipt) in kinds)
            contexts = storage_contexts(kinds)
            with self._queries(line, kinds) as queries, Associations(line, lambda c=contexts: c) as storage:  # type: ignore[misc]
                delivery = _Delivery(line, storage, queries)
                for _ in in_threads(delivery.send, staged_instances, self._settings.concurrency):
                    count += 1
                    progress(count)
        return count

    def verify(self, shipment: Shipment) -> list[Discrepancy]:
        """See `Destination`. Storage commitment if configured, C-FIND and C-GET if offered.

        Raises:
            Misconfigured: the modality offers nothing of these, and AcknowledgementIsEnough is not set.
        """
        line = self._line()
        problems: dict[str, str] = {}
        if self._settings.storage_commitment and shipment.staged_instances:
            problems = request_commitment(line, self._settings, shipment)
        for kinds in _groups(shipment.staged_instances):
            with self._queries(line, kinds) as queries:
                if not self._can_be_verified(queries):
                    continue
                askable = (staged for staged in shipment.staged_instances if _kind(staged.receipt) in kinds)
                inspected = in_threads(partial(_inspect, queries), askable, self._settings.concurrency)
                problems |= {uid: problem for uid, problem in inspected if problem}
        uids = [staged.receipt.sop_instance_uid for staged in shipment.staged_instances]
        return [Discrepancy(uid, problems[uid]) for uid in uids if uid in problems]

    def recall(self, shipment: Shipment) -> list[Discrepancy]:
        """See `Destination`. There is no way: whoever runs the modality has to delete them."""
        problem = f"DICOM has no way to delete at a modality; delete it at {self._modality.name} by hand"
        return [Discrepancy(staged.receipt.sop_instance_uid, problem) for staged in shipment.staged_instances]

    def _line(self) -> Line:
        return Line(self._modality, self._orthanc)

    def _queries(self, line: Line, kinds: _Kinds) -> ModalityQueries:
        return ModalityQueries(line, kinds, ask=not self._settings.acknowledgement_is_enough)

    def _can_be_verified(self, queries: ModalityQueries) -> bool:
        """Return whether queries can verify; otherwise storage commitment or the operator's word has to do."""
        if queries.answers_find():
            return True
        if self._settings.storage_commitment or self._settings.acknowledgement_is_enough:
            return False
        raise Misconfigured(
            f"SendIt.Destinations.{self.name}",
            "the modality does not answer C-FIND, so SendIt cannot check whether it has what was sent",
            "Allow SendIt to query there; or set StorageCommitment, or AcknowledgementIsEnough, to true.",
        )


def _inspect(queries: ModalityQueries, staged: StagedInstance) -> tuple[str, str | None]:
    """Return the coded SOPInstanceUID, and the problem at the modality if there is one."""
    return staged.receipt.sop_instance_uid, queries.compare(staged)


class _Delivery:
    """Some instances of one shipment on their way. All methods may be called from several threads."""

    def __init__(self, line: Line, storage: Associations, queries: ModalityQueries) -> None:
        self._line, self._storage, self._queries = line, storage, queries

    def send(self, staged: StagedInstance) -> None:
        """Send the staged instance until the modality acknowledges it, unless it holds it already."""
        with open_staged(staged) as file, by_path(file) as path:
            if self._queries.answers_find() and self._is_there(staged):
                return
            association = self._storage.mine()
            accepted = _accepted(association, staged.receipt.sop_class_uid)
            if staged.receipt.transfer_syntax_uid in accepted:
                self._store(association, staged.receipt, path)
                return
            other = self._converted(staged.receipt, path, accepted)
            with other, by_path(other) as other_path:
                self._store(association, staged.receipt, other_path)

    def _is_there(self, staged: StagedInstance) -> bool:
        return is_held(self._queries.compare(staged), self._line.place, "modality", staged.receipt.sop_instance_uid)

    def _converted(self, receipt: Receipt, path: Path, accepted: set[str]) -> BytesIO:
        place, uid = self._line.place, receipt.sop_instance_uid
        if not accepted:
            problem = f"the modality does not accept SOP class {receipt.sop_class_uid} (coded UID {uid})"
            raise Misconfigured(place, problem, "Have it allowed there, or leave such instances out.")
        what = f"the modality does not accept transfer syntax {receipt.transfer_syntax_uid} (coded UID {uid})"
        remedy = "Have the transfer syntax allowed there."
        if not self._line.modality.transcode:
            raise Misconfigured(place, f"{what}, and AllowTranscoding is false", remedy)
        try:
            return converted(path, receipt.output_size, accepted)
        except CannotConvert as error:
            raise Misconfigured(place, f"{what}, and {error}", remedy) from None

    def _store(self, association: Association, receipt: Receipt, path: Path) -> None:
        """Send one C-STORE and check its status (PS3.4 Table B.2-1)."""
        self._line.be_patient(association, receipt.output_size)
        try:
            status = self._line.answered(association, association.send_c_store(path))
        except (RuntimeError, ValueError, AttributeError):
            self._storage.drop()
            raise self._line.lost() from None
        except Retry:
            self._storage.drop()
            raise
        name, uid = self._line.modality.name, receipt.sop_instance_uid
        if status & 0xF000 == 0xB000:
            _log.warning("the modality %s stored %s with the warning %04X", name, uid, status)
        elif status & 0xFF00 == 0xA700:
            raise Retry(f"the modality {name} is out of resources (status {status:04X})")
        elif status == 0x0110:
            raise Retry(f"the modality {name} could not process an instance at the moment (status 0110)")
        elif status == 0x0111:  # duplicate SOP instance: verification says what it holds
            _log.warning("the modality %s reports that it already has %s", name, uid)
        elif status != 0:
            problem = f"the modality refuses the instance (coded UID {uid}, status {status:04X})"
            raise Misconfigured(self._line.place, problem, "See the modality's log for the reason.")


def _kind(receipt: Receipt) -> tuple[str, str]:
    return receipt.sop_class_uid, receipt.transfer_syntax_uid


def _groups(staged_instances: Sequence[StagedInstance]) -> Iterator[_Kinds]:
    """Yield the kinds of instances in groups for one association: up to two contexts each, plus those for queries."""
    kinds = sorted({_kind(staged.receipt) for staged in staged_instances})
    most = MOST_CONTEXTS // 2 - 2
    for start in range(0, len(kinds), most):
        yield set(kinds[start : start + most])


def _accepted(association: Association, sop_class: str) -> set[str]:
    """Return the transfer syntaxes in which the modality takes this SOP class."""
    return {
        str(context.transfer_syntax[0])
        for context in association.accepted_contexts
        if context.abstract_syntax == sop_class and context.as_scu is not False
    }

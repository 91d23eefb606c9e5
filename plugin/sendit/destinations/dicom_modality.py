"""Delivery by C-STORE to a modality named in "DicomModalities" (PS3.4 Annex B): another archive, a workstation.

DICOM has no way to take back what was sent, and no archive has to give back what it holds. What can be known afterwards
is asked for: storage commitment, where it is configured; C-FIND and C-GET, where they are offered.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from pynetdicom import build_context
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from sendit.destination_settings import DicomModalitySettings
from sendit.destinations.base import NOT_THERE, Destination, Progress, open_parcel
from sendit.destinations.dicom_modality_association import MOST_CONTEXTS, Associations, Line
from sendit.destinations.dicom_modality_commitment import request_commitment
from sendit.destinations.dicom_modality_file import CannotConvert, by_path, converted
from sendit.destinations.dicom_modality_query import Questions, storage_contexts
from sendit.destinations.in_threads import in_threads
from sendit.errors import Misconfigured, Retry
from sendit.model import Consignment, Discrepancy, Parcel, Receipt
from sendit.orthanc_config import OrthancConfig

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
        """Reachable, knows us, answers C-ECHO, and will be able to say what it holds."""
        line = self._line()
        with line.open([build_context(Verification)]) as association:
            status = line.answered(association, association.send_c_echo())
            if status != 0:
                raise Retry(f"the modality {self._modality.name} answered C-ECHO with status {status:04X}")
        with self._questions(line, set()) as questions:
            self._can_be_verified(questions)

    def deliver(self, consignment: Consignment, progress: Progress) -> int:
        """See `Destination`. Where the modality answers C-FIND, it is asked first what it holds."""
        line = self._line()
        count = 0
        for kinds in _groups(consignment.parcels):
            parcels = (parcel for parcel in consignment.parcels if _kind(parcel.receipt) in kinds)
            contexts = storage_contexts(kinds)
            with self._questions(line, kinds) as questions, Associations(line, lambda c=contexts: c) as storage:  # type: ignore[misc]
                shipment = _Shipment(line, storage, questions)
                for _ in in_threads(shipment.send, parcels, self._settings.concurrency):
                    count += 1
                    progress(count)
        return count

    def verify(self, consignment: Consignment) -> list[Discrepancy]:
        """See `Destination`. Storage commitment if configured, C-FIND and C-GET if offered.

        Raises:
            Misconfigured: the modality offers nothing of these, and AcknowledgementIsEnough is not set.
        """
        line = self._line()
        problems: dict[str, str] = {}
        if self._settings.storage_commitment and consignment.parcels:
            problems = request_commitment(line, self._settings, consignment)
        for kinds in _groups(consignment.parcels):
            with self._questions(line, kinds) as questions:
                if not self._can_be_verified(questions):
                    continue
                parcels = (parcel for parcel in consignment.parcels if _kind(parcel.receipt) in kinds)
                inspected = in_threads(lambda p, q=questions: (p, q.compare(p)), parcels, self._settings.concurrency)  # type: ignore[misc]
                problems |= {parcel.receipt.sop_instance_uid: found for parcel, found in inspected if found}
        uids = [parcel.receipt.sop_instance_uid for parcel in consignment.parcels]
        return [Discrepancy(uid, problems[uid]) for uid in uids if uid in problems]

    def recall(self, consignment: Consignment) -> list[Discrepancy]:
        """See `Destination`. There is no way: whoever runs the modality has to delete them."""
        problem = f"DICOM has no way to delete at a modality; delete it at {self._modality.name} by hand"
        return [Discrepancy(parcel.receipt.sop_instance_uid, problem) for parcel in consignment.parcels]

    def _line(self) -> Line:
        return Line(self._modality, self._orthanc)

    def _questions(self, line: Line, kinds: _Kinds) -> Questions:
        return Questions(line, kinds, ask=not self._settings.acknowledgement_is_enough)

    def _can_be_verified(self, questions: Questions) -> bool:
        """By queries. Otherwise storage commitment or the operator's word has to do."""
        if questions.answers_find():
            return True
        if self._settings.storage_commitment or self._settings.acknowledgement_is_enough:
            return False
        raise Misconfigured(
            f"SendIt.Destinations.{self.name}",
            "the modality answers no C-FIND, so that nobody can see whether it holds what was sent",
            "Allow SendIt to query there; or set StorageCommitment, or AcknowledgementIsEnough, to true.",
        )


class _Shipment:
    """Some instances of one consignment on their way. All methods may be called from several threads."""

    def __init__(self, line: Line, storage: Associations, questions: Questions) -> None:
        self._line, self._storage, self._questions = line, storage, questions

    def send(self, parcel: Parcel) -> None:
        """Return when the modality has acknowledged the parcel, or holds it already."""
        with open_parcel(parcel) as file, by_path(file) as path:
            if self._questions.answers_find() and self._is_there(parcel):
                return
            association = self._storage.mine()
            accepted = _accepted(association, parcel.receipt.sop_class_uid)
            if parcel.receipt.transfer_syntax_uid in accepted:
                self._store(association, parcel.receipt, path)
                return
            other = self._converted(parcel.receipt, path, accepted)
            with other, by_path(other) as other_path:
                self._store(association, parcel.receipt, other_path)

    def _is_there(self, parcel: Parcel) -> bool:
        problem = self._questions.compare(parcel)
        if problem is None or problem == NOT_THERE:
            return problem is None
        uid = parcel.receipt.sop_instance_uid
        raise Misconfigured(
            self._line.place,
            f"the modality holds another content under the coded UID {uid}: {problem}",
            "Nothing there was overwritten. Find out whose it is; remove it there, then retry.",
        )

    def _converted(self, receipt: Receipt, path: Path, accepted: set[str]) -> BytesIO:
        place, uid = self._line.place, receipt.sop_instance_uid
        if not accepted:
            problem = f"the modality does not take SOP class {receipt.sop_class_uid} (coded UID {uid})"
            raise Misconfigured(place, problem, "Have it allowed there, or leave such instances out.")
        what = f"the modality does not take transfer syntax {receipt.transfer_syntax_uid} (coded UID {uid})"
        cure = "Have the transfer syntax allowed there."
        if not self._line.modality.transcode:
            raise Misconfigured(place, f"{what}, and AllowTranscoding is false", cure)
        try:
            return converted(path, receipt.output_size, accepted)
        except CannotConvert as error:
            raise Misconfigured(place, f"{what}, and {error}", cure) from None

    def _store(self, association: Association, receipt: Receipt, path: Path) -> None:
        """One C-STORE; its status is read (PS3.4 Table B.2-1)."""
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
            _log.warning("the modality %s says that it holds %s already", name, uid)
        elif status != 0:
            problem = f"the modality refuses the instance (coded UID {uid}, status {status:04X})"
            raise Misconfigured(self._line.place, problem, "See the modality's log for the reason.")


def _kind(receipt: Receipt) -> tuple[str, str]:
    return receipt.sop_class_uid, receipt.transfer_syntax_uid


def _groups(parcels: Sequence[Parcel]) -> Iterator[_Kinds]:
    """The kinds of instances, in groups for one association: up to two contexts for each, and those of queries."""
    kinds = sorted({_kind(parcel.receipt) for parcel in parcels})
    most = MOST_CONTEXTS // 2 - 2
    for start in range(0, len(kinds), most):
        yield set(kinds[start : start + most])


def _accepted(association: Association, sop_class: str) -> set[str]:
    """The transfer syntaxes in which the modality takes this SOP class."""
    return {
        str(context.transfer_syntax[0])
        for context in association.accepted_contexts
        if context.abstract_syntax == sop_class and context.as_scu is not False
    }

"""Delivery to a DICOMweb service by STOW-RS, read back by WADO-RS, recalled by DELETE where the service has it.

One instance for each request: every instance has its own answer, and the next attempt sends what has none.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sendit.destinations.base import NOT_THERE, Destination, Progress, is_held, open_staged
from sendit.destinations.compare import CannotCompare, difference_between
from sendit.destinations.dicomweb.client import DicomWebClient
from sendit.destinations.dicomweb.multipart import Upload, only_part
from sendit.destinations.threads import AskedOnce, in_threads
from sendit.errors import Misconfigured, Retry
from sendit.model import Discrepancy, Receipt, Shipment, StagedInstance

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from sendit.config.orthanc import OrthancConfig
    from sendit.destinations.dicomweb.settings import DicomWebSettings

_log = logging.getLogger(__name__)


_FAILED, _FAILURE_REASON = "00081198", "00081197"
_REFERENCED, _WARNING_REASON = "00081199", "00081196"
_DUPLICATE = 0x0111
#: FailureReason (PS3.18 Table 10.5.3-1, PS3.4 Table B.2-1) of what may heal: processing failure, out of resources.
_HEALING = {0x0110, *range(0xA700, 0xA800)}


class DicomWebDestination(Destination):
    """A service that speaks DICOMweb (PS3.18). Uploads run in `Concurrency` threads."""

    def __init__(self, name: str, settings: DicomWebSettings, orthanc: OrthancConfig) -> None:
        self.name = name
        self._settings = settings
        self._orthanc = orthanc

    def check(self) -> None:
        """Check that the service is reachable, speaks DICOMweb and lets us search.

        Only a delivery can tell if we may store.
        """
        with self._connect() as service:
            service.search_any()

    def deliver(self, shipment: Shipment, progress: Progress) -> int:
        """See `Destination`. The service is asked once per study, and per instance only where it knows the study."""
        count = 0
        with self._connect() as service:
            delivery = _Delivery(service)
            for count, _ in enumerate(
                in_threads(delivery.send, shipment.staged_instances, self._settings.concurrency), 1
            ):
                progress(count)
        return count

    def verify(self, shipment: Shipment) -> list[Discrepancy]:
        """See `Destination`. Each instance is retrieved: its SHA-256; where that differs, data set and pixels."""
        with self._connect() as service:
            numbered = enumerate(shipment.staged_instances)
            problems = dict(in_threads(_Delivery(service).inspect, numbered, self._settings.concurrency))
        return [discrepancy for _, discrepancy in sorted(problems.items()) if discrepancy is not None]

    def recall(self, shipment: Shipment) -> list[Discrepancy]:
        """See `Destination`. DELETE is not of the standard: Google Healthcare and some archives have it."""
        with self._connect() as service:
            numbered = enumerate(shipment.staged_instances)
            problems = dict(in_threads(_Delivery(service).remove, numbered, self._settings.concurrency))
        return [discrepancy for _, discrepancy in sorted(problems.items()) if discrepancy is not None]

    def _connect(self) -> DicomWebClient:
        return DicomWebClient(self.name, self._settings, self._orthanc)


class _Delivery:
    """One shipment at one service. All methods may be called from several threads."""

    def __init__(self, service: DicomWebClient) -> None:
        self._service = service
        self._known_studies = AskedOnce[str, bool]()  # was it there before this delivery began?
        self._comparing = threading.Lock()  # two whole files in memory, and their pixels: one pair at a time

    def send(self, staged: StagedInstance) -> None:
        """Send the staged instance, unless the service holds it already."""
        receipt = staged.receipt
        with open_staged(staged) as file:
            if self._knows_study(receipt) and self._is_there(staged):
                return
            answer = self._service.post("/studies", Upload(file, receipt.output_size))
        reason = self._failure(answer, receipt)
        # Some services call it a failure that they hold the instance already, each with a reason of its own.
        if reason is not None and not self._is_there(staged):
            raise self._not_stored(reason, receipt)

    def inspect(self, numbered: tuple[int, StagedInstance]) -> tuple[int, Discrepancy | None]:
        """Return the instance's index in the shipment, and the problem with it at the service, if any."""
        number, staged = numbered
        problem = self._compare(staged)
        return number, Discrepancy(staged.receipt.sop_instance_uid, problem) if problem else None

    def remove(self, numbered: tuple[int, StagedInstance]) -> tuple[int, Discrepancy | None]:
        """Delete it; what is wrong is that it is still there."""
        number, receipt = numbered[0], numbered[1].receipt
        uids = (receipt.study_instance_uid, receipt.series_instance_uid, receipt.sop_instance_uid)
        if self._service.delete_instance(*uids) or not self._service.search(*uids):
            return number, None
        problem = "the service cannot delete it (DELETE is refused); remove it there by hand"
        return number, Discrepancy(receipt.sop_instance_uid, problem)

    def _knows_study(self, receipt: Receipt) -> bool:
        study = receipt.study_instance_uid
        return self._known_studies.answer(study, lambda: self._service.search(study))

    def _is_there(self, staged: StagedInstance) -> bool:
        return is_held(self._compare(staged), self._service.place, "service", staged.receipt.sop_instance_uid)

    def _compare(self, staged: StagedInstance) -> str | None:
        """Return None if the service has it as the receipt says; otherwise `NOT_THERE` or the problem."""
        one = staged.receipt
        route = f"/studies/{one.study_instance_uid}/series/{one.series_instance_uid}/instances/{one.sop_instance_uid}"
        digest, size = self._read(route)
        if size < 0:
            return NOT_THERE
        if digest == one.output_sha256:
            return None
        if not staged.path.exists():
            return "its bytes differ from what was sent, which is no longer kept, so the contents cannot be compared"
        try:
            return self._compare_contents(staged, route)
        except CannotCompare as error:
            return (
                f"it cannot be compared: the service has transcoded it, and {error}; set it to keep the transfer syntax"
            )

    def _compare_contents(self, staged: StagedInstance, route: str) -> str | None:
        """Read once more: a service whose bytes differ is the exception."""
        with self._comparing, tempfile.NamedTemporaryFile(prefix="sendit-") as theirs:
            if self._read(route, theirs)[1] < 0:
                return NOT_THERE
            theirs.flush()
            with open_staged(staged):  # nothing else is compared with than what the receipt describes
                return difference_between(staged.path, Path(theirs.name))

    def _read(self, route: str, into: IO[bytes] | None = None) -> tuple[str, int]:
        """Return SHA-256 and size (bytes) of the service's copy; size -1 if there is none."""
        digest, size = hashlib.sha256(), 0
        with self._service.get_instance(route) as answer:
            if answer is None:
                return "", -1
            for piece in only_part(answer):
                digest.update(piece)
                size += len(piece)
                if into is not None:
                    into.write(piece)
        return digest.hexdigest(), size

    def _failure(self, answer: requests.Response, receipt: Receipt) -> int | None:
        """Return the reason of the failure that the answer tells (PS3.18 Section 10.5.3), or None if it was stored."""
        try:
            body = answer.json() if answer.content else {}
            failed, stored = _items(body, _FAILED), _items(body, _REFERENCED)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Retry(f"the DICOMweb service {self._service.name} did not answer an upload with DICOM JSON") from None
        if failed or answer.status_code == 409:
            return next((_number(item, _FAILURE_REASON) for item in failed), 0)
        for item in stored:
            if _number(item, _WARNING_REASON):
                warning = _number(item, _WARNING_REASON)
                _log.warning("the service stored %s with the warning %04X", receipt.sop_instance_uid, warning)
        return None

    def _not_stored(self, reason: int, receipt: Receipt) -> Misconfigured | Retry:
        name = f"the DICOMweb service {self._service.name}"
        if reason in _HEALING:
            return Retry(f"{name} could not store an instance at the moment (reason {reason:04X})")
        if reason == _DUPLICATE:
            return Retry(f"{name} reported an instance as present, and then did not have it")
        problem = f"{name} refuses the instance (coded UID {receipt.sop_instance_uid}, reason {reason:04X})"
        return Misconfigured(self._service.place, problem, "See the service's log, and which SOP classes it takes.")


def _items(dataset: Mapping[str, Any], tag: str) -> list[Mapping[str, Any]]:
    """Return the items of a sequence in the DICOM JSON model (PS3.18 Annex F)."""
    items = dataset.get(tag, {}).get("Value", [])
    return [dict(item) for item in items]


def _number(item: Mapping[str, Any], tag: str) -> int:
    values = item.get(tag, {}).get("Value", [0])
    return int(values[0])

"""Delivery to a DICOMweb service by STOW-RS, read back by WADO-RS, recalled by DELETE where the service has it.

One instance for each request: every instance has its own answer, and the next attempt sends what has none.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any

import requests

from sendit.destination_settings import DicomWebSettings
from sendit.destinations.base import NOT_THERE, Destination, Progress, open_parcel
from sendit.destinations.dicom_web_http import Service
from sendit.destinations.dicom_web_multipart import Upload, only_part
from sendit.destinations.in_threads import in_threads
from sendit.destinations.same_dataset import CannotCompare, difference_between
from sendit.errors import Misconfigured, Retry
from sendit.model import Consignment, Discrepancy, Parcel, Receipt
from sendit.orthanc_config import OrthancConfig

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
        """Reachable, a DICOMweb service, and lets us search. Whether it lets us store, only a delivery can tell."""
        with self._connect() as service:
            service.search_any()

    def deliver(self, consignment: Consignment, progress: Progress) -> int:
        """See `Destination`. The service is asked once per study, and per instance only where it knows the study."""
        count = 0
        with self._connect() as service:
            shipment = _Shipment(service)
            for count, _ in enumerate(in_threads(shipment.send, consignment.parcels, self._settings.concurrency), 1):
                progress(count)
        return count

    def verify(self, consignment: Consignment) -> list[Discrepancy]:
        """See `Destination`. Each instance is retrieved: its SHA-256; where that differs, data set and pixels."""
        with self._connect() as service:
            numbered = enumerate(consignment.parcels)
            problems = dict(in_threads(_Shipment(service).inspect, numbered, self._settings.concurrency))
        return [found for _, found in sorted(problems.items()) if found is not None]

    def recall(self, consignment: Consignment) -> list[Discrepancy]:
        """See `Destination`. DELETE is not of the standard: Google Healthcare and some archives have it."""
        with self._connect() as service:
            numbered = enumerate(consignment.parcels)
            problems = dict(in_threads(_Shipment(service).remove, numbered, self._settings.concurrency))
        return [found for _, found in sorted(problems.items()) if found is not None]

    def _connect(self) -> Service:
        return Service(self.name, self._settings, self._orthanc)


class _Shipment:
    """One consignment at one service. All methods may be called from several threads."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._known_studies: dict[str, Future[bool]] = {}  # was it there before this shipment began?
        self._lock = threading.Lock()
        self._comparing = threading.Lock()  # two whole files in memory, and their pixels: one pair at a time

    def send(self, parcel: Parcel) -> None:
        """Return when the service holds the parcel, sent now or before."""
        receipt = parcel.receipt
        with open_parcel(parcel) as file:
            if self._knows_study(receipt) and self._is_there(parcel):
                return
            answer = self._service.post("/studies", Upload(file, receipt.output_size))
        reason = self._failure(answer, receipt)
        # Some services call it a failure that they hold the instance already, each with a reason of its own.
        if reason is not None and not self._is_there(parcel):
            raise self._not_stored(reason, receipt)

    def inspect(self, numbered: tuple[int, Parcel]) -> tuple[int, Discrepancy | None]:
        """What is wrong with this parcel at the service, with its place in the consignment."""
        number, parcel = numbered
        problem = self._compare(parcel)
        return number, Discrepancy(parcel.receipt.sop_instance_uid, problem) if problem else None

    def remove(self, numbered: tuple[int, Parcel]) -> tuple[int, Discrepancy | None]:
        """Delete it; what is wrong is that it is still there."""
        number, receipt = numbered[0], numbered[1].receipt
        uids = (receipt.study_instance_uid, receipt.series_instance_uid, receipt.sop_instance_uid)
        if self._service.delete_instance(*uids) or not self._service.search(*uids):
            return number, None
        problem = "the service has no way to delete it (DELETE is refused); remove it there by hand"
        return number, Discrepancy(receipt.sop_instance_uid, problem)

    def _knows_study(self, receipt: Receipt) -> bool:
        """Asked once per study, by the thread that needs it first; the others wait for its answer or its error."""
        study = receipt.study_instance_uid
        with self._lock:
            first = study not in self._known_studies
            known = self._known_studies.setdefault(study, Future())
        if first:
            try:
                known.set_result(self._service.search(study))
            except BaseException as error:
                known.set_exception(error)
                raise
        return known.result()

    def _is_there(self, parcel: Parcel) -> bool:
        problem = self._compare(parcel)
        if problem is None or problem == NOT_THERE:
            return problem is None
        uid = parcel.receipt.sop_instance_uid
        raise Misconfigured(
            self._service.place,
            f"the service holds another content under the coded UID {uid}: {problem}",
            "Nothing there was overwritten. Find out whose it is; remove it there, then retry.",
        )

    def _compare(self, parcel: Parcel) -> str | None:
        """None if the service holds it as the receipt says; otherwise `NOT_THERE` or what is wrong."""
        one = parcel.receipt
        route = f"/studies/{one.study_instance_uid}/series/{one.series_instance_uid}/instances/{one.sop_instance_uid}"
        digest, size = self._read(route)
        if size < 0:
            return NOT_THERE
        if digest == one.output_sha256:
            return None
        if not parcel.path.exists():
            return "other bytes than were sent; what was sent is no longer kept, so the contents cannot be compared"
        try:
            return self._compare_contents(parcel, route)
        except CannotCompare as error:
            return f"it cannot be compared: the service has transcoded it, and {error}; have it keep what it is sent"

    def _compare_contents(self, parcel: Parcel, route: str) -> str | None:
        """Read once more: a service whose bytes differ is the exception."""
        with self._comparing, tempfile.NamedTemporaryFile(prefix="sendit-") as theirs:
            if self._read(route, theirs)[1] < 0:
                return NOT_THERE
            theirs.flush()
            with open_parcel(parcel):  # nothing else is compared with than what the receipt describes
                return difference_between(parcel.path, Path(theirs.name))

    def _read(self, route: str, into: IO[bytes] | None = None) -> tuple[str, int]:
        """SHA-256 and size (bytes) of what the service holds; size -1 where it holds nothing."""
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
        """The reason of the failure that the answer tells (PS3.18 Section 10.5.3), or None if it was stored."""
        try:
            said = answer.json() if answer.content else {}
            failed, stored = _items(said, _FAILED), _items(said, _REFERENCED)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Retry(f"the DICOMweb service {self._service.name} answered an upload with no DICOM JSON") from None
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
            return Retry(f"{name} said that it holds an instance, and then did not")
        problem = f"{name} refuses the instance (coded UID {receipt.sop_instance_uid}, reason {reason:04X})"
        return Misconfigured(self._service.place, problem, "See the service's log, and which SOP classes it takes.")


def _items(said: Mapping[str, Any], tag: str) -> list[Mapping[str, Any]]:
    """The items of a sequence in the DICOM JSON model (PS3.18 Annex F)."""
    items = said.get(tag, {}).get("Value", [])
    return [dict(item) for item in items]


def _number(item: Mapping[str, Any], tag: str) -> int:
    values = item.get(tag, {}).get("Value", [0])
    return int(values[0])

"""Delivery to another Orthanc, named in "OrthancPeers", over its REST API.

Not through POST /peers/{id}/store of our own Orthanc: that ignores what the peer answers, and starts from the
beginning after a failure. Here each answer is read, and what the peer already holds is not sent again.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from concurrent.futures import Future

from sendit.destination_settings import OrthancPeerSettings
from sendit.destinations.base import NOT_THERE, Destination, Progress, read_parcel
from sendit.destinations.in_threads import in_threads
from sendit.destinations.orthanc_peer_http import PeerConnections
from sendit.destinations.same_dataset import CannotCompare, difference
from sendit.errors import Misconfigured, Retry
from sendit.model import Consignment, Discrepancy, Parcel, Receipt
from sendit.orthanc_config import OrthancConfig

_log = logging.getLogger(__name__)

_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"


class OrthancPeerDestination(Destination):
    """An Orthanc that takes instances over HTTP. Uploads run in `Concurrency` threads."""

    def __init__(self, name: str, settings: OrthancPeerSettings, orthanc: OrthancConfig) -> None:
        self.name = name
        self._peer = orthanc.peers[settings.peer]
        self._orthanc = orthanc
        self._threads = settings.concurrency

    def check(self) -> None:
        """Reachable, an Orthanc, lets us in and lets us read. Whether it lets us store, only a delivery can tell."""
        place = f"OrthancPeers.{self._peer.name}"
        with self._connect() as peer:
            answer = peer.get("/system")
            try:
                system = answer.json() if answer is not None else None
            except ValueError:
                system = None
            if not isinstance(system, dict) or "ApiVersion" not in system:
                raise Misconfigured(place, "what answers at this URL is not an Orthanc", "Check the URL and its path.")
            if system.get("ReadOnly"):
                raise Misconfigured(place, "the peer is a read-only Orthanc", "Set its ReadOnly to false.")
            peer.get(f"/instances/{orthanc_id('', '', '', '')}/attachments/dicom/md5")
            _log.info("the peer %s is Orthanc %s", self._peer.name, system.get("Version"))

    def deliver(self, consignment: Consignment, progress: Progress) -> int:
        """See `Destination`. The peer is asked once per study, and per instance only where it knows the study."""
        count = 0
        with self._connect() as peer:
            shipment = _Shipment(peer)
            for count, _ in enumerate(in_threads(shipment.send, consignment.parcels, self._threads), 1):
                progress(count)
        return count

    def verify(self, consignment: Consignment) -> list[Discrepancy]:
        """See `Destination`. MD5 of the stored file first; where that differs, data set and pixels."""
        with self._connect() as peer:
            shipment = _Shipment(peer)
            problems = dict(in_threads(shipment.inspect, enumerate(consignment.parcels), self._threads))
        return [found for _, found in sorted(problems.items()) if found is not None]

    def recall(self, consignment: Consignment) -> list[Discrepancy]:
        """See `Destination`. An Orthanc deletes at once, and says so."""
        with self._connect() as peer:
            for _ in in_threads(_Shipment(peer).remove, consignment.parcels, self._threads):
                pass
        return []

    def _connect(self) -> PeerConnections:
        return PeerConnections(self._peer, self._orthanc)


def orthanc_id(*identifiers: str) -> str:
    """Orthanc's name for PatientID [, StudyInstanceUID [, SeriesInstanceUID [, SOPInstanceUID]]].

    The SHA-1 of the values, joined by "|", in five groups of eight hexadecimal digits.
    """
    digest = hashlib.sha1("|".join(value.strip() for value in identifiers).encode(), usedforsecurity=False).hexdigest()
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))


class _Shipment:
    """One consignment at one peer. All methods may be called from several threads."""

    def __init__(self, peer: PeerConnections) -> None:
        self._peer = peer
        self._known_studies: dict[str, Future[bool]] = {}  # was it there before this shipment began?
        self._lock = threading.Lock()

    def send(self, parcel: Parcel) -> None:
        """Return when the peer holds the parcel, sent now or before."""
        data = read_parcel(parcel)
        if self._knows_study(parcel.receipt):
            problem = self._compare(parcel.receipt, data)
            if problem is None:
                return
            if problem != NOT_THERE:
                raise self._other_content(parcel.receipt, problem)
        if self._upload(parcel.receipt, data) == "AlreadyStored":
            problem = self._compare(parcel.receipt, data)
            if problem == NOT_THERE:
                raise Retry(f"the peer {self._peer.peer.name} said that it holds an instance, and then did not")
            if problem is not None:
                raise self._other_content(parcel.receipt, problem)

    def inspect(self, numbered: tuple[int, Parcel]) -> tuple[int, Discrepancy | None]:
        """What is wrong with this parcel at the peer, with its place in the consignment."""
        number, parcel = numbered
        problem = self._compare(parcel.receipt, parcel)
        return number, Discrepancy(parcel.receipt.sop_instance_uid, problem) if problem else None

    def remove(self, parcel: Parcel) -> None:
        """Return when the peer does not hold it."""
        self._peer.delete(f"/instances/{_instance_id(parcel.receipt)}")

    def _knows_study(self, receipt: Receipt) -> bool:
        """Asked once per study, by the thread that needs it first; the others wait for its answer or its error."""
        study = orthanc_id(receipt.patient_id, receipt.study_instance_uid)
        with self._lock:
            first = study not in self._known_studies
            known = self._known_studies.setdefault(study, Future())
        if first:
            try:
                known.set_result(self._peer.get(f"/studies/{study}") is not None)
            except BaseException as error:
                known.set_exception(error)
                raise
        return known.result()

    def _compare(self, receipt: Receipt, ours: bytes | Parcel) -> str | None:
        """None if the peer holds it as the receipt says; otherwise `NOT_THERE` or what is wrong."""
        instance = f"/instances/{_instance_id(receipt)}"
        md5 = self._peer.get(f"{instance}/attachments/dicom/md5")
        if md5 is not None and md5.text.strip() == receipt.output_md5:
            return None
        # Other bytes, or none; or the peer keeps no digests (its StoreMD5ForAttachments).
        theirs = self._peer.get(f"{instance}/file")
        if theirs is None:
            return NOT_THERE
        if hashlib.md5(theirs.content, usedforsecurity=False).hexdigest() == receipt.output_md5:
            return None
        if isinstance(ours, Parcel) and not ours.path.exists():
            return "other bytes than were sent; what was sent is no longer kept, so the contents cannot be compared"
        data = read_parcel(ours) if isinstance(ours, Parcel) else ours
        try:
            return difference(data, theirs.content)
        except CannotCompare:
            return "it cannot be compared: the peer has transcoded it, and its pixels cannot be decoded here"

    def _upload(self, receipt: Receipt, data: bytes) -> str:
        """POST one instance; "Success" or "AlreadyStored"."""
        peer = self._peer.peer.name
        answer = self._peer.post("/instances", data, "application/dicom")
        try:
            said = answer.json()
            status, instance = said["Status"], said["ID"]
        except (ValueError, TypeError, KeyError):
            raise Retry(f"the peer {peer} answered an upload with something that is not Orthanc's") from None
        place = f"OrthancPeers.{peer}"
        if status == "StorageFull":
            raise Retry(f"the storage of the peer {peer} is full")
        if status == "FilteredOut":
            problem = f"the peer filtered the instance out and did not store it (coded UID {receipt.sop_instance_uid})"
            raise Misconfigured(
                place, problem, "Change the filter there (ReceivedInstanceFilter), or leave such instances out."
            )
        if status not in ("Success", "AlreadyStored"):
            problem = f"the peer did not store the instance (coded UID {receipt.sop_instance_uid}): {str(status)[:40]}"
            raise Misconfigured(place, problem, "See the peer's log for the reason.")
        if instance != _instance_id(receipt):
            problem = f"the peer stored it under other identifiers (coded UID {receipt.sop_instance_uid})"
            raise Misconfigured(place, problem, "See which script or lossy IngestTranscoding there changes it.")
        return str(status)

    def _other_content(self, receipt: Receipt, problem: str) -> Misconfigured:
        return Misconfigured(
            f"OrthancPeers.{self._peer.peer.name}",
            f"the peer holds another content under the coded UID {receipt.sop_instance_uid}: {problem}",
            "Nothing there was overwritten. Find out whose it is; remove it there, then retry.",
        )


def _instance_id(receipt: Receipt) -> str:
    return orthanc_id(
        receipt.patient_id, receipt.study_instance_uid, receipt.series_instance_uid, receipt.sop_instance_uid
    )

"""Delivery to another Orthanc, named in "OrthancPeers", over its REST API.

Not through POST /peers/{id}/store of our own Orthanc: that ignores what the peer answers, and starts from the
beginning after a failure. Here each answer is read, what the peer already holds is not sent again, and small instances
travel together.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sendit.destinations.base import Destination, Progress
from sendit.destinations.orthanc_peer.client import PeerConnections
from sendit.destinations.orthanc_peer.delivery import PeerDelivery, groups, orthanc_id
from sendit.destinations.passports import PASSPORT_FORMAT, PassportHolder, check_replaceable, is_ours
from sendit.destinations.threads import in_threads
from sendit.errors import Misconfigured, Retry

if TYPE_CHECKING:
    import requests

    from sendit.config.orthanc import OrthancConfig
    from sendit.destinations.orthanc_peer.settings import OrthancPeerSettings
    from sendit.model import Discrepancy, Shipment


log = logging.getLogger(__name__)

_LAST_NUMBER = 65535


class OrthancPeerDestination(Destination, PassportHolder):
    """An Orthanc that takes instances over HTTP. Uploads run in `Concurrency` threads."""

    def __init__(self, name: str, settings: OrthancPeerSettings, orthanc: OrthancConfig) -> None:
        self.name = name
        self._peer = orthanc.peers[settings.peer]
        self._orthanc = orthanc
        self._threads = settings.concurrency
        self._attachment = settings.passport_attachment
        self._version: object = None  # of the peer's Orthanc, as it was logged last

    def check(self) -> None:
        """Check that the peer is a reachable Orthanc that lets us read. Only a delivery can tell if we may store."""
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
            if self._version != (version := system.get("Version")):  # it is checked every few seconds by an open page
                self._version = version
                log.info("the peer %s is Orthanc %s", self._peer.name, version)

    def deliver(self, shipment: Shipment, progress: Progress) -> int:
        """See `Destination`. The peer is asked for its study and its series, and compared only in what it holds."""
        count = 0
        with self._connect() as peer:
            for sent in in_threads(PeerDelivery(peer).send, groups(shipment.staged_instances), self._threads):
                for _ in range(sent):
                    count += 1
                    progress(count)
        return count

    def verify(self, shipment: Shipment) -> list[Discrepancy]:
        """See `Destination`. MD5 of the stored file first; where that differs, data set and pixels."""
        with self._connect() as peer:
            delivery = PeerDelivery(peer)
            problems = dict(in_threads(delivery.inspect, enumerate(shipment.staged_instances), self._threads))
        return [discrepancy for _, discrepancy in sorted(problems.items()) if discrepancy is not None]

    def recall(self, shipment: Shipment) -> list[Discrepancy]:
        """See `Destination`. An Orthanc deletes at once, and says so."""
        with self._connect() as peer:
            for _ in in_threads(PeerDelivery(peer).remove, shipment.staged_instances, self._threads):
                pass
        return []

    def put_passport(self, shipment: Shipment, content: bytes) -> None:
        """See `PassportHolder`. It is an attachment of the study."""
        with self._connect() as peer:
            _PeerPassport(peer, shipment, self._attachment).put(content)

    def read_passport(self, shipment: Shipment) -> bytes | None:
        """See `PassportHolder`."""
        with self._connect() as peer:
            return _PeerPassport(peer, shipment, self._attachment).read()

    def remove_passport(self, shipment: Shipment) -> str | None:
        """See `PassportHolder`."""
        with self._connect() as peer:
            _PeerPassport(peer, shipment, self._attachment).remove()
        return None

    def _connect(self) -> PeerConnections:
        return PeerConnections(self._peer, self._orthanc)


class _PeerPassport:
    """The place of one passport.

    Args:
        peer: open connections.
        shipment: whose passport it is.
        first: number of the attachment for the first part of a study; each further part has the next one.
    """

    def __init__(self, peer: PeerConnections, shipment: Shipment, first: int) -> None:
        receipt = shipment.staged_instances[0].receipt
        number = min(first + shipment.part - 1, _LAST_NUMBER)
        self._peer = peer
        self._study = receipt.study_instance_uid
        self._route = f"/studies/{orthanc_id(receipt.patient_id, self._study)}/attachments/{number}"
        self._place = f"OrthancPeers.{peer.peer.name}"

    def put(self, content: bytes) -> None:
        """See `PassportHolder.put_passport`."""
        existing = self._get()
        if existing is not None and existing.content == content:
            return
        if existing is not None:
            check_replaceable(existing.content, PASSPORT_FORMAT, self._study, self._place)
        answer = self._peer.put(self._route, content, existing.headers.get("ETag", "") if existing is not None else "")
        if answer.status_code in (409, 412):
            raise Retry(f"the passport at the peer {self._peer.peer.name} was changed by another at the same moment")
        if answer.status_code == 404:
            raise Retry(f"the study of a passport disappeared from the peer {self._peer.peer.name}")
        if answer.status_code != 200:
            problem = f"the peer does not take a passport as an attachment of its study (status {answer.status_code})"
            remedy = "Allow this user PUT on /studies/{id}/attachments, or set Passport to false for this destination."
            raise Misconfigured(self._place, problem, remedy)

    def read(self) -> bytes | None:
        """See `PassportHolder.read_passport`."""
        answer = self._get()
        return None if answer is None else answer.content

    def remove(self) -> None:
        """See `PassportHolder.remove_passport`. Anything but a passport of this study stays."""
        existing = self._get()
        if existing is not None and is_ours(existing.content, PASSPORT_FORMAT, self._study):
            self._peer.delete(self._route, existing.headers.get("ETag", ""))

    def _get(self) -> requests.Response | None:
        return self._peer.get(f"{self._route}/data")

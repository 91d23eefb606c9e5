"""Delivery to another Orthanc, named in "OrthancPeers", over its REST API.

Not through POST /peers/{id}/store of our own Orthanc: that ignores what the peer answers, and starts from the
beginning after a failure. Here each answer is read, what the peer already holds is not sent again, and small instances
travel together.
"""

from __future__ import annotations

import logging

from sendit.destination_settings import OrthancPeerSettings
from sendit.destinations.base import Destination, Progress
from sendit.destinations.in_threads import in_threads
from sendit.destinations.orthanc_peer_groups import groups
from sendit.destinations.orthanc_peer_http import PeerConnections
from sendit.destinations.orthanc_peer_shipment import Shipment, orthanc_id
from sendit.errors import Misconfigured
from sendit.model import Consignment, Discrepancy
from sendit.orthanc_config import OrthancConfig

_log = logging.getLogger(__name__)


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
        """See `Destination`. The peer is asked for its study and its series, and compared only in what it holds."""
        count = 0
        with self._connect() as peer:
            for sent in in_threads(Shipment(peer).send, groups(consignment.parcels), self._threads):
                for _ in range(sent):
                    count += 1
                    progress(count)
        return count

    def verify(self, consignment: Consignment) -> list[Discrepancy]:
        """See `Destination`. MD5 of the stored file first; where that differs, data set and pixels."""
        with self._connect() as peer:
            shipment = Shipment(peer)
            problems = dict(in_threads(shipment.inspect, enumerate(consignment.parcels), self._threads))
        return [found for _, found in sorted(problems.items()) if found is not None]

    def recall(self, consignment: Consignment) -> list[Discrepancy]:
        """See `Destination`. An Orthanc deletes at once, and says so."""
        with self._connect() as peer:
            for _ in in_threads(Shipment(peer).remove, consignment.parcels, self._threads):
                pass
        return []

    def _connect(self) -> PeerConnections:
        return PeerConnections(self._peer, self._orthanc)

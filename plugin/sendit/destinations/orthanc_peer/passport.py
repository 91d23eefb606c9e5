"""The passport of a study at an Orthanc peer: a user-defined attachment of the study there, by its number.

Orthanc takes the numbers 1024 to 65535 without any configuration; names of them are a matter of its own
`UserContentType`. The attachment goes with the study when its last instance is removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendit.destinations.orthanc_peer.delivery import orthanc_id
from sendit.destinations.passports import PASSPORT_FORMAT, check_replaceable, is_ours
from sendit.errors import Misconfigured, Retry

if TYPE_CHECKING:
    import requests

    from sendit.destinations.orthanc_peer.client import PeerConnections
    from sendit.model import Shipment

_LAST_NUMBER = 65535


class PeerPassport:
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
        """See `PassportHolder.remove_passport`. What is not a passport of this study stays."""
        existing = self._get()
        if existing is not None and is_ours(existing.content, PASSPORT_FORMAT, self._study):
            self._peer.delete(self._route, existing.headers.get("ETag", ""))

    def _get(self) -> requests.Response | None:
        return self._peer.get(f"{self._route}/data")

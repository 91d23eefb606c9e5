"""The contract of a destination. Every destination passes the same suite (tests/destinations/)."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from sendit.errors import Quarantine, Retry
from sendit.model import Consignment, Discrepancy, Parcel

#: Called after each acknowledged instance with the number acknowledged so far.
Progress = Callable[[int], None]


def open_parcel(parcel: Parcel) -> bytes:
    """The bytes of a parcel, or no bytes at all: law 1 stands here and nowhere else.

    Raises:
        Quarantine: the receipt does not say "released", or the staged file is not what the receipt describes.
        Retry: the staged file is gone; the batch has to be processed again.
    """
    if not parcel.receipt.released:
        raise Quarantine("an instance without a receipt that says released was about to leave")
    data = _read(parcel.path)
    if hashlib.sha256(data).hexdigest() != parcel.receipt.output_sha256:
        raise Quarantine("a staged file is not what its receipt describes")
    return data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Retry("a staged file is gone; the batch has to be processed again") from None


class Destination(ABC):
    """Somewhere that released instances go.

    All methods may be called from any thread, and again after a kill at any instant. They raise `Retry` for what may
    heal by itself, `Misconfigured` for what a person has to change, and `Quarantine` out of `open_parcel`.
    """

    name: str

    @abstractmethod
    def check(self) -> None:
        """Return if the destination is reachable and lets us in; otherwise raise, saying what to mend."""

    @abstractmethod
    def deliver(self, consignment: Consignment, progress: Progress) -> int:
        """Send what the destination does not hold yet; the number of instances that it acknowledged or already held.

        Idempotent and resumable: what a former attempt delivered is not sent twice.
        """

    @abstractmethod
    def verify(self, consignment: Consignment) -> list[Discrepancy]:
        """Read back what arrived and compare it with the receipts; nothing in the list means that all is there."""

"""The contract of a destination, and the release check (`open_staged`), through which every file goes there.

Every destination passes the same suite (tests/destinations/). A file is given out no faster than `BytesPerSecond`.
"""

from __future__ import annotations

import hashlib
import io
import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from sendit.errors import Misconfigured, Quarantine, Retry

if TYPE_CHECKING:
    from sendit.model import Discrepancy, Shipment, StagedInstance

#: Called after each acknowledged instance with the number acknowledged so far. An error that it raises ends the
#: delivery: its delivery window has closed, or another attempt has taken over. Acknowledged instances stay so.
Progress = Callable[[int], None]

#: A `Discrepancy` of `verify` for what the destination does not hold at all.
NOT_THERE = "not there"

#: Files up to this size (bytes) are held in memory between the release check and the wire; larger ones are read twice.
_IN_MEMORY = 8 * 1024 * 1024
_PIECE = 1024 * 1024
_PACED = 64 * 1024
#: At most this much (seconds) of unused allowance is kept: after a pause, no flood.
_BURST_SECONDS = 1.0


@contextmanager
def open_staged(staged: StagedInstance) -> Iterator[BinaryIO]:
    """Open a staged instance's bytes as a seekable file. The only way to a destination (law 1).

    The whole of it is compared with the receipt before the first byte is given out. Memory is bounded: a large file is
    read twice, by one descriptor.

    Raises:
        Quarantine: the receipt does not say "released", or the staged file is not what the receipt describes.
        Retry: the staged file is gone; the batch has to be processed again.
    """
    if not staged.receipt.released:
        raise Quarantine("an instance whose receipt does not say released was about to leave")
    try:
        opened = staged.path.open("rb")
    except FileNotFoundError:
        raise Retry("a staged file is missing; the batch has to be processed again") from None
    with opened:
        file: BinaryIO = io.BytesIO(opened.read()) if staged.receipt.output_size <= _IN_MEMORY else opened
        if _sha256(file) != staged.receipt.output_sha256:
            raise Quarantine("a staged file does not match its receipt")
        file.seek(0)
        yield file if staged.pace is None else cast("BinaryIO", _Paced(file, staged.pace))


class Pace:
    """On average `bytes_per_second`, whoever asks. Safe to use from several threads.

    Args:
        clock: seconds that only go forward.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        bytes_per_second: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = bytes_per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._allowance = 0.0  # bytes; below zero: what was given out ahead of time
        self._seen = clock()

    def __call__(self, size: int) -> None:
        """Wait until `size` bytes may leave. Who comes first goes first; no one jumps the queue."""
        with self._lock:
            now = self._clock()
            earned = (now - self._seen) * self._rate
            self._allowance = min(self._allowance + earned, self._rate * _BURST_SECONDS) - size
            self._seen = now
            wait = -self._allowance / self._rate
        if wait > 0:
            self._sleep(wait)


class _Paced(io.BufferedIOBase):
    """A file that is read no faster than it may leave. It does not own the file below."""

    def __init__(self, file: BinaryIO, pace: Callable[[int], None]) -> None:
        self._file = file
        self._pace = pace

    def read(self, size: int | None = -1, /) -> bytes:
        pieces = []
        left = math.inf if size is None or size < 0 else size
        while left > 0 and (piece := self._file.read(int(min(left, _PACED)))):
            self._pace(len(piece))
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def read1(self, size: int = -1, /) -> bytes:
        return self.read(size if 0 <= size < _PACED else _PACED)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def read_staged(staged: StagedInstance) -> bytes:
    """Return the bytes of a small staged instance in one piece; checks as `open_staged`."""
    with open_staged(staged) as file:
        return file.read()


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def is_held(problem: str | None, place: str, holder: str, uid: str) -> bool:
    """Return whether a destination holds an instance already, by what was found wrong with what is there.

    Args:
        problem: None if nothing is wrong, `NOT_THERE`, or what is.
        place: of the destination in the configuration.
        holder: what the destination is, for the message.
        uid: the coded SOPInstanceUID.

    Raises:
        Misconfigured: it holds something else under this UID.
    """
    if problem is None or problem == NOT_THERE:
        return problem is None
    raise other_content(place, holder, uid, problem)


def other_content(place: str, holder: str, uid: str, problem: str) -> Misconfigured:
    """Return the error for a destination that holds something else under the UID of an instance."""
    return Misconfigured(
        place,
        f"the {holder} has different content under the coded UID {uid}: {problem}",
        "Nothing there was overwritten. Find out whose it is; remove it there, then retry.",
    )


class Destination(ABC):
    """Somewhere that released instances go.

    All methods may be called from any thread, and again after a kill at any instant. They raise `Retry` for what may
    pass by itself, `Misconfigured` for what a person has to change, and `Quarantine` out of `open_staged`.
    """

    name: str

    @abstractmethod
    def check(self) -> None:
        """Check that the destination is reachable and lets us in; raise an error with the remedy otherwise."""

    @abstractmethod
    def deliver(self, shipment: Shipment, progress: Progress) -> int:
        """Send what the destination does not hold yet; return how many instances it acknowledged or already held.

        Idempotent and resumable: what a former attempt delivered is not sent twice.
        """

    @abstractmethod
    def verify(self, shipment: Shipment) -> list[Discrepancy]:
        """Read back what arrived and compare it with the receipts; nothing in the list means that all is there.

        The staged files may be gone: then digests and what the destination itself knows are all there is to go by.
        """

    @abstractmethod
    def recall(self, shipment: Shipment) -> list[Discrepancy]:
        """Remove what arrived; what could not be removed, and why. Nothing in the list means that nothing is left.

        Idempotent: what is not there (any more) is removed. The staged files are gone; only receipts are read. A
        destination that has no way to remove what it was given says so for every instance.
        """

"""How fast bytes may leave: one token bucket for each destination, shared by all of its deliveries."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: At most this much (seconds) of unused allowance is kept: after a pause, no flood.
_BURST_SECONDS = 1.0


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
        """Return when `size` bytes may leave. Who comes first goes first; nobody is let through out of turn."""
        with self._lock:
            now = self._clock()
            earned = (now - self._seen) * self._rate
            self._allowance = min(self._allowance + earned, self._rate * _BURST_SECONDS) - size
            self._seen = now
            wait = -self._allowance / self._rate
        if wait > 0:
            self._sleep(wait)

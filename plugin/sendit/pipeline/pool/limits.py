"""Limits for one instance: decoders are written in C, and may hang on, or ask memory for, what they are given.

Both limits end in a quarantine: more memory than allowed raises MemoryError where it is asked for; a decoder that does
not come back ends its process, and whoever waits for it finds out.
"""

from __future__ import annotations

import contextlib
import mmap
import resource
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes that an instance may take beside what the process has already: two frames of the greatest size, and room.
MEMORY = 4 << 30
_SECONDS = 600
#: Of a large instance, so many bytes a second are expected at least.
_PACE = 1 << 20


@contextlib.contextmanager
def limited(size: int, seconds: int | None = None) -> Iterator[None]:
    """Limit memory and time while an instance of `size` bytes is worked on.

    To be called in the main thread of a process that may be ended. Signals end the process at once: Python's own
    handlers wait until C code comes back.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _data() + MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard < 0 else min(limit, hard), hard))
    before = signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm((_SECONDS if seconds is None else seconds) + size // _PACE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data() -> int:
    """Return the memory of this process that RLIMIT_DATA counts, and its stack, in bytes."""
    return int(Path("/proc/self/statm").read_bytes().split()[5]) * mmap.PAGESIZE

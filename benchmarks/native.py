"""What Orthanc's own anonymization of one instance costs, beside SendIt's engine with its leak check."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.orthanc import OrthancServer

if TYPE_CHECKING:
    from collections.abc import Callable

TIMES = 200
_AT_ONCE = 20


def beside_native(source: bytes, work: Callable[[], None]) -> tuple[float, float]:
    """Return seconds of CPU of `work`, and of Orthanc for POST /instances/…/anonymize of the same file.

    In turn, twenty of each; medians of the twenties.
    """
    ours, native = [], []
    with tempfile.TemporaryDirectory() as folder, OrthancServer(Path(folder)) as orthanc:
        url = f"{orthanc.url}/instances/{orthanc.upload(source)['ID']}/anonymize"
        for _ in range(TIMES // _AT_ONCE):
            before = time.process_time()
            for _ in range(_AT_ONCE):
                work()
            ours.append(time.process_time() - before)
            before = _cpu(orthanc.pid)
            for _ in range(_AT_ONCE):
                answer = orthanc.session.post(url, json={}, timeout=60)
                answer.raise_for_status()
            native.append(_cpu(orthanc.pid) - before)
    return statistics.median(ours) / _AT_ONCE, statistics.median(native) / _AT_ONCE


def _cpu(pid: int) -> float:
    """Return the seconds that all threads of a process have run."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text("ascii").split()[0]) for thread in threads) / 1e9

"""Free ports on loopback for the servers that tests start."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A TCP port that was free a moment ago. Orthanc cannot be told to choose one itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

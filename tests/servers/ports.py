"""Free ports on loopback for the servers that tests start."""

from __future__ import annotations

import os
import random
import socket

#: Below what the system gives to outgoing connections (32768 and above on Linux): none of those can take a port between
#: our looking and the server's binding. Each process of a parallel run has a range of its own.
_FIRST, _EACH = 11_000, 2_500
_PROCESSES = 8

_given: set[int] = set()


def free_port() -> int:
    """A TCP port that is free, and was not given out before. Orthanc cannot be told to choose one itself."""
    first = _FIRST + _process() * _EACH
    for port in random.SystemRandom().sample(range(first, first + _EACH), _EACH):
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise AssertionError("all ports of the tests are taken")


def _process() -> int:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return int(worker) % _PROCESSES


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

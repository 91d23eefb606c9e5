"""The command line and a worker whose socket it cannot use."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from sendit.client import Client
from sendit.errors import Misconfigured, Retry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NOBODY = 65534


@contextmanager
def as_another_user(path: Path) -> Iterator[None]:
    """Root may open everything, so it becomes somebody else; anybody else forbids it to themselves."""
    if os.geteuid() == 0:
        os.seteuid(_NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        path.chmod(0)
        yield


def test_a_socket_of_another_user(tmp_path: Path) -> None:
    """Whoever may not open it is told who may; the worker is not said to be down."""
    path = tmp_path / "sendit.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.chmod(0o600)
        server.listen()
        with as_another_user(path), pytest.raises(Misconfigured, match=r"may not open .* as Orthanc's user"):
            Client(path).call("GET", "/api/health")


def test_no_worker(tmp_path: Path) -> None:
    """No socket, or one that a killed worker left behind: is Orthanc running?"""
    with pytest.raises(Retry, match="is Orthanc running"):
        Client(tmp_path / "none").call("GET", "/api/health")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "left"))
    with pytest.raises(Retry, match="is Orthanc running"):
        Client(tmp_path / "left").call("GET", "/api/health")

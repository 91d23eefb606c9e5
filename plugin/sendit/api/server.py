"""Serves the API on a Unix socket that only our own user may open (0600)."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from sendit.errors import Misconfigured

#: Where the plugin registers us in Orthanc.
PREFIX = "/sendit"
SOCKET_FILE = "sendit.sock"
#: sun_path holds 108 bytes on Linux, the last of them zero.
_LONGEST = 107


def socket_path(data_directory: Path) -> Path:
    """Where the API listens. Misconfigured if the path is too long for a Unix socket."""
    path = data_directory / SOCKET_FILE
    if len(os.fsencode(path)) > _LONGEST:
        raise Misconfigured("SendIt.DataDirectory", "its path is too long for a Unix socket", "Choose a shorter one.")
    return path


class Server:
    """uvicorn in a thread of its own."""

    def __init__(self, app: FastAPI, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)  # a killed worker leaves its socket behind
        self._socket = socket.socket(socket.AF_UNIX)
        mask = os.umask(0o177)  # nobody else may open it, not even between bind and chmod
        try:
            self._socket.bind(str(path))
        finally:
            os.umask(mask)
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", root_path=PREFIX)
        )
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="api", daemon=True)

    def start(self) -> None:
        # Listening before the thread runs: whoever hears that we are ready finds the door open.
        self._socket.listen(64)
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=1)
        self._path.unlink(missing_ok=True)

"""Serve the API on a Unix socket that only our own user may open (0600)."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from sendit.api.actor import peer_of

#: The path under which the plugin registers the API in Orthanc.
PREFIX = "/sendit"


class _NamesItsPeer(H11Protocol):
    """HTTP/1.1 in which the client of a request is the system user who opened the socket."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.client = (peer_of(transport.get_extra_info("socket")), 0)


class _WokenServer(uvicorn.Server):
    """uvicorn that does not wake ten times a second to see whether it has to end, but when it is told to."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Serve until `end`. A tick has nothing else to do, as there is no header Date."""
        await self.on_tick(0)
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:
            await self._ended.wait()

    def end(self) -> None:
        """Tell it to end; from any thread."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ended.set)


class Server:
    """uvicorn in a thread of its own."""

    def __init__(self, app: FastAPI, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)  # a killed worker leaves its socket behind
        self._socket = socket.socket(socket.AF_UNIX)
        mask = os.umask(0o177)  # no other user may open it, not even between bind and chmod
        try:
            self._socket.bind(str(path))
        finally:
            os.umask(mask)
        self._server = _WokenServer(
            uvicorn.Config(
                app,
                http=_NamesItsPeer,
                log_config=None,
                access_log=False,
                date_header=False,  # Orthanc has its own
                lifespan="off",
                root_path=PREFIX,
                proxy_headers=False,
            )
        )
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="api", daemon=True)

    def start(self) -> None:
        """Begin to serve; return at once."""
        # Listen before the thread runs, so that a client that is told "ready" can connect.
        self._socket.listen(64)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and remove the socket."""
        self._server.end()
        self._thread.join(timeout=1)
        self._path.unlink(missing_ok=True)

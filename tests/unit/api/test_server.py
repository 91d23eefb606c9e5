"""The server of the API: it ends when it is told to, and wakes for nothing else."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import uvicorn
from fastapi import FastAPI

from sendit.api.server import Server

if TYPE_CHECKING:
    from pathlib import Path


def ask(path: Path) -> bytes:
    """The first line of an answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET /here HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return client.makefile("rb").readline()


@pytest.mark.parametrize("questions", [0, 2])
def test_it_ends_when_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, questions: int) -> None:
    """At once after its start, too; meanwhile it has not looked again and again whether it has to."""
    ticks: list[int] = []
    tick = uvicorn.Server.on_tick

    async def counted(server: uvicorn.Server, counter: int) -> bool:
        ticks.append(counter)
        return await tick(server, counter)

    monkeypatch.setattr(uvicorn.Server, "on_tick", counted)
    app = FastAPI()
    app.get("/here")(lambda: "yes")
    path = tmp_path / "socket"
    server = Server(app, path)
    server.start()
    assert [ask(path) for _ in range(questions)] == [b"HTTP/1.1 200 OK\r\n"] * questions
    server.stop()
    server._thread.join(60)
    assert not server._thread.is_alive()
    assert not path.exists()
    assert len(ticks) <= 1

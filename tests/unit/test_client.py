"""The command line and a worker whose socket it cannot use."""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from sendit.client import Client, Refused
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
    """No socket: is Orthanc running? One that a killed worker left behind: it is started again."""
    with pytest.raises(Retry, match=r"not running\. Start Orthanc"):
        Client(tmp_path / "none").call("GET", "/api/health")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "left"))
    with pytest.raises(Retry, match="starts the worker again"):
        Client(tmp_path / "left").call("GET", "/api/health")


def test_a_worker_that_hangs(tmp_path: Path) -> None:
    """It accepts, and answers nothing: the command says so, what to do, and that nothing was asked of it."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "hangs"))
        server.listen()
        with pytest.raises(Retry, match=r"hangs.* restart Orthanc: nothing is lost") as caught:
            Client(tmp_path / "hangs", timeout=0.1).call("POST", "/api/batches/1/retry")
    assert "Perhaps" not in str(caught.value)


@contextmanager
def answering(path: Path, *answers: tuple[int, object] | None) -> Iterator[Client]:
    """A worker that answers one request after the other with a status and JSON; None: it closes the connection."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            for answer in answers:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    if answer is not None:
                        body = json.dumps(answer[1]).encode()
                        head = f"HTTP/1.0 {answer[0]} x\r\nContent-Length: {len(body)}\r\n\r\n"
                        connection.sendall(head.encode() + body)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Client(path)
        thread.join(30)


def test_an_act_whose_answer_is_lost(tmp_path: Path) -> None:
    """The worker ends in the middle of it: perhaps it is done."""
    with answering(tmp_path / "s", (404, {}), None) as client, pytest.raises(Retry, match="done all the same"):
        client.call("POST", "/api/batches/1/retry")


_REMEDIES = """
there is no batch 9 | GET /sendit/api/batches lists them. | there is no batch 9. sendit batches lists them.
no instance 7 | GET /sendit/api/batches/3/images lists them. | no instance 7. sendit review show 3 lists them.
body.level: should be 'Info' | See /sendit/api/docs. | level: should be 'Info'. See --help of the command.
batch 1 is DONE | Only others can. | batch 1 is DONE. Only others can.
"""


@pytest.mark.parametrize(("detail", "remedy", "said"), [row.split(" | ") for row in _REMEDIES.strip().splitlines()])
def test_remedies_at_a_terminal(tmp_path: Path, detail: str, remedy: str, said: str) -> None:
    """They name commands, not addresses of the API."""
    problem = {"detail": detail, "cure": remedy}
    with answering(tmp_path / "s", (404, {}), (409, problem)) as client, pytest.raises(Refused) as caught:
        client.call("GET", "/api/batches/9")
    assert str(caught.value) == said

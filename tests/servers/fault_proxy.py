"""An HTTP proxy in front of a real server that does harm on demand, on real sockets.

    with FaultProxy(target.url) as proxy:
        proxy.inject(Status(503, times=2), "POST /instances")

A fault applies to requests whose "METHOD /path" begins with the text given, `times` times; everything else passes.
`proxy.passed` has what reached the server behind, as "METHOD /path", in order, `answered` what it said to uploads.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Mapping

_PIECE = 256 * 1024
_SMALL = 1024 * 1024  # bytes; larger answers are passed on in pieces


@dataclass
class Fault:
    """The common part: how often. Subclasses are what can be injected."""

    times: int = field(default=1, kw_only=True)


@dataclass
class Status(Fault):
    """The request is not forwarded; this is answered in its place."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class DropBefore(Fault):
    """The connection ends before the server behind has seen the request."""


@dataclass
class DropAfter(Fault):
    """The server behind has acted; the connection ends before a byte of its answer is passed on."""


@dataclass
class Truncate(Fault):
    """The server behind has acted; its answer ends in the middle of the body."""


@dataclass
class Silence(Fault):
    """Nothing is answered for as long as the proxy lives; the request is not forwarded."""


@dataclass
class Corrupt(Fault):
    """One bit of the request's body is another one when it reaches the server behind: in its middle, or behind these
    bytes, where they first occur."""

    behind: bytes | None = None


@dataclass
class CorruptAnswer(Fault):
    """One bit in the middle of the answer's body is another one when it reaches the client."""


@dataclass
class Slow(Fault):
    """The request's body goes on in pieces, each after a moment: slow, and never silent for long."""

    pieces: int = 20
    pause: float = 0.05  # seconds before each


@dataclass
class _Injected:
    fault: Fault
    prefix: str


class FaultProxy:
    """Listens on loopback from its making to its end; with a TLS context it speaks HTTPS to its clients."""

    def __init__(self, target: str, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(target)
        assert parts.hostname is not None
        assert parts.port is not None
        self.target = (parts.hostname, parts.port)
        self.passed: list[str] = []
        self.answered: list[bytes] = []  # by the server behind, to POST /instances
        self.seen: list[tuple[str, dict[str, str]]] = []  # every request, with its headers in lower case
        self.ended = threading.Event()
        self.tls = tls
        self._injected: list[_Injected] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def inject(self, fault: Fault, prefix: str = "") -> None:
        """For the next `fault.times` requests whose "METHOD /path" begins with `prefix`."""
        with self._lock:
            self._injected.append(_Injected(fault, prefix))

    def intercept(self, request: str, headers: Mapping[str, str]) -> tuple[int, bytes] | None:
        """For servers that are more than the one behind: an answer in its place, or None. Headers in lower case."""
        return None

    def next_fault(self, request: str) -> Fault | None:
        with self._lock:
            for injected in self._injected:
                if request.startswith(injected.prefix) and injected.fault.times > 0:
                    injected.fault.times -= 1
                    return injected.fault
        return None

    def heal(self) -> None:
        """No more faults."""
        with self._lock:
            self._injected.clear()

    def uploads(self) -> int:
        """How many instances an Orthanc behind was sent: its answer to a ZIP archive lists one after the other."""
        said = [json.loads(answer) for answer in self.answered]
        return sum(len(one) if isinstance(one, list) else 1 for one in said)

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Body:
    """The body of a request, read by whoever passes it on; harmed on its way, if it is to be."""

    def __init__(self, file: Any, size: int, fault: Fault | None) -> None:
        self._file = file
        self._middle = size // 2 if isinstance(fault, Corrupt) and fault.behind is None else None
        self._behind = fault.behind if isinstance(fault, Corrupt) else None
        self._slow = fault if isinstance(fault, Slow) else None
        self._piece = max(1, size // fault.pieces) if isinstance(fault, Slow) else _PIECE
        self._done = 0
        self.left = size

    def read(self, _: int = -1) -> bytes:
        """The next piece; nothing at the end."""
        if self.left == 0:
            return b""
        if self._slow is not None:
            time.sleep(self._slow.pause)
        data: bytes = self._file.read(min(self.left, self._piece))
        if not data:
            raise ConnectionResetError("the client went away")
        self.left -= len(data)
        if self._middle is not None and self._done <= self._middle < self._done + len(data):
            data = _flipped(data, self._middle - self._done)
        if self._behind is not None and self._behind in data:
            data = flipped_behind(data, self._behind)
            self._behind = None
        self._done += len(data)
        return data

    def skip(self) -> None:
        """Read to the end, for nothing."""
        while self.read():
            pass


def _flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :] if data else data


def flipped_behind(data: bytes, marker: bytes) -> bytes:
    """The data with another bit in the byte after the first occurrence of the marker, where there is one."""
    place = data.find(marker)
    return _flipped(data, place + len(marker)) if place >= 0 else data


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        accepted, address = super().get_request()
        if self.proxy.tls is not None:  # the handshake is left to the thread that reads first
            accepted = self.proxy.tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        return accepted, address

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gave up on us is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the tests look at `passed`."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        proxy = self.server.proxy
        if proxy.ended.is_set():  # nothing listens any more, nor on connections that were kept
            self.close_connection = True
            return
        # As a forward proxy the whole URL is asked for, as a reverse proxy the path.
        path = self.path.split("/", 3)[3] if "://" in self.path else self.path
        path = path if path.startswith("/") else f"/{path}"
        request = f"{self.command} {path}"
        headers = {key.lower(): value for key, value in self.headers.items()}
        proxy.seen.append((request, headers))
        fault = proxy.next_fault(request)
        body = _Body(self.rfile, int(self.headers.get("Content-Length", 0)), fault)
        if fault is None and (own := proxy.intercept(request, headers)) is not None:
            body.skip()
            self._answer(own[0], {}, own[1])
            return
        if isinstance(fault, Status):
            body.skip()
            self._answer(fault.status, dict(fault.headers), fault.body)
        elif isinstance(fault, Silence):
            body.skip()
            proxy.ended.wait()
            self.close_connection = True
        elif isinstance(fault, DropBefore):
            body.skip()
            self.close_connection = True
        else:
            self._pass_on(request, path, body, fault)

    def _pass_on(self, request: str, path: str, body: _Body, fault: Fault | None) -> None:
        """Request and answer go through in pieces, whatever their size."""
        proxy = self.server.proxy
        connection = http.client.HTTPConnection(*proxy.target, timeout=60)
        headers = {key: value for key, value in self.headers.items() if key.lower() != "connection"}
        try:
            connection.request(self.command, path, body if body.left else None, headers)
            answer = connection.getresponse()
            proxy.passed.append(request)
            data = answer.read() if answer.length is not None and answer.length <= _SMALL else None
            if request == "POST /instances" and data is not None:
                proxy.answered.append(data)
            if isinstance(fault, DropAfter):
                answer.read()
                self.close_connection = True
            else:
                self._pass_back(answer, data, fault)
        finally:
            connection.close()

    def _pass_back(self, answer: http.client.HTTPResponse, data: bytes | None, fault: Fault | None) -> None:
        hop = ("connection", "content-length", "keep-alive", "transfer-encoding")
        kept = {key: value for key, value in answer.getheaders() if key.lower() not in hop}
        size = answer.length
        if data is not None or size is None or isinstance(fault, Truncate | CorruptAnswer):
            data = answer.read() if data is None else data
            if isinstance(fault, CorruptAnswer):
                data = _flipped(data, len(data) // 2)
            self._answer(answer.status, kept, data, cut=isinstance(fault, Truncate))
            return
        self.send_response(answer.status)
        for key, value in {**kept, "Content-Length": str(size)}.items():
            self.send_header(key, value)
        self.end_headers()
        while piece := answer.read(_PIECE):
            self.wfile.write(piece)

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes, cut: bool = False) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True

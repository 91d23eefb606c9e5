"""An HTTP identity service for tests, with every fault that one can have, on a real socket.

with IdentityService({"MRN-1": "SUBJECT-1"}) as service:
    service.answer = Answer(200, b"<html>", "text/html")      what is answered in place of the right answer
"""

from __future__ import annotations

import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.servers.serving import ServerInThread

if TYPE_CHECKING:
    from types import TracebackType

    from tests.servers.certificates import Certificate


@dataclass
class Answer:
    """A wrong answer."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    missing: int = 0  # so many bytes more are announced than come
    headers: dict[str, str] = field(default_factory=dict)


class Drip(Answer):
    """A byte now and then, without an end."""


class IdentityService(ServerInThread):
    """Answers on 127.0.0.1 as the contract says, until told otherwise."""

    def __init__(self, codes: dict[str, str], certificate: Certificate | None = None, port: int = 0) -> None:
        self.codes = codes
        self.answer: Answer | None = None
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.ending = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service.reply(self)

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}/codes"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.set()
        super().__exit__(kind, error, trace)

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        self.headers.append(dict(handler.headers))
        self.asked.append({"method": handler.command, "path": handler.path, **json.loads(body or b"{}")})
        answer = self.answer
        if answer is None:
            codes = [self.codes.get(patient["patient_id"]) for patient in self.asked[-1]["patients"]]
            answer = Answer(200, json.dumps({"codes": codes}).encode())
        handler.send_response(answer.status)
        for name, value in {"Content-Type": answer.kind, **answer.headers}.items():
            handler.send_header(name, value)
        if isinstance(answer, Drip):
            handler.end_headers()
            while not self.ending.wait(0.05):
                try:
                    handler.wfile.write(b" ")
                except OSError:
                    return
            return
        handler.send_header("Content-Length", str(len(answer.body) + answer.missing))
        handler.end_headers()
        handler.wfile.write(answer.body)

"""A collector of OpenTelemetry: it keeps the spans that are sent to it by OTLP over HTTP."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.servers.serving import ServerInThread


@dataclass(frozen=True)
class Sent:
    """A span as it arrived."""

    name: str
    trace: str
    number: str
    parent: str  # "" if it has none
    facts: dict[str, str | int]
    failed: bool
    seconds: float


class Collector(ServerInThread):
    """A context manager; `status` may be changed while it runs."""

    def __init__(self) -> None:
        self.status = 200
        self.asked = 0
        self.spans: list[Sent] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.asked += 1
                if collector.status == 200:
                    collector.keep(body, dict(self.headers))
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"

    def keep(self, body: bytes, headers: dict[str, str]) -> None:
        """Take a request."""
        self.bodies.append(body)
        self.headers.append({name.lower(): value for name, value in headers.items()})
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for of_scope in of_resource.scope_spans:
                self.spans += [_sent(span) for span in of_scope.spans]


def _sent(span: Any) -> Sent:
    facts = {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
    seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    failed = span.status.code == 2
    return Sent(span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), facts, failed, seconds)

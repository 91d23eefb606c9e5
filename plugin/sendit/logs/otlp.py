"""Spans to a collector of OpenTelemetry, by OTLP over HTTP. The only importer of its SDK, the extra "tracing".

Spans are made by hand and given to an exporter of SendIt's own. There is no global provider: the libraries of Google
would give it spans with names of objects in them.
"""

from __future__ import annotations

import logging
import threading
from time import time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from sendit import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

#: Time that the collector has to answer, and to take the last spans when SendIt stops, in seconds.
_TIMEOUT, _PATIENCE = 10.0, 1.0
_SCOPE = InstrumentationScope("sendit", __version__)


class Sender:
    """Sends spans from a thread of its own. Those that the collector does not take in time are lost."""

    def __init__(self, url: str, headers: Mapping[str, str], certificate_authority: Path | None) -> None:
        # OpenTelemetry logs the address, and what the collector answers.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        authority = None if certificate_authority is None else str(certificate_authority)
        exporter: Any = OTLPSpanExporter(url, authority, headers=dict(headers), timeout=_TIMEOUT)
        told: Any = _Told(exporter)
        self._processor = BatchSpanProcessor(told)
        self._resource = Resource.create({"service.name": "sendit", "service.version": __version__})

    def send(
        self,
        name: str,
        ids: tuple[int, int],
        parent: int | None,
        facts: Mapping[str, str | int],
        begun: int,
        *,
        ok: bool,
    ) -> None:
        """Send a span that ends now.

        Args:
            name: what it is a span of.
            ids: numbers of its trace, and of itself.
            parent: number of the span that it belongs to.
            facts: attributes.
            begun: when, in nanoseconds since 1970.
            ok: whether it ended well.
        """
        trace, number = ids
        span = ReadableSpan(
            name,
            context=_context(trace, number),
            parent=None if parent is None else _context(trace, parent),
            resource=self._resource,
            attributes=facts,
            status=Status(StatusCode.OK if ok else StatusCode.ERROR),
            start_time=begun,
            end_time=max(begun, time_ns()),
            instrumentation_scope=_SCOPE,
        )
        self._processor.on_end(span)

    def stop(self) -> None:
        """Send what is left, if the collector takes it at once."""
        ending = threading.Thread(target=self._processor.shutdown, name="traces end", daemon=True)
        ending.start()
        ending.join(_PATIENCE)


def _context(trace: int, number: int) -> SpanContext:
    return SpanContext(trace, number, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class _Told:
    """An exporter that tells once that the collector takes nothing, and once that it does again."""

    def __init__(self, exporter: Any) -> None:
        self._exporter = exporter
        self._takes = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send some spans."""
        result: SpanExportResult = self._exporter.export(spans)
        takes = result is SpanExportResult.SUCCESS
        if takes != self._takes:
            self._takes = takes
            log.warning("traces are %s", "sent again" if takes else "lost: the collector does not take them")
        return result

    def shutdown(self) -> None:
        """End: nothing is tried again."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Keep nothing back."""
        return bool(self._exporter.force_flush(timeout_millis))

"""One trace for each batch, with a span for each of its stages, if SendIt.Tracing names a collector.

A span has the number of the batch, names of the configuration, and fixed words: never an identifier, nor a reason.
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import TYPE_CHECKING

from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from sendit.logs.otlp import Sender


def open_sender(url: str, headers: Mapping[str, str], certificate_authority: Path | None) -> Sender:
    """Return what sends spans to a collector.

    Raises:
        Misconfigured: the packages of the extra are not installed.
    """
    try:
        from sendit.logs.otlp import Sender  # noqa: PLC0415 - an extra, which others do without
    except ImportError:
        problem = "the packages of OpenTelemetry are not installed"
        remedy = "Install opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http beside SendIt."
        raise Misconfigured("SendIt.Tracing", problem, remedy) from None
    return Sender(url, headers, certificate_authority)


class Traces:
    """The spans of a journal's batches.

    Args:
        sender: where they go; None: nowhere.
        journal: identity of the journal, because batches of two journals have the same numbers.
    """

    def __init__(self, sender: Sender | None = None, journal: str = "") -> None:
        self._sender = sender
        self._journal = journal

    def stage(self, name: str, batch_id: int, destination: str, begun: int, error: BaseException | None) -> None:
        """Tell of a stage that has just ended.

        Args:
            name: the stage.
            batch_id: the batch.
            destination: "" if the stage has none.
            begun: when, in nanoseconds since 1970.
            error: how it ended, if it failed. Only its class is told.
        """
        if self._sender is None:
            return
        facts: dict[str, str | int] = {"sendit.batch": batch_id}
        facts |= {"sendit.destination": destination} if destination else {}
        facts |= {"error.type": type(error).__name__} if error is not None else {}
        ids = (self._number("trace", batch_id, 16), secrets.randbits(64) or 1)
        self._sender.send(name, ids, self._number("span", batch_id, 8), facts, begun, ok=error is None)

    def batch(self, batch_id: int, project: str, opened_at: datetime) -> None:
        """Tell of a batch that is DONE: the span, from its first instance on, that those of its stages belong to."""
        if self._sender is None:
            return
        facts: dict[str, str | int] = {"sendit.batch": batch_id, "sendit.project": project}
        ids = (self._number("trace", batch_id, 16), self._number("span", batch_id, 8))
        self._sender.send("batch", ids, None, facts, round(opened_at.timestamp() * 1e9), ok=True)

    def stop(self) -> None:
        """Send what is left, and nothing more."""
        if self._sender is not None:
            self._sender.stop()

    def _number(self, what: str, batch_id: int, length: int) -> int:
        """Return the number of a batch's trace or span: the same in every worker, and after a restart."""
        digest = sha256(f"{what} {batch_id} {self._journal}".encode()).digest()
        return int.from_bytes(digest[:length], "big") or 1

"""Traces: what a collector gets, and that nothing depends on it."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime, timedelta
from time import time_ns

import pytest

from sendit.errors import Misconfigured, Retry
from sendit.logs.traces import Traces, open_sender
from tests.servers.collector import Collector
from tests.servers.waiting import wait_for

SECRET = "Quixworth^Zebulon"


def test_the_stages_of_a_batch_are_one_trace() -> None:
    """Whichever worker sends them; of an error only its class is told, and batches of another journal are others."""
    with Collector() as collector:
        for worker in range(2):
            traces = Traces(open_sender(collector.url, {"Authorization": "Bearer t"}, None), "journal-1")
            traces.stage("deliver", 7, "research", time_ns() - 2 * 10**9, Retry(SECRET) if worker else None)
            if worker:
                traces.batch(7, "IRB1", datetime.now(UTC) - timedelta(seconds=60))
            traces.stop()
        other = Traces(open_sender(collector.url, {}, None), "journal-2")
        other.batch(7, "IRB1", datetime.now(UTC))
        other.stop()
        wait_for(lambda: len(collector.spans) == 4, "the spans")
    well, failed, batch, foreign = collector.spans
    assert len({one.trace for one in (well, failed, batch)}) == 1
    assert (well.parent, failed.parent, batch.parent) == (batch.number, batch.number, "")
    assert (foreign.trace == batch.trace, foreign.number == batch.number) == (False, False)
    assert well.facts == {"sendit.batch": 7, "sendit.destination": "research"}
    assert (failed.failed, failed.facts["error.type"]) == (True, "Retry")
    assert batch.facts == {"sendit.batch": 7, "sendit.project": "IRB1"}
    assert (round(well.seconds), round(batch.seconds)) == (2, 60)
    assert collector.headers[0]["authorization"] == "Bearer t"
    assert not any(SECRET.encode() in body for body in collector.bodies)


def test_a_collector_that_refuses_is_told_once_and_without_its_address(caplog: pytest.LogCaptureFixture) -> None:
    with Collector() as collector, caplog.at_level(logging.WARNING):
        collector.status = 403
        traces = Traces(open_sender(f"{collector.url}?token=T0K3N", {}, None))
        traces.stage("deidentify", 1, "", time_ns(), None)
        traces.stop()
        wait_for(lambda: collector.asked and "traces are lost" in caplog.text, "the refusal")
    assert caplog.text.count("traces are") == 1
    assert "T0K3N" not in caplog.text


def test_without_a_collector_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is anything lost; and where the packages are missing, the configuration says so."""
    Traces().stage("deidentify", 1, "", time_ns(), None)
    Traces().batch(1, "IRB1", datetime.now(UTC))
    Traces().stop()
    for name in [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "sendit.logs.otlp"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    with pytest.raises(Misconfigured, match="opentelemetry-sdk"):
        open_sender("http://127.0.0.1:9/v1/traces", {}, None)

"""What waits for its next attempt: tried now at a person's wish, and by itself where a clock was wrong."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sendit.journal import Journal
from sendit.journal import tables as t
from tests.dicom import StudyMaker
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStack
    from tests.servers.stack import Stack

_AHEAD = timedelta(days=2)


def waiting(make_stack: MakeStack) -> Stack:
    """A batch whose target is down, and that is tried again in an hour."""
    stack = make_stack()
    stack.sendit["Destinations"]["research"]["Retry"] = {"FirstDelay": 3600, "MaxDelay": 3600}
    stack.start(target=False)
    stack.source.upload(StudyMaker().instance())
    stack.wait_batch(lambda b: any(d["state"] == "RETRYING" for d in b["deliveries"]))
    stack.target.start()
    return stack


@pytest.mark.slow
def test_what_waits_is_tried_now_at_a_persons_wish(make_stack: MakeStack) -> None:
    """On the command line and over HTTP; who wished it is in the history; a batch that does not wait is refused."""
    stack = waiting(make_stack)
    done = stack.cli("retry", "1")
    assert done.returncode == 0, done.stderr
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"]) == ("DONE", 1)
    events = stack.api("batches/1")["events"]
    assert "tried now at an operator's request" in [event["message"] for event in events]
    assert stack.cli("retry", "1").returncode == 2


def jumped(stack: Stack) -> None:
    """As everything stands after the clock was two days ahead in the moment of the failure."""
    later = datetime.now(UTC) + _AHEAD
    with closing(sqlite3.connect(stack.data_directory / "journal.sqlite", timeout=30)) as journal:
        journal.execute("UPDATE deliveries SET next_attempt_at = ?", (f"{later:%Y-%m-%d %H:%M:%S.%f}",))
        journal.commit()
    with closing(sqlite3.connect(stack.data_directory / "engine.sqlite", timeout=30)) as engine:
        until = int((time.time() + _AHEAD.total_seconds()) * 1000)
        delayed = "UPDATE workflow_status SET delay_until_epoch_ms = ? WHERE status = 'DELAYED'"
        assert engine.execute(delayed, (until,)).rowcount == 1
        engine.commit()


@pytest.mark.slow
def test_a_clock_that_was_days_ahead_delays_nothing_for_days(make_stack: MakeStack) -> None:
    """The next reconciliation finds that it would wait longer than MaxDelay, and tries it; once, and not twice."""
    stack = waiting(make_stack)
    jumped(stack)
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"]) == ("DONE", 1)
    assert any("a clock was wrong" in event["message"] for event in stack.api("batches/1")["events"])
    assert len(stack.target.get("/instances")) == 1


@pytest.mark.slow
def test_a_recall_that_waits_is_tried_now_too(make_stack: MakeStack) -> None:
    """By the clock, and by a retry."""
    stack = make_stack()
    stack.sendit["Destinations"]["research"]["Retry"] = {"FirstDelay": 3600, "MaxDelay": 3600}
    stack.start()
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    stack.target.stop()
    assert stack.cli("recall", "--batch", "1", "--yes", "--reason", "test").returncode == 1
    stack.target.start()
    jumped(stack)
    wait_for(lambda: stack.api("batches/1")["state"] == "RECALLED", "the recall to be tried", limit=60)
    assert stack.target.get("/instances") == []


def test_a_worker_seen_in_the_future_is_not_alive(data_directory: Path) -> None:
    """Its clock was wrong when it died: its work is taken over."""
    journal = Journal.open("sqlite", data_directory)
    journal.facts.beat("here")
    journal.facts.beat("dead")
    with journal.engine.begin() as c:
        seen = t.nodes.update().where(t.nodes.c.executor == "dead").values(seen_at=datetime.now(UTC) + _AHEAD)
        c.execute(seen)
    assert journal.facts.alive(60) == {"here"}
    journal.close()

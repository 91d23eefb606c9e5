"""The log: text or JSON, its file, its level, and one line for each change of a batch's state."""

from __future__ import annotations

import io
import json
import logging
import re
import stat
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from sendit import logs
from sendit.errors import Misconfigured
from sendit.journal import Journal
from sendit.journal import tables as t
from sendit.journal.writing import Superseded
from tests.journal.test_lists import work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What the plugin gets; afterwards the loggers are as they were."""
    root, ours = logging.getLogger(), logging.getLogger("sendit")
    before = (list(root.handlers), root.level, ours.level)
    text = io.StringIO()
    logs.set_up(text)
    yield text
    for handler in root.handlers:
        if handler not in before[0]:
            handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open("sqlite", tmp_path)
    yield opened
    opened.close()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_one_line_for_each_change_of_state(journal: Journal, stream: io.StringIO) -> None:
    """The states that the journal went through, in their order; what is in the tables is in the last line."""
    work(journal)
    said = [line["message"] for line in lines(stream.getvalue())]
    assert said == list(dict.fromkeys(said))
    by_batch: dict[int, list[str]] = {}
    for message in said:
        found = re.fullmatch(r"batch (\d+): ([A-Z_]+) \((irb|no project)\)", message)
        assert found is not None, message
        by_batch.setdefault(int(found[1]), []).append(found[2])
    with journal.engine.connect() as c:
        states = {row.id: str(row.state) for row in c.execute(sa.select(t.batches.c.id, t.batches.c.state))}
    assert {number: said[-1] for number, said in by_batch.items()} == states
    done = next(states for states in by_batch.values() if states[-1] == "DONE")
    assert done == ["QUEUED", "PROCESSING", "DELIVERING", "SENT", "DONE"]


def test_what_was_not_committed_is_not_logged(journal: Journal, stream: io.StringIO) -> None:
    """Neither a fenced write, nor one that failed later; and the next transaction does not say it either."""
    batch_id = journal.intake.queue("s", "irb", ["a"], "x")
    assert batch_id is not None
    before = stream.getvalue()
    with pytest.raises(Superseded):
        journal.batches.begin(batch_id, 2)
    journal.batches.begin(batch_id, 1)
    with pytest.raises(Superseded):
        journal.batches.conclude(batch_id, 1, ["peer"])  # an instance has no outcome
    journal.batches.note(batch_id, "seen", "cli:ada", "")
    assert [line["message"] for line in lines(stream.getvalue().removeprefix(before))] == [
        f"batch {batch_id}: PROCESSING (irb)"
    ]


def test_json(journal: Journal, stream: io.StringIO, tmp_path: Path) -> None:
    """As the plugin's message, and in the file: with batch, state and project; of an error only its places."""
    file = tmp_path / "sendit.log"
    logs.configure("Info", file, structured=True)
    batch_id = journal.intake.queue("s", "irb", ["a"], "x")
    try:
        raise ValueError("Müller")
    except ValueError as error:
        logging.getLogger("sendit.pipeline").error("batch %d: unexpected", batch_id, exc_info=error)
    written = lines(file.read_text())
    assert [json.loads(line["message"]) for line in lines(stream.getvalue())] == written
    state, fault = written
    assert {name: state[name] for name in ("level", "batch", "state", "project")} == {
        "level": "info", "batch": batch_id, "state": "QUEUED", "project": "irb",
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", state["at"])
    assert (fault["batch"], fault["level"], fault["logger"]) == (batch_id, "error", "sendit.pipeline")
    assert "ValueError at test_logs.py" in fault["message"]
    assert "Müller" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_text_in_a_file_that_is_rotated(stream: io.StringIO, tmp_path: Path) -> None:
    """Lines after a rotation are in the new file; a message of several lines is one."""
    file = tmp_path / "sendit.log"
    logs.configure("Info", file, structured=False)
    ours = logging.getLogger("sendit.worker")
    ours.warning("one\ntwo")
    file.rename(tmp_path / "sendit.log.1")
    ours.info("three")
    assert re.fullmatch(r"\S+Z WARNING sendit\.worker one two\n", (tmp_path / "sendit.log.1").read_text())
    assert file.read_text().endswith("INFO    sendit.worker three\n")
    assert [line["message"] for line in lines(stream.getvalue())] == ["one\ntwo", "three"]


def test_levels(stream: io.StringIO) -> None:
    """They are SendIt's own; libraries stay at warnings, as they might show values."""
    ours, theirs = logging.getLogger("sendit.worker"), logging.getLogger("requests")
    logs.configure("Warning", None, structured=False)
    ours.info("not said")
    logs.set_level("Debug")
    assert logs.level() == "Debug"
    ours.debug("said")
    theirs.info("never said")
    assert [line["message"] for line in lines(stream.getvalue())] == ["said"]


def test_a_file_that_cannot_be_written(stream: io.StringIO, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"SendIt\.Log\.File: .*No such file"):
        logs.configure("Info", tmp_path / "nowhere" / "sendit.log", structured=False)

"""Imports and pulls wait at a limit, say so once, and go on by themselves."""

from __future__ import annotations

import logging
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest

from sendit.config.schema import Settings
from sendit.importer.types import Stopped
from sendit.journal import Journal
from sendit.pipeline.window import Pressure, available_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def journal(data_directory: Path) -> Iterator[Journal]:
    opened = Journal.open("sqlite", data_directory)
    yield opened
    opened.close()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        self.now += 2  # each question is a new one
        return self.now


def pressure(journal: Journal, folder: Path, **limits: Any) -> Pressure:
    settings = Settings.model_validate({"DataDirectory": str(folder), "Limits": limits})
    return Pressure(settings, journal, Clock())


def test_a_queue_at_its_limit(journal: Journal, data_directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They wait from the second batch on, and go on when one of them was ended; both is logged once."""
    asked = pressure(journal, data_directory, BatchesUnderWay=2)
    caplog.set_level(logging.INFO, "sendit.pipeline.window")
    journal.intake.queue("one", "irb", ["a"], "x")
    assert asked.why() == ""
    second = journal.intake.queue("two", "irb", ["b"], "x")
    assert second is not None
    for _ in range(3):
        assert "as many batches are under way as may be (SendIt.Limits.BatchesUnderWay: 2)" in asked.why()
    assert asked.problems() == [asked.why()]
    journal.batches.begin(second, 1)
    journal.batches.fail(second, 1, "no more of it")
    assert asked.why() == ""
    assert asked.problems() == []
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_disk_at_its_limit(journal: Journal, data_directory: Path) -> None:
    """By the real disk's free space: one limit above, one below it."""
    free = shutil.disk_usage(data_directory).free / 1e9
    assert "FreeDiskGigabytes" in pressure(journal, data_directory, FreeDiskGigabytes=free * 2).why()
    assert pressure(journal, data_directory, FreeDiskGigabytes=free / 4).why() == ""


def test_memory_at_its_limit(journal: Journal, data_directory: Path) -> None:
    """By what the system says is available."""
    free = available_memory() / 1e6
    assert 0 < free < float("inf")
    assert "FreeMemoryMegabytes" in pressure(journal, data_directory, FreeMemoryMegabytes=free * 4).why()
    assert pressure(journal, data_directory, FreeMemoryMegabytes=0).why() == ""


def test_who_waits_is_stopped(journal: Journal, data_directory: Path) -> None:
    """SendIt ends without waiting for room."""
    asked = pressure(journal, data_directory, FreeDiskGigabytes=1e9)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        asked.wait(stop)


def test_what_was_imported_goes_last(journal: Journal) -> None:
    """In its queue; a study that a person or a modality sent goes first."""
    journal.intake.route("imported", "irb", backfill=True)
    journal.intake.route("asked for", "irb")
    numbers = [journal.intake.queue(study, "irb", [study], "x") for study in ("imported", "asked for", "arrived")]
    assert [journal.homes.turn(number)[1] for number in numbers if number] == [10, 0, 0]

"""The engine itself: what goes first in a queue, and whose queues a worker takes work from."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sendit import scheduler as module
from sendit.scheduler import Scheduler, engine_url
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_work_of_a_lower_rank_goes_first_and_other_queues_are_left_alone(data_directory: Path) -> None:
    """One slot, which is taken; then the imported study is queued before the live one, and begins after it."""
    begun: list[str] = []
    go_on = threading.Event()

    def stage(name: str) -> None:
        begun.append(name)
        go_on.wait(60)

    url = engine_url("sqlite", data_directory)
    other = Scheduler(url, "other", {"theirs": 1})
    other.start({"work": stage})  # registers its queue
    other.stop()
    scheduler = Scheduler(url, "me", {"mine": 1})
    scheduler.start({"work": stage})
    try:
        scheduler.enqueue("theirs", "work", "theirs:1", "of another worker")
        scheduler.enqueue("mine", "work", "mine:1", "first")
        wait_for(lambda: begun == ["first"], "the first to begin")
        scheduler.enqueue("mine", "work", "mine:2", "imported", rank=10)
        scheduler.enqueue("mine", "work", "mine:3", "live")
        go_on.set()
        wait_for(lambda: len(begun) == 3, "all to begin")
        assert begun == ["first", "live", "imported"]
        assert [work.queue for work in scheduler.active() if work.key == "theirs:1"] == ["theirs"]
    finally:
        go_on.set()
        scheduler.stop()


def test_work_begins_although_an_idle_queue_is_never_looked_at(
    data_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's threads are woken: by what is enqueued, by a slot that becomes free, by a time that has come."""
    for name in ("_SELDOM", "_SELDOM_SHARED"):
        monkeypatch.setattr(module, name, 3600.0)
    monkeypatch.setattr(module, "_AT_START", ())
    begun: list[str] = []
    go_on = threading.Event()

    def stage(name: str) -> None:
        begun.append(name)
        go_on.wait(60)

    scheduler = Scheduler(engine_url("sqlite", data_directory), "me", {"mine": 1})
    scheduler.start({"work": stage})
    try:
        scheduler.enqueue("mine", "work", "mine:1", "first")
        wait_for(lambda: begun == ["first"], "the first to begin")
        scheduler.enqueue("mine", "work", "mine:2", "behind it")
        go_on.set()
        wait_for(lambda: begun[1:] == ["behind it"], "the next to begin")
        scheduler.enqueue("mine", "work", "mine:3", "later", delay_seconds=3)
        wait_for(lambda: begun[2:] == ["later"], "the one whose time comes")
    finally:
        go_on.set()
        scheduler.stop()


def test_work_that_was_put_off_before_a_restart_begins_at_its_time(
    data_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first reconciliation asks what is active; from then on its time is known."""
    for name in ("_SELDOM", "_SELDOM_SHARED", "_OFTEN"):
        monkeypatch.setattr(module, name, 3600.0)
    begun: list[str] = []
    url = engine_url("sqlite", data_directory)
    former = Scheduler(url, "me", {"mine": 1})
    former.start({"work": begun.append})
    former.enqueue("mine", "work", "mine:1", "later", delay_seconds=6)
    former.stop()
    scheduler = Scheduler(url, "me", {"mine": 1})
    scheduler.start({"work": begun.append})
    try:
        assert [work.key for work in scheduler.active()] == ["mine:1"]
        assert begun == []
        wait_for(lambda: begun == ["later"], "the one whose time comes")
    finally:
        scheduler.stop()

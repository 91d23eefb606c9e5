"""Actions on many batches are written down: a restart goes on with them, and does nothing twice."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from sendit.errors import Misconfigured
from sendit.pipeline.actions import Actions
from sendit.storage.action_files import ActionFiles
from tests.journal.test_journal import queued
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from sendit.journal import Journal
    from sendit.model import BatchState
    from sendit.pipeline.batch import Pipeline

ALICE, REASON = "orthanc:alice", "wrong rules"


class Hospital:
    """What actions reach of a pipeline: cancelling, which the journal does. It can stop, or be killed, at a batch."""

    def __init__(self, journal: Journal) -> None:
        self.services = SimpleNamespace(journal=journal, stopping=threading.Event())
        self.stop_at = self.killed_at = 0
        self.cancelled: list[int] = []

    def put_aside(self, number: int, state: BatchState, actor: str, reason: str) -> bool:
        done = bool(self.services.journal.cancellations.stop(number, state, actor, reason))
        self.cancelled.append(number)
        if number == self.killed_at:
            raise SystemExit  # the thread ends here: nothing more of it is written down
        if number == self.stop_at:
            self.services.stopping.set()
        return done

    def actions(self, folder: Path) -> Actions:
        return Actions(cast("Pipeline", self), folder)


@pytest.fixture
def batches(journal: Journal) -> list[int]:
    """Five batches that wait."""
    return [queued(journal, f"i{number}", study=f"study{number}") for number in range(5)]


def ended(actions: Actions, number: int) -> list[tuple[int, bool, str]]:
    run = actions.run_of(number)
    assert run is not None
    wait_for(lambda: run.finished_at, "the action to end")
    return [(one.batch, one.ok, one.said) for one in run.outcomes]


def test_a_restart_goes_on(journal: Journal, batches: list[int], tmp_path: Path) -> None:
    first = Hospital(journal)
    first.stop_at = batches[1]
    run = first.actions(tmp_path).start("cancel", batches, ALICE, REASON)
    wait_for(lambda: run.done == 2 or None, "two batches to have their turn")
    second = Hospital(journal)
    actions = second.actions(tmp_path)
    actions.resume()
    assert ended(actions, run.id) == [(number, True, "cancelled") for number in batches]
    assert second.cancelled == batches[2:]
    again = actions.run_of(run.id)
    assert again is not None
    assert (again.actor, again.reason, again.total, again.started_at) == (ALICE, REASON, 5, run.started_at)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_was_done_is_not_done_again(journal: Journal, batches: list[int], tmp_path: Path) -> None:
    """A kill between the act on a batch and its being written down; a line that was cut off."""
    first = Hospital(journal)
    first.killed_at = batches[2]
    run = first.actions(tmp_path).start("cancel", batches, ALICE, REASON)
    wait_for(lambda: first.cancelled == batches[:3] or None, "the kill")
    with (tmp_path / "actions" / f"{run.id}.jsonl").open("ab") as file:
        file.write(b"[3, tr")
    second = Hospital(journal)
    actions = second.actions(tmp_path)
    actions.resume()
    outcomes = ended(actions, run.id)
    assert [ok for _, ok, _ in outcomes] == [True] * 5
    assert outcomes[2] == (batches[2], True, "done before a restart")
    assert second.cancelled == batches[3:]


def test_what_has_ended_is_remembered(journal: Journal, batches: list[int], tmp_path: Path) -> None:
    """With what was refused; the next action has a number of its own."""
    before = Hospital(journal).actions(tmp_path)
    run = before.start("cancel", [batches[0], 99], ALICE, REASON)
    outcomes = ended(before, run.id)
    assert [ok for _, ok, _ in outcomes] == [True, False]
    later = Hospital(journal)
    actions = later.actions(tmp_path)
    actions.resume()
    assert ended(actions, run.id) == outcomes
    assert [one.id for one in actions.runs()] == [run.id]
    assert later.cancelled == []
    assert actions.start("cancel", batches[1:2], ALICE, REASON).id == run.id + 1


def test_nothing_begins_that_cannot_be_written_down(journal: Journal, batches: list[int], tmp_path: Path) -> None:
    (tmp_path / "actions").write_text("a file in its place")
    hospital = Hospital(journal)
    with pytest.raises(Misconfigured, match="cannot be written down"):
        hospital.actions(tmp_path).start("cancel", batches, ALICE, REASON)
    assert hospital.cancelled == []


def test_old_files_go(tmp_path: Path) -> None:
    """Fifty are kept, and what still runs; what cannot be read keeps nothing from going on."""
    files = ActionFiles(tmp_path)
    numbers = [files.create({"action": "retry"})[0] for _ in range(53)]
    files.tidy({numbers[0]})
    (tmp_path / "actions" / "53.jsonl").write_text("{")
    assert [one.number for one in files.all()] == [1, *range(4, 53)]

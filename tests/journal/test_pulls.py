"""Pulls in the journal, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from sendit.journal import Superseded
from sendit.journal import tables as t
from sendit.journal.lists.pulls import NewPull, PullRow, PullState, PullStudy, RowState, StudyState
from sendit.model import BatchState, DeliveryState

if TYPE_CHECKING:
    from sendit.journal import Journal

A, B, LIVE = "a" * 44, "b" * 44, "f" * 44


def begin(journal: Journal, *, only_check: bool = False) -> int:
    rows = [PullRow(line, RowState.WAITING, None, "", b"sealed") for line in (2, 3, 4)]
    rows.append(PullRow(5, RowState.DUPLICATE, 2, "asks for the same as line 2", b"sealed"))
    return journal.pulls.begin(NewPull("irb", "pacs", "modality", "x.csv", "here-0", "cli:me", only_check), rows)


def test_rows_and_studies(journal: Journal) -> None:
    """A study that two rows mean is fetched once; rows say what their studies say, and so do the counts."""
    number = begin(journal)
    pulls = journal.pulls
    pull = pulls.own(number, 1)
    assert pulls.waiting_lines(number) == {2, 3, 4}
    pulls.looked_up(pull, 2, {A: 3, B: None})
    pulls.looked_up(pull, 3, {B: None})
    pulls.looked_up(pull, 3, {B: None})  # once more, after a kill
    pulls.looked_up(pull, 4, {}, "no such study")
    first, second = pulls.waiting_studies(number)
    assert [(one.study, one.held, one.expected, one.line) for one in (first, second)] == [(A, A, 3, 2), (B, B, None, 2)]
    pulls.outcome(pull, replace(first, failures=1, images=1, reason="1 of 3 images arrived"))
    assert [one.study for one in pulls.waiting_studies(number)] == [B, A]
    pulls.outcome(pull, replace(second, state=StudyState.COMPLETE, expected=2, images=2))
    progress = pulls.progress(pull)
    assert (progress.studies, progress.studies_done, progress.images, progress.images_expected) == (2, 1, 3, 5)
    assert progress.rows == {
        RowState.WAITING: 1, RowState.COMPLETE: 1, RowState.NOT_FOUND: 1, RowState.DUPLICATE: 1,
    }  # fmt: skip
    assert progress.seconds_left is None
    pulls.outcome(pull, replace(first, state=StudyState.PARTIAL, images=1, reason="1 of 3 images arrived"))
    progress = pulls.progress(pull)
    assert progress.seconds_left == 0
    assert pulls.finish(pull) is PullState.INCOMPLETE
    assert [(row.line, row.state, row.reason) for row in pulls.rows(number)] == [
        (2, RowState.PARTIAL, "1 of 3 images arrived"),
        (3, RowState.COMPLETE, ""),
        (4, RowState.NOT_FOUND, "no such study"),
        (5, RowState.DUPLICATE, "asks for the same as line 2"),
    ]


def test_an_attempt_that_was_overtaken_changes_nothing(journal: Journal) -> None:
    """Nor does one of a pull that has ended."""
    number = begin(journal, only_check=True)
    old = journal.pulls.own(number, 1)
    new = journal.pulls.postpone(old, "pacs does not answer", datetime.now(UTC) + timedelta(minutes=1))
    assert (new.attempt, new.failures) == (2, 1)
    study = PullStudy(A, A, StudyState.COMPLETE, 1, 1, 0, "")
    for change in (
        lambda: journal.pulls.looked_up(old, 2, {A: 1}),
        lambda: journal.pulls.outcome(old, study),
        lambda: journal.pulls.say(old, "waits"),
        lambda: journal.pulls.finish(old),
        lambda: journal.pulls.own(number, 1),
    ):
        with pytest.raises(Superseded):
            change()
    assert journal.pulls.waiting_lines(number) == {2, 3, 4}
    journal.pulls.looked_up(new, 2, {A: 1})
    assert journal.pulls.rows(number)[0].state is RowState.FOUND
    assert journal.pulls.cancel(number, "cli:me", "not now")
    with pytest.raises(Superseded):
        journal.pulls.looked_up(new, 3, {A: 1})
    assert (journal.pulls.running(), [one.id for one in journal.pulls.page(5)]) == ([], [number])


def test_who_goes_first(journal: Journal) -> None:
    """What was pulled is not live while its pull runs; what waits for its next attempt keeps nobody waiting."""
    number = begin(journal)
    pull = journal.pulls.own(number, 1)
    journal.pulls.looked_up(pull, 2, {A: 1})
    assert (journal.pulls.is_pulled(A), journal.pulls.is_pulled(LIVE)) == (True, False)
    pulled = journal.intake.queue(A, "irb", ["1" * 44], None)
    assert pulled is not None
    assert (journal.pulls.under_way(number), journal.pulls.live_projects()) == (1, set())
    journal.intake.receiving(LIVE, 1)
    assert journal.pulls.live_projects() == {""}
    live = journal.intake.queue(LIVE, "other", ["2" * 44], None)
    assert live is not None
    assert journal.pulls.live_projects() == {"other"}
    journal.batches.begin(live, 1)
    journal.batches.postpone(live, 1, "later", datetime.now(UTC) + timedelta(hours=1))
    assert journal.pulls.live_projects() == set()
    for state, first in ((DeliveryState.SENDING, {"other"}), (DeliveryState.RETRYING, set())):
        is_delivered(journal, live, state)
        assert journal.pulls.live_projects() == first
    assert journal.pulls.covered(A, "irb", [journal.home]) == 1
    assert journal.pulls.batches(number, "irb")[A][0][0] == pulled
    journal.pulls.cancel(number, "cli:me", "")
    assert journal.pulls.live_projects() == {"irb"}


def test_another_worker_takes_over(journal: Journal) -> None:
    """One alone, by a new attempt. What only the dead one's Orthanc has, and is not de-identified yet, comes again."""
    number = begin(journal)
    pull = journal.pulls.own(number, 1)
    journal.pulls.looked_up(pull, 2, {A: 2, B: 1})
    journal.facts.beat("here-0", "here")
    for study, names in ((A, ["1" * 44, "2" * 44]), (B, ["3" * 44])):
        journal.intake.queue(study, "irb", names, None)
        done = PullStudy(study, study, StudyState.COMPLETE, len(names), len(names), 0, "")
        journal.pulls.outcome(pull, done)
    with journal.engine.begin() as c:
        c.execute(sa.update(t.batches).values(home="here"))
        c.execute(sa.update(t.batches).where(t.batches.c.study == B).values(state=BatchState.DELIVERING))
    assert [journal.pulls.covered(study, "irb", ["here"]) for study in (A, B)] == [2, 1]
    assert [journal.pulls.covered(study, "irb", ["there"]) for study in (A, B)] == [0, 1]
    taken = journal.pulls.adopt(pull, "there-0")
    assert (taken.executor, taken.attempt) == ("there-0", 2)
    assert journal.pulls.own(number, 2) == taken
    assert [one.study for one in journal.pulls.waiting_studies(number)] == [A]
    for late in (lambda: journal.pulls.adopt(pull, "yonder-0"), lambda: journal.pulls.looked_up(pull, 3, {A: 1})):
        with pytest.raises(Superseded):
            late()


def is_delivered(journal: Journal, batch: int, state: DeliveryState) -> None:
    """Put a batch on its way to a destination."""
    values = {"batch_id": batch, "destination": "research", "state": state, "changed_at": datetime.now(UTC)}
    with journal.engine.begin() as c:
        c.execute(sa.update(t.batches).where(t.batches.c.id == batch).values(state=BatchState.DELIVERING))
        c.execute(sa.delete(t.deliveries).where(t.deliveries.c.batch_id == batch))
        c.execute(sa.insert(t.deliveries).values(**values))


def test_old_ones_are_forgotten(journal: Journal) -> None:
    """After JournalDays: their rows and studies; that they were, for whom and when, stays."""
    number = begin(journal)
    pull = journal.pulls.own(number, 1)
    journal.pulls.looked_up(pull, 2, {A: 1})
    later = datetime.now(UTC) + timedelta(days=1)
    journal.retention.prune(later)
    assert len(journal.pulls.rows(number)) == 4  # it has not ended
    journal.pulls.finish(pull)
    journal.retention.prune(later)
    assert journal.pulls.rows(number) == []
    assert journal.pulls.get(number) is not None

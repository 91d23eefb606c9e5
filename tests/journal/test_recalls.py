"""Recalls in the journal, on both databases: what is fenced, what they leave behind, and what stays out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sendit.errors import Misconfigured
from sendit.journal import Journal, Superseded
from sendit.journal import tables as t
from sendit.journal.writing import reading
from sendit.model import BatchState, Delivery, DeliveryState, InstanceState
from tests.journal.test_journal import queued, receipt, state


def on_its_way(journal: Journal, *destinations: str, study: str = "study", instance: str = "a") -> int:
    """A batch of one released instance, DELIVERING."""
    batch_id = queued(journal, instance, study=study)
    journal.batches.begin(batch_id, 1)
    journal.batches.record(batch_id, 1, {instance: receipt(f"2.25.{batch_id}", instance)})
    assert journal.batches.conclude(batch_id, 1, destinations) is BatchState.DELIVERING
    return batch_id


def done(journal: Journal, *destinations: str, study: str = "study", instance: str = "a") -> int:
    batch_id = on_its_way(journal, *destinations, study=study, instance=instance)
    for name in destinations:
        journal.deliveries.verified(journal.deliveries.begin(batch_id, name, 1)[0], 1)
    journal.batches.done(batch_id)
    return batch_id


def recalled(journal: Journal, batch_id: int, patients: bool = False) -> list[Delivery]:
    """Begin it; what is to be removed."""
    batch = journal.batches.get(batch_id)
    assert batch is not None
    assert batch.project is not None
    journal.recalls.begin([(batch.study, batch.project)], "consent withdrawn", patients=patients)
    return [d for d in journal.recalls.open() if d.batch_id == batch_id]


def test_a_recall_ends_when_every_destination_has_removed_it(journal: Journal) -> None:
    """RECALLING, then RECALLED; the instances are counted as recalled, and the history says it all."""
    batch_id = done(journal, "x", "y")
    for delivery in recalled(journal, batch_id):
        assert state(journal, batch_id) is BatchState.RECALLING
        begun, starts = journal.recalls.start(batch_id, delivery.destination, delivery.attempt)
        assert starts == 1
        journal.recalls.end(begun, 1, 0, None)
    assert state(journal, batch_id) is BatchState.RECALLED
    assert journal.batches.tallies([batch_id]) == {batch_id: {InstanceState.RECALLED: 1}}
    assert {d.state for d in journal.deliveries.of([batch_id])[batch_id]} == {DeliveryState.RECALLED}
    events = [text for _, text in journal.batches.events(batch_id)]
    assert "recalled by an operator: consent withdrawn" in events
    assert "x: 1 instance removed; nothing is left" in events
    assert journal.batches.retry(batch_id) is None
    assert journal.recalls.begin([("study", "irb")], "", patients=False) == []


def test_persons_who_recall_the_same_at_once(journal: Journal) -> None:
    """Each recall comes to its end, and the study and its patient are withdrawn once."""
    batch_id = done(journal, "x")
    with ThreadPoolExecutor(8) as pool:
        recalls = [pool.submit(recalled, journal, batch_id, patients=True) for _ in range(8)]
        left = [recall.result() for recall in recalls]
    assert all([one.destination for one in deliveries] == ["x"] for deliveries in left)
    with reading(journal.engine) as c:
        for table in (t.recalled_studies, t.recalled_patients):
            assert len(c.execute(sa.select(table)).all()) == 1
        assert c.execute(sa.select(t.high_water.c.withdrawn)).scalar_one() == 2


def test_what_could_not_be_removed_stays_visible_and_is_tried_again(journal: Journal) -> None:
    """RECALL_FAILED with the reason; a second recall asks only the destination that failed."""
    batch_id = done(journal, "x", "y")
    x, y = recalled(journal, batch_id)
    journal.recalls.end(x, 0, 1, "1 of 1 could not be removed: it has no way to")
    assert journal.recalls.end(y, 1, 0, None) is BatchState.RECALL_FAILED
    batch = journal.batches.get(batch_id)
    assert batch is not None
    assert batch.reason == "x: 1 of 1 could not be removed: it has no way to"
    assert journal.batches.retry(batch_id) is None
    assert journal.batches.tallies([batch_id]) == {batch_id: {InstanceState.SENT: 1}}
    [again] = recalled(journal, batch_id)
    assert again.destination == "x"
    assert journal.recalls.end(again, 1, 0, None) is BatchState.RECALLED


def test_what_is_under_way_is_fenced(journal: Journal) -> None:
    """A delivery that runs can write nothing any more; one that never began has nothing to remove."""
    batch_id = on_its_way(journal, "begun", "never")
    running, _ = journal.deliveries.begin(batch_id, "begun", 1)
    [delivery] = recalled(journal, batch_id)
    assert delivery.destination == "begun"
    with pytest.raises(Superseded):
        journal.deliveries.verified(running, 1)
    with pytest.raises(Superseded):
        journal.deliveries.progress(running, 1)
    with pytest.raises(Superseded):
        journal.deliveries.begin(batch_id, "never", 1)
    assert journal.deliveries.open() == []
    with pytest.raises(Superseded):
        journal.recalls.start(batch_id, "begun", delivery.attempt - 1)


def test_a_batch_that_was_not_delivered_yet_is_recalled_at_once(journal: Journal) -> None:
    """QUEUED, PROCESSING or QUARANTINED: nothing is anywhere, and its stages can write nothing any more."""
    batch_id = queued(journal, "a")
    batch = journal.batches.begin(batch_id, 1)
    assert recalled(journal, batch_id) == []
    assert state(journal, batch_id) is BatchState.RECALLED
    with pytest.raises(Superseded):
        journal.batches.record(batch_id, batch.attempt, {"a": receipt("2.25.3")})
    with pytest.raises(Superseded):
        journal.batches.fail(batch_id, batch.attempt + 1, "x")


def test_nothing_late_of_a_recalled_study_is_processed(journal: Journal) -> None:
    """Also for the project's variants, also what overwrites an instance, also by a retry; other projects go on."""
    batch_id = done(journal, "x")
    recalled(journal, batch_id)
    late = queued(journal, "a", "b")
    assert state(journal, late) is BatchState.QUARANTINED
    assert state(journal, journal.intake.queue_overwritten("study", "irb", "a")) is BatchState.QUARANTINED
    variant = journal.intake.queue("study", "irb@second", ["a"], "x")
    assert variant is not None
    assert state(journal, variant) is BatchState.QUARANTINED
    with pytest.raises(Misconfigured, match="recalled in this project"):
        journal.batches.retry(late)
    other = journal.intake.queue("study", "other", ["a"], "x")
    assert other is not None
    assert state(journal, other) is BatchState.QUEUED


def test_a_study_with_late_batches_and_variants_is_recalled_whole(journal: Journal) -> None:
    """Whichever of its batches is named; another study, and another project that begins alike, stay."""
    first = done(journal, "x")
    late = on_its_way(journal, "x", instance="b")
    variant = journal.intake.queue("study", "irb@second", ["a", "b"], "x")
    alike = journal.intake.queue("study", "irb2", ["a"], "x")
    other = queued(journal, "c", study="another")
    assert variant is not None
    assert alike is not None
    assert journal.recalls.batches_of("study", "irb@second") == [first, late, variant]
    assert journal.recalls.begin([("study", "irb@second")], "", patients=False) == [first, late, variant]
    assert state(journal, alike) is state(journal, other) is BatchState.QUEUED


def test_further_studies_of_a_recalled_patient_are_held(journal: Journal) -> None:
    """Where the patient was recalled, and in that project alone."""
    batch_id = done(journal, "x")
    assert journal.recalls.studies_of("P") == {("study", "irb")}
    recalled(journal, batch_id, patients=True)
    further = queued(journal, "b", study="another")
    journal.batches.begin(further, 1)
    journal.batches.record(further, 1, {"b": receipt("2.25.77", "b")})
    assert journal.batches.conclude(further, 1, ["x"]) is BatchState.QUARANTINED
    assert [reason for _, reason in journal.batches.reasons(further)] == [
        "this patient's studies were recalled in this project; nothing of them may leave any more"
    ]
    somebody = queued(journal, "c", study="third")
    journal.batches.begin(somebody, 1)
    journal.batches.record(somebody, 1, {"c": replace(receipt("2.25.78", "c"), patient_id="Q")})
    assert journal.batches.conclude(somebody, 1, ["x"]) is BatchState.DELIVERING


def test_a_recall_that_fails_for_now_waits(journal: Journal) -> None:
    """RECALLING still, with the reason, the time and the count."""
    batch_id = done(journal, "x")
    [delivery] = recalled(journal, batch_id)
    begun, _ = journal.recalls.start(batch_id, "x", delivery.attempt)
    assert journal.recalls.postpone(begun, 1, "it does not answer", datetime.now(UTC)) == delivery.attempt + 1
    [waiting] = journal.recalls.open()
    assert (waiting.failures, waiting.sent, waiting.last_error) == (1, 1, "it does not answer")
    assert state(journal, batch_id) is BatchState.RECALLING
    assert journal.recalls.renew(waiting) == waiting.attempt + 1
    with pytest.raises(Superseded):
        journal.recalls.end(waiting, 1, 0, None)


def test_a_second_recall_need_not_wait_for_a_destination_that_is_away(journal: Journal) -> None:
    """What failed, and what waits for its next try, is tried at once; what runs at this moment is left alone."""
    batch_id = done(journal, "away", "refuses", "runs")
    away, refuses, runs = recalled(journal, batch_id)
    begun, _ = journal.recalls.start(batch_id, "away", away.attempt)
    journal.recalls.postpone(begun, 1, "it does not answer", datetime.now(UTC) + timedelta(hours=1))
    assert journal.recalls.end(refuses, 0, 1, "401") is BatchState.RECALLING
    running, _ = journal.recalls.start(batch_id, "runs", runs.attempt)
    again = {d.destination: d for d in recalled(journal, batch_id)}
    assert {(d.failures, d.next_attempt_at, d.last_error) for d in again.values()} == {(0, None, None)}
    assert again["runs"].attempt == runs.attempt
    for delivery in (again["away"], again["refuses"], running):
        journal.recalls.end(delivery, 1, 0, None)
    assert state(journal, batch_id) is BatchState.RECALLED


def test_a_destination_that_was_dropped_on_the_way_is_asked_nevertheless(journal: Journal) -> None:
    """A delivery that failed in the middle may have left something there; one that never began has not."""
    batch_id = on_its_way(journal, "cut off", "never", "x")
    running, _ = journal.deliveries.begin(batch_id, "cut off", 1)
    journal.deliveries.progress(running, 1)
    journal.deliveries.fail(running, "403")
    delivery, _ = journal.deliveries.begin(batch_id, "x", 1)
    journal.deliveries.verified(delivery, 1)
    journal.batches.fail(batch_id, 1, "a staged file was altered", BatchState.QUARANTINED)
    renewed = journal.batches.retry(batch_id)
    assert renewed is not None
    journal.batches.begin(batch_id, renewed.attempt)
    journal.batches.record(batch_id, renewed.attempt, {"a": receipt("2.25.1", "a")})
    assert journal.batches.conclude(batch_id, renewed.attempt, ["x"]) is BatchState.SENT
    assert journal.deliveries.open() == []
    assert {d.destination for d in recalled(journal, batch_id)} == {"cut off", "x"}

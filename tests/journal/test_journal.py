"""The journal on both databases: every change of state, and that nothing else can change it."""

from __future__ import annotations

import contextlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from sendit.errors import Misconfigured, Retry
from sendit.journal import Journal, Superseded, deliveries
from sendit.journal.database import journal_url, open_engine
from sendit.journal.lists.imports import SealedName
from sendit.journal.lists.pages import ALL
from sendit.journal.tables import metadata
from sendit.model import (
    DELETED,
    LOOK_DUE,
    LOOKED_AT,
    BatchState,
    DeliveryState,
    FileOutcome,
    InstanceState,
    Quarantined,
    Receipt,
    Rejected,
)
from sendit.pipeline.pool.trial import CRASHED, TRIED_AGAIN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.postgres import PostgresServer


def receipt(uid: str, content: str = "a") -> Receipt:
    return Receipt(
        input_sha256=content * 64,
        plan_sha256="0" * 64,
        output_sha256=content * 64,
        output_md5="0" * 32,
        output_size=10,
        patient_id="P",
        study_instance_uid="2.25.1",
        series_instance_uid="2.25.2",
        sop_instance_uid=uid,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        actions={"X": 3},
        released=True,
    )


def queued(journal: Journal, *instances: str, study: str = "study") -> int:
    batch_id = journal.intake.queue(study, "irb", instances, "20260101T000000")
    assert batch_id is not None
    return batch_id


def delivering(journal: Journal, *destinations: str) -> int:
    """A batch of one released instance on its way."""
    batch_id = queued(journal, "a")
    journal.batches.begin(batch_id, 1)
    journal.batches.record(batch_id, 1, {"a": receipt("2.25.3")})
    assert journal.batches.conclude(batch_id, 1, destinations) is BatchState.DELIVERING
    return batch_id


def state(journal: Journal, batch_id: int) -> BatchState:
    batch = journal.batches.get(batch_id)
    assert batch is not None
    return batch.state


def test_a_batch_opens_counts_and_is_queued(journal: Journal) -> None:
    """RECEIVING with the count so far, then QUEUED with the instances listed."""
    journal.intake.receiving("study", 1)
    journal.intake.receiving("study", 3)
    [batch] = journal.batches.page(ALL, 10).batches
    assert (batch.state, batch.received, batch.project) == (BatchState.RECEIVING, 3, None)
    assert queued(journal, "a", "b", "c", "d") == batch.id
    found = journal.batches.get(batch.id)
    assert found is not None
    assert (found.state, found.received, found.project, found.follows) == (BatchState.QUEUED, 4, "irb", None)
    assert journal.batches.tallies([batch.id]) == {batch.id: {InstanceState.PENDING: 4}}


def test_a_change_that_is_not_committed_is_not_logged(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk is full at the very end: what was to be is not, so no line says that it is."""
    caplog.set_level(logging.INFO, "sendit.journal.writing")
    queued(journal, "a")
    assert caplog.messages == ["batch 1: QUEUED (irb)"]
    dialect = journal.engine.dialect

    def fail(_connection: object) -> None:
        raise dialect.loaded_dbapi.OperationalError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(dialect, "do_commit", fail)
        with pytest.raises((sa.exc.OperationalError, Retry)):
            queued(journal, "b")
    assert caplog.messages == ["batch 1: QUEUED (irb)"]
    queued(journal, "b")
    assert [message.partition(": ")[2] for message in caplog.messages] == ["QUEUED (irb)"] * 2


def test_the_same_instances_are_queued_once(journal: Journal) -> None:
    """A second stable event of the same study makes no batch, and an open one with nothing in it disappears."""
    queued(journal, "a", "b")
    journal.intake.receiving("study", 2)
    assert journal.intake.queue("study", "irb", ["a", "b"], "x") is None
    assert len(journal.batches.page(ALL, 10).batches) == 1


def test_late_instances_are_a_batch_of_their_own(journal: Journal) -> None:
    """Only what is new is listed, and the new batch names the one that it follows."""
    first = queued(journal, "a", "b")
    second = queued(journal, "a", "b", "c")
    found = journal.batches.get(second)
    assert found is not None
    assert (found.received, found.follows) == (1, first)
    assert [i.orthanc_id for i in journal.batches.instances(second)] == ["c"]


def test_another_project_gets_the_study_too(journal: Journal) -> None:
    """Instances are covered once for each project."""
    queued(journal, "a")
    assert journal.intake.queue("study", "other", ["a"], "x") is not None


def test_a_study_that_no_project_matches_ends_empty(journal: Journal) -> None:
    """Its instances are rejected with that reason, and a retry can name a project."""
    batch_id = journal.intake.queue("study", None, ["a", "b"], "x")
    assert batch_id is not None
    assert state(journal, batch_id) is BatchState.EMPTY
    assert journal.batches.reasons(batch_id) == {
        (InstanceState.REJECTED, "no project's Match applies to this study"): 2
    }
    renewed = journal.batches.retry(batch_id, "irb")
    assert renewed is not None
    assert (renewed.state, renewed.project) == (BatchState.QUEUED, "irb")
    assert journal.batches.tallies([batch_id]) == {batch_id: {InstanceState.PENDING: 2}}


def test_a_study_deleted_before_it_was_stable_ends_empty(journal: Journal) -> None:
    """The open batch says why."""
    journal.intake.receiving("study", 1)
    journal.intake.drop_receiving("study")
    [batch] = journal.batches.page(ALL, 10).batches
    assert batch.state is BatchState.EMPTY
    assert "deleted" in str(batch.reason)


def test_every_outcome_is_counted_and_the_rest_goes_on(journal: Journal) -> None:
    """A rejected instance does not hold the others."""
    batch_id = queued(journal, "a", "b")
    journal.batches.begin(batch_id, 1)
    journal.batches.record(batch_id, 1, {"a": receipt("2.25.3"), "b": Rejected("truncated")})
    assert journal.batches.conclude(batch_id, 1, ["x"]) is BatchState.DELIVERING
    tally = {InstanceState.RELEASED: 1, InstanceState.REJECTED: 1}
    assert journal.batches.tallies([batch_id]) == {batch_id: tally}
    [released] = journal.batches.instances(batch_id, InstanceState.RELEASED)
    assert released.receipt == receipt("2.25.3")


def test_what_a_recipient_can_no_longer_read_is_counted_and_told_once(journal: Journal) -> None:
    batch_id = queued(journal, "a", "b", "c")
    journal.batches.begin(batch_id, 1)
    lost = {"a": ("Philips scale slope", "PatientWeight"), "b": ("Philips scale slope",), "c": ()}
    outcomes = {name: replace(receipt(f"2.25.{name}"), lost_meaning=names) for name, names in lost.items()}
    journal.batches.record(batch_id, 1, outcomes)
    assert journal.batches.conclude(batch_id, 1, ["x"]) is BatchState.DELIVERING
    assert journal.batches.lost_meaning(batch_id) == {"Philips scale slope": 2, "PatientWeight": 1}
    told = [message for _, message in journal.batches.events(batch_id) if "no longer read" in message]
    assert told == ["a recipient can no longer read: Philips scale slope (2 instances), PatientWeight (1 instance)"]


def test_nothing_is_told_where_nothing_is_lost(journal: Journal) -> None:
    batch_id = delivering(journal, "x")
    assert journal.batches.lost_meaning(batch_id) == {}
    assert not [message for _, message in journal.batches.events(batch_id) if "no longer read" in message]


def test_one_doubtful_instance_holds_the_batch(journal: Journal) -> None:
    """Nothing of a quarantined batch is addressed to a destination."""
    batch_id = queued(journal, "a", "b")
    journal.batches.begin(batch_id, 1)
    journal.batches.record(batch_id, 1, {"a": receipt("2.25.3"), "b": Quarantined("text in PatientComments")})
    assert journal.batches.conclude(batch_id, 1, ["x"]) is BatchState.QUARANTINED
    assert journal.batches.tallies([batch_id]) == {batch_id: {InstanceState.QUARANTINED: 2}}
    assert journal.deliveries.of([batch_id]) == {batch_id: []}


def test_a_batch_of_which_nothing_is_left_is_empty(journal: Journal) -> None:
    """All instances rejected: EMPTY, with a reason."""
    batch_id = queued(journal, "a")
    journal.batches.begin(batch_id, 1)
    journal.batches.record(batch_id, 1, {"a": Rejected("not DICOM")})
    assert journal.batches.conclude(batch_id, 1, ["x"]) is BatchState.EMPTY


def test_two_contents_under_one_uid_are_held(journal: Journal) -> None:
    """In one batch, and across batches of the project."""
    batch_id = queued(journal, "a", "b")
    journal.batches.begin(batch_id, 1)
    journal.batches.record(batch_id, 1, {"a": receipt("2.25.3", "a"), "b": receipt("2.25.3", "b")})
    assert journal.batches.conclude(batch_id, 1, ["x"]) is BatchState.QUARANTINED
    first = queued(journal, "c", study="second")
    journal.batches.begin(first, 1)
    journal.batches.record(first, 1, {"c": receipt("2.25.4", "c")})
    assert journal.batches.conclude(first, 1, ["x"]) is BatchState.DELIVERING
    other = queued(journal, "d", study="third")
    journal.batches.begin(other, 1)
    journal.batches.record(other, 1, {"d": receipt("2.25.4", "d")})
    assert journal.batches.conclude(other, 1, ["x"]) is BatchState.QUARANTINED
    assert state(journal, first) is BatchState.DELIVERING


def test_nothing_leaves_whose_series_is_still_to_be_looked_at(journal: Journal) -> None:
    """The look changes receipts of released instances, or takes them back; without it they are held."""
    batch_id = queued(journal, "a", "b", "c")
    journal.batches.begin(batch_id, 1)
    due = {name: replace(receipt(f"2.25.{n}", name), pixels={"series": LOOK_DUE}) for n, name in enumerate("abc", 3)}
    journal.batches.record(batch_id, 1, due)
    taken = replace(due["a"], pixels={"series": LOOKED_AT})
    journal.batches.look_taken(batch_id, 1, {"a": taken, "b": Rejected("gone")})
    states = {one.orthanc_id: (one.state, one.receipt) for one in journal.batches.instances(batch_id)}
    assert states["a"] == (InstanceState.RELEASED, taken)
    assert states["b"] == (InstanceState.REJECTED, None)
    assert journal.batches.conclude(batch_id, 1, ["there"]) is BatchState.QUARANTINED
    [held] = [one for one in journal.batches.instances(batch_id) if one.orthanc_id == "c"]
    assert held.reason == "its series was not looked at for text in its pixels"
    with pytest.raises(Superseded):
        journal.batches.look_taken(batch_id, 1, {"a": taken})


def test_a_batch_is_not_concluded_with_an_instance_pending(journal: Journal) -> None:
    """An instance without an outcome cannot be passed over."""
    batch_id = queued(journal, "a", "b")
    journal.batches.begin(batch_id, 1)
    journal.batches.record(batch_id, 1, {"a": receipt("2.25.3")})
    with pytest.raises(Superseded):
        journal.batches.conclude(batch_id, 1, ["x"])
    assert state(journal, batch_id) is BatchState.PROCESSING


def test_writes_of_an_old_attempt_change_nothing(journal: Journal) -> None:
    """A worker that was frozen while another took over cannot write."""
    batch_id = queued(journal, "a")
    journal.batches.begin(batch_id, 1)
    assert journal.batches.renew(batch_id, 1) == 2
    with pytest.raises(Superseded):
        journal.batches.record(batch_id, 1, {"a": receipt("2.25.3")})
    with pytest.raises(Superseded):
        journal.batches.postpone(batch_id, 1, "x", datetime.now(UTC))
    with pytest.raises(Superseded):
        journal.batches.begin(batch_id, 1)
    assert journal.batches.begin(batch_id, 2).starts == 2
    assert journal.batches.tallies([batch_id]) == {batch_id: {InstanceState.PENDING: 1}}


def test_what_was_deleted_before_it_was_processed_is_taken_up_when_it_comes_again(journal: Journal) -> None:
    """It was received, and never seen: a re-send is a new batch of just that instance, as often as it takes."""
    for _ in range(2):
        batch_id = journal.intake.queue("study", "irb", ["a"], "x")
        assert batch_id is not None
        assert journal.intake.queue("study", "irb", ["a"], "x") is None
        journal.batches.begin(batch_id, 1)
        journal.batches.record(batch_id, 1, {"a": Rejected(DELETED)})
        assert journal.batches.conclude(batch_id, 1, ["x"]) is BatchState.EMPTY


def test_a_third_content_under_a_quarantined_uid_is_held_too(journal: Journal) -> None:
    """Also if the two before it were never sent."""
    first = queued(journal, "a", "b")
    journal.batches.begin(first, 1)
    journal.batches.record(first, 1, {"a": receipt("2.25.3", "a"), "b": receipt("2.25.3", "b")})
    journal.batches.conclude(first, 1, ["x"])
    late = queued(journal, "a", "b", "c")
    journal.batches.begin(late, 1)
    journal.batches.record(late, 1, {"c": receipt("2.25.3", "c")})
    assert journal.batches.conclude(late, 1, ["x"]) is BatchState.QUARANTINED
    batch = journal.batches.get(late)
    assert batch is not None
    assert "same SOPInstanceUID" in str(batch.reason)


def test_two_destinations_that_end_at_the_same_time(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of both sees that all are done, also where neither transaction sees what the other one writes."""
    batch_id = delivering(journal, "x", "y")
    begun = [journal.deliveries.begin(batch_id, name, 1)[0] for name in ("x", "y")]
    both, settle = threading.Barrier(2), deliveries.settle

    def meet(*arguments: Any) -> BatchState:
        """Looks, and waits for the other one before it commits. Who comes alone goes on: the other one has to wait."""
        found = settle(*arguments)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(timeout=1)
        return found

    monkeypatch.setattr(deliveries, "settle", meet)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda one: journal.deliveries.verified(one, 1), begun))
    assert state(journal, batch_id) is BatchState.SENT


def _retried_after_one_failed(journal: Journal) -> tuple[int, int]:
    """Return a batch that "kept" holds and "old" did not take, and its new attempt, which has begun."""
    batch_id = delivering(journal, "old", "kept")
    kept, _ = journal.deliveries.begin(batch_id, "kept", 1)
    journal.deliveries.verified(kept, 1)
    old, _ = journal.deliveries.begin(batch_id, "old", 1)
    journal.deliveries.fail(old, "403")
    renewed = journal.batches.retry(batch_id)
    assert renewed is not None
    journal.batches.begin(batch_id, renewed.attempt)
    return batch_id, renewed.attempt


def test_a_destination_that_a_project_no_longer_names_is_dropped(journal: Journal) -> None:
    """A retry goes to those that it names now; what was verified or begun stays on record."""
    batch_id, attempt = _retried_after_one_failed(journal)
    journal.batches.conclude(batch_id, attempt, ["new", "kept"])
    states = {d.destination: d.state for d in journal.deliveries.of([batch_id])[batch_id]}
    dropped = {"old": DeliveryState.DROPPED}
    assert states == {"new": DeliveryState.WAITING, "kept": DeliveryState.VERIFIED, **dropped}


def test_a_retry_without_the_destination_that_failed_ends(journal: Journal) -> None:
    """The others hold it already: SENT, and not DELIVERING for ever."""
    batch_id, attempt = _retried_after_one_failed(journal)
    assert journal.batches.conclude(batch_id, attempt, ["kept"]) is BatchState.SENT
    journal.batches.done(batch_id)
    assert journal.originals.undelivered("study", {"irb"}) is False


def test_a_retry_does_not_take_what_another_batch_covers(journal: Journal) -> None:
    """No project matched; then one did, and a late instance brought all of the study along."""
    empty = journal.intake.queue("study", None, ["a"], "x")
    assert empty is not None
    queued(journal, "a", "b")
    with pytest.raises(Misconfigured, match="another batch covers"):
        journal.batches.retry(empty, "irb")
    assert state(journal, empty) is BatchState.EMPTY


def test_an_ordinary_stop_is_no_failure(journal: Journal) -> None:
    """However often: the count of starts without an end begins anew."""
    batch_id = queued(journal, "a")
    for _ in range(8):
        assert journal.batches.begin(batch_id, 1).starts == 1
        journal.batches.rest()


def test_what_ends_its_worker_is_counted_until_there_is_progress(journal: Journal) -> None:
    """Starts without an end, of batches and of deliveries; an outcome or an acknowledgement begins the count anew."""
    batch_id = queued(journal, "a", "b")
    assert [journal.batches.begin(batch_id, 1).starts for _ in range(3)] == [1, 2, 3]
    journal.batches.record(batch_id, 1, {"a": receipt("2.25.3")})
    assert journal.batches.begin(batch_id, 1).starts == 2
    journal.batches.record(batch_id, 1, {"b": receipt("2.25.4")})
    journal.batches.conclude(batch_id, 1, ["x"])
    assert [journal.deliveries.begin(batch_id, "x", 1)[1] for _ in range(3)] == [1, 2, 3]
    delivery, _ = journal.deliveries.begin(batch_id, "x", 1)
    journal.deliveries.progress(delivery, 1)
    assert journal.deliveries.begin(batch_id, "x", 1)[1] == 2
    journal.deliveries.progress(delivery, 1)
    assert journal.deliveries.begin(batch_id, "x", 1)[1] == 3


def test_what_was_ended_from_outside_is_found_once(journal: Journal) -> None:
    """After a restart it is tried once more before a person is asked; what is held for another reason is left alone."""
    held = []
    for number, reason in enumerate((*TRIED_AGAIN, CRASHED, "the leak check found something")):
        held.append(queued(journal, f"instance{number}", study=f"study{number}"))
        journal.batches.begin(held[number], 1)
        journal.batches.record(held[number], 1, {f"instance{number}": Quarantined(reason)})
        journal.batches.conclude(held[number], 1, ["x"])
    found = journal.rescheduling.held_for(TRIED_AGAIN, unless="again")
    assert found == held[: len(TRIED_AGAIN)]
    for number, batch_id in enumerate(found):
        renewed = journal.batches.retry(batch_id, why="again")
        assert renewed is not None
        assert state(journal, batch_id) is BatchState.QUEUED
        journal.batches.begin(batch_id, renewed.attempt)
        journal.batches.record(batch_id, renewed.attempt, {f"instance{number}": Quarantined(TRIED_AGAIN[0])})
        journal.batches.conclude(batch_id, renewed.attempt, ["x"])
        assert state(journal, batch_id) is BatchState.QUARANTINED
    assert journal.rescheduling.held_for(TRIED_AGAIN, unless="again") == []


def test_a_postponed_batch_waits_and_counts(journal: Journal) -> None:
    """QUEUED again with the reason, the time, and one more failure."""
    batch_id = queued(journal, "a")
    journal.batches.begin(batch_id, 1)
    until = datetime.now(UTC) + timedelta(minutes=5)
    assert journal.batches.postpone(batch_id, 1, "Orthanc does not answer", until) == 2
    batch = journal.batches.get(batch_id)
    assert batch is not None
    assert (batch.state, batch.failures, batch.reason) == (BatchState.QUEUED, 1, "Orthanc does not answer")
    assert batch.next_attempt_at is not None
    assert abs(batch.next_attempt_at - until) < timedelta(seconds=1)


def test_all_destinations_verified_means_sent_then_done(journal: Journal) -> None:
    """SENT only after the last one; the instances are SENT then too."""
    batch_id = delivering(journal, "x", "y")
    x, _ = journal.deliveries.begin(batch_id, "x", 1)
    assert journal.deliveries.verified(x, 1) is BatchState.DELIVERING
    y, _ = journal.deliveries.begin(batch_id, "y", 1)
    assert journal.deliveries.verified(y, 1) is BatchState.SENT
    assert journal.batches.tallies([batch_id]) == {batch_id: {InstanceState.SENT: 1}}
    journal.batches.done(batch_id)
    assert state(journal, batch_id) is BatchState.DONE
    with pytest.raises(Superseded):
        journal.batches.done(batch_id)


def test_one_failed_destination_fails_the_batch_once_the_others_are_through(journal: Journal) -> None:
    """It does not stop the other one, and a retry sends only to the one that failed."""
    batch_id = delivering(journal, "x", "y")
    x, _ = journal.deliveries.begin(batch_id, "x", 1)
    journal.deliveries.fail(x, "the peer refuses us")
    assert state(journal, batch_id) is BatchState.DELIVERING
    y, _ = journal.deliveries.begin(batch_id, "y", 1)
    assert journal.deliveries.verified(y, 1) is BatchState.FAILED
    batch = journal.batches.get(batch_id)
    assert batch is not None
    assert batch.reason == "x: the peer refuses us"
    assert {d.destination: d.failures for d in journal.deliveries.of([batch_id])[batch_id]} == {"x": 1, "y": 0}
    renewed = journal.batches.retry(batch_id)
    assert renewed is not None
    journal.batches.begin(batch_id, renewed.attempt)
    assert journal.batches.conclude(batch_id, renewed.attempt, ["x", "y"]) is BatchState.DELIVERING
    states = {d.destination: d.state for d in journal.deliveries.of([batch_id])[batch_id]}
    assert states == {"x": DeliveryState.WAITING, "y": DeliveryState.VERIFIED}
    assert [d.destination for d in journal.deliveries.open()] == ["x"]


def test_a_delivery_of_an_old_attempt_changes_nothing(journal: Journal) -> None:
    """Fenced like batches."""
    batch_id = delivering(journal, "x")
    old, _ = journal.deliveries.begin(batch_id, "x", 1)
    journal.deliveries.renew(old)
    with pytest.raises(Superseded):
        journal.deliveries.verified(old, 1)
    with pytest.raises(Superseded):
        journal.deliveries.progress(old, 1)
    with pytest.raises(Superseded):
        journal.deliveries.begin(batch_id, "x", 1)


def test_retry_is_refused_for_what_is_under_way_or_sent(journal: Journal) -> None:
    """Only ended batches that were not sent."""
    batch_id = delivering(journal, "x")
    assert journal.batches.retry(batch_id) is None
    delivery, _ = journal.deliveries.begin(batch_id, "x", 1)
    journal.deliveries.verified(delivery, 1)
    assert journal.batches.retry(batch_id) is None


def test_an_overwritten_instance_is_listed_again(journal: Journal) -> None:
    """Its new content gets a batch of its own."""
    first = queued(journal, "a")
    second = journal.intake.queue_overwritten("study", "irb", "a")
    assert [i.orthanc_id for i in journal.batches.instances(second)] == ["a"]
    assert journal.intake.covered(["a"])["a"][0] == second > first


def test_pages_do_not_overlap(journal: Journal) -> None:
    """The newest first, and `before` goes on where the page ended."""
    made = [queued(journal, str(n), study=f"s{n}") for n in range(5)]
    first = journal.batches.page(ALL, 2).batches
    second = journal.batches.page(ALL, 2, before=first[-1].id).batches
    assert [b.id for b in first + second] == made[:0:-1]


def test_two_threads_queue_a_study_once(journal: Journal) -> None:
    """Stable events from several workers at once make one batch."""
    made: list[int | None] = []

    def queue() -> None:
        made.append(journal.intake.queue("study", "irb", ["a", "b"], "x"))

    threads = [threading.Thread(target=queue) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len([batch_id for batch_id in made if batch_id is not None]) == 1
    assert len(journal.batches.page(ALL, 10).batches) == 1


def test_imports_keep_every_files_outcome(journal: Journal) -> None:
    """The last outcome of a path counts."""
    a, b = SealedName("a" * 64, b"sealed"), SealedName("b" * 64, None)
    import_id = journal.imports.begin("irb", a, b, "cli:ada")
    journal.imports.record_all(import_id, {a: (FileOutcome.UNREADABLE, "no", None)})
    again = SealedName(a.mac, b"sealed anew")
    journal.imports.record_all(
        import_id, {again: (FileOutcome.IMPORTED, None, "s"), b: (FileOutcome.NOT_DICOM, None, None)}
    )
    journal.imports.finish(import_id, ok=False)
    summary = journal.imports.summary(import_id)
    assert summary is not None
    assert summary["files"] == {"imported": 1, "not DICOM": 1}
    assert summary["state"] == "ERRORS"
    names = journal.imports.names(import_id)
    assert names is not None
    assert (names.project, names.folder, names.directory) == ("irb", a, b)
    assert list(names.files) == [(again, "imported"), (b, "not DICOM")]


def test_a_key_is_remembered_once(journal: Journal) -> None:
    """The first fingerprint stays."""
    assert journal.facts.key_fingerprint("irb") is None
    journal.facts.remember_key("irb", "one")
    journal.facts.remember_key("irb", "two")
    assert journal.facts.key_fingerprint("irb") == "one"


def test_a_database_of_a_newer_version_is_refused(database: str, data_directory: Path) -> None:
    """With the remedy, and untouched."""
    Journal.open(database, data_directory).close()
    engine = sa.create_engine(journal_url(database, data_directory))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(Misconfigured, match="newer than this version of SendIt") as caught:
        open_engine(database, data_directory)
    assert caught.value.place == "SendIt.Database"
    assert "newer" in caught.value.problem


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_of_another_encoding_is_refused(
    postgres: PostgresServer, data_directory: Path, encoding: str
) -> None:
    """Before anything is written, with the remedy."""
    with pytest.raises(Misconfigured, match=f"encoding is {encoding}") as caught:
        open_engine(postgres.database(encoding), data_directory)
    assert "ENCODING 'UTF8'" in caught.value.remedy


def test_a_database_that_does_not_answer_is_tried_again(data_directory: Path) -> None:
    """Retry, and the message shows no password."""
    with pytest.raises(Retry) as caught:
        open_engine("postgresql://user:secret-word@127.0.0.1:1/none", data_directory)
    assert "secret-word" not in str(caught.value)


def test_the_tables_equal_what_the_migrations_make(database: str, data_directory: Path) -> None:
    """No column was added to the tables without a migration."""

    engine = open_engine(database, data_directory)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


@pytest.mark.parametrize("port", ["543x", "99999999999"])
def test_a_url_that_is_none(tmp_path: Path, port: str) -> None:
    """Its place is named, and its password is not."""
    with pytest.raises((Misconfigured, Retry)) as caught:
        open_engine(f"postgresql://sendit:quixworth@127.0.0.1:{port}/sendit", tmp_path)
    assert "SendIt.Database" in str(caught.value)
    assert "quixworth" not in str(caught.value)

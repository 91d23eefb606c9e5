"""Which originals may go, and what old batches may lose: the journal on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sendit.journal.originals import DELETED, DUE
from sendit.model import BatchState, InstanceState, Rejected
from tests.journal.test_journal import queued, receipt

if TYPE_CHECKING:
    from sendit.journal import Journal


def done(journal: Journal, taken: dict[str, list[str]] | None = None, project: str = "irb") -> int:
    """A batch of a CT image, an MR image and a rejected file, delivered to x and y."""
    batch_id = journal.intake.queue("study", project, ["ct", "mr", "bad"], "x")
    assert batch_id is not None
    journal.batches.begin(batch_id, 1)
    ct = replace(receipt("2.25.3", "c"), modality="CT")
    mr = replace(receipt("2.25.4", "d"), modality="MR")
    journal.batches.record(batch_id, 1, {"ct": ct, "mr": mr, "bad": Rejected("truncated")})
    journal.batches.conclude(batch_id, 1, ["x", "y"], taken)
    for name in ("x", "y"):
        journal.deliveries.verified(journal.deliveries.begin(batch_id, name, 1)[0], 1)
    journal.batches.done(batch_id, DUE)
    return batch_id


def test_what_is_sent_everywhere_may_go(journal: Journal) -> None:
    """With the digest that it must still have; what was rejected stays."""
    done(journal)
    assert journal.originals.due() == ["study"]
    assert journal.originals.deletable("study") == {"ct": "c" * 64, "mr": "d" * 64}
    journal.originals.end("study", DELETED, "2 deleted")
    assert journal.originals.due() == []
    assert journal.originals.again("study")
    assert journal.originals.due() == ["study"]


def test_what_no_destination_took_stays(journal: Journal) -> None:
    """By what was fixed when it was addressed."""
    done(journal, {"x": ["CT"], "y": ["CT", "SR"]})
    assert journal.originals.deletable("study") == {"ct": "c" * 64}


def test_a_further_batch_of_the_study_holds_all_of_it(journal: Journal) -> None:
    """Of any project, as long as it is under way; afterwards what that project did not send stays."""
    done(journal)
    other = journal.intake.queue("study", "other", ["ct", "mr"], "x")
    assert other is not None
    assert journal.originals.due() == []
    journal.batches.begin(other, 1)
    journal.batches.record(other, 1, {"ct": replace(receipt("2.25.5", "c"), modality="CT"), "mr": Rejected("no")})
    journal.batches.conclude(other, 1, ["x"])
    assert journal.originals.undelivered("study", {"irb", "other"})
    journal.deliveries.verified(journal.deliveries.begin(other, "x", 1)[0], 1)
    journal.batches.done(other)
    assert journal.originals.due() == ["study"]
    assert not journal.originals.undelivered("study", {"irb", "other"})
    assert journal.originals.undelivered("study", {"irb", "other", "irb@variant"})
    assert journal.originals.deletable("study") == {"ct": "c" * 64}


def test_a_study_on_its_way_in_holds_all_of_it(journal: Journal) -> None:
    """RECEIVING: something of it is not even listed."""
    done(journal)
    journal.intake.receiving("study", 4)
    assert journal.originals.due() == []


def test_old_batches_lose_story_and_receipts_and_are_known_for_ever(journal: Journal) -> None:
    """Not before their time, not while originals are due; the study is not taken for a new one."""
    batch_id = done(journal)
    late = datetime.now(UTC) + timedelta(days=1)
    assert journal.retention.prune(late) == 0
    journal.originals.end("study", DELETED, "")
    assert journal.retention.prune(datetime.now(UTC) - timedelta(days=1)) == 0
    assert journal.retention.prune(late) == 1
    assert journal.retention.prune(late) == 0
    assert journal.retention.pruned_at(batch_id) is not None
    assert [r for _, r in journal.batches.receipts(batch_id) if r] == []
    assert len(journal.batches.events(batch_id)) == 1
    assert journal.intake.queue("study", "irb", ["ct", "mr", "bad"], "x") is None
    assert journal.batches.tallies([batch_id])[batch_id] == {InstanceState.SENT: 2, InstanceState.REJECTED: 1}
    twin = queued(journal, "elsewhere", study="another")
    journal.batches.begin(twin, 1)
    journal.batches.record(twin, 1, {"elsewhere": receipt("2.25.3", "e")})
    assert journal.batches.conclude(twin, 1, ["x"]) is BatchState.QUARANTINED


def test_batches_that_wait_for_a_person_are_found_by_their_age(journal: Journal) -> None:
    """FAILED and QUARANTINED alone: their staged files may go."""
    batch_id = queued(journal, "a")
    journal.batches.begin(batch_id, 1)
    journal.batches.fail(batch_id, 1, "the peer refuses us")
    queued(journal, "b", study="another")
    assert journal.retention.held(datetime.now(UTC) - timedelta(days=1), [batch_id]) == set()
    assert journal.retention.held(datetime.now(UTC) + timedelta(days=1), [batch_id, 99]) == {batch_id}

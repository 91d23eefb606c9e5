"""What waits for a person's look, and who has looked, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendit.journal.lists.acknowledgements import Unseen
from sendit.journal.lists.imports import SealedName
from sendit.model import BatchState
from tests.journal.test_journal import queued

if TYPE_CHECKING:
    from sendit.journal import Journal

NOTHING = Unseen([], [])
NAMELESS = SealedName("", None)


def failed(journal: Journal, study: str, state: BatchState = BatchState.FAILED) -> int:
    batch_id = queued(journal, study, study=study)
    journal.batches.begin(batch_id, 1)
    journal.batches.fail(batch_id, 1, "a reason", state)
    return batch_id


def test_batches(journal: Journal) -> None:
    """Those that are held or failed wait until somebody acknowledges them; who, when and why is kept."""
    first, second = failed(journal, "a"), failed(journal, "b", BatchState.QUARANTINED)
    well = queued(journal, "c", study="c")
    assert journal.acknowledgements.unseen() == Unseen(
        [(first, BatchState.FAILED), (second, BatchState.QUARANTINED)], []
    )
    assert journal.acknowledgements.acknowledge_batch(first, "orthanc:ada", "known") is BatchState.FAILED
    assert journal.acknowledgements.acknowledge_batch(well, "orthanc:ada") is BatchState.QUEUED
    assert journal.acknowledgements.acknowledge_batch(99, "orthanc:ada") is None
    assert journal.acknowledgements.unseen() == Unseen([(second, BatchState.QUARANTINED)], [])
    [seen] = journal.acknowledgements.of([first, second, well, 99]).values()
    assert (seen.actor, seen.reason) == ("orthanc:ada", "known")
    assert journal.acknowledgements.acknowledge_batch(first, "cli:bob") is BatchState.FAILED
    assert journal.acknowledgements.of([first])[first].actor == "cli:bob"


def test_another_attempt_is_another_matter(journal: Journal) -> None:
    """Also when it ends in the same state, for the same reason, and whatever the clock says."""
    batch_id = failed(journal, "a")
    journal.acknowledgements.acknowledge_batch(batch_id, "orthanc:ada")
    renewed = journal.batches.retry(batch_id)
    assert renewed is not None
    assert journal.acknowledgements.of([batch_id]) == {}
    assert journal.acknowledgements.unseen() == NOTHING
    journal.batches.begin(batch_id, renewed.attempt)
    journal.batches.fail(batch_id, renewed.attempt, "a reason")
    assert journal.acknowledgements.unseen() == Unseen([(batch_id, BatchState.FAILED)], [])


def test_imports(journal: Journal) -> None:
    """Those with files that failed wait; one that went well, or runs, does not."""
    numbers = [journal.imports.begin("irb", NAMELESS, NAMELESS) for _ in range(3)]
    journal.imports.finish(numbers[0], ok=False)
    journal.imports.finish(numbers[1], ok=True)
    assert journal.acknowledgements.unseen() == Unseen([], [numbers[0]])
    assert [journal.acknowledgements.acknowledge_import(n, "cli:bob") for n in (*numbers, 99)] == [
        "ERRORS", "DONE", "RUNNING", None,
    ]  # fmt: skip
    assert journal.acknowledgements.unseen() == NOTHING


def test_unlinking_takes_words_and_times(journal: Journal) -> None:
    """When it was seen says when it came, and the reason may name a patient; that it was seen stays."""
    batch_id, number = failed(journal, "a"), journal.imports.begin("irb", NAMELESS, NAMELESS)
    journal.imports.finish(number, ok=False)
    journal.acknowledgements.acknowledge_batch(batch_id, "orthanc:ada", "Quixworth again")
    journal.acknowledgements.acknowledge_import(number, "orthanc:ada", "Quixworth again")
    journal.unlinking.begin("irb")
    journal.unlinking.detach("irb")
    cut = journal.unlinking.of("irb")
    assert cut is not None
    seen = journal.acknowledgements.of([batch_id])[batch_id]
    assert (seen.actor, seen.at, seen.reason) == ("orthanc:ada", cut.at, "")
    assert journal.acknowledgements.unseen() == NOTHING

"""Reviews on both databases: what waits for a person, what they decide, and that nothing leaves without them."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sendit.config.schema import Settings
from sendit.deidentify.pixels.regions import Region
from sendit.errors import Misconfigured
from sendit.journal import Superseded
from sendit.journal.audit import AuditFilter
from sendit.journal.release.gate import ReviewWish
from sendit.journal.release.reviews import Drawing, Judgement
from sendit.model import BatchState, Decision, DeliveryState, InstanceState, Receipt, Scope
from sendit.pipeline.reload import consequences
from tests.journal.test_journal import queued, receipt, state

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendit.journal import Journal

_TO = {"research": None}
_ALL = ReviewWish(everything=True)
_TEXT = [10, 10, 50, 20]


def _receipt(number: int, **values: Any) -> Receipt:
    one = receipt(f"2.25.3{number}", content=f"{number:x}" * 1)
    return replace(one, modality="US", pixels={"status": "cleaned", "text": [_TEXT], "regions": [_TEXT]}, **values)


def _reviewed(journal: Journal, wish: ReviewWish = _ALL, count: int = 3, study: str = "study") -> int:
    """A batch that was de-identified under this wish."""
    names = [f"{study}{number}" for number in range(1, count + 1)]
    batch_id = queued(journal, *names, study=study)
    _work(journal, batch_id, wish)
    return batch_id


def _work(journal: Journal, batch_id: int, wish: ReviewWish = _ALL) -> BatchState:
    """De-identify what is pending, as the pipeline does."""
    batch = journal.batches.get(batch_id)
    assert batch is not None
    journal.batches.begin(batch_id, batch.attempt)
    pending = journal.batches.instances(batch_id, InstanceState.PENDING)
    outcomes = {one.orthanc_id: _receipt(int(one.orthanc_id[-1])) for one in pending}
    journal.batches.record(batch_id, batch.attempt, outcomes)
    return journal.batches.conclude(batch_id, batch.attempt, ["research"], None, wish)


def _by(journal: Journal, batch_id: int, actor: str = "orthanc:alice", reason: str = "looked at") -> Judgement:
    batch = journal.batches.get(batch_id)
    assert batch is not None
    return Judgement(batch_id, batch.attempt, actor, reason)


def _receipts(journal: Journal, batch_id: int) -> list[Receipt]:
    return [one.receipt for one in journal.batches.instances(batch_id) if one.receipt is not None]


def test_what_waits_says_that_it_is_not_released(journal: Journal) -> None:
    """No delivery exists, no receipt lets anything leave, and the batch says why it waits."""
    batch_id = _reviewed(journal)
    batch = journal.batches.get(batch_id)
    assert batch is not None
    assert (batch.state, batch.reason) == (
        BatchState.REVIEW,
        "waits for a person: the project has every study reviewed",
    )
    assert journal.batches.history(batch_id)[-1].message.startswith("de-identified: 3 cleaned; waits for a person")
    assert journal.deliveries.of([batch_id])[batch_id] == []
    assert {one.released for one in _receipts(journal, batch_id)} == {False}
    assert batch not in journal.batches.unfinished()


def test_accepted_leaves_with_who_and_when(journal: Journal) -> None:
    """The receipts name the reviewer and the time, and none of their words; history and audit have both."""
    batch_id = _reviewed(journal)
    assert journal.reviews.accept(_by(journal, batch_id), None, _TO) is BatchState.DELIVERING
    for one in _receipts(journal, batch_id):
        [by] = one.review["by"]
        assert (one.released, one.review["decision"], by["actor"]) == (True, "accepted", "orthanc:alice")
        assert "looked at" not in str(one.as_dict())
        assert "alice" not in str(one.outward())
        assert one.outward()["review"] == {"decision": "accepted", "persons": 1, "at": by["at"]}
    event = journal.batches.history(batch_id)[-1]
    assert (event.message, event.actor, event.reason) == ("review: accepted", "orthanc:alice", "looked at")
    [delivery] = journal.deliveries.of([batch_id])[batch_id]
    assert delivery.state is DeliveryState.WAITING
    [entry] = journal.audit.page(AuditFilter(), 10)
    assert (entry.action, entry.batch, entry.actor) == ("review-accept", batch_id, "orthanc:alice")


def test_the_slower_of_two_reviewers_changes_nothing(journal: Journal) -> None:
    """Whoever saw an older attempt, or comes after the release, is refused."""
    batch_id = _reviewed(journal)
    seen = _by(journal, batch_id)
    journal.reviews.reject(seen, [1], _TO)
    with pytest.raises(Superseded):
        journal.reviews.accept(replace(seen, actor="orthanc:bob"), None, _TO)
    assert journal.reviews.accept(_by(journal, batch_id), None, _TO) is BatchState.DELIVERING
    for decide in (journal.reviews.hold, journal.reviews.rerun):
        with pytest.raises(Superseded):
            decide(_by(journal, batch_id))


def test_two_persons(journal: Journal) -> None:
    """One person accepting twice is one person; one without a name is none; two release it, and both are named."""
    batch_id = _reviewed(journal, ReviewWish(everything=True, persons=2))
    assert journal.reviews.accept(_by(journal, batch_id), None, _TO) is BatchState.REVIEW
    assert journal.reviews.accept(_by(journal, batch_id), None, _TO) is BatchState.REVIEW
    with pytest.raises(Misconfigured, match="no name"):
        journal.reviews.accept(_by(journal, batch_id, "anonymous"), None, _TO)
    assert journal.reviews.accept(_by(journal, batch_id, "orthanc:bob"), [1, 2], _TO) is BatchState.REVIEW
    assert journal.reviews.accept(_by(journal, batch_id, "orthanc:bob"), [3], _TO) is BatchState.DELIVERING
    for one in _receipts(journal, batch_id):
        assert [by["actor"] for by in one.review["by"]] == ["orthanc:alice", "orthanc:bob"]


def test_an_acceptance_is_of_one_output(journal: Journal) -> None:
    """It counts again for the same bytes after a loss of the staged file, and not for others."""
    batch_id = _reviewed(journal, ReviewWish(everything=True, persons=2))
    journal.reviews.accept(_by(journal, batch_id), None, _TO)
    assert journal.reviews.accepted_by(batch_id) == {n: ["orthanc:alice"] for n in (1, 2, 3)}
    judgement = _by(journal, batch_id)
    journal.reviews.draw(judgement, Drawing(2, Scope.INSTANCE, 100, 100, add=(Region(0, 0, 5, 5),)))
    assert _work(journal, batch_id) is BatchState.REVIEW
    assert journal.reviews.accepted_by(batch_id) == {1: ["orthanc:alice"], 2: [], 3: ["orthanc:alice"]}


@pytest.mark.parametrize(
    ("scope", "touched"), [(Scope.INSTANCE, {"study2"}), (Scope.SERIES, {"study1", "study2", "study3"})]
)
def test_regions_are_kept_for_the_images_in_scope(journal: Journal, scope: Scope, touched: set[str]) -> None:
    """They are processed again, and the engine is told of what was drawn, called false, and drawn no more."""
    batch_id = _reviewed(journal)
    box, false = Region(60, 60, 70, 70), Region(*_TEXT)
    attempt = journal.reviews.draw(_by(journal, batch_id), Drawing(2, scope, 100, 200, add=(box,), remove=(false,)))
    batch = journal.batches.get(batch_id)
    assert batch is not None
    assert (batch.state, batch.attempt) == (BatchState.QUEUED, attempt)
    pending = {one.orthanc_id for one in journal.batches.instances(batch_id, InstanceState.PENDING)}
    corrections = journal.reviews.corrections(batch_id)
    assert (pending, set(corrections)) == (touched, touched)
    [one] = corrections["study2"]
    assert (one.rows, one.columns, one.drawn, one.false) == (100, 200, (box,), (false,))
    assert _work(journal, batch_id) is BatchState.REVIEW
    entry = journal.reviews.of(batch_id)[-1]
    assert (entry.decision, entry.instances) == (Decision.REGIONS, len(touched))


def test_a_region_of_a_rule_cannot_be_removed(journal: Journal) -> None:
    """Only what text detection found, or a reviewer drew."""
    batch_id = _reviewed(journal)
    drawing = Drawing(1, Scope.INSTANCE, 100, 100, remove=(Region(0, 0, 9, 9),))
    with pytest.raises(Misconfigured, match="text detection found"):
        journal.reviews.draw(_by(journal, batch_id), drawing)
    assert state(journal, batch_id) is BatchState.REVIEW


def test_rejected_stays_rejected_through_a_retry(journal: Journal) -> None:
    """The rest leaves; a delivery that fails and is retried does not bring it back."""
    batch_id = _reviewed(journal)
    assert journal.reviews.reject(_by(journal, batch_id), [2], _TO, text=True) is BatchState.REVIEW
    assert journal.reviews.accept(_by(journal, batch_id), None, _TO) is BatchState.DELIVERING
    [waiting] = journal.deliveries.of([batch_id])[batch_id]
    begun, _ = journal.deliveries.begin(batch_id, "research", waiting.attempt)
    journal.deliveries.fail(begun, "no")
    renewed = journal.batches.retry(batch_id)
    assert renewed is not None
    assert journal.batches.tallies([batch_id])[batch_id] == {InstanceState.RELEASED: 2, InstanceState.REJECTED: 1}
    assert _work(journal, batch_id) is BatchState.DELIVERING  # what was accepted need not be looked at again
    assert [one.review["decision"] for one in _receipts(journal, batch_id)] == ["accepted", "accepted"]


def test_all_rejected_is_empty_and_a_retry_comes_to_review(journal: Journal) -> None:
    """Whoever retries it cannot send it past the reviewer, whatever the project wants by then."""
    batch_id = _reviewed(journal)
    assert journal.reviews.reject(_by(journal, batch_id), None, _TO) is BatchState.EMPTY
    assert journal.batches.retry(batch_id) is not None
    assert _work(journal, batch_id, ReviewWish()) is BatchState.REVIEW


def test_held_and_rerun(journal: Journal) -> None:
    """Both take back what was accepted so far."""
    batch_id = _reviewed(journal, ReviewWish(everything=True, persons=2))
    journal.reviews.accept(_by(journal, batch_id), None, _TO)
    journal.reviews.rerun(_by(journal, batch_id))
    assert _work(journal, batch_id) is BatchState.REVIEW
    assert set(map(tuple, journal.reviews.accepted_by(batch_id).values())) == {()}
    assert journal.reviews.hold(_by(journal, batch_id)) is BatchState.QUARANTINED
    assert journal.batches.reasons(batch_id) == {(InstanceState.QUARANTINED, "held by a reviewer"): 3}
    assert journal.batches.retry(batch_id) is not None


def test_a_held_batch_without_some_of_its_instances(journal: Journal) -> None:
    """A reviewer can take out what is held; the rest is processed again, and comes to review."""
    batch_id = _reviewed(journal)
    journal.reviews.hold(_by(journal, batch_id))
    assert journal.reviews.reject(_by(journal, batch_id), [1], _TO) is BatchState.QUEUED
    assert _work(journal, batch_id, ReviewWish()) is BatchState.REVIEW


def test_a_patient_recalled_meanwhile_is_held(journal: Journal) -> None:
    """What was doubtful when it was concluded is asked again when it leaves."""
    batch_id = _reviewed(journal)
    other = _reviewed(journal, ReviewWish(), study="other")
    journal.recalls.begin({("other", "irb")}, "consent withdrawn", patients=True)
    assert state(journal, other) in (BatchState.RECALLING, BatchState.RECALLED)
    assert journal.reviews.accept(_by(journal, batch_id), None, _TO) is BatchState.QUARANTINED
    assert journal.deliveries.of([batch_id])[batch_id] == []


def test_a_review_is_recalled(journal: Journal) -> None:
    """Its study may still be recalled, and no decision lets it leave after that."""
    batch_id = _reviewed(journal)
    seen = _by(journal, batch_id)
    journal.recalls.begin({("study", "irb")}, "consent withdrawn", patients=False)
    assert state(journal, batch_id) is BatchState.RECALLED
    with pytest.raises(Superseded):
        journal.reviews.accept(seen, None, _TO)


def test_doubts_wait_in_a_project_without_reviews(journal: Journal) -> None:
    """What a person may overrule waits for one, with the engine's words for why; it is no random sample."""
    batch_id = queued(journal, "a")
    journal.batches.begin(batch_id, 1)
    doubtful = replace(_receipt(1), pixels={"status": "cleaned", "doubt": "text was found"}, released=False)
    journal.batches.record(batch_id, 1, {"a": doubtful})
    assert journal.batches.conclude(batch_id, 1, ["research"]) is BatchState.REVIEW
    waiting = journal.reviews.waiting(batch_id)
    assert waiting is not None
    assert (waiting.why, waiting.by_chance) == ("text was found (1 instance)", False)
    assert journal.reviews.accept(_by(journal, batch_id), None, _TO) is BatchState.DELIVERING
    assert journal.reviews.residual("irb") == []


@pytest.mark.parametrize(
    ("wish", "waits"),
    [
        (ReviewWish(modalities=frozenset({"US"})), True),
        (ReviewWish(modalities=frozenset({"CT"})), False),
        (ReviewWish(text_found=True), True),
        (ReviewWish(chosen=True), True),
        (ReviewWish(first_of_device=1), True),  # its device cannot be told
        (ReviewWish(persons=2), False),
    ],
)
def test_the_rules_that_choose(journal: Journal, wish: ReviewWish, waits: bool) -> None:
    """Each of them by itself."""
    assert state(journal, _reviewed(journal, wish)) is (BatchState.REVIEW if waits else BatchState.DELIVERING)


def test_the_first_studies_of_a_device(journal: Journal) -> None:
    """So many wait, further ones leave; a study that is processed again is still the first."""
    wish = ReviewWish(first_of_device=2, devices=frozenset({"d" * 64}))
    made = [_reviewed(journal, wish, study=f"study{number}") for number in range(3)]
    assert [state(journal, one) for one in made] == [BatchState.REVIEW, BatchState.REVIEW, BatchState.DELIVERING]
    journal.reviews.rerun(_by(journal, made[0]))
    assert _work(journal, made[0], wish) is BatchState.REVIEW


def test_the_residual_risk(journal: Journal) -> None:
    """A study counts once it was decided about, and as missed if a reviewer drew a box or rejected for text."""
    chance = ReviewWish(chosen=True)
    clean, boxed, rejected, undecided = (_reviewed(journal, chance, study=f"s{number}") for number in range(4))
    journal.reviews.accept(_by(journal, clean), None, _TO)
    journal.reviews.draw(_by(journal, boxed), Drawing(1, Scope.STUDY, 9, 9, add=(Region(0, 0, 5, 5),)))
    _work(journal, boxed, chance)
    journal.reviews.accept(_by(journal, boxed), None, _TO)
    journal.reviews.reject(_by(journal, rejected), None, _TO, text=True)
    assert state(journal, undecided) is BatchState.REVIEW
    [found] = journal.reviews.residual("irb")
    assert (found.modality, found.studies, found.instances, found.missed) == ("US", 3, 9, 2)
    assert 0.98 < found.upper < 0.99
    kind = (found.modality, found.plan_sha256)
    assert journal.reviews.residual("irb", {kind, ("ZZ", "0" * 64)}) == [found]
    for other in ({("ZZ", found.plan_sha256)}, {("US", "other rules")}, set[tuple[str, str]]()):
        assert journal.reviews.residual("irb", other) == []


def test_cancelled_and_taken_up_again(journal: Journal) -> None:
    """What is under way is fenced, everything in it is held, and a retry renews it."""
    batch_id = _reviewed(journal, ReviewWish())
    begun, _ = journal.deliveries.begin(batch_id, "research", 1)
    assert journal.cancellations.stop(batch_id, BatchState.CANCELLED, "orthanc:alice", "wrong study")
    with pytest.raises(Superseded):
        journal.deliveries.progress(begun, 1)
    assert journal.batches.tallies([batch_id])[batch_id] == {InstanceState.QUARANTINED: 3}
    assert not journal.cancellations.stop(batch_id, BatchState.CANCELLED, "orthanc:alice", "")
    assert journal.batches.retry(batch_id) is not None
    assert _work(journal, batch_id, ReviewWish()) is BatchState.DELIVERING


def test_a_further_version_replaces_the_one_before(journal: Journal) -> None:
    """The deliveries know what they replace; all receipts that a destination may hold are found for a recall."""
    batch_id = _done(journal)
    assert journal.versions.begin(batch_id, "orthanc:alice", "new rules") == 2
    assert journal.batches.tallies([batch_id])[batch_id] == {InstanceState.PENDING: 3}
    assert len(journal.versions.all_receipts(batch_id)) == 3
    assert _work(journal, batch_id, ReviewWish()) is BatchState.DELIVERING
    [delivery] = journal.deliveries.of([batch_id])[batch_id]
    assert (delivery.state, delivery.replaces, delivery.attempt) == (DeliveryState.WAITING, 1, 2)
    begun, _ = journal.deliveries.begin(batch_id, "research", 2)
    journal.deliveries.cleared(begun)
    assert journal.deliveries.verified(begun, 3) is BatchState.SENT
    journal.batches.done(batch_id)
    batch = journal.batches.get(batch_id)
    assert batch is not None
    assert batch.version == 2
    assert journal.versions.begin(batch_id, "orthanc:alice", "newer rules") == 3


def _done(journal: Journal) -> int:
    batch_id = _reviewed(journal, ReviewWish())
    begun, _ = journal.deliveries.begin(batch_id, "research", 1)
    journal.deliveries.verified(begun, 3)
    journal.batches.done(batch_id)
    return batch_id


def test_everything_rejected_of_a_further_version_needs_an_operator(journal: Journal) -> None:
    """The version before is still at its destination, and nobody may believe that nothing was sent."""
    batch_id = _done(journal)
    journal.versions.begin(batch_id, "orthanc:alice", "new rules")
    _work(journal, batch_id)
    assert journal.reviews.reject(_by(journal, batch_id), None, _TO) is BatchState.FAILED
    batch = journal.batches.get(batch_id)
    assert batch is not None
    assert "still at research" in str(batch.reason)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 8))])
def test_counts_add_up_in_any_order_of_acts(journal: Journal, seed: int) -> None:
    """received = sent + rejected + quarantined + recalled + under way, whatever persons do and in whichever order."""
    chance = random.Random(seed)
    batch_id = _reviewed(journal)
    stopped = [BatchState.CANCELLED, BatchState.QUARANTINED]
    acts: list[Callable[[], object]] = [
        lambda: journal.reviews.accept(_by(journal, batch_id, chance.choice("ab")), chance.choice([None, [1]]), _TO),
        lambda: journal.reviews.reject(_by(journal, batch_id), [chance.randint(1, 3)], _TO),
        lambda: journal.reviews.hold(_by(journal, batch_id)),
        lambda: journal.reviews.rerun(_by(journal, batch_id)),
        lambda: journal.reviews.draw(_by(journal, batch_id), Drawing(1, Scope.SERIES, 9, 9, add=(Region(0, 0, 2, 2),))),
        lambda: journal.cancellations.stop(batch_id, chance.choice(stopped), "a", ""),
        lambda: journal.batches.retry(batch_id),
        lambda: _work(journal, batch_id),
        lambda: _send(journal, batch_id),
        lambda: journal.versions.begin(batch_id, "a", ""),
    ]
    for _ in range(60):
        with contextlib.suppress(Superseded, Misconfigured):
            chance.choice(acts)()
        batch = journal.batches.get(batch_id)
        tally = journal.batches.tallies([batch_id])[batch_id]
        assert batch is not None
        assert sum(tally.values()) == batch.received == 3
        assert batch.state is not BatchState.CANCELLED or not tally.get(InstanceState.RELEASED)
        _check_released(journal, batch_id, batch.state)


def _send(journal: Journal, batch_id: int) -> None:
    for delivery in journal.deliveries.of([batch_id])[batch_id]:
        begun, _ = journal.deliveries.begin(batch_id, delivery.destination, delivery.attempt)
        if journal.deliveries.verified(begun, 1) is BatchState.SENT:
            journal.batches.done(batch_id)


def _check_released(journal: Journal, batch_id: int, now: BatchState) -> None:
    """Nothing is on its way, or was sent, that nobody accepted."""
    left = journal.batches.instances(batch_id, InstanceState.RELEASED, InstanceState.SENT)
    if now in (BatchState.DELIVERING, BatchState.SENT, BatchState.DONE):
        assert all(one.receipt is not None and one.receipt.released and one.receipt.review for one in left)
    if now is BatchState.REVIEW:
        assert not any(one.receipt is not None and one.receipt.released for one in left)


def test_a_reload_says_what_becomes_of_reviews(journal: Journal) -> None:
    """Of a project that goes: nothing can be accepted without it; one that stays is not mentioned."""
    _reviewed(journal)
    folder, project = {"Type": "Folder", "Path": "/nowhere"}, {"Destinations": ["d"]}
    before = Settings.model_validate({"Destinations": {"d": folder}, "Projects": {"irb": project, "other": project}})
    after = before.model_copy(update={"projects": {}})
    [warning] = consequences(journal, before, after)
    assert warning == "project irb is removed: batches of it wait for a review, and cannot be accepted without it"
    assert list(consequences(journal, before, before)) == []

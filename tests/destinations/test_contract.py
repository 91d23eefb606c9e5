"""The contract of base.py, for every destination: all there once, equal to the receipts, or an error that says why."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sendit.config.destinations import DESTINATIONS
from sendit.errors import Misconfigured, Quarantine, Retry
from sendit.model import Shipment
from tests.destinations.bench import Bench, no_progress
from tests.destinations.conftest import BENCHES
from tests.destinations.killed_sender import KilledSender
from tests.destinations.staged_instances import altered, shipment, with_receipt
from tests.servers.fault_proxy import DropBefore, Fault, Slow, Status

if TYPE_CHECKING:
    from pathlib import Path

#: Every fault that any bench knows, once.
FAULTS = {repr(fault): fault for one in BENCHES.values() for fault in getattr(one, "faults", Bench.faults)}
REFUSALS = {repr(fault): fault for one in BENCHES.values() for fault in getattr(one, "refusals", Bench.refusals)}


def test_every_destination_is_under_the_contract() -> None:
    """The registry holds nothing that the fixture `bench` does not know."""
    assert set(DESTINATIONS) == {name.partition("/")[0] for name in BENCHES}


def test_delivers_everything_once(bench: Bench, tmp_path: Path) -> None:
    """What was delivered is there byte for byte, counted up one by one, and verifies."""
    sent = shipment(tmp_path)
    counts: list[int] = []
    assert bench.destination.deliver(sent, counts.append) == 5
    assert counts == [1, 2, 3, 4, 5]
    assert bench.holds_all(sent)
    assert bench.destination.verify(sent) == []


def test_an_empty_shipment_is_delivered(bench: Bench) -> None:
    """Nothing to send is not an error."""
    empty = Shipment(1, "IRB1", [])
    assert bench.destination.deliver(empty, no_progress) == 0
    assert bench.destination.verify(empty) == []


def test_a_second_delivery_sends_nothing(bench: Bench, tmp_path: Path) -> None:
    """What the destination already holds counts as delivered and is not sent again."""
    sent = shipment(tmp_path)
    bench.destination.deliver(sent, no_progress)
    before = bench.uploads()
    assert bench.destination.deliver(sent, no_progress) == 5
    assert bench.uploads() == before


def test_only_what_is_missing_is_sent(bench: Bench, tmp_path: Path) -> None:
    """A late instance of a study that is already there goes alone."""
    sent = shipment(tmp_path)
    bench.destination.deliver(Shipment(1, "IRB1", sent.staged_instances[:3]), no_progress)
    before = bench.uploads()
    if not bench.one_by_one:  # what is late goes as a part of its own
        assert bench.destination.deliver(Shipment(2, "IRB1", sent.staged_instances[3:], part=2), no_progress) == 2
        assert bench.uploads() == before + 1
        assert bench.holds_all(sent)
        return
    assert bench.destination.deliver(sent, no_progress) == 5
    assert bench.uploads() == before + 2
    assert bench.holds_all(sent)


class HoursAreOver(Exception):
    """What the pipeline raises out of `progress` when a destination's window closes."""


def test_what_progress_raises_ends_the_delivery_and_the_next_one_goes_on(bench: Bench, tmp_path: Path) -> None:
    """It comes out as it is; what was acknowledged stays, and the rest follows."""
    sent = shipment(tmp_path)

    def stop(_: int) -> None:
        raise HoursAreOver

    with pytest.raises(HoursAreOver):
        bench.destination.deliver(sent, stop)
    assert bench.destination.deliver(sent, no_progress) == 5
    assert bench.holds_all(sent)
    assert bench.destination.verify(sent) == []


def test_all_that_leaves_is_paced(bench: Bench, tmp_path: Path) -> None:
    """Every byte of every instance is asked for at the gate, in small pieces, and arrives whole."""
    sent = shipment(tmp_path)
    sizes: list[int] = []
    paced = replace(sent, staged_instances=[replace(staged, pace=sizes.append) for staged in sent.staged_instances])
    assert bench.destination.deliver(paced, no_progress) == 5
    assert bench.holds_all(sent)
    assert sum(sizes) >= sum(staged.receipt.output_size for staged in sent.staged_instances)
    assert max(sizes) <= 64 * 1024


@pytest.mark.parametrize("name", FAULTS)
def test_resumes_after_a_fault(bench: Bench, tmp_path: Path, name: str) -> None:
    """A fault that may heal is a Retry; the next attempt completes the delivery and sends nothing twice."""
    fault: Fault = copy(FAULTS[name])
    if fault not in bench.faults:
        pytest.skip("its wire knows no such fault")
    sent = shipment(tmp_path)
    bench.harm_uploads(fault)
    with pytest.raises(Retry):
        bench.destination.deliver(sent, no_progress)
    bench.heal()
    assert bench.destination.deliver(sent, no_progress) == 5
    assert bench.uploads() == bench.expected(5)
    assert bench.holds_all(sent)
    assert bench.destination.verify(sent) == []


def test_a_slow_wire_is_no_fault(bench: Bench, tmp_path: Path) -> None:
    """What is slow, and never silent for long, arrives in one attempt."""
    sent = shipment(tmp_path, 2)
    bench.harm_uploads(Slow())
    assert bench.destination.deliver(sent, no_progress) == 2
    assert bench.uploads() == bench.expected(2)
    assert bench.holds_all(sent)


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_for_a_person(bench: Bench, tmp_path: Path, name: str) -> None:
    """A server that does not let us in is not asked again: someone has to change something first."""
    if REFUSALS[name] not in bench.refusals:
        pytest.skip("its wire knows no such answer")
    sent = shipment(tmp_path, 2)
    bench.harm_uploads(replace(REFUSALS[name], times=2))
    with pytest.raises(Misconfigured):
        bench.destination.deliver(sent, no_progress)
    bench.heal()
    assert bench.destination.deliver(sent, no_progress) == 2
    assert bench.holds_all(sent)


def test_what_is_corrupted_in_flight_is_found(bench: Bench, tmp_path: Path) -> None:
    """One bit changed on the way: the server refuses it, or verification says so. It never counts as sent."""
    sent = shipment(tmp_path, 2)
    bench.harm_uploads(copy(bench.corruption))
    try:
        bench.destination.deliver(sent, no_progress)
    except (Retry, Misconfigured):
        bench.heal()
        assert bench.destination.deliver(sent, no_progress) == 2
        assert bench.destination.verify(sent) == []
    else:  # a server that checks sums had it sent once more
        assert len(bench.destination.verify(sent)) == (0 if bench.holds_all(sent) else 1)


@pytest.mark.parametrize(
    "acknowledged",
    [number if number == 7 else pytest.param(number, marks=pytest.mark.slow) for number in (0, 1, 7, 12, 15)],
)
def test_resumes_after_a_kill(bench: Bench, tmp_path: Path, acknowledged: int) -> None:
    """The sending process is killed with SIGKILL; the next one completes the delivery, and all is there once."""
    sent = shipment(tmp_path, 15)
    with KilledSender(bench.document, sent, tmp_path) as sender:
        sender.kill_at(acknowledged)
    assert bench.destination.deliver(sent, no_progress) == 15
    assert bench.holds_all(sent)
    assert bench.destination.verify(sent) == []
    before = bench.uploads()
    assert bench.destination.deliver(sent, no_progress) == 15
    assert bench.uploads() == before


def test_nothing_leaves_without_a_receipt_that_says_released(bench: Bench, tmp_path: Path) -> None:
    """Law 1: the instance whose receipt does not say released never reaches the server."""
    staged_instances = list(shipment(tmp_path).staged_instances)
    staged_instances[2] = with_receipt(staged_instances[2], released=False)
    with pytest.raises(Quarantine):
        bench.destination.deliver(Shipment(1, "IRB1", staged_instances), no_progress)
    assert bench.held(staged_instances[2].receipt) is None


def test_an_altered_staged_file_does_not_leave(bench: Bench, tmp_path: Path) -> None:
    """A staged file that is not what its receipt describes is held, also if it is good DICOM."""
    staged_instances = list(shipment(tmp_path).staged_instances)
    other = altered(staged_instances[1], tmp_path / "other", PatientName="Somebody^Else")
    staged_instances[1].path.write_bytes(other.path.read_bytes())
    with pytest.raises(Quarantine):
        bench.destination.deliver(Shipment(1, "IRB1", staged_instances), no_progress)
    assert bench.held(staged_instances[1].receipt) is None


def test_a_lost_staged_file_is_a_retry(bench: Bench, tmp_path: Path) -> None:
    """The batch is processed again rather than delivered without it."""
    sent = shipment(tmp_path)
    sent.staged_instances[4].path.unlink()
    with pytest.raises(Retry, match="processed again"):
        bench.destination.deliver(sent, no_progress)


def test_the_gravest_error_is_raised(bench: Bench, tmp_path: Path) -> None:
    """Where one instance is not clean and the server is down as well, the first is what the operator hears of."""
    staged_instances = list(shipment(tmp_path, 3).staged_instances)
    staged_instances[0] = with_receipt(staged_instances[0], released=False)
    bench.harm_uploads(DropBefore(times=2))
    with pytest.raises(Quarantine):
        bench.destination.deliver(Shipment(1, "IRB1", staged_instances), no_progress)


def test_another_content_under_the_same_uid_is_not_overwritten(bench: Bench, tmp_path: Path) -> None:
    """The destination holds something else under this UID: an operator is told, and nothing there changes."""
    sent = shipment(tmp_path)
    other = altered(sent.staged_instances[3], tmp_path / "other", StudyDescription="another")
    bench.put(other)
    with pytest.raises(Misconfigured, match="different content") as caught:
        bench.destination.deliver(sent, no_progress)
    assert sent.staged_instances[3].receipt.sop_instance_uid in str(caught.value)
    assert bench.held(other.receipt) == other.path.read_bytes()


def test_verify_finds_what_is_missing(bench: Bench, tmp_path: Path) -> None:
    """An instance that disappeared at the destination is named."""
    sent = shipment(tmp_path)
    bench.destination.deliver(sent, no_progress)
    gone = sent.staged_instances[2].receipt
    bench.remove(gone)
    assert [(d.sop_instance_uid, d.problem) for d in bench.destination.verify(sent)] == [
        (gone.sop_instance_uid, "not there")
    ]


def test_verify_finds_what_differs(bench: Bench, tmp_path: Path) -> None:
    """An instance with another content is named with the attribute that differs, and without its value."""
    sent = shipment(tmp_path)
    other = altered(sent.staged_instances[0], tmp_path / "other", StudyDescription="another")
    bench.destination.deliver(Shipment(1, "IRB1", sent.staged_instances[1:]), no_progress)
    bench.put(other)
    (found,) = bench.destination.verify(sent)
    assert found.sop_instance_uid == other.receipt.sop_instance_uid
    assert "StudyDescription" in found.problem
    assert "another" not in found.problem


def test_verify_does_not_mistake_an_outage_for_a_loss(bench: Bench, tmp_path: Path) -> None:
    """While the server is not well, nothing is said about what it holds."""
    sent = shipment(tmp_path)
    bench.destination.deliver(sent, no_progress)
    bench.harm_reading(Status(503) if Status(503) in bench.faults else DropBefore())
    with pytest.raises(Retry):
        bench.destination.verify(sent)


def test_check(bench: Bench) -> None:
    """A destination that is well passes; one that is down is a Retry."""
    bench.destination.check()
    bench.take_down()
    with pytest.raises(Retry):
        bench.destination.check()


def test_nothing_listens(bench: Bench, tmp_path: Path) -> None:
    """The connection is refused, or the share is away: a Retry for all that is asked."""
    sent = shipment(tmp_path, 2)
    bench.take_down()
    with pytest.raises(Retry):
        bench.destination.deliver(sent, no_progress)
    with pytest.raises(Retry):
        bench.destination.verify(sent)


def test_recall_removes_everything(bench: Bench, tmp_path: Path) -> None:
    """Nothing of a recalled batch is left, and of another batch everything; the staged files are not needed."""
    if not bench.can_recall:
        pytest.skip("it has no way to remove what it was given; see its own tests")
    sent, other = shipment(tmp_path), shipment(tmp_path, 2)
    for one in (sent, other):
        bench.destination.deliver(one, no_progress)
    for staged in sent.staged_instances:
        staged.path.unlink()
    assert bench.destination.recall(sent) == []
    assert [bench.held(staged.receipt) for staged in sent.staged_instances] == [None] * 5
    assert bench.holds_all(other)


def test_recall_twice_and_in_part(bench: Bench, tmp_path: Path) -> None:
    """What is not there (any more) is recalled: a recall that was interrupted is simply done again."""
    if not bench.can_recall:
        pytest.skip("it has no way to remove what it was given; see its own tests")
    sent = shipment(tmp_path)
    bench.destination.deliver(sent, no_progress)
    bench.remove(sent.staged_instances[1].receipt)
    assert bench.destination.recall(sent) == []
    assert bench.destination.recall(sent) == []
    assert [bench.held(staged.receipt) for staged in sent.staged_instances] == [None] * 5


def test_recall_does_not_mistake_an_outage_for_success(bench: Bench, tmp_path: Path) -> None:
    """While the server is down, nothing is said to be gone."""
    if not bench.can_recall:
        pytest.skip("it has no way to remove what it was given; see its own tests")
    sent = shipment(tmp_path)
    bench.destination.deliver(sent, no_progress)
    bench.take_down()
    with pytest.raises(Retry):
        bench.destination.recall(sent)


def test_what_cannot_be_recalled_is_said(bench: Bench, tmp_path: Path) -> None:
    """A destination that has no way to remove what it was given says so for every instance, each time."""
    if bench.can_recall:
        pytest.skip("it removes what it was given")
    sent = shipment(tmp_path, 3)
    bench.destination.deliver(sent, no_progress)
    for _ in range(2):
        said = bench.destination.recall(sent)
        assert [found.sop_instance_uid for found in said] == [
            one.receipt.sop_instance_uid for one in sent.staged_instances
        ]
        assert all(found.problem for found in said)

"""The stage "recall" alone: destinations that cannot or are not configured any more, and deliveries that run still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sendit.model import BatchState, DeliveryState, Discrepancy, Shipment
from sendit.pipeline.recall import Recaller
from sendit.scheduler import Work
from tests.system.test_deliverer import Desk

if TYPE_CHECKING:
    from pathlib import Path


def recalling(desk: Desk, active: list[Work] | None = None) -> tuple[Recaller, int]:
    """A desk whose only batch was delivered, and recalled."""
    batch_id = desk.batch("CT", "CT")
    desk.deliver(batch_id)
    cast("Any", desk.queue).active = lambda: active or []
    recaller = Recaller(desk.deliverer._services)
    assert recaller.begin(recaller.studies_of_batch(batch_id), "test") == [batch_id]
    return recaller, batch_id


def recall(desk: Desk, recaller: Recaller, batch_id: int) -> None:
    recaller.recall(batch_id, "shelf", desk.delivery(batch_id).attempt)


def state(desk: Desk, batch_id: int) -> tuple[BatchState, str | None]:
    batch = desk.journal.batches.get(batch_id)
    assert batch is not None
    return batch.state, batch.reason


def test_a_destination_that_cannot_remove_says_so(data_directory: Path) -> None:
    """RECALL_FAILED, with how many are left and why; when it can, a second recall completes it."""
    desk = Desk(data_directory)
    recaller, batch_id = recalling(desk)
    able = desk.shelf.recall

    def unable(shipment: Shipment) -> list[Discrepancy]:
        return [Discrepancy(p.receipt.sop_instance_uid, "what was given away stays") for p in shipment.staged_instances]

    desk.shelf.recall = unable  # type: ignore[method-assign]
    recall(desk, recaller, batch_id)
    assert state(desk, batch_id) == (
        BatchState.RECALL_FAILED,
        "shelf: 2 of 2 could not be removed: what was given away stays",
    )
    delivery = desk.delivery(batch_id)
    assert (delivery.state, delivery.sent, delivery.removed) == (DeliveryState.RECALL_FAILED, 2, 0)
    desk.shelf.recall = able  # type: ignore[method-assign]
    recaller.begin(recaller.studies_of_batch(batch_id), "test")
    recall(desk, recaller, batch_id)
    assert state(desk, batch_id)[0] is BatchState.RECALLED
    assert desk.shelf.held == {}
    desk.journal.close()


def test_a_recall_waits_for_the_delivery_that_it_fenced(data_directory: Path) -> None:
    """As long as that runs, nothing is removed and nothing counts; then all of it is."""
    desk = Desk(data_directory)
    running = [Work("deliver:1:shelf:1", "here-0")]
    recaller, batch_id = recalling(desk, running)
    for _ in range(8):
        recall(desk, recaller, batch_id)
    assert len(desk.shelf.held) == 2
    assert (desk.delivery(batch_id).failures, state(desk, batch_id)[0]) == (0, BatchState.RECALLING)
    running.clear()
    recall(desk, recaller, batch_id)
    assert desk.shelf.held == {}
    assert state(desk, batch_id)[0] is BatchState.RECALLED
    desk.journal.close()


def test_a_destination_that_is_not_configured_any_more(data_directory: Path) -> None:
    """RECALL_FAILED, with what to do."""
    desk = Desk(data_directory)
    recaller, batch_id = recalling(desk)
    cast("Any", desk.deliverer._services.destinations).clear()
    recall(desk, recaller, batch_id)
    found, reason = state(desk, batch_id)
    assert found is BatchState.RECALL_FAILED
    assert "no longer configured" in str(reason)
    desk.journal.close()

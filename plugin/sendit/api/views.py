"""The journal's batches as the API shows them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sendit.api.answers import (
    BatchAnswer,
    BatchDetail,
    BatchPage,
    DeliveryAnswer,
    DestinationAnswer,
    EventAnswer,
    ReasonAnswer,
)
from sendit.destination_states import DestinationState
from sendit.model import Batch, BatchState, DeliveryState, InstanceState
from sendit.pipeline import Pipeline


class Views:
    """Reads, and puts together; changes nothing."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._journal = pipeline.rooms.journal
        self._pictures = pipeline.rooms.pictures

    def counts(self) -> dict[BatchState, int]:
        """How many batches are in each state."""
        return self._journal.batches.count_by_state()

    def page(self, limit: int, before: int | None, state: BatchState | None, study: str | None) -> BatchPage:
        """One more than asked for is read, to know whether there is a next page."""
        found = self._journal.batches.page(limit + 1, before, state, study)
        batches = self._answers(found[:limit])
        return BatchPage(batches=batches, next=batches[-1].id if len(found) > limit else None)

    def batch(self, batch_id: int) -> BatchAnswer | None:
        found = self._journal.batches.get(batch_id)
        return None if found is None else self._answers([found])[0]

    def detail(self, batch_id: int) -> BatchDetail | None:
        answer = self.batch(batch_id)
        if answer is None:
            return None
        reasons = self._journal.batches.reasons(batch_id)
        return BatchDetail(
            **answer.model_dump(),
            reasons=[ReasonAnswer(state=s, reason=r, count=n) for (s, r), n in sorted(reasons.items())],
            events=[EventAnswer(at=at, message=message) for at, message in self._journal.batches.events(batch_id)],
        )

    def _answers(self, batches: list[Batch]) -> list[BatchAnswer]:
        ids = [batch.id for batch in batches]
        tallies = self._journal.batches.tallies(ids)
        deliveries = self._journal.deliveries.of(ids)
        return [
            BatchAnswer(
                **{**_shown(batch), **_counts(batch, tallies[batch.id])},
                pictures=self._pictures.count(batch.id),
                deliveries=[DeliveryAnswer.model_validate(asdict(d)) for d in deliveries[batch.id]],
            )
            for batch in batches
        ]


def destination_answer(found: DestinationState) -> DestinationAnswer:
    """A destination as the API shows it."""
    s, count = DeliveryState, found.batches
    values = {key: value for key, value in asdict(found).items() if key != "batches"}
    return DestinationAnswer(
        **values,
        waiting=sum(count.get(state, 0) for state in (s.WAITING, s.SENDING, s.PAUSED)),
        retrying=count.get(s.RETRYING, 0),
        failed=count.get(s.FAILED, 0) + count.get(s.RECALL_FAILED, 0),
        recalling=count.get(s.RECALLING, 0),
        delivered=count.get(s.VERIFIED, 0),
    )


def _shown(batch: Batch) -> dict[str, Any]:
    return {key: value for key, value in asdict(batch).items() if key not in ("attempt", "starts")}


def _counts(batch: Batch, tally: dict[InstanceState, int]) -> dict[str, int]:
    ended = {
        "sent": tally.get(InstanceState.SENT, 0),
        "rejected": tally.get(InstanceState.REJECTED, 0),
        "quarantined": tally.get(InstanceState.QUARANTINED, 0),
        "recalled": tally.get(InstanceState.RECALLED, 0),
    }
    return {**ended, "under_way": batch.received - sum(ended.values())}

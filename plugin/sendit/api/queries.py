"""Read the journal's batches and present them as answers of the API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sendit.api.filters import BatchQuery
from sendit.api.problems import no_batch
from sendit.api.schemas import (
    AcknowledgementAnswer,
    BatchAnswer,
    BatchDetail,
    BatchPage,
    DeliveryAnswer,
    DestinationAnswer,
    EventAnswer,
    LostMeaningAnswer,
    ReasonAnswer,
)
from sendit.model import Batch, BatchState, DeliveryState, InstanceState
from sendit.pipeline.batch import Pipeline
from sendit.pipeline.readback.destination_status import DestinationState


class Views:
    """Read-only queries."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._journal = pipeline.services.journal
        self._previews = pipeline.services.previews

    def counts(self) -> dict[BatchState, int]:
        """Return the number of batches in each state."""
        return self._journal.counts.by_state()

    def page(self, query: BatchQuery) -> BatchPage:
        """Return a page of batches, newest first."""
        page = self._journal.batches.page(query.wanted(), query.limit, query.before, query.after)
        return BatchPage(
            batches=self._answers(page.batches),
            next=page.next,
            previous=page.previous,
            total=page.total,
            total_is_exact=page.exact,
        )

    def batch(self, batch_id: int) -> BatchAnswer | None:
        """Return a batch; None if it does not exist."""
        row = self._journal.batches.get(batch_id)
        return None if row is None else self._answers([row])[0]

    def existing(self, batch_id: int) -> BatchAnswer:
        """Return a batch; raise the problem 404 if it does not exist."""
        answer = self.batch(batch_id)
        if answer is None:
            raise no_batch(batch_id)
        return answer

    def row(self, batch_id: int) -> Batch:
        """Return a batch as the journal has it; raise the problem 404 if it does not exist."""
        batch = self._journal.batches.get(batch_id)
        if batch is None:
            raise no_batch(batch_id)
        return batch

    def detail(self, batch_id: int) -> BatchDetail:
        """Return a batch with its reasons and history; raise the problem 404 if it does not exist."""
        answer = self.existing(batch_id)
        reasons = self._journal.batches.reasons(batch_id)
        return BatchDetail(
            **answer.model_dump(),
            reasons=[ReasonAnswer(state=s, reason=r, count=n) for (s, r), n in sorted(reasons.items())],
            lost_meaning=[
                LostMeaningAnswer(name=name, count=count)
                for name, count in self._journal.batches.lost_meaning(batch_id).items()
            ],
            events=[EventAnswer(**asdict(event)) for event in self._journal.batches.history(batch_id)],
        )

    def _answers(self, batches: list[Batch]) -> list[BatchAnswer]:
        ids = [batch.id for batch in batches]
        tallies = self._journal.batches.tallies(ids)
        deliveries = self._journal.deliveries.of(ids)
        modalities = self._journal.batches.modalities(ids)
        queue = self._journal.batches.queue() if any(one.state is BatchState.QUEUED for one in batches) else []
        places = {batch_id: place for place, batch_id in enumerate(queue, 1)}
        seen = {
            number: AcknowledgementAnswer(**asdict(one))
            for number, one in self._journal.acknowledgements.of(ids).items()
        }
        return [
            BatchAnswer(
                **{**_shown(batch), **_counts(batch, tallies[batch.id])},
                place=places.get(batch.id),
                modalities=modalities[batch.id],
                pictures=self._previews.count(batch.id),
                acknowledged=seen.get(batch.id),
                deliveries=[DeliveryAnswer.model_validate(asdict(d)) for d in deliveries[batch.id]],
            )
            for batch in batches
        ]


def destination_answer(status: DestinationState) -> DestinationAnswer:
    """Return a destination as an answer of the API."""
    s, count = DeliveryState, status.batches
    values = {key: value for key, value in asdict(status).items() if key not in ("batches", "remedy")}
    return DestinationAnswer(
        **values,
        cure=status.remedy,
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
    processed = sum(tally.values()) - tally.get(InstanceState.PENDING, 0)
    return {**ended, "under_way": batch.received - sum(ended.values()), "processed": processed}

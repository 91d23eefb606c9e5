"""Does everything still hold what it held? The receipts against the batch's manifest, the destinations against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sendit import manifest
from sendit.destinations.base import Destination
from sendit.errors import SendItError
from sendit.journal import Journal
from sendit.model import BatchState, Consignment, Delivery, DeliveryState, Discrepancy, Parcel, Receipt
from sendit.staging import Staging

#: Only what was sent can be verified.
VERIFIABLE = frozenset({BatchState.SENT, BatchState.DONE, BatchState.DELIVERING, BatchState.FAILED})


@dataclass(frozen=True, slots=True)
class DestinationVerdict:
    """What one destination holds of a batch."""

    destination: str
    instances: int  # of the batch that go there
    discrepancies: list[Discrepancy]
    error: str | None  # why it was not asked, or could not be


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found."""

    instances: int  # that have a receipt
    manifest: str | None  # as it was recorded when the batch was de-identified
    recomputed: str
    destinations: list[DestinationVerdict]

    @property
    def intact(self) -> bool:
        """Whether the receipts are those that were recorded."""
        return self.manifest == self.recomputed

    @property
    def ok(self) -> bool:
        return self.intact and not any(d.discrepancies or d.error for d in self.destinations)


def verify(
    journal: Journal, staging: Staging, destinations: Mapping[str, Destination], batch_id: int
) -> Verdict | None:
    """Recompute the chain, and ask every destination that the batch was delivered to. None: there is no such batch.

    A destination that the batch has not reached is not asked, and so not well.

    The staged files are gone once a batch is done. A destination is then compared by digests, and what it holds in
    another encoding than it was sent in counts as a discrepancy, because nothing can be compared with it.
    """
    batch = journal.batches.get(batch_id)
    if batch is None:
        return None
    receipts = journal.batches.receipts(batch_id)
    parcels, broken = [], list[Discrepancy]()
    for instance, values in receipts:
        try:
            parcels.append(Parcel(Receipt.from_dict(values), staging.name(batch_id, instance)))
        except TypeError:
            broken.append(Discrepancy("?", "its receipt in the journal cannot be read"))
    consignment = Consignment(batch_id, batch.project or "", parcels, journal.batches.part(batch_id))
    deliveries = [d for d in journal.deliveries.of([batch_id])[batch_id] if d.state is not DeliveryState.DROPPED]
    verdicts = [_ask(destinations.get(d.destination), d, consignment, broken) for d in deliveries]
    return Verdict(len(receipts), batch.manifest, manifest.head(values for _, values in receipts), verdicts)


def _ask(
    destination: Destination | None, delivery: Delivery, consignment: Consignment, broken: list[Discrepancy]
) -> DestinationVerdict:
    name = delivery.destination
    consignment = replace(consignment, parcels=[p for p in consignment.parcels if delivery.takes(p.receipt)])
    count = len(consignment.parcels)
    if delivery.state is not DeliveryState.VERIFIED:
        return DestinationVerdict(name, count, [], f"its delivery is {delivery.state}: it need not hold all of them")
    if destination is None:
        return DestinationVerdict(name, count, broken, "it is not configured any more")
    try:
        found = destination.verify(consignment) if consignment.parcels else []
        return DestinationVerdict(name, count, [*broken, *found], None)
    except SendItError as error:
        return DestinationVerdict(name, count, broken, str(error))

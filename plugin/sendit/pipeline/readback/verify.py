"""Does everything still hold what it held? The receipts against the batch's manifest, the destinations against them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sendit.errors import SendItError
from sendit.journal.receipts import manifest
from sendit.model import BatchState, Delivery, DeliveryState, Discrepancy, Receipt, Shipment, StagedInstance
from sendit.pipeline.passport.issue import PASSPORT, inspect, with_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendit.destinations.base import Destination
    from sendit.journal import Journal
    from sendit.journal.receipts.passports import StoredPassport
    from sendit.storage.staging import Staging

#: Only what was sent can be verified.
VERIFIABLE = frozenset({BatchState.SENT, BatchState.DONE, BatchState.DELIVERING, BatchState.FAILED})


@dataclass(frozen=True, slots=True)
class DestinationVerdict:
    """The state of a batch at one destination."""

    destination: str
    instances: int  # of the batch that go there
    discrepancies: list[Discrepancy]
    error: str | None  # why it was not asked, or could not be


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a verification."""

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
        """Return whether nothing differs."""
        return self.intact and not any(d.discrepancies or d.error for d in self.destinations)


def verify(
    journal: Journal, staging: Staging, destinations: Mapping[str, Destination], batch_id: int
) -> Verdict | None:
    """Recompute the chain, and check every destination that received the batch. None: there is no such batch.

    A destination that the batch has not reached is not asked, and so not well.

    The staged files are gone once a batch is done. A destination is then compared by digests, and what it holds in
    another encoding than it was sent in counts as a discrepancy, because nothing can be compared with it.
    """
    batch = journal.batches.get(batch_id)
    if batch is None:
        return None
    receipts = journal.batches.receipts(batch_id)
    staged_instances, broken = [], list[Discrepancy]()
    for instance, values in receipts:
        try:
            staged_instances.append(StagedInstance(Receipt.from_dict(values), staging.name(batch_id, instance)))
        except TypeError:
            broken.append(Discrepancy("?", "its receipt in the journal cannot be read"))
    shipment = Shipment(batch_id, batch.project or "", staged_instances, journal.batches.part(batch_id))
    deliveries = [d for d in journal.deliveries.of([batch_id])[batch_id] if d.state is not DeliveryState.DROPPED]
    passports = journal.passports.of(batch_id)
    verdicts = []
    for delivery in deliveries:
        part = [one for one in shipment.staged_instances if delivery.takes(one.receipt)]
        asked = _Asked(replace(shipment, staged_instances=part), passports.get(delivery.destination), staging, broken)
        verdicts.append(_ask(destinations.get(delivery.destination), delivery, asked))
    return Verdict(len(receipts), batch.manifest, manifest.head(values for _, values in receipts), verdicts)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Expected content of a destination."""

    shipment: Shipment
    passport: StoredPassport | None
    staging: Staging
    broken: list[Discrepancy]  # what cannot be compared with anything


def _ask(destination: Destination | None, delivery: Delivery, asked: _Asked) -> DestinationVerdict:
    name, count = delivery.destination, len(asked.shipment.staged_instances)
    if delivery.state is not DeliveryState.VERIFIED:
        return DestinationVerdict(name, count, [], f"its delivery is {delivery.state}: it need not hold all of them")
    if destination is None:
        return DestinationVerdict(name, count, asked.broken, "it is not configured any more")
    try:
        discrepancies = _compare(destination, asked) if count else []
        return DestinationVerdict(name, count, [*asked.broken, *discrepancies], None)
    except SendItError as error:
        return DestinationVerdict(name, count, asked.broken, str(error))


def _compare(destination: Destination, asked: _Asked) -> list[Discrepancy]:
    """Compare the instances, and the passport that was delivered with them."""
    if asked.passport is None:
        return destination.verify(asked.shipment)
    discrepancies = destination.verify(with_object(asked.shipment, destination, asked.staging, asked.passport))
    problem = inspect(destination, asked.shipment, asked.passport.content.encode("utf-8"))
    return [*discrepancies, *([Discrepancy(PASSPORT, problem)] if problem else [])]

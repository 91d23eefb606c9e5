"""A batch's way to one destination: when it may go, what of it goes, and what follows a failure.

Outside of a destination's window, and while it is not enabled, its deliveries are PAUSED: nothing counts as a failure,
and the reconciliation resumes them.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sendit.destinations.base import Pace
from sendit.errors import Misconfigured, Quarantine, Retry, SendItError, counted
from sendit.journal import Superseded
from sendit.journal.workers.group import Places, SharedPace
from sendit.logs.meters import DELIVER, RETRIES, Stopwatch
from sendit.model import BatchState, Delivery, InstanceState, Shipment, StagedInstance
from sendit.pipeline.context import MOST_STARTS, Services, account, after, backoff, deliver_key, deliver_queue
from sendit.pipeline.passport.issue import Passports, with_object
from sendit.pipeline.review.replace import remove_former
from sendit.pipeline.window import PauseGate, opens_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendit.destinations.base import Destination, Progress

log = logging.getLogger(__name__)

#: The journal is told of progress so often (seconds): each note is a write to the disk.
_NOTE_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing goes to a destination at the moment, which is nobody's failure."""

    why: str
    until: datetime | None  # None: until a person enables it


class Closed(Exception):
    """Raised between two instances when the destination's window closes."""

    def __init__(self, hold: Hold) -> None:
        super().__init__(hold.why)
        self.hold = hold


class Deliverer:
    """The stage "deliver".

    Args:
        sent: called with the batch once its last destination has been read back.
        now: an aware datetime.
        pauses: what persons have paused.
    """

    def __init__(
        self,
        services: Services,
        sent: Callable[[int], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pauses: PauseGate | None = None,
    ) -> None:
        self._services = services
        self._journal = services.journal
        self._sent = sent
        self._pauses = pauses or PauseGate(services.journal)
        self._now = now
        self._passports = Passports(services)
        configured = services.settings.destinations.items()
        paced = {name: d.bytes_per_second for name, d in configured if d.bytes_per_second is not None}
        leases = services.journal.leases
        self._paces: dict[str, Callable[[int], None]] = {
            name: SharedPace(leases, name, rate) if leases.shared else Pace(rate) for name, rate in paced.items()
        }
        self._places = Places(leases, services.scheduler.executor, services.stopping)

    def hold(self, destination: str, batch_id: int | None = None) -> Hold | None:
        """Return why deliveries there, or of this batch there, may not run now; None if they may.

        A destination that is not configured holds nothing: its deliveries fail.
        """
        if self._pauses.all() and (pause := self._pauses.holding(self._project(batch_id), destination)):
            return Hold(pause.why, None)
        if batch_id is not None and (why := self._pauses.batch_behind(batch_id)):
            return Hold(why, None)
        configured = self._services.settings.destinations.get(destination)
        if configured is None:
            return None
        if not configured.enabled:
            return Hold("this destination is not enabled", None)
        until = opens_at(configured.window, self._now()) if configured.window is not None else None
        return Hold("its window is closed", until) if until is not None else None

    def _project(self, batch_id: int | None) -> str | None:
        batch = None if batch_id is None else self._journal.batches.get(batch_id)
        return None if batch is None else batch.project

    def deliver(self, batch_id: int, destination: str, attempt: int) -> None:
        """Bring a batch to one destination and read it back."""
        try:
            if hold := self.hold(destination, batch_id):
                self._journal.deliveries.pause(batch_id, destination, attempt, hold.why, hold.until)
                return
        except Superseded:
            return
        configured = self._services.settings.destinations.get(destination)
        at_once = 1 if configured is None else configured.batches_at_once
        with self._places.one(destination, batch_id, at_once) as place:
            if place:
                self._deliver_now(batch_id, destination, attempt)

    def _deliver_now(self, batch_id: int, destination: str, attempt: int) -> None:
        try:
            delivery, starts = self._journal.deliveries.begin(batch_id, destination, attempt)
        except Superseded:
            return
        account(
            self._services,
            lambda: self._deliver(delivery, starts),
            lambda error: self._failed(delivery, error),
            batch_id,
            Stopwatch(DELIVER, destination),
        )

    def _deliver(self, delivery: Delivery, starts: int) -> None:
        destination = self._destination(delivery, starts)
        self._services.guard.sync()  # nothing leaves that a journal out of a backup could forget
        shipment = self.shipment(delivery)
        if delivery.replaces:
            self._replace(delivery, destination, shipment)
        if shipment.staged_instances:
            passport = self._passports.issue(delivery, shipment)
            sent = with_object(shipment, destination, self._services.staging, passport, write=True)
            try:
                destination.deliver(self._paced(sent, delivery.destination), self._progress(delivery))
            except Closed as closed:
                key = (delivery.batch_id, delivery.destination, delivery.attempt)
                self._journal.deliveries.pause(*key, closed.hold.why, closed.hold.until)
                log.info("batch %d: to %s later: %s", delivery.batch_id, delivery.destination, closed.hold.why)
                return
            self._passports.put(destination, shipment, passport)
            wrong = destination.verify(sent)
            if wrong:
                count = f"{len(wrong)} of {len(shipment.staged_instances)}"
                raise Retry(f"read back: {count} are not as sent ({wrong[0].problem})")
        state = self._journal.deliveries.verified(delivery, len(shipment.staged_instances))
        log.info(
            "batch %d: %s holds %s, read back", *_facts(delivery), counted(len(shipment.staged_instances), "instance")
        )
        if state is BatchState.SENT:
            self._sent(delivery.batch_id)

    def _replace(self, delivery: Delivery, destination: Destination, shipment: Shipment) -> None:
        """Remove the version of the batch that was sent before.

        What cannot be removed there is sent over, and the read-back tells whether that worked.
        """
        receipts = self._journal.versions.former(delivery.batch_id, delivery.replaces)
        name = self._services.staging.name
        taken = [
            StagedInstance(receipt, name(delivery.batch_id, instance))
            for instance, receipt in receipts.items()
            if delivery.takes(receipt)
        ]
        left = remove_former(destination, replace(shipment, staged_instances=taken), shipment)
        if not left:
            self._journal.deliveries.cleared(delivery)
            log.info("batch %d: its former version was removed from %s", *_facts(delivery))

    def _destination(self, delivery: Delivery, starts: int) -> Destination:
        place = f"batch {delivery.batch_id}"
        if starts > MOST_STARTS:
            problem = (
                f"its delivery to '{delivery.destination}' was started {counted(starts - 1, 'time')} and never finished"
            )
            raise Misconfigured(place, problem, "See the log for what ended the worker, then: sendit retry.")
        destination = self._services.destinations.get(delivery.destination)
        if destination is None:
            raise Misconfigured(
                place,
                f"destination '{delivery.destination}' is no longer configured",
                "Configure it again under this name, then: sendit retry.",
            )
        return destination

    def shipment(self, delivery: Delivery) -> Shipment:
        """Return the part of the batch that goes to this destination."""
        batch = self._journal.batches.get(delivery.batch_id)
        if batch is None or batch.project is None:
            raise Superseded  # a delivery has a batch with a project; it can only have been deleted by hand
        released = self._journal.batches.instances(batch.id, InstanceState.RELEASED, InstanceState.SENT)
        output = self._services.staging.name
        staged_instances = [
            StagedInstance(i.receipt, output(batch.id, i.orthanc_id))
            for i in released
            if i.receipt is not None and delivery.takes(i.receipt)
        ]
        return Shipment(batch.id, batch.project, staged_instances, self._journal.batches.part(batch.id))

    def _paced(self, shipment: Shipment, destination: str) -> Shipment:
        pace = self._paces.get(destination)
        if pace is None:
            return shipment
        return replace(shipment, staged_instances=[replace(staged, pace=pace) for staged in shipment.staged_instances])

    def _progress(self, delivery: Delivery) -> Progress:
        """Record how many instances are acknowledged, and end the delivery when its window closes."""
        noted = -math.inf

        def note(sent: int) -> None:
            nonlocal noted
            if time.monotonic() - noted >= _NOTE_EVERY:
                noted = time.monotonic()
                self._journal.deliveries.progress(delivery, sent)
            if hold := self.hold(delivery.destination, delivery.batch_id):
                raise Closed(hold)

        return note

    def _failed(self, delivery: Delivery, error: SendItError) -> None:
        """Hold the batch, deliver again later, or give up, as the error and the retries that are left say."""
        if isinstance(error, Quarantine):
            batch = self._journal.batches.get(delivery.batch_id)
            if batch is not None and batch.state is BatchState.DELIVERING:
                self._journal.batches.fail(batch.id, batch.attempt, str(error), BatchState.QUARANTINED)
            log.error("batch %d: QUARANTINED on its way to %s: %s", *_facts(delivery), error)
            return
        configured = self._services.settings.destinations.get(delivery.destination)
        retry = configured.retry if configured is not None else self._services.settings.retry
        if isinstance(error, Retry) and delivery.failures < retry.limit:
            delay = backoff(delivery.failures, retry)
            attempt = self._journal.deliveries.postpone(delivery, str(error), after(delay))
            log.warning("batch %d: to %s again in %.0f s: %s", *_facts(delivery), delay, error)
            RETRIES.labels(DELIVER, delivery.destination).inc()
            self.schedule(delivery.batch_id, delivery.destination, attempt, delay)
            return
        tried = f" (tried {counted(delivery.failures + 1, 'time')})" if delivery.failures else ""
        self._journal.deliveries.fail(delivery, f"{error}{tried}")
        log.error("batch %d: delivery to %s FAILED%s: %s", *_facts(delivery), tried, error)

    def schedule(self, batch_id: int, destination: str, attempt: int, delay: float = 0) -> None:
        """Enqueue a delivery."""
        key = deliver_key(batch_id, destination, attempt)
        home, rank = self._journal.homes.turn(batch_id)
        queue, work = deliver_queue(destination, home), (batch_id, destination, attempt)
        self._services.scheduler.enqueue(queue, "deliver", key, *work, delay_seconds=delay, rank=rank)

    def schedule_all(self, batch_id: int) -> None:
        """Schedule all deliveries of a batch."""
        for delivery in self._journal.deliveries.of([batch_id])[batch_id]:
            self.schedule(batch_id, delivery.destination, delivery.attempt)

    def resume(self, delivery: Delivery) -> None:
        """Take up a PAUSED delivery if nothing holds it any more."""
        if self.hold(delivery.destination, delivery.batch_id) is not None:
            return
        try:
            self._journal.deliveries.resume(delivery)
        except Superseded:
            return
        log.info("batch %d: to %s: resumed", *_facts(delivery))
        self.schedule(delivery.batch_id, delivery.destination, delivery.attempt)


def _facts(delivery: Delivery) -> tuple[int, str]:
    return delivery.batch_id, delivery.destination

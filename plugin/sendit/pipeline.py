"""One batch's life, top to bottom.

    stable(study)      collect, filter: list the study's instances as a batch          → QUEUED
    process(batch)     identify, de-identify, prove: every instance gets an outcome    → DELIVERING
    deliver(batch, d)  deliver to destination d, read it back                          → SENT, when all did
    clean_up(batch)    nothing stays in staging                                        → DONE

Every step is idempotent, may be killed at any instant, and is fenced by its attempt (`Superseded`). Troubles end in one
place, `_account`: `Retry` means later, `Misconfigured` means a person, `Quarantine` means that nothing leaves.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sendit.deidentification import Deidentification
from sendit.destinations.base import Destination
from sendit.errors import Misconfigured, Quarantine, Retry, SendItError
from sendit.intake.routing import project_of
from sendit.journal import Journal, Superseded
from sendit.logs import places
from sendit.model import Batch, BatchState, Consignment, Delivery, InstanceState, Parcel
from sendit.scheduler import Scheduler
from sendit.section import RetrySettings
from sendit.settings import Settings
from sendit.source import Source, Study
from sendit.staging import Staging

log = logging.getLogger(__name__)

#: How often a stage may begin without coming to an end: what kills its worker each time is not tried for ever.
MOST_STARTS = 5


def process_key(batch_id: int, attempt: int) -> str:
    return f"process:{batch_id}:{attempt}"


def deliver_key(batch_id: int, destination: str, attempt: int) -> str:
    return f"deliver:{batch_id}:{destination}:{attempt}"


def deliver_queue(destination: str) -> str:
    """Every destination has a queue of its own, so that one that is down delays no other."""
    return f"deliver.{destination}"


def backoff(failures: int, settings: RetrySettings) -> float:
    """Seconds to wait after so many failures: doubling, with jitter so that batches do not come back all at once."""
    longest = min(settings.max_delay, settings.first_delay * 2.0 ** min(failures, 30))
    return longest * random.uniform(0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the pipeline works with."""

    settings: Settings
    journal: Journal
    source: Source
    staging: Staging
    scheduler: Scheduler
    deidentification: Deidentification
    destinations: Mapping[str, Destination]


class Pipeline:
    """The stages, and what follows what."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms
        self.stopping = threading.Event()
        self._journal = rooms.journal

    # --- collect and filter: a study becomes a batch -------------------------------------------------------------

    def stable(self, study_id: str) -> list[int]:
        """A study is complete as far as anybody knows: queue what of it is new; the batches made."""
        study = self.rooms.source.study(study_id)
        if study is None:
            self._journal.intake.drop_receiving(study_id)
            return []
        listed = self.rooms.source.instances(study)
        made = [self._queue(study, listed, project) for project in self._projects_of(study, listed)]
        return [batch_id for batch_id in made if batch_id is not None]

    def imported(self, studies: Mapping[str, Collection[str]], project: str) -> None:
        """An import is complete: a study of which Orthanc holds nothing else is queued at once."""
        for study_id, brought in studies.items():
            self._journal.intake.route(study_id, project)
            study = self.rooms.source.study(study_id)
            if study is None:
                continue
            listed = self.rooms.source.instances(study)
            if set(listed) <= set(brought):
                self._queue(study, listed, project)

    def _projects_of(self, study: Study, listed: list[str]) -> list[str | None]:
        """Those of the study's former batches and those that an import named; else the first whose Match fits."""
        known = self.rooms.settings.projects
        # A cut project's study stays its own, and is refused there: no other project's Match may take it instead.
        cut = self._journal.cutting.projects_of(study.id)
        named = [*self._journal.batches.projects_of(study.id), *cut, *self._journal.intake.routes(study.id)]
        found = [name for name in dict.fromkeys(named) if name in known or name in cut]
        return [*found] if found else [project_of(self.rooms.source.facts(study, listed), known)]

    def _queue(self, study: Study, listed: list[str], project: str | None) -> int | None:
        batch_id = self._journal.intake.queue(study.id, project, listed, study.last_update)
        if batch_id is None:
            return None
        if project is None:
            log.warning("batch %d: no project's Match fits this study; nothing of it will be sent", batch_id)
        else:
            log.info("batch %d: queued for project %s", batch_id, project)
            self.schedule_process(batch_id, 1)
        return batch_id

    def overwritten(self, study_id: str, instance: str, batch_id: int) -> None:
        """An instance that batch `batch_id` covers has another content in Orthanc now."""
        former = self._journal.batches.get(batch_id)
        if former is not None and former.project:
            self.schedule_process(self._journal.intake.queue_overwritten(study_id, former.project, instance), 1)

    # --- de-identify ---------------------------------------------------------------------------------------------

    def process(self, batch_id: int, attempt: int) -> None:
        """Every instance gets an outcome; the batch goes on to its destinations, or is held, or is empty."""
        try:
            batch = self._journal.batches.begin(batch_id, attempt)
        except Superseded:
            return
        self._account(lambda: self._process(batch), lambda error: self._process_failed(batch, error), batch_id)

    def _process(self, batch: Batch) -> None:
        if batch.starts > MOST_STARTS:
            raise Misconfigured(
                f"batch {batch.id}",
                f"its de-identification was begun {batch.starts - 1} times and never came to an end",
                "Look in the log for what ended the worker (out of memory?), then: sendit retry.",
            )
        if cut := self._journal.cutting.of(batch.project or ""):
            raise cut.refusal(f"batch {batch.id}", batch.project or "")
        project = self.rooms.settings.projects.get(batch.project or "")
        if project is None:
            raise Misconfigured(
                f"batch {batch.id}",
                f"project '{batch.project}' is not configured any more",
                "Configure it again under this name, then: sendit retry.",
            )
        self.rooms.deidentification.run(batch)
        state = self._journal.batches.conclude(batch.id, batch.attempt, project.destinations)
        log.info("batch %d: %s", batch.id, state)
        if state is BatchState.DELIVERING:
            self.schedule_deliveries(batch.id)
        else:
            self.rooms.staging.remove(batch.id)

    def stop(self) -> None:
        """From now on nothing that fails is counted; what was begun is taken up at the next start."""
        self.stopping.set()

    def _process_failed(self, batch: Batch, error: SendItError) -> None:
        retry = self.rooms.settings.retry
        if isinstance(error, Retry) and batch.failures < retry.limit:
            delay = backoff(batch.failures, retry)
            attempt = self._journal.batches.postpone(batch.id, batch.attempt, str(error), _in(delay))
            log.warning("batch %d: tried again in %.0f s: %s", batch.id, delay, error)
            self.schedule_process(batch.id, attempt, delay)
            return
        state = BatchState.QUARANTINED if isinstance(error, Quarantine) else BatchState.FAILED
        self._journal.batches.fail(batch.id, batch.attempt, str(error), state)
        log.error("batch %d: %s: %s", batch.id, state, error)
        self.rooms.staging.remove(batch.id)

    # --- deliver and verify --------------------------------------------------------------------------------------

    def deliver(self, batch_id: int, destination: str, attempt: int) -> None:
        """Bring a batch to one destination and read it back."""
        try:
            delivery, starts = self._journal.deliveries.begin(batch_id, destination, attempt)
        except Superseded:
            return
        self._account(
            lambda: self._deliver(delivery, starts), lambda error: self._deliver_failed(delivery, error), batch_id
        )

    def _deliver(self, delivery: Delivery, starts: int) -> None:
        place = f"batch {delivery.batch_id}"
        if starts > MOST_STARTS:
            problem = f"its delivery to '{delivery.destination}' was begun {starts - 1} times and never came to an end"
            raise Misconfigured(place, problem, "Look in the log for what ended the worker, then: sendit retry.")
        destination = self.rooms.destinations.get(delivery.destination)
        if destination is None:
            raise Misconfigured(
                place,
                f"destination '{delivery.destination}' is not configured any more",
                "Configure it again under this name, then: sendit retry.",
            )
        consignment = self._consignment(delivery.batch_id)
        destination.deliver(consignment, self._progress(delivery))
        wrong = destination.verify(consignment)
        if wrong:
            raise Retry(f"read back: {len(wrong)} of {len(consignment.parcels)} are not as sent ({wrong[0].problem})")
        state = self._journal.deliveries.verified(delivery, len(consignment.parcels))
        log.info("batch %d: %s holds %d instances, read back", *_facts(delivery), len(consignment.parcels))
        if state is BatchState.SENT:
            self.clean_up(delivery.batch_id)

    def _progress(self, delivery: Delivery) -> Callable[[int], None]:
        """Notes how many instances are acknowledged, once a second: each note is a write to the disk."""
        noted = -math.inf

        def note(sent: int) -> None:
            nonlocal noted
            if time.monotonic() - noted >= 1:
                noted = time.monotonic()
                self._journal.deliveries.progress(delivery, sent)

        return note

    def _consignment(self, batch_id: int) -> Consignment:
        batch = self._journal.batches.get(batch_id)
        if batch is None or batch.project is None:
            raise Superseded  # a delivery has a batch with a project; it can only have been deleted by hand
        released = self._journal.batches.instances(batch_id, InstanceState.RELEASED, InstanceState.SENT)
        output = self.rooms.staging.output
        parcels = [Parcel(i.receipt, output(batch_id, i.orthanc_id)) for i in released if i.receipt is not None]
        return Consignment(batch_id, batch.project, parcels, self._journal.batches.part(batch_id))

    def _deliver_failed(self, delivery: Delivery, error: SendItError) -> None:
        if isinstance(error, Quarantine):
            batch = self._journal.batches.get(delivery.batch_id)
            if batch is not None:
                self._journal.batches.fail(batch.id, batch.attempt, str(error), BatchState.QUARANTINED)
            log.error("batch %d: QUARANTINED on its way to %s: %s", *_facts(delivery), error)
            return
        configured = self.rooms.settings.destinations.get(delivery.destination)
        retry = configured.retry if configured is not None else self.rooms.settings.retry
        if isinstance(error, Retry) and delivery.failures < retry.limit:
            delay = backoff(delivery.failures, retry)
            attempt = self._journal.deliveries.postpone(delivery, str(error), _in(delay))
            log.warning("batch %d: to %s again in %.0f s: %s", *_facts(delivery), delay, error)
            self.schedule_delivery(delivery.batch_id, delivery.destination, attempt, delay)
            return
        tried = f" (tried {delivery.failures + 1} times)" if delivery.failures else ""
        self._journal.deliveries.fail(delivery, f"{error}{tried}")
        log.error("batch %d: delivery to %s FAILED%s: %s", *_facts(delivery), tried, error)

    # --- clean up ------------------------------------------------------------------------------------------------

    def clean_up(self, batch_id: int) -> None:
        """SENT → DONE; the originals stay in Orthanc."""
        self.rooms.staging.remove(batch_id)
        try:
            self._journal.batches.done(batch_id)
        except Superseded:
            return
        log.info("batch %d: DONE", batch_id)

    def retry(self, batch_id: int) -> Batch | None:
        """An operator takes a batch up again; None if its state does not allow it."""
        batch = self._journal.batches.get(batch_id)
        project = None
        if batch is not None and batch.project is None:
            study = self.rooms.source.study(batch.study)
            if study is None:
                cure = "Send it again: it becomes a batch of its own."
                raise Misconfigured(f"batch {batch_id}", "its study is not in Orthanc any more", cure)
            project = self._projects_of(study, self.rooms.source.instances(study))[0]
            if project is None:
                raise Misconfigured(
                    f"batch {batch_id}", "no project's Match fits this study", "Change SendIt.Projects, then retry."
                )
        renewed = self._journal.batches.retry(batch_id, project)
        if renewed is not None:
            self.schedule_process(renewed.id, renewed.attempt)
        return renewed

    # --- what is common to all -----------------------------------------------------------------------------------

    def schedule_process(self, batch_id: int, attempt: int, delay: float = 0) -> None:
        key = process_key(batch_id, attempt)
        self.rooms.scheduler.enqueue("process", "process", key, batch_id, attempt, delay_seconds=delay)

    def schedule_deliveries(self, batch_id: int) -> None:
        for delivery in self._journal.deliveries.of([batch_id])[batch_id]:
            self.schedule_delivery(batch_id, delivery.destination, delivery.attempt)

    def schedule_delivery(self, batch_id: int, destination: str, attempt: int, delay: float = 0) -> None:
        key = deliver_key(batch_id, destination, attempt)
        self.rooms.scheduler.enqueue(
            deliver_queue(destination), "deliver", key, batch_id, destination, attempt, delay_seconds=delay
        )

    def _account(self, stage: Callable[[], None], failed: Callable[[SendItError], None], batch_id: int) -> None:
        """Run a stage, and write down how it failed. A fault of our own counts as Retry: it may not lose a batch."""
        try:
            try:
                stage()
            except SendItError as error:
                if self.stopping.is_set():
                    return  # what is being stopped fails in many ways, and none of them counts
                failed(error)
            except Superseded:
                raise
            except Exception as error:
                if self.stopping.is_set():
                    return
                log.error("batch %d: unexpected", batch_id, exc_info=error)
                failed(Retry(f"unexpected fault of SendIt: {places(error)}"))
        except Superseded:
            log.info("batch %d: another attempt has taken over", batch_id)


def _facts(delivery: Delivery) -> tuple[int, str]:
    return delivery.batch_id, delivery.destination


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)

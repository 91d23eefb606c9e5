"""Taking back what was sent: the study of a batch, or all studies of a patient, from every destination that can.

    begin(...)         the journal fences what is under way and remembers                → RECALLING
    recall(batch, d)   remove it from destination d                                      → RECALLED, when all did

Windows and Enabled hold deliveries, and no recalls. Instances that a destination cannot remove leave the batch
RECALL_FAILED, with the reason; another recall tries it again. Nothing more of a recalled study leaves for its project.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sendit.errors import Misconfigured, Retry, SendItError, counted
from sendit.journal import Superseded
from sendit.journal.writing import SYSTEM
from sendit.logs.meters import RECALL, RETRIES, Stopwatch
from sendit.model import Delivery, Discrepancy, Shipment, StagedInstance, family
from sendit.pipeline.context import (
    MOST_STARTS,
    Services,
    account,
    after,
    backoff,
    deliver_queue,
    process_queue,
    recall_key,
    until,
)
from sendit.pipeline.passport.issue import PASSPORT, Passports, with_object
from sendit.pipeline.review.replace import by_study

if TYPE_CHECKING:
    from sendit.destinations.base import Destination

log = logging.getLogger(__name__)

#: How often (seconds) a recall looks whether the delivery that it fenced has come to its end.
_LOOK_AGAIN = 1.0


class Recaller:
    """The stage "recall"."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._journal = services.journal
        self._passports = Passports(services)

    # --- what is to be recalled ----------------------------------------------------------------------------------

    def studies_of_batch(self, batch_id: int, project: str | None = None) -> set[tuple[str, str]]:
        """Return the study and the project of a batch, and the copies that Orthanc made of it.

        Raises Misconfigured if there is nothing to recall.

        Args:
            batch_id: the batch.
            project: where the caller believes it to be.
        """
        batch = self._journal.batches.get(batch_id)
        if batch is None:
            raise Misconfigured(f"batch {batch_id}", "there is no such batch", "sendit batches lists them.")
        if batch.project is None:
            problem = "it is not of any project yet, so nothing of it has left"
            remedy = "Delete its study from Orthanc, or recall the batch when it is queued."
            raise Misconfigured(f"batch {batch_id}", problem, remedy)
        if project is not None and family(project) != family(batch.project):
            problem = f"it is of project {batch.project}, not of the one that was named"
            raise Misconfigured(f"batch {batch_id}", problem, "Look at it: sendit batch. Nothing was recalled.")
        return self._journal.provenance.with_copies({(batch.study, batch.project)})

    def studies_of_patient(self, patient: str, project: str | None) -> set[tuple[str, str]]:
        """Return the studies that were released under this coded PatientID, and the copies that Orthanc made of them.

        Raises:
            Misconfigured: there are none; or in several projects, and none was named.
        """
        studies = self._journal.recalls.studies_of(patient)
        if project is not None:
            studies = {(study, of) for study, of in studies if family(of) == family(project)}
        names = sorted({family(of) for _, of in studies})
        if not names:
            remedy = "Give the PatientID of the outputs, and the project it is of."
            raise Misconfigured("patient", "nothing was released under this coded PatientID", remedy)
        if len(names) > 1:
            problem = f"this coded PatientID stands in several projects: {', '.join(names)}"
            raise Misconfigured("patient", problem, "Name one with --project.")
        return self._journal.provenance.with_copies(studies)

    def batches_of(self, studies: set[tuple[str, str]]) -> list[int]:
        """Return the batches that a recall of these studies would take back."""
        return sorted({batch for study in studies for batch in self._journal.recalls.batches_of(*study)})

    def begin(
        self, studies: set[tuple[str, str]], reason: str, *, patients: bool = False, actor: str = SYSTEM
    ) -> list[int]:
        """Fence what is under way, schedule the removal, and return the batches.

        Args:
            studies: the studies.
            reason: an operator's words, without identifiers.
            patients: hold further studies of these patients, too.
            actor: who recalls.

        Raises:
            Misconfigured: there is no reason.
        """
        if not reason.strip():
            raise Misconfigured("reason", "a recall needs a reason", "Say why, without naming a patient.")
        begun = self._journal.recalls.begin(studies, reason.strip(), patients=patients, actor=actor)
        try:
            self._services.guard.sync()
        except Retry as error:  # the journal knows of the recall; the next reconciliation notes it again
            log.error("%s", error)
        for batch_id in begun:
            self._services.staging.remove(batch_id)
            self._services.previews.remove(batch_id)
        mine = [delivery for delivery in self._journal.recalls.open() if delivery.batch_id in set(begun)]
        for delivery in mine:
            self.schedule(delivery, delivery.attempt)
        return begun

    # --- one destination -----------------------------------------------------------------------------------------

    def recall(self, batch_id: int, destination: str, attempt: int) -> None:
        """Remove a batch from one destination."""
        try:
            delivery, starts = self._journal.recalls.start(batch_id, destination, attempt)
        except Superseded:
            return
        account(
            self._services,
            lambda: self._recall(delivery, starts),
            lambda error: self._failed(delivery, error),
            batch_id,
            Stopwatch(RECALL, destination),
        )

    def _recall(self, delivery: Delivery, starts: int) -> None:
        if self._still_sending(delivery):
            # It is fenced, and ends at its next instance; what it sends until then has to be removed, too.
            self.schedule(delivery, self._journal.recalls.renew(delivery, ended=True), _LOOK_AGAIN)
            return
        if starts > MOST_STARTS:
            times = counted(starts - 1, "time")
            problem = f"the recall from '{delivery.destination}' was started {times} and never finished"
            raise Misconfigured(f"batch {delivery.batch_id}", problem, "See the log for what ended the worker.")
        destination = self._services.destinations.get(delivery.destination)
        if destination is None:
            problem = f"destination '{delivery.destination}' is no longer configured"
            remedy = "Configure it again under this name, then: sendit recall."
            raise Misconfigured(f"batch {delivery.batch_id}", problem, remedy)
        if self._journal.retention.pruned_at(delivery.batch_id) is not None:
            problem = "its receipts were deleted (SendIt.Retention.JournalDays), so SendIt cannot tell what to remove"
            raise Misconfigured(f"batch {delivery.batch_id}", problem, "Remove it there by its coded PatientID.")
        shipment = self._shipment(delivery)
        wrong = self._remove(destination, delivery, shipment) if shipment.staged_instances else []
        left = [one for one in wrong if one.sop_instance_uid in _uids(shipment)]
        count = len(shipment.staged_instances)
        reason = wrong[0].problem if wrong else None
        if left:
            reason = f"{len(left)} of {count} could not be removed: {wrong[0].problem}"
        self._end(delivery, count - len(left), len(left), reason)

    def _remove(self, destination: Destination, delivery: Delivery, shipment: Shipment) -> list[Discrepancy]:
        """Remove the passport, then the instances, and let recipients know; return what could not be removed.

        A passport beside the instances goes first, as its folder has to be empty to go with them.
        """
        problem = self._passports.remove(destination, shipment)
        passport = self._journal.passports.of(delivery.batch_id).get(delivery.destination)
        whole = with_object(shipment, destination, self._services.staging, passport)
        wrong = [one for part in by_study(whole) for one in destination.recall(part)]
        try:
            self._passports.revoke(destination, shipment.project)
        except Misconfigured as error:
            problem = f"the list of recalled studies could not be written: {error}"
        return [*wrong, *([Discrepancy(PASSPORT, problem)] if problem else [])]

    def _still_sending(self, delivery: Delivery) -> bool:
        mine = f"deliver:{delivery.batch_id}:{delivery.destination}:"
        return any(w.key.startswith(mine) and w.running_on for w in self._services.scheduler.active())

    def _shipment(self, delivery: Delivery) -> Shipment:
        """Return all of the batch that has ever been released for this destination, in any version."""
        batch = self._journal.batches.get(delivery.batch_id)
        if batch is None or batch.project is None:
            raise Superseded
        staged_instances = [
            StagedInstance(receipt, self._services.staging.name(batch.id, instance))
            for instance, receipt in self._journal.versions.all_receipts(batch.id)
            if delivery.takes(receipt)
        ]
        return Shipment(batch.id, batch.project, staged_instances, self._journal.batches.part(batch.id))

    def _end(self, delivery: Delivery, removed: int, left: int, problem: str | None) -> None:
        self._journal.recalls.end(delivery, removed, left, problem)
        key = (delivery.batch_id, delivery.destination)
        if problem is None:
            log.info("batch %d: recalled from %s: %s removed", *key, counted(removed, "instance"))
        else:
            log.error("batch %d: recall from %s FAILED: %s", *key, problem)

    def _failed(self, delivery: Delivery, error: SendItError) -> None:
        configured = self._services.settings.destinations.get(delivery.destination)
        retry = configured.retry if configured is not None else self._services.settings.retry
        if isinstance(error, Retry) and delivery.failures < retry.limit:
            delay = backoff(delivery.failures, retry)
            attempt = self._journal.recalls.postpone(delivery, self._left(delivery), str(error), after(delay))
            key = (delivery.batch_id, delivery.destination)
            log.warning("batch %d: recall from %s again in %.0f s: %s", *key, delay, error)
            RETRIES.labels(RECALL, delivery.destination).inc()
            self.schedule(delivery, attempt, delay)
            return
        self._end(delivery, delivery.removed, self._left(delivery), str(error))

    def _left(self, delivery: Delivery) -> int:
        """Return how many instances may still be there if no one could check.

        All that were released, unless a recall has counted: a delivery that was cut off is not sure how many it sent.
        """
        return delivery.sent if delivery.removed else len(self._shipment(delivery).staged_instances)

    def renew(self, delivery: Delivery) -> None:
        """Resume a recall that nothing is scheduled for."""
        try:
            attempt = self._journal.recalls.renew(delivery)
        except Superseded:
            return
        log.info("batch %d: no recall from %s was scheduled; scheduled now", delivery.batch_id, delivery.destination)
        self.schedule(delivery, attempt, until(delivery.next_attempt_at))

    def schedule(self, delivery: Delivery, attempt: int, delay: float = 0) -> None:
        """Schedule this attempt, `delay` seconds from now."""
        configured = delivery.destination in self._services.settings.destinations
        home = self._journal.homes.of(delivery.batch_id)
        queue = deliver_queue(delivery.destination, home) if configured else process_queue(home)
        key = recall_key(delivery.batch_id, delivery.destination, attempt)
        work = (delivery.batch_id, delivery.destination, attempt)
        self._services.scheduler.enqueue(queue, "recall", key, *work, delay_seconds=delay)


def _uids(shipment: Shipment) -> set[str]:
    return {staged.receipt.sop_instance_uid for staged in shipment.staged_instances}

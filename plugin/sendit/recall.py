"""Taking back what was sent: the study of a batch, or all studies of a patient, from every destination that can.

    begin(...)         the journal fences what is under way and remembers                → RECALLING
    recall(batch, d)   remove it from destination d                                      → RECALLED, when all did

Windows and Enabled hold deliveries, and no recalls. What a destination cannot remove leaves the batch RECALL_FAILED,
with the reason; another recall tries it again. Nothing more of a recalled study leaves for its project.
"""

from __future__ import annotations

import logging

from sendit.errors import Misconfigured, Retry, SendItError
from sendit.journal import Superseded
from sendit.model import BatchState, Consignment, Delivery, Parcel, family
from sendit.stages import MOST_STARTS, Rooms, account, after, backoff, deliver_queue, recall_key, until

log = logging.getLogger(__name__)

#: How often (seconds) a recall looks whether the delivery that it fenced has come to its end.
_LOOK_AGAIN = 1.0


class Recaller:
    """The stage "recall"."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._journal = rooms.journal

    # --- what is to be recalled ----------------------------------------------------------------------------------

    def studies_of_batch(self, batch_id: int, project: str | None = None) -> set[tuple[str, str]]:
        """The study and the project of a batch; Misconfigured if there is nothing to recall.

        Args:
            project: where the caller believes it to be.
        """
        batch = self._journal.batches.get(batch_id)
        if batch is None:
            raise Misconfigured(f"batch {batch_id}", "there is no such batch", "sendit batches lists them.")
        if batch.project is None:
            problem = "it is not of any project yet, so nothing of it has left"
            cure = "Delete its study from Orthanc, or recall the batch when it is queued."
            raise Misconfigured(f"batch {batch_id}", problem, cure)
        if project is not None and family(project) != family(batch.project):
            problem = f"it is of project {batch.project}, not of the one that was named"
            raise Misconfigured(f"batch {batch_id}", problem, "Look at it: sendit batch. Nothing was recalled.")
        return {(batch.study, batch.project)}

    def studies_of_patient(self, patient: str, project: str | None) -> set[tuple[str, str]]:
        """The studies that were released under this coded PatientID.

        Raises:
            Misconfigured: there are none; or in several projects, and none was named.
        """
        found = self._journal.recalls.studies_of(patient)
        if project is not None:
            found = {(study, of) for study, of in found if family(of) == family(project)}
        names = sorted({family(of) for _, of in found})
        if not names:
            cure = "Give the PatientID of the outputs, and the project it is of."
            raise Misconfigured("patient", "nothing was released under this coded PatientID", cure)
        if len(names) > 1:
            problem = f"this coded PatientID stands in several projects: {', '.join(names)}"
            raise Misconfigured("patient", problem, "Name one with --project.")
        return found

    def batches_of(self, studies: set[tuple[str, str]]) -> list[int]:
        """The batches that a recall of these studies would take back."""
        return sorted({found for study in studies for found in self._journal.recalls.batches_of(*study)})

    def begin(self, studies: set[tuple[str, str]], reason: str = "", patients: bool = False) -> list[int]:
        """Fence what is under way, and schedule the removal; the batches."""
        begun = self._journal.recalls.begin(studies, reason, patients)
        for batch_id in begun:
            log.warning("batch %d: recalled", batch_id)
            self._rooms.staging.remove(batch_id)
            self._rooms.pictures.remove(batch_id)
        mine = [delivery for delivery in self._journal.recalls.open() if delivery.batch_id in set(begun)]
        for delivery in mine:
            self._schedule(delivery, delivery.attempt)
        return begun

    # --- one destination -----------------------------------------------------------------------------------------

    def recall(self, batch_id: int, destination: str, attempt: int) -> None:
        """Remove a batch from one destination."""
        try:
            delivery, starts = self._journal.recalls.start(batch_id, destination, attempt)
        except Superseded:
            return
        account(
            self._rooms,
            lambda: self._recall(delivery, starts),
            lambda error: self._failed(delivery, error),
            batch_id,
        )

    def _recall(self, delivery: Delivery, starts: int) -> None:
        if self._still_sending(delivery):
            # It is fenced, and ends at its next instance; what it sends until then has to be removed, too.
            self._schedule(delivery, self._journal.recalls.renew(delivery, ended=True), _LOOK_AGAIN)
            return
        if starts > MOST_STARTS:
            problem = f"the recall from '{delivery.destination}' was begun {starts - 1} times and never came to an end"
            raise Misconfigured(f"batch {delivery.batch_id}", problem, "Look in the log for what ended the worker.")
        destination = self._rooms.destinations.get(delivery.destination)
        if destination is None:
            problem = f"destination '{delivery.destination}' is not configured any more"
            cure = "Configure it again under this name, then: sendit recall."
            raise Misconfigured(f"batch {delivery.batch_id}", problem, cure)
        if self._journal.retention.pruned_at(delivery.batch_id) is not None:
            problem = "its receipts were deleted (SendIt.Retention.JournalDays), so nobody can say what to remove"
            raise Misconfigured(f"batch {delivery.batch_id}", problem, "Remove it there by its coded PatientID.")
        consignment = self._consignment(delivery)
        wrong = destination.recall(consignment) if consignment.parcels else []
        removed = len(consignment.parcels) - len(wrong)
        reason = (
            f"{len(wrong)} of {len(consignment.parcels)} could not be removed: {wrong[0].problem}" if wrong else None
        )
        self._end(delivery, removed, len(wrong), reason)

    def _still_sending(self, delivery: Delivery) -> bool:
        mine = f"deliver:{delivery.batch_id}:{delivery.destination}:"
        return any(w.key.startswith(mine) and w.running_on for w in self._rooms.scheduler.active())

    def _consignment(self, delivery: Delivery) -> Consignment:
        """All of the batch that has ever been released for this destination."""
        batch = self._journal.batches.get(delivery.batch_id)
        if batch is None or batch.project is None:
            raise Superseded
        parcels = [
            Parcel(i.receipt, self._rooms.staging.name(batch.id, i.orthanc_id))
            for i in self._journal.batches.instances(batch.id)
            if i.receipt is not None and delivery.takes(i.receipt)
        ]
        return Consignment(batch.id, batch.project, parcels, self._journal.batches.part(batch.id))

    def _end(self, delivery: Delivery, removed: int, left: int, problem: str | None) -> None:
        state = self._journal.recalls.end(delivery, removed, left, problem)
        key = (delivery.batch_id, delivery.destination)
        if problem is None:
            log.info("batch %d: recalled from %s: %d instances removed", *key, removed)
        else:
            log.error("batch %d: recall from %s FAILED: %s", *key, problem)
        if state is BatchState.RECALLED:
            log.info("batch %d: %s", delivery.batch_id, state)

    def _failed(self, delivery: Delivery, error: SendItError) -> None:
        configured = self._rooms.settings.destinations.get(delivery.destination)
        retry = configured.retry if configured is not None else self._rooms.settings.retry
        if isinstance(error, Retry) and delivery.failures < retry.limit:
            delay = backoff(delivery.failures, retry)
            attempt = self._journal.recalls.postpone(delivery, self._left(delivery), str(error), after(delay))
            key = (delivery.batch_id, delivery.destination)
            log.warning("batch %d: recall from %s again in %.0f s: %s", *key, delay, error)
            self._schedule(delivery, attempt, delay)
            return
        self._end(delivery, delivery.removed, self._left(delivery), str(error))

    def _left(self, delivery: Delivery) -> int:
        """How many instances may still be there, where nobody could look.

        All that were released, unless a recall has counted: a delivery that was cut off is not sure how many it sent.
        """
        return delivery.sent if delivery.removed else len(self._consignment(delivery).parcels)

    def renew(self, delivery: Delivery) -> None:
        """Nothing is scheduled for this recall: take it up."""
        try:
            attempt = self._journal.recalls.renew(delivery)
        except Superseded:
            return
        log.info("batch %d: no recall from %s was scheduled; taken up", delivery.batch_id, delivery.destination)
        self._schedule(delivery, attempt, until(delivery.next_attempt_at))

    def _schedule(self, delivery: Delivery, attempt: int, delay: float = 0) -> None:
        known = delivery.destination in self._rooms.settings.destinations
        queue = deliver_queue(delivery.destination) if known else "process"
        key = recall_key(delivery.batch_id, delivery.destination, attempt)
        work = (delivery.batch_id, delivery.destination, attempt)
        self._rooms.scheduler.enqueue(queue, "recall", key, *work, delay_seconds=delay)

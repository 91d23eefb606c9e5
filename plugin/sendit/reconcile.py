"""Law 2: the journal is the truth. At the start, and every minute, what should be under way is compared with what is.

Events get lost: a study that was not yet stable when Orthanc was killed never becomes one. Work gets lost: a worker is
killed between writing the journal and telling the engine. Both are found here, and nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sendit.errors import SendItError
from sendit.journal import Superseded
from sendit.model import Batch, BatchState, Delivery, DeliveryState
from sendit.pipeline import Pipeline
from sendit.retention import forget
from sendit.source import Study
from sendit.stages import deliver_key, process_key, recall_key, until

log = logging.getLogger(__name__)

_MARK = "orthanc.changes"
_ALIVE_SECONDS = 60.0
_CHUNK = 200
#: Ended work is of no use to anybody after a day; the journal keeps the story.
_FORGET = timedelta(days=1)
#: In these states a batch needs its staged files.
_STAGED = frozenset({BatchState.PROCESSING, BatchState.DELIVERING, BatchState.SENT, BatchState.FAILED,
                     BatchState.QUEUED, BatchState.REVIEW})  # fmt: skip
#: In these its pictures are still to be looked at, or may come to be.
_PICTURED = _STAGED | {BatchState.QUARANTINED}


class Reconciler:
    """Compares the journal with Orthanc and with the engine, and mends what differs.

    Args:
        stable_age: Orthanc's StableAge, seconds. After a restart Orthanc calls every study stable, so age counts too.
    """

    def __init__(self, pipeline: Pipeline, stable_age: int) -> None:
        self._pipeline = pipeline
        self._rooms = pipeline.rooms
        self._stable_age = stable_age
        self._silent: set[str] = set()  # said to run here at the last reconciliation, and did not
        self._complete = False  # whether a full sweep came to its end since the start
        self._troubled: dict[str, Exception] = {}  # studies that could not be taken up, and why; for the next sweep

    def run(self) -> None:
        """One reconciliation. Raises Retry if Orthanc does not answer; everything done until then stands.

        What is wrong with one study keeps no other from being taken up; it is raised at the end.
        """
        self.take_over()
        self.reschedule()
        self.tidy()
        self.sweep()
        self._pipeline.originals.sweep()
        for error in self._troubled.values():
            raise error

    # --- work ----------------------------------------------------------------------------------------------------

    def take_over(self) -> None:
        """Work that is said to run and does not is cancelled; `reschedule` then finds its batch without any.

        It runs on a worker that is not alive; or here, and was not seen running here twice in a row: once may be the
        moment between the engine's taking it and its beginning.
        """
        scheduler = self._rooms.scheduler
        alive = self._rooms.journal.facts.alive(_ALIVE_SECONDS)
        running = [w for w in scheduler.active() if w.running_on is not None]
        dead = {w.key for w in running if w.running_on not in alive and w.running_on != scheduler.executor}
        silent = {w.key for w in running if w.running_on == scheduler.executor and not scheduler.runs_here(w.key)}
        dead |= silent & self._silent
        self._silent = silent - dead
        scheduler.cancel(*dead)
        for key in dead:
            log.warning("%s is said to run and does not; it is taken over", key)

    def reschedule(self) -> None:
        """Every unfinished batch with nothing scheduled is taken up."""
        # In this order: what is scheduled after the journal was read is not missed, only fenced.
        unfinished = self._rooms.journal.batches.unfinished()
        deliveries = self._rooms.journal.deliveries.open()
        recalls = self._rooms.journal.recalls.open()
        active = {work.key for work in self._rooms.scheduler.active()}
        for batch in unfinished:
            if batch.state in (BatchState.QUEUED, BatchState.PROCESSING):
                if process_key(batch.id, batch.attempt) not in active:
                    self._renew_process(batch)
            elif batch.state is BatchState.SENT:
                self._pipeline.clean_up(batch.id)
        for delivery in deliveries:
            if delivery.state is DeliveryState.PAUSED:
                self._pipeline.deliverer.resume(delivery)
            elif deliver_key(delivery.batch_id, delivery.destination, delivery.attempt) not in active:
                self._renew_delivery(delivery)
        for recall in recalls:
            if recall_key(recall.batch_id, recall.destination, recall.attempt) not in active:
                self._pipeline.recaller.renew(recall)

    def _renew_process(self, batch: Batch) -> None:
        try:
            attempt = self._rooms.journal.batches.renew(batch.id, batch.attempt)
        except Superseded:
            return
        log.info("batch %d: nothing was scheduled for it; taken up", batch.id)
        self._pipeline.schedule_process(batch.id, attempt, until(batch.next_attempt_at))

    def _renew_delivery(self, delivery: Delivery) -> None:
        try:
            attempt = self._rooms.journal.deliveries.renew(delivery)
        except Superseded:
            return
        log.info("batch %d: no delivery to %s was scheduled; taken up", delivery.batch_id, delivery.destination)
        wait = until(delivery.next_attempt_at)
        self._pipeline.deliverer.schedule(delivery.batch_id, delivery.destination, attempt, wait)

    def tidy(self) -> None:
        """Nothing stays in staging that no batch needs, and no picture; the engine forgets what ended."""
        for kept, needed in ((self._rooms.staging, _STAGED), (self._rooms.pictures, _PICTURED)):
            for batch_id in list(kept.batches()):
                batch = self._rooms.journal.batches.get(batch_id)
                if batch is None or batch.state not in needed:
                    kept.remove(batch_id)
        forget(self._rooms)
        self._rooms.scheduler.forget_ended(_FORGET)

    # --- studies -------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Take up the studies in Orthanc that no batch covers: all of them at the start, then those that changed."""
        last = self._rooms.source.last_change()
        mark = int(self._rooms.journal.facts.mark(_MARK) or 0)
        if not self._complete or last < mark:  # the second: somebody wiped Orthanc's log of changes, or its database
            self._look_at(self._rooms.source.studies())
            self._complete = True
        else:
            last = self._sweep_changes(mark)
        if last != mark:
            self._rooms.journal.facts.set_mark(_MARK, str(last))
        self._look_at(self._present({*self._rooms.journal.intake.receiving_studies(), *self._troubled}))

    def _sweep_changes(self, mark: int) -> int:
        done = False
        while not done:
            changes = self._rooms.source.changes(mark)
            self._look_at(self._present(changes.studies))
            mark, done = changes.last, changes.done
        return mark

    def _present(self, identifiers: Iterable[str]) -> Iterable[Study]:
        """Those that Orthanc still has; the others' open batches end."""
        for identifier in identifiers:
            study = self._rooms.source.study(identifier)
            if study is None:
                self._troubled.pop(identifier, None)
                self._rooms.journal.intake.drop_receiving(identifier)
            else:
                yield study

    def _look_at(self, studies: Iterable[Study]) -> None:
        chunk: list[Study] = []
        for study in studies:
            chunk.append(study)
            if len(chunk) == _CHUNK:
                self._compare(chunk)
                chunk = []
        self._compare(chunk)

    def _compare(self, studies: list[Study]) -> None:
        known = self._rooms.journal.intake.last_updates([study.id for study in studies])
        cut = self._rooms.journal.cutting.studies([study.id for study in studies])
        for study in studies:
            try:
                if study.id in known or study.id not in cut:  # of what was cut, all that was known was taken out
                    self._take_up(study, *known.get(study.id, (None, False)))
                self._troubled.pop(study.id, None)
            except SendItError:
                raise  # Orthanc does not answer: nor will it for the next study
            except Exception as error:  # noqa: BLE001  raised at the end of `run`
                self._troubled[study.id] = error

    def _take_up(self, study: Study, last_update: str | None, receiving: bool) -> None:
        if last_update == study.last_update and not receiving:
            return
        if study.stable and self._is_quiet(study):
            self._pipeline.stable(study.id)
        elif not receiving:
            self._rooms.journal.intake.receiving(study.id, self._rooms.source.count(study.id))

    def _is_quiet(self, study: Study) -> bool:
        """Whether its last instance came at least StableAge ago."""
        try:
            updated = datetime.strptime(study.last_update, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return True
        age = (datetime.now(UTC) - updated).total_seconds()
        return age < 0 or age >= self._stable_age

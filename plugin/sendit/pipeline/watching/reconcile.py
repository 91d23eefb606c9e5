"""Law 2: the journal is the truth. At the start, and every minute, what should be under way is compared with what is.

Events get lost: a study that was not yet stable when Orthanc was killed never becomes one. Work gets lost: a worker is
killed between writing the journal and telling the engine. Both are found here, and nowhere else.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sendit.errors import SendItError, counted
from sendit.journal import Superseded
from sendit.journal.workers.group import ALIVE_SECONDS, WorkerGroup
from sendit.model import Batch, BatchState, Delivery, DeliveryState
from sendit.pipeline.context import Services, deliver_key, process_key, recall_key, until
from sendit.pipeline.watching.pulls import Pulling

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendit.orthanc.client import Study
    from sendit.pipeline.batch import Pipeline

log = logging.getLogger(__name__)

_MARK = "orthanc.changes."  # and the home
_CHUNK = 200
#: Seconds by which a wait may exceed MaxDelay: two machines' clocks differ.
_SLACK = 5.0
#: Ended work is of no use to anybody after a day; the journal keeps the history.
_FORGET = timedelta(days=1)
#: In these states a batch needs its staged files.
_STAGED = frozenset({BatchState.PROCESSING, BatchState.DELIVERING, BatchState.SENT, BatchState.FAILED,
                     BatchState.QUEUED, BatchState.REVIEW})  # fmt: skip
#: In these nothing but the staged files is needed.
_FROM_STAGING = (BatchState.REVIEW, BatchState.DELIVERING, BatchState.SENT)
#: In these its previews are still to be reviewed, or may still be created.
_PREVIEWED = _STAGED | {BatchState.QUARANTINED}


class Reconciler:
    """Compares the journal with Orthanc and with the engine, and corrects what differs.

    Args:
        stable_age: Orthanc's StableAge, seconds. After a restart Orthanc calls every study stable, so age counts too.
        pulling: the pulls of this worker.
        group: the workers that share the journal.
    """

    def __init__(
        self, pipeline: Pipeline, stable_age: int, pulling: Pulling | None = None, group: WorkerGroup | None = None
    ) -> None:
        self._pipeline = pipeline
        self._pulling = pulling or Pulling(pipeline)
        self._services = pipeline.services
        self._home = pipeline.services.journal.home
        self._group = group or WorkerGroup(self._services.journal, self._services.scheduler.executor)
        self._stable_age = stable_age
        self._silent: set[str] = set()  # said to run here at the last reconciliation, and did not
        self._begun = False  # whether what only a start does was done
        self._stranded = 0  # open batches that no living worker can do
        self._complete = False  # whether a full sweep came to its end since the start
        self._troubled: dict[str, Exception] = {}  # studies that could not be taken up, and why; for the next sweep

    def run(self) -> None:
        """Reconcile once. Raises Retry if Orthanc does not answer; everything done until then stands.

        What is wrong with one study keeps no other from being taken up; it is raised at the end.
        """
        self._services.guard.sync()
        self.take_over()
        if self._group.leads():
            forget_history(self._services)
        self.adopt()
        self.bring_forward()
        if not self._begun:
            self._pipeline.try_again()
            self._begun = True
        self.reschedule()
        self.tidy()
        self.sweep()
        self._pipeline.originals.sweep()
        for error in self._troubled.values():
            raise error

    # --- work ----------------------------------------------------------------------------------------------------

    def take_over(self) -> None:
        """Cancel work that is marked as running but is not; `reschedule` then finds its batch without any.

        It runs on a worker that is not alive; or here, and was not seen running here twice in a row: once may be the
        moment between the engine's taking it and its beginning. At the start, what a former version of SendIt scheduled
        is cancelled, too: nobody takes it.
        """
        scheduler = self._services.scheduler
        alive = self._services.journal.facts.alive(ALIVE_SECONDS)
        active = scheduler.active()
        running = [w for w in active if w.running_on is not None]
        former = [] if self._begun else [w for w in active if not w.current]
        dead = {w.key for w in former if w.running_on in (None, scheduler.executor)}
        dead |= {w.key for w in running if w.running_on not in alive and w.running_on != scheduler.executor}
        silent = {w.key for w in running if w.running_on == scheduler.executor and not scheduler.runs_here(w.key)}
        dead |= silent & self._silent
        self._silent = silent - dead
        scheduler.cancel(*dead)
        for key in dead:
            log.warning("%s is marked as running but is not; rescheduling", key)

    def adopt(self) -> None:
        """Take over open batches of workers that do not live, or of none, as far as this one can do them."""
        journal = self._services.journal
        alone = not journal.leases.shared  # the one worker of SQLite, which may have lost the name of its home
        living = self._group.homes()
        stranded = 0
        for batch_id, study, state in journal.homes.strays(living):
            staged = alone or (state in _FROM_STAGING and self._services.staging.has(batch_id))
            if not (staged or state is BatchState.RECALLING or self._has_all(batch_id, study, state)):
                stranded += 1
            elif journal.homes.adopt(batch_id, living, staged=staged):
                log.warning("batch %d: taken over: its worker does not run", batch_id)
        self._stranded = stranded
        self._pulling.adopt()

    def _has_all(self, batch_id: int, study: str, state: BatchState) -> bool:
        """Return whether our Orthanc has every instance of a batch, which can so be de-identified here."""
        there = self._services.source.study(study)
        if there is None or state is BatchState.REVIEW:  # a person looks at what was staged
            return False
        listed = {instance.orthanc_id for instance in self._services.journal.batches.instances(batch_id)}
        return listed <= set(self._services.source.instances(there))

    def problems(self) -> list[str]:
        """Return that batches wait for workers which do not run, and whose place nobody can take."""
        if not self._stranded:
            return []
        many = f"{self._stranded} batches wait" if self._stranded > 1 else "a batch waits"
        return [f"{many} for a worker that does not run, and whose studies and staged files are not here"]

    def reschedule(self) -> None:
        """Schedule every unfinished batch that nothing is scheduled for."""
        # In this order: what is scheduled after the journal was read is not missed, only fenced.
        unfinished = self._services.journal.batches.unfinished(self._home)
        deliveries = self._services.journal.deliveries.open(self._home)
        recalls = self._services.journal.recalls.open(self._home)
        active = {work.key for work in self._services.scheduler.active()}
        for batch in unfinished:
            if batch.state in (BatchState.QUEUED, BatchState.PROCESSING):
                if process_key(batch.id, batch.attempt) not in active and not self._pipeline.waits(batch):
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
        self._pulling.reschedule(active)

    def bring_forward(self) -> None:
        """Bring forward what would wait longer than its MaxDelay because a clock was, or is, wrong."""
        settings = self._services.settings
        longest = {name: one.retry.max_delay for name, one in settings.destinations.items()}
        late = set()
        journal = self._services.journal
        for batch in journal.batches.unfinished(self._home):
            if batch.state is BatchState.QUEUED and until(batch.next_attempt_at) > settings.retry.max_delay + _SLACK:
                late.add(batch.id)
        waiting = (DeliveryState.RETRYING, DeliveryState.RECALLING)
        for delivery in (*journal.deliveries.open(self._home), *journal.recalls.open(self._home)):
            most = longest.get(delivery.destination, settings.retry.max_delay)
            if delivery.state in waiting and until(delivery.next_attempt_at) > most + _SLACK:
                late.add(delivery.batch_id)
        for batch_id in sorted(late):
            log.warning(
                "batch %d: its next attempt is later than Retry.MaxDelay allows; was the clock wrong? Retrying now",
                batch_id,
            )
            self._pipeline.try_now(
                batch_id, why="tried now: it would have waited longer than MaxDelay (a clock was wrong)"
            )

    def _renew_process(self, batch: Batch) -> None:
        try:
            attempt = self._services.journal.batches.renew(batch.id, batch.attempt)
        except Superseded:
            return
        log.info("batch %d: nothing was scheduled for it; scheduled now", batch.id)
        self._pipeline.schedule_process(batch.id, attempt, until(batch.next_attempt_at))

    def _renew_delivery(self, delivery: Delivery) -> None:
        try:
            attempt = self._services.journal.deliveries.renew(delivery)
        except Superseded:
            return
        log.info("batch %d: no delivery to %s was scheduled; scheduled now", delivery.batch_id, delivery.destination)
        wait = until(delivery.next_attempt_at)
        self._pipeline.deliverer.schedule(delivery.batch_id, delivery.destination, attempt, wait)

    def tidy(self) -> None:
        """Remove staged files and previews that no batch needs, or that another worker took over or left behind."""
        journal = self._services.journal
        shared = self._services.settings.shared_directory is not None
        living = self._group.homes()
        for kept, needed in ((self._services.staging, _STAGED), (self._services.previews, _PREVIEWED)):
            kept.ahead.forget_of_others(living)
            for batch_id in list(kept.batches()):
                batch = journal.batches.get(batch_id)
                if batch is None or batch.state not in needed or not (shared or self._is_ours(batch_id)):
                    kept.remove(batch_id)
        self._pulling.tidy()
        forget_files(self._services)

    def _is_ours(self, batch_id: int) -> bool:
        return self._services.journal.homes.of(batch_id) == self._home

    # --- studies -------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Take up the studies in Orthanc that no batch covers: all of them at the start, then those that changed."""
        last = self._services.source.last_change()
        mark = int(self._services.journal.facts.mark(_MARK + self._home) or 0)
        if not self._complete or last < mark:  # the second: somebody wiped Orthanc's log of changes, or its database
            self._look_at(self._services.source.studies())
            self._complete = True
        else:
            last = self._sweep_changes(mark)
        if last != mark:
            self._services.journal.facts.set_mark(_MARK + self._home, str(last))
        self._look_at(self._present({*self._services.journal.intake.receiving_studies(), *self._troubled}))

    def _sweep_changes(self, mark: int) -> int:
        done = False
        while not done:
            changes = self._services.source.changes(mark)
            self._look_at(self._present(changes.studies))
            mark, done = changes.last, changes.done
        return mark

    def _present(self, identifiers: Iterable[str]) -> Iterable[Study]:
        """Yield the studies that Orthanc still has; end the open batches of the others."""
        for identifier in identifiers:
            study = self._services.source.study(identifier)
            if study is None:
                self._troubled.pop(identifier, None)
                self._pipeline.vanished(identifier)
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
        last_updates = self._services.journal.intake.last_updates([study.id for study in studies])
        unlinked = self._services.journal.unlinking.studies([study.id for study in studies])
        for study in studies:
            try:
                if study.id in last_updates or study.id not in unlinked:  # of those, all that was known was taken out
                    last_update, receiving = last_updates.get(study.id, (None, False))
                    self._take_up(study, last_update, receiving=receiving)
                self._troubled.pop(study.id, None)
            except SendItError:
                raise  # Orthanc does not answer: nor will it for the next study
            except Exception as error:  # noqa: BLE001  raised at the end of `run`
                self._troubled[study.id] = error

    def _take_up(self, study: Study, last_update: str | None, *, receiving: bool) -> None:
        if last_update == study.last_update and not receiving:
            return
        if study.stable and self._is_quiet(study):
            self._pipeline.stable(study.id)
        elif not receiving:
            self._services.journal.intake.receiving(study.id, self._services.source.count(study.id))

    def _is_quiet(self, study: Study) -> bool:
        """Return whether its last instance came at least StableAge ago."""
        try:
            updated = datetime.strptime(study.last_update, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return True
        age = (datetime.now(UTC) - updated).total_seconds()
        return age < 0 or age >= self._stable_age


def forget_files(services: Services, at: datetime | None = None) -> None:
    """Delete files that `Retention` no longer keeps: of batches that no one retried.

    A batch whose staged files are gone can still be retried: it is de-identified anew.

    Args:
        services: the services of the worker.
        at: the present moment.
    """
    present = at or datetime.now(UTC)
    days = services.settings.retention.staging_days
    kept = {*services.staging.batches(), *services.previews.batches()}
    for batch_id in services.journal.retention.held(present - timedelta(days=days), kept):
        services.staging.remove(batch_id)
        services.previews.remove(batch_id)
        log.info("batch %d: its staged files and previews were removed after %g days", batch_id, days)


def forget_history(services: Services, at: datetime | None = None) -> None:
    """Delete histories and receipts that `Retention` no longer keeps; let the engine forget what ended.

    Args:
        services: the services of the worker.
        at: the present moment.
    """
    days = services.settings.retention.journal_days
    if days is not None:
        pruned = services.journal.retention.prune((at or datetime.now(UTC)) - timedelta(days=days))
        if pruned:
            log.info(
                "the histories and receipts of %s were deleted after %g days", counted(pruned, "batch", "batches"), days
            )
    services.journal.counts.fold()
    services.scheduler.forget_ended(_FORGET)

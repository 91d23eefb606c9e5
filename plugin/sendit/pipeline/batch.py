"""One batch's life, top to bottom.

    stable(study)      collect, filter: list the study's instances as a batch          → QUEUED
    process(batch)     identify, de-identify, check: every instance gets an outcome    → DELIVERING
    deliver(batch, d)  deliver.py: deliver to destination d, read it back              → SENT, when all did
    clean_up(batch)    nothing stays in staging; originals.py: nor in Orthanc, if told → DONE

Every step is idempotent, may be killed at any instant, and is fenced by its attempt (`Superseded`). Troubles end in one
place, `context.account`: `Retry` means later, `Misconfigured` means a person, `Quarantine` means that nothing leaves.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from sendit.config.variants import family_of
from sendit.errors import Misconfigured, Quarantine, Retry, SendItError, counted
from sendit.journal import Superseded
from sendit.journal.audit import Act
from sendit.journal.originals import DUE
from sendit.journal.writing import SYSTEM
from sendit.logs.meters import BATCH_SECONDS, DEIDENTIFY, RETRIES, Stopwatch
from sendit.model import DELETED, RETRYABLE, Batch, BatchState, DeliveryState, InstanceState
from sendit.pipeline.context import (
    MOST_STARTS,
    Services,
    account,
    after,
    backoff,
    deliver_key,
    process_key,
    process_queue,
    recall_key,
    since,
)
from sendit.pipeline.deliver import Deliverer
from sendit.pipeline.originals import OriginalsKeeper
from sendit.pipeline.passport.issue import Passports
from sendit.pipeline.pool.trial import TRIED_AGAIN
from sendit.pipeline.projects import project_of, taken_of
from sendit.pipeline.provenance import Provenance
from sendit.pipeline.recall import Recaller
from sendit.pipeline.review.desk import After, ReviewDesk
from sendit.pipeline.review.reprocess import Reprocessing
from sendit.pipeline.review.rule import wish_of
from sendit.pipeline.window import Held, PauseGate, Pressure

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sendit.config.project import Project
    from sendit.journal.lists.pauses import Paused
    from sendit.orthanc.client import Study
    from sendit.scheduler import Stage

log = logging.getLogger(__name__)

#: In a batch's history: it happens once.
_AGAIN = "taken up again after a restart: what worked on an instance of it was ended from outside"


#: Remedy for studies that Orthanc deleted to make room for others.
ROOM_REMEDY = "Raise that limit and send the study again; what was already processed resumes with: sendit retry."


def made_room(limit: str) -> str:
    """Return that Orthanc may have deleted a study, and why."""
    return f"Orthanc makes room for new studies by deleting the oldest ({limit})"


class Pipeline:
    """The stages, and what follows what."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.pauses = PauseGate(services.journal)
        self.pressure = Pressure(services.settings, services.journal)
        self.wake = threading.Event()  # the reconciliation is to begin at once
        self.deliverer = Deliverer(services, self.clean_up, pauses=self.pauses)
        self.recaller = Recaller(services)
        self.originals = OriginalsKeeper(services)
        self.desk = ReviewDesk(services, After(self.schedule_process, self.deliverer.schedule_all, self.clean_up))
        self.reprocessing = Reprocessing(services, self.schedule_process)
        self.passports = Passports(services)
        self._journal = services.journal
        self._provenance = Provenance(services.journal, services.source)

    def stages(self) -> Mapping[str, Stage]:
        """Return what the scheduler runs for a batch, by the names under which it is enqueued."""
        return {"process": self.process, "deliver": self.deliverer.deliver, "recall": self.recaller.recall}

    # --- collect and filter: a study becomes a batch -------------------------------------------------------------

    def stable(self, study_id: str) -> list[int]:
        """Queue the new instances of a study that Orthanc calls complete; return the batches."""
        study = self.services.source.study(study_id)
        if study is None:
            self.vanished(study_id)
            return []
        listed = self.services.source.instances(study)
        projects = self._projects_of(study, listed)
        made = self._queue_all(study, listed, projects)
        if not any(made) or projects == [None]:
            self.services.deidentification.ahead.forget(study_id)
        if not any(made):
            self.originals.again(study_id)
        return [batch_id for batch_id in made if batch_id is not None]

    def vanished(self, study_id: str) -> None:
        """End the open batch of a study that is no longer in Orthanc.

        FAILED if Orthanc may have deleted it to make room; then also if the study was still unknown.
        """
        self.services.deidentification.ahead.forget(study_id)
        made = made_room(self.services.recycling) if self.services.recycling else ""
        for batch_id in self._journal.intake.drop_receiving(study_id, f"{made}. {ROOM_REMEDY}" if made else ""):
            log.error("batch %d: FAILED: its study was deleted from Orthanc before it was complete", batch_id)

    def imported(self, studies: Mapping[str, Collection[str]], project: str) -> None:
        """Queue the studies of a completed import at once, unless Orthanc has other instances of them, too."""
        for study_id, brought in studies.items():
            self._journal.intake.route(study_id, project, backfill=True)
            study = self.services.source.study(study_id)
            if study is None:
                continue
            listed = self.services.source.instances(study)
            if set(listed) <= set(brought):
                self._queue_all(study, listed, list(family_of(self.services.settings, project)))

    def deidentify_now(self, study_id: str, project: str, actor: str, reason: str) -> list[int]:
        """Queue a study of Orthanc for a project at once, whatever the projects' Match says; return the new batches.

        The study stays with the project, as if an import had named it. Its batches of other projects are not changed.

        Raises:
            Misconfigured: the study is not in Orthanc, the project is not configured or was unlinked, or it has
                covered all instances of the study already.
        """
        place, study = f"study {study_id}", self.services.source.study(study_id)
        if study is None:
            raise Misconfigured(place, "it is not in Orthanc", "Send it to Orthanc first.")
        if project not in self.services.settings.projects:
            names = ", ".join(self.services.settings.projects) or "none"
            raise Misconfigured(place, f"there is no project '{project}'", f"Configured projects: {names}.")
        if unlinked := self._journal.unlinking.of(project):
            raise unlinked.refusal(place, project)
        act = Act(actor, "deidentify-now", project=project, subject=study_id, reason=reason)
        self._journal.intake.route(study_id, project, act)
        made = self._queue_all(study, self.services.source.instances(study), family_of(self.services.settings, project))
        queued = [batch_id for batch_id in made if batch_id is not None]
        if not queued:
            remedy = "Open its batch: a batch that was held or failed can be retried there."
            raise Misconfigured(place, f"every instance of it has a batch of project {project} already", remedy)
        for batch_id in queued:
            self._journal.batches.note(
                batch_id, f"de-identification of its study for {project} was asked for", actor, reason
            )
        return queued

    def _queue_all(self, study: Study, listed: list[str], projects: Sequence[str | None]) -> list[int | None]:
        """Queue a batch per project. The last one carries LastUpdate: after a kill, the sweep finds the study again."""
        *others, last = projects
        made = [self._queue(replace(study, last_update=""), listed, project) for project in others]
        return [*made, self._queue(study, listed, last)]

    def _projects_of(self, study: Study, listed: list[str]) -> list[str | None]:
        """Return the projects of the study's batches and of imports; if none, the first whose Match applies.

        Each with its variants.
        """
        configured = self.services.settings.projects
        # A study of a project that was unlinked, or that recalled it, stays its own, and is refused there: no other
        # project's Match may take it instead, also where the project is not configured any more.
        # So does what Orthanc made of it.
        chain = [study.id, *self._originals_of(study)]
        unlinked = [name for study_id in chain for name in self._journal.unlinking.projects_of(study_id)]
        recalled = [name for study_id in chain for name in self._journal.recalls.projects_of(study_id)]
        closed = {*unlinked, *recalled}
        named = [
            *self._journal.batches.projects_of(study.id),
            *unlinked,
            *recalled,
            *self._journal.intake.routes(study.id),
        ]
        existing = [name for name in dict.fromkeys(named) if name in configured or name in closed]
        if not existing:
            matching = project_of(self.services.source.facts(study, listed), configured)
            if matching is None:
                return [None]
            existing = [matching]
        # A project that is unlinked is not expanded: its variants were unlinked with it.
        alone = {*unlinked, *(closed - configured.keys())}
        whole = [[name] if name in alone else family_of(self.services.settings, name) for name in existing]
        return [*dict.fromkeys(name for names in whole for name in names)]

    def only_project_of(self, study: Study, instance: str) -> str | None:
        """Return the project of a study that still arrives, if it is one alone by what is known now; else None.

        None also if nothing of the study may be worked on now, or nothing of it will leave: its project is paused, was
        unlinked, has recalled it, or takes no copies that Orthanc made.

        Args:
            study: the study.
            instance: one of its instances.
        """
        names = self._projects_of(study, [instance])
        if len(names) != 1 or names[0] is None or self.pauses.holding(names[0]) or self.pauses.behind(study.id):
            return None
        if study.made_of and not self.services.settings.projects[names[0]].accept.copies:
            return None
        closed = self._journal.unlinking.of(names[0]) or names[0] in self._journal.recalls.projects_of(study.id)
        return None if closed else names[0]

    def _originals_of(self, study: Study) -> list[str]:
        original = study.made_of
        return [original, *self._journal.provenance.originals_of(original)] if original else []

    def _queue(self, study: Study, listed: list[str], project: str | None) -> int | None:
        batch_id = self._journal.intake.queue(study.id, project, listed, study.last_update or None)
        if batch_id is None:
            return None
        if project is None:
            log.warning("batch %d: no project's Match applies to this study; nothing of it will be sent", batch_id)
        else:
            self._begin(batch_id)
        return batch_id

    def _begin(self, batch_id: int) -> None:
        """Schedule a batch that was made just now, unless it is held: its study was recalled."""
        batch = self._journal.batches.get(batch_id)
        if batch is not None and batch.state is BatchState.QUARANTINED:
            log.warning("batch %d: %s: %s", batch_id, batch.state, batch.reason)
            return
        self.schedule_process(batch_id, 1)

    def overwritten(self, study_id: str, instance: str, batch_id: int) -> None:
        """Queue an instance whose content in Orthanc was replaced after batch `batch_id` covered it."""
        former = self._journal.batches.get(batch_id)
        if former is not None and former.project:
            self._begin(self._journal.intake.queue_overwritten(study_id, former.project, instance))

    # --- de-identify ---------------------------------------------------------------------------------------------

    def process(self, batch_id: int, attempt: int) -> None:
        """De-identify the batch: every instance gets an outcome; the batch is delivered, held, or empty."""
        queued = self._journal.batches.get(batch_id)
        if queued is not None and self.waits(queued):
            return  # it stays QUEUED; the reconciliation schedules it once nothing holds it
        try:
            batch = self._journal.batches.begin(batch_id, attempt)
        except Superseded:
            return
        try:
            account(
                self.services,
                lambda: self._process(batch),
                lambda error: self._process_failed(batch, error),
                batch_id,
                Stopwatch(DEIDENTIFY),
            )
        finally:
            self.services.deidentification.ahead.forget(batch.study)
        self._go_on_pulling()

    def waits(self, batch: Batch) -> bool:
        """Return whether a batch may not be de-identified now: it is paused, or lets others go first."""
        return self.pauses.holding(batch.project) is not None or bool(self.pauses.behind(batch.study))

    def _go_on_pulling(self) -> None:
        """Have the reconciliation schedule what let others go first, once no other is left."""
        if self.pauses.pulling():
            self.pauses.forget()
            if not self.pauses.live():
                self.wake.set()

    def _process(self, batch: Batch) -> None:
        if batch.starts > MOST_STARTS:
            raise Misconfigured(
                f"batch {batch.id}",
                f"its de-identification was started {counted(batch.starts - 1, 'time')} and never finished",
                "See the log for what ended the worker (out of memory?), then: sendit retry.",
            )
        if unlinked := self._journal.unlinking.of(batch.project or ""):
            raise unlinked.refusal(f"batch {batch.id}", batch.project or "")
        project = self.services.settings.projects.get(batch.project or "")
        if project is None:
            raise Misconfigured(
                f"batch {batch.id}",
                f"project '{batch.project}' is no longer configured",
                "Configure it again under this name, then: sendit retry.",
            )
        if refusal := self._refusal(batch, project):
            self._journal.batches.reject(batch.id, batch.attempt, refusal)
        else:
            try:
                self.services.deidentification.run(batch, self.pauses)
            except Held as held:
                self._journal.batches.interrupt(batch.id, batch.attempt, held.why)
                log.info("batch %d: interrupted: %s", batch.id, held.why)
                return
            self._check_all_there(batch)
        taken = taken_of(self.services.settings, str(batch.project))
        wish = wish_of(self.services.settings, self.services.source, batch)
        state = self._journal.batches.conclude(batch.id, batch.attempt, taken, taken, wish)
        if state is BatchState.DELIVERING:
            self.deliverer.schedule_all(batch.id)
        elif state is BatchState.SENT:
            self.clean_up(batch.id)
        elif state is not BatchState.REVIEW:
            self.services.staging.remove(batch.id)  # previews of a held batch stay, for the operator to review

    def _refusal(self, batch: Batch, project: Project) -> str:
        """Return why nothing of the study is accepted, whatever its instances are; "" if it is."""
        study = self.services.source.study(batch.study)
        if study is None:
            return ""
        return self._provenance.refusal(study, batch.id, str(batch.project), project.accept)

    def _check_all_there(self, batch: Batch) -> None:
        """Raise Misconfigured if Orthanc deleted unprocessed instances to make room for others."""
        gone = self._journal.batches.reasons(batch.id).get((InstanceState.REJECTED, DELETED), 0)
        if gone and self.services.recycling:
            problem = f"{gone} of {batch.received} instances were deleted from Orthanc before they were processed: "
            raise Misconfigured(f"batch {batch.id}", problem + made_room(self.services.recycling), ROOM_REMEDY)

    def stop(self) -> None:
        """Stop counting failures; what was begun is resumed at the next start."""
        self.services.stopping.set()

    def _process_failed(self, batch: Batch, error: SendItError) -> None:
        retry = self.services.settings.retry
        if isinstance(error, Retry) and batch.failures < retry.limit:
            delay = backoff(batch.failures, retry)
            attempt = self._journal.batches.postpone(batch.id, batch.attempt, str(error), after(delay))
            log.warning("batch %d: tried again in %.0f s: %s", batch.id, delay, error)
            RETRIES.labels(DEIDENTIFY, "").inc()
            self.schedule_process(batch.id, attempt, delay)
            return
        state = BatchState.QUARANTINED if isinstance(error, Quarantine) else BatchState.FAILED
        self._journal.batches.fail(batch.id, batch.attempt, str(error), state)
        log.error("batch %d: %s: %s", batch.id, state, error)
        self.services.staging.remove(batch.id)

    # --- clean up ------------------------------------------------------------------------------------------------

    def clean_up(self, batch_id: int) -> None:
        """SENT → DONE; delete the originals if the project says so and nothing of their study is under way."""
        self.services.staging.remove(batch_id)
        self.services.previews.remove(batch_id)
        batch = self._journal.batches.get(batch_id)
        if batch is None:
            return
        delete = self.originals.wanted(batch.project or "")
        try:
            self._journal.batches.done(batch_id, DUE if delete else None)
        except Superseded:
            return
        BATCH_SECONDS.labels(batch.project or "").observe(since(batch.opened_at))
        self.services.traces.batch(batch_id, batch.project or "", batch.opened_at)
        self._go_on_pulling()
        self.originals.clear(batch.study)

    def retry(self, batch_id: int, actor: str = SYSTEM, reason: str = "") -> Batch | None:
        """Retry a batch at an operator's request, or try its waiting work now; None if its state does not allow it.

        Args:
            batch_id: the batch.
            actor: who wishes it.
            reason: why, in their words.
        """
        batch = self._journal.batches.get(batch_id)
        if batch is not None and batch.state not in RETRYABLE:
            return self.try_now(batch_id, actor, reason)
        project = None
        if batch is not None and batch.project is None:
            study = self.services.source.study(batch.study)
            if study is None:
                remedy = "Send it again: it becomes a batch of its own."
                raise Misconfigured(f"batch {batch_id}", "its study is no longer in Orthanc", remedy)
            project = self._projects_of(study, self.services.source.instances(study))[0]
            if project is None:
                raise Misconfigured(
                    f"batch {batch_id}",
                    "no project's Match applies to this study",
                    "Change SendIt.Projects, then retry.",
                )
        renewed = self._journal.batches.retry(batch_id, project, actor, reason)
        if renewed is not None:
            self.schedule_process(renewed.id, renewed.attempt)
        return renewed

    def put_aside(self, batch_id: int, state: BatchState, actor: str, reason: str = "") -> bool:
        """Cancel a batch, or hold it (QUARANTINED); return whether its state allows it. A retry resumes it.

        What runs ends at its next write; nothing of the batch leaves after that.
        """
        before = self._journal.batches.get(batch_id)
        deliveries = self._journal.deliveries.of([batch_id])[batch_id]
        if before is None or not self._journal.cancellations.stop(batch_id, state, actor, reason):
            return False
        keys = [deliver_key(batch_id, d.destination, d.attempt) for d in deliveries]
        self.services.scheduler.cancel(process_key(batch_id, before.attempt), *keys)
        self.services.staging.remove(batch_id)
        if state is BatchState.CANCELLED:
            self.services.previews.remove(batch_id)
        log.warning("batch %d: %s", batch_id, state)
        return True

    def pause(self, kind: Paused, name: str, actor: str, reason: str) -> bool:
        """Hold work before its next step; return False if it is held already."""
        done = self._journal.pauses.begin(kind, name, actor, reason)
        self.pauses.forget()
        return done

    def resume(self, kind: Paused, name: str, actor: str, reason: str) -> bool:
        """Let work go on that was paused; return False if it was not."""
        done = self._journal.pauses.end(kind, name, actor, reason)
        self.pauses.forget()
        self.wake.set()
        return done

    def try_now(
        self, batch_id: int, actor: str = SYSTEM, reason: str = "", why: str = "tried now at an operator's request"
    ) -> Batch | None:
        """Begin the batch's waiting attempts now; None if nothing waits.

        Args:
            batch_id: the batch.
            actor: who asked for it.
            reason: the operator's reason.
            why: for the batch's history.
        """
        before = self._journal.batches.get(batch_id)
        deliveries = self._journal.deliveries.of([batch_id])[batch_id]
        if before is None or not self._journal.rescheduling.hasten(batch_id, why, actor, reason):
            return None
        old = [process_key(batch_id, before.attempt)] if before.next_attempt_at is not None else []
        for delivery in deliveries:
            if delivery.next_attempt_at is not None:
                old += [key(batch_id, delivery.destination, delivery.attempt) for key in (deliver_key, recall_key)]
        self.services.scheduler.cancel(*old)
        batch = self._journal.batches.get(batch_id)
        if batch is not None and batch.attempt != before.attempt:
            self.schedule_process(batch_id, batch.attempt)
        self._schedule_changed(batch_id, {(d.destination, d.attempt) for d in deliveries})
        return batch

    def _schedule_changed(self, batch_id: int, before: Collection[tuple[str, int]]) -> None:
        for delivery in self._journal.deliveries.of([batch_id])[batch_id]:
            if (delivery.destination, delivery.attempt) in before:
                continue
            if delivery.state is DeliveryState.RECALLING:
                self.recaller.schedule(delivery, delivery.attempt)
            else:
                self.deliverer.schedule(batch_id, delivery.destination, delivery.attempt)

    def try_again(self) -> None:
        """Retry, after a full restart, batches that are held because their process was ended from outside."""
        for batch_id in self._journal.rescheduling.held_for(TRIED_AGAIN, unless=_AGAIN, home=self._journal.home):
            with contextlib.suppress(Misconfigured):  # its study was recalled meanwhile
                renewed = self._journal.batches.retry(batch_id, why=_AGAIN)
                if renewed is not None:
                    log.info("batch %d: %s", batch_id, _AGAIN)
                    self.schedule_process(renewed.id, renewed.attempt)

    # --- what is common to all -----------------------------------------------------------------------------------

    def schedule_process(self, batch_id: int, attempt: int, delay: float = 0) -> None:
        """Enqueue the processing of a batch."""
        key = process_key(batch_id, attempt)
        home, rank = self._journal.homes.turn(batch_id)
        self.services.scheduler.enqueue(
            process_queue(home), "process", key, batch_id, attempt, delay_seconds=delay, rank=rank
        )

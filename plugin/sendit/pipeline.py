"""One batch's life, top to bottom.

    stable(study)      collect, filter: list the study's instances as a batch          → QUEUED
    process(batch)     identify, de-identify, prove: every instance gets an outcome    → DELIVERING
    deliver(batch, d)  delivery.py: deliver to destination d, read it back             → SENT, when all did
    clean_up(batch)    nothing stays in staging; originals.py: nor in Orthanc, if told → DONE

Every step is idempotent, may be killed at any instant, and is fenced by its attempt (`Superseded`). Troubles end in one
place, `stages.account`: `Retry` means later, `Misconfigured` means a person, `Quarantine` means that nothing leaves.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sendit.delivery import Deliverer
from sendit.errors import Misconfigured, Quarantine, Retry, SendItError
from sendit.intake.routing import project_of
from sendit.journal import Superseded
from sendit.journal.originals import DUE
from sendit.model import Batch, BatchState
from sendit.originals import OriginalsKeeper
from sendit.recall import Recaller
from sendit.source import Study
from sendit.stages import MOST_STARTS, Rooms, account, after, backoff, process_key
from sendit.variants import family_of

log = logging.getLogger(__name__)


class Pipeline:
    """The stages, and what follows what."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms
        self.deliverer = Deliverer(rooms, self.clean_up)
        self.recaller = Recaller(rooms)
        self.originals = OriginalsKeeper(rooms)
        self._journal = rooms.journal

    # --- collect and filter: a study becomes a batch -------------------------------------------------------------

    def stable(self, study_id: str) -> list[int]:
        """A study is complete as far as anybody knows: queue what of it is new; the batches made."""
        study = self.rooms.source.study(study_id)
        if study is None:
            self._journal.intake.drop_receiving(study_id)
            return []
        listed = self.rooms.source.instances(study)
        made = self._queue_all(study, listed, self._projects_of(study, listed))
        if not any(made):
            self.originals.again(study_id)
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
                self._queue_all(study, listed, list(family_of(self.rooms.settings, project)))

    def _queue_all(self, study: Study, listed: list[str], projects: Sequence[str | None]) -> list[int | None]:
        """A batch for each; the study's LastUpdate is noted with the last one: after a kill in between, the sweep
        finds the study again."""
        *others, last = projects
        made = [self._queue(replace(study, last_update=""), listed, project) for project in others]
        return [*made, self._queue(study, listed, last)]

    def _projects_of(self, study: Study, listed: list[str]) -> list[str | None]:
        """Those of the study's former batches and those that an import named; else the first whose Match fits.

        Each with its variants.
        """
        known = self.rooms.settings.projects
        # A study of a project that was cut, or that recalled it, stays its own, and is refused there: no other
        # project's Match may take it instead, also where the project is not configured any more.
        cut = self._journal.cutting.projects_of(study.id)
        closed = {*cut, *self._journal.recalls.projects_of(study.id)}
        named = [*self._journal.batches.projects_of(study.id), *cut, *self._journal.intake.routes(study.id)]
        found = [name for name in dict.fromkeys(named) if name in known or name in closed]
        if not found:
            matching = project_of(self.rooms.source.facts(study, listed), known)
            if matching is None:
                return [None]
            found = [matching]
        # A project that is cut is not expanded: its variants were cut with it.
        alone = {*cut, *(closed - known.keys())}
        whole = [[name] if name in alone else family_of(self.rooms.settings, name) for name in found]
        return [*dict.fromkeys(name for names in whole for name in names)]

    def _queue(self, study: Study, listed: list[str], project: str | None) -> int | None:
        batch_id = self._journal.intake.queue(study.id, project, listed, study.last_update or None)
        if batch_id is None:
            return None
        if project is None:
            log.warning("batch %d: no project's Match fits this study; nothing of it will be sent", batch_id)
        else:
            self._begin(batch_id, project)
        return batch_id

    def _begin(self, batch_id: int, project: str) -> None:
        """Schedule a batch that was made just now, unless it is held: its study was recalled."""
        batch = self._journal.batches.get(batch_id)
        if batch is not None and batch.state is BatchState.QUARANTINED:
            log.warning("batch %d: %s: %s", batch_id, batch.state, batch.reason)
            return
        log.info("batch %d: queued for project %s", batch_id, project)
        self.schedule_process(batch_id, 1)

    def overwritten(self, study_id: str, instance: str, batch_id: int) -> None:
        """An instance that batch `batch_id` covers has another content in Orthanc now."""
        former = self._journal.batches.get(batch_id)
        if former is not None and former.project:
            self._begin(self._journal.intake.queue_overwritten(study_id, former.project, instance), former.project)

    # --- de-identify ---------------------------------------------------------------------------------------------

    def process(self, batch_id: int, attempt: int) -> None:
        """Every instance gets an outcome; the batch goes on to its destinations, or is held, or is empty."""
        try:
            batch = self._journal.batches.begin(batch_id, attempt)
        except Superseded:
            return
        account(self.rooms, lambda: self._process(batch), lambda error: self._process_failed(batch, error), batch_id)

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
        taken = {name: self.rooms.settings.destinations[name].modalities for name in project.destinations}
        some = {name: modalities for name, modalities in taken.items() if modalities is not None}
        state = self._journal.batches.conclude(batch.id, batch.attempt, project.destinations, some)
        log.info("batch %d: %s", batch.id, state)
        if state is BatchState.DELIVERING:
            self.deliverer.schedule_all(batch.id)
        elif state is BatchState.SENT:
            self.clean_up(batch.id)
        else:
            self.rooms.staging.remove(batch.id)  # pictures of what is held stay, to be judged

    def stop(self) -> None:
        """From now on nothing that fails is counted; what was begun is taken up at the next start."""
        self.rooms.stopping.set()

    def _process_failed(self, batch: Batch, error: SendItError) -> None:
        retry = self.rooms.settings.retry
        if isinstance(error, Retry) and batch.failures < retry.limit:
            delay = backoff(batch.failures, retry)
            attempt = self._journal.batches.postpone(batch.id, batch.attempt, str(error), after(delay))
            log.warning("batch %d: tried again in %.0f s: %s", batch.id, delay, error)
            self.schedule_process(batch.id, attempt, delay)
            return
        state = BatchState.QUARANTINED if isinstance(error, Quarantine) else BatchState.FAILED
        self._journal.batches.fail(batch.id, batch.attempt, str(error), state)
        log.error("batch %d: %s: %s", batch.id, state, error)
        self.rooms.staging.remove(batch.id)

    # --- clean up ------------------------------------------------------------------------------------------------

    def clean_up(self, batch_id: int) -> None:
        """SENT → DONE; then the originals go, if the project says so and nothing of their study is under way."""
        self.rooms.staging.remove(batch_id)
        self.rooms.pictures.remove(batch_id)
        batch = self._journal.batches.get(batch_id)
        if batch is None:
            return
        delete = self.originals.wanted(batch.project or "")
        try:
            self._journal.batches.done(batch_id, DUE if delete else None)
        except Superseded:
            return
        log.info("batch %d: DONE", batch_id)
        self.originals.clear(batch.study)

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

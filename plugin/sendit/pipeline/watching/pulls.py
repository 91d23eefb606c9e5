"""The stage "pull": fetch the studies of a cohort list from a PACS, one after the other, each for one project.

    begin(list)   check every line of the list, keep it beside the journal, write its rows down
    look up       ask the PACS for every row: which studies it means, and how many images each has
    fetch         have Orthanc fetch each study, count what has arrived, and queue it for the project
    finish        delete the list; the journal keeps the lines, and what became of each

It may be killed at any instant: what is in the journal is not done again, and a study that has arrived is not fetched
again. The list holds identifiers: it lies in the data directory, or in the one that workers share (0600), until its
pull ends, and stands in no log, message or table. From the latter, another worker goes on if the first one ends.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sendit import keyring
from sendit.config.pulls import PullSource
from sendit.config.variants import projects_proper
from sendit.errors import Misconfigured, Retry, counted
from sendit.importer.cohort.cohort_list import Wanted, read_list
from sendit.journal import JournalFault, Superseded
from sendit.journal.lists.pulls import NewPull, Pull, PullRow, PullState, PullStudy, RowState, StudyState
from sendit.journal.workers.group import ALIVE_SECONDS
from sendit.logs import places
from sendit.orthanc.remote import FoundStudy, Kind, Remotes
from sendit.pipeline.context import after, backoff, pull_key, pull_queue, until
from sendit.pipeline.file_names import FileNames
from sendit.pipeline.window import BEHIND, opens_at

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from sendit.pipeline.batch import Pipeline

log = logging.getLogger(__name__)

FOLDER = "pulls"
#: A study is fetched so often before what has arrived is all that is taken.
_TRIES = 3
#: Seconds between two looks at what a pull waits for.
_LOOK = 1.0
#: Seconds between two looks at a job of Orthanc.
_JOB = 0.25
#: A list without a pull is deleted once it is so old (seconds): a younger one may be about to get one.
_ABANDONED = 600.0


class Stopped(Exception):
    """SendIt is being stopped; the pull goes on at the next start."""


class Pulling:
    """Begins, runs and ends pulls."""

    def __init__(self, pipeline: Pipeline, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._pipeline = pipeline
        self._services = pipeline.services
        self._journal = pipeline.services.journal.pulls
        self._source = pipeline.services.source
        settings = pipeline.services.settings
        self._folder = settings.staging_directory / FOLDER
        #: With the one of a worker that had no SharedDirectory yet.
        self._folders = tuple(dict.fromkeys((self._folder, settings.data_directory / FOLDER)))
        self._stranded: list[int] = []  # pulls of workers that do not live, with which this one cannot go on
        self._now = now
        self._fetched_at: dict[str, float] = {}  # when the last study was asked for, by its source
        self.remotes = Remotes(pipeline.services.source)
        self.names = FileNames(pipeline.services.settings)

    # --- what persons ask for ------------------------------------------------------------------------------------

    def begin(self, text: str, source: str, project: str, actor: str, *, only_check: bool = False) -> int:
        """Begin to pull the studies of a list; return the number of the pull.

        Args:
            text: the list.
            source: name of a modality or DICOMweb server of Orthanc.
            project: to which the studies go.
            actor: who asks for it.
            only_check: ask what the source has; fetch nothing.

        Raises:
            Misconfigured: the list is wrong (`WrongList`), or there is no such source or project.
        """
        self._check_project(project)
        kind = self._kind(source)
        rows = read_list(text)
        sealed = self.names.seal(project, [row.wanted.as_text() for row in rows])
        name = f"{secrets.token_hex(16)}.csv"
        self._keep(name, text)
        written = [
            PullRow(row.line, RowState.DUPLICATE if row.same_as else RowState.WAITING, row.same_as,
                    f"asks for the same as line {row.same_as}" if row.same_as else "", seal.sealed)
            for row, seal in zip(rows, sealed, strict=True)
        ]  # fmt: skip
        executor = self._services.scheduler.executor
        new = NewPull(project, source, kind, name, executor, actor, only_check)
        number = self._journal.begin(new, written)
        log.info("pull %d: %d rows from %s for project %s", number, len(rows), source, project)
        self._schedule(number, 1)
        return number

    def cancel(self, number: int, actor: str, reason: str) -> bool:
        """End a pull; return False if it has ended already. Studies that have arrived stay, and are de-identified."""
        if not self._journal.cancel(number, actor, reason):
            return False
        pull = self._journal.get(number)
        if pull is not None:
            self._services.scheduler.cancel(pull_key(number, pull.attempt))
            self._forget_list(pull)
        log.warning("pull %d: CANCELLED", number)
        return True

    def _check_project(self, project: str) -> None:
        projects = projects_proper(self._services.settings)
        if project not in projects:
            names = ", ".join(projects) or "none"
            raise Misconfigured("pull", f"there is no project '{project}'", f"Configured projects: {names}.")
        if unlinked := self._services.journal.unlinking.of(project):
            raise unlinked.refusal("pull", project)

    def _kind(self, source: str) -> Kind:
        known = self.remotes.names()
        kinds = known.get(source, [])
        if not kinds:
            names = ", ".join(known) or "none"
            problem = "Orthanc knows no modality or DICOMweb server of this name"
            raise Misconfigured("pull", f"'{source[:64]}': {problem}", f"It knows: {names}.")
        if len(kinds) > 1:
            problem = f"'{source}' is both a modality and a DICOMweb server of Orthanc"
            raise Misconfigured("pull", problem, "Give one of them another name in Orthanc's configuration.")
        if kinds[0] is Kind.MODALITY and self._settings(source).retrieve == "C-GET" and not self.remotes.can_get():
            place = f"SendIt.PullSources.{source}.Retrieve"
            raise Misconfigured(place, "this Orthanc cannot C-GET", "Use C-MOVE, or Orthanc 1.12.6 or later.")
        return kinds[0]

    def _settings(self, source: str) -> PullSource:
        return self._services.settings.pull_sources.get(source, PullSource())

    # --- the list ------------------------------------------------------------------------------------------------

    def _keep(self, name: str, text: str) -> None:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(self._folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            keyring.synchronise(self._folder)
        except OSError as error:
            raise Retry(f"the cohort list cannot be kept in SendIt.DataDirectory ({error.strerror})") from None

    def _wanted(self, pull: Pull) -> dict[int, Wanted]:
        """Return what each line asks for.

        Raises:
            Misconfigured: the list is not there any more.
        """
        try:
            text = self._list_of(pull).read_text("utf-8")
        except OSError as error:
            problem = f"its list cannot be read ({error.strerror})"
            raise Misconfigured(
                f"pull {pull.id}", problem, "Begin it again; what has arrived is not fetched again."
            ) from None
        return {row.line: row.wanted for row in read_list(text)}

    def _list_of(self, pull: Pull) -> Path:
        """Return the file of its list, which may be gone."""
        return next(
            (path for folder in self._folders if (path := folder / pull.list).is_file()), self._folder / pull.list
        )

    def _forget_list(self, pull: Pull) -> None:
        self._list_of(pull).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Delete lists whose pull has ended: SendIt was killed before it could, or the project was unlinked."""
        lists = [path for folder in self._folders if folder.is_dir() for path in folder.iterdir()]
        needed = {pull.list for pull in self._journal.running()} if lists else set()
        for path in lists:
            with suppress(FileNotFoundError):  # another worker deleted it
                if path.name not in needed and time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink()

    # --- scheduling ----------------------------------------------------------------------------------------------

    def _schedule(self, number: int, attempt: int, delay: float = 0) -> None:
        scheduler = self._services.scheduler
        queue = pull_queue(scheduler.executor)
        scheduler.enqueue(queue, "pull", pull_key(number, attempt), number, attempt, delay_seconds=delay)

    def reschedule(self, active: Collection[str]) -> None:
        """Schedule every pull of this worker that has not ended and that nothing is scheduled for."""
        for pull in self._journal.running():
            if pull.executor != self._services.scheduler.executor or pull_key(pull.id, pull.attempt) in active:
                continue
            try:
                renewed = self._journal.renew(pull)
            except Superseded:
                continue
            log.info("pull %d: nothing was scheduled for it; scheduled now", pull.id)
            self._schedule(pull.id, renewed.attempt, until(pull.next_attempt_at))

    def adopt(self) -> None:
        """Take over the pulls of workers that do not live, if their lists are here, and what they name."""
        alive = {*self._services.journal.facts.alive(ALIVE_SECONDS), self._services.scheduler.executor}
        stranded = []
        for pull in [pull for pull in self._journal.running() if pull.executor not in alive]:
            if not (self._list_of(pull).is_file() and self._can_go_on(pull)):
                stranded.append(pull.id)
                continue
            with suppress(Superseded):  # another one was faster
                self._journal.adopt(pull, self._services.scheduler.executor)
                log.warning("pull %d: taken over: its worker does not run", pull.id)
        self._stranded = stranded

    def _can_go_on(self, pull: Pull) -> bool:
        """Return whether the project and the source of another worker's pull are known here."""
        try:
            self._check_project(pull.project)
            return self._kind(pull.source) == pull.kind
        except Misconfigured:
            return False

    def problems(self) -> list[str]:
        """Return which pulls cannot go on for now, and why."""
        waiting = [f"pull {pull.id} waits: {pull.why}" for pull in self._journal.running() if pull.failures]
        why = "waits for a worker that does not run, and whose list, source or project is not here"
        return [*waiting, *(f"pull {number} {why}" for number in self._stranded)]

    # --- the stage -----------------------------------------------------------------------------------------------

    def run(self, number: int, attempt: int) -> None:
        """Go on with a pull, until it ends, or has to wait for its source."""
        try:
            pull = self._journal.own(number, attempt)
            try:
                self._run(pull)
            except (JournalFault, Superseded, Stopped):
                raise
            except Misconfigured as error:
                self._end(pull, str(error), failed=True)
            except Retry as error:
                self._postpone(pull, str(error))
            except Exception as error:
                log.error("pull %d: unexpected", number, exc_info=error)
                self._postpone(pull, f"unexpected fault of SendIt: {places(error)}")
        except Superseded:
            log.info("pull %d: it has ended, or another attempt has taken over", number)
        except Stopped:
            pass  # it goes on at the next start

    def _postpone(self, pull: Pull, why: str) -> None:
        if self._services.stopping.is_set():
            return
        known = self._journal.own(pull.id, pull.attempt)
        delay = backoff(known.failures, self._services.settings.retry)
        postponed = self._journal.postpone(known, why, after(delay))
        log.warning("pull %d: tried again in %.0f s: %s", pull.id, delay, why)
        self._schedule(pull.id, postponed.attempt, delay)

    def _run(self, pull: Pull) -> None:
        wanted = self._wanted(pull)
        for line in sorted(self._journal.waiting_lines(pull.id)):
            self._look_up(pull, line, wanted[line])
        while not pull.only_check and (studies := self._journal.waiting_studies(pull.id)):
            for study in studies:
                self._fetch(pull, study, wanted[study.line])
        self._end(pull)

    def _end(self, pull: Pull, why: str = "", *, failed: bool = False) -> None:
        state = self._journal.finish(pull, why, failed=failed)
        self._forget_list(pull)
        level = logging.INFO if state is PullState.DONE else logging.WARNING
        log.log(level, "pull %d: %s%s", pull.id, state, f": {why}" if why else "")

    # --- look up -------------------------------------------------------------------------------------------------

    def _look_up(self, pull: Pull, line: int, wanted: Wanted) -> None:
        self._wait_turn(pull, lambda: self._held(pull))
        with self.remotes.find(Kind(pull.kind), pull.source, query_of(wanted)) as answers:
            matching = [study for study in answers if matches(study, wanted)]
        found = {identifier_of(study): study.images for study in matching}
        others = f"no such study at {pull.source}"
        if answers and not found:
            others += f"; it answered with {len(answers)} others, which do not match the row"
        self._journal.looked_up(pull, line, found, "" if found else others)
        self._went_on(pull)

    # --- fetch ---------------------------------------------------------------------------------------------------

    def _fetch(self, pull: Pull, study: PullStudy, wanted: Wanted) -> None:
        """Bring one study on its way: complete, or one failure further."""
        if self._complete(pull, study, "was in Orthanc already"):
            return
        self._wait_turn(pull, lambda: self._held(pull) or self._crowded(pull) or self._too_fast(pull.source))
        if study.failures:
            self._services.stopping.wait(backoff(study.failures, self._services.settings.retry))
        with self.remotes.find(Kind(pull.kind), pull.source, query_of(wanted)) as answers:
            there = next((answer for answer in answers if identifier_of(answer) == study.study), None)
            if there is None:
                problem, present = f"it is no longer at {pull.source}", study
            else:
                present = replace(study, expected=there.images)
                self._services.journal.intake.route(present.held, pull.project, backfill=True)
                self._fetched_at[pull.source] = time.monotonic()
                problem = self._transfer(pull, there)
                present = replace(present, held=self._held_as(present, there.uid))
        self._went_on(pull)
        if not problem and present.expected is None and (images := self._source.count(present.held)):
            present = replace(present, expected=images)
            self._take(pull, present, f"{pull.source} does not tell how many images there are")
        elif not self._complete(pull, present, ""):
            self._incomplete(pull, present, problem)

    def _transfer(self, pull: Pull, study: FoundStudy) -> str:
        """Have Orthanc fetch a study, and wait for the end; return why it failed, "" if it did not."""
        kind = Kind(pull.kind)
        job = self.remotes.fetch(kind, pull.source, study, self._settings(pull.source).retrieve)
        while not (state := self.remotes.job(job)).ended:
            if self._services.stopping.wait(_JOB):
                raise Stopped
            try:
                self._journal.own(pull.id, pull.attempt)
            except Superseded:  # cancelled
                self.remotes.cancel(job)
                raise
        return state.problem

    def _held_as(self, study: PullStudy, uid: str) -> str:
        """Return Orthanc's identifier of what has arrived: the PACS may write the PatientID in its own way."""
        present = self._source.studies_of_uid(uid)
        return present[0] if len(present) == 1 else study.held

    def _arrived(self, pull: Pull, study: PullStudy) -> int:
        """Return how many images have arrived; originals may have been deleted after they were de-identified."""
        living = {*self._services.journal.facts.alive_at(ALIVE_SECONDS).values(), self._services.journal.home}
        return max(self._source.count(study.held), self._journal.covered(study.held, pull.project, living))

    def _complete(self, pull: Pull, study: PullStudy, reason: str) -> bool:
        """Take a study of which all images have arrived; return whether they have."""
        if study.expected is None or self._arrived(pull, study) < study.expected:
            return False
        self._take(pull, study, reason)
        return True

    def _take(self, pull: Pull, study: PullStudy, reason: str) -> None:
        self._queue(pull, study)
        images = self._arrived(pull, study)
        self._journal.outcome(pull, replace(study, state=StudyState.COMPLETE, images=images, reason=reason))

    def _queue(self, pull: Pull, study: PullStudy) -> None:
        """Queue what has arrived for the project, without waiting for Orthanc to call it stable."""
        there = self._source.study(study.held)
        if there is not None:
            self._pipeline.imported({study.held: self._source.instances(there)}, pull.project)

    def _incomplete(self, pull: Pull, study: PullStudy, problem: str) -> None:
        """Count a failure; after the last one, what has arrived is all that is taken."""
        images, failures = self._arrived(pull, study), study.failures + 1
        expected = study.expected
        number = counted(images, "image") if expected is None else f"{images} of {expected} images"
        reason = f"{number} arrived" + (f": {problem}" if problem else "")
        if not images and not problem:
            reason += f"; does {pull.source} know the title, host and port of Orthanc?"
        state = StudyState.WAITING
        if failures >= _TRIES:
            state = StudyState.PARTIAL if images else StudyState.FAILED
            self._queue(pull, study)
            log.warning("pull %d: line %d: %s: %s", pull.id, study.line, state, reason)
        outcome = replace(study, state=state, images=images, failures=failures, reason=reason)
        self._journal.outcome(pull, outcome)

    # --- waiting -------------------------------------------------------------------------------------------------

    def _wait_turn(self, pull: Pull, why: Callable[[], str]) -> None:
        """Wait until nothing keeps the pull from going on.

        Raises:
            Stopped: SendIt is being stopped.
            Superseded: the pull has ended.
        """
        said = None
        while True:
            if self._services.stopping.is_set():
                raise Stopped
            known = self._journal.own(pull.id, pull.attempt)
            self._check_project(pull.project)
            reason = why()
            if not reason:
                return
            if reason != said:
                said = self._journal.say(known, reason).why
            self._services.stopping.wait(_LOOK)

    def _went_on(self, pull: Pull) -> None:
        """Write down that the source has answered, where something else is written down."""
        known = self._journal.own(pull.id, pull.attempt)
        if known.why or known.failures:
            self._journal.say(known, "")

    def _held(self, pull: Pull) -> str:
        """Return why nothing may be asked of the source now; "" if it may."""
        if pause := self._pipeline.pauses.holding(pull.project):
            return pause.why
        if pressure := self._pipeline.pressure.why():
            return pressure
        window = self._settings(pull.source).window
        opens = opens_at(window, self._now()) if window is not None else None
        if opens is not None:
            return f"the window of {pull.source} opens at {opens:%Y-%m-%d %H:%M} UTC"
        same = [
            running.id
            for running in self._journal.running()
            if (running.source, running.executor) == (pull.source, pull.executor)
        ]
        return f"pull {same[0]} from {pull.source} goes first" if same and same[0] < pull.id else ""

    def _crowded(self, pull: Pull) -> str:
        """Return why the next study has to wait for others that SendIt works on; "" if it need not."""
        if self._pipeline.pauses.live():
            return BEHIND
        most = self._settings(pull.source).studies_ahead
        if self._journal.under_way(pull.id) >= most:
            many = counted(most, "study is", "studies are")
            return f"{many} under way; the next is fetched once one of them is delivered"
        return ""

    def _too_fast(self, source: str) -> str:
        rate = self._settings(source).studies_per_hour
        if rate is None or source not in self._fetched_at:
            return ""
        passed = time.monotonic() - self._fetched_at[source]
        return f"{rate} studies are fetched in an hour" if passed < 3600 / rate else ""


def query_of(wanted: Wanted) -> Mapping[str, str]:
    """Return a row as keys of a query."""
    query = {
        "AccessionNumber": wanted.accession_number,
        "PatientID": wanted.patient_id,
        "StudyInstanceUID": wanted.study_uid,
        "ModalitiesInStudy": wanted.modality,
        "StudyDate": "" if not (wanted.date_from or wanted.date_to) else f"{wanted.date_from}-{wanted.date_to}",
    }
    return {keyword: value for keyword, value in query.items() if value}


def matches(study: FoundStudy, wanted: Wanted) -> bool:
    """Return whether a study is one that the row asks for: a PACS may not know a key, and answer with more.

    What the PACS does not tell of a study is no reason against it, unless it is an identifier.
    """
    identifiers = (
        (wanted.accession_number, study.accession_number),
        (wanted.patient_id, study.patient_id),
        (wanted.study_uid, study.uid),
    )
    if not study.uid or any(asked and asked != told for asked, told in identifiers):
        return False
    if wanted.modality and study.modalities and wanted.modality not in study.modalities:
        return False
    return not study.date or (wanted.date_from or "0") <= study.date <= (wanted.date_to or "9")


def identifier_of(study: FoundStudy) -> str:
    """Return the identifier that Orthanc gives a study: SHA-1 of PatientID and StudyInstanceUID."""
    digest = hashlib.sha1(f"{study.patient_id}|{study.uid}".encode(), usedforsecurity=False).hexdigest()
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))

"""De-identifies the instances of a batch in the pool of processes, and writes down what became of each."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sendit.errors import Misconfigured, Quarantine, counted
from sendit.journal.writing import SYSTEM
from sendit.logs.meters import count_instances
from sendit.model import Batch, CrosswalkEntry, Instance, InstanceState, PlaceInSeries, Quarantined, Receipt, Rejected
from sendit.pipeline.pool.ahead import Ahead
from sendit.pipeline.pool.processes import DeidentifyPool, Job, Result
from sendit.pipeline.pool.series_look import SeriesLook, SeriesOfOutputs, SeriesPart, is_due, looked_at
from sendit.pipeline.provenance import Provenance
from sendit.pseudonyms import Codes, codes_of
from sendit.storage.characteristics import UnreadableOutput, read_characteristics

if TYPE_CHECKING:
    from sendit.deidentify.pixels.regions import Region
    from sendit.journal import Journal
    from sendit.model import Doubt
    from sendit.orthanc.client import Source, StoredInstance
    from sendit.pipeline.projects import ReadyProject
    from sendit.pipeline.window import PauseGate
    from sendit.storage.previews import Previews
    from sendit.storage.staging import Staging

log = logging.getLogger(__name__)

Outcomed = Receipt | Rejected | Quarantined
Outcomes = Mapping[str, Outcomed]
Record = Callable[[int, int, Outcomes], None]

#: In a batch's history, behind the number of instances.
MADE_AHEAD = "de-identified while the study arrived"
#: Of jobs whose paths are chosen later.
_NOWHERE = Path()
#: So many outcomes are written to the journal at once: a kill costs no more than their work.
_TOGETHER = 50


class Deidentification:
    """The stage between listing and delivery. Safe to use from several threads.

    Args:
        staged_doubts: for which outputs are made that wait for a person; instances with other ones are held.
        with_passports: the projects whose deliveries have passports.

    Attributes:
        projects: the prepared projects, by name; one that was unlinked is not among them.
    """

    def __init__(
        self,
        journal: Journal,
        source: Source,
        staging: Staging,
        previews: Previews,
        projects: Mapping[str, ReadyProject],
        workers: int,
        staged_doubts: frozenset[Doubt] = frozenset(),
        with_passports: frozenset[str] = frozenset(),
    ) -> None:
        self._journal = journal
        self._source = source
        self._staging = staging
        self._previews = previews
        self._staged_doubts = staged_doubts
        self._with_passports = with_passports
        self.projects = projects
        self._pool = DeidentifyPool(workers)
        self.ahead = Ahead(staging, previews, self._pool.workers)
        self._runs = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the pool's processes, at once."""
        self.ahead.close()
        self._pool.close()

    def is_idle(self) -> bool:
        """Return whether no batch needs the pool."""
        return self._runs == 0

    @contextmanager
    def _running(self) -> Iterator[None]:
        with self._lock:
            self._runs += 1
        try:
            yield
        finally:
            with self._lock:
                self._runs -= 1

    def codes_ahead(self, project: ReadyProject, instance: str) -> Codes | None:
        """Return the pseudonym of an instance's patient, as that of a batch; None where all pseudonyms are the key's.

        Raises:
            Retry: the local Orthanc fails.
            Quarantine: there is no pseudonym.
        """
        if project.codes is None:
            return None
        patient = self.ahead.patient(self._job(project, instance, _NOWHERE, None, None))
        return codes_of(project.codes, patient, unknown_stops=project.unknown_stops)

    def begin_ahead(
        self,
        study: str,
        instances: Iterable[StoredInstance],
        project: ReadyProject,
        codes: Codes | None,
        as_of: float,
        arrived: float,
    ) -> None:
        """Begin to de-identify instances whose study still arrives, for the batch that may come.

        Args:
            study: Orthanc's identifier.
            instances: the instances.
            project: the project that would take them.
            codes: the pseudonyms of their patient.
            as_of: when no batch had them yet, on the monotonic clock.
            arrived: when the last of them arrived.

        Raises:
            Retry: the processes cannot be started, or are being stopped.
        """
        jobs = ((stored.version, self._job_ahead(project, stored, codes)) for stored in instances)
        self.ahead.begin(study, project.rules_digest, jobs, as_of=as_of, arrived=arrived)

    def _job_ahead(self, project: ReadyProject, instance: StoredInstance, codes: Codes | None) -> Job:
        """Return a job that reads the file of Orthanc, whose name is known here: a request costs both sides more."""
        job = self._job(project, instance.id, _NOWHERE, _NOWHERE, codes)
        file = self._source.stored_file(instance)
        return job if file is None else replace(job, local=(file, instance.size))

    def run(self, batch: Batch, pauses: PauseGate | None = None) -> None:
        """Give every instance of the batch an outcome. Outcomes of a former attempt are kept.

        Raises:
            Retry: the local Orthanc, the disk, or the source of pseudonyms fails.
            Quarantine: it cannot be said of which patient the study is, or they have no pseudonym.
            Superseded: another attempt owns the batch.
            Held: its project is paused, or its study has to let others go first.
        """
        with self._running():
            self._run(batch, self._project(batch), pauses)

    def _run(self, batch: Batch, project: ReadyProject, pauses: PauseGate | None) -> None:
        self._journal.facts.remember_key(project.name, project.key_fingerprint)
        self._journal.facts.remember_rules(project.name, project.plan_digest, project.rules())
        self._check_one_patient(batch)
        self._keep_to_one_set_of_rules(batch, project)
        self._renew_lost(batch)
        pending = self._journal.batches.instances(batch.id, InstanceState.PENDING)
        codes = self._codes(batch, project, pending)
        places: dict[str, PlaceInSeries] = {}
        taken = self._take_what_was_made_ahead(batch, project, pending, codes, places)
        left = [instance for instance in pending if instance.orthanc_id not in taken]
        jobs = self._jobs(batch, project, left, codes)
        watched = jobs if pauses is None else pauses.watch(jobs, batch.project, batch.study)
        results = _noting(places, self._pool.run(watched, alone_again=True))
        self._work(batch, project, results, self._journal.batches.record)
        self._look_at_series(batch, project, codes, places)
        self._note_characteristics(batch)

    def _note_characteristics(self, batch: Batch) -> None:
        """Write down for the risk report what of the outputs could single the patient out, from one of each series."""
        released = self._journal.batches.instances(batch.id, InstanceState.RELEASED)
        by_series = {
            instance.receipt.series_instance_uid: instance.orthanc_id
            for instance in released
            if instance.receipt is not None
        }
        if not by_series:
            return
        outputs = [self._staging.name(batch.id, name) for name in by_series.values()]
        try:
            self._journal.characteristics.note(batch.id, read_characteristics(outputs))
        except UnreadableOutput as error:
            log.warning("batch %d: an output cannot be read for the risk report (%s)", batch.id, error)

    def _project(self, batch: Batch) -> ReadyProject:
        project = self.projects.get(batch.project or "")
        if project is None:
            raise Misconfigured(f"batch {batch.id}", f"project '{batch.project}' is no longer configured", "Add it.")
        return project

    def _take_what_was_made_ahead(
        self,
        batch: Batch,
        project: ReadyProject,
        pending: Collection[Instance],
        codes: Codes | None,
        places: dict[str, PlaceInSeries],
    ) -> Collection[str]:
        """Give instances the outcome that was made while their study arrived; return which, and add their places.

        Only if Orthanc holds the same file as then, and rules and pseudonyms are the same.
        """
        made = self.ahead.made_of(batch.study)
        wanted = [instance for instance in pending if instance.orthanc_id in made]
        if not wanted:
            return ()
        versions = {
            instance.id: instance.version
            for instance in self._source.stored([instance.orthanc_id for instance in wanted])
        }
        jobs = self._jobs(batch, project, wanted, codes)
        taken = list(_noting(places, self.ahead.take(batch.study, jobs, project.rules_digest, versions)))
        if taken:
            if len(taken) == len(pending):
                taken = self._looked_at_ahead(batch, taken)
            self._work(batch, project, taken, self._journal.batches.record)
            self._journal.batches.note(
                batch.id, f"{counted(len(taken), 'instance was', 'instances were')} {MADE_AHEAD}", SYSTEM, ""
            )
        return {result.name for result in taken}

    def _looked_at_ahead(self, batch: Batch, results: list[Result]) -> list[Result]:
        """Return results of which the receipts say already that their series was looked at ahead, and shows no text.

        So they are written down once instead of twice. Only of a series that was looked at as it is in the batch: all
        outputs of it are among these results.
        """
        if self._journal.batches.instances(batch.id, InstanceState.RELEASED):
            return results
        by_series: dict[str, dict[str, str]] = {}
        for result in results:
            if isinstance(result.outcome, Receipt) and is_due(result.outcome):
                receipt = result.outcome
                by_series.setdefault(receipt.series_instance_uid, {})[result.name] = receipt.output_sha256
        clear: set[str] = set()
        for series, digests in by_series.items():
            looks = [look for _, look in self.ahead.look_of(batch.study, series, digests)]
            if looks and None not in looks:
                whole = SeriesLook.merged(look for look in looks if look is not None)
                whole.write(self._staging.look(batch.id, series))  # a kill changes nothing of what it says
                clear.update(name for name in whole.names if name in digests and name not in whole.suspects)
        return [
            replace(result, outcome=looked_at(result.outcome))
            if result.name in clear and isinstance(result.outcome, Receipt)
            else result
            for result in results
        ]

    def _work(self, batch: Batch, project: ReadyProject, results: Iterable[Result], record: Record) -> None:
        outcomes: dict[str, Receipt | Rejected | Quarantined] = {}
        entries: set[CrosswalkEntry] = set()
        try:
            for result in results:
                entry = result.crosswalk_entry
                if project.crosswalk is not None and entry is not None and entry not in entries:
                    # Before the outcome: nothing is released that cannot be looked up.
                    project.crosswalk.write([entry])
                    entries.add(entry)
                if isinstance(result.outcome, Receipt) and result.dataset_sha256 is not None:
                    self._staging.datasets.remember(result.outcome.output_sha256, result.dataset_sha256)
                outcomes[result.name] = result.outcome
                if len(outcomes) >= _TOGETHER:
                    self._flush(batch, outcomes, record)
        finally:
            # Outcomes so far are kept, even if an instance after it could not be read for now.
            self._flush(batch, outcomes, record)

    def _look_at_series(
        self, batch: Batch, project: ReadyProject, codes: Codes | None, places: Mapping[str, PlaceInSeries]
    ) -> None:
        """Look at each series whose images may not leave before; those with text in them are done again.

        A kill at any point is no matter: what the look found is kept before anything is changed by it.
        """
        released = self._journal.batches.instances(batch.id, InstanceState.RELEASED)
        due = {
            instance.orthanc_id: instance
            for instance in released
            if instance.receipt is not None and is_due(instance.receipt)
        }
        if not due:
            return
        suspects: dict[str, tuple[Region, ...]] = {}
        for look in self._looks(batch, due.values(), places):
            suspects.update((name, regions) for name, regions in look.suspects.items() if name in due)
            clean = [due[name] for name in look.names if name in due and name not in suspects]
            receipts = {
                instance.orthanc_id: looked_at(instance.receipt) for instance in clean if instance.receipt is not None
            }
            self._journal.batches.look_taken(batch.id, batch.attempt, receipts)
        again = [instance for instance in due.values() if instance.orthanc_id in suspects]
        if codes is None:
            codes = self._codes(batch, project, again)
        jobs = (replace(job, series=suspects[job.name]) for job in self._jobs(batch, project, again, codes))
        self._work(batch, project, self._pool.run(jobs, alone_again=True), self._journal.batches.look_taken)

    def _looks(self, batch: Batch, due: Iterable[Instance], known: Mapping[str, PlaceInSeries]) -> Iterator[SeriesLook]:
        """Yield the look at each series; one that a former attempt took is kept."""
        by_series: dict[str, dict[str, Path]] = {}
        digests: dict[str, dict[str, str]] = {}
        for instance in due:
            series, digest = (
                (instance.receipt.series_instance_uid, instance.receipt.output_sha256) if instance.receipt else ("", "")
            )
            by_series.setdefault(series, {})[instance.orthanc_id] = self._staging.name(batch.id, instance.orthanc_id)
            digests.setdefault(series, {})[instance.orthanc_id] = digest
        places = {series: self._staging.look(batch.id, series) for series in by_series}
        kept = {series: SeriesLook.read(places[series], paths) for series, paths in by_series.items()}
        yield from (look for look in kept.values() if look is not None)
        missing = []
        for series in (series for series, look in kept.items() if look is None):
            if parts := self.ahead.look_of(batch.study, series, digests[series]):
                look = self._rest_of_look(parts, by_series[series])
                look.write(places[series])
                yield look
            else:
                missing.append(series)
        places_in = {uid: {name: known[name] for name in by_series[uid] if name in known} for uid in missing}
        looks = self._pool.look_at_series(SeriesOfOutputs(by_series[uid], places_in[uid]) for uid in missing)
        for series, look in zip(missing, looks, strict=True):
            look.write(places[series])
            yield look

    def _rest_of_look(
        self, parts: Iterable[tuple[SeriesPart, SeriesLook | None]], paths: Mapping[str, Path]
    ) -> SeriesLook:
        """Return the look at a series of which some parts were looked at ahead; the outputs are elsewhere now."""
        done, left = [], []
        for part, look in parts:
            if look is not None:
                done.append(look)
            else:
                left.append(replace(part, paths={name: paths[name] for name in part.paths}))
        return SeriesLook.merged([*done, *self._pool.look_at_parts(left)])

    def _check_one_patient(self, batch: Batch) -> None:
        """Check that the study has one PatientID: to Orthanc, the same UID with another one is another study.

        Unless that is our output of it, with its UIDs retained, or what Orthanc made of it.
        """
        if Provenance(self._journal, self._source).others(batch.study):
            raise Quarantine(
                "two patients in one study: Orthanc holds its StudyInstanceUID under another PatientID, too"
            )

    def _codes(self, batch: Batch, project: ReadyProject, pending: list[Instance]) -> Codes | None:
        """Return the pseudonym of the batch's patient, asked for once; None where all pseudonyms are the key's.

        The patient is that of its first instance. The engine holds every instance of another one.
        """
        if project.codes is None or not pending:
            return None
        patient = self._pool.patient(self._jobs(batch, project, pending, None))
        return codes_of(project.codes, patient, unknown_stops=project.unknown_stops)

    def _jobs(self, batch: Batch, project: ReadyProject, pending: list[Instance], codes: Codes | None) -> Iterator[Job]:
        if not pending:
            return
        corrections = self._journal.reviews.corrections(batch.id)
        self._staging.folder(batch.id)
        for name in (instance.orthanc_id for instance in pending):
            output, previews = self._staging.name(batch.id, name), self._previews.place(batch.id, name)
            job = self._job(project, name, output, previews, codes)
            yield replace(job, corrections=corrections[name]) if name in corrections else job

    def _job(
        self, project: ReadyProject, instance: str, output: Path, previews: Path | None, codes: Codes | None
    ) -> Job:
        return Job(
            name=instance,
            project=project.spec,
            source=self._source.file_url(instance),
            headers=self._source.headers,
            certificate=self._source.certificate,
            output=output,
            codes=codes,
            previews=previews,
            staged_doubts=self._staged_doubts,
            name_lasts=False,
            digest_dataset=project.name in self._with_passports,
        )

    def tried(self, batch: Batch, identifiers: Collection[str], folder: Path) -> dict[str, Outcomed]:
        """Return what would become of instances by the present rules. Outputs go to `folder`; nothing else is kept.

        The search of whole series is left out.
        """
        project = self._project(batch)
        some = [
            instance
            for instance in self._journal.batches.instances(batch.id)
            if instance.orthanc_id in set(identifiers)
        ]
        codes = self._codes(batch, project, some)
        outcomes: dict[str, Outcomed] = {}
        for number, job in enumerate(self._jobs(batch, project, some, codes)):
            output = folder / f"{number}.dcm"
            [result] = self._pool.run([replace(job, output=output, previews=None)], alone_again=True)
            output.unlink(missing_ok=True)
            outcomes[result.name] = result.outcome
        return outcomes

    def _keep_to_one_set_of_rules(self, batch: Batch, project: ReadyProject) -> None:
        """Begin the batch anew if what is staged was made by other rules: the configuration was changed meanwhile.

        What was rejected stays rejected. A kill at any point is no matter: the rules are recorded last.
        """
        if self._staging.rules(batch.id) == project.rules_digest:
            return
        states = (InstanceState.RELEASED, InstanceState.QUARANTINED)
        if begun := [instance.orthanc_id for instance in self._journal.batches.instances(batch.id, *states)]:
            self._staging.remove(batch.id)
            self._journal.batches.renew_instances(batch.id, batch.attempt, begun, "begun anew: its rules have changed")
        self._staging.set_rules(batch.id, project.rules_digest)

    def _renew_lost(self, batch: Batch) -> None:
        """Process again released instances whose staged file is missing (a disk was cleaned by hand)."""
        output = self._staging.name
        released = self._journal.batches.instances(batch.id, InstanceState.RELEASED)
        lost = [
            i.orthanc_id
            for i in released
            if i.receipt is None or not self._staging.holds(output(batch.id, i.orthanc_id), i.receipt)
        ]
        if lost:
            self._journal.batches.renew_instances(batch.id, batch.attempt, lost)

    def _flush(self, batch: Batch, outcomes: dict[str, Receipt | Rejected | Quarantined], record: Record) -> None:
        if not outcomes:
            return
        receipts = [outcome for outcome in outcomes.values() if isinstance(outcome, Receipt)]
        if receipts:
            self._staging.settle(batch.id)  # law 3: an outcome is in the journal only once its output lasts
        record(batch.id, batch.attempt, outcomes)
        held = [outcome.reason for outcome in outcomes.values() if isinstance(outcome, Quarantined)]
        rejected = len(outcomes) - len(receipts) - len(held)
        with_text = sum(1 for outcome in receipts if outcome.pixels.get("text"))
        count_instances(str(batch.project), len(receipts), rejected, held, with_text)
        outcomes.clear()


def _noting(places: dict[str, PlaceInSeries], results: Iterable[Result]) -> Iterator[Result]:
    """Yield results, and note where each stands in its series."""
    for result in results:
        if result.place is not None:
            places[result.name] = result.place
        yield result

"""De-identifies the instances of a batch in the pool of processes, and writes down what became of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from sendit.errors import Misconfigured, Quarantine
from sendit.logs.meters import count_instances
from sendit.model import Batch, CrosswalkEntry, Instance, InstanceState, Quarantined, Receipt, Rejected
from sendit.pipeline.pool.processes import DeidentifyPool, Job
from sendit.pipeline.pool.series_look import SeriesLook, SeriesOfOutputs, is_due, looked_at
from sendit.pipeline.provenance import Provenance
from sendit.pseudonyms import Codes, codes_of

if TYPE_CHECKING:
    from pathlib import Path

    from sendit.deidentify.pixels.regions import Region
    from sendit.journal import Journal
    from sendit.model import Doubt
    from sendit.orthanc.client import Source
    from sendit.pipeline.projects import ReadyProject
    from sendit.pipeline.window import PauseGate
    from sendit.storage.previews import Previews
    from sendit.storage.staging import Staging

log = logging.getLogger(__name__)

Outcomed = Receipt | Rejected | Quarantined
Outcomes = Mapping[str, Outcomed]
Record = Callable[[int, int, Outcomes], None]

#: So many outcomes are written to the journal at once: a kill costs no more than their work.
_TOGETHER = 50


class Deidentification:
    """The stage between listing and delivery. Safe to use from several threads.

    Args:
        staged_doubts: for which outputs are made that wait for a person; instances with other ones are held.

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
    ) -> None:
        self._journal = journal
        self._source = source
        self._staging = staging
        self._previews = previews
        self._staged_doubts = staged_doubts
        self.projects = projects
        self._pool = DeidentifyPool(workers)

    def close(self) -> None:
        """End the pool's processes, at once."""
        self._pool.close()

    def run(self, batch: Batch, pauses: PauseGate | None = None) -> None:
        """Give every instance of the batch an outcome. What a former attempt did is kept.

        Raises:
            Retry: Orthanc, the disk, or what knows the pseudonyms is not well.
            Quarantine: it cannot be said of which patient the study is, or they have no pseudonym.
            Superseded: another attempt owns the batch.
            Held: its project is paused, or its study has to let others go first.
        """
        project = self._project(batch)
        self._journal.facts.remember_key(project.name, project.key_fingerprint)
        self._journal.facts.remember_rules(project.name, project.plan_digest, project.rules())
        self._check_one_patient(batch)
        self._keep_to_one_set_of_rules(batch, project)
        self._renew_lost(batch)
        pending = self._journal.batches.instances(batch.id, InstanceState.PENDING)
        codes = self._codes(batch, project, pending)
        jobs = self._jobs(batch, project, pending, codes)
        watched = jobs if pauses is None else pauses.watch(jobs, batch.project, batch.study)
        self._work(batch, project, watched, self._journal.batches.record)
        self._look_at_series(batch, project, codes)

    def _project(self, batch: Batch) -> ReadyProject:
        project = self.projects.get(batch.project or "")
        if project is None:
            raise Misconfigured(f"batch {batch.id}", f"project '{batch.project}' is no longer configured", "Add it.")
        return project

    def _work(self, batch: Batch, project: ReadyProject, jobs: Iterable[Job], record: Record) -> None:
        outcomes: dict[str, Receipt | Rejected | Quarantined] = {}
        entries: set[CrosswalkEntry] = set()
        try:
            for result in self._pool.run(jobs, alone_again=True):
                entry = result.crosswalk_entry
                if project.crosswalk is not None and entry is not None and entry not in entries:
                    # Before the outcome: nothing is released that cannot be looked up.
                    project.crosswalk.write([entry])
                    entries.add(entry)
                outcomes[result.name] = result.outcome
                if len(outcomes) >= _TOGETHER:
                    _flush(batch, outcomes, record)
        finally:
            # What was done is kept, also if an instance after it could not be read for now.
            _flush(batch, outcomes, record)

    def _look_at_series(self, batch: Batch, project: ReadyProject, codes: Codes | None) -> None:
        """Look at each series whose images may not leave before; those with text in them are done again.

        A kill at any point is no matter: what the look found is kept before anything is changed by it.
        """
        released = self._journal.batches.instances(batch.id, InstanceState.RELEASED)
        due = {one.orthanc_id: one for one in released if one.receipt is not None and is_due(one.receipt)}
        if not due:
            return
        suspects: dict[str, tuple[Region, ...]] = {}
        for look in self._looks(batch, due.values()):
            suspects.update((name, regions) for name, regions in look.suspects.items() if name in due)
            clean = [due[name] for name in look.names if name in due and name not in suspects]
            receipts = {one.orthanc_id: looked_at(one.receipt) for one in clean if one.receipt is not None}
            self._journal.batches.look_taken(batch.id, batch.attempt, receipts)
        again = [one for one in due.values() if one.orthanc_id in suspects]
        if codes is None:
            codes = self._codes(batch, project, again)
        jobs = (replace(job, series=suspects[job.name]) for job in self._jobs(batch, project, again, codes))
        self._work(batch, project, jobs, self._journal.batches.look_taken)

    def _looks(self, batch: Batch, due: Iterable[Instance]) -> Iterator[SeriesLook]:
        """Yield the look at each series; one that a former attempt took is kept."""
        by_series: dict[str, dict[str, Path]] = {}
        for one in due:
            series = one.receipt.series_instance_uid if one.receipt is not None else ""
            by_series.setdefault(series, {})[one.orthanc_id] = self._staging.output(batch.id, one.orthanc_id)
        places = {series: self._staging.look(batch.id, series) for series in by_series}
        kept = {series: SeriesLook.read(places[series], paths) for series, paths in by_series.items()}
        yield from (look for look in kept.values() if look is not None)
        missing = [series for series, look in kept.items() if look is None]
        looks = self._pool.look_at_series(SeriesOfOutputs(by_series[series]) for series in missing)
        for series, look in zip(missing, looks, strict=True):
            look.write(places[series])
            yield look

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
        corrections = self._journal.reviews.corrections(batch.id)
        for instance in pending:
            yield Job(
                name=instance.orthanc_id,
                project=project.spec,
                source=self._source.file_url(instance.orthanc_id),
                headers=self._source.headers,
                certificate=self._source.certificate,
                output=self._staging.output(batch.id, instance.orthanc_id),
                codes=codes,
                previews=self._previews.place(batch.id, instance.orthanc_id),
                corrections=corrections.get(instance.orthanc_id, ()),
                staged_doubts=self._staged_doubts,
            )

    def tried(self, batch: Batch, identifiers: Collection[str], folder: Path) -> dict[str, Outcomed]:
        """Return what would become of instances by the present rules. Outputs go to `folder`; nothing else is kept.

        The search of whole series is left out.
        """
        project = self._project(batch)
        some = [one for one in self._journal.batches.instances(batch.id) if one.orthanc_id in set(identifiers)]
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
        if begun := [one.orthanc_id for one in self._journal.batches.instances(batch.id, *states)]:
            self._staging.remove(batch.id)
            self._journal.batches.renew_instances(batch.id, batch.attempt, begun, "begun anew: its rules have changed")
        self._staging.set_rules(batch.id, project.rules_digest)

    def _renew_lost(self, batch: Batch) -> None:
        """Process again released instances whose staged file is missing (a disk was cleaned by hand)."""
        output = self._staging.output
        released = self._journal.batches.instances(batch.id, InstanceState.RELEASED)
        lost = [
            i.orthanc_id
            for i in released
            if i.receipt is None or not self._staging.holds(output(batch.id, i.orthanc_id), i.receipt)
        ]
        if lost:
            self._journal.batches.renew_instances(batch.id, batch.attempt, lost)


def _flush(batch: Batch, outcomes: dict[str, Receipt | Rejected | Quarantined], record: Record) -> None:
    if not outcomes:
        return
    record(batch.id, batch.attempt, outcomes)
    receipts = [one for one in outcomes.values() if isinstance(one, Receipt)]
    held = [one.reason for one in outcomes.values() if isinstance(one, Quarantined)]
    rejected = len(outcomes) - len(receipts) - len(held)
    with_text = sum(1 for one in receipts if one.pixels.get("text"))
    count_instances(str(batch.project), len(receipts), rejected, held, with_text)
    outcomes.clear()

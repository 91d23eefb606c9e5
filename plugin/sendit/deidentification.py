"""De-identifies the instances of a batch in the pool of processes, and writes down what became of each."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from sendit.deidentify_pool import DeidentifyPool, Job
from sendit.errors import Misconfigured, Quarantine
from sendit.identities import Codes, codes_of
from sendit.journal import Journal
from sendit.model import Batch, Instance, InstanceState, Quarantined, Receipt, Rejected, Ties
from sendit.pictures import Pictures
from sendit.projects import ReadyProject
from sendit.source import Source
from sendit.staging import Staging

log = logging.getLogger(__name__)

#: So many outcomes are written to the journal at once: a kill costs no more than their work.
_TOGETHER = 50


class Deidentification:
    """The stage between listing and delivery. Safe to use from several threads."""

    def __init__(
        self,
        journal: Journal,
        source: Source,
        staging: Staging,
        pictures: Pictures,
        projects: Mapping[str, ReadyProject],
        workers: int,
    ) -> None:
        self._journal = journal
        self._source = source
        self._staging = staging
        self._pictures = pictures
        self._projects = projects
        self._pool = DeidentifyPool(workers)

    def close(self) -> None:
        """End the pool's processes, at once."""
        self._pool.close()

    def run(self, batch: Batch) -> None:
        """Give every instance of the batch an outcome. What a former attempt did is kept.

        Raises:
            Retry: Orthanc, the disk, or what knows the pseudonyms is not well.
            Quarantine: it cannot be said of which patient the study is, or they have no pseudonym.
            Superseded: another attempt owns the batch.
        """
        project = self._projects.get(batch.project or "")
        if project is None:
            raise Misconfigured(f"batch {batch.id}", f"project '{batch.project}' is not configured any more", "Add it.")
        self._journal.facts.remember_key(project.name, project.key_fingerprint)
        self._check_one_patient(batch)
        self._renew_lost(batch)
        outcomes: dict[str, Receipt | Rejected | Quarantined] = {}
        pending = self._journal.batches.instances(batch.id, InstanceState.PENDING)
        codes = self._codes(batch, project, pending)
        ties: set[Ties] = set()
        try:
            for result in self._pool.run(self._jobs(batch, project, pending, codes), alone_again=True):
                if project.crosswalk is not None and result.ties is not None and result.ties not in ties:
                    # Before the outcome: nothing is released that cannot be looked up.
                    project.crosswalk.write([result.ties])
                    ties.add(result.ties)
                outcomes[result.name] = result.outcome
                if len(outcomes) >= _TOGETHER:
                    self._record(batch, outcomes)
        finally:
            # What was done is kept, also if an instance after it could not be read for now.
            self._record(batch, outcomes)

    def _record(self, batch: Batch, outcomes: dict[str, Receipt | Rejected | Quarantined]) -> None:
        if outcomes:
            self._journal.batches.record(batch.id, batch.attempt, outcomes)
            outcomes.clear()

    def _check_one_patient(self, batch: Batch) -> None:
        """To Orthanc, a study is of one PatientID: the same StudyInstanceUID under another one is another study."""
        if self._source.namesakes(batch.study):
            raise Quarantine(
                "two patients in one study: Orthanc holds its StudyInstanceUID under another PatientID, too"
            )

    def _codes(self, batch: Batch, project: ReadyProject, pending: list[Instance]) -> Codes | None:
        """The pseudonym of the batch's patient, asked for once; None where all pseudonyms are the key's.

        The patient is that of its first instance. The engine holds every instance of another one.
        """
        if project.codes is None or not pending:
            return None
        patient = self._pool.patient(self._jobs(batch, project, pending, None))
        return codes_of(project.codes, patient, project.unknown_stops)

    def _jobs(self, batch: Batch, project: ReadyProject, pending: list[Instance], codes: Codes | None) -> Iterator[Job]:
        for instance in pending:
            yield Job(
                name=instance.orthanc_id,
                project=project.spec,
                source=self._source.file_url(instance.orthanc_id),
                headers=self._source.headers,
                certificate=self._source.certificate,
                output=self._staging.output(batch.id, instance.orthanc_id),
                codes=codes,
                pictures=self._pictures.place(batch.id, instance.orthanc_id),
            )

    def _renew_lost(self, batch: Batch) -> None:
        """Released instances whose staged file is gone (a disk was cleaned by hand) are done again."""
        output = self._staging.output
        released = self._journal.batches.instances(batch.id, InstanceState.RELEASED)
        lost = [
            i.orthanc_id
            for i in released
            if i.receipt is None or not self._staging.holds(output(batch.id, i.orthanc_id), i.receipt)
        ]
        if lost:
            self._journal.batches.renew_instances(batch.id, batch.attempt, lost)

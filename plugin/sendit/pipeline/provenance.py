"""Whether a study is one that a project takes: not what SendIt itself sent, nor what Orthanc copied of another study.

A destination that routes on what it gets sends outputs back; taken for originals, they would leave again, as another
patient, and come back again. They are known by their coded UIDs and pseudonyms, which stand in the journal; what comes
from another SendIt, or was coerced on its way, is known by its DeidentificationMethod (deidentify/profile/method.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendit.deidentify.profile.method import RETURNED
from sendit.deidentify.pseudonyms import is_keyed_pseudonym, is_keyed_uid
from sendit.model import family

if TYPE_CHECKING:
    from sendit.config.project import Accept
    from sendit.journal import Journal
    from sendit.orthanc.client import Source, Study

ROUND_AGAIN = "it is an output of this project that came back"
COPY = "Orthanc made it of another study (/anonymize or /modify); projects with Accept.Copies take such studies"


class Provenance:
    """Looks at where a study comes from."""

    def __init__(self, journal: Journal, source: Source) -> None:
        self._journal = journal
        self._source = source

    def refusal(self, study: Study, batch_id: int, project: str, accept: Accept) -> str:
        """Return why nothing of this study leaves for this project; "" if it is taken."""
        if original := self._source.original_of(study):
            self._journal.provenance.note_copy(batch_id, original)
        if senders := self.senders(study):
            if not accept.deidentified:
                return RETURNED
            return ROUND_AGAIN if family(project) in {family(sender) for sender in senders} else ""
        return COPY if original and not accept.copies and self._is_second(original) else ""

    def senders(self, study: Study) -> set[str]:
        """Return the projects whose output the study is; none for an original."""
        alone = {study.patient_id} if is_keyed_pseudonym(study.patient_id) else set()
        alone |= {study.uid} if is_keyed_uid(study.uid) else set()
        return self._journal.provenance.projects_of_output(study.id, study.uid, study.patient_id, alone)

    def _is_second(self, original: str) -> bool:
        """Return whether the original is there, or has left: its copy would be another patient, or another study of it.

        What was modified in place of its original (a wrong PatientID that was corrected) is the only one.
        """
        chain = [original, *self._journal.provenance.originals_of(original)]
        return any(self._journal.provenance.left(one) or self._source.study(one) is not None for one in chain)

    def others(self, study: str) -> list[str]:
        """Return the other studies with its StudyInstanceUID, without those that are its outputs or its copies."""
        originals = []
        for other in map(self._source.study, self._source.namesakes(study)):
            if other is not None and self._source.original_of(other) != study and not self.senders(other):
                originals.append(other.id)
        return originals

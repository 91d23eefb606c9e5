"""Where studies come from: outputs that came back to our own Orthanc, and copies that Orthanc made of other studies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.writing import reading
from sendit.model import family

if TYPE_CHECKING:
    from collections.abc import Collection

#: A chain of copies of copies is followed so far.
_LONGEST_CHAIN = 20


class ProvenanceRecords:
    """The journal's records of a study's origin."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def projects_of_output(self, study: str, study_uid: str, patient_id: str, alone: Collection[str]) -> set[str]:
        """Return the projects of whose output a study is.

        Args:
            study: Orthanc's identifier. Under RetainUIDs an output has the UID of its original, which is none.
            study_uid: coded StudyInstanceUID.
            patient_id: coded PatientID.
            alone: those of the two values that no other study can have by chance. A pseudonym out of a list or a UID
                that was retained counts only together with the other one.
        """
        b = t.batches.c
        same = (b.coded_study == study_uid) & (b.coded_patient == patient_id)
        if study_uid in alone:
            same |= b.coded_study == study_uid
        if patient_id in alone:
            same |= b.coded_patient == patient_id
        query = sa.select(b.project).where(same & (b.study != study) & b.project.is_not(None)).distinct()
        with reading(self._engine) as c:
            return set(c.execute(query).scalars())

    def note_copy(self, batch_id: int, original: str) -> None:
        """Remember of which study Orthanc made this batch's study."""
        with self._engine.begin() as c:
            where = t.batches.c.id == batch_id
            c.execute(sa.update(t.batches).where(where).values(copied_from=original))

    def left(self, study: str) -> bool:
        """Return whether anything of this study was de-identified, or recalled, in any project."""
        b = t.batches.c
        query = sa.select(b.id).where((b.study == study) & b.coded_study.is_not(None)).limit(1)
        with reading(self._engine) as c:
            return c.execute(query).first() is not None

    def originals_of(self, study: str) -> list[str]:
        """Return the studies of which this one is a copy, or a copy of a copy; the nearest one first."""
        with reading(self._engine) as c:
            return originals_of(c, study)

    def with_copies(self, studies: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Add the copies of these studies, each in its project and the project's variants."""
        b = t.batches.c
        related, new = set(studies), set(studies)
        with reading(self._engine) as c:
            while new:
                query = sa.select(b.study, b.project, b.copied_from).where(
                    b.copied_from.in_({study for study, _ in new})
                )
                named = {(study, family(project)) for study, project in new}
                rows = [(s, p, of) for s, p, of in c.execute(query) if p is not None and (of, family(p)) in named]
                new = {(study, project) for study, project, _ in rows} - related
                related |= new
        return related


def originals_of(c: sa.Connection, study: str) -> list[str]:
    """Return `ProvenanceRecords.originals_of` within a transaction."""
    b = t.batches.c
    originals: list[str] = []
    query = sa.select(b.copied_from).where((b.study == sa.bindparam("study")) & b.copied_from.is_not(None)).limit(1)
    while len(originals) < _LONGEST_CHAIN:
        original = c.execute(query, {"study": originals[-1] if originals else study}).scalar()
        if original is None or original in originals or original == study:
            break
        originals.append(str(original))
    return originals

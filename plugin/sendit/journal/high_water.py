"""How far the journal is, project by project, and what was withdrawn: `pipeline.backups` keeps a second copy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa

from sendit.errors import counted
from sendit.journal import audit
from sendit.journal import tables as t
from sendit.journal.writing import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The mark that names the journal: two databases that were made apart have different ones.
IDENTITY = "journal.id"
_KEPT = "high-water."  # and the node
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ProjectCounts:
    """Of one project. They only grow."""

    begun: int = 0  # batches queued
    released: int = 0  # batches released for their destinations
    withdrawn: int = 0  # recalled studies and patients, and whether it was unlinked

    def raised_to(self, other: ProjectCounts) -> ProjectCounts:
        """Return the greater one of each."""
        return ProjectCounts(
            max(self.begun, other.begun), max(self.released, other.released), max(self.withdrawn, other.withdrawn)
        )


@dataclass(slots=True)
class Level:
    """All that a journal has to know, and that nobody may forget."""

    journal: str = ""  # its identity; "" if none is known
    counts: dict[str, ProjectCounts] = field(default_factory=dict)
    studies: set[tuple[str, str]] = field(default_factory=set)  # recalled: project and Orthanc's identifier
    patients: set[tuple[str, str]] = field(default_factory=set)  # recalled: project and coded PatientID
    unlinked: dict[str, set[str]] = field(default_factory=dict)  # projects → their studies


def lacking(mark: Level, journal: Level) -> Level:
    """Return what the mark records and the journal lacks; counts are the difference.

    Empty if the journal is not behind.

    A recalled study of a project that was unlinked since is among the studies of that project.
    """
    missing = Level()
    for name, counts in mark.counts.items():
        has = journal.counts.get(name, ProjectCounts())
        short = ProjectCounts(
            *(max(0, a - b) for a, b in zip(_numbers(counts), _numbers(has), strict=True)),
        )
        if short != ProjectCounts():
            missing.counts[name] = short
    missing.studies = {s for s in beyond(mark.studies, journal.studies) if s[0] not in journal.unlinked}
    missing.patients = beyond(mark.patients, journal.patients)
    for name, studies in mark.unlinked.items():
        if name not in journal.unlinked or beyond(studies, journal.unlinked[name]):
            missing.unlinked[name] = studies
    return missing


def beyond(one: set[_T], other: set[_T]) -> set[_T]:
    """Return what is in one and not in the other; at no cost where both are the same set, as between two deliveries."""
    return set() if one is other else one - other


def _numbers(counts: ProjectCounts) -> tuple[int, int, int]:
    return counts.begun, counts.released, counts.withdrawn


def in_words(lack: Level) -> str:
    """Return what a journal lacks, project by project; "" if nothing."""
    sentences = []
    for name in sorted({*lack.counts, *(p for p, _ in lack.studies | lack.patients), *lack.unlinked}):
        count = lack.counts.get(name, ProjectCounts())
        withdrawn = sum(p == name for p, _ in lack.studies) + sum(p == name for p, _ in lack.patients)
        parts = [
            (count.begun, "batch begun", "batches begun"),
            (count.released, "release", "releases"),
            (withdrawn, "recalled study or patient", "recalled studies or patients"),
        ]
        words = [counted(number, one, many) for number, one, many in parts if number]
        words += ["its unlinking"] if name in lack.unlinked else []
        words = words or [counted(count.withdrawn, "withdrawal")]
        sentences.append(f"project {name} lacks {', '.join(words)}")
    return "; ".join(sentences)


class HighWater:
    """The tables that the level is read from."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def counts(self) -> tuple[str, dict[str, ProjectCounts]]:
        """Return the journal's identity, and the counts of its projects; cheap."""
        h = t.high_water.c
        with reading(self._engine) as c:
            identity = c.execute(sa.select(t.marks.c.value).where(t.marks.c.name == IDENTITY)).scalar()
            rows = c.execute(sa.select(h.project, h.begun, h.released, h.withdrawn)).all()
        return str(identity or ""), {project: ProjectCounts(*numbers) for project, *numbers in rows}

    def level(self) -> Level:
        """Return all of it.

        The counts are read first: what comes to be meanwhile is told once more, and never missed.
        """
        identity, counts = self.counts()
        s, p, x, k = t.recalled_studies.c, t.recalled_patients.c, t.crosswalk_projects.c, t.unlinked_studies.c
        with reading(self._engine) as c:
            studies = {(project, study) for project, study in c.execute(sa.select(s.project, s.study))}
            patients = {(project, patient) for project, patient in c.execute(sa.select(p.project, p.patient_id))}
            done = c.execute(sa.select(x.project).where(x.unlinked_done_at.is_not(None))).scalars()
            unlinked: dict[str, set[str]] = {name: set() for name in done}
            for study, project in c.execute(sa.select(k.study, k.project).where(k.project.in_(unlinked))):
                unlinked[project].add(study)
        return Level(identity, counts, studies, patients, unlinked)

    def is_kept_by(self, node: str) -> bool:
        """Return whether this node has kept a high-water mark of this journal."""
        with reading(self._engine) as c:
            return c.execute(sa.select(t.marks.c.name).where(t.marks.c.name == _KEPT + node)).first() is not None

    def keep(self, node: str) -> None:
        """Note that this node keeps a high-water mark from now on."""
        with self._engine.begin() as c:
            if c.execute(sa.select(t.marks.c.name).where(t.marks.c.name == _KEPT + node)).first() is None:
                c.execute(sa.insert(t.marks).values(name=_KEPT + node, value="kept"))

    def accept(self, counts: Mapping[str, ProjectCounts], actor: str, reason: str) -> None:
        """Note that an operator accepts this journal though it is behind these counts: it continues from them."""
        h = t.high_water
        with self._engine.begin() as c:
            for project, expected in sorted(counts.items()):
                row = c.execute(sa.select(h.c.begun, h.c.released, h.c.withdrawn).where(h.c.project == project)).first()
                to = expected.raised_to(ProjectCounts(*row) if row else ProjectCounts())
                values = {"begun": to.begun, "released": to.released, "withdrawn": to.withdrawn}
                if row:
                    c.execute(sa.update(h).where(h.c.project == project).values(**values))
                else:
                    c.execute(sa.insert(h).values(project=project, **values))
            audit.add(c, audit.Act(actor, "accept-journal", reason=reason))

    def remember_unlinked(self, studies: Mapping[str, set[str]]) -> None:
        """Remember studies of projects that were unlinked before this journal was restored from a backup."""
        x = t.unlinked_studies
        with self._engine.begin() as c:
            for project, unlinked in sorted(studies.items()):
                remembered = set(c.execute(sa.select(x.c.study).where(x.c.project == project)).scalars())
                rows = [{"study": study, "project": project} for study in sorted(unlinked - remembered)]
                if rows:
                    c.execute(sa.insert(x), rows)

"""`sendit journal accept`: a person takes a journal that is behind its high-water mark.

What was withdrawn is applied to it again: recalled studies and patients stay out, unlinked projects stay unlinked.
What was delivered since is forgotten, and is sent once more, byte for byte the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendit import keyring
from sendit.errors import counted
from sendit.journal import Journal
from sendit.journal.database import JOURNAL_FILE
from sendit.journal.high_water import Level, in_words, lacking
from sendit.model import InstanceState
from sendit.pipeline.backups.high_water import Mark, MarkFile, is_missing
from sendit.pipeline.file_names import FileNames
from sendit.pipeline.unlink import unlink
from sendit.storage import data_directory
from sendit.storage.staging import Staging

if TYPE_CHECKING:
    from pathlib import Path

    from sendit.config.schema import Settings


@dataclass(frozen=True, slots=True)
class Gap:
    """Why the journal is not simply taken."""

    missing: bool  # there is no journal
    other: bool  # it is not the journal that the mark is of
    restored: str  # when the backup was made that was restored; "" if none was
    mark: str  # what is wrong with the mark itself; "" if nothing
    lack: Level

    def __bool__(self) -> bool:
        return bool(self.missing or self.other or self.restored or self.mark or in_words(self.lack))

    def words(self) -> list[str]:
        """Return a line for each."""
        parts = []
        if self.missing:
            parts.append("there is no journal: a new one is created, without any record of what was sent")
        elif self.other:
            parts.append("the database contains a different journal than the high-water mark's")
        if self.restored:
            parts.append(
                f"a backup of {self.restored} was restored: it may not contain what was sent or recalled since then"
            )
        if self.mark:
            parts.append(f"the high-water mark {self.mark}: it is written again from the journal")
        return parts + [part for part in in_words(self.lack).split("; ") if part]


def look(settings: Settings) -> Gap:
    """Return what the journal lacks. Nothing is changed, except that an older database is brought to our version."""
    directory, file = settings.data_directory, MarkFile(settings.data_directory)
    mark = file.read()
    if is_missing(settings.database, directory):
        return Gap(
            missing=bool(mark.level.journal),
            other=False,
            restored=_made(mark),
            mark=_trouble(mark, kept=False),
            lack=lacking(mark.level, Level()),
        )
    journal = Journal.open(settings.database, directory, seal=FileNames(settings).seal_old)
    try:
        level = journal.high_water.level()
        kept = journal.high_water.is_kept_by(data_directory.node(directory))
    finally:
        journal.close()
    other = mark.there and bool(mark.level.journal) and mark.level.journal != level.journal
    return Gap(
        missing=False,
        other=other,
        restored=_made(mark),
        mark=_trouble(mark, kept=kept),
        lack=lacking(mark.level, level),
    )


def _made(mark: Mark) -> str:
    return mark.restored.get("made", "an unknown time") if mark.restored else ""


def _trouble(mark: Mark, *, kept: bool) -> str:
    if mark.damaged is not None:
        return f"is damaged in line {mark.damaged}"
    return "is gone or empty" if kept and not mark.there else ""


def accept(settings: Settings, actor: str, reason: str) -> list[str]:
    """Apply again what was withdrawn, and let SendIt go on from this journal. May be repeated.

    Returns:
        What was done, in words.
    """
    directory, file = settings.data_directory, MarkFile(settings.data_directory)
    mark = file.read()
    journal = Journal.open(settings.database, directory, seal=FileNames(settings).seal_old)
    try:
        lack = lacking(mark.level, journal.high_water.level())
        done = [*_withdraw(journal, lack, actor, reason), *_cut(journal, settings, lack)]
        staging = Staging(settings.staging_directory)
        if anew := journal.rescheduling.stage_anew(lambda batch_id: _is_staged(journal, staging, batch_id)):
            done.append(
                f"{counted(len(anew), 'batch is', 'batches are')} de-identified anew: their staged files are gone"
            )
        journal.high_water.accept(mark.level.counts, actor, reason)
        with file.locked():
            file.rewrite(Mark(journal.high_water.level()))
        journal.high_water.keep(data_directory.node(directory))
    finally:
        journal.close()
        _give(directory)
    return done


def _give(directory: Path) -> None:
    """Give what root has created here to Orthanc's user."""
    for path in (*directory.glob(f"{JOURNAL_FILE}*"), directory / "staging", directory / "node"):
        if path.exists():
            keyring.give(path, directory)


def _withdraw(journal: Journal, lack: Level, actor: str, reason: str) -> list[str]:
    studies = {(study, project) for project, study in lack.studies}
    why = f"recalled before the journal was restored; {reason}"
    begun = journal.recalls.begin(studies, why, patients=False, actor=actor) if studies else []
    journal.recalls.withdraw_again((), lack.patients)
    done = [f"{len(studies)} recalled studies stay recalled"] if studies else []
    if begun:
        done.append(f"{counted(len(begun), 'of them is', 'of them are')} removed from their destinations once more")
    return [*done, f"{len(lack.patients)} recalled patients stay recalled"] if lack.patients else done


def _cut(journal: Journal, settings: Settings, lack: Level) -> list[str]:
    journal.high_water.remember_unlinked(lack.unlinked)
    for project in sorted(lack.unlinked):
        for name in {project, *journal.recalls.names_of(project)}:
            journal.unlinking.give_up(name)
        unlink(journal, settings, project)
    return [f"project {project} stays unlinked" for project in sorted(lack.unlinked)]


def _is_staged(journal: Journal, staging: Staging, batch_id: int) -> bool:
    released = journal.batches.instances(batch_id, InstanceState.RELEASED)
    return all(
        i.receipt is not None and staging.holds(staging.name(batch_id, i.orthanc_id), i.receipt) for i in released
    )

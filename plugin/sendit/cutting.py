"""`cut_ties`: afterwards nothing that SendIt keeps leads from a project's codes back to patients."""

from __future__ import annotations

import shutil
from pathlib import Path

from sendit import keyring
from sendit.crosswalk import key_folder
from sendit.errors import Misconfigured
from sendit.journal import Journal
from sendit.projects import KEYS
from sendit.settings import Settings
from sendit.variants import family_of


def cut_ties(journal: Journal, settings: Settings, project: str) -> None:
    """Destroy a project's keys, its crosswalk, and what else ties its batches to originals; those of its variants, too.

    May be repeated, and has to be if it was interrupted. The keys go first: they alone lead back from what was sent.

    Raises:
        Misconfigured: batches of the project are under way (then nothing was done), or a key cannot be destroyed.
        Retry: others use the database; everything else is done.
    """
    names = sorted({project, *family_of(settings, project), *journal.recalls.names_of(project)})
    began = [name for name in names if journal.cutting.begin(name)]
    if under_way := sum(journal.cutting.under_way(name) for name in names):
        for name in began:
            journal.cutting.take_back(name)
        cure = "Wait until they have ended (sendit batches), then repeat it."
        raise Misconfigured(f"project {project}", f"{under_way} of its batches are under way", cure)
    for name in names:
        keyring.destroy_key(key_folder(settings), name)
        keyring.destroy_key(settings.data_directory / KEYS, name)
        for batch_id in journal.cutting.batches(name):
            # Their names are digests of Orthanc's identifiers, and pictures of before show the patient's own.
            for kept in ("staging", "pictures"):
                _destroy(settings.data_directory / kept / str(batch_id), name)
        journal.cutting.detach(name)
    journal.cutting.scour()
    for name in names:
        journal.cutting.finish(name)


def _destroy(folder: Path, project: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        cure = "Remove it by hand, then repeat it."
        raise Misconfigured(
            f"project {project}", f"{folder} cannot be removed, and shows what identifies patients", cure
        )

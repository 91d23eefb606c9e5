"""`unlink`: afterwards nothing that SendIt keeps leads from a project's codes back to patients."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from sendit import keyring
from sendit.config.variants import family_of
from sendit.errors import Misconfigured
from sendit.pipeline.projects import KEYS
from sendit.pseudonyms.crosswalk import key_folder
from sendit.storage.staging import AHEAD

if TYPE_CHECKING:
    from pathlib import Path

    from sendit.config.schema import Settings
    from sendit.journal import Journal


def unlink(journal: Journal, settings: Settings, project: str) -> None:
    """Destroy the keys and crosswalk of a project and its variants, and what else links their batches to originals.

    May be repeated, and has to be if it was interrupted. The keys go first: they alone lead back from what was sent.

    Raises:
        Misconfigured: batches of the project are under way (then nothing was done), or a key cannot be destroyed.
        Retry: others use the database; everything else is done.
    """
    names = sorted({project, *family_of(settings, project), *journal.recalls.names_of(project)})
    began = [name for name in names if journal.unlinking.begin(name)]
    if under_way := sum(journal.unlinking.under_way(name) for name in names):
        for name in began:
            journal.unlinking.take_back(name)
        remedy = "Wait until they have ended (sendit batches), then repeat it."
        raise Misconfigured(f"project {project}", f"{under_way} of its batches are under way", remedy)
    for name in names:
        keyring.destroy_key(key_folder(settings), name)
        keyring.destroy_key(settings.data_directory / KEYS, name)
        for batch_id in journal.unlinking.batches(name):
            # Their names are digests of Orthanc's identifiers, and "before" images show the patient's own.
            for kept in ("staging", "pictures"):
                _destroy(settings.staging_directory / kept / str(batch_id), name)
        journal.unlinking.detach(name)
    for kept in ("staging", "pictures"):  # made before anybody knew whose they would be
        for folder in (settings.staging_directory / kept).glob(f"{AHEAD}*"):
            _destroy(folder, project)
    journal.unlinking.scour()
    for name in names:
        journal.unlinking.finish(name)


def _destroy(folder: Path, project: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        remedy = "Remove it by hand, then repeat it."
        raise Misconfigured(
            f"project {project}", f"{folder} cannot be removed, and shows what identifies patients", remedy
        )

"""`cut_ties`: afterwards nothing that SendIt keeps leads from a project's codes back to patients."""

from __future__ import annotations

import shutil

from sendit import keyring
from sendit.crosswalk import key_folder
from sendit.errors import Misconfigured
from sendit.journal import Journal
from sendit.projects import KEYS
from sendit.settings import Settings


def cut_ties(journal: Journal, settings: Settings, project: str) -> None:
    """Destroy a project's keys, its crosswalk, and what else ties its batches to originals.

    May be repeated, and has to be if it was interrupted. The keys go first: they alone lead back from what was sent.

    Raises:
        Misconfigured: batches of the project are under way (then nothing was done), or a key cannot be destroyed.
        Retry: others use the database; everything else is done.
    """
    began = journal.cutting.begin(project)
    if under_way := journal.cutting.under_way(project):
        if began:
            journal.cutting.take_back(project)
        cure = "Wait until they have ended (sendit batches), then repeat it."
        raise Misconfigured(f"project {project}", f"{under_way} of its batches are under way", cure)
    keyring.destroy_key(key_folder(settings), project)
    keyring.destroy_key(settings.data_directory / KEYS, project)
    for batch_id in journal.cutting.batches(project):
        # The names of staged files are digests of Orthanc's identifiers.
        shutil.rmtree(settings.data_directory / "staging" / str(batch_id), ignore_errors=True)
    journal.cutting.detach(project)
    journal.cutting.scour()
    journal.cutting.finish(project)

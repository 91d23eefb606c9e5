"""AfterDelivery: "DeleteOriginals". An original goes when every destination of every batch of its study was read back.

All projects that the study is of have to want it. Instances are deleted one by one, never a study: what came late
stays. Each is compared first: what Orthanc holds now has to be what was sent. A kill in between is no harm, the
reconciliation goes on.
"""

from __future__ import annotations

import hashlib
import logging

from sendit.errors import Retry
from sendit.journal.originals import DELETED, KEPT
from sendit.stages import Rooms
from sendit.variants import family_of

log = logging.getLogger(__name__)


class OriginalsKeeper:
    """Deletes what may be deleted, and nothing else."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._journal = rooms.journal.originals

    def wanted(self, project: str) -> bool:
        """Whether this project's originals are to be deleted; not if it is not configured any more."""
        found = self._rooms.settings.projects.get(project)
        return found is not None and found.after_delivery == "DeleteOriginals"

    def sweep(self) -> None:
        """All studies that wait for it. Raises Retry if Orthanc does not answer."""
        for study in self._journal.due():
            self._clear(study)

    def clear(self, study: str) -> None:
        """One study, if it waits for it; what cannot be done now is done by the next sweep."""
        try:
            if study in self._journal.due():
                self._clear(study)
        except Retry as error:
            log.warning("originals are deleted later: %s", error)

    def again(self, study: str) -> None:
        """All of a study is covered, and it was sent again: what was deleted before goes again."""
        if self._journal.again(study):
            self.clear(study)

    def _clear(self, study: str) -> None:
        named = self._journal.projects(study)
        projects = named | {name for base in named for name in family_of(self._rooms.settings, base)}
        if self._journal.undelivered(study, projects):
            return
        keepers = sorted(name for name in projects if not self.wanted(name))
        if keepers:
            self._journal.end(study, KEPT, f"the originals stay: project {keepers[0]} keeps them")
            return
        deleted = 0
        for instance, digest in self._journal.deletable(study).items():
            if self._rooms.stopping.is_set():
                return
            if self._is_still(instance, digest):
                self._rooms.source.delete(instance)
                deleted += 1
        found = self._rooms.source.study(study)
        stay = 0 if found is None else self._rooms.source.count(study)
        said = f"{deleted} originals deleted from Orthanc" + (f"; {stay} stay, they were not sent" if stay else "")
        self._journal.end(study, DELETED, said if deleted else "")
        if deleted:
            log.info("%s", said)

    def _is_still(self, instance: str, digest: str) -> bool:
        """Whether Orthanc holds the content that was sent; not if it holds none."""
        sha256 = hashlib.sha256()
        for piece in self._rooms.source.read(instance):
            sha256.update(piece)
        return sha256.hexdigest() == digest

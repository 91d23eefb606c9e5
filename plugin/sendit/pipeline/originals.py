"""AfterDelivery: "DeleteOriginals". An original goes when every destination of every batch of its study was read back.

All projects that the study is of have to want it. Instances are deleted one by one, never a study: what came late
stays. Each is compared first: what Orthanc holds now has to be what was sent. A kill in between is no harm, the
reconciliation goes on.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from typing import TYPE_CHECKING

from sendit.config.variants import family_of
from sendit.errors import Retry
from sendit.journal.originals import DELETED, KEPT

if TYPE_CHECKING:
    from sendit.pipeline.context import Services

log = logging.getLogger(__name__)


class OriginalsKeeper:
    """Deletes what may be deleted, and nothing else."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._journal = services.journal.originals
        self._lock = threading.Lock()

    def wanted(self, project: str) -> bool:
        """Return whether this project's originals are to be deleted; not if it is not configured any more."""
        settings = self._services.settings.projects.get(project)
        return settings is not None and settings.after_delivery == "DeleteOriginals"

    def sweep(self) -> None:
        """Clear all studies that wait for it. Raises Retry if Orthanc does not answer."""
        for study in self._journal.due():
            self._clear_if_due(study)

    def clear(self, study: str) -> None:
        """Clear one study, if it waits for it; what cannot be done now is left to the next sweep."""
        try:
            self._clear_if_due(study)
        except Retry as error:
            log.warning("originals are deleted later: %s", error)

    def again(self, study: str) -> None:
        """Delete the originals of a fully covered study that was sent again after they were deleted."""
        if self._journal.again(study):
            self.clear(study)

    def _clear_if_due(self, study: str) -> None:
        # One at a time: the sweep and a batch that has just ended would share the deletions, and miscount them.
        with self._lock:
            if study in self._journal.due():
                self._clear(study)

    def _clear(self, study: str) -> None:
        named = self._journal.projects(study)
        projects = named | {name for base in named for name in family_of(self._services.settings, base)}
        if self._journal.undelivered(study, projects):
            return
        keepers = sorted(name for name in projects if not self.wanted(name))
        if keepers:
            self._journal.end(study, KEPT, f"the originals stay: project {keepers[0]} keeps them")
            return
        deleted = 0
        for instance, digest in self._journal.deletable(study).items():
            if self._services.stopping.is_set():
                return
            if self._is_still(instance, digest):
                self._services.source.delete(instance)
                deleted += 1
        in_orthanc = self._services.source.study(study)
        stay = 0 if in_orthanc is None else self._services.source.count(study)
        event = f"{deleted} originals deleted from Orthanc" + (f"; {stay} stay, they were not sent" if stay else "")
        self._journal.end(study, DELETED, event if deleted else "")
        if deleted:
            log.info("%s", event)

    def _is_still(self, instance: str, digest: str) -> bool:
        """Return whether Orthanc holds the content that was sent; not if it holds none."""
        sha256 = hashlib.sha256()
        for piece in self._services.source.read(instance):
            sha256.update(piece)
        return sha256.hexdigest() == digest

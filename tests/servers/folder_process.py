"""A folder importer in a process of its own, to be killed: `python -m tests.servers.folder_process FOLDER URL`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sendit.config.schema import WatchedFolder
from sendit.importer.watcher import FolderWatcher
from tests.servers.orthanc_store import OrthancStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from sendit.model import FileOutcome


class _Nowhere:
    """Fates are not looked at here: what Orthanc and the folder hold afterwards is."""

    def begin(self, project: str, folder: str, directory: str) -> int:
        return 1

    def record(self, import_id: int, path: str, outcome: FileOutcome, reason: str | None, study: str | None) -> None:
        pass

    def finish(self, import_id: int, ok: bool) -> None:
        pass


def _ignore(studies: Mapping[str, Set[str]], project: str) -> None:
    pass


if __name__ == "__main__":
    settings = WatchedFolder.model_validate({"Path": Path(sys.argv[1]), "Project": "P", "QuietSeconds": 1})
    FolderWatcher(settings, OrthancStore(sys.argv[2]), _Nowhere(), _ignore).run(threading.Event())

"""A folder importer in a process of its own, to be killed: `python -m tests.servers.folder_process FOLDER URL`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Set
from pathlib import Path

from sendit.intake.folder import FolderWatcher
from sendit.model import FileFate
from sendit.settings import WatchedFolder
from tests.servers.orthanc_store import OrthancStore


class _Nowhere:
    """Fates are not looked at here: what Orthanc and the folder hold afterwards is."""

    def begin(self, project: str, folder: str, directory: str) -> int:
        return 1

    def record(self, import_id: int, path: str, fate: FileFate, reason: str | None, study: str | None) -> None:
        pass

    def finish(self, import_id: int, ok: bool) -> None:
        pass


def _ignore(studies: Mapping[str, Set[str]], project: str) -> None:
    pass


if __name__ == "__main__":
    settings = WatchedFolder.model_validate({"Path": Path(sys.argv[1]), "Project": "P", "QuietSeconds": 1})
    FolderWatcher(settings, OrthancStore(sys.argv[2]), _Nowhere(), _ignore).run(threading.Event())

"""A folder importer at work in a thread, and what it told."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sendit.config.schema import WatchedFolder
from sendit.importer.watcher import FolderWatcher
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Set
    from pathlib import Path
    from types import TracebackType

    from sendit.importer.types import Store
    from sendit.model import FileOutcome


class Recorder:
    """An ImportLog and an OnImported that remember everything."""

    def __init__(self) -> None:
        self.directories: list[str] = []
        self.outcomes: dict[tuple[str, str], FileOutcome] = {}  # by directory and path; the newest
        self.reasons: dict[str, str | None] = {}  # by path
        self.finished: list[tuple[str, bool]] = []
        self.studies: list[dict[str, set[str]]] = []
        self.project = ""

    def begin(self, project: str, folder: str, directory: str) -> int:
        self.directories.append(directory)
        return len(self.directories)

    def record(self, import_id: int, path: str, outcome: FileOutcome, reason: str | None, study: str | None) -> None:
        self.outcomes[self.directories[import_id - 1], path] = outcome
        self.reasons[path] = reason

    def finish(self, import_id: int, ok: bool) -> None:
        self.finished.append((self.directories[import_id - 1], ok))

    def imported(self, studies: Mapping[str, Set[str]], project: str) -> None:
        self.studies.append({study: set(instances) for study, instances in studies.items()})
        self.project = project

    def outcome(self, path: str) -> FileOutcome:
        """Of the only file of this path."""
        (found,) = [outcome for (_, name), outcome in self.outcomes.items() if name == path]
        return found


class Watching:
    """`with Watching(folder, store) as w:` watches until the block ends."""

    def __init__(self, folder: Path, store: Store, **settings: Any) -> None:
        self.folder = folder
        self.told = Recorder()
        self._stop = threading.Event()
        values = {"Path": folder, "Project": "P", "QuietSeconds": 1, "PollSeconds": 0.5, **settings}
        self.watcher = FolderWatcher(
            WatchedFolder.model_validate(values), store, self.told, self.told.imported, "SendIt.WatchedFolders[0]"
        )
        self._thread = threading.Thread(target=self.watcher.run, args=(self._stop,))

    def __enter__(self) -> Watching:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the watcher did not end"

    def wait_for(self, relative: str, limit: float = 60.0) -> Path:
        """Until something of this name is in the watched folder, for example `.done/ST-1`."""
        path = self.folder / relative
        wait_for(path.exists, f"{relative}; problems: {self.watcher.problems()}", limit)
        return path

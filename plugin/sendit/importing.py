"""The importers of this worker: one for every watched folder, and those that `sendit import` asks for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Set
from pathlib import Path
from typing import BinaryIO

from sendit.errors import Retry, SendItError
from sendit.intake.base import Stopped, StoreAnswer
from sendit.intake.folder import FolderWatcher, import_folder
from sendit.journal.imports import Imports
from sendit.journal.intake import Intake
from sendit.model import FileFate
from sendit.pipeline import Pipeline
from sendit.source import Source

log = logging.getLogger(__name__)

#: So many fates are written to the journal at once; what a kill loses is found again when the import is repeated.
_TOGETHER = 200


class BufferedLog:
    """The journal's imports, written to in groups. One for each importer: it is not for several threads."""

    def __init__(self, imports: Imports) -> None:
        self._imports = imports
        self._waiting: dict[int, dict[str, tuple[FileFate, str | None, str | None]]] = {}
        self.begun: threading.Event = threading.Event()
        self.last_id = 0

    def begin(self, project: str, folder: str, directory: str) -> int:
        self.last_id = self._imports.begin(project, folder, directory)
        self.begun.set()
        return self.last_id

    def record(self, import_id: int, path: str, fate: FileFate, reason: str | None, study: str | None) -> None:
        waiting = self._waiting.setdefault(import_id, {})
        waiting[path] = (fate, reason, study)
        if len(waiting) >= _TOGETHER:
            self._flush(import_id)

    def _flush(self, import_id: int) -> None:
        self._imports.record_all(import_id, self._waiting.pop(import_id, {}))

    def finish(self, import_id: int, ok: bool) -> None:
        self._flush(import_id)
        self._imports.finish(import_id, ok)


class RoutedStore:
    """Our Orthanc for one project's importer: the journal learns the project with a study's first instance.

    A long import may see its study become stable before it is complete; the study is then queued for this project.
    """

    def __init__(self, source: Source, intake: Intake, project: str) -> None:
        self._source = source
        self._intake = intake
        self._project = project
        self._routed: set[str] = set()

    def store(self, data: bytes | BinaryIO) -> StoreAnswer:
        answer = self._source.store(data)
        if answer.study and answer.study not in self._routed:
            self._intake.route(answer.study, self._project)
            self._routed.add(answer.study)
        return answer

    def same_content(self, instance: str, md5: str) -> bool:
        return self._source.same_content(instance, md5)


class Importing:
    """Starts importers in threads of their own, and knows what ails them."""

    def __init__(self, pipeline: Pipeline, stop: threading.Event) -> None:
        self._pipeline = pipeline
        self._stop = stop
        self._watchers: list[FolderWatcher] = []
        self._spool = pipeline.rooms.settings.data_directory

    def _store(self, project: str) -> RoutedStore:
        return RoutedStore(self._pipeline.rooms.source, self._pipeline.rooms.journal.intake, project)

    def watch(self) -> None:
        """Watch every folder of the configuration; what the last run left unfinished is closed first."""
        self._pipeline.rooms.journal.imports.close_interrupted()
        for index, folder in enumerate(self._pipeline.rooms.settings.watched_folders):
            imports = BufferedLog(self._pipeline.rooms.journal.imports)
            place = f"SendIt.WatchedFolders[{index}]"
            store = self._store(folder.project)
            watcher = FolderWatcher(folder, store, imports, self._imported, place, self._spool)
            self._watchers.append(watcher)
            threading.Thread(target=watcher.run, args=(self._stop,), name=place, daemon=True).start()

    def problems(self) -> list[str]:
        """What keeps watched folders from being imported, in words."""
        return [problem for watcher in self._watchers for problem in watcher.problems()]

    def _imported(self, studies: Mapping[str, Set[str]], project: str) -> None:
        self._pipeline.imported(studies, project)

    def start(self, folder: Path, project: str) -> int:
        """Import a folder once, in the background; the import's number."""
        imports = BufferedLog(self._pipeline.rooms.journal.imports)
        threading.Thread(target=self._once, args=(folder, project, imports), name="import", daemon=True).start()
        if not imports.begun.wait(30):
            raise Retry("the import did not begin; look in Orthanc's log")
        return imports.last_id

    def _once(self, folder: Path, project: str, imports: BufferedLog) -> None:
        try:
            store = self._store(project)
            import_folder(folder, project, store, imports, self._imported, stop=self._stop, spool=self._spool)
        except Stopped:
            log.warning("import %d was interrupted", imports.last_id)
        except SendItError as error:
            imports.finish(imports.last_id, ok=False)
            log.error("import %d: %s", imports.last_id, error)
        except Exception as error:
            imports.finish(imports.last_id, ok=False)
            log.error("import %d ended unexpectedly", imports.last_id, exc_info=error)

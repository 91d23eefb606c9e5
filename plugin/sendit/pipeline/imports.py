"""The importers of this worker: one for every watched folder, and those that `sendit import` asks for."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, BinaryIO

from sendit.errors import Retry, SendItError
from sendit.importer.types import Stopped
from sendit.importer.watcher import FolderWatcher, import_folder
from sendit.journal.writing import SYSTEM
from sendit.pipeline.file_names import FileNames

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set
    from pathlib import Path

    from sendit.journal.intake import Intake
    from sendit.journal.lists.imports import Imports
    from sendit.model import FileOutcome, StoreAnswer
    from sendit.orthanc.client import Source
    from sendit.pipeline.batch import Pipeline
    from sendit.pipeline.window import Pressure

log = logging.getLogger(__name__)

#: So many outcomes are written to the journal at once; what a kill loses is found again when the import is repeated.
_TOGETHER = 200


class BufferedLog:
    """The journal's imports, written to in groups, with names sealed. One for each importer, not for several threads.

    Args:
        actor: who imports.
        executor: the worker that does it.
    """

    def __init__(self, imports: Imports, names: FileNames, actor: str = SYSTEM, executor: str = "") -> None:
        self._imports = imports
        self._names = names
        self._executor = executor
        self._actor = actor
        self._projects: dict[int, str] = {}  # of the imports that were begun
        self._waiting: dict[int, dict[str, tuple[FileOutcome, str | None, str | None]]] = {}
        self.begun: threading.Event = threading.Event()
        self.last_id = 0

    def begin(self, project: str, folder: str, directory: str) -> int:
        """See `ImportLog`."""
        sealed_folder, sealed_directory = self._names.seal(project, (folder, directory))
        self.last_id = self._imports.begin(project, sealed_folder, sealed_directory, self._actor, self._executor)
        self._projects[self.last_id] = project
        self.begun.set()
        return self.last_id

    def record(self, import_id: int, path: str, outcome: FileOutcome, reason: str | None, study: str | None) -> None:
        """See `ImportLog`."""
        waiting = self._waiting.setdefault(import_id, {})
        waiting[path] = (outcome, reason, study)
        if len(waiting) >= _TOGETHER:
            self._flush(import_id)

    def _flush(self, import_id: int) -> None:
        waiting = self._waiting.get(import_id, {})
        sealed = self._names.seal(self._projects.get(import_id, ""), waiting)
        self._imports.record_all(import_id, dict(zip(sealed, waiting.values(), strict=True)))
        self._waiting.pop(import_id, None)

    def finish(self, import_id: int, *, ok: bool) -> None:
        """See `ImportLog`."""
        self._flush(import_id)
        self._imports.finish(import_id, ok=ok)
        self._projects.pop(import_id, None)


class RoutedStore:
    """Our Orthanc for one project's importer: the journal learns the project with a study's first instance.

    A long import may see its study become stable before it is complete; the study is then queued for this project.
    """

    def __init__(self, source: Source, intake: Intake, project: str, pressure: Pressure, stop: threading.Event) -> None:
        self._source = source
        self._intake = intake
        self._project = project
        self._pressure = pressure
        self._stop = stop
        self._routed: set[str] = set()

    def store(self, data: bytes | BinaryIO) -> StoreAnswer:
        """Store a file once there is room for it, and route its study to the project."""
        self._pressure.wait(self._stop)
        answer = self._source.store(data)
        if answer.study and answer.study not in self._routed:
            self._intake.route(answer.study, self._project, backfill=True)
            self._routed.add(answer.study)
        return answer

    def same_content(self, instance: str, md5: str) -> bool:
        """Return whether Orthanc holds the instance with this content."""
        return self._source.same_content(instance, md5)

    def read(self, instance: str) -> Iterator[bytes]:
        """Yield the bytes of an instance."""
        return self._source.read(instance)


class Importing:
    """Starts importers in threads of their own, and knows what ails them."""

    def __init__(self, pipeline: Pipeline, stop: threading.Event) -> None:
        self._pipeline = pipeline
        self._stop = stop
        self._executor = pipeline.services.scheduler.executor
        self._watchers: list[FolderWatcher] = []
        self._spool = pipeline.services.settings.data_directory
        self._names = FileNames(pipeline.services.settings)
        self._running: set[threading.Thread] = set()

    def _store(self, project: str) -> RoutedStore:
        services = self._pipeline.services
        return RoutedStore(services.source, services.journal.intake, project, self._pipeline.pressure, self._stop)

    def watch(self) -> None:
        """Watch every configured folder; first close what the last run left unfinished."""
        self._pipeline.services.journal.imports.close_interrupted(self._executor)
        for index, folder in enumerate(self._pipeline.services.settings.watched_folders):
            imports = BufferedLog(self._pipeline.services.journal.imports, self._names, executor=self._executor)
            place = f"SendIt.WatchedFolders[{index}]"
            store = self._store(folder.project)
            watcher = FolderWatcher(folder, store, imports, self._imported, place, self._spool)
            self._watchers.append(watcher)
            threading.Thread(target=watcher.run, args=(self._stop,), name=place, daemon=True).start()

    def problems(self) -> list[str]:
        """Return what keeps watched folders from being imported, in words."""
        return [problem for watcher in self._watchers for problem in watcher.problems()]

    def running(self) -> int:
        """Return how many imports run that a person has started. Those of watched folders begin again by themselves."""
        return sum(thread.is_alive() for thread in self._running)

    def _imported(self, studies: Mapping[str, Set[str]], project: str) -> None:
        self._pipeline.imported(studies, project)

    def start(self, folder: Path, project: str, actor: str = SYSTEM) -> int:
        """Import a folder once, in the background; return the import's number."""
        imports = BufferedLog(self._pipeline.services.journal.imports, self._names, actor, self._executor)
        thread = threading.Thread(target=self._once, args=(folder, project, imports), name="import", daemon=True)
        self._running = {one for one in self._running if one.is_alive()} | {thread}
        thread.start()
        if not imports.begun.wait(30):
            raise Retry("the import did not start; see Orthanc's log")
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

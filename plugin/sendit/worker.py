"""The worker: the process beside Orthanc that does the work. The plugin starts it and writes to its standard input.

Input: one JSON object a line; the first says hello and brings the configuration, the others are events (arrivals.py).
The end of the input is the order to stop, whether Orthanc was stopped or killed. Output: log lines, then
{"ready", "socket"} once it works, and {"stopped"} with the reason when it ends by itself.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from sendit import configuration, data_directory, logs, settings
from sendit.api.app import make_app
from sendit.api.server import Server, socket_path
from sendit.arrivals import Arrivals
from sendit.deidentification import Deidentification
from sendit.destination_states import DestinationStates
from sendit.destinations import open_destination
from sendit.errors import Misconfigured, Retry
from sendit.importing import Importing
from sendit.journal import Journal
from sendit.orthanc_config import OrthancConfig
from sendit.pictures import Pictures
from sendit.pipeline import Pipeline
from sendit.projects import prepare_projects
from sendit.reconcile import Reconciler
from sendit.scheduler import Scheduler, engine_url
from sendit.settings import Settings
from sendit.source import Source
from sendit.stages import Rooms, deliver_queue
from sendit.staging import Staging
from sendit.variants import projects_proper

log = logging.getLogger("sendit.worker")

#: sysexits.h: a person has to change the configuration; the plugin does not start us again.
EX_CONFIG = 78
#: sysexits.h: not now; the plugin starts us again, later.
EX_TEMPFAIL = 75
_BEAT_SECONDS = 15.0
#: The plugin gives us five seconds to end; what is unfinished then is taken up at the next start.
_PATIENCE = 3.0


class Worker:
    """Everything that runs in this process."""

    def __init__(self, hello: Mapping[str, Any]) -> None:
        path = Path(hello["configuration_path"])
        self.settings, self.orthanc = settings.load(configuration.in_the_order_written(hello["configuration"], path))
        if not self.orthanc.http_server_enabled:
            raise Misconfigured("HttpServerEnabled", "SendIt reads instances over HTTP", "Set it to true.")
        self._directory = self.settings.data_directory
        data_directory.prepare(self._directory)
        self.socket = socket_path(self._directory)
        self._lock = data_directory.lock(self._directory)
        self._stop = threading.Event()
        self._problems: dict[str, str] = {}
        self._started_at = datetime.now(UTC)
        self.journal = Journal.open(self.settings.database, self._directory)
        self.pipeline = Pipeline(self._furnish(hello))
        self._arrivals = Arrivals(self.pipeline)
        self._reconciler = Reconciler(self.pipeline, self.orthanc.stable_age)
        self._importing = Importing(self.pipeline, self._stop)
        states = DestinationStates(self.pipeline.rooms, self.pipeline.deliverer, self.orthanc)
        self._api = Server(make_app(self.pipeline, self._importing.start, self._health, states.all), self.socket)

    def _furnish(self, hello: Mapping[str, Any]) -> Rooms:
        certificate = self.orthanc.ssl_certificate if self.orthanc.ssl_enabled else ""
        source = Source(str(hello["url"]), str(hello.get("authorization", "")), certificate)
        path = Path(hello["configuration_path"])
        projects = prepare_projects(self.settings, self.journal, path if path.is_dir() else path.parent)
        staging, pictures = Staging(self._directory), Pictures(self._directory)
        queues = {"process": self.settings.batches_at_once}
        # What is on its way to a destination that is not configured any more has to fail, and not to wait for ever.
        queues |= {deliver_queue(name): 1 for name in self.journal.deliveries.open_destinations()}
        queues |= {deliver_queue(name): d.batches_at_once for name, d in self.settings.destinations.items()}
        scheduler = Scheduler(
            url=engine_url(self.settings.database, self._directory),
            executor=f"{data_directory.node(self._directory)}-0",
            stages={"process": self._process, "deliver": self._deliver, "recall": self._recall},
            queues=queues,
        )
        return Rooms(
            settings=self.settings,
            journal=self.journal,
            source=source,
            staging=staging,
            pictures=pictures,
            scheduler=scheduler,
            deidentification=Deidentification(self.journal, source, staging, pictures, projects, self.settings.workers),
            destinations=_destinations(self.settings, self.orthanc),
        )

    def _process(self, batch_id: int, attempt: int) -> None:
        self.pipeline.process(batch_id, attempt)

    def _deliver(self, batch_id: int, destination: str, attempt: int) -> None:
        self.pipeline.deliverer.deliver(batch_id, destination, attempt)

    def _recall(self, batch_id: int, destination: str, attempt: int) -> None:
        self.pipeline.recaller.recall(batch_id, destination, attempt)

    def start(self) -> None:
        """Begin to work; returns at once."""
        self.journal.facts.beat(self.pipeline.rooms.scheduler.executor)
        self.pipeline.rooms.scheduler.start()
        self._arrivals.start()
        self._api.start()
        for target in (self._reconcile, self._beat):
            threading.Thread(target=target, name=target.__name__, daemon=True).start()
        self._importing.watch()

    def _reconcile(self) -> None:
        while True:
            try:
                self._reconciler.run()
                self._problems.pop("reconciliation", None)
            except Retry as error:
                self._trouble("reconciliation", str(error))
            except Exception as error:
                log.error("the reconciliation failed; it is tried again", exc_info=error)
                self._problems["reconciliation"] = logs.places(error)
            # Soon after a failure: at the start Orthanc may not answer yet.
            wait = min(2.0, self.settings.reconcile_seconds) if self._problems else self.settings.reconcile_seconds
            if self._stop.wait(wait):
                return

    def _trouble(self, what: str, problem: str) -> None:
        if self._problems.get(what) != problem:
            log.warning("%s: %s", what, problem)
        self._problems[what] = problem

    def _beat(self) -> None:
        while not self._stop.wait(_BEAT_SECONDS):
            try:
                self.journal.facts.beat(self.pipeline.rooms.scheduler.executor)
            except Exception as error:
                log.error("the journal cannot be written", exc_info=error)

    def _health(self) -> dict[str, Any]:
        problems = [*self._problems.values(), *self._importing.problems(), *data_directory.problems(self._directory)]
        return {
            "status": "degraded" if problems else "ok",
            "problems": problems,
            "started_at": self._started_at,
            "projects": projects_proper(self.settings),
            "destinations": list(self.settings.destinations),
            "active": len(self.pipeline.rooms.scheduler.active()),
        }

    def tell(self, event: Mapping[str, Any]) -> None:
        self._arrivals.tell(event)

    def stop(self) -> None:
        """End all that runs; what is unfinished is taken up at the next start."""
        self._stop.set()
        self.pipeline.stop()
        self.journal.batches.rest()
        self._api.stop()
        self._arrivals.stop()
        self.pipeline.rooms.deidentification.close()
        self.pipeline.rooms.scheduler.stop()
        self.journal.close()


def _destinations(all_settings: Settings, orthanc: OrthancConfig) -> dict[str, Any]:
    return {name: open_destination(name, one, orthanc) for name, one in all_settings.destinations.items()}


def _lines() -> Iterator[Mapping[str, Any]]:
    """The plugin's lines, until it or Orthanc ends."""
    for line in sys.stdin.buffer:
        try:
            yield json.loads(line)
        except ValueError:
            log.error("the plugin sent a line that is not JSON; it is left out")


def _say(**message: Any) -> None:
    """A line for the plugin. Nobody may be there any more to read it."""
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        pass


def _end(code: int) -> NoReturn:
    """Leave at once: threads of libraries must not keep a worker alive that has said goodbye."""
    os._exit(code)


def main() -> NoReturn:
    """Run until the input ends."""
    logs.set_up()
    lines = _lines()
    try:
        hello = next(lines, None)
        if hello is None:
            _end(0)
        worker = Worker(hello)
        worker.start()
    except Misconfigured as error:
        _say(stopped={"reason": f"{error.problem}. {error.cure}", "place": error.place, "retry": False})
        _end(EX_CONFIG)
    except Retry as error:
        _say(stopped={"reason": str(error), "place": "", "retry": True})
        _end(EX_TEMPFAIL)
    except Exception as error:  # noqa: BLE001 - the plugin has to be told, whatever it is
        _say(stopped={"reason": f"unexpected fault of SendIt: {logs.places(error)}", "place": "", "retry": True})
        _end(EX_TEMPFAIL)
    _say(ready=True, socket=str(worker.socket))
    log.info("ready")
    for line in lines:
        worker.tell(line)
    threading.Timer(_PATIENCE, lambda: _end(0)).start()
    worker.stop()
    _end(0)

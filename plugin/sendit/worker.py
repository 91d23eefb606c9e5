"""Run the worker: the process beside Orthanc that does the work. The plugin starts it and writes to its standard input.

Input: one JSON object per line; the first contains the configuration, the others are events
(pipeline/watching/events.py). The worker stops at the end of the input, whether Orthanc was stopped or killed. Output:
log lines, {"ready", "socket"} once it works, {"metrics"} that Orthanc shows with its own, and {"stopped"} with the
reason when it ends by itself.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sendit import logs
from sendit.api.app import Backend, make_app
from sendit.api.server import Server
from sendit.client import socket_path
from sendit.config.file import check_permissions, in_the_order_written
from sendit.config.schema import load
from sendit.config.variants import projects_proper
from sendit.destinations import open_destination
from sendit.destinations.passports import takes_passports
from sendit.errors import Misconfigured, Retry, SendItError
from sendit.journal import JournalFault
from sendit.journal.workers.group import WorkerGroup
from sendit.logs.meters import begin_at_zero
from sendit.logs.traces import Traces, open_sender
from sendit.orthanc import certificates
from sendit.orthanc.client import Source
from sendit.pipeline.actions import Actions
from sendit.pipeline.backups.high_water import JournalGuard, open_journal
from sendit.pipeline.batch import Pipeline
from sendit.pipeline.context import Services, deliver_queue, process_queue, pull_queue
from sendit.pipeline.deidentify import Deidentification
from sendit.pipeline.file_names import FileNames
from sendit.pipeline.imports import Importing
from sendit.pipeline.projects import prepare_projects
from sendit.pipeline.readback.destination_status import DestinationStates
from sendit.pipeline.reload import Reloader
from sendit.pipeline.review import OVERRULABLE
from sendit.pipeline.watching.alarms.channels import channels_of
from sendit.pipeline.watching.alarms.conditions import Conditions
from sendit.pipeline.watching.alarms.keeper import Keeper, summary
from sendit.pipeline.watching.early import EarlyWork
from sendit.pipeline.watching.events import Arrivals, lines_of_plugin
from sendit.pipeline.watching.metrics import Metrics
from sendit.pipeline.watching.pulls import Pulling
from sendit.pipeline.watching.reconcile import Reconciler
from sendit.scheduler import Scheduler, engine_url
from sendit.storage import data_directory
from sendit.storage.previews import Previews
from sendit.storage.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendit.config.orthanc import OrthancConfig
    from sendit.config.schema import Settings
    from sendit.destinations.base import Destination
    from sendit.journal.lists.acknowledgements import Unseen

log = logging.getLogger("sendit.worker")

#: sysexits.h: the configuration must be changed; the plugin does not restart the worker.
EX_CONFIG = 78
#: sysexits.h: a temporary failure; the plugin restarts the worker later.
EX_TEMPFAIL = 75
#: Work of a worker that was not seen for `sendit.journal.workers.group.ALIVE_SECONDS` is taken over.
_BEAT_SECONDS = 5.0
#: Maximum number of batches, and of imports, in GET /api/health.
MOST_UNSEEN = 10_000
#: Interval in which the worker checks that the journal is still there.
_LOOK_SECONDS = 1.0
#: Pulls that go on at the same time. Those of one source go one after the other; others wait for their windows.
_PULLS_AT_ONCE = 16
_REFUSED = "the last reload was undone, because SendIt could not start with it"
#: The plugin allows five seconds to stop; unfinished work is resumed at the next start.
_PATIENCE = 3.0


class Worker:
    """All services of this process."""

    def __init__(self, hello: Mapping[str, Any]) -> None:
        path, document = self._read_configuration(hello)
        self._open_journal()
        self._stop = threading.Event()
        self._problems: dict[str, str] = {}
        self._started_at = datetime.now(UTC)
        self._refused = str(hello.get("reload_refused", ""))
        self._shows_metrics = bool(hello.get("metrics"))
        self.pipeline = Pipeline(self._furnish(hello))
        self.pipeline.passports.prepare()
        services = self.pipeline.services
        self._group = WorkerGroup(self.journal, services.scheduler.executor)
        self._early = EarlyWork(self.pipeline, self.orthanc.stable_age)
        keeps = bool(hello.get("keeps"))
        self.arrivals = Arrivals(self.pipeline, self._early, lambda study: _say(taken=study) if keeps else None)
        self._pulling = Pulling(self.pipeline)
        self._reconciler = Reconciler(self.pipeline, self.orthanc.stable_age, self._pulling, self._group)
        self._importing = Importing(self.pipeline, self._stop)
        self._states = DestinationStates(services, self.pipeline.deliverer, self.orthanc)
        begin_at_zero(self.settings.projects, self.settings.destinations)
        self._metrics = Metrics(services, self._states, self.pipeline.deliverer)
        self._keeper = self._alarms()
        self._actions = Actions(self.pipeline, self._directory)
        restart = self._restart if hello.get("reloads") else None
        reloader = Reloader(services, document, self.orthanc, path, self._importing.running, restart)
        self._api = Server(make_app(self._backend(reloader, str(hello.get("token", "")))), self.socket)

    def _read_configuration(self, hello: Mapping[str, Any]) -> tuple[Path, Mapping[str, Any]]:
        """Read the configuration, and log as it says; return its path and its document."""
        path = Path(hello["configuration_path"])
        check_permissions(path)
        document = hello["configuration"]
        if not hello.get("reloaded"):
            document = in_the_order_written(document, path)
        self.settings, self.orthanc = load(document)
        log_settings = self.settings.log
        logs.configure(log_settings.level, log_settings.file, structured=log_settings.format == "Json")
        if not self.orthanc.http_server_enabled:
            raise Misconfigured("HttpServerEnabled", "SendIt reads instances over HTTP", "Set it to true.")
        if self.settings.roles is None:
            log.warning("SendIt.Roles names nobody: every user of Orthanc may release, recall, and see originals")
        return path, document

    def _open_journal(self) -> None:
        """Lock the data directory for this worker alone, and open the journal, unless it is behind its mark."""
        self._directory = self.settings.data_directory
        data_directory.prepare(self._directory)
        self.socket = socket_path(self._directory)
        self._lock = data_directory.lock(self._directory)
        if self.settings.shared_directory is not None:
            data_directory.prepare(self.settings.shared_directory, data_directory.PLACE_SHARED)
        home = data_directory.node(self._directory)
        seal = FileNames(self.settings).seal_old
        self.journal = open_journal(self.settings.database, self._directory, seal, home)
        self.guard = JournalGuard(self.journal, self._directory)
        self.guard.sync(tidy=True)

    def _backend(self, reloader: Reloader, token: str) -> Backend:
        return Backend(
            pipeline=self.pipeline,
            start_import=self._importing.start,
            pulling=self._pulling,
            actions=self._actions,
            reloader=reloader,
            metrics=self._metrics,
            keeper=self._keeper,
            health=self._health,
            destinations=self._states.all,
            token=token,
        )

    def _furnish(self, hello: Mapping[str, Any]) -> Services:
        source, shared, home = self._source(hello), self.settings.staging_directory, self.journal.home
        staging, previews = Staging(shared, self._directory, home), Previews(shared, home)
        destinations = _destinations(self.settings, self.orthanc)
        path = Path(hello["configuration_path"])
        return Services(
            settings=self.settings,
            journal=self.journal,
            source=source,
            staging=staging,
            previews=previews,
            scheduler=self._scheduler(),
            deidentification=Deidentification(
                self.journal,
                source,
                staging,
                previews,
                prepare_projects(self.settings, self.journal, path if path.is_dir() else path.parent),
                self.settings.workers,
                OVERRULABLE,
                _with_passports(self.settings, destinations),
            ),
            destinations=destinations,
            guard=self.guard,
            traces=self._traces(),
            recycling=self.orthanc.recycling,
        )

    def _source(self, hello: Mapping[str, Any]) -> Source:
        certificate = self.orthanc.ssl_certificate if self.orthanc.ssl_enabled else ""
        storage = str(hello.get("storage_directory", ""))  # Orthanc resolves a relative one: not guessed here
        return Source(
            str(hello["url"]),
            str(hello.get("authorization", "")),
            certificate,
            storage=Path(storage) if storage.startswith("/") else None,
        )

    def _scheduler(self) -> Scheduler:
        home = self.journal.home
        executor = f"{home}-0"
        queues = {process_queue(home): self.settings.batches_at_once, pull_queue(executor): _PULLS_AT_ONCE}
        # Deliveries to a destination that is no longer configured must fail, instead of waiting for ever.
        queues |= {deliver_queue(name, home): 1 for name in self.journal.deliveries.open_destinations(home)}
        queues |= {deliver_queue(name, home): d.batches_at_once for name, d in self.settings.destinations.items()}
        return Scheduler(url=engine_url(self.settings.database, self._directory), executor=executor, queues=queues)

    def _traces(self) -> Traces:
        settings = self.settings.tracing
        if settings is None:
            return Traces()
        sender = open_sender(settings.url, settings.headers, settings.certificate_authority)
        return Traces(sender, self.journal.high_water.counts()[0])

    def _alarms(self) -> Keeper | None:
        """Return what tells persons of problems; None if nobody is to be told."""
        alarms, journal, folder = self.settings.alarms, self.journal, self._directory
        if alarms is None:
            return None
        conditions = Conditions(self.pipeline.services, self._states, self.orthanc, alarms, self._faults)
        return Keeper(alarms, folder, conditions, channels_of(alarms), lambda at: summary(journal, folder, at))

    def _faults(self) -> list[str]:
        """Return what keeps SendIt from working, but for a full disk."""
        return [*dict.fromkeys([*self._problems.values(), *self._importing.problems()])]  # one cause, told once

    def start(self) -> None:
        """Start all services; return at once."""
        self._group.begin()
        self.pipeline.services.scheduler.start({**self.pipeline.stages(), "pull": self._pulling.run})
        self._early.start()
        self.arrivals.start()
        self._actions.resume()
        self._api.start()
        for target in (self._reconcile, self._beat, self._watch_journal, self._tell_persons):
            threading.Thread(target=target, name=target.__name__, daemon=True).start()
        self._importing.watch()

    def _reconcile(self) -> None:
        while True:
            try:
                self._reconciler.run()
                self._problems.pop("reconciliation", None)
            except JournalFault:
                return  # `_watch_journal` ends the worker
            except SendItError as error:
                self._report("reconciliation", str(error))
            except Exception as error:
                log.error("the reconciliation failed; it will be retried", exc_info=error)
                self._problems["reconciliation"] = logs.places(error)
            # Soon after a failure: Orthanc may not respond yet when the worker starts.
            wait = min(2.0, self.settings.reconcile_seconds) if self._problems else self.settings.reconcile_seconds
            self.pipeline.wake.wait(wait)
            self.pipeline.wake.clear()
            if self._stop.is_set():
                return

    def _report(self, source: str, problem: str) -> None:
        if self._problems.get(source) != problem:
            log.warning("%s: %s", source, problem)
        self._problems[source] = problem

    def _beat(self) -> None:
        while not self._stop.wait(_BEAT_SECONDS):
            try:
                if self._group.beat():
                    self.pipeline.wake.set()  # another worker is gone: its work is taken over at once
                if self._shows_metrics:
                    _say(metrics=self._metrics.main())
                self._problems.pop("journal", None)
            except SendItError as error:
                self._report("journal", str(error))
            except Exception as error:
                log.error("the journal cannot be written", exc_info=error)

    def _tell_persons(self) -> None:
        """Tell persons of problems, as long as this worker runs."""
        if self._keeper is None or self.settings.alarms is None:
            return
        while not self._stop.wait(self.settings.alarms.check_seconds):
            try:
                self._keeper.look()
            except Exception as error:
                log.error("the alarms could not be checked; SendIt tries again at the next time", exc_info=error)

    def _watch_journal(self) -> None:
        """End the worker if its journal is missing, damaged or behind: nothing more may leave."""
        while not self._stop.wait(_LOOK_SECONDS):
            if fault := self.guard.look():
                log.error("SendIt stops: %s", fault)
                _say(stopped={"reason": f"{fault.problem}. {fault.remedy}", "place": fault.place, "retry": False})
                _end(EX_CONFIG)

    def _health(self) -> dict[str, Any]:
        broken = [*self._faults(), *data_directory.problems(self._directory)]
        unseen = self.journal.acknowledgements.unseen()
        refused = [f"{_REFUSED}: {self._refused}"] if self._refused else []
        outside = [*self._states.problems(), *self._pulling.problems(), *self._reconciler.problems()]
        outside += [*self.pipeline.pressure.problems(), *certificates.problems(self.orthanc)]
        problems = [*broken, *refused, *outside, *unseen_problems(unseen)]
        return {
            "status": "degraded" if problems else "ok",
            "problems": problems,
            "works": not broken,
            "faults": broken,
            "unseen_batches": [number for number, _ in unseen.batches[:MOST_UNSEEN]],
            "unseen_imports": unseen.imports[:MOST_UNSEEN],
            "started_at": self._started_at,
            "reload_refused": self._refused,
            "projects": projects_proper(self.settings),
            "destinations": list(self.settings.destinations),
            "down_since": self._states.since(),
            "paused": [pause.why for pause in self.journal.pauses.all()],
            "active": len(self.pipeline.services.scheduler.active()),
        }

    def _restart(self, keys: Mapping[str, Any]) -> None:
        """End this worker, and have the plugin start another one with these keys of the configuration."""
        log.info("the configuration is reloaded")
        _say(restart=keys)
        _stop(self)

    def stop(self) -> None:
        """Stop all services; unfinished work is resumed at the next start."""
        self._stop.set()
        self.pipeline.wake.set()
        self.pipeline.stop()
        self.journal.batches.rest(self.journal.home)
        self._api.stop()
        self.arrivals.stop()
        self._early.stop()
        self.pipeline.services.deidentification.close()
        self.pipeline.services.scheduler.stop()
        self._group.end()
        self.pipeline.services.traces.stop()
        self.journal.close()


def unseen_problems(unseen: Unseen) -> list[str]:
    """Return a message for each kind of batch or import that nobody has acknowledged."""
    messages = []
    for state in dict.fromkeys(state for _, state in unseen.batches):
        numbers = [number for number, of in unseen.batches if of is state]
        many = f"{len(numbers)} batches are" if len(numbers) > 1 else "a batch is"
        messages.append(f"{many} {state} and not acknowledged: {_few(numbers)}")
    if unseen.imports:
        many = f"{len(unseen.imports)} imports" if len(unseen.imports) > 1 else "an import"
        messages.append(f"files of {many} failed and are not acknowledged: {_few(unseen.imports)}")
    return messages


def _few(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:10])) + (" …" if len(numbers) > 10 else "")


def _destinations(all_settings: Settings, orthanc: OrthancConfig) -> dict[str, Destination]:
    return {name: open_destination(name, one, orthanc) for name, one in all_settings.destinations.items()}


def _with_passports(settings: Settings, destinations: Mapping[str, Destination]) -> frozenset[str]:
    """Return the projects of which a passport goes to a destination, at least to one."""
    taking = {name for name, one in settings.destinations.items() if takes_passports(destinations[name], one)}
    return frozenset(name for name, project in settings.projects.items() if taking.intersection(project.destinations))


def _say(**message: Any) -> None:
    """Write a line to the plugin, which may have ended already."""
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        pass


def _end(code: int) -> NoReturn:
    """Exit at once: threads of libraries must not keep the process alive."""
    os._exit(code)


def _stop(worker: Worker) -> NoReturn:
    """Stop all services and exit, whatever hangs."""
    threading.Timer(_PATIENCE, lambda: _end(0)).start()
    worker.stop()
    _end(0)


def main() -> NoReturn:
    """Run until the input ends."""
    # A worker that has to end at once leaves its pool's semaphores to multiprocessing, which would warn of them in
    # Orthanc's log.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
    logs.set_up()
    lines = lines_of_plugin()
    try:
        hello = next(lines, None)
        if hello is None:
            _end(0)
        worker = Worker(hello)
        worker.start()
    except Misconfigured as error:
        _say(stopped={"reason": f"{error.problem}. {error.remedy}", "place": error.place, "retry": False})
        _end(EX_CONFIG)
    except Retry as error:
        _say(stopped={"reason": str(error), "place": "", "retry": True})
        _end(EX_TEMPFAIL)
    except Exception as error:  # noqa: BLE001 - the plugin must learn of any failure
        _say(stopped={"reason": f"unexpected fault of SendIt: {logs.places(error)}", "place": "", "retry": True})
        _end(EX_TEMPFAIL)
    _say(ready=True, socket=str(worker.socket))
    log.info("ready")
    worker.arrivals.take(lines)
    _stop(worker)

"""The façade over the durable engine, DBOS: who runs next, and when. The rest of the code never names the engine.

The engine holds only names of stages and numbers of batches; the journal is the truth (law 2). A stage is a function
registered under a name. Work has a key that names its attempt: enqueueing the same key twice does nothing the second
time, and a retry is new work under a new key, so that a slot is never held by something that waits.

The engine looks for queued work, and for work whose time has come, at intervals, and each look costs milliseconds. Here
its threads are woken when there is something to take, and look seldom otherwise (`_Bell`).

Why it is used as it is used stands in docs/decisions/0002-dbos.md.
"""

from __future__ import annotations

import heapq
import json
import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, Serializer, WorkflowStatus
from dbos._queue import queue_worker_thread  # not public, hence the pinned version: the engine has no way to wake it

from sendit.errors import SendItError
from sendit.journal.database.faults import of_engine

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

ENGINE_FILE = "engine.sqlite"
#: Raised only with the meaning of the queues: workers take no work of another one. Work that a worker of a former one
#: left is scheduled anew by the reconciliation. 2: a queue belongs to one worker.
_APPLICATION_VERSION = "sendit-2"
_WORKFLOW = "sendit.stage"
_ACTIVE = ["PENDING", "ENQUEUED", "DELAYED"]
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]

#: Seconds between two looks for which nobody rings: only what another worker on the same database enqueues waits so
#: long, and no longer than until the next reconciliation (`active`).
_SELDOM_SHARED, _SELDOM = 5.0, 30.0
#: The same for a queue in which something waits that was enqueued here.
_OFTEN = 5.0
#: Seconds after which a queue is looked at, more than once for what the engine does meanwhile: at the start it takes up
#: what was left unfinished; a stage that has ended frees its slot; work whose time has come is moved to its queue.
_AT_START, _FREED, _DUE = (0.2, 1.0, 3.0), (0.1, 0.5, 2.0), (0.1, 0.6, 1.2)

Stage = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Work:
    """One thing that is queued, waits for its time, or runs."""

    key: str
    running_on: str | None  # the executor, while it runs
    queue: str = ""
    current: bool = True  # False: a worker of a former version scheduled it, and none of this one takes it


class _Json(Serializer):
    """The engine's tables hold JSON and not pickles. An exception becomes its class name: its text stays out."""

    def serialize(self, data: Any) -> str:
        return json.dumps(data, default=lambda value: type(value).__name__)

    def deserialize(self, serialized_data: str) -> Any:
        return json.loads(serialized_data)

    def name(self) -> str:
        return "sendit_json"


def engine_url(database: str, data_directory: Path) -> str:
    """Return DBOS's URL for the configured Database."""
    if database != "sqlite":
        return database
    path = data_directory / ENGINE_FILE
    # The mode stays with the file, so that the engine's own connections use it too.
    url = f"sqlite:///{path}"
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as error:
        raise of_engine(error, url) or error from None
    path.chmod(0o600)
    return url


class _Bell(threading.Event):
    """The event on which the engine's thread of one queue waits between two looks: `set` ends the thread.

    Attributes:
        waiting: the keys of what was enqueued here and has not begun.
        freed_at: when a stage of the queue ended last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waiting: set[str] = set()
        self.freed_at = -math.inf
        self._rung = threading.Event()
        self._lock = threading.Lock()
        self._due: list[float] = []

    def ring(self, *delays: float) -> None:
        """Have the thread look after so many seconds."""
        now = time.monotonic()
        with self._lock:
            for delay in delays:
                heapq.heappush(self._due, now + delay)
        self._rung.set()

    def set(self) -> None:
        """End the thread."""
        super().set()
        self._rung.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Return whether the thread has to end, once it is time to look: after `timeout` at the latest."""
        if self.waiting:
            timeout = _OFTEN if timeout is None else min(timeout, _OFTEN)
        while not self.is_set():
            left = self._seconds_left()
            if left <= 0 or not self._rung.wait(left if timeout is None else min(left, timeout)):
                break
            self._rung.clear()
        return self.is_set()

    def _seconds_left(self) -> float:
        """Return the seconds until the next look; those that are due are one."""
        now = time.monotonic()
        with self._lock:
            if not self._due:
                return threading.TIMEOUT_MAX
            left = self._due[0] - now
            while self._due and self._due[0] <= now:
                heapq.heappop(self._due)
            return left


class Scheduler:
    """Runs stages from queues that survive a kill.

    Args:
        executor: this worker's name, the same after every restart and held by one process at a time.
        queues: name → how many of its stages run at the same time in this worker.
    """

    def __init__(self, url: str, executor: str, queues: Mapping[str, int]) -> None:
        self._url = url
        self._stages: Mapping[str, Stage] = {}
        self._queues = dict(queues)
        self._bells = {name: _Bell() for name in queues}
        self._clock = _Bell()
        self.executor = executor
        self._here: set[str] = set()  # the keys whose stage runs in this process at the moment
        self._said: set[str] = set()  # what keeps all stages from working, as long as it does
        self._client: DBOSClient | None = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate errors of the engine's database: a full disk, a damaged file, no server."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            ours = of_engine(error, self._url)
            if ours is None:
                raise
            raise ours from None

    def start(self, stages: Mapping[str, Stage]) -> None:
        """Make or update the engine's tables and begin to run; what this executor left unfinished runs again.

        Args:
            stages: name → function; its arguments are the ones given to `enqueue`, and must be JSON.
        """
        self._stages = stages
        with self._translated():
            self._start()

    def _start(self) -> None:
        config: DBOSConfig = {
            "name": "sendit",
            "system_database_url": self._url,
            "application_version": _APPLICATION_VERSION,
            "executor_id": self.executor,
            "serializer": _Json(),
            "dbos_system_schema": "sendit_engine",
            "log_level": "WARNING",
            "use_listen_notify": False,
        }
        engine = DBOS(config=config)

        def stage(name: str, key: str, arguments: list[Any]) -> None:
            self._run(name, key, arguments)

        # How often work may be begun is counted in the journal, not here.
        DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=None)(stage)
        # The engine would take work from every queue that any worker on this database has registered, and not be woken.
        DBOS.listen_queues([])
        DBOS.launch()
        # The rest of those threads ask every second for queues and schedules of its own, of which none is used.
        for event in engine.background_thread_stop_events:
            event.set()
        # The same for what moves work whose time has come: `_move_due` does that, when something is due.
        engine._background_jobs_stop_event.set()  # noqa: SLF001
        # The engine has put a handler of its own on its logger, which prints tracebacks with their texts.
        engine_log = logging.getLogger("dbos")
        engine_log.handlers.clear()
        engine_log.propagate = True
        self._client = DBOSClient(system_database_url=self._url, dbos_system_schema="sendit_engine", serializer=_Json())
        seldom = _SELDOM if self._url.startswith("sqlite") else _SELDOM_SHARED
        self._clock.ring(*_AT_START)
        threading.Thread(target=self._move_due, args=(engine, seldom), name="clock", daemon=True).start()
        for name, concurrency in self._queues.items():
            queue = DBOS.register_queue(
                name, worker_concurrency=concurrency, polling_interval_sec=seldom, on_conflict="always_update"
            )
            queue.database_backed_queue = False  # the engine would ask before each look for what stands here anyway
            look = (self._bells[name], engine, queue)
            self._bells[name].ring(*_AT_START)
            threading.Thread(target=queue_worker_thread, args=look, name=f"queue {name}", daemon=True).start()

    def _move_due(self, engine: DBOS, seldom: float) -> None:
        """Have the engine move work to its queue whose time has come, until the scheduler is stopped."""
        while not self._clock.wait(seldom):
            try:
                engine._sys_db.transition_delayed_workflows()  # noqa: SLF001
            except Exception as error:  # noqa: BLE001  the database is away: it is moved by one of the next looks
                log.debug("work whose time has come could not be moved: %s", type(error).__name__)

    def _bells_of(self, key: str) -> list[_Bell]:
        """Return the bell of the work's queue; all of them if it was not enqueued here."""
        bell = next((one for one in self._bells.values() if key in one.waiting), None)
        return list(self._bells.values()) if bell is None else [bell]

    def _run(self, stage: str, key: str, arguments: list[Any]) -> None:
        bells = self._bells_of(key)
        self._forget_waiting(key)
        self._here.add(key)
        try:
            self._stages[stage](*arguments)
            self._said.clear()
        except SendItError as error:
            # Not even its failure could be written down: the journal's disk is full, its server is away. Said once.
            if str(error) not in self._said:
                self._said.add(str(error))
                log.error("work is interrupted and will be resumed: %s", error)
        except Exception as error:
            # A stage accounts for its failures in the journal; what arrives here could not even do that (the database
            # is gone, say). For the engine the work is over; the reconciliation finds the batch and takes it up again.
            log.error("%s stopped; it will be resumed", key, exc_info=error)
        finally:
            self._here.discard(key)
            for bell in bells:
                bell.freed_at = time.monotonic()
                if bell.waiting:
                    bell.ring(*_FREED)

    def _forget_waiting(self, *keys: str) -> None:
        for bell in self._bells.values():
            bell.waiting.difference_update(keys)

    def runs_here(self, key: str) -> bool:
        """Return whether this process is running that work now.

        The engine may believe so although the stage has ended: it
        could not write its end down, because the disk was full.
        """
        return key in self._here

    @property
    def _engine(self) -> DBOSClient:
        if self._client is None:
            raise RuntimeError("the scheduler was not started")
        return self._client

    def enqueue(
        self, queue: str, stage: str, key: str, *arguments: Any, delay_seconds: float = 0, rank: int = 0
    ) -> None:
        """Run a stage once its queue has room, `delay_seconds` from now at the earliest. A known key does nothing.

        Args:
            queue: the queue.
            stage: the name of the stage.
            key: names the work and its attempt.
            arguments: those of the stage.
            delay_seconds: when it may begin.
            rank: work of a lower rank goes first in its queue.
        """
        options: dict[str, Any] = {
            "workflow_name": _WORKFLOW,
            "queue_name": queue,
            "workflow_id": key,
            "app_version": _APPLICATION_VERSION,
            "application_name": "sendit",
        }
        if rank > 0:
            options["priority"] = rank
        if delay_seconds > 0:
            options["delay_seconds"] = delay_seconds
        bell = self._bells.get(queue)
        if bell is not None:
            bell.waiting.add(key)  # before: it may begin at once
        with self._translated():
            self._engine.enqueue(options, stage, key, list(arguments))  # type: ignore[arg-type]
        self._ring(bell, delay_seconds)

    def active(self) -> list[Work]:
        """Return what is queued, waits for its time, or runs, on any worker."""
        with self._translated():
            workflows = self._engine.list_workflows(status=_ACTIVE, load_input=False, load_output=False)
        self._notice(workflows)
        return [
            Work(
                w.workflow_id,
                w.executor_id if w.status == "PENDING" else None,
                w.queue_name or "",
                w.app_version == _APPLICATION_VERSION,
            )
            for w in workflows
        ]

    def _notice(self, workflows: Iterable[WorkflowStatus]) -> None:
        """Have queues looked at in time for what waits in them and was not enqueued here since the start."""
        waiting = [w for w in workflows if w.status != "PENDING"]
        for name, bell in self._bells.items():
            here = {w.workflow_id: (w.delay_until_epoch_ms or 0) / 1000 for w in waiting if w.queue_name == name}
            for key in here.keys() - bell.waiting:
                self._ring(bell, here[key] - time.time())
            bell.waiting.intersection_update(here)  # without what another worker cancelled
            bell.waiting.update(here)

    def _ring(self, bell: _Bell | None, delay_seconds: float) -> None:
        """Have a queue looked at when work that waits in it for so many seconds may begin."""
        looks = tuple(delay_seconds + more for more in _DUE) if delay_seconds > 0 else (0.0,)
        if delay_seconds > 0:
            self._clock.ring(*looks)
        if bell is not None:
            freed = time.monotonic() - bell.freed_at < _FREED[-1]  # the engine may not have noticed yet
            bell.ring(*looks, *(_FREED if freed else ()))

    def cancel(self, *keys: str) -> None:
        """Take work off its queue. Work that runs already is not interrupted: its writes are fenced by its attempt."""
        if not keys:
            return
        self._forget_waiting(*keys)
        with self._translated():
            self._engine.cancel_workflows(list(keys))

    def forget_ended(self, older_than: timedelta) -> int:
        """Delete the engine's records of work that ended so long ago; return how many there were."""
        before = (datetime.now(UTC) - older_than).isoformat()
        with self._translated():
            ended = self._engine.list_workflows(
                status=_ENDED, end_time=before, limit=1000, load_input=False, load_output=False
            )
            if ended:
                self._engine.delete_workflows([w.workflow_id for w in ended])
        return len(ended)

    def stop(self) -> None:
        """Stop taking work, at once; what is unfinished is taken up at the next start."""
        for bell in (*self._bells.values(), self._clock):
            bell.set()
        if self._client is not None:
            self._client.destroy()
            self._client = None
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=0)

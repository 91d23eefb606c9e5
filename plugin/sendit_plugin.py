"""SendIt's plugin for Orthanc: keep the worker running, report to it what arrived, and forward /sendit/* to it.

The plugin runs in Orthanc's own process, so it uses only the standard library, never blocks Orthanc, and never raises
while Orthanc loads it: problems are shown in Orthanc's log and at /sendit/, and Orthanc continues to receive. It is one
file, however long: Orthanc loads a script by its path, into a Python that need not be the worker's.

The worker is `PYTHON -m sendit` in a session of its own. Both write JSON, one object per line. To the worker:
    {"hello": 1, "reloads": true, "metrics": true, "keeps": true, "configuration": {…}, "url": "http://127.0.0.1:8042",
     "configuration_path": "/etc/orthanc/orthanc.json", "authorization": "…", "token": "…", "orthanc_version": "…",
     "storage_directory": "/var/lib/orthanc"}              where its files are, as they are
    {"event": "stored", "instances": ["<Orthanc id>", …]}      up to 500 in one line
    {"event": "new_study" | "stable" | "deleted", "study": "<Orthanc id>"}
    end of file: Orthanc stops, or was killed; the worker ends, too
From the worker (standard output and error):
    {"ready": true, "socket": "/path"}                         it serves HTTP on this Unix socket
    {"level": "info" | "warning" | "error", "message": "…"}    for Orthanc's log; a line that is not JSON is an error
    {"stopped": {"place": "…", "reason": "…", "retry": false}} why it ends
    {"metrics": {"sendit_batches_done": 12, …}}                for Orthanc's own metrics (/tools/metrics-prometheus)
    {"restart": {"SendIt": {…}, "OrthancPeers": {…}, …}}       it ends, to be started again with these keys (a reload)
    {"taken": "<Orthanc id>"}                                  a stable study is in its journal
Exit status 78 means misconfigured: the worker is not restarted. After any other status it is, with a growing delay.
If a worker ends before it is ready after a reload, the next one gets the former configuration and "reload_refused":
why. "reloaded" says that the projects are in the order of their file already.
An event may be lost (the queue is bounded, the worker may be down): the worker's sweep finds what was not reported.
Since plugin 6.0, Orthanc's key-value store keeps what is stable until it was taken: each worker is told of it at once,
while the sweep of a large Orthanc takes its time.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import http
import http.client
import json
import os
import re
import secrets
import select
import signal
import socket
import ssl
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import orthanc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

WORKER = ("-m", "sendit")
PREFIX = "/sendit"
EX_CONFIG = 78  # sysexits.h
MAX_EVENTS = 10_000
MAX_MERGED = 500  # instances in one line
LINGER = 0.25  # seconds during which events are collected before they are written, unless a study is complete
FIRST_DELAY, MAX_DELAY = 1.0, 60.0  # seconds before the worker is restarted
HEALTHY = 300.0  # seconds of running after which the delay starts again from FIRST_DELAY
EOF_GRACE, TERM_GRACE = 4.0, 1.0  # seconds for the worker to end by itself, and after SIGTERM
PROXY_TIMEOUT = 60.0  # seconds that an answer may take while the worker is alive
SILENCE = 3.0  # seconds without an answer after which the plugin checks that the worker is alive
SEND_TIMEOUT = 10.0  # seconds to send a request
ALIVE_TIMEOUT = 3.0  # seconds for the answer to that check
MOST_PROXIED, MOST_WAITING = 8, 8  # requests in progress, and requests waiting for their turn
MOST_LONG = 2  # requests that wait for changes
LONGEST_WAIT = 2.0  # seconds to wait for a turn
RETRY_AFTER = 5  # seconds, for a client that was refused
STORE = "sendit-stable"  # of Orthanc's key-value store

#: Keys that the worker needs. RegisteredUsers and the secrets of other plugins are not passed on.
_PASSED = {"SendIt", "OrthancPeers", "OrthancPeersInDatabase", "StableAge", "Name"}
_PASSED |= {"MaximumPatientCount", "MaximumStorageSize", "MaximumStorageMode"}
_PASSED_GROUPS = ("Dicom", "Http", "Ssl")  # prefixes of further keys
#: Keys of the section "Authorization" with which that plugin asks for profiles of users, and lets nobody else in.
_PROFILES = ("WebServiceRootUrl", "WebServiceUserProfileUrl")
#: Headers that its StandardConfigurations add to TokenHttpHeaders.
_STANDARD_TOKENS = {
    "osimis-web-viewer": {"token"},
    "stone-webviewer": {"authorization"},
    "orthanc-explorer-2": {"authorization", "token"},
}
#: Tells the worker that a request comes from the plugin: only then does it trust the user header.
_TOKEN = secrets.token_hex(32)
_LOGS = {"error": orthanc.LogError, "warning": orthanc.LogWarning, "info": orthanc.LogInfo}


class Problem(NamedTuple):
    """Why nothing is forwarded, and the remedy."""

    error: str
    remedy: str


def find_problem(configuration: Mapping[str, Any]) -> Problem | None:
    """Return why the worker must not start: no section "SendIt", or patient data that everyone can read."""
    restart = "then restart Orthanc."
    if not isinstance(configuration.get("SendIt"), dict):
        return Problem('orthanc.json has no section "SendIt".', f"Add it (README.md shows a small one), {restart}")
    remote = configuration.get("RemoteAccessAllowed", False)
    if not configuration.get("AuthenticationEnabled", remote):
        if not remote or token_headers(configuration):
            return None  # loopback only: the demonstration; or another plugin asks for tokens (`is_open`)
        error = "RemoteAccessAllowed is true and AuthenticationEnabled is false: everyone could read the originals."
        return Problem(error, f"Set AuthenticationEnabled to true and name users in RegisteredUsers, {restart}")
    users = configuration.get("RegisteredUsers")
    if not users:
        error = "RegisteredUsers is empty: Orthanc before 1.12 then accepts the user orthanc with password orthanc."
        return Problem(error, f"Add a user with a password, {restart}")
    for name, password in users.items():
        if not password or "${" in password:
            error = f"RegisteredUsers.{name} has an empty password, or names an environment variable that is not set."
            return Problem(error, f"Give it a password, {restart}")
    return None


def token_headers(configuration: Mapping[str, Any]) -> set[str]:
    """Return the headers by which Orthanc's authorization plugin knows users, in lower case; none without profiles."""
    section = configuration.get("Authorization")
    if not isinstance(section, dict) or not any(section.get(key) for key in _PROFILES):
        return set()
    standard = (_STANDARD_TOKENS.get(name, set()) for name in section.get("StandardConfigurations", []))
    return {str(name).lower() for name in section.get("TokenHttpHeaders", [])}.union(*standard)


def is_open(url: str) -> bool | None:
    """Return whether Orthanc lists patients to whoever asks, without a name; None while it does not answer."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # this machine; only the status counts
    handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with urllib.request.build_opener(*handlers).open(f"{url}/patients?since=0&limit=1", timeout=SEND_TIMEOUT):
            return True
    except urllib.error.HTTPError as error:
        return None if error.code >= 500 else False
    except urllib.error.URLError as error:
        return False if isinstance(error.reason, ssl.SSLError) else None
    except OSError:
        return None


def find_python(configuration: Mapping[str, Any]) -> str:
    """Return the worker's interpreter: as configured, else of this file's folder, checkout, or the installation."""
    here = Path(__file__).resolve().parent
    own = (here / "bin/python", here.parent / ".venv/bin/python")
    found = next((path for path in own if path.exists()), "/opt/sendit/bin/python")
    return str(configuration["SendIt"].get("Python") or found)


def configuration_path() -> str:
    """Return the file or the folder that Orthanc was started with.

    GetConfigurationPath is not enough: for the folder /etc/orthanc, as Debian's service names it, it returns /etc.
    """
    arguments = (orthanc.GetCommandLineArgument(index) for index in range(orthanc.GetCommandLineArgumentsCount()))
    folders = [path for path in arguments if not path.startswith("-") and os.path.isdir(path)]
    return os.path.abspath(folders[-1]) if folders else orthanc.GetConfigurationPath()


def greet(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first line for a worker. Not to be called while Orthanc loads the plugin: there is no REST API yet."""
    scheme = "https" if configuration.get("SslEnabled") else "http"
    return {
        "hello": 1,
        "reloads": True,  # this plugin knows the line {"restart"}
        "metrics": True,  # and the line {"metrics"}
        "keeps": True,  # and the line {"taken"}
        "configuration": {k: v for k, v in configuration.items() if k in _PASSED or k.startswith(_PASSED_GROUPS)},
        "url": f"{scheme}://127.0.0.1:{configuration.get('HttpPort', 8042)}",
        "authorization": orthanc.GenerateRestApiAuthorizationToken(),
        "storage_directory": ""
        if configuration.get("StorageCompression")
        else configuration.get("StorageDirectory", ""),
        "token": _TOKEN,
        # The recipes are beside it; and it has the order of the projects, which Orthanc sorts by name.
        "configuration_path": configuration_path(),
        "orthanc_version": json.loads(orthanc.RestApiGet("/system"))["Version"],
    }


def log(level: str, message: str) -> None:
    """Write any message to Orthanc's log (Orthanc raises for NUL and lone surrogates)."""
    _LOGS.get(level, orthanc.LogInfo)(f"SendIt: {message}".replace("\0", "?").encode(errors="replace").decode())


def guarded(function: Callable[..., None]) -> Callable[..., None]:
    """Keep exceptions from Orthanc. Log them without their messages, which may contain what a client sent."""

    @functools.wraps(function)
    def guard(*args: Any, **kwargs: Any) -> None:
        try:
            function(*args, **kwargs)
        except Exception as error:
            trace = "".join(traceback.format_tb(error.__traceback__))
            log("error", f"{type(error).__name__} in {function.__qualname__}\n{trace}")

    return guard


def start_thread(target: Callable[..., None], *args: Any) -> threading.Thread:
    """Start a daemon thread whose exceptions are logged."""
    thread = threading.Thread(target=guarded(target), args=args, name=f"sendit{target.__name__}", daemon=True)
    thread.start()
    return thread


class Kept:
    """Studies that are stable and that no worker has taken yet, in Orthanc's database, which outlasts a kill.

    Nothing is kept before plugin 6.0, nor where the database has no key-value store.
    """

    def __init__(self) -> None:
        self._works = hasattr(orthanc, "StoreKeyValue")

    def add(self, study: str) -> None:
        """Keep a study."""
        self._try(lambda: orthanc.StoreKeyValue(STORE, study, b"stable"))

    def drop(self, study: str) -> None:
        """Forget one that was taken, or is not kept."""
        self._try(lambda: orthanc.DeleteKeyValue(STORE, study))

    def all(self) -> list[str]:
        """Return what is kept."""
        studies: list[str] = []
        self._try(lambda: studies.extend(_keys()))
        return studies

    def _try(self, act: Callable[[], object]) -> None:
        if not self._works:
            return
        try:
            act()
        except Exception as error:
            self._works = False
            log("warning", f"Orthanc keeps no stable studies ({type(error).__name__}); the worker's sweep finds them")


def _keys() -> Iterator[str]:
    iterator = orthanc.CreateKeysValuesIterator(STORE)
    while iterator.Next():
        yield iterator.GetKey()


class Events:
    """Events not yet reported to the worker. `put` never waits; beyond MAX_EVENTS, events are dropped."""

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: deque[tuple[str, str]] = deque()
        self._urgent = False  # a study is complete
        self._changed = threading.Condition()

    def put(self, kind: str, resource: str) -> None:
        """Add an event, or drop it if too many wait."""
        with self._changed:
            if len(self._waiting) < MAX_EVENTS:
                self._waiting.append((kind, resource))
                self._urgent |= kind == "stable"
                if self._urgent or len(self._waiting) == 1:  # else nobody waits for it, and Orthanc receives meanwhile
                    self._changed.notify()
                return
            self.dropped += 1
        if self.dropped == 1:
            log("warning", f"more than {MAX_EVENTS} events wait; the worker's sweep will find those dropped now")

    def wake(self) -> None:
        """Let `take` see that it has to end."""
        with self._changed:
            self._changed.notify_all()

    def take(self, closing: threading.Event) -> list[dict[str, Any]]:
        """Wait for events and return them as lines; return none once `closing` is set (call `wake` after that)."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or closing.is_set())
            self._changed.wait_for(lambda: self._urgent or closing.is_set(), timeout=LINGER)
            if closing.is_set():
                return []
            taken, self._waiting, self._urgent = self._waiting, deque(), False
        lines: list[dict[str, Any]] = []
        for kind, resource in taken:
            if kind != "stored":
                lines.append({"event": kind, "study": resource})
            elif lines and lines[-1]["event"] == "stored" and len(lines[-1]["instances"]) < MAX_MERGED:
                lines[-1]["instances"].append(resource)
            else:
                lines.append({"event": "stored", "instances": [resource]})
        return lines


class Worker:
    """A worker process, from start to end, with the two threads that write to it and read from it."""

    def __init__(self, python: str, greeting: Mapping[str, Any], events: Events, kept: Kept) -> None:
        """Start the process.

        Raises:
            OSError: there is no such interpreter.
        """
        self.ready_since = float("inf")  # time.monotonic()
        self.socket = ""
        self.stopped: Mapping[str, Any] = {}  # why it ended, from the worker itself
        self.restart: Mapping[str, Any] = {}  # the keys of the configuration to start it with again
        self.last_line = ""  # the last one that was not JSON: the end of a traceback
        self.ended = threading.Event()
        self._closing = threading.Event()
        self._events = events
        self._kept = kept
        self._process = Popen(
            [python, *WORKER],
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            encoding="utf-8",
            errors="replace",
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            cwd="/",
            start_new_session=True,  # so that Orthanc's signals do not reach it, and it can be killed with its children
        )
        writer = start_thread(self._write, self._process.stdin, greeting)
        self._threads = [writer, start_thread(self._read, self._process.stdout)]

    def wait(self) -> int:
        """Wait until the worker and its children are gone. Return its exit status (negative: a signal ended it)."""
        # Until it is reaped, its process id is not reused, so killing the group cannot hit another process.
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        self.ended.set()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._close_stdin()
        for thread in self._threads:
            thread.join(2)
        return self._process.wait()

    def stop(self) -> None:
        """End the worker: close its input, then SIGTERM, then SIGKILL. `wait` must be running on another thread."""
        self._close_stdin()
        for number, grace in ((signal.SIGTERM, EOF_GRACE), (signal.SIGKILL, TERM_GRACE)):
            if not self.ended.wait(grace):
                log("warning", f"the worker does not end, sending {number.name}")
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    os.killpg(self._process.pid, number)

    def _close_stdin(self) -> None:
        self._closing.set()
        self._events.wake()

    def _write(self, pipe: IO[str], greeting: Mapping[str, Any]) -> None:
        lines = [greeting]
        with contextlib.suppress(BrokenPipeError), pipe:  # if it breaks the worker has ended, and `wait` notices
            while not self._closing.is_set():
                pipe.writelines(json.dumps(line) + "\n" for line in lines)
                pipe.flush()
                lines = [*self._events.take(self._closing)]

    def _read(self, pipe: IO[str]) -> None:
        for line in pipe:
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if isinstance(message, dict):
                self._handle(message)
            elif line.strip():
                self.last_line = line.strip()
                log("error", line.rstrip())

    def _handle(self, message: Mapping[str, Any]) -> None:
        if message.get("ready"):
            self.socket, self.ready_since = str(message.get("socket", "")), time.monotonic()
            log("warning", "the worker is ready")
            for study in self._kept.all():
                self._events.put("stable", study)
        elif isinstance(message.get("stopped"), dict):
            self.stopped = message["stopped"]
        elif "taken" in message:
            self._kept.drop(str(message["taken"]))
        elif isinstance(message.get("restart"), dict):
            self.restart = message["restart"]
        elif isinstance(message.get("metrics"), dict):
            for name, value in message["metrics"].items():
                orthanc.SetMetricsValue(str(name), float(value), orthanc.MetricsType.DEFAULT)
        else:
            log(str(message.get("level")), str(message.get("message")))


class Supervisor:
    """Keep one worker running from Orthanc's start to its stop, and record why if none is running."""

    def __init__(self, configuration: Mapping[str, Any], problem: Problem | None) -> None:
        self.events = Events()
        self.kept = Kept()
        self.hopeless = problem is not None
        self._problem = problem or Problem("SendIt is starting.", "Try again in a moment.")
        self.configuration = configuration
        self._worker: Worker | None = None
        self._former: Mapping[str, Any] | None = None  # the greeting before a reload, until a worker is ready after it
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._launching = threading.Lock()

    def start(self) -> None:
        """Start the worker, or log why it must not start."""
        if self.hopeless:
            log("error", f"nothing is forwarded. {self._problem.error} {self._problem.remedy}")
        else:
            self._thread = start_thread(self._run, greet(self.configuration))

    def stop(self) -> None:
        """End the worker."""
        self._stopping.set()
        with self._launching:
            worker = self._worker
        if worker:
            worker.stop()
        if self._thread:
            self._thread.join(1)

    def tell(self, kind: str, resource: str) -> None:
        """Report an event to the worker, now or once there is one."""
        if not self.hopeless:
            if kind == "stable":
                self.kept.add(resource)
            self.events.put(kind, resource)

    def where(self) -> str | Problem:
        """Return the worker's socket, or why there is none."""
        worker = self._worker
        return worker.socket if worker and worker.socket and not worker.ended.is_set() else self._problem

    def _run(self, greeting: Mapping[str, Any]) -> None:
        if not self._refuses_strangers(greeting["url"]):
            return
        delay = FIRST_DELAY
        while not self._stopping.is_set():
            worker = self._run_once(greeting)
            if self._stopping.is_set():
                return
            if (other := self._other_greeting(greeting, worker)) is not None:
                greeting = other
                continue
            if self.hopeless:
                log("error", f"nothing is forwarded. {self._problem.error} {self._problem.remedy}")
                return
            if worker and time.monotonic() - worker.ready_since > HEALTHY:
                delay = FIRST_DELAY
            log("error", f"{self._problem.error} Next try in {delay:g} s.")
            self._stopping.wait(delay)
            delay = min(2 * delay, MAX_DELAY)

    def _refuses_strangers(self, url: str) -> bool:
        """Make sure that the authorization plugin asks for tokens, where only it does; return whether to go on."""
        remote = self.configuration.get("RemoteAccessAllowed", False)
        if not remote or checks_passwords():
            return True
        while (everybody := is_open(url)) is None:
            if self._stopping.wait(FIRST_DELAY):
                return False
        if everybody:
            self._problem = Problem(
                "Orthanc asks for no password, and its authorization plugin refuses nobody: "
                "everyone could read the originals.",
                "See that the authorization plugin is loaded, and who is anonymous there, then restart Orthanc.",
            )
            self.hopeless = True
            log("error", f"nothing is forwarded. {self._problem.error} {self._problem.remedy}")
        return not everybody

    def _other_greeting(self, greeting: Mapping[str, Any], worker: Worker | None) -> Mapping[str, Any] | None:
        """Return the greeting after a reload, or the former one if no worker could start after it; None otherwise."""
        if worker and worker.ready_since != float("inf"):
            self._former = None
        if worker and worker.restart:
            self._former = greeting
            self._problem = Problem("SendIt takes over a new configuration.", "Try again in a moment.")
            configuration = {**greeting["configuration"], **worker.restart}
            return {**greeting, "configuration": configuration, "reloaded": True, "reload_refused": ""}
        if self._former is None:
            return None
        log("error", f"the reload is undone, and the former configuration applies. {self._problem.error}")
        former = {**self._former, "reload_refused": self._problem.error}
        self._former, self.hopeless = None, False
        return former

    def _run_once(self, greeting: Mapping[str, Any]) -> Worker | None:
        """Run one worker from start to end, and record in `_problem` why it ended."""
        python = find_python(self.configuration)
        with self._launching:
            if self._stopping.is_set():
                return None
            try:
                self._worker = worker = Worker(python, greeting, self.events, self.kept)
            except OSError as error:
                error_text = f"The worker's interpreter {python} cannot be started ({error.strerror})."
                self._problem = Problem(error_text, "Install SendIt's environment, or name it in SendIt.Python.")
                return None
        status = worker.wait()
        reason = str(worker.stopped.get("reason") or worker.last_line or _unexplained(status))
        if status == EX_CONFIG and not worker.stopped.get("retry"):
            place = str(worker.stopped.get("place", ""))
            text = reason if reason.startswith(place) else f"{place}: {reason}"
            # A remedy may end with a command, into which the next sentence would run.
            text = text if text.endswith(".") else f"{text}."
            self._problem, self.hopeless = Problem(text, "Correct this, then restart Orthanc."), True
        else:
            text = f"The worker ended (exit status {status}): {reason.rstrip('.')}."
            self._problem = Problem(text, "It will be restarted.")
        return worker


def _unexplained(status: int) -> str:
    """Return why a worker may have ended that said nothing."""
    if status == -signal.SIGKILL:
        return "it was killed, as the kernel does when memory runs out (dmesg says so)"
    return "it gave no reason" if status >= 0 else f"it was ended by {signal.Signals(-status).name}"


#: Headers of the connection between this proxy and the worker, and headers that Orthanc writes itself.
_NOT_PASSED = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server", "set-cookie"}
#: Statuses that Orthanc can send with a body (measured with 1.10.1 and 1.12.7); any other closes the connection.
_ANSWERABLE = {*range(200, 209), 226, 300, *range(302, 306), 307, *range(400, 418), 422, 423, 424, 426} - {405}
_ANSWERABLE |= {*range(500, 508), 509, 510}
_NEAREST = {301: 307, 308: 307, 429: 503}
_PAGE = "SendIt does not answer\n\n{error}\n{remedy}\n\nOrthanc continues to receive; nothing is forwarded meanwhile.\n"


#: Headers of a request that are forwarded. Origin and the others tell whether a page of another site sent it.
_PASSED_HEADERS = ("host", "accept", "content-type", "if-none-match", "origin", "sec-fetch-site", "x-forwarded-host")
#: Headers with which a browser shows the page in no frame of another site, runs no script in it, and stores no copy.
_UNSHARED = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
}


@functools.cache
def checks_passwords() -> bool:
    """Return whether Orthanc itself checks passwords; otherwise a user name is only a claim."""
    configuration = json.loads(orthanc.GetConfiguration())
    return bool(configuration.get("AuthenticationEnabled", configuration.get("RemoteAccessAllowed", False)))


@functools.cache
def profile_headers() -> frozenset[str]:
    """Return the headers that the worker needs to ask the authorization plugin who makes a request."""
    return frozenset() if checks_passwords() else frozenset(token_headers(json.loads(orthanc.GetConfiguration())))


class Lane:
    """Limit of simultaneous requests to the worker. Each occupies one of Orthanc's few threads.

    As many again may wait for their turn, briefly; further requests are refused at once. So Orthanc's own REST API
    keeps its threads, whatever the worker does.
    """

    def __init__(self, threads: int) -> None:
        """`threads`: the number of Orthanc's HTTP threads. At most half of them serve the worker."""
        self._free = threading.BoundedSemaphore(max(1, min(MOST_PROXIED, threads // 4)))
        self._waiting = threading.BoundedSemaphore(max(1, min(MOST_WAITING, threads // 4)))
        self._long = threading.Semaphore(min(MOST_LONG, threads // 16))

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and keep it while the context lasts.

        Raises:
            Busy: too many requests wait, or the wait took too long.
        """
        if not self._free.acquire(blocking=False):
            if not self._waiting.acquire(blocking=False):
                raise Busy
            try:
                if not self._free.acquire(timeout=LONGEST_WAIT):
                    raise Busy
            finally:
                self._waiting.release()
        try:
            yield
        finally:
            self._free.release()

    @contextlib.contextmanager
    def long(self, *, wanted: bool) -> Iterator[bool]:
        """Provide whether a request may wait for changes: only few may, and none where Orthanc has few threads."""
        may = wanted and self._long.acquire(blocking=False)
        try:
            yield may
        finally:
            if may:
                self._long.release()


class Busy(Exception):
    """Too many requests at once."""


class Silent(Exception):
    """The worker does not answer at all: it hangs, or is frozen."""


class Pulse:
    """Check that the worker is alive: that it answers a small request. At most one such request is in progress."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._silent = ""  # the socket of a worker that did not answer the last check
        self._asked = 0.0  # time.monotonic() of the last check

    def check(self, path: str) -> None:
        """Check the worker at this socket, or use the result of a check that is in progress.

        Raises:
            Silent: it does not answer.
        """
        begun = time.monotonic()
        if not self._asking.acquire(blocking=self._silent != path):
            raise Silent
        try:
            if self._asked < begun:
                self._note("" if _is_alive(path) else path)
                self._asked = time.monotonic()
            silent = self._silent == path
        finally:
            self._asking.release()
        if silent:
            raise Silent

    def _note(self, silent: str) -> None:
        """Remember the outcome of a check, and log it where it is another one than before."""
        if silent and not self._silent:
            log("error", f"the worker hangs: it does not respond. {_HANGS}")
        elif self._silent and not silent:
            log("warning", "the worker responds again")
        self._silent = silent

    def before(self, path: str) -> None:
        """Check a worker that was silent before it gets another request.

        Raises:
            Silent: it still does not answer.
        """
        if self._silent == path:
            self.check(path)


def _is_alive(path: str) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ALIVE_TIMEOUT)
            connection.connect(path)
            connection.sendall(b"GET /alive HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return bool(connection.recv(1))  # 404 is an answer, too
    except OSError:
        return False


#: What to do about a worker that hangs.
_HANGS = "If it does so for minutes, restart Orthanc: nothing is lost, and nothing is sent twice."


class Proxied:
    """A request for /sendit/*, answered with the worker's answer, or with the reason why there is none."""

    def __init__(self, output: orthanc.RestOutput, uri: str, **request: Any) -> None:
        """`request`: the keyword arguments of orthanc.RegisterRestCallback."""
        self._output, self._uri, self._request = output, uri, request
        self._client_headers: Mapping[str, str] = request.get("headers", {})

    def answer(self, supervisor: Supervisor, lane: Lane, pulse: Pulse) -> None:
        """Forward the request and answer it."""
        where = supervisor.where()
        if isinstance(where, Problem):
            return self.explain(503, where)
        try:
            pulse.before(where)
            with lane.long(wanted=self._is_long()) as may_wait, lane.turn():
                status, headers, body = self._ask(where, pulse, may_wait=may_wait)
        except Busy:
            return self.explain(503, Problem("SendIt has too many requests at once.", "Try again in a moment."))
        except Silent:
            return self.explain(503, Problem("SendIt's worker hangs: it does not respond.", self._look(_HANGS)))
        except TimeoutError:
            return self.explain(
                504, Problem("SendIt's worker does not answer in time.", self._look("See Orthanc's log."))
            )
        except (OSError, http.client.HTTPException):
            where = supervisor.where()
            broken = Problem("SendIt's worker closed the connection.", self._look("Try again in a moment."))
            return self.explain(503, where if isinstance(where, Problem) else broken)
        return self._reply(status, headers, body)

    def _look(self, remedy: str) -> str:
        """Return a remedy after a request that the worker may have carried out, or may still."""
        if self._request["method"] == "GET":
            return remedy
        return f"{remedy} Perhaps it is done all the same: look first, before you do it again."

    def _is_long(self) -> bool:
        return self._uri.rstrip("/") == f"{PREFIX}/api/changes" and "wait" in self._request.get("get", {})

    def _ask(self, path: str, pulse: Pulse, *, may_wait: bool) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers by names in lower case, and body.

        Raises:
            Silent: the worker does not accept the request, or is not alive.
        """
        connection = http.client.HTTPConnection("localhost")
        with socket.socket(socket.AF_UNIX) as connection.sock:
            connection.sock.settimeout(SEND_TIMEOUT)
            try:
                connection.sock.connect(path)
                target = self._target(may_wait=may_wait)
                connection.request(self._request["method"], target, self._request.get("body"), self._headers())
            except TimeoutError:
                raise Silent from None
            connection.sock.settimeout(PROXY_TIMEOUT)
            self._wait(connection.sock, path, pulse)
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, headers, answer.read()

    def _wait(self, connection: socket.socket, path: str, pulse: Pulse) -> None:
        """Wait for the beginning of the answer.

        Raises:
            Silent: the worker is not alive.
            TimeoutError: it is alive, but took too long.
        """
        deadline = time.monotonic() + PROXY_TIMEOUT
        poll = select.poll()  # select.select fails for file descriptors above 1023, and Orthanc has many files open
        poll.register(connection, select.POLLIN)
        while not poll.poll(SILENCE * 1000):
            if time.monotonic() > deadline:
                raise TimeoutError
            pulse.check(path)

    def _target(self, *, may_wait: bool) -> str:
        """Return path and query for the worker. Orthanc decodes the path, and from 1.13 the query (before, % stays)."""
        path = urllib.parse.quote(self._uri.removeprefix(PREFIX)) or "/"
        quote = functools.partial(urllib.parse.quote, safe="%+/:,")
        parameters = self._request.get("get", {})
        if self._is_long() and not may_wait:
            parameters = {name: value for name, value in parameters.items() if name != "wait"}
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in parameters.items())
        return f"{path}?{query}" if query else path

    def _headers(self) -> dict[str, str]:
        """Return the headers for the worker: no password, no cookie. X-SendIt-User is percent-encoded UTF-8.

        Where the authorization plugin knows users by a token, the worker gets it, and asks whose it is. Headers
        X-SendIt-… of the client are not forwarded.
        """
        passed = {name: self._client_headers[name] for name in _PASSED_HEADERS if name in self._client_headers}
        passed |= {"X-Forwarded-Prefix": PREFIX, "X-SendIt-Token": _TOKEN}
        scheme, _, credentials = self._client_headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic" and checks_passwords():
            user = base64.b64decode(credentials).decode(errors="replace").partition(":")[0]
            passed["X-SendIt-User"] = urllib.parse.quote(user)
        if tokens := {name: self._client_headers[name] for name in profile_headers() & self._client_headers.keys()}:
            passed["X-SendIt-Profile"] = urllib.parse.quote(json.dumps(tokens))
        return passed

    def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        if status == 405:
            return self._output.SendMethodNotAllowed(headers.get("allow", "GET"))
        if status not in _ANSWERABLE:
            status = _NEAREST.get(status, status // 100 * 100)
        mime = headers.pop("content-type", "application/octet-stream")
        for name in headers.keys() - _NOT_PASSED:
            self._output.SetHttpHeader(name.title(), headers[name])
        if status == 200:
            return self._output.AnswerBuffer(body, mime)
        self._output.SetHttpHeader("Content-Type", mime)
        text = body.decode(errors="replace").replace("\0", "?")  # up to plugin 4.x Orthanc accepts no bytes here
        if "json" in mime:  # Orthanc 1.12 adds a second Content-Type, text/plain, which stands for Latin-1
            text = re.sub(r"[^\0-\x7f]", lambda match: json.dumps(match[0])[1:-1], text)
        try:
            return self._output.SendHttpStatus(status, text)
        except TypeError:  # up to plugin 4.x it requires the size, too, and has sent nothing yet
            return self._output.SendHttpStatus(status, text, len(text.encode()))

    def explain(self, status: int, problem: Problem) -> None:
        """Answer with a small page for browsers, or problem details (RFC 9457).

        The page is text: from 1.12, Orthanc sends no HTML with such a status. A browser asks for it again by itself:
        who opens it while the worker starts, or is busy for a moment, is not left with it.
        """
        about = {"type": "about:blank", "title": http.HTTPStatus(status).phrase, "status": status}
        mime = "application/problem+json"
        body = json.dumps({**about, "detail": problem.error, "cure": problem.remedy})
        if "text/html" in self._client_headers.get("accept", ""):
            mime, body = "text/plain; charset=utf-8", _PAGE.format(**problem._asdict())
        headers = {"content-type": mime, **_UNSHARED}
        if mime.startswith("text/plain") and self._request["method"] == "GET":
            headers["refresh"] = str(RETRY_AFTER)
        if status == 503:
            headers["retry-after"] = str(RETRY_AFTER)
        self._reply(status, headers, body.encode())


#: Relative links, so that they work behind a reverse proxy with a prefix of its own. A study's button says the states
#: of its batches, and leads to the page that lists them and can de-identify it now.
_EXPLORER = """(function () {
  function button(text) {
    return $('<a data-role="button" data-icon="forward" data-ajax="false" href="../sendit/">' + text + '</a>');
  }
  $('#lookup').live('pagebeforecreate', function () { button('SendIt').insertAfter($('#lookup-result')); });
  var ofStudy = button('SendIt: batches of this study, de-identify now');
  $('#study').live('pagebeforecreate', function () { ofStudy.insertBefore($('#study-delete').parent().parent()); });
  $('#study').live('pagebeforeshow', function () {
    var study = encodeURIComponent($.mobile.pageData.uuid);
    function say(text) { (ofStudy.find('.ui-btn-text').length ? ofStudy.find('.ui-btn-text') : ofStudy).text(text); }
    ofStudy.attr('href', '../sendit/studies/' + study);
    say('SendIt');
    $.getJSON('../sendit/api/batches?limit=5&study=' + study, function (page) {
      var states = $.map(page.batches, function (one) { return (one.project || 'no project') + ' ' + one.state; });
      say('SendIt: ' + (states.join(', ') || 'de-identify now'));
    });
  });
})();"""


def _threads(configuration: Mapping[str, Any]) -> int:
    """Return the number of Orthanc's HTTP threads; its default is 50."""
    threads = configuration.get("HttpThreadsCount", 50)
    return threads if isinstance(threads, int) and threads > 0 else 50


#: With plugin 5.0, Orthanc crashes at exit if nothing but its registration refers to a REST callback.
_KEPT: list[Callable[..., None]] = []


@guarded
def install() -> None:
    """Register all callbacks with Orthanc."""
    try:
        configuration = json.loads(orthanc.GetConfiguration())
        supervisor = Supervisor(configuration, find_problem(configuration))
    except Exception as error:
        unread = Problem(f"The configuration cannot be read ({type(error).__name__}).", "Correct it, restart Orthanc.")
        supervisor = Supervisor({}, unread)
    change = orthanc.ChangeType
    studies = {change.NEW_STUDY: "new_study", change.STABLE_STUDY: "stable", change.DELETED: "deleted"}

    @guarded
    def on_change(kind: int, level: int, resource: str) -> None:
        if kind == change.ORTHANC_STARTED:
            supervisor.start()
        elif kind == change.ORTHANC_STOPPED:
            supervisor.stop()
        elif level == orthanc.ResourceType.STUDY and kind in studies:
            supervisor.tell(studies[kind], resource)

    lane, pulse = Lane(_threads(supervisor.configuration)), Pulse()

    @guarded
    def on_request(output: orthanc.RestOutput, uri: str, **request: Any) -> None:
        proxied = Proxied(output, uri, **request)
        try:
            proxied.answer(supervisor, lane, pulse)
        except Exception:
            proxied.explain(500, Problem("SendIt's plugin cannot answer this request.", "See Orthanc's log."))
            raise

    _KEPT.append(on_request)
    orthanc.RegisterRestCallback(PREFIX, on_request)
    orthanc.RegisterRestCallback(PREFIX + "/(.*)", on_request)
    orthanc.RegisterOnChangeCallback(on_change)
    orthanc.RegisterOnStoredInstanceCallback(guarded(lambda _, resource: supervisor.tell("stored", resource)))
    orthanc.ExtendOrthancExplorer(_EXPLORER)


install()

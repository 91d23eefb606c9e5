"""SendIt's part inside Orthanc: keeps the worker running, tells it what arrived, passes /sendit/* on to it.

It runs in Orthanc's own process, so it uses the standard library alone, never blocks Orthanc, and never raises while
Orthanc loads it: what is wrong stands in Orthanc's log and at /sendit/, and Orthanc goes on receiving.

The worker is `PYTHON -m sendit` in a session of its own. They speak JSON, one object a line. To the worker:
    {"hello": 1, "configuration": {…}, "configuration_path": "/etc/orthanc/orthanc.json",
     "url": "http://127.0.0.1:8042", "authorization": "…", "orthanc_version": "…"}
    {"event": "stored", "instances": ["<Orthanc id>", …]}      up to 500 in one line
    {"event": "new_study" | "stable" | "deleted", "study": "<Orthanc id>"}
    end of file: Orthanc stops, or was killed; the worker ends too
From the worker (standard output and error):
    {"ready": true, "socket": "/path"}                         it serves HTTP on this Unix socket
    {"level": "info" | "warning" | "error", "message": "…"}    for Orthanc's log; what is no JSON is an error
    {"stopped": {"place": "…", "reason": "…", "retry": false}} its last word
With exit status 78 it is misconfigured and not started again; after any other it is, with a growing delay.
An event may be lost (the queue is bounded, the worker may be down): the worker's sweep finds what it was not told.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import http.client
import json
import os
import re
import signal
import socket
import threading
import time
import traceback
import urllib.parse
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen
from typing import IO, Any, NamedTuple

import orthanc

WORKER = ("-m", "sendit")
PREFIX = "/sendit"
EX_CONFIG = 78  # sysexits.h
MAX_EVENTS = 10_000
MAX_MERGED = 500  # instances in one line
LINGER = 0.25  # seconds in which events gather before they are written
FIRST_DELAY, MAX_DELAY = 1.0, 60.0  # seconds before the worker is started again
HEALTHY = 300.0  # seconds of running after which an exit begins a new series of delays
EOF_GRACE, TERM_GRACE = 4.0, 1.0  # seconds that the worker has to end by itself, and after SIGTERM
PROXY_TIMEOUT = 60.0  # seconds

#: What the worker has a use for. RegisteredUsers and other plugins' secrets stay here.
_PASSED = {"SendIt", "OrthancPeers", "OrthancPeersInDatabase", "StableAge", "Name"}
_PASSED_GROUPS = ("Dicom", "Http", "Ssl")  # the beginnings of further keys
_LOGS = {"error": orthanc.LogError, "warning": orthanc.LogWarning, "info": orthanc.LogInfo}


class Problem(NamedTuple):
    """Why nothing is forwarded, and what to do about it."""

    error: str
    cure: str


def find_problem(configuration: Mapping[str, Any]) -> Problem | None:
    """What keeps the worker from being started at all: no section, or patients' data open to anybody."""
    restart = "then restart Orthanc."
    if not isinstance(configuration.get("SendIt"), dict):
        return Problem('orthanc.json has no section "SendIt".', f"Add it (README.md shows a small one), {restart}")
    remote = configuration.get("RemoteAccessAllowed", False)
    if not configuration.get("AuthenticationEnabled", remote):
        if not remote:
            return None  # loopback only: the demonstration
        error = "RemoteAccessAllowed is true and AuthenticationEnabled is false: anybody could read the originals."
        return Problem(error, f"Set AuthenticationEnabled to true and name users in RegisteredUsers, {restart}")
    users = configuration.get("RegisteredUsers")
    if not users:
        error = "RegisteredUsers names nobody: until 1.12 Orthanc then lets in the user orthanc, password orthanc."
        return Problem(error, f"Add a user with a password, {restart}")
    for name, password in users.items():
        if not password or "${" in password:
            error = f"RegisteredUsers.{name} has an empty password, or names an environment variable that is not set."
            return Problem(error, f"Give it a password, {restart}")
    return None


def find_python(configuration: Mapping[str, Any]) -> str:
    """The worker's interpreter: as configured, else of the checkout that this file is in, else of the installation."""
    checkout = Path(__file__).resolve().parent.parent / ".venv/bin/python"
    named = configuration["SendIt"].get("Python")
    return str(named or (checkout if checkout.exists() else "/opt/sendit/bin/python"))


def configuration_path() -> str:
    """The file or the folder that Orthanc was started with.

    GetConfigurationPath alone would not do: of a folder named as Debian's service does, /etc/orthanc, it says /etc.
    """
    arguments = (orthanc.GetCommandLineArgument(index) for index in range(orthanc.GetCommandLineArgumentsCount()))
    folders = [path for path in arguments if not path.startswith("-") and os.path.isdir(path)]
    return os.path.abspath(folders[-1]) if folders else orthanc.GetConfigurationPath()


def greet(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The first line that a worker reads. Not at load: there is no REST yet."""
    scheme = "https" if configuration.get("SslEnabled") else "http"
    return {
        "hello": 1,
        "configuration": {k: v for k, v in configuration.items() if k in _PASSED or k.startswith(_PASSED_GROUPS)},
        "url": f"{scheme}://127.0.0.1:{configuration.get('HttpPort', 8042)}",
        "authorization": orthanc.GenerateRestApiAuthorizationToken(),
        # Recipes stand beside it, and Orthanc sorts the projects by their names: the file has them in their order.
        "configuration_path": configuration_path(),
        "orthanc_version": json.loads(orthanc.RestApiGet("/system"))["Version"],
    }


def log(level: str, message: str) -> None:
    """Write to Orthanc's log whatever the message holds (Orthanc raises for NUL and lone surrogates)."""
    _LOGS.get(level, orthanc.LogInfo)(f"SendIt: {message}".replace("\0", "?").encode(errors="replace").decode())


def guarded(function: Callable[..., None]) -> Callable[..., None]:
    """No exception reaches Orthanc. Its message stays out of the log: it may hold what a client sent."""

    @functools.wraps(function)
    def guard(*args: Any, **kwargs: Any) -> None:
        try:
            function(*args, **kwargs)
        except Exception as error:
            trace = "".join(traceback.format_tb(error.__traceback__))
            log("error", f"{type(error).__name__} in {function.__qualname__}\n{trace}")

    return guard


def start_thread(target: Callable[..., None], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=guarded(target), args=args, name=f"sendit{target.__name__}", daemon=True)
    thread.start()
    return thread


class Events:
    """What the worker has not been told yet. Putting never waits; beyond MAX_EVENTS it drops."""

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: deque[tuple[str, str]] = deque()
        self._changed = threading.Condition()

    def put(self, kind: str, resource: str) -> None:
        with self._changed:
            if len(self._waiting) < MAX_EVENTS:
                self._waiting.append((kind, resource))
                self._changed.notify()
                return
            self.dropped += 1
        if self.dropped == 1:
            log("warning", f"more than {MAX_EVENTS} events wait; what is dropped now, the worker's sweep will find")

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def take(self, closing: threading.Event) -> list[dict[str, Any]]:
        """All that wait, once there are any, as lines; none when `closing` is set (`wake` must follow that)."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or closing.is_set())
        if closing.wait(LINGER):
            return []
        with self._changed:
            taken, self._waiting = self._waiting, deque()
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
    """One worker process, from its start to its end, with the two threads that write to it and read from it."""

    def __init__(self, python: str, greeting: Mapping[str, Any], events: Events) -> None:
        """Raises OSError if there is no such interpreter."""
        self.ready_since = float("inf")  # time.monotonic()
        self.socket = ""
        self.stopped: Mapping[str, Any] = {}  # its last word
        self.last_line = ""  # the last that was no JSON: the end of a traceback
        self.ended = threading.Event()
        self._closing = threading.Event()
        self._events = events
        self._process = Popen(
            [python, *WORKER],
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            encoding="utf-8",
            errors="replace",
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            cwd="/",
            start_new_session=True,  # Orthanc's signals are not for it, and it can be ended with its children
        )
        writer = start_thread(self._write, self._process.stdin, greeting)
        self._threads = [writer, start_thread(self._read, self._process.stdout)]

    def wait(self) -> int:
        """Its exit status, once it and all of its children are gone (negative: the signal that ended it)."""
        # Until it is reaped its number is its own, so killing the group cannot hit anybody else.
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        self.ended.set()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._close_stdin()
        for thread in self._threads:
            thread.join(2)
        return self._process.wait()

    def stop(self) -> None:
        """End it, the harder the longer it takes. `wait` must be running on another thread."""
        self._close_stdin()
        for number, grace in ((signal.SIGTERM, EOF_GRACE), (signal.SIGKILL, TERM_GRACE)):
            if not self.ended.wait(grace):
                log("warning", f"the worker does not end, sending {number.name}")
                with contextlib.suppress(ProcessLookupError):  # in this very moment
                    os.killpg(self._process.pid, number)

    def _close_stdin(self) -> None:
        self._closing.set()
        self._events.wake()

    def _write(self, pipe: IO[str], greeting: Mapping[str, Any]) -> None:
        lines = [greeting]
        with contextlib.suppress(BrokenPipeError), pipe:  # if it breaks the worker has ended, which `wait` sees
            while not self._closing.is_set():
                pipe.writelines(json.dumps(line) + "\n" for line in lines)
                pipe.flush()
                lines = [*self._events.take(self._closing)]

    def _read(self, pipe: IO[str]) -> None:
        for line in pipe:
            try:
                said = json.loads(line)
            except ValueError:
                said = None
            if isinstance(said, dict):
                self._hear(said)
            elif line.strip():
                self.last_line = line.strip()
                log("error", line.rstrip())

    def _hear(self, said: Mapping[str, Any]) -> None:
        if said.get("ready"):
            self.socket, self.ready_since = str(said.get("socket", "")), time.monotonic()
            log("warning", "the worker is ready")
        elif isinstance(said.get("stopped"), dict):
            self.stopped = said["stopped"]
        else:
            log(str(said.get("level")), str(said.get("message")))


class Supervisor:
    """Keeps one worker running from Orthanc's start to its stop, and knows why if none is."""

    def __init__(self, configuration: Mapping[str, Any], problem: Problem | None) -> None:
        self.events = Events()
        self.hopeless = problem is not None
        self._problem = problem or Problem("SendIt is starting.", "Try again in a moment.")
        self._configuration = configuration
        self._worker: Worker | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._launching = threading.Lock()

    def start(self) -> None:
        if self.hopeless:
            log("error", f"nothing is forwarded. {self._problem.error} {self._problem.cure}")
        else:
            self._thread = start_thread(self._run, greet(self._configuration))

    def stop(self) -> None:
        self._stopping.set()
        with self._launching:
            worker = self._worker
        if worker:
            worker.stop()
        if self._thread:
            self._thread.join(1)

    def where(self) -> str | Problem:
        """The worker's socket, or why there is none."""
        worker = self._worker
        return worker.socket if worker and worker.socket and not worker.ended.is_set() else self._problem

    def _run(self, greeting: Mapping[str, Any]) -> None:
        delay = FIRST_DELAY
        while not self._stopping.is_set():
            self._run_once(greeting)
            if self.hopeless or self._stopping.is_set():
                return
            if self._worker and time.monotonic() - self._worker.ready_since > HEALTHY:
                delay = FIRST_DELAY
            log("error", f"{self._problem.error} Next try in {delay:g} s.")
            self._stopping.wait(delay)
            delay = min(2 * delay, MAX_DELAY)

    def _run_once(self, greeting: Mapping[str, Any]) -> None:
        """From a worker's start to its end, which `_problem` then explains."""
        python = find_python(self._configuration)
        with self._launching:
            if self._stopping.is_set():
                return
            try:
                self._worker = worker = Worker(python, greeting, self.events)
            except OSError as error:
                told = f"The worker's interpreter {python} cannot be started ({error.strerror})."
                self._problem = Problem(told, "Install SendIt's environment, or name it in SendIt.Python.")
                return
        status = worker.wait()
        reason = str(worker.stopped.get("reason") or worker.last_line or "it gave no reason")
        if status == EX_CONFIG and not worker.stopped.get("retry"):
            place = str(worker.stopped.get("place", ""))
            told = reason if reason.startswith(place) else f"{place}: {reason}"
            self._problem, self.hopeless = Problem(told, "Correct this, then restart Orthanc."), True
            log("error", f"nothing is forwarded. {told} Correct this, then restart Orthanc.")
        else:
            told = f"The worker ended (exit status {status}): {reason.rstrip('.')}."
            self._problem = Problem(told, "It will be started again.")


#: Headers of the connection between this proxy and the worker, or Orthanc's own to write.
_NOT_PASSED = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server", "set-cookie"}
#: The statuses that Orthanc can answer with a body (measured with 1.10.1 and 1.12.7); any other closes the connection.
_ANSWERABLE = {*range(200, 209), 226, 300, *range(302, 306), 307, *range(400, 418), 422, 423, 424, 426} - {405}
_ANSWERABLE |= {*range(500, 508), 509, 510}
_NEAREST = {301: 307, 308: 307, 429: 503}
_PAGE = "SendIt is not running\n\n{error}\n{cure}\n\nOrthanc goes on receiving; nothing is forwarded meanwhile.\n"


class Proxied:
    """One request for /sendit/*, answered with what the worker says or with the reason why it says nothing."""

    def __init__(self, output: orthanc.RestOutput, uri: str, **request: Any) -> None:
        """`request` as of orthanc.RegisterRestCallback."""
        self._output, self._uri, self._request = output, uri, request
        self._given: Mapping[str, str] = request.get("headers", {})

    def answer(self, supervisor: Supervisor) -> None:
        where = supervisor.where()
        if isinstance(where, Problem):
            return self.explain(503, where)
        try:
            status, headers, body = self._ask(where)
        except TimeoutError:
            return self.explain(504, Problem("SendIt's worker does not answer.", "Look in Orthanc's log."))
        except (OSError, http.client.HTTPException):
            where = supervisor.where()
            broken = Problem("SendIt's worker broke off.", "Try again in a moment.")
            return self.explain(503, where if isinstance(where, Problem) else broken)
        return self._reply(status, headers, body)

    def _ask(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers by their names in lower case, and body."""
        connection = http.client.HTTPConnection("localhost")
        with socket.socket(socket.AF_UNIX) as connection.sock:
            connection.sock.settimeout(PROXY_TIMEOUT)
            connection.sock.connect(path)
            connection.request(self._request["method"], self._target(), self._request.get("body"), self._headers())
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, headers, answer.read()

    def _target(self) -> str:
        """Path and query for the worker. Orthanc decoded the path, and from 1.13 on the query (before, % stays)."""
        path = urllib.parse.quote(self._uri.removeprefix(PREFIX)) or "/"
        quote = functools.partial(urllib.parse.quote, safe="%+/:,")
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in self._request.get("get", {}).items())
        return f"{path}?{query}" if query else path

    def _headers(self) -> dict[str, str]:
        """What the worker is told of the request: no password, no cookie. X-SendIt-User is percent-encoded UTF-8."""
        passed = {name: self._given[name] for name in ("host", "accept", "content-type") if name in self._given}
        passed["X-Forwarded-Prefix"] = PREFIX
        scheme, _, credentials = self._given.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":  # where AuthenticationEnabled is true, Orthanc has checked the password
            user = base64.b64decode(credentials).decode(errors="replace").partition(":")[0]
            passed["X-SendIt-User"] = urllib.parse.quote(user)
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
        text = body.decode(errors="replace").replace("\0", "?")  # until plugin 4.x Orthanc takes no bytes here
        if "json" in mime:  # Orthanc 1.12 adds a second Content-Type, text/plain, which stands for Latin-1
            text = re.sub(r"[^\0-\x7f]", lambda found: json.dumps(found[0])[1:-1], text)
        try:
            return self._output.SendHttpStatus(status, text)
        except TypeError:  # until plugin 4.x it wants the size too, and has sent nothing yet
            return self._output.SendHttpStatus(status, text, len(text.encode()))

    def explain(self, status: int, problem: Problem) -> None:
        """A small page for a person (text: from 1.12 on Orthanc shows no HTML with such a status), or JSON."""
        mime, body = "application/json", json.dumps(problem._asdict())
        if "text/html" in self._given.get("accept", ""):
            mime, body = "text/plain; charset=utf-8", _PAGE.format(**problem._asdict())
        self._reply(status, {"content-type": mime, "cache-control": "no-store"}, body.encode())


#: Relative links, so that they hold behind a reverse proxy with a prefix of its own.
_EXPLORER = """(function () {
  function button(text) {
    return $('<a data-role="button" data-icon="forward" data-ajax="false" href="../sendit/">' + text + '</a>');
  }
  $('#lookup').live('pagebeforecreate', function () { button('SendIt').insertAfter($('#lookup-result')); });
  var ofStudy = button('SendIt: batches of this study');
  $('#study').live('pagebeforecreate', function () { ofStudy.insertBefore($('#study-delete').parent().parent()); });
  $('#study').live('pagebeforeshow', function () {
    ofStudy.attr('href', '../sendit/?study=' + encodeURIComponent($.mobile.pageData.uuid));
  });
})();"""


#: With plugin 5.0 Orthanc crashes at its end when a REST callback is held by nothing but its registration.
_KEPT: list[Callable[..., None]] = []


@guarded
def install() -> None:
    """Register everything that Orthanc calls."""
    try:
        configuration = json.loads(orthanc.GetConfiguration())
        supervisor = Supervisor(configuration, find_problem(configuration))
    except Exception as error:
        unread = Problem(f"The configuration cannot be read ({type(error).__name__}).", "Correct it, restart Orthanc.")
        supervisor = Supervisor({}, unread)
    change = orthanc.ChangeType
    studies = {change.NEW_STUDY: "new_study", change.STABLE_STUDY: "stable", change.DELETED: "deleted"}

    def tell(kind: str, resource: str) -> None:
        if not supervisor.hopeless:
            supervisor.events.put(kind, resource)

    @guarded
    def on_change(kind: int, level: int, resource: str) -> None:
        if kind == change.ORTHANC_STARTED:
            supervisor.start()
        elif kind == change.ORTHANC_STOPPED:
            supervisor.stop()
        elif level == orthanc.ResourceType.STUDY and kind in studies:
            tell(studies[kind], resource)

    @guarded
    def on_request(output: orthanc.RestOutput, uri: str, **request: Any) -> None:
        proxied = Proxied(output, uri, **request)
        try:
            proxied.answer(supervisor)
        except Exception:
            proxied.explain(500, Problem("SendIt's plugin cannot answer this.", "Look in Orthanc's log."))
            raise

    _KEPT.append(on_request)
    orthanc.RegisterRestCallback(PREFIX, on_request)
    orthanc.RegisterRestCallback(PREFIX + "/(.*)", on_request)
    orthanc.RegisterOnChangeCallback(on_change)
    orthanc.RegisterOnStoredInstanceCallback(guarded(lambda _, resource: tell("stored", resource)))
    orthanc.ExtendOrthancExplorer(_EXPLORER)


install()

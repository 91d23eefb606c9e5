"""Call the worker's API over its Unix socket, for the command line."""

from __future__ import annotations

import http.client
import json
import os
import pwd
import re
import socket
from pathlib import Path
from typing import Any

from sendit.errors import Misconfigured, Retry, SendItError

SOCKET_FILE = "sendit.sock"
#: sun_path holds 108 bytes on Linux, the last of them zero.
_LONGEST = 107
#: Seconds after which a worker that does not answer a small request hangs.
_ALIVE = 10.0


def socket_path(data_directory: Path) -> Path:
    """Return where the API listens.

    Raises:
        Misconfigured: the path is too long for a Unix socket.
    """
    path = data_directory / SOCKET_FILE
    if len(os.fsencode(path)) > _LONGEST:
        raise Misconfigured("SendIt.DataDirectory", "its path is too long for a Unix socket", "Choose a shorter one.")
    return path


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def cli_actor() -> str:
    """Return who acts on the command line, named as the API names whoever opens its socket."""
    return f"cli:{describe_user(os.getuid())}"[:128]


class Refused(SendItError):
    """The API answered with an error; the text is the error and its remedy."""


class Client:
    """A client of the worker that listens on this socket."""

    def __init__(self, path: Path, timeout: float = 60) -> None:
        self._path = path
        self._timeout = timeout

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON answer. A POST always sends JSON: `{}` without a body.

        Raises:
            Retry: no worker listens, or it hangs.
            Misconfigured: the user may not open its socket.
            Refused: it answered with an error.
        """
        if method == "POST" and body is None:
            body = {}
        connection, sent = _UnixConnection(self._path, self._timeout), False
        try:
            self._see_it_alive()
            headers, sent = {"Content-Type": "application/json"}, True
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = _content(answer.read())
        except PermissionError:
            problem = f"you may not open {self._path}"
            raise Misconfigured("SendIt.DataDirectory", problem, "Run this as Orthanc's user or as root.") from None
        except (OSError, http.client.HTTPException) as error:
            why = f"{_why_silent(error)}. The worker was asked at {self._path}"
            perhaps = ". Perhaps it is done all the same: look first, before you do it again"
            raise Retry(why + perhaps if sent and method == "POST" else why) from None
        finally:
            connection.close()
        if answer.status >= 400:
            raise Refused(_message(content))
        return content

    def _see_it_alive(self) -> None:
        """Ask for something small first: an answer may take long, but a worker that hangs is to be noticed soon."""
        connection = _UnixConnection(self._path, min(self._timeout, _ALIVE))
        try:
            connection.request("GET", "/alive")
            connection.getresponse().read()  # 404 is an answer, too
        finally:
            connection.close()


#: Where a value stands in a request, and an address that a remedy of the API names.
_PLACE = re.compile(r"^(?:body|query|path)\.")
_ADDRESS = re.compile(r"GET /sendit/api/(?P<what>\w+)(?:/(?P<which>[^/\s]+))?(?:/images)?|/sendit/api/docs")
#: The commands that show what the API lists, and one of it.
_COMMANDS = {"health": "projects", "pauses": "pause"}
_COMMANDS_OF_ONE = {"batches": "review show"}


def _command(address: re.Match[str]) -> str:
    """Return what a person at a terminal calls instead of an address of the API."""
    what, which = address["what"], address["which"]
    if what is None:
        return "--help of the command"
    if which is None:
        return f"sendit {_COMMANDS.get(what, what)}"
    return f"sendit {_COMMANDS_OF_ONE.get(what, what)} {which}"


def _why_silent(error: Exception) -> str:
    """Return why no worker answered, and what to do."""
    if isinstance(error, TimeoutError):
        remedy = "If it does so for minutes, restart Orthanc: nothing is lost, and nothing is sent twice"
        return f"SendIt's worker hangs, or the machine is very busy. {remedy}"
    if isinstance(error, FileNotFoundError):
        return "SendIt is not running. Start Orthanc; if it is running, its log shows why SendIt is not"
    if isinstance(error, ConnectionError):
        return (
            "SendIt's worker has ended. If Orthanc is running, it starts the worker again; its log shows why it ended"
        )
    return f"SendIt's worker does not answer ({type(error).__name__}). Orthanc's log may show why"


def _content(body: bytes) -> Any:
    try:
        return json.loads(body or b"null")
    except ValueError:
        return body.decode(errors="replace")


def _message(content: Any) -> str:
    if isinstance(content, dict) and "detail" in content:
        detail = _PLACE.sub("", str(content["detail"]))
        return f"{detail}. {_ADDRESS.sub(_command, content.get('cure') or '')}".strip()
    return f"unexpected answer: {content}"


_NOT_SET = 2**32 - 1  # the kernel's value for "no login"


def describe_user(user: int, process: int | str = "self") -> str:
    """Return the name of a user, and of the user who logged in first where another one did (sudo, su)."""
    try:
        login = int(Path(f"/proc/{process}/loginuid").read_text())
    except (OSError, ValueError):
        login = _NOT_SET
    if login in (_NOT_SET, user):
        return name_of_user(user)
    return f"{name_of_user(user)} (logged in: {name_of_user(login)})"


def name_of_user(user: int) -> str:
    """Return the name of a user, or the number if it has no name."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)

"""Call the worker's API over its Unix socket, for the command line."""

from __future__ import annotations

import http.client
import json
import os
import pwd
import socket
from pathlib import Path
from typing import Any

from sendit.errors import Misconfigured, Retry, SendItError

SOCKET_FILE = "sendit.sock"
#: sun_path holds 108 bytes on Linux, the last of them zero.
_LONGEST = 107


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
            Retry: no worker listens.
            Misconfigured: the user may not open its socket.
            Refused: it answered with an error.
        """
        connection = _UnixConnection(self._path, self._timeout)
        headers = {"Content-Type": "application/json"}
        if method == "POST" and body is None:
            body = {}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = _content(answer.read())
        except PermissionError:
            problem = f"you may not open {self._path}"
            raise Misconfigured("SendIt.DataDirectory", problem, "Run this as Orthanc's user or as root.") from None
        except (OSError, http.client.HTTPException) as error:
            raise Retry(
                f"the SendIt worker does not answer at {self._path} ({type(error).__name__}); is Orthanc running? "
                "If it is, its log shows why SendIt is not."
            ) from None
        finally:
            connection.close()
        if answer.status >= 400:
            raise Refused(_message(content))
        return content


def _content(body: bytes) -> Any:
    try:
        return json.loads(body or b"null")
    except ValueError:
        return body.decode(errors="replace")


def _message(content: Any) -> str:
    if isinstance(content, dict) and "detail" in content:
        return f"{content['detail']}. {content.get('cure') or ''}".strip()
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

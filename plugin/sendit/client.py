"""Talks to the worker's API over its Unix socket, for the command line."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from sendit.errors import Misconfigured, Retry, SendItError


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Refused(SendItError):
    """The API answered with an error; the text is the error and its cure."""


class Client:
    """The API of the worker that listens on this socket."""

    def __init__(self, path: Path, timeout: float = 60) -> None:
        self._path = path
        self._timeout = timeout

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer.

        Raises:
            Retry: no worker listens.
            Misconfigured: we may not open its socket.
            Refused: it answered with an error.
        """
        connection = _UnixConnection(self._path, self._timeout)
        headers = {"Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = _content(answer.read())
        except PermissionError:
            problem = f"you may not open {self._path}"
            raise Misconfigured("SendIt.DataDirectory", problem, "Run this as Orthanc's user or as root.") from None
        except (OSError, http.client.HTTPException) as error:
            raise Retry(
                f"SendIt's worker does not answer at {self._path} ({type(error).__name__}); is Orthanc running? "
                "Its log says why if SendIt is not."
            ) from None
        finally:
            connection.close()
        if answer.status >= 400:
            raise Refused(_words(content))
        return content


def _content(body: bytes) -> Any:
    try:
        return json.loads(body or b"null")
    except ValueError:
        return body.decode(errors="replace")


def _words(content: Any) -> str:
    if isinstance(content, dict) and "error" in content:
        return f"{content['error']}. {content.get('cure') or ''}".strip()
    return f"unexpected answer: {content}"

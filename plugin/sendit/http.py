"""HTTP as all of SendIt's clients speak it: sessions, TLS, statuses that may heal, and causes in words.

Nothing of the environment is used (proxies, .netrc, certificate bundles): a server is reached as the configuration
says, or not at all.
"""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter

from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable

#: The body is handed to the socket in pieces of so many bytes, so that the timeout counts for a piece and not for the
#: whole upload (`socket.sendall` has one limit for all that it is given).
PIECE = 64 * 1024

#: Statuses of 500 and above that stay: not implemented, HTTP version not supported.
_LASTING = frozenset({501, 505})


def is_temporary(status: int) -> bool:
    """Return whether a request that was answered with this status may succeed later, unchanged."""
    return status in (408, 429) or (status >= 500 and status not in _LASTING)


def causes(error: BaseException) -> list[BaseException]:
    """Return the error and all that it wraps: urllib3 and requests put causes into `args`, `reason` and the chain."""
    waiting, chain, seen = [error], [], set()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        chain.append(current)
        inner = [*current.args, getattr(current, "reason", None), current.__cause__, current.__context__]
        waiting.extend(each for each in inner if isinstance(each, BaseException))
    return chain


def why_no_answer(error: Exception, timeout: float) -> str:
    """Return why a request got no answer, to follow the name of the server: "cannot be reached: …"."""
    chain = causes(error)
    if any(isinstance(cause, socket.gaierror) for cause in chain):
        return "cannot be reached: its host name cannot be resolved"
    if any(isinstance(cause, ConnectionRefusedError) for cause in chain):
        return "cannot be reached: connection refused"
    if isinstance(error, requests.Timeout) or any(isinstance(cause, TimeoutError) for cause in chain):
        return f"did not answer within {timeout:g} s"
    return "dropped the connection"


def read_authority(path: str, place: str) -> ssl.SSLContext:
    """Return a context that trusts the authorities in a PEM file, and no others.

    Args:
        path: the file with the certificates.
        place: the key of the configuration that names the file.

    Raises:
        Misconfigured: the file cannot be read, or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=path)
    except OSError as error:  # ssl.SSLError, when it holds no certificate, is one
        reason = "holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
        raise Misconfigured(place, f"{path}: {reason}", "Correct it.") from None
    return context


class Sessions:
    """One session for each thread, kept alive, made when it is first needed; all are closed together."""

    def __init__(self, make: Callable[[], requests.Session]) -> None:
        self._make = make
        self._here = threading.local()
        self._all: list[requests.Session] = []

    def get(self) -> requests.Session:
        """Return the session of this thread."""
        session: requests.Session | None = getattr(self._here, "session", None)
        if session is None:
            session = self._here.session = self._make()
            session.trust_env = False
            self._all.append(session)
        return session

    def close(self) -> None:
        """Close the connections of all threads."""
        for session in self._all:
            session.close()


class Adapter(HTTPAdapter):
    """The transport of a session, with a limit of time on every request and a TLS context of its own.

    requests alone can neither take a key's password nor forget certifi's bundle of authorities.

    Args:
        timeout: seconds to connect, and seconds without a byte; None: what the request says.
        context: for TLS; None: that of requests.
        pool: more arguments for urllib3's pool of connections.
    """

    def __init__(self, timeout: float | None = None, context: ssl.SSLContext | None = None, **pool: Any) -> None:
        self._timeout = timeout
        self._owns_tls = context is not None
        self._pool: dict[str, Any] = {"blocksize": PIECE, **pool}
        if context is not None:
            self._pool["ssl_context"] = context
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:  # noqa: FBT001, FBT002 - urllib3's
        """Add the arguments of the pool (a hook of requests)."""
        super().init_poolmanager(connections, maxsize, block, **kwargs, **self._pool)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Add the arguments of the pool (a hook of requests)."""
        return super().proxy_manager_for(proxy, **kwargs, **self._pool)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Leave certificates to the context, if there is one (a hook of requests)."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {} if self._owns_tls else tls  # type: ignore[typeddict-item]  # urllib3 takes any of its keys

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave certificates to the context, if there is one (a hook of requests)."""
        if not self._owns_tls:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Set the limit of time."""
        if self._timeout is not None:
            kwargs["timeout"] = (self._timeout, self._timeout)
        return super().send(*args, **kwargs)

"""An HTTP identity service: it is asked once for each batch.

    POST <Url>   {"project": "irb1", "patients": [{"patient_id": "MRN-1", "issuer": "HOSPITAL"}]}
    200          {"codes": ["SUBJECT-0001"]}          as many as patients, in their order; null: not known

What is not this answer, whole and valid, stops the batch and never becomes a pseudonym. Nothing of the environment is
used (proxies, .netrc), redirections are not followed, certificates are checked. Over http.client, because one limit of
time has to hold for the whole exchange, however slowly the service sends.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sendit.errors import Misconfigured, Retry, SendItError
from sendit.http import read_authority
from sendit.pseudonyms.rules import CodeFault, fault_of, no_fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendit.config.project import IdentityService
    from sendit.deidentify import Patient

_LARGEST = 1 << 16  # bytes of an answer
_PERMANENT = frozenset({400, 401, 403, 404, 405, 406, 410, 411, 413, 415, 422, 501})


class PseudonymService:
    """The identity service of one project. Safe to use from several threads.

    Raises:
        Misconfigured: CertificateAuthority cannot be read.
    """

    def __init__(self, settings: IdentityService, place: str, fault: CodeFault = no_fault) -> None:
        self._settings = settings
        self._fault = fault
        self._place = place
        self._project = place.removesuffix(".Identities").rpartition("Projects.")[2]
        parts = urlsplit(settings.url)
        self._host, self._port = parts.hostname or "", parts.port
        self._route = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._context = _context(settings, place) if parts.scheme == "https" else None

    def code(self, patient: Patient) -> str | None:
        """See `CodeSource`."""
        if not patient.patient_id:
            return None
        question = {"patient_id": patient.patient_id, "issuer": patient.issuer}
        status, kind, body = self._ask({"project": self._project, "patients": [question]})
        if status != 200:
            raise self._refusal(status)
        code = self._understood(kind, body)
        if code is not None and (fault := fault_of(code, patient.patient_id) or self._fault(code)):
            raise self._unusable(fault)
        return code

    def asked_by(self, patient: Patient) -> tuple[str, ...]:
        """See `CodeSource`."""
        return patient.parts()

    def check(self) -> str:
        """See `CodeSource`."""
        return "its identity service is asked when a batch needs it"

    def _ask(self, question: Any) -> tuple[int, str, bytes]:
        """Return status, content type and body; the body is cut off after the largest valid size."""
        connection = self._connection()
        body = json.dumps(question).encode("ascii")
        late = threading.Event()
        try:
            with _limit(connection, self._settings.timeout, late):
                connection.request("POST", self._route, body, self._headers())
                answer = connection.getresponse()
                content = answer.read(_LARGEST + 1)
                if not late.is_set():
                    # A body that breaks off before its Content-Length ends is seen here only.
                    if len(content) <= _LARGEST and answer.length:
                        raise http.client.IncompleteRead(b"", answer.length)
                    return answer.status, answer.headers.get_content_type(), content
        except ssl.SSLCertVerificationError as error:
            remedy = "Correct Url, or name the authority of its certificate under CertificateAuthority."
            raise Misconfigured(
                f"{self._place}.Url", f"the identity service shows a wrong certificate ({error.verify_message})", remedy
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if not late.is_set():
                raise Retry(f"the identity service does not answer ({type(error).__name__})") from None
        finally:
            connection.close()
        raise Retry(f"the identity service did not answer within {self._settings.timeout:g} s")

    def _connection(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._settings.timeout)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self._settings.timeout, context=self._context
        )

    def _headers(self) -> dict[str, str]:
        headers = {"User-Agent": "SendIt", **self._settings.headers}
        if self._settings.username is not None:
            pair = f"{self._settings.username}:{self._settings.password}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
        return headers | {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}

    def _understood(self, kind: str, body: bytes) -> str | None:
        if len(body) > _LARGEST:
            raise self._unusable("it is too long")
        if kind != "application/json":
            raise self._unusable("it is not called application/json")
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            raise self._unusable("it is not JSON") from None
        codes = answer.get("codes") if isinstance(answer, dict) else None
        if not isinstance(codes, list):
            raise self._unusable('it has no list "codes"')
        if len(codes) != 1:
            raise self._unusable(f"it has {len(codes)} codes for 1 patient")
        code = codes[0]
        if code is not None and not isinstance(code, str):
            raise self._unusable("the code is no string")
        return code

    def _unusable(self, problem: str) -> Retry:
        return Retry(f"the identity service's answer is unusable: {problem}")

    def _refusal(self, status: int) -> SendItError:
        problem = f"the identity service answers {status}"
        if status in _PERMANENT or 300 <= status < 400:
            remedy = "Check Url, Username, Password and Headers; redirections are not followed."
            return Misconfigured(f"{self._place}.Url", problem, remedy)
        return Retry(problem)


@contextlib.contextmanager
def _limit(connection: http.client.HTTPConnection, seconds: float, late: threading.Event) -> Iterator[None]:
    """Connect, with one time limit for that and everything inside; then the socket is closed and `late` set."""
    sockets: list[socket.socket] = []  # the connection forgets its own when the answer begins

    def end() -> None:
        late.set()
        with contextlib.suppress(OSError):
            if sockets:
                socket.socket.shutdown(sockets[0], socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        connection.connect()
        sockets.append(connection.sock)
        if late.is_set():
            raise TimeoutError
        yield
    finally:
        timer.cancel()


def _context(settings: IdentityService, place: str) -> ssl.SSLContext:
    authority = settings.certificate_authority
    if authority is None:
        return ssl.create_default_context()
    return read_authority(str(authority), f"{place}.CertificateAuthority")

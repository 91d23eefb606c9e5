"""HTTP to one DICOMweb service. What goes wrong leaves here as an error of ours.

Nothing of the environment is used (proxies, .netrc, certificate bundles), and redirections are not followed:
credentials would travel along.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import requests
from dicomweb_client.api import DICOMwebClient
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import AuthorizedSession
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth

from sendit.destination_settings import DicomWebSettings
from sendit.destinations.dicom_web_multipart import Upload
from sendit.destinations.google_credentials import credentials
from sendit.errors import Misconfigured, Retry, SendItError
from sendit.orthanc_config import OrthancConfig

#: The body is handed to the socket in pieces of so many bytes; the timeout counts for each.
_PIECE = 256 * 1024
#: Of the statuses of 500 and above only these will not heal: not implemented, HTTP version not supported.
_LASTING = {501, 505}

_JSON = "application/dicom+json"
#: As it was stored, whatever its transfer syntax (PS3.18 Section 8.7.3.5.2).
_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'


class Service:
    """The connections to one service for the time of one delivery: one session, kept alive, per thread.

    Raises:
        Misconfigured: the credentials or the file of the authority cannot be used.
    """

    def __init__(self, name: str, settings: DicomWebSettings, orthanc: OrthancConfig) -> None:
        self.name = name
        self.place = f"SendIt.Destinations.{name}"
        self.url = settings.url.rstrip("/")
        self._settings = settings
        self._proxy = orthanc.http_proxy
        self._google = credentials(settings.google, f"{self.place}.Google")[0] if settings.google else None
        if settings.certificate_authority:
            self._read_authority(str(settings.certificate_authority))
        self._here = threading.local()
        self._sessions: list[requests.Session] = []

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._sessions:
            session.close()

    def post(self, route: str, body: Upload) -> requests.Response:
        """The answer to an upload; of the statuses of 400 only those that say something of the instance come back.

        Raises:
            Retry, Misconfigured: see `refusal`.
        """
        headers = {"Content-Type": body.content_type, "Accept": _JSON}
        with self._told():
            answer = self._session().post(self.url + route, data=body, headers=headers, allow_redirects=False)
        if answer.status_code not in (200, 202, 409):
            raise self.refusal(answer, "store")
        return answer

    @contextlib.contextmanager
    def get_instance(self, route: str) -> Iterator[requests.Response | None]:
        """The answer, whose body is not read yet, or None for what is not there."""
        with self._told():
            headers = {"Accept": _AS_STORED, "Accept-Encoding": "identity"}
            with self._session().get(self.url + route, headers=headers, stream=True, allow_redirects=False) as answer:
                if answer.status_code in (404, 410):
                    yield None
                elif answer.status_code != 200:
                    raise self.refusal(answer, "read")
                else:
                    yield answer

    def search(self, study: str, series: str = "", instance: str = "") -> bool:
        """Does the service know this study, or this instance of it?"""
        with self._told():
            client = self._client()
            if not instance:
                return bool(client.search_for_studies(search_filters={"StudyInstanceUID": study}, limit=1))
            filters = {"SOPInstanceUID": instance}
            return bool(client.search_for_instances(study, series, search_filters=filters, limit=1))

    def search_any(self) -> None:
        """Return if the service answers a search."""
        with self._told():
            self._client().search_for_studies(limit=1)

    def delete_instance(self, study: str, series: str, instance: str) -> bool:
        """False where the service has no way to delete, or does not know the instance."""
        with self._told():
            try:
                self._client().delete_instance(study, series, instance)
            except requests.HTTPError as error:
                if error.response.status_code in (400, 404, 405, 410, 501):
                    return False
                raise
            return True

    def refusal(self, answer: requests.Response, verb: str) -> SendItError:
        """The error for an answer that is none of those that are hoped for."""
        status, service = answer.status_code, f"the DICOMweb service {self.name}"
        if status in (408, 429) or (status >= 500 and status not in _LASTING):
            return Retry(f"{service} is not well: it answered {status}")
        if status == 401:
            key = "Google" if self._google else "Username"
            cure = "Check the credentials: the service does not accept them."
            return Misconfigured(f"{self.place}.{key}", f"{service} does not let SendIt in (401)", cure)
        if status == 403:
            cure = "Let this account store and read: SendIt reads back what it has sent."
            return Misconfigured(self.place, f"{service} does not let SendIt {verb} (403)", cure)
        if status == 407:
            return Misconfigured("HttpProxy", "the proxy does not let SendIt in", "Check its user and password.")
        if status == 413:
            return Misconfigured(self.place, f"the instance is too large for {service} (413)", "Raise the limit there.")
        if status in (404, 405, 501) or 300 <= status < 400:
            problem = f"there is no DICOMweb service that can {verb} at this URL (it answered {status})"
            return Misconfigured(f"{self.place}.Url", problem, "Check the URL and its path.")
        return Misconfigured(self.place, f"{service} answered {status}", "See the service's log for the reason.")

    def _client(self) -> DICOMwebClient:
        """For searching and deleting. Storing and retrieving go past it (docs/decisions/0008)."""
        client: DICOMwebClient | None = getattr(self._here, "client", None)
        if client is None:
            timeout = self._settings.timeout
            client = DICOMwebClient(self.url, session=self._session(), permissive_uid=True, timeout=timeout)
            client.set_http_retry_params(retry=False)
            self._here.client = client
        return client

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._here, "session", None)
        if session is None:
            session = self._here.session = self._new_session()
            self._sessions.append(session)
        return session

    def _new_session(self) -> requests.Session:
        settings = self._settings
        # Its own second try after 401 would send what is left of a body that was read already.
        session = AuthorizedSession(self._google, refresh_status_codes=()) if self._google else requests.Session()  # type: ignore[no-untyped-call]
        session.trust_env = False
        session.max_redirects = 0
        session.headers.update({"User-Agent": "SendIt", "Accept-Encoding": "identity", **settings.headers})
        if settings.username is not None and settings.password is not None:
            session.auth = HTTPBasicAuth(settings.username.encode(), settings.password.encode())
        if settings.certificate_authority:
            session.verify = str(settings.certificate_authority)
        if self._proxy:
            session.proxies = dict.fromkeys(("http", "https"), self._proxy)
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(settings.timeout))
        return session

    def _read_authority(self, path: str) -> None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
        except OSError as error:  # ssl.SSLError, when it holds no certificate, is one
            reason = "holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
            place = f"{self.place}.CertificateAuthority"
            raise Misconfigured(place, f"{path}: {reason}", "Correct it.") from None

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except requests.HTTPError as error:  # dicomweb-client raises it for every status that it does not expect
            raise self.refusal(error.response, "search") from None
        except requests.TooManyRedirects:
            problem = "the URL is redirected elsewhere, and credentials do not follow"
            raise Misconfigured(f"{self.place}.Url", problem, "Write the URL that is meant.") from None
        except GoogleAuthError as error:
            raise self._no_token(error) from None
        except (requests.JSONDecodeError, UnicodeDecodeError):
            problem = "what answers at this URL is no DICOMweb service"
            raise Misconfigured(f"{self.place}.Url", problem, "Check the URL and its path.") from None
        except (requests.RequestException, OSError) as error:
            raise self._unreachable(error) from None

    def _no_token(self, error: GoogleAuthError) -> SendItError:
        if isinstance(error, TransportError) or getattr(error, "retryable", False):
            return Retry(f"Google's service for credentials does not answer ({type(error).__name__})")
        problem = f"Google gives no access token for these credentials ({type(error).__name__})"
        cure = "The key may be deleted, disabled or expired: make a new one, and check the machine's clock."
        return Misconfigured(f"{self.place}.Google", problem, cure)

    def _unreachable(self, error: Exception) -> SendItError:
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                problem = f"the certificate of the service is not trusted ({cause.verify_message})"
                cure = "Name the file of the authority that has issued it, and check the URL."
                return Misconfigured(f"{self.place}.CertificateAuthority", problem, cure)
            if isinstance(cause, ssl.SSLError) and "WRONG_VERSION_NUMBER" in (cause.reason or ""):
                return Misconfigured(f"{self.place}.Url", "the service does not speak TLS there", "Write http://.")
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            what = "cannot be reached: its host name cannot be resolved"
        elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
            what = "cannot be reached: connection refused"
        elif isinstance(error, requests.Timeout) or any(isinstance(cause, TimeoutError) for cause in causes):
            what = f"did not answer within {self._settings.timeout:g} s"
        else:
            what = "dropped the connection"
        return Retry(f"the DICOMweb service {self.name} {what}")


class _Adapter(HTTPAdapter):
    """requests with a time limit on everything, and larger pieces."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **kwargs, blocksize=_PIECE)

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = (self._timeout, self._timeout)
        return super().send(*args, **kwargs)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it wraps: urllib3 and requests put causes into `args`, `reason` and the chain."""
    waiting, seen = [error], set()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = [*current.args, getattr(current, "reason", None), current.__cause__, current.__context__]
        waiting.extend(each for each in inner if isinstance(each, BaseException))

"""HTTP to one DICOMweb service. Faults leave here as errors of SendIt's own.

Nothing of the environment is used (proxies, .netrc, certificate bundles), and redirections are not followed:
credentials would travel along.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from typing import TYPE_CHECKING

import requests
from dicomweb_client.api import DICOMwebClient
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import AuthorizedSession
from requests.auth import HTTPBasicAuth

from sendit.destinations.google.credentials import credentials
from sendit.errors import Misconfigured, Retry, SendItError
from sendit.http import Adapter, Sessions, causes, is_temporary, read_authority, why_no_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendit.config.orthanc import OrthancConfig
    from sendit.destinations.dicomweb.multipart import Upload
    from sendit.destinations.dicomweb.settings import DicomWebSettings

_JSON = "application/dicom+json"
#: As it was stored, whatever its transfer syntax (PS3.18 Section 8.7.3.5.2).
_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'


class DicomWebClient:
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
            read_authority(str(settings.certificate_authority), f"{self.place}.CertificateAuthority")
        self._sessions = Sessions(self._new_session)
        self._here = threading.local()

    def __enter__(self) -> DicomWebClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._sessions.close()

    def post(self, route: str, body: Upload) -> requests.Response:
        """Upload, and return the answer.

        Of the 4xx statuses only those about the instance are returned; the others raise.

        Raises:
            Retry, Misconfigured: see `refusal`.
        """
        headers = {"Content-Type": body.content_type, "Accept": _JSON}
        with self._told():
            answer = self._sessions.get().post(self.url + route, data=body, headers=headers, allow_redirects=False)
        if answer.status_code not in (200, 202, 409):
            raise self.refusal(answer, "store")
        return answer

    @contextlib.contextmanager
    def get_instance(self, route: str) -> Iterator[requests.Response | None]:
        """Open the answer, whose body is not read yet; None for an instance that is not there."""
        with self._told():
            headers = {"Accept": _AS_STORED, "Accept-Encoding": "identity"}
            with self._sessions.get().get(
                self.url + route, headers=headers, stream=True, allow_redirects=False
            ) as answer:
                if answer.status_code in (404, 410):
                    yield None
                elif answer.status_code != 200:
                    raise self.refusal(answer, "read")
                else:
                    yield answer

    def search(self, study: str, series: str = "", instance: str = "") -> bool:
        """Return whether the service has this study, or this instance of it."""
        with self._told():
            client = self._client()
            if not instance:
                return bool(client.search_for_studies(search_filters={"StudyInstanceUID": study}, limit=1))
            filters = {"SOPInstanceUID": instance}
            return bool(client.search_for_instances(study, series, search_filters=filters, limit=1))

    def search_any(self) -> None:
        """Check that the service answers a search."""
        with self._told():
            self._client().search_for_studies(limit=1)

    def delete_instance(self, study: str, series: str, instance: str) -> bool:
        """Delete an instance; False if the service cannot delete, or does not have the instance."""
        with self._told():
            try:
                self._client().delete_instance(study, series, instance)
            except requests.HTTPError as error:
                if error.response.status_code in (400, 404, 405, 410, 501):
                    return False
                raise
            return True

    def refusal(self, answer: requests.Response, verb: str) -> SendItError:
        """Return the error for an unexpected answer."""
        status, service = answer.status_code, f"the DICOMweb service {self.name}"
        if is_temporary(status):
            return Retry(f"{service} is failing: it answered {status}")
        if status == 401:
            key = "Google" if self._google else "Username"
            remedy = "Check the credentials: the service does not accept them."
            return Misconfigured(f"{self.place}.{key}", f"{service} denies SendIt access (401)", remedy)
        if status == 403:
            remedy = "Allow this account to store and read: SendIt reads back what it has sent."
            return Misconfigured(self.place, f"{service} does not allow SendIt to {verb} (403)", remedy)
        if status == 407:
            return Misconfigured("HttpProxy", "the proxy denies SendIt access", "Check its user and password.")
        if status == 413:
            return Misconfigured(self.place, f"the instance is too large for {service} (413)", "Raise the limit there.")
        if status in (404, 405, 501) or 300 <= status < 400:
            problem = f"there is no DICOMweb service that can {verb} at this URL (it answered {status})"
            return Misconfigured(f"{self.place}.Url", problem, "Check the URL and its path.")
        return Misconfigured(self.place, f"{service} answered {status}", "See the service's log for the reason.")

    def _client(self) -> DICOMwebClient:
        """Return the client for searching and deleting. Storing and retrieving bypass it (docs/decisions/0008)."""
        client: DICOMwebClient | None = getattr(self._here, "client", None)
        if client is None:
            timeout = self._settings.timeout
            client = DICOMwebClient(self.url, session=self._sessions.get(), permissive_uid=True, timeout=timeout)
            client.set_http_retry_params(retry=False)
            self._here.client = client
        return client

    def _new_session(self) -> requests.Session:
        settings = self._settings
        # Its own second try after 401 would send what is left of a body that was read already.
        session = AuthorizedSession(self._google, refresh_status_codes=()) if self._google else requests.Session()  # type: ignore[no-untyped-call]
        session.max_redirects = 0
        session.headers.update({"User-Agent": "SendIt", "Accept-Encoding": "identity", **settings.headers})
        if settings.username is not None and settings.password is not None:
            session.auth = HTTPBasicAuth(settings.username.encode(), settings.password.encode())
        if settings.certificate_authority:
            session.verify = str(settings.certificate_authority)
        if self._proxy:
            session.proxies = dict.fromkeys(("http", "https"), self._proxy)
        for scheme in ("http://", "https://"):
            session.mount(scheme, Adapter(settings.timeout))
        return session

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except requests.HTTPError as error:  # dicomweb-client raises it for every status that it does not expect
            raise self.refusal(error.response, "search") from None
        except requests.TooManyRedirects:
            problem = "the URL is redirected elsewhere, and credentials do not follow"
            raise Misconfigured(f"{self.place}.Url", problem, "Write the final URL.") from None
        except GoogleAuthError as error:
            raise self._no_token(error) from None
        except (requests.JSONDecodeError, UnicodeDecodeError):
            problem = "the server at this URL is not a DICOMweb service"
            raise Misconfigured(f"{self.place}.Url", problem, "Check the URL and its path.") from None
        except (requests.RequestException, OSError) as error:
            raise self._unreachable(error) from None

    def _no_token(self, error: GoogleAuthError) -> SendItError:
        if isinstance(error, TransportError) or getattr(error, "retryable", False):
            return Retry(f"Google's service for credentials does not answer ({type(error).__name__})")
        problem = f"Google does not issue an access token for these credentials ({type(error).__name__})"
        remedy = "The key may be deleted, disabled or expired: make a new one, and check the machine's clock."
        return Misconfigured(f"{self.place}.Google", problem, remedy)

    def _unreachable(self, error: Exception) -> SendItError:
        for cause in causes(error):
            if isinstance(cause, ssl.SSLCertVerificationError):
                problem = f"the certificate of the service is not trusted ({cause.verify_message})"
                remedy = "Name the file of the authority that has issued it, and check the URL."
                return Misconfigured(f"{self.place}.CertificateAuthority", problem, remedy)
            if isinstance(cause, ssl.SSLError) and "WRONG_VERSION_NUMBER" in (cause.reason or ""):
                return Misconfigured(f"{self.place}.Url", "the service does not speak TLS there", "Write http://.")
        return Retry(f"the DICOMweb service {self.name} {why_no_answer(error, self._settings.timeout)}")

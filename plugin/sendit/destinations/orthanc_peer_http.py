"""HTTP to one Orthanc peer, as "OrthancPeers" describes it. What goes wrong leaves here as an error of ours.

Nothing of the environment is used (proxies, .netrc, certificate bundles): a peer is reached as orthanc.json says, or
not at all. Redirections are not followed: a redirected POST would become a GET, and credentials would travel along.
"""

from __future__ import annotations

import hashlib
import io
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth

from sendit.destinations.orthanc_peer_errors import refusal, translate
from sendit.errors import Misconfigured
from sendit.orthanc_config import OrthancConfig, Peer

#: The body is handed to the socket in pieces of so many bytes, so that the timeout counts for a piece and not for the
#: whole upload (`socket.sendall` has one limit for all that it is given).
_PIECE = 256 * 1024

#: Answers to an archive that one instance alone may not get: not understood (Orthanc before 1.8.2), too large, not this
#: type, and an error that one of its instances may have brought about.
_NO_ARCHIVES = {400, 413, 415, 500}

#: requests computes these; set by hand they would contradict the body. curl, in Orthanc, ignores them likewise.
_COMPUTED = {"content-length", "transfer-encoding", "accept-encoding"}


class PeerConnections:
    """The connections to one peer for the time of one delivery: one session, kept alive, per thread.

    Certificates and passwords are read when it is made, so that a renewed certificate serves the next delivery.
    """

    def __init__(self, peer: Peer, orthanc: OrthancConfig) -> None:
        self.peer = peer
        self._timeout = peer.timeout or orthanc.http_timeout
        self._proxy = _proxy(orthanc.http_proxy)
        self._context = _ssl_context(peer, orthanc) if peer.url.startswith("https:") else None
        self._here = threading.local()
        self._sessions: list[requests.Session] = []

    def __enter__(self) -> PeerConnections:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions:
            session.close()

    def get(self, route: str) -> requests.Response | None:
        """The peer's answer, or None for 404.

        Raises:
            Retry, Misconfigured: see `orthanc_peer_errors`.
        """
        answer = self._request("GET", route)
        if answer.status_code == requests.codes.not_found:
            return None
        return self._granted(answer, "GET", route)

    def download(self, route: str, into: IO[bytes] | None) -> str | None:
        """The MD5 of the answer's body, which goes into the file in pieces; None for 404. The errors: see `get`."""
        answer = self._request("GET", route, stream=True)
        try:
            if answer.status_code == requests.codes.not_found:
                return None
            self._granted(answer, "GET", route)
            digest = hashlib.md5(usedforsecurity=False)
            for piece in answer.iter_content(_PIECE):
                digest.update(piece)
                if into is not None:
                    into.write(piece)
            return digest.hexdigest()
        except requests.RequestException as error:
            raise translate(self.peer, self._timeout, error) from None
        finally:
            answer.close()

    def post(self, route: str, body: BinaryIO, content_type: str) -> requests.Response:
        """The peer's answer to an upload, which is read in pieces; the errors are those of `get`, and 404 is one."""
        return self._granted(self._request("POST", route, body, content_type), "POST", route)

    def post_archive(self, route: str, body: bytes) -> requests.Response | None:
        """The peer's answer to a ZIP archive; None if it refuses that as such. The errors are those of `post`."""
        answer = self._request("POST", route, io.BytesIO(body), "application/zip")
        return None if answer.status_code in _NO_ARCHIVES else self._granted(answer, "POST", route)

    def delete(self, route: str) -> None:
        """Deleted now, or not there; the errors are those of `get`."""
        answer = self._request("DELETE", route)
        if answer.status_code != requests.codes.not_found:
            self._granted(answer, "DELETE", route)

    def _granted(self, answer: requests.Response, method: str, route: str) -> requests.Response:
        if answer.status_code != requests.codes.ok:
            raise refusal(self.peer, method, route, answer)
        return answer

    def _request(
        self, method: str, route: str, body: BinaryIO | None = None, content_type: str = "", stream: bool = False
    ) -> requests.Response:
        try:
            return self._session().request(
                method,
                self.peer.url + route,
                data=body,
                headers={"Content-Type": content_type} if content_type else None,
                timeout=(self._timeout, self._timeout),
                allow_redirects=False,
                stream=stream,
            )
        except (requests.RequestException, OSError, ValueError) as error:
            raise translate(self.peer, self._timeout, error) from None

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._here, "session", None)
        if session is None:
            session = self._here.session = self._new_session()
            self._sessions.append(session)
        return session

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.headers["User-Agent"] = "SendIt"
        for key, value in self.peer.headers.items():
            if value and key.lower() not in _COMPUTED:  # an empty one means "do not send it" to curl, in Orthanc
                session.headers[key] = value if value.isascii() else value.encode()
        session.headers["Accept-Encoding"] = "identity"  # Orthanc's gzip of DICOM costs far more than it saves
        if self.peer.username:
            # UTF-8, as Orthanc sends and reads it; requests would encode Latin-1.
            session.auth = HTTPBasicAuth(self.peer.username.encode(), self.peer.password.encode())
        if self._proxy:
            session.proxies = {"http": self._proxy, "https": self._proxy}
        adapter = _Adapter(self._context)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        return session


class _Adapter(HTTPAdapter):
    """requests with a TLS context of our own: it cannot take a key's password, nor forget the bundle of certifi."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._pool: dict[str, Any] = {"blocksize": _PIECE}
        if context is not None:
            self._pool["ssl_context"] = context
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **kwargs, **self._pool)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **kwargs, **self._pool)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing to do: the context says it all."""


def _proxy(configured: str) -> str:
    if not configured:
        return ""
    proxy = configured if "://" in configured else f"http://{configured}"
    if urlsplit(proxy).scheme not in ("http", "https"):
        raise Misconfigured("HttpProxy", "SendIt can use an HTTP proxy only", "Name one, or leave HttpProxy empty.")
    return proxy


def _ssl_context(peer: Peer, orthanc: OrthancConfig) -> ssl.SSLContext:
    context = ssl.create_default_context()
    # Accept what curl, in Orthanc, accepts: Python 3.13 became stricter than OpenSSL's default.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not orthanc.https_verify_peers:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif orthanc.https_ca_certificates:
        context = _trusting_only(orthanc.https_ca_certificates, context.verify_flags)
    if peer.certificate_file:
        _present_certificate(context, peer)
    return context


def _trusting_only(bundle: str, flags: ssl.VerifyFlags) -> ssl.SSLContext:
    if not Path(bundle).is_absolute():
        problem = f"SendIt cannot know from which folder {bundle} is meant"
        raise Misconfigured("HttpsCACertificates", problem, "Give the whole path, beginning with /.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags = flags
    try:
        context.load_verify_locations(cafile=bundle)
    except OSError as error:  # ssl.SSLError, when it holds no certificate, is one
        reason = "holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
        raise Misconfigured("HttpsCACertificates", f"{bundle}: {reason}", "Correct it.") from None
    return context


def _present_certificate(context: ssl.SSLContext, peer: Peer) -> None:
    place = f"OrthancPeers.{peer.name}."
    for key, file in (("CertificateFile", peer.certificate_file), ("CertificateKeyFile", peer.certificate_key_file)):
        if file:
            try:
                Path(file).open("rb").close()
            except OSError as error:
                raise Misconfigured(place + key, f"{file}: {error.strerror}", "Correct it.") from None
    try:
        context.load_cert_chain(
            peer.certificate_file,
            peer.certificate_key_file or None,
            password=lambda: peer.certificate_key_password,  # a function: without one OpenSSL asks on the terminal
        )
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            problem, cure = "this is not the key of the certificate", "Name the two that belong together."
        else:  # OpenSSL does not say which of these it is
            problem = "the certificate or its key is no PEM file, or the key's password is wrong"
            cure = "Check CertificateFile, CertificateKeyFile and CertificateKeyPassword."
        raise Misconfigured(place + "CertificateKeyFile", problem, cure) from None

"""HTTP to one Orthanc peer, as "OrthancPeers" describes it, and its answers as errors of ours.

`Retry` is what may pass by itself: the network, a peer that starts or is overloaded or has a full disk. `Misconfigured`
is what stays so until a person acts. No message holds a credential; of the peer's own words only Orthanc's "Message".

Nothing of the environment is used (proxies, .netrc, certificate bundles): a peer is reached as orthanc.json says, or
not at all. Redirections are not followed: a redirected POST would become a GET, and credentials would travel along.
"""

from __future__ import annotations

import hashlib
import io
import ssl
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

import requests
from requests.auth import HTTPBasicAuth

from sendit.errors import Misconfigured, Retry, SendItError
from sendit.http import PIECE, Adapter, Sessions, causes, is_temporary, read_authority, why_no_answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from sendit.config.orthanc import OrthancConfig, Peer

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
        self._sessions = Sessions(self._new_session)
        self._first: requests.PreparedRequest | None = None

    def __enter__(self) -> PeerConnections:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sessions.close()

    def get(self, route: str) -> requests.Response | None:
        """Return the peer's answer, or None for 404.

        Raises:
            Retry, Misconfigured: see the head of this module.
        """
        answer = self._request("GET", route)
        if answer.status_code == requests.codes.not_found:
            return None
        return self._granted(answer, "GET", route)

    def download(self, route: str, into: IO[bytes] | None) -> str | None:
        """Return the MD5 of the answer's body, which goes into the file in pieces; None for 404.

        The errors: see `get`.
        """
        answer = self._request("GET", route, stream=True)
        try:
            if answer.status_code == requests.codes.not_found:
                return None
            self._granted(answer, "GET", route)
            digest = hashlib.md5(usedforsecurity=False)
            for piece in answer.iter_content(PIECE):
                digest.update(piece)
                if into is not None:
                    into.write(piece)
            return digest.hexdigest()
        except requests.RequestException as error:
            raise translate(self.peer, self._timeout, error) from None
        finally:
            answer.close()

    def post(self, route: str, body: BinaryIO, content_type: str) -> requests.Response:
        """Upload, and return the peer's answer, which is read in pieces.

        The errors are those of `get`; 404 is an error, too.
        """
        return self._granted(self._request("POST", route, body, content_type), "POST", route)

    def post_archive(self, route: str, body: bytes) -> requests.Response | None:
        """Return the peer's answer to a ZIP archive; None if it refuses that as such.

        The errors are those of `post`.
        """
        answer = self._request("POST", route, io.BytesIO(body), "application/zip")
        return None if answer.status_code in _NO_ARCHIVES else self._granted(answer, "POST", route)

    def put(self, route: str, content: bytes, replaces: str = "") -> requests.Response:
        """Write an attachment, in place of the one whose ETag is given; return the answer.

        The errors are those of `get`, without Misconfigured for a 4xx: a peer may allow uploads and no attachments.
        """
        headers = {"If-Match": replaces} if replaces else {}
        kind = "application/octet-stream"
        answer = self._request("PUT", route, io.BytesIO(content), kind, headers=headers)
        return answer if 400 <= answer.status_code < 500 else self._granted(answer, "PUT", route)

    def delete(self, route: str, etag: str = "") -> None:
        """Delete it; fine if it is not there. The errors are those of `get`.

        Args:
            route: what to delete.
            etag: of what is there, where the peer asks for it (`CheckRevisions`).
        """
        answer = self._request("DELETE", route, headers={"If-Match": etag} if etag else {})
        if answer.status_code != requests.codes.not_found:
            self._granted(answer, "DELETE", route)

    def _granted(self, answer: requests.Response, method: str, route: str) -> requests.Response:
        if answer.status_code != requests.codes.ok:
            raise refusal(self.peer, method, route, answer)
        return answer

    def _request(
        self,
        method: str,
        route: str,
        body: BinaryIO | None = None,
        content_type: str = "",
        *,
        stream: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        session = self._sessions.get()
        try:
            request = self._prepared(session, method, route, body)
            request.headers.update({"Content-Type": content_type} if content_type else {})
            request.headers.update(headers or {})
            # Not by the session, which works out anew for each request what is the same for all of them.
            answer = session.get_adapter(self.peer.url).send(
                request, stream=stream, timeout=(self._timeout, self._timeout), proxies=session.proxies
            )
            if not stream:
                _ = answer.content  # read: the connection is free for the next one
            return answer
        except (requests.RequestException, OSError, ValueError) as error:
            raise translate(self.peer, self._timeout, error) from None

    def _prepared(
        self, session: requests.Session, method: str, route: str, body: BinaryIO | None
    ) -> requests.PreparedRequest:
        """Return a request with the headers of the session; they and the URL are checked by the first one."""
        if self._first is None:
            self._first = session.prepare_request(requests.Request("GET", self.peer.url))
        request = requests.PreparedRequest()
        request.method, request.url = method, f"{str(self._first.url).rstrip('/')}{route}"
        request.headers, request.hooks = self._first.headers.copy(), self._first.hooks
        if body is None:
            request.prepare_content_length(None)
        else:
            request.prepare_body(body, None)
        return request

    def _new_session(self) -> requests.Session:
        session = requests.Session()
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
        adapter = Adapter(context=self._context)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        return session


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
        problem = f"{bundle} is a relative path"
        raise Misconfigured("HttpsCACertificates", problem, "Give an absolute path, beginning with /.")
    context = read_authority(bundle, "HttpsCACertificates")
    context.verify_flags = flags
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
            problem, remedy = "this is not the key of the certificate", "Name the two that belong together."
        else:  # OpenSSL does not say which of these it is
            problem = "the certificate or its key is no PEM file, or the key's password is wrong"
            remedy = "Check CertificateFile, CertificateKeyFile and CertificateKeyPassword."
        raise Misconfigured(place + "CertificateKeyFile", problem, remedy) from None


# --- answers, and requests without one, as errors --------------------------------------------------------------------

#: In OpenSSL's words, what a server says that wants a client's certificate and got none, or a wrong one.
_CERTIFICATE_WANTED = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "UNKNOWN_CA",
    "HANDSHAKE_FAILURE",
    "CERTIFICATE_EXPIRED",
)


def refusal(peer: Peer, method: str, route: str, answer: requests.Response) -> SendItError:
    """Return the error for an answer that is not 200."""
    status = answer.status_code
    what = f"it answered {status} to {method} {route}{_message(answer)}"
    if is_temporary(status):
        return Retry(f"the peer {peer.name} is failing: {what}")
    place = f"OrthancPeers.{peer.name}"
    if status == 401:
        return Misconfigured(place, f"the peer denies SendIt access: {what}", "Check Username and Password.")
    if status == 403 and method == "GET":
        remedy = "Allow this user to read as well: SendIt reads back what it has sent."
        return Misconfigured(place, f"the peer does not allow SendIt to read: {what}", remedy)
    if status == 403:
        remedy = "Check Username and Password, and what the peer allows this user."
        verb = "remove" if method == "DELETE" else "store"
        return Misconfigured(place, f"the peer does not allow SendIt to {verb}: {what}", remedy)
    if status == 407:
        return Misconfigured("HttpProxy", "the proxy denies SendIt access", "Check its user and password.")
    if status in (404, 405):
        return Misconfigured(place, f"there is no Orthanc at this URL: {what}", "Check the URL and its path.")
    if status == 413:
        return Misconfigured(place, f"the instance is too large for the peer or a proxy: {what}", "Raise the limit.")
    if 300 <= status < 400:
        target = _shown(answer.headers.get("Location", ""))
        problem = f"the URL is redirected to {target}, and an upload cannot follow"
        return Misconfigured(place, problem, "Write the final URL.")
    if status == 400:
        return Misconfigured(place, f"the peer refuses the instance: {what}", "See the peer's log for the reason.")
    return Misconfigured(place, f"unexpected: {what}", "See the peer's log, and check proxies between it and SendIt.")


def _message(answer: requests.Response) -> str:
    """Return Orthanc's own description of an error, shortened; nothing else of the body."""
    try:
        message = answer.json().get("Message")
    except (ValueError, AttributeError):
        return ""
    return f" ({message[:200]})" if isinstance(message, str) and message else ""


def _shown(url: str) -> str:
    """Return a URL without credentials, query and fragment: these may hold secrets."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "another URL"
    host = f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else ""
    return f"{host}{parts.path}" or "another URL"


def translate(peer: Peer, timeout: float, error: Exception) -> SendItError:
    """Return the error for a request that got no answer."""
    place = f"OrthancPeers.{peer.name}"
    chain = causes(error)
    if isinstance(error, requests.exceptions.InvalidHeader | UnicodeError):
        return Misconfigured(place, "HttpHeaders cannot be sent as they stand", "Check them for line breaks.")
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return Misconfigured("HttpProxy", "this is not a proxy address", "Write it as host:port.")
    if isinstance(error, ValueError):  # requests' InvalidURL and InvalidSchema are such, and urllib3's own
        return Misconfigured(place, "the URL cannot be used", "Write it as http://host:8042/.")
    if any("407" in str(cause) for cause in chain if isinstance(cause, OSError) and "unnel" in str(cause)):
        return Misconfigured("HttpProxy", "the proxy denies SendIt access", "Check its user and password.")
    tls = next((cause for cause in chain if isinstance(cause, ssl.SSLError)), None)
    if tls is not None:
        translated = _translate_tls(peer, tls)
        if translated is not None:
            return translated
    where = "the proxy (HttpProxy)" if isinstance(error, requests.exceptions.ProxyError) else f"the peer {peer.name}"
    return Retry(f"{where} {why_no_answer(error, timeout)}{_hint(peer, chain)}")


def _translate_tls(peer: Peer, error: ssl.SSLError) -> SendItError | None:
    place = f"OrthancPeers.{peer.name}"
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message
        if error.verify_code in (62, 64):  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
            return Misconfigured(place, f"the peer's certificate is another host's ({reason})", "Check the URL.")
        problem = f"the certificate of the peer {peer.name} is not trusted ({reason})"
        return Misconfigured("HttpsCACertificates", problem, "Name the file of the authority that has issued it.")
    reason = error.reason or ""
    if any(word in reason for word in _CERTIFICATE_WANTED):
        problem = f"the peer does not accept the certificate that SendIt shows, or misses one ({reason})"
        return Misconfigured(f"{place}.CertificateFile", problem, "Name a certificate that the peer trusts.")
    if any(word in reason for word in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")):
        return Misconfigured(place, "the peer does not speak TLS at this URL", "Write http:// instead of https://.")
    if any(word in reason for word in ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "NO_SHARED_CIPHER")):
        return Misconfigured(place, f"the peer's TLS is not supported ({reason})", "Let it speak TLS 1.2 or later.")
    return None  # cut off in the middle of it: as any lost connection


def _hint(peer: Peer, chain: list[BaseException]) -> str:
    """Return a hint: in TLS 1.3 a server refuses a client after the handshake, and its reason may be lost."""
    cut = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, BrokenPipeError)
    if peer.url.startswith("https:") and any(isinstance(cause, cut) for cause in chain):
        return f"; if that goes on, it may want another certificate (OrthancPeers.{peer.name}.CertificateFile)"
    return ""

"""What an Orthanc peer answers, or fails to answer, as an error of ours.

`Retry` is what may heal by itself: the network, a peer that starts or is overloaded or has a full disk. `Misconfigured`
is what stays so until a person acts. No message holds a credential; of the peer's own words only Orthanc's "Message".
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests

from sendit.errors import Misconfigured, Retry, SendItError
from sendit.orthanc_config import Peer

#: Of the statuses of 500 and above only these will not heal: not implemented, HTTP version not supported.
_LASTING = {501, 505}

#: In OpenSSL's words, what a server says that wants a client's certificate and got none, or a wrong one.
_CERTIFICATE_WANTED = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "UNKNOWN_CA",
    "HANDSHAKE_FAILURE",
    "CERTIFICATE_EXPIRED",
)


def refusal(peer: Peer, method: str, route: str, answer: requests.Response) -> SendItError:
    """The error for an answer that is not 200."""
    status = answer.status_code
    what = f"it answered {status} to {method} {route}{_message(answer)}"
    if status in (408, 429) or (status >= 500 and status not in _LASTING):
        return Retry(f"the peer {peer.name} is not well: {what}")
    place = f"OrthancPeers.{peer.name}"
    if status == 401:
        return Misconfigured(place, f"the peer does not let SendIt in: {what}", "Check Username and Password.")
    if status == 403 and method == "GET":
        cure = "Let this user read as well: SendIt reads back what it has sent."
        return Misconfigured(place, f"the peer does not let SendIt read: {what}", cure)
    if status == 403:
        cure = "Check Username and Password, and what the peer allows this user."
        verb = "remove" if method == "DELETE" else "store"
        return Misconfigured(place, f"the peer does not let SendIt {verb}: {what}", cure)
    if status == 407:
        return Misconfigured("HttpProxy", "the proxy does not let SendIt in", "Check its user and password.")
    if status in (404, 405):
        return Misconfigured(place, f"there is no Orthanc at this URL: {what}", "Check the URL and its path.")
    if status == 413:
        return Misconfigured(place, f"the instance is too large for the peer or a proxy: {what}", "Raise the limit.")
    if 300 <= status < 400:
        target = _shown(answer.headers.get("Location", ""))
        problem = f"the URL is redirected to {target}, and an upload cannot follow"
        return Misconfigured(place, problem, "Write the URL that is meant.")
    if status == 400:
        return Misconfigured(place, f"the peer refuses the instance: {what}", "See the peer's log for the reason.")
    return Misconfigured(place, f"unexpected: {what}", "See the peer's log, and what stands between it and SendIt.")


def _message(answer: requests.Response) -> str:
    """Orthanc's own description of an error, shortened; nothing else of the body."""
    try:
        message = answer.json().get("Message")
    except (ValueError, AttributeError):
        return ""
    return f" ({message[:200]})" if isinstance(message, str) and message else ""


def _shown(url: str) -> str:
    """A URL without credentials, query and fragment: these may hold secrets."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "another URL"
    host = f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else ""
    return f"{host}{parts.path}" or "another URL"


def translate(peer: Peer, timeout: float, error: Exception) -> SendItError:
    """The error for a request that got no answer."""
    place = f"OrthancPeers.{peer.name}"
    causes = list(_causes(error))
    if isinstance(error, requests.exceptions.InvalidHeader | UnicodeError):
        return Misconfigured(place, "HttpHeaders cannot be sent as they stand", "Check them for line breaks.")
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return Misconfigured("HttpProxy", "this is no address of a proxy", "Write it as host:port.")
    if isinstance(error, ValueError):  # requests' InvalidURL and InvalidSchema are such, and urllib3's own
        return Misconfigured(place, "the URL cannot be used", "Write it as http://host:8042/.")
    if any("407" in str(cause) for cause in causes if isinstance(cause, OSError) and "unnel" in str(cause)):
        return Misconfigured("HttpProxy", "the proxy does not let SendIt in", "Check its user and password.")
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls is not None:
        found = _translate_tls(peer, tls)
        if found is not None:
            return found
    where = "the proxy (HttpProxy)" if isinstance(error, requests.exceptions.ProxyError) else f"the peer {peer.name}"
    return Retry(f"{where} {_what_happened(error, causes, timeout)}{_hint(peer, causes)}")


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


def _what_happened(error: Exception, causes: list[BaseException], timeout: float) -> str:
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "cannot be reached: its host name cannot be resolved"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "cannot be reached: connection refused"
    if isinstance(error, requests.Timeout) or any(isinstance(cause, TimeoutError) for cause in causes):
        return f"did not answer within {timeout:g} s"
    return "dropped the connection"


def _hint(peer: Peer, causes: list[BaseException]) -> str:
    """In TLS 1.3 a server refuses a client after the handshake, and its reason may be lost with the connection."""
    cut = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, BrokenPipeError)
    if peer.url.startswith("https:") and any(isinstance(cause, cut) for cause in causes):
        return f"; if that goes on, it may want another certificate (OrthancPeers.{peer.name}.CertificateFile)"
    return ""


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

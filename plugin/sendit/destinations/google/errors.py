"""Google's errors, and missing answers, translated to SendIt's; the same for REST and gRPC.

`Retry` is what may pass by itself: the network, quotas, a service that fails. `Misconfigured` is what stays so
until a person acts. Google's own words are shortened; they hold names of buckets and coded names of objects at most.
"""

from __future__ import annotations

import re
import ssl

import requests
import urllib3
from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError, InvalidOperation, RefreshError, TransportError

from sendit.errors import Misconfigured, Retry, SendItError
from sendit.http import causes, is_temporary

#: Temporary only at Google: conflict (aborted), gone (an upload's session), a lost race, cancelled.
_TEMPORARY = {409, 410, 412, 499}
#: Google answers some quotas with 403.
_QUOTAS = re.compile(r"rateLimitExceeded|quotaExceeded|rate limit exceeded", re.IGNORECASE)
#: Text that the client puts before the server's own words.
_REQUEST = re.compile(r"^(GET|POST|PUT|PATCH|DELETE|HEAD) \S+: ")

#: All that the clients raise; nothing else is caught.
GOOGLE_ERRORS: tuple[type[Exception], ...] = (
    GoogleAPICallError,
    RetryError,
    GoogleAuthError,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
)


def translate(error: Exception, place: str, what: str) -> SendItError:
    """Return SendIt's error for one of `GOOGLE_ERRORS`.

    Args:
        error: the error of the library.
        place: the destination or the index as it stands in orthanc.json, for example `SendIt.Destinations.bucket`.
        what: what was asked for, in words that follow "when", for example "asked for the bucket".
    """
    if isinstance(error, RetryError):  # the client's own tries are used up; its cause is what went wrong
        cause = error.cause
        return translate(cause, place, what) if isinstance(cause, GOOGLE_ERRORS) else _unwell(cause or error, what)
    if isinstance(error, GoogleAPICallError):
        return refusal(int(error.code or 500), words(error), place, what)
    if isinstance(error, GoogleAuthError):
        return _no_token(error, place)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(error)):
        remedy = "Check which certificate is between SendIt and Google (a proxy that intercepts TLS?), and trust it."
        return Misconfigured(place, f"the certificate is not trusted, when {what}", remedy)
    return _unwell(error, what)


def refusal(status: int, message: str, place: str, what: str) -> SendItError:
    """Return the error for a status (HTTP, or what gRPC's code corresponds to) and the server's words."""
    told = f"Google answered {status} when {what}{f' ({message})' if message else ''}"
    if status in _TEMPORARY or is_temporary(status):
        return Retry(told)
    if status == 403 and _QUOTAS.search(message):
        return Retry(told)
    if status == 401:
        return Misconfigured(f"{place}.Credentials", told, "Check the credentials: Google does not accept them.")
    if status == 403:
        return Misconfigured(place, told, "Give the service account the role that is missing, or enable the API.")
    if status == 404:
        return Misconfigured(place, told, "Check the names of what is configured here.")
    return Misconfigured(place, told, "Check what is configured here.")


def words(error: GoogleAPICallError) -> str:
    """Return the server's own words, in one line and shortened."""
    return shortened(_REQUEST.sub("", str(error.message)))


def shortened(text: str) -> str:
    """Return at most 200 characters of one line; nothing of an HTML page."""
    line = " ".join(text.split())
    return "" if line.startswith("<") else line[:200]


def _no_token(error: GoogleAuthError, place: str) -> SendItError:
    if isinstance(error, TransportError) or getattr(error, "retryable", False):
        return Retry(f"Google's service for credentials does not answer ({type(error).__name__})")
    if isinstance(error, InvalidOperation):  # 401, where there is nothing to renew
        remedy = 'Write "Credentials": {"Source": "Default"}, or a service account\'s file.'
        return Misconfigured(f"{place}.Credentials", "Google does not allow anonymous access", remedy)
    problem = "Google does not issue an access token for these credentials"
    if isinstance(error, RefreshError) and "impersonated" in str(error):
        remedy = (
            "Give the account that SendIt runs as the role Service Account Token Creator on the one to impersonate."
        )
        return Misconfigured(f"{place}.Credentials.Impersonate", f"{problem}: it may not act as this account", remedy)
    remedy = "The key may be deleted, disabled or expired: make a new one, and check the machine's clock."
    return Misconfigured(f"{place}.Credentials", problem, remedy)


def _unwell(error: BaseException, what: str) -> Retry:
    kinds = [type(cause).__name__ for cause in causes(error)]
    return Retry(f"Google cannot be reached when {what} ({kinds[-1] if kinds else 'no answer'})")

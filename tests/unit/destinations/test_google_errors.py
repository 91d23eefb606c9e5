"""Google's errors as SendIt's: what is tried again, and what needs an operator."""

from __future__ import annotations

import ssl

import pytest
import requests
import urllib3
from google.api_core.exceptions import RetryError, ServiceUnavailable

from sendit.destinations.google.errors import refusal, translate
from sendit.errors import Misconfigured, Retry

_PLACE, _WHAT = "SendIt.Destinations.bucket", "storing an object"


@pytest.mark.parametrize("status", [408, 409, 410, 412, 429, 499, 500, 502, 503, 504])
def test_a_status_that_is_tried_again(status: int) -> None:
    assert isinstance(refusal(status, "", _PLACE, _WHAT), Retry)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 501, 505])
def test_a_status_that_needs_an_operator(status: int) -> None:
    assert isinstance(refusal(status, "", _PLACE, _WHAT), Misconfigured)


def test_a_quota_is_tried_again_although_it_is_403() -> None:
    assert isinstance(refusal(403, "rateLimitExceeded", _PLACE, _WHAT), Retry)


def test_the_innermost_cause_of_a_missing_answer_is_named() -> None:
    """requests and urllib3 wrap it three times: in their arguments, in `reason`, and in the chain."""
    pool = urllib3.HTTPSConnectionPool("storage.example")
    unreached = urllib3.exceptions.NewConnectionError(pool, "refused")  # type: ignore[arg-type]
    unreached.__cause__ = ConnectionRefusedError(111, "Connection refused")
    error = requests.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/b", unreached))
    answer = translate(error, _PLACE, _WHAT)
    assert isinstance(answer, Retry)
    assert str(answer) == "Google cannot be reached when storing an object (ConnectionRefusedError)"


def test_a_certificate_that_is_not_trusted() -> None:
    cause = ssl.SSLCertVerificationError(1, "self-signed certificate")
    error = requests.exceptions.SSLError(urllib3.exceptions.MaxRetryError(None, "/b", cause))  # type: ignore[arg-type]
    assert isinstance(translate(error, _PLACE, _WHAT), Misconfigured)


def test_tries_that_are_used_up_count_as_their_cause() -> None:
    error = RetryError("deadline", cause=ServiceUnavailable("later"))  # type: ignore[no-untyped-call]
    answer = translate(error, _PLACE, _WHAT)
    assert isinstance(answer, Retry)
    assert "503" in str(answer)

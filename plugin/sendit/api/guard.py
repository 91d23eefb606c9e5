"""Middleware of the API: in a browser only its own pages may change anything, and no answer is stored.

A browser sends a user's password to Orthanc with every request, even if a page of another site makes the request.
Therefore a request that may change something must come from one of our own pages, or from no page at all (curl, a
script, the address bar), and must be JSON: pages of other sites cannot send JSON without a CORS preflight, which
Orthanc does not answer. Forms that work without script cannot send JSON; those of `_FORMS` carry a token instead, which
only a page of ours holds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_READING = {"GET", "HEAD", "OPTIONS"}
#: Sec-Fetch-Site of requests from our own pages, or from the address bar.
_OUR_OWN = {"same-origin", "none"}
#: Addresses that take the fields of a form, and check its token (`form_token`).
_FORMS = re.compile(r"/batches/[0-9]+/decision")
_JSON = "application/json"
_FIELDS = "application/x-www-form-urlencoded"
#: Problem and remedy for a body of another kind.
_WRONG_KIND = {
    _JSON: (
        "the body must be JSON, and declared as JSON",
        "Send JSON ({} without content), with Content-Type: application/json.",
    ),
    _FIELDS: ("this is the address of a form", "Use the form of the batch's page, or the API."),
}
_DEFAULT_PORTS = {"http": 80, "https": 443}

#: Defaults of every answer. Pages have a content security policy of their own (`page_policy`).
_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def source_of(script: str) -> str:
    """Return the source of an inline script, for `page_policy`."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def page_policy(scripts: str) -> dict[str, str]:
    """Return the header with the content security policy of a page, whose styles are files of this server.

    Args:
        scripts: "'self'" for files of this server, with `source_of` an inline script behind it if there is one.
    """
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return {"Content-Security-Policy": policy}


class ProblemResponse(JSONResponse):
    """An answer with problem details (RFC 9457)."""

    media_type = "application/problem+json"


def problem_details(status: int, detail: str, remedy: str, **members: Any) -> dict[str, Any]:
    """Return the body of an error.

    Args:
        status: of HTTP.
        detail: what happened.
        remedy: what to do about it; the member `cure`.
        members: further members, for programs.
    """
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, "cure": remedy, **members}


class Guard:
    """ASGI middleware that refuses requests of other sites' pages, and adds headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(MutableHeaders(scope=message))
            await send(message)

        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        refused = _refusal(scope["method"], Headers(scope=scope), _FIELDS if _FORMS.fullmatch(path) else _JSON)
        await (refused or self._app)(scope, receive, send_guarded)


def add_headers(headers: MutableHeaders) -> None:
    """Add the default headers that an answer does not set itself."""
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)


def form_token(key: bytes, *parts: object) -> str:
    """Return what a form holds to show that it is of a page of ours: for whom, and for what, it was made."""
    return hmac.new(key, "\0".join(map(str, parts)).encode(), hashlib.sha256).hexdigest()


def _refusal(method: str, headers: Headers, takes: str) -> JSONResponse | None:
    if method in _READING:
        return None
    if not is_our_own(headers):
        problem = "this request comes from a page of another site, or through a proxy that changes Host"
        remedy = "Use SendIt's own pages, or no browser. A reverse proxy must keep Host, or set X-Forwarded-Host."
        return ProblemResponse(problem_details(403, problem, remedy), 403)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != takes:
        wrong, remedy = _WRONG_KIND[takes]
        return ProblemResponse(problem_details(415, wrong, remedy), 415)
    return None


def is_our_own(headers: Mapping[str, str]) -> bool:
    """Return whether a request comes from a page of ours, or from no page of a browser at all.

    Browsers send Sec-Fetch-Site over HTTPS and on loopback, and no page can change it. Over plain HTTP, and in old
    browsers, there is only Origin, which must name the requested host: as it reached Orthanc, or as a reverse proxy
    reports it. A page cannot send X-Forwarded-Host without a CORS preflight either.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site.strip().lower() in _OUR_OWN
    origin = headers.get("origin")
    if origin is None:
        return True
    forwarded = headers.get("x-forwarded-host", "").split(",")[0]
    return any(_same_host(origin, host) for host in (headers.get("host", ""), forwarded))


def _same_host(origin: str, host: str) -> bool:
    """Return whether an origin ("https://pacs:8043", or "null") is this host ("pacs:8043")."""
    try:
        page, asked = urlsplit(origin.strip()), urlsplit(f"//{host.strip()}")
        default = _DEFAULT_PORTS[page.scheme]
        here, there = (page.hostname, page.port or default), (asked.hostname, asked.port or default)
    except (KeyError, ValueError):
        return False
    return bool(page.hostname) and here == there

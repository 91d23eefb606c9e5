"""Which requests come from SendIt's own pages, and who is believed to ask."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import pytest
from starlette.responses import Response

from sendit.api.actor import ANONYMOUS, actor, peer_of
from sendit.api.guard import Guard, form_token, is_our_own
from sendit.client import name_of_user

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({}, True),  # curl, a script
        ({"host": "pacs:8042"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),  # the address line
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "something-new"}, False),
        ({"sec-fetch-site": ""}, False),
        # The browser's own word counts, whatever a proxy made of the host.
        ({"sec-fetch-site": "same-origin", "origin": "https://pacs.example", "host": "127.0.0.1:8042"}, True),
        ({"sec-fetch-site": "cross-site", "origin": "http://pacs:8042", "host": "pacs:8042"}, False),
        # Over plain HTTP, and in old browsers, there is only the origin.
        ({"origin": "http://pacs:8042", "host": "pacs:8042"}, True),
        ({"origin": "http://PACS:8042", "host": "pacs:8042"}, True),
        ({"origin": "http://pacs", "host": "pacs"}, True),
        ({"origin": "http://pacs:80", "host": "pacs"}, True),
        ({"origin": "https://pacs", "host": "pacs:443"}, True),
        ({"origin": "http://[::1]:8042", "host": "[::1]:8042"}, True),
        ({"origin": "http://pacs:8043", "host": "pacs:8042"}, False),
        ({"origin": "http://pacs", "host": "pacs:8042"}, False),
        ({"origin": "http://evil.example", "host": "pacs:8042"}, False),
        ({"origin": "http://pacs.evil.example:8042", "host": "pacs:8042"}, False),
        ({"origin": "http://user@evil.example", "host": "pacs:8042"}, False),
        ({"origin": "null", "host": "pacs:8042"}, False),
        ({"origin": "", "host": "pacs:8042"}, False),
        ({"origin": "file://", "host": ""}, False),
        ({"origin": "http://pacs:8042"}, False),
        ({"origin": "http://pacs:99999", "host": "pacs:99999"}, False),
        # Behind a reverse proxy.
        ({"origin": "https://pacs.example", "host": "127.0.0.1:8042"}, False),
        ({"origin": "https://pacs.example", "host": "127.0.0.1:8042", "x-forwarded-host": "pacs.example"}, True),
        ({"origin": "https://pacs.example", "host": "x", "x-forwarded-host": "pacs.example, inner"}, True),
        ({"origin": "https://evil.example", "host": "x", "x-forwarded-host": "pacs.example"}, False),
    ],
)
def test_our_own(headers: dict[str, str], own: bool) -> None:
    """Same origin, or no browser; everything else is somebody else's page."""
    assert is_our_own(headers) is own


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/api/batches/1/hold", "application/json", 200),
        ("/api/batches/1/hold", "application/x-www-form-urlencoded", 415),
        ("/batches/1/decision", "application/x-www-form-urlencoded", 200),
        ("/batches/1/decision", "application/json", 415),
        ("/batches/1/decision", "text/plain", 415),
        ("/batches/1/decision/x", "application/x-www-form-urlencoded", 415),
        ("/api/batches/1/decision", "application/x-www-form-urlencoded", 415),
    ],
)
def test_kinds_of_bodies(path: str, kind: str, status: int) -> None:
    """JSON, but for the one form, which carries a token."""

    async def ask() -> int:
        answers: list[Any] = []

        async def send(message: Any) -> None:
            answers.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        scope = {"type": "http", "method": "POST", "path": f"/sendit{path}", "root_path": "/sendit"}
        await Guard(Response("taken"))({**scope, "headers": [(b"content-type", kind.encode())]}, receive, send)
        return int(answers[0]["status"])

    assert asyncio.run(ask()) == status


def test_the_token_of_a_form() -> None:
    """It is for one key, one person and one batch; parts do not run into each other."""
    token = form_token(b"k", "orthanc:alice", 1)
    assert token == form_token(b"k", "orthanc:alice", 1)
    others = [(b"x", "orthanc:alice", 1), (b"k", "orthanc:bob", 1), (b"k", "orthanc:alice", 11)]
    assert token not in [form_token(*other) for other in others]
    assert form_token(b"k", "a", "bc") != form_token(b"k", "ab", "c")


@pytest.mark.parametrize(
    ("headers", "who"),
    [
        ({}, "cli:alice"),
        ({"x-sendit-token": TOKEN, "x-sendit-user": "alice"}, "orthanc:alice"),
        ({"x-sendit-token": TOKEN, "x-sendit-user": "J%C3%BCrgen%20A"}, "orthanc:Jürgen A"),
        ({"x-sendit-token": TOKEN, "x-sendit-user": "a%0Ab%00"}, "orthanc:a?b?"),
        ({"x-sendit-token": TOKEN, "x-sendit-user": "x" * 500}, "orthanc:" + "x" * 120),
        ({"x-sendit-token": TOKEN}, ANONYMOUS),
        ({"x-sendit-token": TOKEN, "x-sendit-user": ""}, ANONYMOUS),
        ({"x-sendit-user": "root"}, "cli:alice"),
        ({"x-sendit-token": "", "x-sendit-user": "root"}, None),
        ({"x-sendit-token": TOKEN[:-1], "x-sendit-user": "root"}, None),
        ({"x-sendit-token": "ü", "x-sendit-user": "root"}, None),
        ({"x-sendit-token": "wrong"}, None),
    ],
)
def test_actor(headers: dict[str, str], who: str | None) -> None:
    """Whom the plugin names; else who opened the socket, whatever they say. Nobody else may speak for the plugin."""
    assert actor(headers, TOKEN, "cli:alice") == who


def test_no_token() -> None:
    """A plugin that has shown none cannot name anybody, not even with an empty one."""
    assert actor({"x-sendit-token": "", "x-sendit-user": "root"}, "", "cli:alice") is None


def test_who_opened_a_socket() -> None:
    """The kernel says so."""
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_of(ours).startswith(f"cli:{name_of_user(os.getuid())}")

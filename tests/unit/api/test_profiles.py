"""Profiles of users, asked back at Orthanc with their own headers."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from sendit.orthanc.profiles import ADDRESS, Profile, Profiles, read_profile
from tests.servers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN = {"Bearer 1": {"name": "rita", "permissions": ["view", 7], "groups": ["readers"]}}


class Orthanc(BaseHTTPRequestHandler):
    """Answers as the authorization plugin does; remembers the headers that it was asked with."""

    asked: list[dict[str, str]]

    def do_GET(self) -> None:
        type(self).asked.append({name.lower(): value for name, value in self.headers.items()})
        profile = KNOWN.get(self.headers.get("token", ""))
        self.send_response(200 if profile and self.path == ADDRESS else 403)
        self.end_headers()
        self.wfile.write(json.dumps(profile).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    Orthanc.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Orthanc)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_user_is_asked_for_once(url: str) -> None:
    """By the user's headers alone; what is no text in the answer is left out. Another token is another user."""
    profiles = Profiles(url)
    expected = Profile("rita", frozenset({"view"}), frozenset({"readers"}))
    assert [profiles.of({"token": "Bearer 1"}) for _ in range(3)] == [expected] * 3
    assert [one.get("token") for one in Orthanc.asked] == ["Bearer 1"]
    assert "authorization" not in Orthanc.asked[0]
    assert [profiles.of({"token": "Bearer 2"}) for _ in range(3)] == [None] * 3
    assert len(Orthanc.asked) == 2
    assert profiles.of({"authorization": "Bearer 1"}) is None


def test_nobody_without_a_token(url: str) -> None:
    """Orthanc is not even asked."""
    assert Profiles(url).of({}) is None
    assert Orthanc.asked == []


def test_nobody_where_nobody_answers() -> None:
    """A fault gives no name, and raises nothing."""
    assert Profiles(f"http://127.0.0.1:{free_port()}").of({"token": "Bearer 1"}) is None


@pytest.mark.parametrize("found", [None, [], "rita", {}, {"name": ""}, {"name": 7}, {"permissions": ["all"]}])
def test_what_names_nobody(found: Any) -> None:
    """Whatever a web service makes of it."""
    assert read_profile(found) is None

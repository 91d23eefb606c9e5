"""Profiles of users whom Orthanc's authorization plugin knows: their names, permissions and groups.

Orthanc tells a Python plugin nothing of what another plugin found out about a user. But the user's own headers (a
token) come with each request: the authorization plugin is asked with them, at its route /auth/user/profile, whose they
are. It answers for tokens that its web service confirms. A header that only names somebody gives no profile.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from sendit.http import Sessions
from sendit.orthanc.client import own_server

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Where the plugin answers, since version 0.5.
ADDRESS = "/auth/user/profile"
#: Seconds for which an answer holds: a page asks for several things at once.
_HOLDS = 10.0
#: Answers that are kept at the same time.
_MOST = 1000
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Profile:
    """A user, as the authorization plugin describes him or her."""

    name: str
    permissions: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


class Profiles:
    """The profiles of one Orthanc. Safe to use from several threads.

    Args:
        url: Orthanc's, without a slash at its end.
        certificate: PEM file of the server's own certificate, if it speaks HTTPS.
    """

    def __init__(self, url: str, certificate: str = "") -> None:
        self._url, self._certificate = url, certificate
        self._sessions = Sessions(self._session)
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Profile | None]] = {}

    def of(self, tokens: Mapping[str, str]) -> Profile | None:
        """Return the profile of whom these headers belong to; None if there is none, or nobody answers.

        Args:
            tokens: headers of the user's request, as the authorization plugin reads them.
        """
        if not tokens:
            return None
        key = hashlib.sha256(json.dumps(sorted(tokens.items())).encode()).hexdigest()
        now = time.monotonic()
        with self._lock:
            until, profile = self._kept.get(key, (0.0, None))
        if now < until:
            return profile
        profile = self._ask(tokens)
        with self._lock:
            self._kept = {name: kept for name, kept in self._kept.items() if now < kept[0]}
            if len(self._kept) < _MOST:
                self._kept[key] = (now + _HOLDS, profile)
        return profile

    def _ask(self, tokens: Mapping[str, str]) -> Profile | None:
        # With the user's headers alone: Orthanc lets SendIt's own pass without asking whose they are.
        try:
            answer = self._sessions.get().get(self._url + ADDRESS, headers=dict(tokens), timeout=_TIMEOUT)
            found = answer.json() if answer.status_code == requests.codes.ok else None
        except (requests.RequestException, ValueError):
            return None
        return read_profile(found)

    def _session(self) -> requests.Session:
        session = requests.Session()
        if self._certificate:
            session.mount("https://", own_server(self._certificate))
        return session


def read_profile(found: Any) -> Profile | None:
    """Return the profile in an answer; None if it names nobody."""
    name = found.get("name") if isinstance(found, dict) else None
    if not isinstance(name, str) or not name:
        return None
    return Profile(name, _texts(found.get("permissions")), _texts(found.get("groups")))


def _texts(values: Any) -> frozenset[str]:
    return frozenset(one for one in values if isinstance(one, str)) if isinstance(values, list) else frozenset()

"""Identify who makes a request: Orthanc's user (from the plugin), or the system user who opened the socket (kernel).

orthanc:alice                        a user of Orthanc, whose password Orthanc has checked, or whose token its
                                     authorization plugin has confirmed
cli:root, cli:root (logged in: bob)  a process of this machine: the command line
anonymous                            through Orthanc, which requires no password
"""

from __future__ import annotations

import hmac
import json
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Annotated, TypeAlias
from urllib.parse import unquote

from fastapi import Depends, Request

from sendit.api.problems import problem
from sendit.client import describe_user
from sendit.orthanc.profiles import Profile

ANONYMOUS = "anonymous"
USER_HEADER, TOKEN_HEADER = "x-sendit-user", "x-sendit-token"
#: Headers of the user's request that the authorization plugin knows users by, as JSON, percent-encoded.
PROFILE_HEADER = "x-sendit-profile"
#: Length to which names are cut in the journal.
_LONGEST = 128
_CREDENTIALS = struct.Struct("3i")  # of unix(7): pid, uid, gid


def actor(headers: Mapping[str, str], token: str, peer: str | None) -> str | None:
    """Return who makes a request; None for a wrong token. Without a token, the user header is ignored.

    Args:
        headers: headers of the request.
        token: sent by the plugin with each request; "" if it sent none at the start, so that no token is accepted.
        peer: who opened the socket, from `peer_of`.
    """
    received = headers.get(TOKEN_HEADER)
    if received is None:
        return peer or ANONYMOUS
    if not token or not hmac.compare_digest(received.encode(), token.encode()):
        return None
    return _user(unquote(headers.get(USER_HEADER, "")))


def _user(name: str) -> str:
    return f"orthanc:{_printable(name)}"[:_LONGEST] if name else ANONYMOUS


def peer_of(connection: socket.socket) -> str:
    """Return who opened this Unix socket, named as `actor` does."""
    process, user, _ = _CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return _printable(f"cli:{describe_user(user, process)}")[:_LONGEST]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def actor_of(request: Request) -> str:
    """Return who makes a request; refuse a wrong token."""
    peer = request.client.host if request.client else None
    name = actor(request.headers, request.app.state.token, peer)
    if name is None:
        remedy = "Send the request through Orthanc, or without this header."
        raise problem(403, "only Orthanc's plugin may name the user", remedy)
    profile = profile_of(request) if name == ANONYMOUS else None
    return _user(profile.name) if profile else name


def profile_of(request: Request) -> Profile | None:
    """Return the profile of who makes a request through Orthanc, if its authorization plugin has one.

    Headers are taken from the plugin alone, whose token `actor_of` checks.
    """
    given = request.headers.get(PROFILE_HEADER)
    if given is None or TOKEN_HEADER not in request.headers:
        return None
    ask: Callable[[Mapping[str, str]], Profile | None] = request.app.state.profile
    return ask(json.loads(unquote(given)))


#: Parameter of routes that change something.
Actor: TypeAlias = Annotated[str, Depends(actor_of)]

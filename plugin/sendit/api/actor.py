"""Identify who makes a request: Orthanc's user (from the plugin), or the system user who opened the socket (kernel).

orthanc:alice                        a user of Orthanc, whose password Orthanc has checked
cli:root, cli:root (logged in: bob)  a process of this machine: the command line
anonymous                            through Orthanc, which requires no password
"""

from __future__ import annotations

import hmac
import socket
import struct
from collections.abc import Mapping
from typing import Annotated, TypeAlias
from urllib.parse import unquote

from fastapi import Depends, Request

from sendit.api.problems import problem
from sendit.client import describe_user

ANONYMOUS = "anonymous"
USER_HEADER, TOKEN_HEADER = "x-sendit-user", "x-sendit-token"
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
    user = _printable(unquote(headers.get(USER_HEADER, "")))
    return f"orthanc:{user}"[:_LONGEST] if user else ANONYMOUS


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
    return name


#: Parameter of routes that change something.
Actor: TypeAlias = Annotated[str, Depends(actor_of)]

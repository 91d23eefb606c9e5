"""Waiting for a condition. Tests never sleep for a guessed time: they wait until something holds, up to a limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def wait_for(condition: Callable[[], T], what: str, limit: float = 60.0, poll: float = 0.05) -> T:
    """The first true value of `condition`; AssertionError naming `what` after `limit` seconds."""
    deadline = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit:g} s for {what}; the last value was {value!r}")
        time.sleep(poll)

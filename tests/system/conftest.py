"""Stacks for the system tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.stack import Stack

MakeStack = Callable[..., Stack]


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[MakeStack]:
    """Makes stacks that end with the test, whatever happens in it."""
    made: list[Stack] = []

    def make(database: str = "sqlite", **sendit: Any) -> Stack:
        made.append(Stack(tmp_path / f"stack{len(made)}", database, **sendit))
        return made[-1]

    yield make
    for stack in made:
        for server in (stack.source, stack.target):
            if server.process is not None and server.process.poll() is None:
                server.kill()


@pytest.fixture
def stack(make_stack: MakeStack) -> Stack:
    """A running stack with the configuration of `Stack`."""
    return make_stack().start()

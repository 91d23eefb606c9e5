"""One hospital and one browser for the tests of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser import world
from tests.servers.browser import DRIVER, Browser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.stack import Stack


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack in which everything has happened once (world.py)."""
    stack = world.build(tmp_path_factory.mktemp("hospital"))
    try:
        world.populate(stack)
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with an empty profile."""
    if DRIVER is None:
        pytest.skip("chromedriver is not installed (Debian: chromium-driver)")
    made = Browser(tmp_path_factory.mktemp("browser"))
    yield made
    made.stop()

"""Fixtures of the tests of de-identification."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sendit.deidentify.retained.remembered import remembered_in

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """What a test breaks on purpose is not hidden by what another one left behind, and leaves nothing behind."""
    remembered_in.cache_clear()
    yield
    remembered_in.cache_clear()

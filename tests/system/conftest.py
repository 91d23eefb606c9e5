"""What the system tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sendit import keyring
from sendit.config.schema import DEFAULT_OPTIONS
from sendit.pipeline.pool.processes import DeidentifyPool, ProjectSpec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> ProjectSpec:
    """A project with a key and no options of its own."""
    keyring.load_key(tmp_path / "keys", "irb", create=True)
    return ProjectSpec(DEFAULT_OPTIONS, (), tmp_path / "keys", "irb")


@pytest.fixture(scope="module")
def pool() -> Iterator[DeidentifyPool]:
    """One process that de-identifies, for all the tests of a module."""
    with DeidentifyPool(1) as started:
        yield started

"""What the tests of the journal share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sendit.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def journal(database: str, data_directory: Path) -> Iterator[Journal]:
    """An empty journal, once on each kind of database."""
    opened = Journal.open(database, data_directory)
    yield opened
    opened.close()

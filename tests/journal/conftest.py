"""What the tests of the journal share."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from sendit.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="session")
def empty_journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with an empty journal of the present schema, to be copied: making one is slow."""
    path = tmp_path_factory.mktemp("empty") / "data"
    path.mkdir(mode=0o700)
    Journal.open("sqlite", path).close()
    return path


@pytest.fixture(scope="session")
def empty_database(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same as a database of PostgreSQL: its name."""
    url = postgres.database()
    Journal.open(url, tmp_path_factory.mktemp("postgresql")).close()
    return url.rpartition("/")[2]


@pytest.fixture
def journal(database: str, data_directory: Path, request: pytest.FixtureRequest) -> Iterator[Journal]:
    """An empty journal, once on each kind of database."""
    if database == "sqlite":
        for file in request.getfixturevalue("empty_journal").iterdir():
            shutil.copy(file, data_directory / file.name)
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        server.fill(database, request.getfixturevalue("empty_database"))
    opened = Journal.open(database, data_directory)
    yield opened
    opened.close()

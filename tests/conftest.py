"""What all the tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.postgres import PostgresServer
from tests.servers.stack import Stack

MakeStack = Callable[..., Stack]


def pytest_addoption(parser: pytest.Parser) -> None:
    """For the attack suite (tests/attack)."""
    group = parser.getgroup("attack")
    group.addoption("--attack-strikes", type=int, help="kills and stops of a slow attack on each database")
    group.addoption("--attack-seed", type=int, help="the seed of an attack that is to be repeated")


#: Folders of tests in the order in which they run. Those that wait for servers come first: a long file that is begun
#: last would keep one process busy while the others have nothing left to do.
ORDER = ("system", "browser", "destinations", "journal")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files into that order; the Makefile tells xdist to keep it.

    Whole systems run on PostgreSQL in the slow tests, but for those that are marked `both_databases`: the tests of the
    journal run on both, and everything else is the same.
    """

    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return ORDER.index(folder) if folder in ORDER else len(ORDER)

    items.sort(key=rank)
    for item in items:
        callspec = getattr(item, "callspec", None)
        on_postgresql = callspec is not None and callspec.params.get("database") == "postgresql"
        if on_postgresql and rank(item) == 0 and item.get_closest_marker("both_databases") is None:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL for the whole run; each test makes a database of its own in it."""
    server = PostgresServer().start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """SendIt.Database, once for each kind."""
    if request.param == "sqlite":
        return "sqlite"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def data_directory(tmp_path: Path) -> Path:
    """SendIt.DataDirectory, private as it has to be."""
    path = tmp_path / "data"
    path.mkdir(mode=0o700)
    return path


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

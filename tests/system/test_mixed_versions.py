"""Workers of two versions on one database of PostgreSQL: this one, and a next one whose tables have more."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

import sendit
from tests.dicom import Person
from tests.journal.test_migrating import add_next_migration
from tests.servers.stack import send_study
from tests.servers.waiting import wait_for
from tests.system.test_many_workers import Pair

if TYPE_CHECKING:
    from tests.conftest import MakeStack
    from tests.servers.postgres import PostgresServer
    from tests.servers.stack import Stack

COUNT = 3


def next_version(folder: Path, *, compatible: bool) -> str:
    """The interpreter of a next version: this one's code, and one migration more."""
    shutil.copytree(Path(sendit.__file__).parent, folder / "next" / "sendit")
    add_next_migration(folder / "next" / "sendit" / "journal" / "migrations", compatible=compatible)
    python = folder / "next" / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder / "next"}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return str(python)


def revision(database: str) -> str:
    with psycopg.connect(database) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])  # type: ignore[index]


def send(stack: Stack, number: int) -> None:
    send_study(stack, COUNT, Person(f"P-{number}-771", f"Doe^John{number}"))


def page(stack: Stack) -> str:
    """What is told to whoever opens SendIt's page."""
    return stack.source.session.get(f"{stack.source.url}/sendit/", timeout=30).text


def wait_told(stack: Stack, text: str) -> None:
    wait_for(lambda: text in page(stack), f"to be told '{text}'; log:\n{stack.source.log()[-3000:]}", limit=120)


@pytest.mark.slow
def test_one_is_upgraded_after_the_other(make_stack: MakeStack, postgres: PostgresServer, tmp_path: Path) -> None:
    """The first new worker migrates; the former one goes on, and may be started again. All studies arrive, once."""
    pair = Pair(make_stack, postgres.database(), None)
    pair.two.sendit["Python"] = next_version(tmp_path, compatible=True)
    pair.one.start()
    send(pair.one, 1)
    pair.one.wait_batches(1, limit=180)
    pair.copy_keys()
    pair.two.start(target=False)
    assert revision(pair.database) == "next"
    send(pair.one, 2)
    send(pair.two, 3)
    pair.one.wait_batches(3, limit=180)
    former = pair.one.worker_pid()
    os.kill(former, signal.SIGKILL)
    wait_for(lambda: pair.one.worker_pid() != former and pair.one.is_ready(), "another worker", limit=120)
    send(pair.one, 4)
    batches = pair.two.wait_batches(4, limit=180)
    assert [batch["state"] for batch in batches] == ["DONE"] * 4, pair.two.describe()
    assert len(set(pair.homes().values())) == 2
    assert len(pair.one.delivered_files()) == 4 * COUNT
    assert pair.sent_twice() == []


@pytest.mark.slow
def test_a_change_that_former_workers_cannot_live_with(
    make_stack: MakeStack, postgres: PostgresServer, tmp_path: Path
) -> None:
    """The new worker says what it waits for, and begins when the former one was stopped, which is refused from then."""
    pair = Pair(make_stack, postgres.database(), None)
    pair.two.sendit["Python"] = next_version(tmp_path, compatible=False)
    pair.one.start()
    pair.copy_keys()
    pair.two.start(target=False, ready=False)
    wait_told(pair.two, "1 other workers run, which could not go on after this upgrade of the database")
    assert revision(pair.database) != "next"
    send(pair.one, 1)
    pair.one.wait_batches(1, limit=180)
    pair.one.source.stop()
    wait_for(pair.two.is_ready, f"the upgrade; log:\n{pair.two.source.log()[-3000:]}", limit=180)
    assert revision(pair.database) == "next"
    send(pair.two, 2)
    batches = pair.two.wait_batches(2, limit=180)
    assert [batch["state"] for batch in batches] == ["DONE"] * 2, pair.two.describe()
    pair.one.source.start()
    wait_told(pair.one, "the database schema (next) is newer than this version of SendIt")
    assert len(pair.one.delivered_files()) == 2 * COUNT
    assert pair.sent_twice() == []

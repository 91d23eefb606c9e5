"""The journal moves from SQLite to PostgreSQL: row by row, once, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from sendit.config.schema import Settings
from sendit.errors import Misconfigured
from sendit.journal import Journal
from sendit.journal import tables as t
from sendit.journal.audit import Act
from sendit.journal.lists.counts import INSTANCE, PROJECT
from sendit.journal.lists.imports import SealedName
from sendit.pipeline.backups import move as moving
from sendit.pipeline.backups.high_water import JournalGuard, is_missing
from tests.journal.test_workers import delivering

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.postgres import PostgresServer


def _seal(project: str, name: str) -> tuple[str, bytes | None]:
    return f"{project}{name}", None


def move(settings: Settings) -> moving.Moved:
    return moving.move(settings, "cli:ada", _seal)


@pytest.fixture
def settings(postgres: PostgresServer, data_directory: Path) -> Settings:
    """A filled journal on SQLite, and a configuration that names PostgreSQL."""
    journal = Journal.open("sqlite", data_directory)
    delivered = delivering(journal, "one", ["a1", "a2"])
    delivery, _ = journal.deliveries.begin(delivered, "peer", 1)
    journal.deliveries.verified(delivery, 2)
    journal.batches.done(delivered)
    delivering(journal, "two", ["b1"])
    journal.batches.retry(delivered, actor="orthanc:ada", reason="to see – ümläuts")
    journal.intake.route("three", "irb", Act("orthanc:ada", "deidentify-now", project="irb", reason="asked"))
    names = SealedName("m" * 64, b"\x00\xff sealed")
    journal.imports.begin("irb", names, names, "orthanc:ada")
    journal.counts.fold()
    JournalGuard(journal, data_directory).sync()
    journal.close()
    return Settings.model_validate({"DataDirectory": str(data_directory), "Database": postgres.database()})


def test_every_row_arrives(settings: Settings) -> None:
    """What both journals answer is the same; new rows get new numbers; the old file is there under another name."""
    before = Journal.open("sqlite", settings.data_directory)
    facts = told(before)
    head = before.audit.verify().head
    before.close()
    moved = move(settings)
    after = Journal.open(settings.database, settings.data_directory)
    JournalGuard(after, settings.data_directory).sync()
    assert told(after) == facts
    assert moved.rows["instances"] == 3
    verdict = after.audit.verify(head)
    assert verdict.ok
    assert verdict.entries == moved.audit_entries + 1, "the move itself is in the audit log"
    assert delivering(after, "new", ["n1"]) == 3
    after.close()
    assert moved.left.exists()
    assert not (settings.data_directory / "journal.sqlite").exists()
    [note] = settings.data_directory.glob("moved-*.txt")
    assert "PostgreSQL" in note.read_text()


def told(journal: Journal) -> Any:
    numbers = [1, 2]
    return (
        [journal.batches.get(number) for number in numbers],
        [journal.batches.instances(number) for number in numbers],
        [journal.batches.history(number) for number in numbers],
        journal.deliveries.of(numbers),
        sorted(map(str, journal.counts.of(PROJECT))),
        sorted(map(str, journal.counts.of(INSTANCE))),
        journal.imports.names(1),
        journal.high_water.level(),
        journal.intake.routes("three"),
    )


def test_a_database_that_contains_a_journal_is_refused(settings: Settings) -> None:
    """Nothing is changed in either of them."""
    other = Journal.open(settings.database, settings.data_directory)
    delivering(other, "another", ["x"])
    other.close()
    with pytest.raises(Misconfigured, match="contains another journal already"):
        move(settings)
    assert (settings.data_directory / "journal.sqlite").exists()


def test_a_row_that_arrives_differently_stops_the_move(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is as empty as before, and the next try moves all of it."""
    copy = moving._copy

    def harmful(reading: sa.Connection, writing: sa.Connection, table: sa.Table) -> None:
        copy(reading, writing, table)
        if table is t.instances:
            writing.execute(sa.update(table).where(table.c.id == 2).values(reason="another"))

    with monkeypatch.context() as patched:
        patched.setattr(moving, "_copy", harmful)
        with pytest.raises(Misconfigured, match="the rows of instances did not arrive as they were"):
            move(settings)
    assert is_missing(settings.database, settings.data_directory)
    assert move(settings).rows["instances"] == 3


def test_a_move_that_was_killed_before_it_renamed_the_file(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one finds that all rows are there, and ends it. A third one has nothing to move."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(moving, "_put_aside", killed)
        with pytest.raises(KeyboardInterrupt):
            move(settings)
    assert (settings.data_directory / "journal.sqlite").exists()
    assert move(settings).rows["batches"] == 2
    with pytest.raises(Misconfigured, match="no journal to be moved"):
        move(settings)


def test_a_configuration_that_still_says_sqlite(data_directory: Path) -> None:
    """The remedy says what to do first."""
    settings = Settings.model_validate({"DataDirectory": str(data_directory)})
    with pytest.raises(Misconfigured, match="where the journal is already"):
        move(settings)

"""Workers of two versions on one database: which migrations former workers can live with, and what keeps them apart."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from sendit.errors import Misconfigured, Retry
from sendit.journal import Journal
from sendit.journal.database import alembic_config, migrating, open_engine
from tests.journal.test_journal import receipt

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.postgres import PostgresServer

_NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "next", {head!r}
compatible = {compatible}


def upgrade():
    {change}
"""
#: What a next version may add.
_ADDED = """op.add_column("batches", sa.Column("colour", sa.String(8), nullable=False, server_default=""))
    op.add_column("instances", sa.Column("colour", sa.String(8)))
    op.create_table("colours", sa.Column("name", sa.String(8), primary_key=True))"""


def add_next_migration(migrations: Path, *, compatible: bool, change: str = _ADDED) -> None:
    """Add to this version's migrations, in a copy of them."""
    text = _NEXT.format(head=ScriptDirectory(str(migrations)).get_current_head(), compatible=compatible, change=change)
    (migrations / "versions" / "next.py").write_text(text)


def next_version(folder: Path, *, compatible: bool, change: str = _ADDED) -> Path:
    """The migrations of this version and one more."""
    shutil.copytree(migrating.MIGRATIONS, folder / "migrations")
    add_next_migration(folder / "migrations", compatible=compatible, change=change)
    return folder / "migrations"


def upgrade_to(
    migrations: Path, database: str, data_directory: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "MIGRATIONS", migrations)
        open_engine(database, data_directory, home=home).dispose()


def test_a_former_version_goes_on_beside_what_was_added(
    database: str, data_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the upgrade, after it, and when it is started anew; it changes nothing of what was added."""
    former = Journal.open(database, data_directory, home="one")
    upgrade_to(next_version(tmp_path, compatible=True), database, data_directory, monkeypatch, "two")
    for name, journal in (("running", former), ("started", Journal.open(database, data_directory, home="one"))):
        batch_id = journal.intake.queue(f"study {name}", "irb", [name], None)
        assert batch_id is not None
        batch = journal.batches.begin(batch_id, 1)
        journal.batches.record(batch_id, batch.attempt, {name: receipt(name)})
        assert journal.batches.tallies([batch_id])[batch_id] == {"RELEASED": 1}
        with journal.engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "next"
            assert connection.scalar(sa.text("SELECT count(*) FROM colours")) == 0
        journal.close()


def test_a_former_version_is_refused_after_any_other_change(
    database: str, data_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless a migration says that former workers can live with it, they do not start."""
    Journal.open(database, data_directory).close()
    upgrade_to(next_version(tmp_path, compatible=False), database, data_directory, monkeypatch, "")
    with pytest.raises(Misconfigured, match="newer than this version of SendIt"):
        open_engine(database, data_directory)


def test_workers_that_run_are_not_upgraded_under(
    postgres: PostgresServer, data_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new version waits until those that could not go on have ended; its own last sign of life does not count."""
    url = postgres.database()
    journal = Journal.open(url, data_directory, home="one")
    journal.facts.beat("one-0", "one")
    journal.facts.beat("two-0", "two")
    migrations = next_version(tmp_path, compatible=False)
    with pytest.raises(Retry, match="1 other workers run"):
        upgrade_to(migrations, url, data_directory, monkeypatch, "two")
    with journal.engine.begin() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) != "next"
        connection.execute(sa.text("UPDATE nodes SET seen_at = seen_at - interval '1 hour' WHERE home = 'one'"))
    upgrade_to(migrations, url, data_directory, monkeypatch, "two")
    with journal.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "next"
    journal.close()


def compatible_migrations() -> list[str]:
    scripts = ScriptDirectory(str(migrating.MIGRATIONS)).walk_revisions()
    return [script.revision for script in scripts if getattr(script.module, "compatible", False)]


def additions(engine: sa.Engine, revision: str) -> tuple[list[str], list[str]]:
    """What a migration takes away or changes, and what it adds that a worker would have to know of."""
    with engine.begin() as connection:
        config = alembic_config(connection)
        command.upgrade(config, str(ScriptDirectory.from_config(config).get_revision(revision).down_revision))
        before = sa.MetaData()
        before.reflect(connection)
        command.upgrade(config, revision)
        after = sa.MetaData()
        after.reflect(connection)
    lost, required = [], []
    for name, table in before.tables.items():
        new = after.tables.get(name)
        if new is None:
            lost.append(name)
            continue
        kept = {column.name: (str(column.type), column.nullable) for column in new.columns}
        lost += [f"{name}.{c.name}" for c in table.columns if kept.get(c.name) != (str(c.type), c.nullable)]
        required += [
            f"{name}.{c.name}"
            for c in new.columns
            if c.name not in table.columns and not c.nullable and c.server_default is None
        ]
        unique = {index.name for index in table.indexes if index.unique}
        required += [str(index.name) for index in new.indexes if index.unique and index.name not in unique]
    return lost, required


@pytest.mark.parametrize("revision", [*compatible_migrations(), "next"])
def test_a_compatible_migration_only_adds(
    data_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    """No table or column goes or changes; no insert or update of a worker that knows nothing of it can fail by it."""
    monkeypatch.setattr(migrating, "MIGRATIONS", next_version(tmp_path, compatible=True))
    engine = open_engine("sqlite", data_directory, migrated=False)
    assert additions(engine, revision) == ([], [])
    engine.dispose()


@pytest.mark.parametrize(
    "change",
    [
        'op.drop_column("batches", "manifest")',
        'op.drop_table("paces")',
        'op.create_index("uq_new", "batches", ["study"], unique=True)',
    ],
)
def test_the_comparison_notices_any_other_change(
    data_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """What goes, or what a former worker's next insert could violate."""
    monkeypatch.setattr(migrating, "MIGRATIONS", next_version(tmp_path, compatible=True, change=change))
    engine = open_engine("sqlite", data_directory, migrated=False)
    assert additions(engine, "next") != ([], [])
    engine.dispose()

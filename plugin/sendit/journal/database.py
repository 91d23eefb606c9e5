"""Opens the database and brings it to the version that this SendIt knows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from sendit.errors import Misconfigured, Retry

PLACE = "SendIt.Database"
JOURNAL_FILE = "journal.sqlite"
#: Any constant will do: it keeps two workers from migrating at the same time.
_MIGRATION_LOCK = 7_365_646_974


class NotMade(Misconfigured):
    """The database answers and is empty."""


def journal_url(database: str, data_directory: Path) -> str:
    """SQLAlchemy's URL for the configured Database ("sqlite" or "postgresql://…")."""
    if database == "sqlite":
        return f"sqlite:///{data_directory / JOURNAL_FILE}"
    return "postgresql+psycopg://" + database.removeprefix("postgresql://")


def open_engine(database: str, data_directory: Path, upgrade: bool = True) -> sa.Engine:
    """An engine whose database answers and has the right version.

    Args:
        upgrade: bring an older database to our version; otherwise it is refused too, and nothing is written.

    Raises:
        Retry: the database does not answer.
        Misconfigured: it is of a newer SendIt, or refuses us.
    """
    url = journal_url(database, data_directory)
    if url.startswith("sqlite"):
        _make_private(data_directory / JOURNAL_FILE)
        engine = sa.create_engine(url, connect_args={"timeout": 30})
        _set_up_sqlite(engine)
    else:
        try:
            engine = sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
        except (sa.exc.ArgumentError, ValueError):  # their messages may hold the password
            cure = "Write postgresql://user:password@host:port/name."
            raise Misconfigured(PLACE, "this is no URL of a database (is its port a number?)", cure) from None
        # First of all: SQLAlchemy's own look at the server fails without words where text comes as bytes (SQL_ASCII).
        sa.event.listen(engine, "connect", _check_encoding, insert=True)
    try:
        migrate(engine, upgrade)
    except sa.exc.OperationalError as error:
        engine.dispose()
        raise _translate(error) from None
    return engine


def _translate(error: sa.exc.OperationalError) -> Misconfigured | Retry:
    """What the driver says, without the URL (it holds a password)."""
    text = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
    if any(word in text for word in ("authentication failed", "does not exist", "no pg_hba.conf entry")):
        return Misconfigured(PLACE, f"PostgreSQL refuses us ({text})", "Check its user, password and database name.")
    return Retry(f"the database does not answer ({text}); check {PLACE} and that the server runs")


def _check_encoding(connection: Any, _: Any) -> None:
    """Names of files and reasons may hold any character; another encoding than UTF8 would fail at some of them."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        cure = "Make one for it: CREATE DATABASE sendit ENCODING 'UTF8' TEMPLATE template0."
        raise Misconfigured(PLACE, f"the database keeps its text as {encoding}, and SendIt needs UTF8", cure)


def _make_private(path: Path) -> None:
    """SQLite makes its files with the umask; the journal is nobody else's to read."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def _set_up_sqlite(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A transaction that reads first and writes later can fail with "database is locked" at once, whatever the
        # time-out says; taking the write lock at the beginning makes writers queue instead.
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _alembic(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def migrate(engine: sa.Engine, upgrade: bool = True) -> None:
    """Bring the tables to the newest version; a database of a newer SendIt is refused, never touched."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        config = _alembic(connection)
        current = MigrationContext.configure(connection).get_current_revision()
        scripts = ScriptDirectory.from_config(config)
        if current is not None:
            try:
                scripts.get_revision(current)
            except CommandError:
                raise Misconfigured(
                    PLACE,
                    f"the database has version {current}, which is of a newer SendIt than this one",
                    "Install that SendIt again, or give this one a database of its own.",
                ) from None
        if current == scripts.get_current_head():
            return
        if not upgrade and current is None:
            raise NotMade(PLACE, "the database has no tables yet", "The first start of Orthanc makes them.")
        if not upgrade:
            raise Misconfigured(PLACE, "the database is of an older SendIt", "The next start of Orthanc upgrades it.")
        command.upgrade(config, "head")

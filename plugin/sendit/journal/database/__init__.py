"""Opens the database and brings it to the version that this SendIt knows."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa

from sendit.errors import Misconfigured, SendItError
from sendit.journal.database.faults import PLACE, JournalFault, damaged, gone, is_there, refused_or_silent, translate
from sendit.journal.database.migrating import NotMade, Seal, alembic_config, migrate
from sendit.journal.writing import forget_commit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["JOURNAL_FILE", "NotMade", "Seal", "alembic_config", "check_pages", "journal_url", "open_engine"]

JOURNAL_FILE = "journal.sqlite"
#: So long is a journal checked at the start: one of a million batches has 10 GB, and reading all of it takes minutes.
_MOST_SECONDS = 10.0

log = logging.getLogger(__name__)


def journal_url(database: str, data_directory: Path) -> str:
    """Return SQLAlchemy's URL for the configured Database ("sqlite" or "postgresql://…")."""
    if database == "sqlite":
        return f"sqlite:///{data_directory / JOURNAL_FILE}"
    return "postgresql+psycopg://" + database.removeprefix("postgresql://")


def open_engine(
    database: str,
    data_directory: Path,
    *,
    upgrade: bool = True,
    seal: Seal | None = None,
    on_fault: Callable[[JournalFault], None] = lambda _: None,
    migrated: bool = True,
    home: str = "",
) -> sa.Engine:
    """Return an engine whose database answers and has the right version.

    Args:
        database: the URL, or "sqlite".
        data_directory: the data directory.
        upgrade: bring an older database to our version; otherwise it is refused too, and nothing is written.
        seal: for the names that an older SendIt kept in clear; None: they become digests that nobody can read.
        on_fault: told when the journal is found to be gone or damaged.
        migrated: False: no table is made or looked at.
        home: whose worker this is, if it is one.

    Raises:
        Retry: the database does not answer, or may not be upgraded as long as other workers run.
        Misconfigured: it is of a newer SendIt that this one cannot work beside, or refuses us.
        JournalFault: it is damaged.
    """
    sqlite = database == "sqlite"
    engine = _sqlite(data_directory, on_fault) if sqlite else _postgresql(database, data_directory, on_fault)
    try:
        if upgrade and sqlite:
            check_pages(engine, data_directory / JOURNAL_FILE, _MOST_SECONDS)
        if migrated:
            migrate(engine, upgrade=upgrade, seal=seal, home=home)
        else:
            engine.connect().close()
    except sa.exc.OperationalError as error:
        engine.dispose()
        message = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
        raise refused_or_silent(message) from None
    except SendItError:
        engine.dispose()
        raise
    return engine


def _sqlite(data_directory: Path, on_fault: Callable[[JournalFault], None]) -> sa.Engine:
    path = data_directory / JOURNAL_FILE
    _make_private(path)
    # A file that is gone is not made anew by the next connection.
    uri = sa.URL.create("sqlite", database=f"file:{quote(str(path))}", query={"mode": "rw", "uri": "true"})
    engine = sa.create_engine(uri, connect_args={"timeout": 30})
    _set_up_sqlite(engine, path, on_fault)
    return engine


def _postgresql(database: str, data_directory: Path, on_fault: Callable[[JournalFault], None]) -> sa.Engine:
    url = journal_url(database, data_directory)
    try:
        engine = sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    except (sa.exc.ArgumentError, ValueError):  # their messages may contain the password
        remedy = "Write postgresql://user:password@host:port/name."
        raise Misconfigured(PLACE, "this is not the URL of a database (is its port a number?)", remedy) from None
    # First of all: SQLAlchemy's own look at the server fails without words where text comes as bytes (SQL_ASCII).
    sa.event.listen(engine, "connect", _check_encoding, insert=True)
    _translate_errors(engine, data_directory, (0, 0), on_fault)
    return engine


def _translate_errors(
    engine: sa.Engine, path: Path, identity: tuple[int, int], on_fault: Callable[[JournalFault], None]
) -> None:
    """Translate the driver's errors about a disk, a file or a server, once and for all."""

    @sa.event.listens_for(engine, "handle_error")
    def handle(context: sa.engine.ExceptionContext) -> None:
        forget_commit(context.connection)
        ours = translate(context, path, identity)
        if isinstance(ours, JournalFault):
            on_fault(ours)
        if ours is not None:
            raise ours from None


def check_pages(engine: sa.Engine, path: Path, seconds: float | None = None) -> None:
    """Raise JournalFault if SQLite finds its file damaged; it reads all of it, or what it can in so many seconds."""
    with engine.connect().execution_options(reading=True) as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        timer = threading.Timer(threading.TIMEOUT_MAX if seconds is None else seconds, driver.interrupt)
        timer.daemon = True
        timer.start()
        try:
            result = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_INTERRUPT:
                raise
            log.info("the journal is large: not all of it was checked. sendit doctor and sendit backup check all of it")
            return
        finally:
            timer.cancel()
    if result != "ok":
        raise damaged(str(path), " ".join(result.split())[:200])


def _check_encoding(connection: Any, _: Any) -> None:
    """Refuse an encoding other than UTF8: it would fail on some characters in file names and reasons."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        remedy = "Create one for it: CREATE DATABASE sendit ENCODING 'UTF8' TEMPLATE template0."
        raise Misconfigured(PLACE, f"the database's encoding is {encoding}; SendIt needs UTF8", remedy)


def _make_private(path: Path) -> None:
    """Create the database readable by its owner only: SQLite would use the umask."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def _set_up_sqlite(engine: sa.Engine, path: Path, on_fault: Callable[[JournalFault], None]) -> None:
    state = path.stat()
    identity = (state.st_dev, state.st_ino)
    _translate_errors(engine, path, identity, on_fault)

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
        if not is_there(path, identity):  # SQLite would go on writing to a file that has no name any more
            fault = gone(path)
            on_fault(fault)
            raise fault
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

"""`sendit journal move`: the journal goes from its SQLite file to the database of PostgreSQL that is configured.

SendIt is stopped meanwhile. Everything is copied in one transaction, read back from PostgreSQL, and compared row by row
before that transaction ends: a move that fails, or is killed, leaves an empty database and the file as it was. The file
is then renamed, so that nobody goes on with it. Work that the engine has queued is not moved: the next start schedules
it anew from the journal, as after a restore.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy as sa
from alembic import command

from sendit import keyring
from sendit.errors import Misconfigured
from sendit.journal import Journal, audit
from sendit.journal.database import JOURNAL_FILE, alembic_config, open_engine
from sendit.journal.database.faults import PLACE
from sendit.journal.lists.counts import install as install_counts
from sendit.journal.tables import count_changes, counts, leases, metadata, nodes, paces
from sendit.pipeline.backups.high_water import examine, is_missing
from sendit.scheduler import ENGINE_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sendit.config.schema import Settings
    from sendit.journal.database import Seal

#: Counted anew from the other tables, or of workers that no longer run.
_NOT_MOVED = (counts, count_changes, leases, paces, nodes)
_TABLES = [table for table in metadata.sorted_tables if table not in _NOT_MOVED]
_TOGETHER = 2_000


@dataclass(frozen=True, slots=True)
class Moved:
    """Result of a move."""

    rows: dict[str, int]  # by table; each compared
    audit_entries: int  # their chain holds
    left: Path  # what the SQLite file is called now


def move(settings: Settings, actor: str, seal: Seal, tell: Callable[[str], None] = lambda _: None) -> Moved:
    """Move the journal; the worker's lock must be held. May be repeated after a kill.

    Args:
        settings: Database is PostgreSQL, and the journal's file is still in DataDirectory.
        actor: who moves it.
        seal: for the names that an older SendIt kept in clear.
        tell: told of each table.

    Raises:
        Misconfigured: there is nothing to move, the journal is behind its high-water mark, the database contains
            something else, or a row did not arrive as it was. The file is as it was.
    """
    directory = settings.data_directory
    _refuse(settings)
    source = Journal.open("sqlite", directory, seal=seal)
    try:
        examine(source, directory)
        before = source.audit.verify()
        rows = _copied(settings, source.engine, tell)
    finally:
        source.close()
    target = Journal.open(settings.database, directory)
    try:
        after = target.audit.verify(before.head)
        if after != before and not after.ok:
            raise Misconfigured(PLACE, f"the audit log there does not verify: {after.problem}", "Report this.")
        left = _put_aside(directory, sum(rows.values()))
        with target.engine.begin() as c:
            audit.add(c, audit.Act(actor, "move-journal", reason="from SQLite to PostgreSQL", details={"rows": rows}))
    finally:
        target.close()
    return Moved(rows, after.entries, left)


def _refuse(settings: Settings) -> None:
    file = settings.data_directory / JOURNAL_FILE
    if settings.database == "sqlite":
        remedy = "Set SendIt.Database to an empty database of PostgreSQL first; do not start Orthanc in between."
        raise Misconfigured(PLACE, "it is sqlite, where the journal is already", remedy)
    if is_missing("sqlite", settings.data_directory):
        raise Misconfigured(str(file), "there is no journal to be moved", "If it was moved already, start Orthanc.")


def _copied(settings: Settings, source: sa.Engine, tell: Callable[[str], None]) -> dict[str, int]:
    """Copy all tables, and compare them; return the number of rows of each."""
    fresh = is_missing(settings.database, settings.data_directory)
    target = open_engine(settings.database, settings.data_directory, migrated=False)
    rows: dict[str, int] = {}
    try:
        with source.connect().execution_options(reading=True) as reading, target.begin() as writing:
            if fresh:
                command.upgrade(alembic_config(writing), "head")
                writing.exec_driver_sql("DELETE FROM marks")  # that the migrations wrote
            for table in _TABLES:
                if fresh:
                    _copy(reading, writing, table)
                rows[table.name] = _compared(reading, writing, table, fresh=fresh)
                tell(f"{table.name}: {rows[table.name]} rows")
            if fresh:
                install_counts(writing)
    finally:
        target.dispose()
    return rows


def _copy(reading: sa.Connection, writing: sa.Connection, table: sa.Table) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)  # some are words of SQL
    driver: Any = writing.connection.driver_connection
    try:
        with driver.cursor() as cursor:
            with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as into:
                for row in _rows(reading, table):
                    into.write_row(row)
            if "id" in table.columns:
                last = f"coalesce((SELECT max(id) FROM {table.name}), 0) + 1"
                cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last}, false)")
    except psycopg.Error as error:  # its text may quote the row
        problem = f"PostgreSQL refused a row of {table.name} ({type(error).__name__})"
        raise Misconfigured(PLACE, problem, "Nothing was moved; the SQLite file is as it was. Report this.") from None


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[tuple[Any, ...]]:
    """Yield all rows; JSON as the text that it is, so that no digest in it is written another way."""
    columns = [sa.cast(c, sa.Text).label(c.name) if isinstance(c.type, sa.JSON) else c for c in table.columns]
    chosen = sa.select(*columns).execution_options(stream_results=True)
    for rows in connection.execute(chosen).partitions(_TOGETHER):
        yield from (tuple(row) for row in rows)


def _compared(reading: sa.Connection, writing: sa.Connection, table: sa.Table, *, fresh: bool) -> int:
    """Return how many rows both have.

    Raises:
        Misconfigured: they are not the same.
    """
    here, there = digest(_rows(reading, table)), digest(_rows(writing, table))
    if here == there:
        return here[0]
    if fresh:
        problem = f"the rows of {table.name} did not arrive as they were ({here[0]} and {there[0]} rows)"
        raise Misconfigured(PLACE, problem, "Nothing was moved; the SQLite file is as it was. Report this.")
    remedy = "Give SendIt an empty database of its own."
    raise Misconfigured(PLACE, f"it contains another journal already ({table.name} differs)", remedy)


def digest(rows: Iterator[tuple[Any, ...]]) -> tuple[int, str]:
    """Return the number of rows, and a digest of them in any order: databases sort text differently."""
    number, total = 0, 0
    for row in rows:
        text = json.dumps([_plain(value) for value in row]).encode()
        total += int.from_bytes(hashlib.sha256(text).digest(), "big")
        number += 1
    return number, f"{total % (1 << 256):064x}"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value.hex() if isinstance(value, (bytes, memoryview)) else value


def _put_aside(directory: Path, rows: int) -> Path:
    """Rename the journal's and the engine's file, and say in a third one what they are."""
    at = datetime.now(UTC)
    aside = at.strftime("moved-%Y%m%dT%H%M%SZ")
    note = directory / f"{aside}.txt"
    note.write_text(
        f"{rows} rows of {JOURNAL_FILE} were moved to PostgreSQL on {at:%Y-%m-%d at %H:%M} UTC, and compared there.\n"
        f"{aside}-{JOURNAL_FILE} is what was moved. It is of no further use, and as confidential as the journal.\n",
        "utf-8",
    )
    note.chmod(0o600)
    for name in (ENGINE_FILE, JOURNAL_FILE):
        for path in sorted(directory.glob(f"{name}*"), reverse=True):
            if path.name in (name, f"{name}-wal", f"{name}-shm"):
                os.rename(path, directory / f"{aside}-{path.name}")
    keyring.give(note, directory)
    keyring.synchronise(directory)
    return directory / f"{aside}-{JOURNAL_FILE}"

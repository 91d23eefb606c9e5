"""PostgreSQL's journal as files, one for each table, all of one moment; and back into an empty database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.runtime.migration import MigrationContext

from sendit.journal.database import alembic_config, open_engine
from sendit.journal.tables import metadata

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

_CHUNK = 1 << 20


def write(database: str, data_directory: Path, folder: Path) -> dict[str, Any]:
    """Write every table in PostgreSQL's own form of COPY; return the revision, and the columns in order."""
    folder.mkdir(mode=0o700)
    columns = {table.name: [c.name for c in table.columns] for table in metadata.sorted_tables}
    engine = open_engine(database, data_directory, upgrade=False)
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            revision = MigrationContext.configure(connection).get_current_revision()
            with _driver(connection).cursor() as cursor:
                for name, names in columns.items():
                    path = folder / f"{name}.copy"
                    path.touch(0o600)
                    with path.open("wb") as file, cursor.copy(_copy(name, names, "TO STDOUT")) as out:
                        for data in out:
                            file.write(data)
                        file.flush()
                        os.fsync(file.fileno())
    finally:
        engine.dispose()
    return {"revision": revision, "columns": columns}


def read(database: str, data_directory: Path, folder: Path, revision: str, columns: dict[str, list[str]]) -> None:
    """Make the tables of that revision in an empty database, and fill them; all of it or nothing."""
    engine = open_engine(database, data_directory, migrated=False)
    try:
        with engine.begin() as connection:
            command.upgrade(alembic_config(connection), revision)
            connection.exec_driver_sql("DELETE FROM marks")  # that the migrations wrote
            with _driver(connection).cursor() as cursor:
                for name, names in columns.items():
                    path = folder / f"{name}.copy"
                    with path.open("rb") as file, cursor.copy(_copy(name, names, "FROM STDIN")) as into:
                        while data := file.read(_CHUNK):
                            into.write(data)
                    if "id" in names:
                        cursor.execute(
                            f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), coalesce(max(id), 0) + 1, false)"
                            f" FROM {name}"
                        )
    finally:
        engine.dispose()


def _copy(table: str, names: list[str], where: str) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)  # one of them is a word of SQL
    return f"COPY {table} ({quoted}) {where}"


def _driver(connection: sa.Connection) -> Any:
    """Return psycopg's own connection, in the same transaction."""
    return connection.connection.driver_connection

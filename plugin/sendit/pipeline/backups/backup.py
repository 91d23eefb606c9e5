"""`sendit backup` and `sendit restore`: journal, engine, keys and high-water mark, consistent while SendIt runs.

A backup is a folder: `backup.json` (what it is, and the SHA-256 of every file), the journal (`journal.sqlite`, or
`journal/<table>.copy` of PostgreSQL, one snapshot), `engine.sqlite`, `node`, `keys/`, `crosswalk-keys/` and
`passport-keys/`. It is read in an order in which nothing is missing: the high-water mark, the journal, the keys.
PostgreSQL's engine is left out: what it holds is scheduled anew from the journal at the next start.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.runtime.migration import MigrationContext

from sendit import __version__, keyring
from sendit.errors import Misconfigured
from sendit.journal.database import JOURNAL_FILE, alembic_config, open_engine
from sendit.journal.high_water import lacking
from sendit.journal.tables import metadata
from sendit.model import family
from sendit.pipeline.backups.high_water import FILE, Mark, MarkFile, is_missing
from sendit.pipeline.projects import KEYS, PASSPORT_KEYS
from sendit.pseudonyms.crosswalk import key_folder
from sendit.scheduler import ENGINE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from sendit.config.schema import Settings

ABOUT = "backup.json"
_TABLES, _CROSSWALK, _PASSPORTS, _NODE = "journal", "crosswalk-keys", "passport-keys", "node"
_FORMAT = 1

_CHUNK = 1 << 20


def backup(settings: Settings, target: Path) -> dict[str, Any]:
    """Write a backup into a new folder, and read it through once; what `backup.json` says.

    Raises:
        Misconfigured: the folder is there already or cannot be written, or there is no journal yet.
    """
    if is_missing(settings.database, settings.data_directory):
        raise Misconfigured("SendIt.Database", "there is no journal yet", "The first start of Orthanc creates it.")
    beside = target.with_name(f".{target.name}.part")
    try:
        if target.exists():
            raise Misconfigured(str(target), "it already exists", "Name a folder that does not exist yet.")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=0o700)
        about = _fill(settings, beside)
        os.rename(beside, target)
        keyring.synchronise(target.parent)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise Misconfigured(str(target), f"the backup cannot be written ({error.strerror})", "Make room.") from None
    return about


def _fill(settings: Settings, folder: Path) -> dict[str, Any]:
    made, directory = datetime.now(UTC).isoformat(timespec="seconds"), settings.data_directory
    (folder / KEYS).mkdir(mode=0o700)
    file = MarkFile(directory)
    if file.path.exists():
        with file.locked():
            _copy(file.path, folder / KEYS / FILE)
    about = {"format": _FORMAT, "sendit": __version__, "made": made, "database": "sqlite"}
    if settings.database == "sqlite":
        _snapshot(directory / JOURNAL_FILE, folder / JOURNAL_FILE)
    else:
        about |= {"database": "postgresql", **_write_tables(settings.database, directory, folder / _TABLES)}
    if (directory / ENGINE_FILE).exists():
        _snapshot(directory / ENGINE_FILE, folder / ENGINE_FILE)
    for source, place in _kept(settings, folder):
        if source.suffix == ".key" or source.name == _NODE:
            place.parent.mkdir(mode=0o700, exist_ok=True)
            _copy(source, place)
    about["files"] = {str(p.relative_to(folder)): _sha256(p) for p in sorted(folder.rglob("*")) if p.is_file()}
    _write(folder / ABOUT, json.dumps(about, indent=1).encode())
    return about


def _kept(settings: Settings, folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the small files of the data directory, and where they are in the backup."""
    directory, keys = settings.data_directory, settings.data_directory / KEYS
    yield from ((path, folder / KEYS / path.name) for path in keys.glob("*.key"))
    yield from ((path, folder / _CROSSWALK / path.name) for path in key_folder(settings).glob("*.key"))
    yield from ((path, folder / _PASSPORTS / path.name) for path in (keys / PASSPORT_KEYS).glob("*.key"))
    if (directory / _NODE).exists():
        yield directory / _NODE, folder / _NODE


def _snapshot(source: Path, target: Path) -> None:
    """Copy an SQLite database consistently while others write to it."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    uri = f"{source.as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=60)) as opened, closing(sqlite3.connect(target)) as copy:
            opened.backup(copy)  # all pages in one step, so of one moment
            copy.execute("PRAGMA journal_mode=DELETE")
            result = str(copy.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        raise Misconfigured(str(source), f"it cannot be copied ({error})", "See docs/runbook.md.") from None
    if result != "ok":
        raise Misconfigured(str(source), "it is damaged, and so would the backup be", "See docs/runbook.md.")
    _synchronise_file(target)


def _copy(source: Path, target: Path) -> None:
    _write(target, source.read_bytes())


def _write(target: Path, content: bytes) -> None:
    handle = os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _synchronise_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(folder: Path) -> dict[str, Any]:
    """Check that every file is as it was written; return what `backup.json` says.

    Raises:
        Misconfigured: it is no backup, not whole, or of a newer SendIt.
    """
    try:
        about: dict[str, Any] = json.loads((folder / ABOUT).read_bytes())
        files: dict[str, str] = about["files"]
        wrong = [name for name, digest in files.items() if _sha256(folder / name) != digest]
    except FileNotFoundError as error:
        problem = f"{Path(error.filename).name} is missing: this is not a backup, or an incomplete one"
        raise Misconfigured(str(folder), problem, "Name the folder that sendit backup wrote.") from None
    except (OSError, ValueError, KeyError, TypeError):
        problem = "it cannot be read as a backup"
        raise Misconfigured(str(folder), problem, "Name the folder that sendit backup wrote.") from None
    if about.get("format") != _FORMAT:
        raise Misconfigured(
            str(folder), "this backup was made by a newer version of SendIt", "Restore it with that version."
        )
    if wrong:
        raise Misconfigured(str(folder), f"{wrong[0]} was changed since it was written", "Take another backup.")
    return about


def restore(settings: Settings, folder: Path) -> dict[str, Any]:
    """Put a backup into the configured data directory and database; what `backup.json` says.

    A journal that is there is moved aside (SQLite) or has to be (PostgreSQL). A high-water mark that is there stays,
    with what the backup's knows besides. The next start asks for `sendit journal accept`.

    Raises:
        Misconfigured: the backup is not whole, or what is there keeps it from being restored. Nothing was changed.
    """
    about, directory = check(folder), settings.data_directory
    kind = "sqlite" if settings.database == "sqlite" else "postgresql"
    if about["database"] != kind:
        problem = f"it is a backup of {about['database']}, and SendIt.Database is {kind}"
        raise Misconfigured(str(folder), problem, "Set SendIt.Database to a database of that kind.")
    if kind == "postgresql" and not is_missing(settings.database, directory):
        problem, remedy = "the database already contains a journal", "Give it an empty database (docs/runbook.md)."
        raise Misconfigured("SendIt.Database", problem, remedy)
    file = MarkFile(directory)
    mark, kept = file.read(), _of_backup(folder)
    keys = list(_keys(settings, folder, mark))
    _put_mark(file, mark, kept, str(about["made"]))
    for source, place in keys:
        keyring.make_folder(place.parent)
        _copy(source, place)
        keyring.give(place, directory)
    _put_journal(settings, folder, about)
    return about


def _of_backup(folder: Path) -> Mark:
    """Return the high-water mark as it was when the backup was made."""
    return MarkFile(folder).read()


def _keys(settings: Settings, folder: Path, mark: Mark) -> Iterator[tuple[Path, Path]]:
    """Yield the keys to be restored, without those of projects that were unlinked since: they were destroyed.

    A key that signs passports leads back to nobody, and is not destroyed with a project.
    """
    unlinked = {family(project) for project in mark.level.unlinked}
    keys = settings.data_directory / KEYS
    places = ((KEYS, keys), (_CROSSWALK, key_folder(settings)), (_PASSPORTS, keys / PASSPORT_KEYS))
    for name, place in places:
        for source in sorted((folder / name).glob("*.key")):
            target = place / source.name
            if name != _PASSPORTS and family(source.stem) in unlinked:
                continue
            if target.exists() and target.read_bytes() != source.read_bytes():
                remedy = "Move it away, if the backup's is the right one."
                raise Misconfigured(str(target), "the key there differs from the one in the backup", remedy)
            if not target.exists():
                yield source, target
    node = settings.data_directory / _NODE
    if (folder / _NODE).exists() and not node.exists():
        yield folder / _NODE, node


def _put_mark(file: MarkFile, mark: Mark, kept: Mark, made: str) -> None:
    """Restore the mark first: from now on no start accepts the journal without an operator."""
    level = mark.level if mark.level.journal else kept.level
    if mark.level.journal == kept.level.journal:
        more = lacking(kept.level, mark.level)
        for project, counts in kept.level.counts.items():
            level.counts[project] = counts.raised_to(level.counts.get(project, counts))
        level.studies |= more.studies
        level.patients |= more.patients
        level.unlinked |= more.unlinked
    with file.locked():
        file.rewrite(Mark(level, restored={"made": made}))


def _put_journal(settings: Settings, folder: Path, about: dict[str, Any]) -> None:
    directory = settings.data_directory
    aside = datetime.now(UTC).strftime("before-restore-%Y%m%dT%H%M%SZ")
    for name in (JOURNAL_FILE, ENGINE_FILE):
        for path in directory.glob(f"{name}*"):
            if path.name in (name, f"{name}-wal", f"{name}-shm"):
                path.rename(directory / f"{aside}-{path.name}")
        if (folder / name).exists():
            beside = directory / f".{name}.part"
            shutil.copyfile(folder / name, beside)
            beside.chmod(0o600)
            keyring.give(beside, directory)
            _synchronise_file(beside)
            os.rename(beside, directory / name)
    if about["database"] == "postgresql":
        _read_tables(settings.database, directory, folder / _TABLES, about["revision"], about["columns"])
    keyring.synchronise(directory)


def _write_tables(database: str, data_directory: Path, folder: Path) -> dict[str, Any]:
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
                    with path.open("wb") as file, cursor.copy(_copy_statement(name, names, "TO STDOUT")) as out:
                        for data in out:
                            file.write(data)
                        file.flush()
                        os.fsync(file.fileno())
    finally:
        engine.dispose()
    return {"revision": revision, "columns": columns}


def _read_tables(
    database: str, data_directory: Path, folder: Path, revision: str, columns: dict[str, list[str]]
) -> None:
    """Make the tables of that revision in an empty database, and fill them; all of it or nothing."""
    engine = open_engine(database, data_directory, migrated=False)
    try:
        with engine.begin() as connection:
            command.upgrade(alembic_config(connection), revision)
            connection.exec_driver_sql("DELETE FROM marks")  # that the migrations wrote
            with _driver(connection).cursor() as cursor:
                for name, names in columns.items():
                    path = folder / f"{name}.copy"
                    with path.open("rb") as file, cursor.copy(_copy_statement(name, names, "FROM STDIN")) as into:
                        while data := file.read(_CHUNK):
                            into.write(data)
                    if "id" in names:
                        cursor.execute(
                            f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), coalesce(max(id), 0) + 1, false)"
                            f" FROM {name}"
                        )
    finally:
        engine.dispose()


def _copy_statement(table: str, names: list[str], where: str) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)  # one of them is a word of SQL
    return f"COPY {table} ({quoted}) {where}"


def _driver(connection: sa.Connection) -> Any:
    """Return psycopg's own connection, in the same transaction."""
    return connection.connection.driver_connection

"""Database faults, translated to SendIt's errors with the place and the remedy."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from sendit.errors import Misconfigured, Retry

if TYPE_CHECKING:
    import sqlalchemy as sa

PLACE = "SendIt.Database"
_RESTORE = "Stop Orthanc, then restore the newest backup: sendit restore (docs/runbook.md)"
#: SQLite's result codes (sqlite.org/rescode.html).
_PERM, _BUSY, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 3, 5, 8, 10, 11, 13, 14, 26


class JournalFault(Misconfigured):
    """The journal is gone, damaged, or not the one that it has to be: SendIt stops, and an operator is needed."""


def damaged(place: str, message: str) -> JournalFault:
    """Return the error for a journal that cannot be read."""
    return JournalFault(place, f"the journal is damaged ({message})", f"{_RESTORE}.")


def gone(path: Path) -> JournalFault:
    """Return the error for a journal whose file was deleted, moved or replaced under the worker."""
    problem = "the journal was deleted, moved or replaced while SendIt was running; what was written since is lost"
    return JournalFault(str(path), problem, f"{_RESTORE}.")


def is_there(path: Path, identity: tuple[int, int]) -> bool:
    """Return whether the journal's file is still the one that was opened (device and inode)."""
    try:
        state = path.stat()
    except OSError:
        return False
    return (state.st_dev, state.st_ino) == identity


def of_sqlite(error: BaseException, path: Path, identity: tuple[int, int]) -> Misconfigured | Retry | None:
    """Return the error of ours for one of SQLite's; None if it is none of the disk or the file."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (_READONLY, _CANTOPEN, _IOERR) and not is_there(path, identity):
        return gone(path)
    if code in (_CORRUPT, _NOTADB):
        return damaged(str(path), str(error))
    return _of_the_disk(code, str(error), path, "the journal")


def _of_the_disk(code: int, message: str, path: Path, what: str) -> Retry | None:
    if code == _FULL or (code == _IOERR and _little_room(path)):
        return Retry(
            f"{what} cannot be written: the disk of {path.parent} is full; free some space, and SendIt continues"
        )
    if code == _BUSY:
        return Retry(f"{what} {path} is locked by another program; stop it, and SendIt continues")
    if code in (_READONLY, _PERM, _CANTOPEN):
        return Retry(f"{what} {path} cannot be written ({message}); check its owner, its mode and its disk")
    if code == _IOERR:
        return Retry(f"{what} {path} cannot be read or written ({message}); check its disk")
    return None


def of_engine(error: BaseException, url: str) -> Misconfigured | Retry | None:
    """Return the error of ours for one of the durable engine's database.

    Args:
        error: the error as it was raised.
        url: of that database, as SQLAlchemy has it.
    """
    origin = getattr(error, "orig", error)
    if not isinstance(origin, sqlite3.Error):
        return of_postgresql(origin) if isinstance(origin, BaseException) else None
    path = Path(url.removeprefix("sqlite:///"))
    code = getattr(origin, "sqlite_errorcode", 0) & 0xFF
    if code in (_CORRUPT, _NOTADB):
        remedy = f"Stop Orthanc and delete {path.name}*: its content is scheduled again from the journal."
        return Misconfigured(str(path), f"the engine's schedule is damaged ({origin})", remedy)
    return _of_the_disk(code, str(origin), path, "the engine's schedule")


def _little_room(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < 1 << 20
    except OSError:
        return False


def of_postgresql(error: BaseException) -> Misconfigured | Retry | None:
    """Return the error of ours for one of psycopg's; None if it is none of the server or its disk."""
    state = getattr(error, "sqlstate", None)
    message = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if state in ("XX001", "XX002"):
        return damaged(PLACE, message)
    if state == "53100":
        return Retry("the journal cannot be written: the disk of the PostgreSQL server is full; free some space there")
    if state == "42P01":
        return JournalFault(PLACE, "the journal's tables are missing from the database", f"{_RESTORE}.")
    lost = isinstance(error, psycopg.OperationalError) and (state is None or state[:2] in ("08", "57", "53"))
    return refused_or_silent(message) if lost else None


def refused_or_silent(message: str) -> Misconfigured | Retry:
    """Return what PostgreSQL says when it does not let us in; without the URL, which holds a password."""
    if any(word in message for word in ("authentication failed", "does not exist", "no pg_hba.conf entry")):
        return Misconfigured(
            PLACE, f"PostgreSQL refuses access ({message})", "Check its user, password and database name."
        )
    return Retry(f"the database does not answer ({message}); check {PLACE} and that the server runs")


def translate(
    context: sa.engine.ExceptionContext, path: Path, identity: tuple[int, int]
) -> Misconfigured | Retry | None:
    """Return the error of ours for what SQLAlchemy caught."""
    error = context.original_exception
    return of_sqlite(error, path, identity) if isinstance(error, sqlite3.Error) else of_postgresql(error)

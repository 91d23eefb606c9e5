"""The outcome of every file that an import saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.journal import audit
from sendit.journal import tables as t
from sendit.journal.writing import SYSTEM, now, reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sendit.model import FileOutcome


@dataclass(frozen=True, slots=True)
class SealedName:
    """The name of a file or folder, as the journal keeps it. `sendit.pipeline.file_names` seals it."""

    mac: str  # keyed, to find it by
    sealed: bytes | None  # None: nobody is to read it


@dataclass(frozen=True, slots=True)
class ImportNames:
    """The names of one import."""

    project: str
    folder: SealedName
    directory: SealedName
    files: Sequence[tuple[SealedName, str]]  # each with its outcome


class Imports:
    """Imports and their files."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(
        self, project: str, folder: SealedName, directory: SealedName, actor: str = SYSTEM, executor: str = ""
    ) -> int:
        """Begin an import that this worker does, and return its number."""
        values: dict[str, Any] = {"project": project, "state": "RUNNING", "actor": actor[:128], "executor": executor}
        values |= {"folder_mac": folder.mac, "directory_mac": directory.mac}
        values |= {"folder_sealed": folder.sealed, "directory_sealed": directory.sealed}
        with self._engine.begin() as c:
            done = c.execute(sa.insert(t.imports).values(**values, started_at=now()))
            number = int(done.inserted_primary_key[0])  # type: ignore[index]
            audit.add(c, audit.Act(actor, "import", project=project, subject=f"import {number}"))
            return number

    def record_all(
        self, import_id: int, outcomes: Mapping[SealedName, tuple[FileOutcome, str | None, str | None]]
    ) -> None:
        """Record the outcome, reason and study of each of these paths; a later outcome replaces the one before."""
        if not outcomes:
            return
        f = t.import_files.c
        rows = [
            {"import_id": import_id, "path_mac": path.mac, "sealed": path.sealed, "outcome": outcome.value,
             "reason": reason, "study": study}
            for path, (outcome, reason, study) in outcomes.items()
        ]  # fmt: skip
        macs = [path.mac for path in outcomes]
        with self._engine.begin() as c:
            c.execute(sa.delete(t.import_files).where((f.import_id == import_id) & f.path_mac.in_(macs)))
            c.execute(sa.insert(t.import_files), rows)

    def finish(self, import_id: int, *, ok: bool) -> None:
        """End an import."""
        values = {"state": "DONE" if ok else "ERRORS", "finished_at": now()}
        with self._engine.begin() as c:
            c.execute(sa.update(t.imports).where(t.imports.c.id == import_id).values(**values))

    def close_interrupted(self, executor: str = "") -> None:
        """Close imports of this worker that a kill interrupted; the same files are imported again, as a new import."""
        values = {"state": "INTERRUPTED", "finished_at": now()}
        mine = (t.imports.c.state == "RUNNING") & t.imports.c.executor.in_(("", executor))
        with self._engine.begin() as c:
            c.execute(sa.update(t.imports).where(mine).values(**values))

    def names(self, import_id: int) -> ImportNames | None:
        """Return the sealed names of the import's folder and files; None if there is no such import."""
        f = t.import_files.c
        with reading(self._engine) as c:
            row = c.execute(sa.select(t.imports).where(t.imports.c.id == import_id)).first()
            if row is None:
                return None
            query = sa.select(f.path_mac, f.sealed, f.outcome).where(f.import_id == import_id).order_by(f.outcome)
            files = [(SealedName(mac, sealed), str(outcome)) for mac, sealed, outcome in c.execute(query)]
        folder = SealedName(row.folder_mac, row.folder_sealed)
        return ImportNames(row.project, folder, SealedName(row.directory_mac, row.directory_sealed), files)

    def page(self, limit: int, before: int | None = None) -> list[int]:
        """Return the numbers of the newest imports, newest first; `before`: only older ones than that."""
        query = sa.select(t.imports.c.id).order_by(t.imports.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(t.imports.c.id < before)
        with reading(self._engine) as c:
            return list(c.execute(query).scalars())

    def outcomes(self, import_id: int) -> list[tuple[str, str | None, int]]:
        """Return outcome, reason and number of files of an import, the most frequent first."""
        f, count = t.import_files.c, sa.func.count()
        query = sa.select(f.outcome, f.reason, count).where(f.import_id == import_id).group_by(f.outcome, f.reason)
        with reading(self._engine) as c:
            return [(str(outcome), reason, int(n)) for outcome, reason, n in c.execute(query.order_by(count.desc()))]

    def actor(self, import_id: int) -> str | None:
        """Return who began an import; None if there is no such import."""
        with reading(self._engine) as c:
            name: str | None = c.execute(sa.select(t.imports.c.actor).where(t.imports.c.id == import_id)).scalar()
        return name

    def summary(self, import_id: int) -> dict[str, Any] | None:
        """Return the import's state and how many files had each outcome; without names of files."""
        f = t.import_files.c
        with reading(self._engine) as c:
            row = c.execute(sa.select(t.imports).where(t.imports.c.id == import_id)).first()
            query = sa.select(f.outcome, sa.func.count()).where(f.import_id == import_id).group_by(f.outcome)
            outcomes = {str(outcome): int(count) for outcome, count in c.execute(query)}
        if row is None:
            return None
        times = {"started_at": row.started_at, "finished_at": row.finished_at}
        return {"id": row.id, "project": row.project, "state": row.state, **times, "files": outcomes}

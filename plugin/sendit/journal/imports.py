"""The fate of every file that an import saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.writing import now, reading
from sendit.model import FileFate


class Imports:
    """Imports and their files; `intake.base.ImportLog` is written against this shape."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(self, project: str, folder: str, directory: str) -> int:
        values = {"project": project, "folder": folder, "directory": directory, "state": "RUNNING"}
        with self._engine.begin() as c:
            done = c.execute(sa.insert(t.imports).values(**values, started_at=now()))
            return int(done.inserted_primary_key[0])  # type: ignore[index]

    def record_all(self, import_id: int, fates: Mapping[str, tuple[FileFate, str | None, str | None]]) -> None:
        """The fate, reason and study of each of these paths; a later fate replaces the one before."""
        if not fates:
            return
        f = t.import_files.c
        rows = [
            {"import_id": import_id, "path": path, "fate": fate.value, "reason": reason, "study": study}
            for path, (fate, reason, study) in fates.items()
        ]
        with self._engine.begin() as c:
            c.execute(sa.delete(t.import_files).where((f.import_id == import_id) & f.path.in_(list(fates))))
            c.execute(sa.insert(t.import_files), rows)

    def finish(self, import_id: int, ok: bool) -> None:
        values = {"state": "DONE" if ok else "ERRORS", "finished_at": now()}
        with self._engine.begin() as c:
            c.execute(sa.update(t.imports).where(t.imports.c.id == import_id).values(**values))

    def close_interrupted(self) -> None:
        """Imports that a kill cut off are over; the same files are imported again, as a new import."""
        values = {"state": "INTERRUPTED", "finished_at": now()}
        with self._engine.begin() as c:
            c.execute(sa.update(t.imports).where(t.imports.c.state == "RUNNING").values(**values))

    def summary(self, import_id: int) -> dict[str, Any] | None:
        """The import's state and how many files had each fate; without names of files."""
        f = t.import_files.c
        with reading(self._engine) as c:
            row = c.execute(sa.select(t.imports).where(t.imports.c.id == import_id)).first()
            query = sa.select(f.fate, sa.func.count()).where(f.import_id == import_id).group_by(f.fate)
            fates = {str(fate): int(count) for fate, count in c.execute(query)}
        if row is None:
            return None
        times = {"started_at": row.started_at, "finished_at": row.finished_at}
        return {"id": row.id, "project": row.project, "state": row.state, **times, "files": fates}

"""Small facts: which projects have coded something, how far Orthanc's changes were read, which workers live."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.writing import now, reading


class Facts:
    """Keys' fingerprints, marks and nodes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def key_fingerprint(self, project: str) -> str | None:
        """The fingerprint of the key that this project's studies were coded with, None if nothing was coded yet."""
        query = sa.select(t.projects.c.key_fingerprint).where(t.projects.c.name == project)
        with reading(self._engine) as c:
            found = c.execute(query).scalar()
        return None if found is None else str(found)

    def remember_key(self, project: str, fingerprint: str) -> None:
        with self._engine.begin() as c:
            if c.execute(sa.select(t.projects.c.name).where(t.projects.c.name == project)).first() is None:
                values = {"name": project, "key_fingerprint": fingerprint, "first_used_at": now()}
                c.execute(sa.insert(t.projects).values(**values))

    def mark(self, name: str) -> str | None:
        with reading(self._engine) as c:
            found = c.execute(sa.select(t.marks.c.value).where(t.marks.c.name == name)).scalar()
        return None if found is None else str(found)

    def set_mark(self, name: str, value: str) -> None:
        with self._engine.begin() as c:
            if c.execute(sa.update(t.marks).where(t.marks.c.name == name).values(value=value)).rowcount == 0:
                c.execute(sa.insert(t.marks).values(name=name, value=value))

    def beat(self, executor: str) -> None:
        """This worker is alive."""
        with self._engine.begin() as c:
            where = t.nodes.c.executor == executor
            if c.execute(sa.update(t.nodes).where(where).values(seen_at=now())).rowcount == 0:
                c.execute(sa.insert(t.nodes).values(executor=executor, seen_at=now()))

    def alive(self, within_seconds: float) -> set[str]:
        """The workers that were seen lately."""
        query = sa.select(t.nodes.c.executor).where(t.nodes.c.seen_at > now() - timedelta(seconds=within_seconds))
        with reading(self._engine) as c:
            return set(c.execute(query).scalars())

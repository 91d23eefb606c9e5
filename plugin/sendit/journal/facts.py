"""Small facts: keys and rules of projects, how far Orthanc's changes were read, which workers live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.writing import insert_into, now, reading

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a project at some time."""

    digest: str  # of the plan, as receipts have it
    first_used_at: datetime
    content: Mapping[str, Any]  # what the plan was compiled from: options, recipes, functions, handling


class Facts:
    """Keys' fingerprints, rules, marks and nodes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def key_fingerprint(self, project: str) -> str | None:
        """Return the fingerprint of the key that the project's studies were coded with; None if none was coded yet."""
        query = sa.select(t.projects.c.key_fingerprint).where(t.projects.c.name == project)
        with reading(self._engine) as c:
            stored = c.execute(query).scalar()
        return None if stored is None else str(stored)

    def remember_key(self, project: str, fingerprint: str) -> None:
        """Store the fingerprint of a project's key when it is first used."""
        with self._engine.begin() as c:
            if c.execute(sa.select(t.projects.c.name).where(t.projects.c.name == project)).first() is None:
                values = {"name": project, "key_fingerprint": fingerprint, "first_used_at": now()}
                c.execute(sa.insert(t.projects).values(**values))

    def remember_rules(self, project: str, digest: str, content: Mapping[str, Any]) -> None:
        """Store the rules of a project when a batch is first de-identified by them."""
        r = t.rules.c
        with self._engine.begin() as c:
            there = sa.select(r.digest).where((r.project == project) & (r.digest == digest))
            if c.execute(there).first() is None:
                values = {"project": project, "digest": digest, "first_used_at": now(), "content": dict(content)}
                c.execute(
                    insert_into(c, t.rules).values(**values).on_conflict_do_nothing()
                )  # another worker may be faster

    def rules(self, project: str) -> list[Rules]:
        """Return all the rules that the project's batches were de-identified by, the newest first."""
        r = t.rules.c
        query = sa.select(r.digest, r.first_used_at, r.content).where(r.project == project)
        with reading(self._engine) as c:
            return [Rules(*row) for row in c.execute(query.order_by(r.first_used_at.desc(), r.digest))]

    def mark(self, name: str) -> str | None:
        """Return a stored value; None if there is none."""
        with reading(self._engine) as c:
            stored = c.execute(sa.select(t.marks.c.value).where(t.marks.c.name == name)).scalar()
        return None if stored is None else str(stored)

    def set_mark(self, name: str, value: str) -> None:
        """Store a value under a name."""
        with self._engine.begin() as c:
            if c.execute(sa.update(t.marks).where(t.marks.c.name == name).values(value=value)).rowcount == 0:
                c.execute(sa.insert(t.marks).values(name=name, value=value))

    def beat(self, executor: str) -> None:
        """Record that this worker is alive."""
        with self._engine.begin() as c:
            where = t.nodes.c.executor == executor
            if c.execute(sa.update(t.nodes).where(where).values(seen_at=now())).rowcount == 0:
                c.execute(sa.insert(t.nodes).values(executor=executor, seen_at=now()))

    def alive(self, within_seconds: float) -> set[str]:
        """Return the workers that were seen lately. One seen in the future had a wrong clock."""
        seen, span = t.nodes.c.seen_at, timedelta(seconds=within_seconds)
        query = sa.select(t.nodes.c.executor).where((seen > now() - span) & (seen < now() + span))
        with reading(self._engine) as c:
            return set(c.execute(query).scalars())

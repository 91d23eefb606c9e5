"""Small facts: keys and rules of projects, how far Orthanc's changes were read, which workers live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.writing import clock, insert_into, now, reading

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

    def beat(self, executor: str, home: str = "") -> None:
        """Record that this worker is alive, and whose batches it does."""
        with self._engine.begin() as c:
            values = {"seen_at": clock(c), "home": home}
            where = t.nodes.c.executor == executor
            if c.execute(sa.update(t.nodes).where(where).values(**values)).rowcount == 0:
                c.execute(sa.insert(t.nodes).values(executor=executor, **values))

    def alive(self, within_seconds: float) -> set[str]:
        """Return the workers that were seen lately. One seen in the future had a wrong clock."""
        return set(self.alive_at(within_seconds))

    def alive_at(self, within_seconds: float) -> dict[str, str]:
        """Return the workers that were seen lately, each with its home."""
        n, span = t.nodes.c, timedelta(seconds=within_seconds)
        with reading(self._engine) as c:
            at = clock(c)
            query = sa.select(n.executor, n.home).where((n.seen_at > at - span) & (n.seen_at < at + span))
            return {row.executor: row.home for row in c.execute(query)}

"""Pauses of a project, a destination, or everything. They are kept in the journal, so every worker obeys."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.journal import audit
from sendit.journal import tables as t
from sendit.journal.writing import now, reading
from sendit.model import family

if TYPE_CHECKING:
    from datetime import datetime


class Paused(StrEnum):
    """Kinds of things that can be paused."""

    PROJECT = "project"  # with its variants: nothing of it is de-identified or delivered
    DESTINATION = "destination"  # nothing is delivered there
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause."""

    kind: Paused
    name: str  # "" for everything
    at: datetime
    actor: str
    reason: str

    @property
    def why(self) -> str:
        """Return it in words, for the history of a batch."""
        named = self.kind.value if self.kind is Paused.EVERYTHING else f"{self.kind.value} {self.name}"
        return f"{named} was paused by {self.actor}" + (f": {self.reason}" if self.reason else "")


class Pauses:
    """Reads and writes them. Each change is an act of a person, and is written down as one."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def all(self) -> list[Pause]:
        """Return all pauses, the oldest first."""
        p = t.pauses.c
        with reading(self._engine) as c:
            rows = c.execute(sa.select(p.kind, p.name, p.at, p.actor, p.reason).order_by(p.at)).all()
        return [Pause(Paused(row.kind), row.name, row.at, row.actor, row.reason) for row in rows]

    def begin(self, kind: Paused, name: str, actor: str, reason: str) -> bool:
        """Pause; return False if it is paused already, which stays as it is."""
        with self._engine.begin() as c:
            if c.execute(sa.select(t.pauses.c.kind).where(_is(kind, name))).first() is not None:
                return False
            values = {"kind": kind, "name": name, "at": now(), "actor": actor[:128], "reason": reason}
            c.execute(sa.insert(t.pauses).values(**values))
            audit.add(c, _act("pause", kind, name, actor, reason))
        return True

    def end(self, kind: Paused, name: str, actor: str, reason: str) -> bool:
        """Resume; return whether it was paused."""
        with self._engine.begin() as c:
            if c.execute(sa.delete(t.pauses).where(_is(kind, name))).rowcount == 0:
                return False
            audit.add(c, _act("resume", kind, name, actor, reason))
        return True


def _act(action: str, kind: Paused, name: str, actor: str, reason: str) -> audit.Act:
    project = name if kind is Paused.PROJECT else None
    return audit.Act(actor, action, project=project, subject=f"{kind} {name}".strip(), reason=reason)


def holding(pauses: list[Pause], project: str | None = None, destination: str | None = None) -> Pause | None:
    """Return the pause that holds work of this project, or for this destination; None if there is none."""
    for pause in pauses:
        if pause.kind is Paused.EVERYTHING:
            return pause
        if pause.kind is Paused.PROJECT and project is not None and pause.name in (project, family(project)):
            return pause
        if pause.kind is Paused.DESTINATION and pause.name == destination:
            return pause
    return None


def _is(kind: Paused, name: str) -> sa.ColumnElement[bool]:
    return (t.pauses.c.kind == kind) & (t.pauses.c.name == name)

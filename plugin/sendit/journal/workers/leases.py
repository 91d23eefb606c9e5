"""Leases of what one worker at a time may do: lead, send to a destination at one of its places, or send the next bytes.

A lease ends by itself when its holder no longer renews it, so a worker that was killed, or is frozen, keeps nobody
waiting for long. Who wakes up after its end finds it gone; what it still does is idempotent and fenced. Times are the
database's own. SQLite has one worker (the lock of the data directory), which may do everything.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.writing import insert_into, reading

if TYPE_CHECKING:
    from datetime import datetime

#: So long (seconds) a lease lasts without being renewed.
LEASE_SECONDS = 20.0
_NOW = sa.func.clock_timestamp()


#: The lease of who does what is done once for all workers.
LEAD = "lead"


def places_of(destination: str, number: int) -> list[str]:
    """Return the leases of a destination: one for each batch that may go there at once."""
    return [f"place:{destination}:{place}" for place in range(number)]


class Leases:
    """The leases of all workers."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.shared = engine.dialect.name == "postgresql"

    def take(self, name: str, holder: str, seconds: float = LEASE_SECONDS) -> bool:
        """Take a lease that is free, or one's own, for so long; return whether it is the holder's now."""
        if not self.shared:
            return True
        until = _NOW + timedelta(seconds=seconds)
        with self._engine.begin() as c:
            insert = insert_into(c, t.leases).values(name=name, holder=holder, until=until)
            free = (t.leases.c.holder == holder) | (t.leases.c.until < _NOW)
            taken = insert.on_conflict_do_update(
                index_elements=[t.leases.c.name], set_={"holder": holder, "until": until}, where=free
            )
            return c.execute(taken.returning(t.leases.c.name)).first() is not None

    def renew(self, holder: str, seconds: float = LEASE_SECONDS) -> None:
        """Renew whatever a worker holds and has not lost yet; its places, too."""
        if not self.shared:
            return
        mine = _held_by(holder) & (t.leases.c.until >= _NOW)
        with self._engine.begin() as c:
            c.execute(sa.update(t.leases).where(mine).values(until=_NOW + timedelta(seconds=seconds)))

    def release(self, name: str, holder: str) -> None:
        """Give a lease back; nothing if it is another one's by now."""
        if not self.shared:
            return
        with self._engine.begin() as c:
            c.execute(sa.delete(t.leases).where((t.leases.c.name == name) & (t.leases.c.holder == holder)))

    def release_all(self, holder: str) -> None:
        """Give back all that a worker holds: it stops, or has just started."""
        if not self.shared:
            return
        with self._engine.begin() as c:
            c.execute(sa.delete(t.leases).where(_held_by(holder)))

    def held(self) -> dict[str, str]:
        """Return the leases that somebody holds, each with its holder."""
        if not self.shared:
            return {}
        query = sa.select(t.leases.c.name, t.leases.c.holder).where(t.leases.c.until >= _NOW)
        with reading(self._engine) as c:
            return {row.name: row.holder for row in c.execute(query)}

    def reserve(self, destination: str, seconds: float) -> float:
        """Reserve the next so many seconds of a destination's pace; return the seconds until they begin."""
        f = t.paces.c.free_at
        span = timedelta(seconds=seconds)
        with self._engine.begin() as c:
            insert = insert_into(c, t.paces).values(name=destination, free_at=_NOW + span)
            reserved = insert.on_conflict_do_update(
                index_elements=[t.paces.c.name], set_={"free_at": sa.func.greatest(f, _NOW) + span}
            )
            free_at, at = c.execute(reserved.returning(f, _NOW)).one()
        begins: datetime = free_at - span
        seconds_left: float = (begins - at).total_seconds()
        return max(0.0, seconds_left)


def _held_by(holder: str) -> sa.ColumnElement[bool]:
    """Return the condition that a worker, or one of its deliveries (`<worker>/<batch>`), holds a lease."""
    return (t.leases.c.holder == holder) | t.leases.c.holder.startswith(f"{holder}/", autoescape=True)

"""Common parts of the journal: transactions, the clock, fenced updates, events."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sendit.journal import tables as t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendit.model import BatchState

log = logging.getLogger(__name__)

#: Memory of a connection: changes of states that are not logged yet, and whether its transaction was committed.
_CHANGED, _ENDED = "sendit.changed", "sendit.ended"


class Superseded(Exception):
    """The journal has moved on: another attempt owns this work. Whoever gets this stops and changes nothing."""


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def clock(connection: sa.Connection) -> datetime:
    """Return the time by which workers judge one another: PostgreSQL's own, as their machines' clocks differ."""
    if connection.dialect.name != "postgresql":
        return now()
    at: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return at.astimezone(UTC)


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Provide a transaction that only reads: it does not queue behind writers."""
    with engine.connect().execution_options(reading=True) as connection:
        yield connection


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a batch."""

    at: datetime
    message: str
    actor: str  # SYSTEM where no person did it
    reason: str | None  # why, in the words of a person


#: Who acts where no person does.
SYSTEM = "system"


def add_event(
    connection: sa.Connection, batch_id: int, message: str, actor: str = SYSTEM, reason: str | None = None
) -> None:
    """Write down what happened to a batch, by whom, and why."""
    values = {"batch_id": batch_id, "at": now(), "message": message, "actor": actor[:128], "reason": reason or None}
    connection.execute(sa.insert(t.events).values(**values))


def count_up(connection: sa.Connection, project: str, **more: int) -> None:
    """Raise a project's counts that only grow. To be called last in a transaction: the row is a lock for others."""
    h = t.high_water
    grown = {name: h.c[name] + number for name, number in more.items()}
    if connection.execute(sa.update(h).where(h.c.project == project).values(**grown)).rowcount == 0:
        made = insert_into(connection, h).values(project=project, **more)
        connection.execute(made.on_conflict_do_update(index_elements=[h.c.project], set_=grown))


def insert_into(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """Return an insert of the database's own kind, which knows ON CONFLICT."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def lock(connection: sa.Connection, batch_id: int) -> None:
    """Lock the batch: PostgreSQL would not show two transactions what the other one ends.

    To be taken before a row of its deliveries, as a recall does. SQLite has one writer anyway.
    """
    connection.execute(sa.select(t.batches.c.id).where(t.batches.c.id == batch_id).with_for_update(key_share=True))


def move(connection: sa.Connection, where: sa.ColumnElement[bool], **values: Any) -> None:
    """Update one batch and its `changed_at`; Superseded if `where` no longer finds it."""
    update = sa.update(t.batches).where(where).values(changed_at=now(), **values)
    if "state" not in values:
        if connection.execute(update).rowcount != 1:
            raise Superseded
        return
    moved = connection.execute(update.returning(t.batches.c.id, t.batches.c.project)).all()
    if len(moved) != 1:
        raise Superseded
    note_state(connection, moved[0].id, values["state"], moved[0].project)


def note_state(connection: sa.Connection, batch_id: int, state: BatchState, project: str | None) -> None:
    """Remember that a batch is in another state: the last one of a transaction is logged after its end."""
    connection.info.setdefault(_CHANGED, {})[batch_id] = (state, project)


def forget_commit(connection: sa.Connection | None) -> None:
    """Take back that a transaction was committed: SQLAlchemy announces it before it tries, and the disk may be full."""
    if connection is not None:
        connection.info.pop(_ENDED, None)


def log_states(engine: sa.Engine) -> None:
    """Have each change of a batch's state logged, once its transaction has come to its end.

    Whoever listens for errors of this engine calls `forget_commit`.
    """

    @sa.event.listens_for(engine, "commit")
    def commit(connection: sa.Connection) -> None:
        connection.info[_ENDED] = True

    @sa.event.listens_for(engine, "rollback")
    def rollback(connection: sa.Connection) -> None:
        for name in (_ENDED, _CHANGED):
            connection.info.pop(name, None)

    @sa.event.listens_for(engine, "checkin")
    def checkin(_: object, record: sa.pool.ConnectionPoolEntry) -> None:
        changed = record.info.pop(_CHANGED, {})
        if not record.info.pop(_ENDED, False):
            return
        for batch_id, (state, project) in changed.items():
            facts = {"batch": batch_id, "state": str(state), "project": project}
            log.info("batch %d: %s (%s)", batch_id, state, project or "no project", extra=facts)

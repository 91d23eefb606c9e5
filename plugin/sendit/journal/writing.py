"""What the parts of the journal share: transactions, the clock, fenced updates, events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from sendit.journal import tables as t


class Superseded(Exception):
    """The journal has moved on: another attempt owns this work. Who gets this stops and changes nothing."""


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that only reads: it does not queue behind writers."""
    with engine.connect().execution_options(reading=True) as connection:
        yield connection


def add_event(connection: sa.Connection, batch_id: int, message: str) -> None:
    connection.execute(sa.insert(t.events).values(batch_id=batch_id, at=now(), message=message))


def lock(connection: sa.Connection, batch_id: int) -> None:
    """Whoever else ends something of this batch waits: PostgreSQL shows neither of two what the other one ends.

    To be taken before a row of its deliveries, as a recall does. SQLite has one writer anyway.
    """
    connection.execute(sa.select(t.batches.c.id).where(t.batches.c.id == batch_id).with_for_update(key_share=True))


def move(connection: sa.Connection, where: sa.ColumnElement[bool], **values: Any) -> None:
    """Update one batch and its `changed_at`; Superseded if `where` no longer finds it."""
    done = connection.execute(sa.update(t.batches).where(where).values(changed_at=now(), **values))
    if done.rowcount != 1:
        raise Superseded

"""How many batches and instances each project has in each state, and deliveries each destination: kept by triggers.

A trigger of the database sees every writer. It only adds rows (to `count_changes`), so that no transaction waits for
another one that changes the same count; `fold` adds them up. Another trigger writes the columns `ended_at` and `unseen`
of a batch.

A database that lacks one of the triggers gets all of them, and is counted anew: after a migration (SQLite drops the
triggers of a table that a migration makes anew), and after PostgreSQL's tables were restored from a backup.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.writing import reading
from sendit.model import BatchState, DeliveryState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

PROJECT, DESTINATION, INSTANCE = "project", "destination", "instance"
#: Batches in these states wait for a person.
NEED_A_LOOK = (BatchState.FAILED, BatchState.QUARANTINED, BatchState.RECALL_FAILED)
#: Batches in these states have come to an end.
ENDED = (BatchState.DONE, BatchState.EMPTY, BatchState.CANCELLED, BatchState.RECALLED, *NEED_A_LOOK)


@dataclass(frozen=True, slots=True)
class Count:
    """How many batches or instances of a project, or deliveries of a destination, are in one state."""

    name: str  # of the project or destination; "": batches of no project
    state: str
    number: int
    instances: int  # that the destination holds, read back; 0 for a project


class Counts:
    """The counts."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of(self, kind: str) -> list[Count]:
        """Return the counts of one kind, without zeros.

        Args:
            kind: PROJECT: batches of projects; INSTANCE: instances of projects; DESTINATION: deliveries.
        """
        with reading(self._engine) as c:
            return read(c, kind)

    def by_state(self) -> dict[BatchState, int]:
        """Return how many batches are in each state."""
        totals: dict[BatchState, int] = {}
        for count in self.of(PROJECT):
            totals[BatchState(count.state)] = totals.get(BatchState(count.state), 0) + count.number
        return totals

    def queue_heads(self, states: Iterable[BatchState]) -> dict[BatchState, datetime]:
        """Return when the first batch in each of these states last changed; nothing for states without batches."""
        b = t.batches.c
        heads: dict[BatchState, datetime] = {}
        with reading(self._engine) as c:
            for state in states:
                query = sa.select(b.changed_at).where(b.state == state).order_by(b.id).limit(1)
                if (changed := c.execute(query).scalar()) is not None:
                    heads[state] = changed
        return heads

    def fold(self) -> None:
        """Add up the changes that were written since the last time. Any number of workers may do so at any time."""
        with reading(self._engine) as c:
            if c.execute(sa.select(t.count_changes.c.id).limit(1)).first() is None:
                return
        postgresql = self._engine.dialect.name == "postgresql"
        with self._engine.begin() as c:
            for statement in _FOLD_POSTGRESQL if postgresql else _FOLD_SQLITE:
                c.exec_driver_sql(statement)


def read(c: sa.Connection, kind: str) -> list[Count]:
    """Return `Counts.of` within a transaction."""
    both = [
        sa.select(x.c.name, x.c.state, x.c.number, x.c.instances).where(x.c.kind == kind)
        for x in (t.counts, t.count_changes)
    ]
    u = sa.union_all(*both).subquery()
    number, instances = sa.func.sum(u.c.number), sa.func.sum(u.c.instances)
    query = sa.select(u.c.name, u.c.state, number, instances).group_by(u.c.name, u.c.state).having(number != 0)
    return [Count(name, state, int(n), int(held)) for name, state, n, held in c.execute(query)]


def install(c: sa.Connection) -> None:
    """Make the triggers and count everything, unless all of the triggers are there."""
    dialect = c.dialect.name
    catalogue = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal" if dialect == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )  # fmt: skip
    made = _postgresql_triggers() if dialect == "postgresql" else _sqlite_triggers()
    if made.keys() <= set(c.exec_driver_sql(catalogue).scalars()):
        return
    if dialect == "postgresql":
        c.exec_driver_sql("LOCK TABLE batches, deliveries, instances IN SHARE ROW EXCLUSIVE MODE")
        for function in _FUNCTIONS:
            c.exec_driver_sql(function)
    for name, (table, text) in made.items():
        c.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}" + (f" ON {table}" if dialect == "postgresql" else ""))
        c.exec_driver_sql(text)
    for statement in _COUNT_ANEW:
        c.exec_driver_sql(statement)


_HELD = f"CASE WHEN state = '{DeliveryState.VERIFIED}' THEN sent ELSE 0 END"
_COUNT_ANEW = (
    "DELETE FROM count_changes",
    "DELETE FROM counts",
    "INSERT INTO counts (kind, name, state, number, instances) "
    f"SELECT '{PROJECT}', coalesce(project, ''), state, count(*), 0 FROM batches GROUP BY 2, 3",
    "INSERT INTO counts (kind, name, state, number, instances) "
    f"SELECT '{DESTINATION}', destination, state, count(*), sum({_HELD}) FROM deliveries GROUP BY 2, 3",
    "INSERT INTO counts (kind, name, state, number, instances) "
    f"SELECT '{INSTANCE}', project, state, count(*), 0 FROM instances GROUP BY 2, 3",
)

_ADDED = "number = counts.number + excluded.number, instances = counts.instances + excluded.instances"
_SUMS = "SELECT kind, name, state, sum(number), sum(instances) FROM"
_INTO = "INSERT INTO counts (kind, name, state, number, instances)"
_FOLD_SQLITE = (
    f"{_INTO} {_SUMS} count_changes WHERE true GROUP BY 1, 2, 3 ON CONFLICT (kind, name, state) DO UPDATE SET {_ADDED}",
    "DELETE FROM count_changes",
)
_FOLD_POSTGRESQL = (
    "WITH folded AS (DELETE FROM count_changes RETURNING kind, name, state, number, instances) "
    f"{_INTO} {_SUMS} folded GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 "
    f"ON CONFLICT (kind, name, state) DO UPDATE SET {_ADDED}",
)


def _words(states: tuple[BatchState, ...]) -> str:
    return ", ".join(f"'{state}'" for state in states)


_ENDED, _LOOK = _words(ENDED), _words(NEED_A_LOOK)


def _change(row: str, sign: str) -> str:
    values = f"'{PROJECT}', coalesce({row}.project, ''), {row}.state, {sign}1, 0"
    return f"INSERT INTO count_changes (kind, name, state, number, instances) VALUES ({values});"


def _delivery_change(row: str, sign: str) -> str:
    held = f"CASE WHEN {row}.state = '{DeliveryState.VERIFIED}' THEN {sign}{row}.sent ELSE 0 END"
    values = f"'{DESTINATION}', {row}.destination, {row}.state, {sign}1, {held}"
    return f"INSERT INTO count_changes (kind, name, state, number, instances) VALUES ({values});"


def _instance_change(row: str, sign: str) -> str:
    values = f"'{INSTANCE}', {row}.project, {row}.state, {sign}1, 0"
    return f"INSERT INTO count_changes (kind, name, state, number, instances) VALUES ({values});"


_INSTANCE_MOVED = "OLD.state <> NEW.state OR OLD.project <> NEW.project"
_MOVED = "OLD.state <> NEW.state OR coalesce(OLD.project, '') <> coalesce(NEW.project, '')"
_DELIVERY_MOVED = f"OLD.state <> NEW.state OR (NEW.state = '{DeliveryState.VERIFIED}' AND OLD.sent <> NEW.sent)"
_RENEWED = "OLD.state <> NEW.state OR OLD.attempt <> NEW.attempt"


def _sqlite_triggers() -> dict[str, tuple[str, str]]:
    """Return the table and the text of each."""
    end = (
        f"UPDATE batches SET ended_at = CASE WHEN NEW.state IN ({_ENDED}) THEN NEW.changed_at END, "
        f"unseen = CASE WHEN NEW.state IN ({_LOOK}) THEN 1 ELSE 0 END WHERE id = NEW.id;"
    )
    touched = f"({_RENEWED}) AND (OLD.state IN ({_ENDED}) OR NEW.state IN ({_ENDED}))"
    after = {
        "sendit_batches_insert": ("batches", "INSERT", "", _change("NEW", "")),
        "sendit_batches_delete": ("batches", "DELETE", "", _change("OLD", "-")),
        "sendit_batches_update": (
            "batches",
            "UPDATE OF state, project",
            f"WHEN {_MOVED}",
            _change("OLD", "-") + _change("NEW", ""),
        ),
        "sendit_batches_ended": ("batches", "UPDATE OF state, attempt", f"WHEN {touched}", end),
        "sendit_deliveries_insert": ("deliveries", "INSERT", "", _delivery_change("NEW", "")),
        "sendit_deliveries_delete": ("deliveries", "DELETE", "", _delivery_change("OLD", "-")),
        "sendit_deliveries_update": (
            "deliveries",
            "UPDATE OF state, sent",
            f"WHEN {_DELIVERY_MOVED}",
            _delivery_change("OLD", "-") + _delivery_change("NEW", ""),
        ),
        "sendit_instances_insert": ("instances", "INSERT", "", _instance_change("NEW", "")),
        "sendit_instances_delete": ("instances", "DELETE", "", _instance_change("OLD", "-")),
        "sendit_instances_update": (
            "instances",
            "UPDATE OF state, project",
            f"WHEN {_INSTANCE_MOVED}",
            _instance_change("OLD", "-") + _instance_change("NEW", ""),
        ),
    }
    return {
        name: (table, f"CREATE TRIGGER {name} AFTER {event} ON {table} {when} BEGIN {text} END")
        for name, (table, event, when, text) in after.items()
    }


def _function(name: str, body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"


def _counting(change_old: str, change_new: str) -> str:
    return f"IF TG_OP <> 'INSERT' THEN {change_old} END IF; IF TG_OP <> 'DELETE' THEN {change_new} END IF; RETURN NULL;"


_FUNCTIONS = (
    _function("sendit_count_batches", _counting(_change("OLD", "-"), _change("NEW", ""))),
    _function("sendit_count_deliveries", _counting(_delivery_change("OLD", "-"), _delivery_change("NEW", ""))),
    _function("sendit_count_instances", _counting(_instance_change("OLD", "-"), _instance_change("NEW", ""))),
    _function(
        "sendit_end_batches",
        f"NEW.ended_at := CASE WHEN NEW.state IN ({_ENDED}) THEN NEW.changed_at END; "
        f"NEW.unseen := CASE WHEN NEW.state IN ({_LOOK}) THEN 1 ELSE 0 END; RETURN NEW;",
    ),
)


def _postgresql_triggers() -> dict[str, tuple[str, str]]:
    """Return the table and the text of each."""
    update = "sendit_batches_update"
    made = {"sendit_batches_ended": ("batches", "BEFORE UPDATE OF state, attempt", _RENEWED, "sendit_end_batches")}
    made[update] = ("batches", "AFTER UPDATE OF state, project", _MOVED, "sendit_count_batches")
    made["sendit_batches_rows"] = ("batches", "AFTER INSERT OR DELETE", "", "sendit_count_batches")
    made["sendit_deliveries_update"] = (
        "deliveries", "AFTER UPDATE OF state, sent", _DELIVERY_MOVED, "sendit_count_deliveries"
    )  # fmt: skip
    made["sendit_deliveries_rows"] = ("deliveries", "AFTER INSERT OR DELETE", "", "sendit_count_deliveries")
    made["sendit_instances_update"] = (
        "instances", "AFTER UPDATE OF state, project", _INSTANCE_MOVED, "sendit_count_instances"
    )  # fmt: skip
    made["sendit_instances_rows"] = ("instances", "AFTER INSERT OR DELETE", "", "sendit_count_instances")
    return {
        name: (
            table,
            f"CREATE TRIGGER {name} {event} ON {table} FOR EACH ROW "
            + (f"WHEN ({when}) " if when else "")
            + f"EXECUTE FUNCTION {function}()",
        )
        for name, (table, event, when, function) in made.items()
    }

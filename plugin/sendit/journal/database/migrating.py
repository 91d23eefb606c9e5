"""Brings the tables to the version that this SendIt knows, and says which versions may work on them side by side.

Workers that share a database are upgraded one after the other, so the first new one migrates under the others. A
migration that workers without it can live with says `compatible = True`: it only adds, and nothing breaks or gets lost
if a worker knows nothing of it. For any other one, the workers that run have to be stopped first. The database keeps
the newest migration of the second kind: whoever knows that one may work with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from itertools import takewhile
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from sendit.errors import Misconfigured, Retry
from sendit.journal import tables as t
from sendit.journal.database.faults import PLACE
from sendit.journal.lists.counts import install as install_counts
from sendit.journal.workers.group import ALIVE_SECONDS
from sendit.journal.writing import clock

log = logging.getLogger(__name__)

#: Where the migrations are.
MIGRATIONS = Path(__file__).parents[1] / "migrations"
#: The mark that says of the tables as they are, by their revision, which revision a worker has to know.
_REQUIRED = "required_revision"
#: Any constant will do: it keeps two workers from migrating at the same time.
_MIGRATION_LOCK = 7_365_646_974

#: (project, name of a file or folder) → its keyed digest and the name sealed; for what an older SendIt left in clear.
Seal = Callable[[str, str], tuple[str, bytes | None]]


class NotMade(Misconfigured):
    """The database answers and is empty."""


def alembic_config(connection: sa.Connection, seal: Seal | None = None) -> Config:
    """Return Alembic's configuration for migrations within this connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    config.attributes["seal"] = seal
    return config


def migrate(engine: sa.Engine, *, upgrade: bool = True, seal: Seal | None = None, home: str = "") -> None:
    """Bring the tables to the newest version. Those of a newer SendIt are used as they are, or refused; never touched.

    Args:
        engine: the database.
        upgrade: bring older tables to our version; otherwise they are refused, and nothing is written.
        seal: for the names that an older SendIt kept in clear.
        home: whose worker this is, if it is one.

    Raises:
        Retry: other workers run that could not go on beside the newer tables.
        Misconfigured: the tables are too new, or too old to be read as they are; NotMade: there are none.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        config = alembic_config(connection, seal)
        current = MigrationContext.configure(connection).get_current_revision()
        scripts = ScriptDirectory.from_config(config)
        if current is not None and _known(scripts, current) is None:
            _refuse_too_new(connection, scripts, current)
            return
        if current != scripts.get_current_head():
            _refuse_unmade_or_old(current, upgrade=upgrade)
            if current is not None:
                _refuse_beside_others(connection, scripts, current, home)
            command.upgrade(config, "head")
        if upgrade:
            _remember_required(connection, scripts)
            install_counts(connection)


def _known(scripts: ScriptDirectory, revision: str) -> Script | None:
    try:
        return scripts.get_revision(revision)
    except CommandError:
        return None


def _refuse_too_new(connection: sa.Connection, scripts: ScriptDirectory, current: str) -> None:
    """Refuse the tables of a newer SendIt, unless it left word that this one can work with them."""
    said = connection.execute(sa.select(t.marks.c.value).where(t.marks.c.name == _REQUIRED)).scalar()
    revision, _, required = str(said).partition(":")
    if revision != current or _known(scripts, required) is None:
        raise Misconfigured(
            PLACE,
            f"the database schema ({current}) is newer than this version of SendIt",
            "Install the newer version again, or give this one a database of its own.",
        )
    log.info("the database was upgraded by a newer SendIt (schema %s), beside which this version can work", current)


def _refuse_unmade_or_old(current: str | None, *, upgrade: bool) -> None:
    if upgrade:
        return
    if current is None:
        raise NotMade(PLACE, "the database has no tables yet", "The first start of Orthanc creates them.")
    problem = "the database schema is older than this version of SendIt"
    raise Misconfigured(PLACE, problem, "The next start of Orthanc upgrades it.")


def _refuse_beside_others(connection: sa.Connection, scripts: ScriptDirectory, current: str, home: str) -> None:
    """Refuse migrations that workers without them cannot live with, while others than this one run."""
    if all(map(_is_compatible, scripts.iterate_revisions("head", current))):
        return
    if running := _others(connection, home):
        raise Retry(
            f"{running} other workers run, which could not go on after this upgrade of the database; "
            "stop their Orthancs, or upgrade and restart them: SendIt continues by itself then"
        )


def _others(connection: sa.Connection, home: str) -> int:
    """Return how many other workers run. On SQLite there are none: this one holds the lock of the data directory."""
    if connection.dialect.name != "postgresql":
        return 0
    n, at, span = t.nodes.c, clock(connection), timedelta(seconds=ALIVE_SECONDS)
    alive = (n.seen_at > at - span) & (n.seen_at < at + span)
    own = n.executor.startswith(f"{home}-", autoescape=True)
    return connection.execute(sa.select(sa.func.count()).select_from(t.nodes).where(alive & ~own)).scalar_one()


def _remember_required(connection: sa.Connection, scripts: ScriptDirectory) -> None:
    """Write down the newest migration that a worker has to know."""
    newest_first = list(scripts.walk_revisions())
    added = len(list(takewhile(_is_compatible, newest_first)))
    required = newest_first[min(added, len(newest_first) - 1)].revision
    m, value = t.marks.c, f"{newest_first[0].revision}:{required}"
    stored = connection.execute(sa.select(m.value).where(m.name == _REQUIRED)).scalar()
    if stored is None:
        connection.execute(sa.insert(t.marks).values(name=_REQUIRED, value=value))
    elif stored != value:
        connection.execute(sa.update(t.marks).where(m.name == _REQUIRED).values(value=value))


def _is_compatible(script: Script) -> bool:
    return getattr(script.module, "compatible", False) is True

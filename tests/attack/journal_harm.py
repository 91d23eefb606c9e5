"""What is done to the journal's file while SendIt is stopped: damaged, emptied, put back from a backup.

A damaged one must not be worked with; the right one is put back. One that is empty, or older than what has left, must
be refused until a person accepts it (`sendit journal accept`); then nothing that was withdrawn may come back, and what
is sent once more must be the same, so that the targets hold each instance once as before.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from tests.attack.world import PATIENCE, World
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

#: The journal and what SQLite keeps beside it.
_FILES = "journal.sqlite*"


def can_accept(world: World) -> bool:
    """Whether this SendIt knows what to do about a journal that is behind."""
    return world.stack.cli("journal", "accept", "--help").returncode == 0


def damaged(world: World, chance: random.Random) -> None:
    """The first page of the file, or of a table, holds something else."""
    path = world.stack.data_directory / "journal.sqlite"
    kept = _kept(world)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else the right page may stand in the log
        roots = [row[0] for row in connection.execute("SELECT rootpage FROM sqlite_schema WHERE rootpage > 1")]
        [size] = connection.execute("PRAGMA page_size").fetchone()
    # That a page further behind is damaged only those notice who look at the whole file.
    page = chance.choice([1, *roots]) if can_accept(world) else 1
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(chance.randbytes(size))
    _refused(world)
    _put_back(world, kept)


def emptied(world: World, _: random.Random) -> None:
    """The files are gone."""
    for path in world.stack.data_directory.glob(_FILES):
        path.unlink()
    _refused(world)
    _accept(world)


def restored(world: World, _: random.Random) -> None:
    """The backup that `backup` has made comes back: it knows nothing of what left or was withdrawn since."""
    done = world.stack.cli("restore", str(world.folder / "backup"), "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    _refused(world)
    _accept(world)


def backup(world: World) -> None:
    """`sendit backup`, while everything runs."""
    folder = world.folder / "backup"
    shutil.rmtree(folder, ignore_errors=True)
    done = world.stack.cli("backup", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr


#: The last two need a person's acceptance.
WAYS: dict[str, Callable[[World, random.Random], None]] = {
    "journal damaged": damaged,
    "journal emptied": emptied,
    "journal restored": restored,
}


def _kept(world: World) -> Path:
    folder = world.folder / "kept"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in world.stack.data_directory.glob(_FILES):
        shutil.copy2(path, folder)
    return folder


def _put_back(world: World, kept: Path) -> None:
    for path in world.stack.data_directory.glob(_FILES):
        path.unlink()
    for path in kept.iterdir():
        shutil.copy2(path, world.stack.data_directory)


def _refused(world: World) -> None:
    """Orthanc starts; SendIt says why it does not, and takes nothing up."""
    before = len(world.stack.source.log())
    world.stack.source.start()

    def said() -> bool:
        log = world.stack.source.log()[before:]
        return "nothing is forwarded" in log or "Next try in" in log

    wait_for(said, "SendIt to refuse the journal", limit=PATIENCE)
    assert not world.stack.is_ready(), "SendIt works with a journal that it should refuse"
    world.stack.source.stop()


def _accept(world: World) -> None:
    done = world.stack.cli("journal", "accept", "--reason", "attack", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr

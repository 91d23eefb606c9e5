"""The ways to strike. Each does its harm and undoes what it can; `World.up` starts again what it ended."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

from tests.attack.world import World, signal_

#: False: there was nothing to strike at this moment.
Strike = Callable[[World, random.Random], bool]

DAYS = 86_400


def worker_kill(world: World, _: random.Random) -> bool:
    return bool(pid := world.worker()) and signal_(pid, SIGKILL)


def worker_stop(world: World, _: random.Random) -> bool:
    return bool(pid := world.worker()) and signal_(pid, SIGTERM)


def worker_freeze(world: World, chance: random.Random) -> bool:
    """Stopped for a while, then it goes on as if nothing had been."""
    pid = world.worker()
    if not pid or not signal_(pid, SIGSTOP):
        return False
    time.sleep(chance.uniform(0.5, 3))
    return signal_(pid, SIGCONT)


def pool_kill(world: World, chance: random.Random) -> bool:
    """One of the processes that de-identify, as for want of memory."""
    pool = world.pool()
    return bool(pool) and signal_(chance.choice(pool), SIGKILL)


def source_kill(world: World, _: random.Random) -> bool:
    world.stack.source.kill()
    return True


def source_stop(world: World, _: random.Random) -> bool:
    world.stack.source.stop(limit=30)
    return True


def target_kill(world: World, _: random.Random) -> bool:
    world.stack.target.kill()
    return True


def target_stop(world: World, _: random.Random) -> bool:
    world.stack.target.stop(limit=30)
    return True


def bucket_kill(world: World, _: random.Random) -> bool:
    assert world.bucket.process is not None
    world.bucket.process.kill()
    world.bucket.process.wait()
    return True


def bucket_stop(world: World, _: random.Random) -> bool:
    world.bucket.stop()
    return True


def index_kill(world: World, _: random.Random) -> bool:
    world.index.close()
    return True


def index_stop(world: World, _: random.Random) -> bool:
    world.index.process.terminate()
    world.index.process.wait(30)
    return True


def database_kill(world: World, _: random.Random) -> bool:
    """PostgreSQL goes with all its processes, and recovers from its log."""
    if world.postgres is None:
        return False
    world.postgres.kill()
    return True


def database_stop(world: World, _: random.Random) -> bool:
    if world.postgres is None:
        return False
    world.postgres.halt()
    return True


def journal_lock(world: World, chance: random.Random) -> bool:
    """Somebody else holds the journal's file."""
    path = world.stack.data_directory / "journal.sqlite"
    if world.postgres is not None or not path.exists():
        return False
    try:
        with closing(sqlite3.connect(path, timeout=2, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(chance.uniform(0.5, 3))
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    return True


def disk_full(world: World, chance: random.Random) -> bool:
    """Not a byte is left in the data directory for a while."""
    if not world.mounted:
        return False
    ballast = world.stack.data_directory / "ballast"
    try:
        with ballast.open("wb") as file:
            while True:
                file.write(bytes(1 << 16))
                file.flush()
    except OSError:
        time.sleep(chance.uniform(0.5, 3))
    ballast.unlink()
    return True


def clock_forth(world: World, chance: random.Random) -> bool:
    """The clock is days ahead for a moment, and right again."""
    return _clock(world, chance, chance.uniform(0.1, 3) * DAYS)


def clock_back(world: World, chance: random.Random) -> bool:
    """The clock is days behind for a moment, and right again."""
    return _clock(world, chance, -chance.uniform(0.1, 3) * DAYS)


def _clock(world: World, chance: random.Random, ahead: float) -> bool:
    beside = world.clock.with_suffix(".new")
    for seconds in (ahead, 0.0):
        beside.write_text(str(seconds))
        os.replace(beside, world.clock)
        time.sleep(chance.uniform(0.3, 2) if seconds else 0)
    return True


#: What counts as a kill or a stop, with its weight.
KILLS: dict[str, tuple[Strike, int]] = {
    "worker killed": (worker_kill, 5),
    "worker stopped": (worker_stop, 3),
    "process of the pool killed": (pool_kill, 4),
    "source Orthanc killed": (source_kill, 3),
    "source Orthanc stopped": (source_stop, 2),
    "target Orthanc killed": (target_kill, 3),
    "target Orthanc stopped": (target_stop, 2),
    "bucket killed": (bucket_kill, 3),
    "bucket stopped": (bucket_stop, 2),
    "index killed": (index_kill, 3),
    "index stopped": (index_stop, 2),
    "database killed": (database_kill, 4),
    "database stopped": (database_stop, 2),
}
#: What is counted beside them.
HARMS: dict[str, tuple[Strike, int]] = {
    "worker frozen": (worker_freeze, 2),
    "journal locked": (journal_lock, 2),
    "disk full": (disk_full, 2),
    "clock ahead": (clock_forth, 2),
    "clock behind": (clock_back, 2),
}

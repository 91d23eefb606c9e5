"""What does one instance cost, and what follows for many: cores, network, rows and writes, bytes, money.

`python -m benchmarks scaling` sends studies through Orthanc, SendIt on PostgreSQL and a target, and counts: CPU of each
process, transactions and rows of journal and engine, bytes of the write-ahead log. A simulation replays days of
arrivals with these costs. `--simulate` takes the costs of the last run from benchmarks/results/scaling.json instead.
docs/benchmarks/scaling.md holds the tables; docs/scaling.md says what follows.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import statistics
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from tests.dicom import Person, StudyMaker
from tests.servers.postgres import PostgresServer
from tests.servers.processes import cpu_seconds, tree
from tests.servers.stack import Stack

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

RESULTS = Path(__file__).parent / "results" / "scaling.json"
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks" / "scaling.md"
STUDIES, INSTANCES, ROWS = 2, 60, 512
#: A study is whole before it is de-identified, however busy the machine is (seconds).
STABLE = 15
#: The engine asks the database for work all the time, and less often on a busy machine: what that costs stays in these.
POLLED = ("commits", "database")
#: So long (seconds) nothing happens, to see what that costs.
IDLE = 10.0
#: Of a day's studies, in each of its hours: a hospital by day, with emergencies at night.
DAY = (1, 1, 1, 1, 1, 2, 4, 8, 10, 11, 10, 9, 8, 9, 9, 8, 6, 4, 3, 2, 2, 1, 1, 1)
#: An archive that is worked through has the same number in every hour.
FLAT = (1,) * 24
#: Prices that are assumed, in dollars: an hour of a core; a month of a terabyte of disks and of objects.
CORE_HOUR, DISK_MONTH, OBJECT_MONTH = 0.04, 40.0, 20.0
#: A machine of a worker has so many cores; a core is planned to be busy for so much of the time.
CORES, BUSY = 8, 0.7
#: The simulation has to predict the measured run so well.
WITHIN = 0.35


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one instance."""

    size: float  # bytes of the original
    orthanc: float  # CPU seconds of the source Orthanc, receiving and reading
    main: float  # of the worker's main process, which has one core at most
    pool: float  # of its other processes
    target: float
    database: float
    commits: float
    journal_rows: float  # inserted, changed or deleted
    engine_rows: float
    log: float  # bytes of the write-ahead log
    kept: float  # bytes by which the database has grown

    def at_work(self, cores: int) -> float:
        """The seconds for which one instance occupies a worker with so many cores, when others follow."""
        return max(self.main, (self.orthanc + self.main + self.pool) / cores)


# --- the measured run ------------------------------------------------------------------------------------------------


@contextmanager
def running(folder: Path) -> Iterator[tuple[Stack, PostgresServer, str]]:
    """Orthanc, SendIt, PostgreSQL and a target."""
    server = PostgresServer().start()
    try:
        url = server.database()
        stack = Stack(folder, url, ReconcileSeconds=60)
        stack.configure(StableAge=STABLE)
        with stack.start():
            yield stack, server, url
    finally:
        server.stop()


def _cpu_of(stack: Stack, server: PostgresServer) -> dict[str, float]:
    worker = stack.worker_pid()
    below = set(tree(worker))
    return {
        "orthanc": cpu_seconds([one for one in tree(stack.source.pid) if one not in below]),
        "main": cpu_seconds([worker]),
        "pool": cpu_seconds([one for one in below if one != worker]),
        "target": cpu_seconds(tree(stack.target.pid)),
        "database": cpu_seconds(tree(server.pid)),
    }


_COUNTED = (
    "SELECT schemaname, sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables GROUP BY schemaname"
)


def _database_of(url: str) -> dict[str, float]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_clear_snapshot()")
        rows: dict[str, int] = dict(connection.execute(_COUNTED).fetchall())
        name = url.rpartition("/")[2]
        commits = connection.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = %s", (name,)).fetchone()
        place = connection.execute(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'), pg_database_size(current_database())"
        ).fetchone()
    assert commits is not None
    assert place is not None
    return {
        "commits": float(commits[0]),
        "journal_rows": float(rows.get("public", 0)),
        "engine_rows": float(rows.get("sendit_engine", 0)),
        "log": float(place[0]),
        "kept": float(place[1]),
    }


def measure(folder: Path) -> tuple[Cost, dict[str, float]]:
    """Send studies through everything; the costs of an instance, and what of the run the simulation has to find."""
    makers = [StudyMaker(Person(f"P-{number}-771", f"Doe^Number{number}"), rows=ROWS) for number in range(STUDIES + 1)]
    files = [list(maker.instances(INSTANCES)) for maker in makers]
    with running(folder) as (stack, server, url):
        _send(stack, files[:1])  # what is made once: processes, connections, plans
        stack.wait_batches(1, limit=600)
        idle = _while_idle(stack, server, url)
        before = {**_cpu_of(stack, server), **_database_of(url)}
        begun = time.monotonic()
        _send(stack, files[1:])
        received = time.monotonic() - begun
        stack.wait_batches(1 + STUDIES, limit=1800)
        wall = time.monotonic() - begun
        time.sleep(1.5)  # PostgreSQL's sessions tell of their rows once a second
        after = {**_cpu_of(stack, server), **_database_of(url)}
        assert len(stack.target.get("/instances")) == (1 + STUDIES) * INSTANCES
    count = STUDIES * INSTANCES
    spent = wall + 1.5
    each = {
        name: (after[name] - before[name] - (0 if name in POLLED else idle[name] * spent)) / count for name in after
    }
    size = statistics.mean(len(one) for study in files[1:] for one in study)
    run = {"instances": count, "wall": wall, "received": received}
    return Cost(size=size, **each), {**run, **{f"idle {name}": rate for name, rate in idle.items()}}


def _while_idle(stack: Stack, server: PostgresServer, url: str) -> dict[str, float]:
    """What each second costs in which nothing happens."""
    before = {**_cpu_of(stack, server), **_database_of(url)}
    begun = time.monotonic()
    time.sleep(IDLE)
    after = {**_cpu_of(stack, server), **_database_of(url)}
    return {name: (after[name] - before[name]) / (time.monotonic() - begun) for name in after}


def _send(stack: Stack, studies: list[list[bytes]]) -> None:
    for study in studies:
        for file in study:
            stack.source.upload(file)


# --- the simulation --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scenario:
    """A day that is to be replayed."""

    name: str
    studies: int
    instances: int  # of a study
    hours: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """What became of it."""

    workers: int
    busy: float  # share of the time for which a worker is at work
    median: float  # seconds from the arrival of a study to its delivery
    slowest: float  # of a hundred, the second slowest
    longest_queue: int  # studies
    drained: float  # hours after the end of the day until nothing waits


def arrivals(scenario: Scenario, dice: random.Random) -> list[float]:
    """When the studies of a day arrive, in seconds."""
    hours = dice.choices(range(24), scenario.hours, k=scenario.studies)
    return sorted(hour * 3600 + dice.random() * 3600 for hour in hours)


def replay(scenario: Scenario, cost: Cost, workers: int, cores: int = CORES) -> Day:
    """Let a day's studies arrive; each is taken by the worker that is free first, in the order of their arrival.

    Studies differ in size: exponentially around the mean.
    """
    dice = random.Random(7)
    free = [0.0] * workers
    waits: list[float] = []
    begins: list[float] = []
    worked = 0.0
    queue = longest = 0
    for at in arrivals(scenario, dice):
        while begins and begins[0] <= at:
            heapq.heappop(begins)
        took = dice.expovariate(1 / scenario.instances) * cost.at_work(cores)
        start = max(at, heapq.heappop(free))
        heapq.heappush(free, start + took)
        heapq.heappush(begins, start)
        queue = len(begins)
        longest = max(longest, queue)
        worked += took
        waits.append(start + took - at)
    waits.sort()
    end = max(free)
    return Day(
        workers,
        worked / (workers * 86_400),
        statistics.median(waits),
        waits[int(len(waits) * 0.99)],
        longest,
        max(0.0, end - 86_400) / 3600,
    )


def enough(scenario: Scenario, cost: Cost) -> Day:
    """The day with as few workers as bring 99 of 100 studies on their way within ten minutes, and are not too busy."""
    workers = max(1, int(scenario.studies * scenario.instances * cost.at_work(CORES) / 86_400 / BUSY))
    while True:
        day = replay(scenario, cost, workers)
        if day.slowest <= 600 and day.busy <= BUSY:
            return day
        workers = max(workers + 1, int(workers * 1.05))


def scenarios(cost: Cost) -> list[Scenario]:
    """A clinic, a group of hospitals, an archive of 1 PB in thirty days."""
    group, archive = 350e9 / cost.size, 1e15 / 30 / cost.size
    return [
        Scenario("10,000 instances a day", 100, 100, DAY),
        Scenario("350 GB a day", int(group / 200), 200, DAY),
        Scenario("1 PB in 30 days", int(archive / 200), 200, FLAT),
    ]


def predicted(cost: Cost, run: dict[str, float], cores: int) -> float:
    """The seconds for which the simulation thinks the measured run took: everything shares the same cores there."""
    whole = cost.orthanc + cost.main + cost.pool + cost.target + cost.database
    return run["instances"] * max(cost.main, whole / cores)


# --- the page --------------------------------------------------------------------------------------------------------


def _needs(scenario: Scenario, cost: Cost, day: Day) -> dict[str, str]:
    a_day = scenario.studies * scenario.instances
    a_second = a_day * max(scenario.hours) / sum(scenario.hours) / 3600  # in the busiest hour
    core = cost.orthanc + cost.main + cost.pool
    month = a_day * 30
    cores = day.workers * CORES
    return {
        "instances a day": f"{a_day:,}",
        "instances a second, busiest hour": f"{a_second:,.1f}",
        "cores at work, busiest hour (Orthanc and SendIt)": f"{a_second * core:,.1f}",
        f"machines of {CORES} cores, busy ≤ {BUSY:.0%}, 99 % of studies within 10 min (simulated)": f"{day.workers:,}",
        "a study's way, median / 99 of 100 (simulated)": f"{day.median:,.0f} s / {day.slowest:,.0f} s",
        "longest queue, studies (simulated)": f"{day.longest_queue:,}",
        "network into Orthanc, busiest hour": f"{a_second * cost.size * 8 / 1e9:,.2f} Gbit/s",
        "network out, busiest hour": f"{a_second * cost.size * 8 / 1e9:,.2f} Gbit/s",
        "transactions a second, busiest hour": f"{a_second * cost.commits:,.0f}",
        "rows written a second, busiest hour": f"{a_second * (cost.journal_rows + cost.engine_rows):,.0f}",
        "write-ahead log, busiest hour": f"{a_second * cost.log / 1e6:,.1f} MB/s",
        "cores of PostgreSQL, busiest hour": f"{a_second * cost.database:,.1f}",
        "database grows in a month": f"{month * cost.kept / 1e9:,.0f} GB",
        "originals and outputs in a month": f"{2 * month * cost.size / 1e12:,.1f} TB",
        "money a month: machines": f"${cores * CORE_HOUR * 730:,.0f}",
        "money a month: a month's originals on disks, outputs as objects": (
            f"${month * cost.size / 1e12 * (DISK_MONTH + OBJECT_MONTH):,.0f}"
        ),
    }


def page(cost: Cost, run: dict[str, float]) -> str:
    """The tables."""
    found = scenarios(cost)
    days = [enough(one, cost) for one in found]
    needs = [_needs(one, cost, day) for one, day in zip(found, days, strict=True)]
    whole = cost.orthanc + cost.main + cost.pool + cost.target + cost.database
    lines = [
        "# Scaling: measured costs and simulated days",
        "",
        "Written by `python -m benchmarks scaling`. What follows from it: [scaling](../scaling.md).",
        "",
        f"Measured on a machine of {int(run['cores'])} cores with other work: {int(run['instances'])} CT instances",
        f"of {cost.size / 1e3:,.0f} kB, {STUDIES} studies, received, de-identified, delivered to a peer, read back.",
        "",
        "| of one instance | |",
        "| --- | --- |",
        f"| CPU, source Orthanc | {cost.orthanc * 1e3:.1f} ms |",
        f"| CPU, the worker's main process | {cost.main * 1e3:.1f} ms |",
        f"| CPU, the worker's pool | {cost.pool * 1e3:.1f} ms |",
        f"| CPU, target Orthanc | {cost.target * 1e3:.1f} ms |",
        f"| CPU, PostgreSQL | {cost.database * 1e3:.1f} ms, with the engine's asking for work |",
        f"| CPU, all | {whole * 1e3:.1f} ms |",
        f"| transactions | {cost.commits:.2f}, with the engine's asking for work |",
        f"| rows written, journal | {cost.journal_rows:.2f} |",
        f"| rows written, engine | {cost.engine_rows:.2f} |",
        f"| write-ahead log | {cost.log:,.0f} bytes |",
        f"| the database grows by | {cost.kept:,.0f} bytes |",
        "",
        f"A second without work: {run['idle main'] * 1e3:.0f} ms of CPU of the worker, "
        f"{run['idle database'] * 1e3:.0f} ms of PostgreSQL, {run['idle commits']:.0f} transactions.",
        f"The run took {run['wall']:.1f} s; the costs predict {run['predicted']:.1f} s, on cores that do nothing else.",
        "",
        "| what ends first | instances a second, at most |",
        "| --- | --- |",
        f"| a worker: its main process has one core | {1 / cost.main:,.0f} |",
        f"| an Orthanc that has one core to receive and to be read | {1 / cost.orthanc:,.0f} |",
        f"| {CORES} cores for Orthanc and SendIt | {CORES / (cost.orthanc + cost.main + cost.pool):,.0f} |",
        f"| PostgreSQL with {CORES} cores | {CORES / cost.database:,.0f} |",
        f"| 10 Gbit/s into Orthanc | {10e9 / 8 / cost.size:,.0f} |",
        "",
        "| " + " | ".join(["", *(one.name for one in found)]) + " |",
        "| --- |" + " --- |" * len(found),
    ]
    lines += [f"| {name} | {' | '.join(one[name] for one in needs)} |" for name in needs[0]]
    lines += [
        "",
        f"Assumed, not measured: ${CORE_HOUR:g} for an hour of a core; for a month of a TB ${DISK_MONTH:g} on disks",
        f"and ${OBJECT_MONTH:g} as objects; the days of hospitals for the first two, an even one for the archive.",
        "",
    ]
    return "\n".join(lines)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--simulate", action="store_true", help="with the costs of the last run")


def main(options: argparse.Namespace) -> bool:
    """Whether the costs explain the measured run."""
    if options.simulate:
        stored: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))
        cost, run = Cost(**stored["cost"]), dict(stored["run"])
    else:
        with tempfile.TemporaryDirectory(prefix="sendit-bench-") as name:
            cost, run = measure(Path(name))
        run["cores"] = len(os.sched_getaffinity(0))
    run["predicted"] = predicted(cost, run, int(run["cores"]))
    RESULTS.write_text(json.dumps({"cost": asdict(cost), "run": run}, indent=1) + "\n", "utf-8")
    PAGE.write_text(page(cost, run), "utf-8")
    print(PAGE.read_text("utf-8"))
    return bool(run["predicted"] <= run["wall"] * (1 + WITHIN))

"""Does throughput grow with the workers, and how soon is a killed one's work taken over?

`python -m benchmarks workers [--share CORES] [--studies N] [--counts 1,2,4]`. One, two and four Orthancs with SendIt on
one PostgreSQL, each worker with all of its processes held to the same share of a core by a cgroup. All studies are
queued while SendIt is paused; from the end of the pause on, the time is taken until all of them were delivered and read
back. Then, with three workers that are not held back, one is killed while it works (SIGKILL to it and to its Orthanc).
The raw numbers go to benchmarks/results/workers.json, the table to docs/benchmarks/workers.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from tests.dicom import Person, StudyMaker
from tests.servers.postgres import PostgresServer
from tests.servers.processes import cpu_seconds, tree
from tests.servers.stack import Stack
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from datetime import datetime

RESULTS = Path(__file__).parent / "results" / "workers.json"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "workers.md"
COUNTS, SHARE, STUDIES, INSTANCES, ROWS = (1, 2, 4), 0.4, 6, 10, 512
#: Each image is searched for text, as it does not fit its SOP class. So nearly all CPU is the workers' own, and two
#: cores have enough for four of them and for all that they share.
MODALITY = "CR"
#: So many times as much as one worker four have to do; so soon (seconds) a killed one's work has to be taken over.
LIMIT, TAKEN_OVER_LIMIT = 3.5, 30.0
_CGROUPS = Path("/sys/fs/cgroup")
_PERIOD = 100_000  # microseconds


@contextmanager
def held_to(cores: float, name: str) -> Iterator[Path]:
    """A group of processes that together get so much of a core: those written to its cgroup.procs."""
    first = (_CGROUPS / "cgroup.controllers").exists()
    group = (_CGROUPS if first else _CGROUPS / "cpu") / f"sendit-bench-{os.getpid()}-{name}"
    group.mkdir()
    try:
        quota = int(cores * _PERIOD)
        if first:
            (group / "cpu.max").write_text(f"{quota} {_PERIOD}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        yield group
    finally:
        wait_for(lambda: not (group / "cgroup.procs").read_text(), "the processes of the group to end", limit=60)
        group.rmdir()


class House:
    """So many Orthancs with SendIt on one database, and one target."""

    def __init__(self, folder: Path, database: str, count: int, **sendit: Any) -> None:
        self.database = database
        self.stacks = [Stack(folder / f"stack{n}", database, ReconcileSeconds=2, **sendit) for n in range(count)]
        self.target = self.stacks[0].target
        for stack in self.stacks:
            stack.configure(StableAge=1, OrthancPeers=self.stacks[0].peers)

    def __enter__(self) -> House:
        first, *others = self.stacks
        first.start()
        for stack in others:
            keys = stack.data_directory / "keys"  # the same projects need the same keys
            shutil.copytree(first.data_directory / "keys", keys, ignore=shutil.ignore_patterns("*mark*"))
            stack.data_directory.chmod(0o700)
            stack.start(target=False)
        return self

    def __exit__(self, *_: object) -> None:
        for stack in reversed(self.stacks):
            stack.stop()

    def send(self, studies: int, first: int) -> None:
        """Give each Orthanc so many studies of patients of their own."""
        for place, stack in enumerate(self.stacks):
            for number in range(first, first + studies):
                person = Person(f"P-{place}-{number}-771", f"Doe^Number{place}x{number}")
                maker = StudyMaker(person, modality=MODALITY, rows=ROWS)
                for file in maker.instances(INSTANCES):
                    stack.source.upload(file)

    def pause(self, *, begin: bool) -> None:
        reason = {"kind": "everything", "reason": "the benchmark counts from here"}
        self.stacks[0].api("pauses" if begin else "pauses/end", "POST", json=reason)

    def states(self) -> dict[str, int]:
        """How many batches are in each state."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            return dict(connection.execute("SELECT state, count(*) FROM batches GROUP BY state").fetchall())


def _throughput(folder: Path, database: str, count: int, share: float, studies: int) -> dict[str, float]:
    """Instances a second of so many workers, and the CPU that they and everything else took."""
    with ExitStack() as groups, House(folder, database, count) as house:
        house.send(1, 0)  # what is loaded once
        wait_for(lambda: house.states() == {"DONE": count}, "the first studies", limit=600)
        workers = [stack.worker_pid() for stack in house.stacks]
        for number, worker in enumerate(workers):
            group = groups.enter_context(_left(held_to(share, str(number)), house.stacks[number]))
            for pid in tree(worker):
                (group / "cgroup.procs").write_text(str(pid))
        house.pause(begin=True)
        house.send(studies, 1)
        queued = {"DONE": count, "QUEUED": count * studies}
        wait_for(lambda: house.states() == queued, "the studies to be queued", limit=600)
        before, begun = _cpu(workers), time.monotonic()
        house.pause(begin=False)
        wait_for(lambda: house.states() == {"DONE": count * (studies + 1)}, "the studies", limit=3600, poll=0.2)
        wall, after = time.monotonic() - begun, _cpu(workers)
        assert house.target.get("/statistics")["CountInstances"] == count * (studies + 1) * INSTANCES
    instances = count * studies * INSTANCES
    return {"rate": instances / wall, "seconds": wall, "cpu": (after - before) / instances}


@contextmanager
def _left(group: contextlib.AbstractContextManager[Path], stack: Stack) -> Iterator[Path]:
    """The group, which its processes leave with their Orthanc before it is removed."""
    with group as path:
        try:
            yield path
        finally:
            stack.stop()


def _cpu(workers: Sequence[int]) -> float:
    return cpu_seconds(pid for worker in workers for pid in tree(worker))


def _takeover(folder: Path, database: str, studies: int) -> dict[str, float]:
    """Kill one of three workers while it works: how long until others have its batches, and until the end."""
    with House(folder, database, 3, SharedDirectory=str(folder / "shared")) as house:
        house.target.stop()
        house.send(studies, 0)
        everything = 3 * studies
        wait_for(lambda: house.states() == {"DELIVERING": everything}, "the studies to be delivered", limit=600)
        victim = house.stacks[-1]
        worker = victim.worker_pid()
        victim.source.kill()
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
        killed = time.time()
        house.target.start()
        wait_for(lambda: house.states() == {"DONE": everything}, "all studies", limit=600)
        done = time.time() - killed
        with psycopg.connect(database) as connection:
            events = connection.execute("SELECT batch_id, at, message FROM events").fetchall()
        held = house.target.get("/statistics")["CountInstances"]
    taken = [at for _, at, message in events if message.startswith("taken over")]
    read_back = [batch for batch, _, message in events if message.endswith("delivered and read back")]
    return {
        "batches": len(taken),
        "taken_over": max(_seconds(at) for at in taken) - killed,
        "done": done,
        "lost": everything * INSTANCES - held,
        "twice": len(read_back) - len(set(read_back)),
    }


def _seconds(at: datetime) -> float:
    return at.timestamp()


_TEXT = """# Many workers

Written by `python -m benchmarks workers`, on {cores} cores.

## Throughput

So many Orthancs with SendIt on one PostgreSQL, each worker with all of its processes held to {share:g} of a core
(cgroup). {studies} studies of {instances} images of {rows} × {rows} for each are queued while SendIt is paused; the
time runs from the end of the pause until all were delivered to one target and read back. Each image is searched for
text by itself, so that nearly all CPU is the workers' own.

| workers | instances a second | × one | seconds | ms of their CPU, an instance | used of a core, each |
| --- | --- | --- | --- | --- | --- |
{table}

Not held back are the target, PostgreSQL and the source Orthancs, which share what the workers leave of the machine:
where a worker used much less than its share, the machine had no more to give. The end of the pause is noticed within
two seconds by the workers that were not told of it. Limit: {limit:g} × with four. {missed}

## A worker is killed

Three workers with a `SharedDirectory`. One is killed with its Orthanc (SIGKILL) while {batches:.0f} batches of its own
wait for a target that is away, and then returns: another one had all of them after {taken_over:.1f} s (limit:
{taken_limit:g} s), and all studies of all workers were delivered after {done:.1f} s; instances lost: {lost:.0f},
batches delivered twice: {twice:.0f}.
"""


def _page(found: dict[str, Any]) -> str:
    rates: dict[str, dict[str, float]] = found["throughput"]
    one = next(iter(rates.values()))["rate"]
    table = "\n".join(
        f"| {count} | {it['rate']:.1f} | {it['rate'] / one:.2f} | {it['seconds']:.0f} | {it['cpu'] * 1000:.1f} "
        f"| {it['rate'] * it['cpu'] / int(count):.2f} |"
        for count, it in rates.items()
    )
    missed = _missed(found)
    return _TEXT.format(
        cores=os.cpu_count(), share=found["share"], studies=found["studies"], instances=INSTANCES, rows=ROWS,
        table=table, limit=LIMIT, taken_limit=TAKEN_OVER_LIMIT, **found["takeover"],
        missed=f"Missed: {'; '.join(missed)}." if missed else "It is kept.",
    )  # fmt: skip


def _missed(found: dict[str, Any]) -> list[str]:
    rates, takeover = found["throughput"], found["takeover"]
    missed = []
    if "4" in rates and "1" in rates and (times := rates["4"]["rate"] / rates["1"]["rate"]) < LIMIT:
        missed.append(f"{times:.2f} × with four workers")
    if takeover["taken_over"] > TAKEN_OVER_LIMIT or takeover["lost"] or takeover["twice"]:
        missed.append("the take-over")
    return missed


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--share", type=float, default=SHARE, help="of a core, for each worker")
    parser.add_argument("--studies", type=int, default=STUDIES, help="for each worker")
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)), help="of workers")


def main(options: argparse.Namespace) -> bool:
    """Print the figures, write them down; whether every limit is kept."""
    server = PostgresServer().start()
    found: dict[str, Any] = {"share": options.share, "studies": options.studies, "throughput": {}}
    try:
        with tempfile.TemporaryDirectory(prefix="sendit-bench-") as name:
            for count in options.counts.split(","):
                place = Path(name) / count
                result = _throughput(place, server.database(), int(count), options.share, options.studies)
                found["throughput"][count] = result
                print(f"  {count}: " + ", ".join(f"{key} {value:.3f}" for key, value in result.items()), flush=True)
            found["takeover"] = _takeover(Path(name) / "killed", server.database(), 3)
    finally:
        server.stop()
    page = _page(found)
    print(page)
    if (options.share, options.studies, options.counts) == (SHARE, STUDIES, ",".join(map(str, COUNTS))):
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        PAGE.write_text(page, "utf-8")
    return not _missed(found)

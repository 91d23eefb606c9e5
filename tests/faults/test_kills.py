"""kill -9 and SIGTERM at every stage: afterwards every study arrives, once, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.dicom import Person, StudyMaker
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import MakeStack
    from tests.servers.stack import Stack

INSTANCES = 40
STUDIES = 2


def query(stack: Stack, sql: str) -> int:
    """One number out of the journal's file, as it is on the disk."""
    path = stack.data_directory / "journal.sqlite"
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
            return int(connection.execute(sql).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


#: When to strike: a number of the journal that has become greater than zero.
STAGES = {
    "receiving": "SELECT count(*) FROM batches WHERE state = 'RECEIVING'",
    "queued": "SELECT count(*) FROM batches WHERE state IN ('QUEUED', 'PROCESSING')",
    "processing": "SELECT count(*) FROM batches b WHERE state = 'PROCESSING' AND "
    "EXISTS (SELECT 1 FROM instances i WHERE i.batch_id = b.id AND i.state = 'RELEASED')",
    "delivering": "SELECT count(*) FROM deliveries WHERE state = 'SENDING'",
    "delivered": "SELECT count(*) FROM deliveries WHERE state = 'VERIFIED'",
}


def kill_worker(stack: Stack) -> Callable[[], None]:
    os.kill(stack.worker_pid(), signal.SIGKILL)
    return lambda: None  # the plugin starts it again


def kill_orthanc(stack: Stack) -> Callable[[], None]:
    stack.source.kill()
    return lambda: _restart(stack)


def stop_orthanc(stack: Stack) -> Callable[[], None]:
    stack.source.stop(limit=10)
    return lambda: _restart(stack)


def kill_target(stack: Stack) -> Callable[[], None]:
    stack.target.kill()
    return lambda: _start_target(stack)


def _start_target(stack: Stack) -> None:
    stack.target.start()


def _restart(stack: Stack) -> None:
    stack.source.start()
    stack.wait_ready()


BLOWS = {"worker": kill_worker, "orthanc": kill_orthanc, "orthanc-sigterm": stop_orthanc, "target": kill_target}


def processes_with(text: str) -> set[int]:
    """The processes whose command line or environment names this text."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                read = (entry / "cmdline").read_bytes() + os.readlink(entry / "cwd").encode()
                held = [os.readlink(fd) for fd in (entry / "fd").iterdir()]
            except OSError:
                continue
            if text in read.decode(errors="replace") or any(text in name for name in held):
                found.add(int(entry.name))
    return found


#: Struck in every run of the tests; the other stages belong to the slow ones.
USUAL = {"delivering"}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("blow", [b if b == "worker" else pytest.param(b, marks=pytest.mark.slow) for b in BLOWS])
@pytest.mark.parametrize("stage", [s if s in USUAL else pytest.param(s, marks=pytest.mark.slow) for s in STAGES])
def test_every_study_arrives_once_after(make_stack: MakeStack, stage: str, blow: str) -> None:
    """Whoever is struck, and whenever."""
    stack = make_stack().start()
    makers = [StudyMaker(Person(f"MRN-{n}", f"Name{n}^Test")) for n in range(STUDIES)]
    files = [file for maker in makers for file in maker.instances(INSTANCES)]
    for file in files:
        stack.source.upload(file)
    wait_for(lambda: query(stack, STAGES[stage]), f"the stage {stage}", poll=0.002)
    recover = BLOWS[blow](stack)
    recover()
    wait_for(lambda: covered(stack) >= len(files), "all instances to be covered by batches", limit=90)
    batches = stack.wait_batches(STUDIES, limit=120)
    assert {b["state"] for b in batches} == {"DONE"}, stack.describe()
    assert sum(b["sent"] for b in batches) == sum(b["received"] for b in batches) == len(files)
    delivered = stack.delivered()
    assert len(delivered) == len({d.SOPInstanceUID for d in delivered}) == len(files)
    assert len({d.PatientID for d in delivered}) == STUDIES
    assert stack.staged() == []
    stack.stop()
    wait_for(lambda: not processes_with(str(stack.folder)), "every process of the stack to be gone", limit=20)


def covered(stack: Stack) -> int:
    try:
        return sum(int(b["received"]) for b in stack.batches() if b["state"] != "RECEIVING")
    except OSError:
        return 0

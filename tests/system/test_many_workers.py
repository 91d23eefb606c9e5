"""Several Orthancs with SendIt on one database of PostgreSQL: side by side, and when one of them is killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.dicom import Person, StudyMaker
from tests.servers.pacs import cohort, make_pacs
from tests.servers.stack import PROJECT, send_study
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStack
    from tests.servers.postgres import PostgresServer
    from tests.servers.stack import Stack

COUNT = 4


class Pair:
    """Two Orthancs with SendIt, one database, one target."""

    def __init__(self, make_stack: MakeStack, database: str, shared: Path | None) -> None:
        self.database = database
        more: dict[str, Any] = {} if shared is None else {"SharedDirectory": str(shared)}
        self.one = make_stack(database, **more)
        self.two = make_stack(database, **more)
        self.two.configure(OrthancPeers=self.one.peers)

    def start(self, target: bool = True) -> Pair:
        self.one.start(target=target)
        self.copy_keys()
        self.two.start(target=False)
        return self

    def copy_keys(self) -> None:
        """The same projects need the same keys: docs/scaling.md."""
        shutil.copytree(self.one.data_directory / "keys", self.two.data_directory / "keys", ignore=_marks)
        self.two.data_directory.chmod(0o700)

    def homes(self) -> dict[int, str]:
        with psycopg.connect(self.database) as connection:
            return dict(connection.execute("SELECT id, home FROM batches ORDER BY id").fetchall())

    def sent_twice(self) -> list[str]:
        """The last acknowledged events of a batch and destination that was delivered more than once."""
        with psycopg.connect(self.database) as connection:
            rows = connection.execute("SELECT batch_id FROM events WHERE message LIKE '%delivered and read back'")
            numbers = [number for (number,) in rows.fetchall()]
        return [str(number) for number in set(numbers) if numbers.count(number) > 1]


def _marks(_: str, names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".key") and "." in name] + ["high-water-mark"]


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    return postgres.database()


def kill(stack: Stack) -> None:
    """SIGKILL to Orthanc and its worker: a machine that is gone."""
    worker = stack.worker_pid()
    stack.source.kill()
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)


@pytest.mark.slow
def test_two_orthancs_side_by_side(make_stack: MakeStack, database: str) -> None:
    """Each does the studies of its own Orthanc, and a study that both have is de-identified once."""
    pair = Pair(make_stack, database, None).start()
    for number, stack in enumerate((pair.one, pair.two, pair.one, pair.two)):
        send_study(stack, COUNT, Person(f"P-{number}-771", f"Doe^John{number}"))
    batches = pair.one.wait_batches(4, limit=180)
    both = StudyMaker(Person("BOTH-1-772", "Roe^Both"))
    files = list(both.instances(COUNT))
    for file in files:
        pair.one.source.upload(file)
    pair.one.wait_batches(5, limit=180)
    for file in files:
        pair.two.source.upload(file)
    send_study(pair.two, 1)
    batches = pair.two.wait_batches(6, limit=180)
    assert {batch["state"] for batch in batches} == {"DONE"}, pair.one.describe()
    assert [batch["received"] for batch in batches] == [COUNT] * 5 + [1]
    homes = pair.homes()
    assert len(set(homes.values())) == 2
    assert sum(home == homes[6] for home in homes.values()) == 3
    assert len(pair.one.delivered_files()) == 5 * COUNT + 1
    assert pair.sent_twice() == []


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
def test_a_killed_worker_is_taken_over(make_stack: MakeStack, database: str, tmp_path: Path, shared: bool) -> None:
    """What it was delivering goes on from shared staging, or is de-identified again by who has its study, too."""
    pair = Pair(make_stack, database, tmp_path / "shared" if shared else None).start(target=False)
    makers = [StudyMaker(Person(f"P-{number}-771", f"Doe^John{number}")) for number in range(3)]
    files = [file for maker in makers for file in maker.instances(COUNT)]
    for file in files:
        pair.one.source.upload(file)
    pair.one.wait_batches(3, {"DELIVERING"}, limit=180)
    for file in [] if shared else files:
        pair.two.source.upload(file)
    kill(pair.one)
    pair.one.target.start()
    batches = pair.two.wait_batches(3, limit=180)
    assert [batch["state"] for batch in batches] == ["DONE"] * 3, pair.two.describe()
    assert len(pair.one.delivered_files()) == 3 * COUNT
    assert pair.sent_twice() == []
    said = [event["message"] for event in pair.two.api("batches/1")["events"]]
    assert any(message.startswith("de-identified again") for message in said) is not shared


@pytest.mark.slow
def test_a_study_that_waits_is_taken_over(make_stack: MakeStack, database: str) -> None:
    """It was QUEUED when its worker was killed; another one de-identifies it as soon as its Orthanc has all of it."""
    pair = Pair(make_stack, database, None).start()
    pair.one.api("pauses", "POST", json={"kind": "everything", "reason": "the test kills it"})
    files = list(StudyMaker(Person()).instances(COUNT))
    for file in files:
        pair.one.source.upload(file)
    wait_for(lambda: [b["state"] for b in pair.two.batches()] == ["QUEUED"], "the batch to be queued", limit=120)
    kill(pair.one)
    pair.two.source.upload(files[0])
    pair.two.api("pauses/end", "POST", json={"kind": "everything", "reason": "it was killed"})

    def stranded() -> bool:
        return any("a batch waits for a worker that does not run" in one for one in pair.two.api("health")["problems"])

    wait_for(stranded, "the batch to be told of", limit=120)
    for file in files[1:]:
        pair.two.source.upload(file)
    [batch] = pair.two.wait_batches(1, limit=180)
    assert batch["state"] == "DONE", pair.two.describe()
    assert len(pair.one.delivered_files()) == COUNT


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_of_three_is_killed(make_stack: MakeStack, database: str, tmp_path: Path) -> None:
    """What it was delivering, and the cohort that it pulled, go on with the two others: nothing lost, nothing twice."""
    sources = {"pacs": {"StudiesAhead": 1}}
    stacks = [
        make_stack(database, SharedDirectory=str(tmp_path / "shared"), PullSources=sources, ReconcileSeconds=5)
        for _ in range(3)
    ]
    one, *others = stacks
    pacs = make_pacs(tmp_path / "pacs", *stacks)
    for number, stack in enumerate(stacks):  # by a title of its own, as the PACS sends to each
        stack.configure(DicomAet=f"SOURCE{number}", OrthancPeers=one.peers)
        pacs.configuration["DicomModalities"][f"source{number}"][0] = f"SOURCE{number}"
    with pacs:
        pulled = [StudyMaker(Person(f"C-{number}-1"), accession_number=f"ACC{number}", rows=16) for number in range(6)]
        for file in (file for maker in pulled for file in maker.instances(COUNT)):
            pacs.upload(file)
        one.start(target=False)
        for stack in others:
            shutil.copytree(one.data_directory / "keys", stack.data_directory / "keys", ignore=_marks)
            stack.data_directory.chmod(0o700)
            stack.start(target=False)
        for number, stack in enumerate(stacks):
            send_study(stack, COUNT, Person(f"P-{number}-771", f"Doe^John{number}"))
        one.wait_batches(3, {"DELIVERING"}, limit=240)
        rows = [f"ACC{number},,,,," for number in range(len(pulled))]
        one.target.start()
        one.wait_batches(3, limit=240)
        one.target.stop()
        body = {"cohort": cohort(rows), "source": "pacs", "project": PROJECT}
        pull = one.api("pulls", "POST", json=body)["id"]
        wait_for(lambda: one.batches()[-1]["state"] == "DELIVERING", "a pulled study to be delivered", limit=240)
        kill(one)
        one.target.start()
        wait_for(lambda: others[0].api(f"pulls/{pull}")["state"] != "RUNNING", "the pull to end", limit=300)
        assert others[0].api(f"pulls/{pull}")["state"] == "DONE", others[0].describe()
        batches = others[1].wait_batches(3 + len(pulled), limit=240)
    assert [batch["state"] for batch in batches] == ["DONE"] * (3 + len(pulled)), others[0].describe()
    delivered = [dataset.SOPInstanceUID for dataset in one.delivered()]
    assert len(delivered) == len(set(delivered)) == (3 + len(pulled)) * COUNT
    with psycopg.connect(database) as connection:
        said = connection.execute(
            "SELECT batch_id FROM events WHERE message LIKE '%delivered and read back'"
        ).fetchall()
    assert len(said) == len(set(said)) == len(batches)

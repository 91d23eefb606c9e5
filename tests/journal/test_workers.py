"""Several workers on one journal: homes, leases, paces, and what becomes of a dead worker's batches."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from sendit.journal import Journal
from sendit.journal import tables as t
from sendit.journal.lists.imports import SealedName
from sendit.journal.workers.group import SharedPace, WorkerGroup
from sendit.journal.workers.leases import LEAD, places_of
from sendit.journal.writing import now
from sendit.model import BatchState, DeliveryState
from tests.journal.test_journal import receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers.postgres import PostgresServer

INSTANCES = ["i1", "i2"]


@pytest.fixture
def shared(postgres: PostgresServer, empty_database: str, data_directory: Path) -> Iterator[Callable[[str], Journal]]:
    """Journals of several homes on one database of PostgreSQL."""
    url = postgres.database()
    postgres.fill(url, empty_database)
    opened: list[Journal] = []

    def journal(home: str) -> Journal:
        opened.append(Journal.open(url, data_directory, home=home))
        return opened[-1]

    yield journal
    for one in opened:
        one.close()


def let_end(journal: Journal, name: str) -> None:
    """Let a lease be over, as if its holder had not renewed it."""
    with journal.engine.begin() as c:
        ended = sa.update(t.leases).where(t.leases.c.name == name).values(until=now() - timedelta(seconds=1))
        assert c.execute(ended).rowcount == 1


def delivering(journal: Journal, study: str = "study", names: list[str] = INSTANCES) -> int:
    """A batch that is on its way to `peer`."""
    batch_id = journal.intake.queue(study, "irb", names, "20260101T000000")
    assert batch_id is not None
    journal.batches.begin(batch_id, 1)
    journal.batches.record(batch_id, 1, {name: receipt(f"2.25.{number}") for number, name in enumerate(names)})
    journal.batches.conclude(batch_id, 1, ["peer"])
    return batch_id


def test_one_worker_leads_until_it_no_longer_renews(shared: Callable[[str], Journal]) -> None:
    """A second one follows once the lease has ended; the first does not get it back by renewing."""
    one, two = shared("a").leases, shared("b").leases
    assert one.take(LEAD, "first")
    assert one.take(LEAD, "first")
    assert not two.take(LEAD, "second")
    assert two.take("another", "second")
    let_end(shared("a"), LEAD)
    assert two.take(LEAD, "second")
    one.renew("first")
    assert not one.take(LEAD, "first")
    two.release_all("second")
    assert one.take(LEAD, "first")


def test_a_renewed_lease_lasts(shared: Callable[[str], Journal]) -> None:
    """Those of a worker's deliveries, too; another worker's are left alone, also where the names begin alike."""
    leases = shared("a").leases
    for name, holder in (("x", "w-1"), ("y", "w-1/7"), ("z", "w-10/7")):
        assert leases.take(name, holder, seconds=30)
    before = until(shared("a"))
    leases.renew("w-1", seconds=600)
    after = until(shared("a"))
    assert after["x"] > before["x"] + timedelta(seconds=300)
    assert after["y"] > before["y"] + timedelta(seconds=300)
    assert after["z"] == before["z"]
    leases.release_all("w-1")
    assert leases.held() == {"z": "w-10/7"}


def until(journal: Journal) -> dict[str, datetime]:
    with journal.engine.connect() as c:
        return {row.name: row.until for row in c.execute(sa.select(t.leases))}


def test_as_many_places_as_a_destination_has(shared: Callable[[str], Journal]) -> None:
    """Ten workers ask at once, and three get a place."""
    journal = shared("a")
    got: list[str] = []

    def first(holder: str) -> None:
        for place in places_of("peer", 3):
            if journal.leases.take(place, holder):
                got.append(holder)
                return

    threads = [threading.Thread(target=first, args=(f"w{number}",)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 3
    assert len(journal.leases.held()) == 3


def test_sqlite_has_one_worker_which_may_do_everything(data_directory: Path) -> None:
    """No lease is written there."""
    journal = Journal.open("sqlite", data_directory, home="a")
    group = WorkerGroup(journal, "me")
    assert group.leads()
    assert not group.beat()
    assert journal.leases.held() == {}
    journal.close()


def test_a_pace_that_two_workers_share(shared: Callable[[str], Journal]) -> None:
    """What both send together waits as long as if one had sent it: 8 × 500 bytes at 1000 a second."""
    waits: list[float] = []
    paces = [SharedPace(shared("a").leases, "peer", 1000, waits.append) for _ in range(2)]
    begun = time.monotonic()
    for _ in range(4):
        for pace in paces:
            pace(500)
    spent = time.monotonic() - begun
    # The last slice begins 3.5 s after the first one, less what this test itself has taken; slept was nothing.
    assert 3.5 - spent - 0.1 <= max(waits) <= 3.5
    with shared("a").engine.connect() as c:
        assert c.execute(sa.select(t.paces.c.name)).scalars().all() == ["peer"]


def test_each_home_has_its_own_studies(shared: Callable[[str], Journal]) -> None:
    """The same study arrives in two Orthancs: neither ends, counts or forgets what the other one opened."""
    one, two = shared("a"), shared("b")
    one.intake.receiving("study", 2)
    two.intake.receiving("study", 1)
    assert one.intake.receiving_studies() == two.intake.receiving_studies() == ["study"]
    two.intake.drop_receiving("study")
    assert one.intake.receiving_studies() == ["study"]
    assert two.intake.receiving_studies() == []
    batch_id = one.intake.queue("study", "irb", INSTANCES, "20260101T000000")
    assert two.intake.queue("study", "irb", INSTANCES, "20260202T000000") is None, "they are covered once"
    assert one.intake.last_updates(["study"]) == {"study": ("20260101T000000", False)}
    late = two.intake.queue("study", "irb", [*INSTANCES, "i3"], "20260202T000000")
    assert [b.id for b in one.batches.unfinished("a")] == [batch_id]
    assert [b.id for b in two.batches.unfinished("b")] == [late]
    assert two.intake.last_updates(["study"]) == {"study": ("20260202T000000", False)}


def test_a_stray_is_taken_over_once(shared: Callable[[str], Journal]) -> None:
    """A batch of a home without a worker: as a new attempt, which fences the old; a living home's is left alone."""
    one, two, three = shared("a"), shared("b"), shared("c")
    batch_id = one.intake.queue("study", "irb", INSTANCES, "x")
    assert batch_id is not None
    one.batches.begin(batch_id, 1)
    assert two.homes.strays(["a", "b"]) == []
    assert not two.homes.adopt(batch_id, ["a", "b"], staged=False)
    assert two.homes.strays(["b"]) == [(batch_id, "study", BatchState.PROCESSING)]
    assert two.homes.adopt(batch_id, ["b"], staged=False)
    assert not three.homes.adopt(batch_id, ["b", "c"], staged=False), "its home is a living one now"
    batch = two.batches.get(batch_id)
    assert batch is not None
    assert (two.homes.of(batch_id), batch.attempt) == ("b", 2)


@pytest.mark.parametrize("staged", [True, False])
def test_a_stray_that_was_being_delivered(shared: Callable[[str], Journal], staged: bool) -> None:
    """Its files are sent on where they are reachable; where not, it is de-identified again."""
    one, two = shared("a"), shared("b")
    batch_id = delivering(one)
    assert two.homes.adopt(batch_id, ["b"], staged=staged)
    batch = two.batches.get(batch_id)
    [delivery] = two.deliveries.of([batch_id])[batch_id]
    assert batch is not None
    assert batch.state is (BatchState.DELIVERING if staged else BatchState.QUEUED)
    assert (delivery.state, delivery.attempt) == (DeliveryState.WAITING, 2)
    assert [d.batch_id for d in two.deliveries.open("b")] == ([batch_id] if staged else [])


def test_a_stray_whose_study_arrives_here_too_stays(shared: Callable[[str], Journal]) -> None:
    """Both count instances of it; each Orthanc's are its own."""
    one, two = shared("a"), shared("b")
    one.intake.receiving("study", 2)
    two.intake.receiving("study", 2)
    [(stray, _, state)] = two.homes.strays(["b"])
    assert state is BatchState.RECEIVING
    assert not two.homes.adopt(stray, ["b"], staged=False)
    assert two.homes.of(stray) == "a"


def test_imports_of_another_worker_go_on(shared: Callable[[str], Journal]) -> None:
    """A start closes what its own last run left, and nothing else."""
    journal, name = shared("a"), SealedName("0" * 64, None)
    mine = journal.imports.begin("irb", name, name, executor="me")
    theirs = journal.imports.begin("irb", name, name, executor="they")
    journal.imports.close_interrupted("me")
    states = [journal.imports.summary(number) for number in (mine, theirs)]
    assert [one["state"] for one in states if one] == ["INTERRUPTED", "RUNNING"]


def test_a_worker_that_is_gone_is_noticed_once(shared: Callable[[str], Journal]) -> None:
    """With the beat of another one; a worker that stays is not."""
    journal, other = shared("a"), WorkerGroup(shared("b"), "they")
    group = WorkerGroup(journal, "me")
    group.begin()
    other.begin()
    assert not group.beat()
    assert group.homes() == {"a", "b"}
    with journal.engine.begin() as c:
        c.execute(sa.update(t.nodes).where(t.nodes.c.executor == "they").values(seen_at=now() - timedelta(seconds=60)))
    assert group.beat()
    assert not group.beat()
    assert group.homes() == {"a"}


def test_who_stops_gives_its_lead_away(shared: Callable[[str], Journal]) -> None:
    """The next one need not wait for the lease's end."""
    one, two = WorkerGroup(shared("a"), "me"), WorkerGroup(shared("b"), "you")
    assert one.leads()
    assert not two.leads()
    one.end()
    assert two.leads()
    assert shared("a").leases.held() == {LEAD: "you"}

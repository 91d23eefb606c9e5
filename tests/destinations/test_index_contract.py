"""The contract of index.py, for every index: every instance entered once, or an error that says why not."""

from __future__ import annotations

import contextlib
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sendit.destinations.indexes.base import INDEXES
from sendit.errors import Misconfigured, Quarantine, Retry
from sendit.model import Shipment
from tests.destinations.index_bench import PLACE, IndexBench, part_of, places_of
from tests.destinations.index_bench_bigquery import BigQueryBench
from tests.destinations.index_bench_datastore import DatastoreBench, DatastoreEmulatorBench, FirestoreEmulatorBench
from tests.destinations.staged_instances import altered, shipment, with_receipt
from tests.servers.fault_proxy import Corrupt
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.destinations.bench import Servers

#: Every index of the registry (the part before a "/"; after it stands another server for it).
BENCHES: Mapping[str, Callable[[Servers], IndexBench]] = {
    "BigQuery": BigQueryBench,
    "Datastore": DatastoreBench,
    "Datastore/cloud-datastore-emulator": DatastoreEmulatorBench,
    "Datastore/cloud-firestore-emulator": FirestoreEmulatorBench,
}
HEALING = sorted({name for one in BENCHES.values() for name in one.healing})  # type: ignore[attr-defined]
LASTING = sorted({name for one in BENCHES.values() for name in one.lasting})  # type: ignore[attr-defined]


def _parameters() -> list[object]:
    """Other people's servers take minutes: part of `make test-all`."""
    return [pytest.param(name, marks=pytest.mark.slow if "/" in name else ()) for name in BENCHES]


@pytest.fixture(params=_parameters())
def bench(request: pytest.FixtureRequest, servers: Servers) -> Iterator[IndexBench]:
    """Every index in its turn."""
    bench = BENCHES[request.param](servers)
    yield bench
    bench.close()


def test_every_index_is_under_the_contract() -> None:
    """The registry holds nothing that the fixture `bench` does not know."""
    assert set(INDEXES) == {name.partition("/")[0] for name in BENCHES}


def test_check_passes(bench: IndexBench) -> None:
    """A database that lets us in."""
    bench.index.check()


def test_enters_everything_once(bench: IndexBench, tmp_path: Path) -> None:
    """The official client finds every instance, once, with the digest of its receipt."""
    sent = shipment(tmp_path)
    bench.index.write(sent, places_of(sent))
    assert bench.holds_all(sent)
    assert bench.index.verify(sent, places_of(sent)) == []


def test_nothing_to_enter(bench: IndexBench) -> None:
    """An empty shipment is no error."""
    empty = Shipment(1, "IRB1", [])
    bench.index.write(empty, {})
    assert bench.index.verify(empty, {}) == []
    bench.index.remove(empty)


def test_a_second_time_enters_nothing(bench: IndexBench, tmp_path: Path) -> None:
    """What is there is not entered again, also if another batch brings it."""
    sent = shipment(tmp_path)
    bench.index.write(sent, places_of(sent))
    before = bench.writes()
    bench.index.write(sent, places_of(sent))
    assert bench.writes() == before
    assert bench.holds_all(sent)
    again = part_of(sent, sent.staged_instances, batch=77, part=1)
    bench.index.write(again, places_of(again))
    assert bench.holds_all(sent)


def test_one_object_an_instance(bench: IndexBench, tmp_path: Path) -> None:
    """Each instance points at its own object, where the bucket is laid out so."""
    sent = shipment(tmp_path)
    places = places_of(sent, archive=False)
    bench.index.write(sent, places)
    assert bench.index.verify(sent, places) == []
    for staged in sent.staged_instances:
        entry = bench.held(staged.receipt)[0]
        assert entry["storage_url"] == places[staged.receipt.sop_instance_uid].url
        assert not entry.get("storage_member")


@pytest.mark.parametrize("name", HEALING)
def test_what_heals(bench: IndexBench, tmp_path: Path, name: str) -> None:
    """A fault while writing heals by itself, or is a Retry; in the end all is there once."""
    if name not in bench.healing:
        pytest.skip("its wire knows no such fault")
    sent = shipment(tmp_path)
    bench.harm_writing(copy(bench.healing[name]))
    try:
        bench.index.write(sent, places_of(sent))
    except Retry:
        bench.index.write(sent, places_of(sent))
    assert bench.holds_all(sent)
    assert bench.index.verify(sent, places_of(sent)) == []


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name not in {"503", "silence", "unavailable"}))
        for name in HEALING
    ],
)
def test_what_lasts_for_a_while(bench: IndexBench, tmp_path: Path, name: str) -> None:
    """A fault that does not end is a Retry, for every call; when it ends, all is entered once."""
    if name not in bench.healing or name == "slow":
        pytest.skip("its wire knows no such fault, or it is none that stops anybody")
    sent = shipment(tmp_path, 2)
    fault = replace(bench.healing[name], times=1000)
    bench.harm_writing(copy(fault))
    bench.harm_reading(copy(fault))
    with pytest.raises(Retry) as caught:
        bench.index.write(sent, places_of(sent))
    assert sent.staged_instances[0].receipt.patient_id not in str(caught.value)
    with pytest.raises(Retry):
        bench.index.verify(sent, places_of(sent))
    with pytest.raises(Retry):
        bench.index.remove(sent)
    bench.heal()
    bench.index.write(sent, places_of(sent))
    assert bench.holds_all(sent)


@pytest.mark.parametrize("what", ["a digest", "a value", "an identifier", "the framing"])
def test_what_is_corrupted_in_flight_is_found(bench: IndexBench, tmp_path: Path, what: str) -> None:
    """One bit changed on the way: refused, or verification says so. The next write mends it and leaves nothing else."""
    sent = shipment(tmp_path, 3)
    receipt = sent.staged_instances[1].receipt
    behind = {
        "a digest": receipt.output_sha256[:20],
        "a value": "LARGE BOWT",  # FilterType, which no column but the header has
        "an identifier": receipt.sop_instance_uid[:30],
        "the framing": "",
    }
    bench.harm_writing(Corrupt(behind=behind[what].encode()))
    if what == "the framing":
        with contextlib.suppress(Retry):
            bench.index.write(sent, places_of(sent))
    else:
        bench.index.write(sent, places_of(sent))
        assert bench.index.verify(sent, places_of(sent)) != []
    bench.index.write(sent, places_of(sent))
    assert bench.index.verify(sent, places_of(sent)) == []
    assert bench.holds_all(sent)


@pytest.mark.parametrize("name", LASTING)
def test_what_a_person_has_to_change(bench: IndexBench, tmp_path: Path, name: str) -> None:
    """The message names the place in the configuration and the remedy, in check() as in write()."""
    if name not in bench.lasting:
        pytest.skip("its wire knows no such fault")
    fault, hint = bench.lasting[name]
    sent = shipment(tmp_path, 1)
    bench.harm_writing(replace(fault, times=1000))
    bench.harm_reading(replace(fault, times=1000))
    for call in (bench.index.check, lambda: bench.index.write(sent, places_of(sent))):
        with pytest.raises(Misconfigured) as caught:
            call()
        assert caught.value.place.startswith(PLACE)
        assert hint in str(caught.value)


def test_refused(bench: IndexBench, tmp_path: Path) -> None:
    """Nothing listens: a Retry for every call, and nothing is said to be there or to be gone."""
    sent = shipment(tmp_path, 1)
    bench.index.write(sent, places_of(sent))
    bench.take_down()
    for call in (
        bench.index.check,
        lambda: bench.index.write(sent, places_of(sent)),
        lambda: bench.index.verify(sent, places_of(sent)),
        lambda: bench.index.remove(sent),
    ):
        with pytest.raises(Retry):
            call()


def test_nothing_is_entered_without_a_receipt_that_says_released(bench: IndexBench, tmp_path: Path) -> None:
    """Law 1 holds for headers, too."""
    staged_instances = list(shipment(tmp_path).staged_instances)
    staged_instances[2] = with_receipt(staged_instances[2], released=False)
    sent = Shipment(1, "IRB1", staged_instances)
    with pytest.raises(Quarantine):
        bench.index.write(sent, places_of(sent))
    assert bench.held(staged_instances[2].receipt) == []


def test_nothing_of_an_altered_file_is_entered(bench: IndexBench, tmp_path: Path) -> None:
    """A staged file that is not what its receipt describes is held."""
    sent = shipment(tmp_path)
    other = altered(sent.staged_instances[1], tmp_path / "other", PatientName="Somebody^Else")
    sent.staged_instances[1].path.write_bytes(other.path.read_bytes())
    with pytest.raises(Quarantine):
        bench.index.write(sent, places_of(sent))
    assert bench.held(sent.staged_instances[1].receipt) == []


def test_verify_needs_no_files(bench: IndexBench, tmp_path: Path) -> None:
    """Receipts and places are enough; what is missing and what was changed is named."""
    sent = shipment(tmp_path)
    bench.index.write(sent, places_of(sent))
    for staged in sent.staged_instances:
        staged.path.unlink()
    assert bench.index.verify(sent, places_of(sent)) == []
    gone, changed = sent.staged_instances[1].receipt, sent.staged_instances[3].receipt
    bench.remove(gone)
    bench.alter(changed)
    found = {d.sop_instance_uid: d.problem for d in bench.index.verify(sent, places_of(sent))}
    assert set(found) == {gone.sop_instance_uid, changed.sop_instance_uid}
    assert found[gone.sop_instance_uid] == "not there"
    assert "sha256" in found[changed.sop_instance_uid]


def test_what_is_missing_is_entered_again(bench: IndexBench, tmp_path: Path) -> None:
    """After verify found a hole, the next write fills it, and doubles nothing."""
    sent = shipment(tmp_path)
    bench.index.write(sent, places_of(sent))
    bench.remove(sent.staged_instances[1].receipt)
    bench.index.write(sent, places_of(sent))
    assert bench.holds_all(sent)


def test_a_moved_object_is_noticed(bench: IndexBench, tmp_path: Path) -> None:
    """An object that was written anew (another generation) is a difference; the next write mends it."""
    sent = shipment(tmp_path, 2)
    bench.index.write(sent, places_of(sent))
    moved = {uid: replace(place, generation=5) for uid, place in places_of(sent).items()}
    assert len(bench.index.verify(sent, moved)) == 2
    bench.index.write(sent, moved)
    assert bench.index.verify(sent, moved) == []
    assert bench.holds_all(sent)


def test_remove_takes_its_own_and_nothing_else(bench: IndexBench, tmp_path: Path) -> None:
    """A recalled batch is gone, without its files; another batch of the same study stays; twice is no error."""
    whole = shipment(tmp_path)
    first, late = part_of(whole, whole.staged_instances[:3], 1, 1), part_of(whole, whole.staged_instances[3:], 2, 2)
    for one in (first, late):
        bench.index.write(one, places_of(one))
    assert bench.holds_all(whole)
    for staged in whole.staged_instances:
        staged.path.unlink()
    bench.index.remove(first)
    bench.index.remove(first)
    assert [len(bench.held(staged.receipt)) for staged in whole.staged_instances] == [0, 0, 0, 1, 1]
    assert bench.counted(whole.staged_instances[0].receipt) == 2
    assert bench.index.verify(late, places_of(late)) == []
    bench.index.remove(late)
    assert bench.counted(whole.staged_instances[0].receipt) == 0


def test_two_destinations_share_an_index(bench: IndexBench, tmp_path: Path) -> None:
    """Each takes other modalities of one batch into the same bucket: neither takes the other's entries for its own."""
    whole = shipment(tmp_path)
    some, others = part_of(whole, whole.staged_instances[:3], 1, 1), part_of(whole, whole.staged_instances[3:], 1, 1)
    for one in (some, others, some):
        bench.index.write(one, places_of(one))
    assert bench.holds_all(whole)
    assert bench.index.verify(some, places_of(some)) == []
    assert bench.index.verify(others, places_of(others)) == []
    bench.index.remove(others)
    assert [len(bench.held(staged.receipt)) for staged in whole.staged_instances] == [1, 1, 1, 0, 0]
    assert bench.index.verify(some, places_of(some)) == []


def test_batches_at_once(bench: IndexBench, tmp_path: Path) -> None:
    """Two batches of one study, and one of them twice, at the same time: all is there once and counted once."""
    whole = shipment(tmp_path, 6)
    first, late = part_of(whole, whole.staged_instances[:3], 1, 1), part_of(whole, whole.staged_instances[3:], 2, 2)

    def write(one: Shipment) -> None:
        for _ in range(5):
            try:
                return bench.index.write(one, places_of(one))
            except Retry:
                continue
        raise AssertionError("five tries were not enough")

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(write, [first, late, first]))
    for one in (first, late):
        bench.index.write(one, places_of(one))
    assert bench.holds_all(whole)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "nth", [1, 2, pytest.param(3, marks=pytest.mark.slow), pytest.param(4, marks=pytest.mark.slow)]
)
def test_killed_at_any_instant(bench: IndexBench, tmp_path: Path, nth: int, after: bool) -> None:
    """SIGKILL for the process before or after the server acted on its nth write; the next completes it, once."""
    sent = shipment(tmp_path)
    job = tmp_path / "job"
    job.write_bytes(pickle.dumps((PLACE, bench.settings(), sent, places_of(sent))))
    held = bench.hold(nth, after)
    process = subprocess.Popen([sys.executable, "-m", "tests.destinations.index_sender", str(job)])
    try:
        wait_for(lambda: held.is_set() or process.poll() is not None, "the write that is held")
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    bench.heal()
    for _ in range(3):
        try:
            bench.index.write(sent, places_of(sent))
            break
        except Retry:
            continue
    assert bench.holds_all(sent)
    assert bench.index.verify(sent, places_of(sent)) == []

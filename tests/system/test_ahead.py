"""Work on instances whose study still arrives: its outputs are used, or leave nothing behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from sendit.model import Receipt
from sendit.orthanc.client import Source
from sendit.pipeline.deidentify import MADE_AHEAD, Deidentification
from sendit.pipeline.pool.ahead import Ahead
from sendit.pipeline.pool.processes import Done
from sendit.pipeline.pool.series_look import SeriesLook, SeriesOfOutputs
from sendit.storage.previews import Previews
from sendit.storage.staging import Staging
from tests.burned import ConsoleMaker
from tests.dicom import Person, StudyMaker
from tests.jobs import jobs_of
from tests.servers.orthanc import OrthancServer
from tests.servers.stack import PROJECT, Stack, send_study
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sendit.pipeline.pool.processes import DeidentifyPool, Job, ProjectSpec
    from tests.conftest import MakeStack

#: What a project's list of pseudonyms says.
CODES: dict[tuple[str, ...], str] = {("patient", "MRN-7741-905", ""): "CODE-1"}


@pytest.fixture
def ahead(data_directory: Path) -> Iterator[Ahead]:
    """One process, and an empty data directory."""
    made = Ahead(Staging(data_directory), Previews(data_directory), 1)
    yield made
    made.close()


def begun(ahead: Ahead, jobs: list[Job], version: str = "1") -> None:
    """Have the jobs done ahead, of study "s" and by the rules "r"; return when all are."""
    for job in jobs:
        assert ahead.wait_for_room(60)
        ahead.begin("s", "r", [(version, job)], arrived=time.monotonic())
    wait_ended(ahead)


def wait_ended(ahead: Ahead) -> None:
    with ahead._changed:
        assert ahead._changed.wait_for(lambda: not ahead._studies["s"].under_way, timeout=60)


def left(data_directory: Path) -> list[Path]:
    return [*data_directory.rglob("ahead-*"), *data_directory.rglob(".*.part")]


def test_what_was_made_is_taken(ahead: Ahead, project: ProjectSpec, data_directory: Path, tmp_path: Path) -> None:
    """Once, without another look at the originals; what is not asked for is deleted."""
    jobs = jobs_of(tmp_path, project, *StudyMaker().instances(4), b"no DICOM")
    begun(ahead, jobs)
    for job in jobs:
        job.source.unlink()  # type: ignore[union-attr]
    assert ahead.made_of("s") == {"0", "1", "2", "3"}
    taken = list(ahead.take("s", jobs[:3], "r", dict.fromkeys("0123", "1")))
    assert [result.name for result in taken] == ["0", "1", "2"]
    assert [job.output.stat().st_size for job in jobs[:3]] == [one.outcome.output_size for one in taken]  # type: ignore[union-attr]
    assert list(ahead.take("s", jobs[:3], "r", dict.fromkeys("0123", "1"))) == []
    assert len(left(data_directory)) == 1
    ahead.forget("s")
    assert left(data_directory) == []


@pytest.mark.parametrize(
    ("changed", "rules", "version"),
    [
        ({}, "r", "2"),  # overwritten in Orthanc
        ({}, "r", None),  # deleted there
        ({}, "other", "1"),
        ({"codes": {("patient", "MRN-7741-905", ""): "CODE-2"}}, "r", "1"),
        ({"codes": None}, "r", "1"),
        ({"corrections": ("a person's",)}, "r", "1"),
    ],
)
def test_what_was_made_otherwise_is_not_taken(
    ahead: Ahead,
    project: ProjectSpec,
    data_directory: Path,
    tmp_path: Path,
    changed: dict[str, Any],
    rules: str,
    version: str | None,
) -> None:
    """Of other bytes, by other rules, with another pseudonym, before a person said something: it is made anew."""
    [job] = jobs_of(tmp_path, project, StudyMaker().instance())
    job = replace(job, codes=CODES)
    begun(ahead, [job])
    assert ahead.made_of("s") == {"0"}
    versions = {} if version is None else {"0": version}
    assert list(ahead.take("s", [replace(job, **changed)], rules, versions)) == []
    assert not job.output.exists()
    ahead.forget("s")
    assert left(data_directory) == []


def test_an_overwritten_instance_is_made_again(ahead: Ahead, project: ProjectSpec, tmp_path: Path) -> None:
    """The output is that of the newer file."""
    maker = StudyMaker()
    jobs = jobs_of(tmp_path, project, maker.instance(uid="1.2.3"))
    begun(ahead, jobs)
    [job] = jobs_of(tmp_path, project, maker.instance(uid="1.2.3", pixel=99))
    begun(ahead, [job], version="2")
    [result] = ahead.take("s", [job], "r", {"0": "2"})
    newer = list(ahead._pool.run([replace(job, output=tmp_path / "again.dcm")]))
    assert result.outcome == newer[0].outcome
    assert job.output.read_bytes() == (tmp_path / "again.dcm").read_bytes()


def test_a_batch_that_begins_ends_the_work_ahead(ahead: Ahead, project: ProjectSpec, tmp_path: Path) -> None:
    """What comes after it is left to it."""
    jobs = jobs_of(tmp_path, project, *StudyMaker().instances(2))
    begun(ahead, jobs[:1])
    ahead.made_of("s")
    begun(ahead, jobs[1:])
    assert ahead.made_of("s") == {"0"}


def test_what_was_asked_about_before_the_batch_ended_is_not_begun(
    ahead: Ahead, project: ProjectSpec, data_directory: Path, tmp_path: Path
) -> None:
    """Nobody would take it; what arrives later is begun."""
    [job] = jobs_of(tmp_path, project, StudyMaker().instance())
    asked = time.monotonic()
    ahead.forget("s")
    ahead.begin("s", "r", [("1", job)], as_of=asked)
    assert "s" not in ahead._studies
    assert left(data_directory) == []
    ahead.begin("s", "r", [("1", job)], as_of=time.monotonic())
    assert "s" in ahead._studies


def test_instances_that_a_process_is_handed_together(ahead: Ahead, project: ProjectSpec, tmp_path: Path) -> None:
    """Each is made by itself: one that cannot be read for now, or is no DICOM, is left to the batch."""
    jobs = jobs_of(tmp_path, project, *StudyMaker().instances(3), b"no DICOM")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        away = replace(jobs[0], name="away", source=f"http://127.0.0.1:{closed.getsockname()[1]}/")
    assert ahead.together("s") == 1
    ahead.begin("s", "r", [("1", job) for job in (away, *jobs)])
    wait_ended(ahead)
    assert ahead.made_of("s") == {"0", "1", "2"}
    assert [one.name for one in ahead.take("s", jobs[:3], "r", dict.fromkeys("012", "1"))] == ["0", "1", "2"]


def test_no_more_are_handed_over_than_take_a_short_time(ahead: Ahead, project: ProjectSpec, tmp_path: Path) -> None:
    """A batch may wait for them."""
    [job] = jobs_of(tmp_path, project, StudyMaker().instance())
    begun(ahead, [job])
    for seconds, together in ((1.0, 1), (0.02, 5), (0.0, 16)):
        state = ahead._studies["s"]
        ahead._keep(state, [state.made["0"][0]], Done([state.made["0"][2]], seconds))
        assert ahead.together("s") == together


def test_no_more_is_begun_than_there_are_cores(ahead: Ahead, project: ProjectSpec, tmp_path: Path) -> None:
    """One is begun on one core, and the next one once it is done; on any number, one waits for the process."""
    jobs = jobs_of(tmp_path, project, *StudyMaker().instances(1))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hangs = replace(jobs[0], name="x", source=f"http://127.0.0.1:{silent.getsockname()[1]}/")
        assert not ahead.wait_for_room(0, 0.9)
        assert ahead.wait_for_room(0, 1)
        ahead.begin("s", "r", [("1", hangs)])
        assert not ahead.wait_for_room(0, 1.9)
        assert ahead.wait_for_room(0, 2)
        assert ahead.wait_for_room(0)
        silent.accept()[0].close()
        assert ahead.wait_for_room(60, 1)


def test_what_is_too_old_is_deleted(ahead: Ahead, project: ProjectSpec, data_directory: Path, tmp_path: Path) -> None:
    """After an hour, and not before."""
    begun(ahead, jobs_of(tmp_path, project, StudyMaker().instance()))
    touched = ahead._studies["s"].touched
    ahead.forget_old(touched + 3599)
    assert left(data_directory)
    ahead.forget_old(touched + 3601)
    assert left(data_directory) == []


def test_an_instance_whose_process_ends_is_not_condemned(
    ahead: Ahead, project: ProjectSpec, data_directory: Path, tmp_path: Path
) -> None:
    """Nothing is said of it, what is left of it goes, and others are made in a new process."""
    jobs = jobs_of(tmp_path, project, *StudyMaker().instances(1))
    before = {process.pid for process in multiprocessing.active_children()}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hangs = replace(jobs[0], name="x", source=f"http://127.0.0.1:{silent.getsockname()[1]}/")
        ahead.begin("s", "r", [("1", hangs)])
        connection, _ = silent.accept()
        with connection:
            for process in multiprocessing.active_children():
                if process.pid not in before:
                    os.kill(process.pid or 0, signal.SIGKILL)
            wait_ended(ahead)
    begun(ahead, jobs)
    assert ahead.made_of("s") == {"0"}
    ahead.forget("s")
    assert left(data_directory) == []


def looked_at(ahead: Ahead) -> None:
    """Have the series of study "s" looked at; return when they are."""
    ahead.look_at_quiet(0)
    with ahead._changed:
        assert ahead._changed.wait_for(lambda: not ahead._studies["s"].looking, timeout=60)


def taken_by(ahead: Ahead, jobs: list[Job]) -> tuple[str, dict[str, str]]:
    """The coded series of these jobs, whose outputs are taken, and the digests of those."""
    receipts = {one.name: one.outcome for one in ahead.take("s", jobs, "r", dict.fromkeys("0123456789", "1"))}
    assert all(isinstance(one, Receipt) for one in receipts.values()), receipts
    [series] = {one.series_instance_uid for one in receipts.values() if isinstance(one, Receipt)}
    return series, {name: one.output_sha256 for name, one in receipts.items() if isinstance(one, Receipt)}


def test_a_series_is_looked_at_ahead(ahead: Ahead, project: ProjectSpec, tmp_path: Path) -> None:
    """What is found is what the batch would find; it holds for these outputs and no others."""
    maker = ConsoleMaker()
    slices = (maker.slice_(number, "QUIXWORTH ZEBULON" if number == 2 else "") for number in range(5))
    jobs = jobs_of(tmp_path, project, *slices)
    begun(ahead, jobs)
    assert ahead.look_at_quiet(3600) > 3000
    assert not ahead._studies["s"].looking
    looked_at(ahead)
    assert len(ahead.made_of("s")) == 5
    series, digests = taken_by(ahead, jobs)
    [expected] = ahead._pool.look_at_series([SeriesOfOutputs({job.name: job.output for job in jobs})])
    [(part, look)] = ahead.look_of("s", series, digests)
    assert look is not None
    assert list(part.paths) == list("01234")
    assert (set(look.suspects), look.suspects) == ({"2"}, expected.suspects)
    for other in ({**digests, "9": "another"}, {**digests, "0": "another"}, {}):
        assert ahead.look_of("s", series, other) == []
    assert ahead.look_of("other", series, digests) == []


def test_a_series_that_goes_on_after_it_was_looked_at(ahead: Ahead, project: ProjectSpec, tmp_path: Path) -> None:
    """The look is taken again with what has come, but not each time."""
    maker = ConsoleMaker()
    jobs = jobs_of(tmp_path, project, *(maker.slice_(number) for number in range(5)))
    for number, job in enumerate(jobs, 1):
        begun(ahead, [job])
        looked_at(ahead)
        rounds = min(number, 3)
        assert ahead._studies["s"].rounds == rounds
        [look] = ahead._studies["s"].looks.values()
        assert len(look.done[0].names) == len(look.digests) == rounds
    assert ahead.look_at_quiet(0) == float("inf")
    ahead.made_of("s")
    series, digests = taken_by(ahead, jobs)
    assert ahead.look_of("s", series, digests) == []


def test_a_look_that_failed_in_part_is_left_to_the_batch(
    ahead: Ahead, project: ProjectSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that could not be read then may be readable now."""
    [job] = jobs_of(tmp_path, project, ConsoleMaker().slice_(0))
    begun(ahead, [job])
    failed: Future[Any] = Future()
    failed.set_result(SeriesOfOutputs({"0": tmp_path}).undivided().all_suspect())
    monkeypatch.setattr(ahead._pool, "begin_look", lambda one: failed)
    looked_at(ahead)
    [look] = ahead._studies["s"].looks.values()
    assert not look.done


def test_a_series_with_an_image_whose_place_is_not_known_is_left_to_the_batch(
    ahead: Ahead, project: ProjectSpec, tmp_path: Path
) -> None:
    """Nobody can say with which ones it is looked at."""
    maker = ConsoleMaker()
    jobs = jobs_of(tmp_path, project, *(maker.slice_(number) for number in range(2)))
    begun(ahead, jobs)
    state = ahead._studies["s"]
    origin, receipt, result = state.made["1"]
    state.made["1"] = origin, receipt, replace(result, place=None)
    looked_at(ahead)
    assert not state.looks


def test_the_batch_looks_at_the_parts_that_are_left(
    ahead: Ahead, pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not begun is given up; what was seen is not looked at again."""
    maker = ConsoleMaker()
    slices = [maker.slice_(number, "QUIXWORTH ZEBULON" if number in (3, 35) else "") for number in range(40)]
    jobs = jobs_of(tmp_path, project, *slices)
    begun(ahead, jobs)
    waiting: Future[SeriesLook] = Future()
    begin = ahead._pool.begin_look
    monkeypatch.setattr(ahead._pool, "begin_look", lambda part: waiting if "35" in part.paths else begin(part))
    ahead.look_at_quiet(0)
    with ahead._changed:
        assert ahead._changed.wait_for(
            lambda: any(look.done for look in ahead._studies["s"].looks.values()), timeout=60
        )
    assert len(ahead.made_of("s")) == 40
    assert waiting.cancelled()
    taken = list(ahead.take("s", jobs, "r", {job.name: "1" for job in jobs}))
    [series] = {one.outcome.series_instance_uid for one in taken if isinstance(one.outcome, Receipt)}
    digests = {one.name: one.outcome.output_sha256 for one in taken if isinstance(one.outcome, Receipt)}
    parts = ahead.look_of("s", series, digests)
    assert [look is None for _, look in parts] == [False, True]
    batch = cast("Deidentification", SimpleNamespace(_pool=pool))
    look = Deidentification._rest_of_look(batch, parts, {job.name: job.output for job in jobs})
    assert set(look.names) == set(digests)
    assert set(look.suspects) == {"3", "35"}
    assert all(look.suspects.values())


@pytest.mark.parametrize("spoilt", ["", "missing", "longer", "no DICOM"])
def test_the_local_file_is_read_if_it_is_what_it_has_to_be(
    ahead: Ahead, project: ProjectSpec, tmp_path: Path, spoilt: str
) -> None:
    """Otherwise Orthanc is asked, which is away here: the instance is left to its batch."""
    content = StudyMaker().instance()
    [job] = jobs_of(tmp_path, project, content)
    file = tmp_path / "stored"
    file.write_bytes({"longer": content + b"more", "no DICOM": bytes(len(content))}.get(spoilt, content))
    if spoilt == "missing":
        file.unlink()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        away = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    begun(ahead, [replace(job, source=away, local=(file, len(content)))])
    assert ahead.made_of("s") == (frozenset() if spoilt else {"0"})
    if not spoilt:  # the batch's job does not name that file, and takes what was made of it
        assert [one.name for one in ahead.take("s", [replace(job, source=away)], "r", {"0": "1"})] == ["0"]


@pytest.mark.parametrize("compressed", [False, True])
def test_where_orthanc_has_its_files(tmp_path: Path, *, compressed: bool) -> None:
    """The same bytes as over HTTP; where they are compressed, it is seen that they are not."""
    with OrthancServer(tmp_path, {"StorageCompression": compressed}) as server:
        identifier = server.upload(StudyMaker().instance())["ID"]
        [stored] = Source(server.url).stored([identifier])
        assert Source(server.url).stored_file(stored) is None
        file = Source(server.url, storage=tmp_path / "storage").stored_file(stored)
        assert file is not None
        assert (file.read_bytes() == server.instance_file(identifier)) is not compressed
        assert (file.stat().st_size == stored.size) is not compressed


# --- in a whole system -------------------------------------------------------------------------------------------


def made_ahead(stack: Stack) -> int:
    """How many outputs wait for their batch."""
    return sum(path.suffix == ".dcm" and path.parent.name.startswith("ahead-") for path in stack.staged())


def wait_made(stack: Stack, count: int) -> None:
    wait_for(
        lambda: made_ahead(stack) == count, f"{count} outputs to be made ahead; log:\n{stack.source.log()[-2000:]}"
    )


def deidentify_now(stack: Stack, project: str = PROJECT) -> None:
    """Instead of waiting for a study to be stable."""
    [study] = stack.source.get("/studies")
    stack.api(f"studies/{study}/deidentify", "POST", json={"project": project, "reason": "test"})


def taken_over(stack: Stack) -> list[str]:
    """What the history of the first batch says of it."""
    events = stack.api(f"batches/{stack.batches()[0]['id']}")["events"]
    return [event["message"] for event in events if MADE_AHEAD in event["message"]]


def test_two_hundred_instances_that_arrive_slowly(make_stack: MakeStack) -> None:
    """When their batch begins, all of them are made; nothing was visible before, and nothing is left."""
    stack = make_stack()
    stack.configure(StableAge=600)
    stack.start()
    for number, file in enumerate(StudyMaker().instances(200), 1):
        stack.source.upload(file)
        if number % 50 == 0:
            wait_made(stack, number)
    assert {batch["processed"] for batch in stack.batches()} <= {0}
    assert stack.delivered_files() == []
    deidentify_now(stack)
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"]) == ("DONE", 200), stack.describe()
    assert taken_over(stack) == [f"200 instances were {MADE_AHEAD}"]
    assert len(stack.delivered_files()) == 200
    assert stack.staged() == []


@pytest.mark.slow
def test_a_study_that_another_project_takes_at_last(make_stack: MakeStack) -> None:
    """Nothing that was made by the rules of the first project leaves, or stays."""
    stack = make_stack()
    stack.sendit["Projects"]["other"] = {"Options": ["CleanPixelData"], "Destinations": ["research"]}
    stack.configure(StableAge=600)
    stack.start()
    send_study(stack, 3)
    wait_made(stack, 3)
    deidentify_now(stack, "other")
    [batch] = stack.wait_batches(1)
    assert (batch["project"], batch["state"], batch["sent"]) == ("other", "DONE", 3), stack.describe()
    assert taken_over(stack) == []
    assert {dataset.StudyDate for dataset in stack.delivered()} == {""}  # the first project retains dates
    assert stack.staged() == []


@pytest.mark.slow
def test_kill_of_the_worker_while_it_works_ahead(make_stack: MakeStack) -> None:
    """The next worker deletes what was made, and the study loses nothing."""
    stack = make_stack()
    stack.configure(StableAge=600)
    stack.start()
    send_study(stack, 4)
    wait_made(stack, 4)
    worker = stack.worker_pid()
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: made_ahead(stack) == 0, "the next worker to tidy")
    stack.wait_ready()
    deidentify_now(stack)
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"]) == ("DONE", 4), stack.describe()
    assert stack.staged() == []


@pytest.mark.slow
def test_a_study_that_is_pushed_out_of_orthanc_meanwhile(make_stack: MakeStack) -> None:
    """What was made of it is deleted, and a batch says what happened."""
    stack = make_stack()
    stack.configure(MaximumPatientCount=1, StableAge=600)
    stack.start()
    send_study(stack, 3)
    wait_made(stack, 3)
    send_study(stack, 1, Person("MRN-2", "Nobody^Else"))
    stack.wait_batch(lambda b: b["state"] == "FAILED")
    wait_made(stack, 1)


@pytest.mark.slow
def test_an_instance_that_is_overwritten_meanwhile(make_stack: MakeStack) -> None:
    """What leaves is made of the file that Orthanc has."""
    stack = make_stack()
    stack.configure(OverwriteInstances=True, StableAge=600)
    stack.start()
    maker = StudyMaker()
    stack.source.upload(maker.instance(uid="1.2.3"))
    wait_made(stack, 1)
    stack.source.upload(maker.instance(uid="1.2.3", pixel=4095))
    deidentify_now(stack)
    stack.wait_batch(lambda b: b["state"] == "DONE")
    [delivered] = stack.delivered()
    assert int.from_bytes(delivered.PixelData[:2], "little") == 4095


@pytest.mark.slow
def test_it_can_be_turned_off(make_stack: MakeStack) -> None:
    """Then the batch does everything."""
    stack = make_stack(WorkAhead=False).start()
    send_study(stack, 3)
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"]) == ("DONE", 3), stack.describe()
    assert taken_over(stack) == []

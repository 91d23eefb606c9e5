"""A line that a console wrote into one slice of a CT series: the series leaves, the line does not."""

from __future__ import annotations

import io
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pytest

from sendit.deidentify.pixels.regions import Region
from sendit.deidentify.plan import Handling
from sendit.model import Quarantined, Receipt
from sendit.pipeline.pool.series_look import SeriesLook, SeriesOfOutputs, is_due, look_at_part, looked_at, parts_of
from tests.burned import ConsoleMaker
from tests.dicom import StudyMaker, written
from tests.jobs import jobs_of
from tests.servers.stack import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sendit.pipeline.pool.processes import DeidentifyPool, Job, ProjectSpec, Result
    from tests.conftest import MakeStack

NAME = "QUIXWORTH ZEBULON"
#: Of the first letters of the line: rows, columns.
INK = np.s_[19:29, 22:120]


def _receipts(results: Iterable[Result]) -> dict[str, Receipt]:
    found = {result.name: result.outcome for result in results}
    assert all(isinstance(outcome, Receipt) for outcome in found.values()), found
    return {name: outcome for name, outcome in found.items() if isinstance(outcome, Receipt)}


def _look(pool: DeidentifyPool, jobs: list[Job]) -> SeriesLook:
    [look] = pool.look_at_series([SeriesOfOutputs({job.name: job.output for job in jobs})])
    return look


@pytest.mark.slow
def test_through_orthanc(make_stack: MakeStack) -> None:
    """Delivered without the line; every receipt says that the series was looked at; the rest of the pixels stay."""
    stack = make_stack()
    stack.sendit["Projects"] = {PROJECT: {"Match": {}, "Destinations": ["research"]}}
    stack.start()
    maker = ConsoleMaker()
    for number in range(1, 7):
        stack.source.upload(maker.slice_(number, NAME if number == 4 else ""))
    batch = stack.wait_batch(lambda b: b["state"] == "DONE")
    assert batch["reason"] is None
    delivered = {int(ds.InstanceNumber): ds for ds in stack.delivered()}
    assert sorted(delivered) == [1, 2, 3, 4, 5, 6]
    for number, ds in delivered.items():
        before = pydicom.dcmread(io.BytesIO(maker.slice_(number, NAME if number == 4 else ""))).pixel_array
        if number == 4:
            assert ds.pixel_array[INK].max() == 0
            assert np.array_equal(ds.pixel_array[60:], before[60:])
        else:
            assert np.array_equal(ds.pixel_array, before)


def test_the_same_look_in_any_order(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """Whoever lists the slices first: the same slices, the same regions; and the second work gives the same bytes."""
    maker = ConsoleMaker()
    jobs = jobs_of(tmp_path, project, *(maker.slice_(number, NAME if number == 2 else "") for number in range(5)))
    receipts = _receipts(pool.run(jobs))
    assert all(is_due(one) for one in receipts.values())
    assert not any(is_due(looked_at(one)) for one in receipts.values())
    look = _look(pool, jobs)
    assert set(look.suspects) == {"2"}
    assert _look(pool, jobs[::-1]).suspects == look.suspects
    again = replace(jobs[2], series=look.suspects["2"])
    made = []
    for _ in range(2):
        receipts = _receipts(pool.run([again]))
        assert (receipts["2"].pixels["status"], receipts["2"].pixels["series"]) == ("cleaned", "looked at")
        made.append(again.output.read_bytes())
    assert made[0] == made[1]
    assert pydicom.dcmread(again.output).pixel_array[INK].max() == 0


def test_a_look_that_is_kept(tmp_path: Path) -> None:
    """A worker that takes over after a kill reads what was found; not if other slices have come, or it is cut off."""

    look = SeriesLook(("a", "b"), {"b": (Region(1, 2, 30, 40),)})
    look.write(tmp_path / "look")
    assert SeriesLook.read(tmp_path / "look", ["b"]) == look
    assert SeriesLook.read(tmp_path / "look", ["b", "c"]) is None
    assert SeriesLook.read(tmp_path / "none", ["b"]) is None
    (tmp_path / "look").write_bytes((tmp_path / "look").read_bytes()[:-9])
    assert SeriesLook.read(tmp_path / "look", ["b"]) is None


def test_review_holds_the_slice(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """Where a person wants to look at what is found."""
    maker = ConsoleMaker()
    spec = replace(project, handling=Handling(on_text="Review"))
    jobs = jobs_of(tmp_path, spec, *(maker.slice_(number, NAME if number == 1 else "") for number in range(3)))
    _receipts(pool.run(jobs))
    look = _look(pool, jobs)
    [result] = pool.run([replace(jobs[1], series=look.suspects["1"])])
    assert isinstance(result.outcome, Quarantined)
    assert "requires a review" in result.outcome.reason


def test_what_cannot_be_decoded_is_held(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """A codestream that is cut off: that slice is a suspect, and held with its reason; the others are not."""
    maker = ConsoleMaker()
    broken = pydicom.dcmread(io.BytesIO(maker.slice_(1)))
    broken.compress(pydicom.uid.JPEG2000Lossless, encoding_plugin="pylibjpeg")
    half = broken.PixelData[: len(broken.PixelData) // 3]
    broken.PixelData = pydicom.encaps.encapsulate([half[20:]])
    jobs = jobs_of(tmp_path, project, maker.slice_(0), written(broken, pydicom.uid.JPEG2000Lossless), maker.slice_(2))
    found = {result.name: result.outcome for result in pool.run(jobs)}
    if isinstance(found["1"], Receipt):
        look = _look(pool, jobs)
        assert look.suspects == {"1": ()}
        [result] = pool.run([replace(jobs[1], series=())])
        found["1"] = result.outcome
    assert isinstance(found["1"], Quarantined)
    assert isinstance(found["0"], Receipt)
    assert isinstance(found["2"], Receipt)


@pytest.mark.parametrize("values", [{"BitsAllocated": 16, "Modality": "OT"}, {"ImageType": ["DERIVED", "SECONDARY"]}])
def test_risky_ones_are_looked_at_at_once(
    pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path, values: dict[str, object]
) -> None:
    """They do not wait for their series."""
    [job] = jobs_of(tmp_path, project, ConsoleMaker().slice_(1, NAME, **values))
    receipts = _receipts(pool.run([job]))
    assert receipts["0"].pixels["status"] == "cleaned"
    assert "series" not in receipts["0"].pixels


def test_off(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """DetectText Off leaves the look out."""
    spec = replace(project, handling=Handling(detect_text="Off"))
    [job] = jobs_of(tmp_path, spec, ConsoleMaker().slice_(1, NAME))
    assert _receipts(pool.run([job]))["0"].pixels == {"status": "clean by rule", "how": "CT"}


def test_many_frames_are_a_series(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """A line in one frame of an enhanced CT is black in all; without one, the bytes stay."""
    maker = ConsoleMaker()
    frames = [pydicom.dcmread(io.BytesIO(maker.slice_(n, NAME if n == 3 else ""))).pixel_array for n in range(8)]
    enhanced = "1.2.840.10008.5.1.4.1.1.2.1"
    for number, some in enumerate((frames, [*frames[:3], *frames[4:]])):
        ds = pydicom.dcmread(io.BytesIO(maker.slice_(1)))
        ds.SOPClassUID, ds.NumberOfFrames, ds.PixelData = enhanced, len(some), np.stack(some).tobytes()
        [job] = jobs_of(tmp_path, project, written(ds))
        pixels = _receipts(pool.run([job]))["0"].pixels
        assert pixels["series"] == "looked at"
        after = pydicom.dcmread(job.output).pixel_array
        if number == 0:
            assert (pixels["status"], pixels["how"]) == ("cleaned", "text detection in its series")
            assert after[:, *INK].max() == 0
        else:
            assert pixels["status"] == "clean by rule"
            assert np.array_equal(after, np.stack(some))


def test_parts_of_a_series(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """By number, not by name, and by size; several processes find what one finds in all of them."""
    maker, small = ConsoleMaker(), StudyMaker(rows=64)
    slices = [maker.slice_(number, NAME if number == 2 else "") for number in range(40, -1, -1)]
    jobs = jobs_of(tmp_path, project, *slices, small.instance(7))
    results = list(pool.run(jobs))
    _receipts(results)
    outputs = {job.name: job.output for job in jobs}
    places = {one.name: one.place for one in results if one.place is not None}
    assert set(places) == set(outputs)
    assert parts_of(SeriesOfOutputs(outputs, places)) == parts_of(SeriesOfOutputs(outputs))
    jobs[3].output.write_bytes(b"no DICOM")
    series = SeriesOfOutputs({job.name: job.output for job in jobs})
    parts = parts_of(series)
    unreadable, smaller, first, second = (list(part.paths) for part in parts)
    assert (unreadable, smaller) == (["3"], ["41"])
    assert [first, second] == [
        [str(40 - number) for number in some] for some in (range(32), (*range(32, 37), 38, 39, 40))
    ]
    looks = list(pool.look_at_series([series, SeriesOfOutputs({}), series]))
    assert [set(look.names) for look in looks] == [set(series.paths), set(), set(series.paths)]
    assert looks[0].suspects == looks[2].suspects == SeriesLook.merged(map(look_at_part, parts)).suspects
    assert set(looks[0].suspects) == {"3", "38"}


@pytest.mark.parametrize("kind", [tuple, SeriesOfOutputs])
def test_what_ends_its_process(
    pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    """A part: its images are looked at one by one. The division into parts: all images are one part; none is lost."""
    jobs = jobs_of(tmp_path, project, *(ConsoleMaker().slice_(number) for number in range(3)))
    _receipts(pool.run(jobs))

    def submit(job: Any, work: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if isinstance(job, kind):
            future.set_exception(BrokenProcessPool())
        else:
            future.set_result(work(job))
        return future

    monkeypatch.setattr(pool, "_on_trial", lambda work, job: "it ended its process")
    monkeypatch.setattr(pool, "_submit", submit)
    [look] = pool.look_at_series([SeriesOfOutputs({job.name: job.output for job in jobs})])
    assert set(look.names) == {"0", "1", "2"}
    assert (look.suspects == dict.fromkeys("012", ())) is (kind is tuple)

"""Pixels in the pool of processes, with the text detection that SendIt ships: nothing unseen leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from sendit import keyring
from sendit.deidentify.plan import Handling
from sendit.deidentify_pool import DeidentifyPool, Job, ProjectSpec, Result
from sendit.errors import Misconfigured
from sendit.model import Quarantined, Receipt
from sendit.settings import DEFAULT_OPTIONS
from tests.burned import TEXT_BOX, CaptureMaker
from tests.dicom import StudyMaker


@pytest.fixture
def project(tmp_path: Path) -> ProjectSpec:
    """A project with a key and no options of its own."""
    keyring.load_key(tmp_path / "keys", "irb", create=True)
    return ProjectSpec(DEFAULT_OPTIONS, (), tmp_path / "keys", "irb")


@pytest.fixture(scope="module")
def pool() -> Iterator[DeidentifyPool]:
    """One process."""
    with DeidentifyPool(1) as started:
        yield started


def _jobs(folder: Path, project: ProjectSpec, *instances: bytes) -> list[Job]:
    jobs = []
    for number, content in enumerate(instances):
        source = folder / f"{number}.in"
        source.write_bytes(content)
        jobs.append(Job(str(number), project, source, folder / f"{number}.dcm"))
    return jobs


def _by_name(results: Iterator[Result]) -> list[Result]:
    return sorted(results, key=lambda result: int(result.name))


def test_text_is_masked_and_nothing_else(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """What is burned in is black, every pixel outside of the named regions is as it was, and the receipt says so."""
    maker = CaptureMaker()
    jobs = _jobs(tmp_path, project, maker.capture(1), maker.capture(2), StudyMaker().instance())
    first, second, third = (result.outcome for result in _by_name(pool.run(jobs)))
    for outcome, job in ((first, jobs[0]), (second, jobs[1])):
        assert isinstance(outcome, Receipt)
        assert (outcome.pixels["status"], outcome.pixels["how"]) == ("cleaned", "text detection")
        before, after = (pydicom.dcmread(path).pixel_array.copy() for path in (job.source, job.output))
        x0, y0, x1, y1 = TEXT_BOX
        assert before[y0:y1, x0:x1].max() == 230
        assert after[y0:y1, x0:x1].max() < 100
        for left, top, right, bottom in outcome.pixels["regions"]:
            assert (after[top:bottom, left:right] == 0).all()
            before[top:bottom, left:right] = 0
        assert (before == after).all()
    assert isinstance(third, Receipt)
    assert third.pixels == {"status": "clean by rule", "how": "CT"}


def test_without_text_the_bytes_stay(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """It was looked for, there is none, and the pixel data are those that came."""
    [job] = _jobs(tmp_path, project, CaptureMaker(shown="").capture())
    [result] = pool.run([job])
    assert isinstance(result.outcome, Receipt)
    assert result.outcome.pixels == {"status": "checked and clean", "how": "text detection"}
    assert pydicom.dcmread(job.output).PixelData == pydicom.dcmread(job.source).PixelData


def test_review_holds_what_shows_text(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """Under OnText Review nothing of it is written."""
    spec = replace(project, handling=Handling(on_text="Review"))
    [job] = _jobs(tmp_path, spec, CaptureMaker().capture())
    [result] = pool.run([job])
    assert isinstance(result.outcome, Quarantined)
    assert "wants a person to look at it" in result.outcome.reason
    assert not job.output.exists()


@pytest.mark.parametrize("harm", ["absent", "cut off"])
def test_weights_that_are_not_there_stop_the_batch(project: ProjectSpec, tmp_path: Path, harm: str) -> None:
    """Nothing is waved through, nor held instance by instance: a person has to mend the installation."""
    package = tmp_path / "elsewhere" / "rapidocr"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    if harm == "cut off":
        for task in ("det", "rec"):
            (package / "models" / f"PP-OCRv6_{task}_small.onnx").write_bytes(b"\x08\x07\x12\x07")
    jobs = _jobs(tmp_path, project, CaptureMaker().capture())
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(package.parent)  # processes of the pool are given this one's path
        with DeidentifyPool(1) as pool, pytest.raises(Misconfigured) as caught:
            list(pool.run(jobs, alone_again=True))
    assert caught.value.place == "DetectText"
    assert "Install SendIt's packages again" in caught.value.cure
    assert not jobs[0].output.exists()

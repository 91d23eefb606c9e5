"""Pixels in the pool of processes, with the text detection that SendIt ships: nothing unseen leaves."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.encaps import generate_frames

from sendit import keyring
from sendit import pictures as kept
from sendit.deidentify.plan import Handling
from sendit.deidentify_pool import DeidentifyPool, ProjectSpec, Result, _work
from sendit.errors import Misconfigured
from sendit.model import Quarantined, Receipt
from sendit.pictures import Pictures
from sendit.settings import DEFAULT_OPTIONS
from tests.burned import TEXT_BOX, CaptureMaker
from tests.dicom import StudyMaker, written
from tests.jobs import jobs_of
from tests.pixels import BASELINE, JPEG_2000_LOSSLESS, RLE, Kind, file_of, image
from tests.unit.deidentify.pixels.test_hostile import BREAKING


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


def _by_name(results: Iterator[Result]) -> list[Result]:
    return sorted(results, key=lambda result: int(result.name))


def test_text_is_masked_and_nothing_else(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """What is burned in is black, every pixel outside of the named regions is as it was, and the receipt says so."""
    maker = CaptureMaker()
    jobs = jobs_of(tmp_path, project, maker.capture(1), maker.capture(2), StudyMaker().instance())
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
    [job] = jobs_of(tmp_path, project, CaptureMaker(shown="").capture())
    [result] = pool.run([job])
    assert isinstance(result.outcome, Receipt)
    assert result.outcome.pixels == {"status": "checked and clean", "how": "text detection"}
    assert pydicom.dcmread(job.output).PixelData == pydicom.dcmread(job.source).PixelData


CT = "1.2.840.10008.5.1.4.1.1.2"
KINDS: dict[str, dict[str, Any]] = {
    "secondary capture": {},
    "screen save": {"SOPClassUID": CT, "Modality": "CT", "ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
    "dose report": {"SOPClassUID": CT, "Modality": "CT", "SeriesDescription": "Dose Report"},
    "fluoroscopy": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.12.2", "Modality": "RF"},
    "ultrasound": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1", "Modality": "US"},
    "visible light": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.4", "Modality": "XC"},
    "digitised film": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1", "Modality": "CR", "ConversionType": "DF"},
    "it says so": {"SOPClassUID": CT, "Modality": "CT", "BurnedInAnnotation": "YES"},
    "it denies it": {"BurnedInAnnotation": "NO"},
}


def test_risky_kinds_are_looked_at_by_default(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """Each of them leaves with its text masked."""
    jobs = jobs_of(tmp_path, project, *(CaptureMaker().capture(**values) for values in KINDS.values()))
    x0, y0, x1, y1 = TEXT_BOX
    for kind, job, result in zip(KINDS, jobs, _by_name(pool.run(jobs)), strict=True):
        assert isinstance(result.outcome, Receipt), kind
        assert (kind, result.outcome.pixels["status"]) == (kind, "cleaned")
        after = pydicom.dcmread(job.output)
        assert after.pixel_array[y0:y1, x0:x1].max() < 100, kind
        assert after.BurnedInAnnotation == "NO", kind


@pytest.mark.parametrize("syntax", [pydicom.uid.JPEG2000Lossless, pydicom.uid.RLELossless])
def test_compressed_bytes_without_text_stay(
    pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path, syntax: pydicom.uid.UID
) -> None:
    """They were decoded to be looked at, and are passed on as they came."""
    ds = pydicom.dcmread(io.BytesIO(CaptureMaker(shown="").capture()))
    ds.compress(syntax, encoding_plugin="pylibjpeg")
    [job] = jobs_of(tmp_path, project, written(ds, syntax))
    [result] = pool.run([job])
    assert isinstance(result.outcome, Receipt)
    assert result.outcome.pixels["status"] == "checked and clean"
    before, after = pydicom.dcmread(job.source), pydicom.dcmread(job.output)
    assert after.file_meta.TransferSyntaxUID == syntax
    assert list(generate_frames(after.PixelData)) == list(generate_frames(before.PixelData))


def test_what_cannot_be_decoded_is_held(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """A bomb, a codestream that is cut off, wrong Rows: quarantined, never passed; the process goes on."""
    broken = []
    for syntax in (JPEG_2000_LOSSLESS, RLE, BASELINE):
        for breaking in BREAKING:
            if syntax == JPEG_2000_LOSSLESS or breaking is not BREAKING[1]:
                ds = image(Kind(syntax, "MONOCHROME2", 8, 8, frames=3, vr="OB"))
                breaking(ds)
                broken.append(file_of(ds))
    jobs = jobs_of(tmp_path, project, *broken, CaptureMaker().capture())
    pictures = Pictures(tmp_path)
    results = _by_name(pool.run([replace(job, pictures=pictures.place(1, job.name)) for job in jobs]))
    for result in results[:-1]:
        assert isinstance(result.outcome, Quarantined)
        assert "its pixels cannot be looked at" in result.outcome.reason
    assert isinstance(results[-1].outcome, Receipt)
    assert [job.output.exists() for job in jobs] == [False] * len(broken) + [True]
    assert {shown.name[:32] for shown in pictures.of(1)} == {pictures.place(1, jobs[-1].name).name}


def test_review_holds_what_shows_text(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """Under OnText Review nothing of it is written."""
    spec = replace(project, handling=Handling(on_text="Review"))
    [job] = jobs_of(tmp_path, spec, CaptureMaker().capture())
    [result] = pool.run([job])
    assert isinstance(result.outcome, Quarantined)
    assert "wants a person to look at it" in result.outcome.reason
    assert not job.output.exists()


@pytest.mark.parametrize("on_text", ["Mask", "Review"])
def test_pictures(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path, on_text: str) -> None:
    """Of what is cleaned or held: the first frame and the one with text, named by digests, told by codes alone."""
    pictures = Pictures(tmp_path)
    spec = replace(project, handling=Handling(on_text=on_text))
    maker = CaptureMaker()
    jobs = jobs_of(tmp_path, spec, maker.capture(7, frames=3, text_from=2), CaptureMaker(shown="").capture())
    jobs = [replace(job, pictures=pictures.place(5, job.name)) for job in jobs]
    outcomes = [result.outcome for result in _by_name(pool.run(jobs))]
    found = pictures.of(5)
    assert [(shown.instance_number, shown.frame) for shown in found] == [(7, 1), (7, 3)]
    assert {shown.status for shown in found} == {"cleaned" if on_text == "Mask" else "held"}
    for shown in found:
        assert shown.sop_instance_uid.startswith("2.25.")
        assert shown.regions
        for which in ("before", "after"):
            png = pictures.read(5, shown.name, which)
            assert png is not None
            assert png.startswith(b"\x89PNG")
    if isinstance(outcomes[0], Receipt):
        assert {shown.sop_instance_uid for shown in found} == {outcomes[0].sop_instance_uid}
        assert found[0].regions == outcomes[0].pixels["regions"]
    files = list((tmp_path / "pictures").rglob("*"))
    assert {path.stat().st_mode & 0o077 for path in files if path.is_dir()} == {0}
    told = b"".join(path.read_bytes() for path in files if path.suffix == ".json") + str(files).encode()
    for word in (maker.person.patient_id, *maker.person.name.split("^"), maker.study_uid, maker.series_uid):
        assert word.encode() not in told
    assert not [path for path in files if path.name.startswith(".")]


def test_pictures_of_a_former_try_go(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """What is worked on anew, and needs no cleaning now, is not shown as it was."""
    pictures = Pictures(tmp_path)
    for instance, expected in ((CaptureMaker().capture(), 1), (CaptureMaker(shown="").capture(), 0)):
        [job] = jobs_of(tmp_path, project, instance)
        list(pool.run([replace(job, pictures=pictures.place(1, "i"))]))
        assert (pictures.count(1), len(list((tmp_path / "pictures" / "1").iterdir()))) == (expected, 3 * expected)


def test_pictures_are_bounded(project: ProjectSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond the bound is released all the same."""
    monkeypatch.setattr(kept, "MOST", 2)
    pictures = Pictures(tmp_path)
    maker = CaptureMaker()
    jobs = jobs_of(tmp_path, project, *(maker.capture(number) for number in range(4)))
    outcomes = [_work(replace(job, pictures=pictures.place(1, job.name))).outcome for job in jobs]
    assert all(isinstance(outcome, Receipt) for outcome in outcomes)
    assert pictures.count(1) == 2


def test_a_disk_that_takes_no_pictures(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """They are left out; the instance leaves as it would."""
    [job] = jobs_of(tmp_path, project, CaptureMaker().capture())
    (tmp_path / "pictures").write_text("no folder")
    [result] = pool.run([replace(job, pictures=tmp_path / "pictures" / "1" / "x")])
    assert isinstance(result.outcome, Receipt)
    assert result.outcome.pixels["status"] == "cleaned"


@pytest.mark.parametrize("harm", ["absent", "cut off"])
def test_weights_that_are_not_there_stop_the_batch(project: ProjectSpec, tmp_path: Path, harm: str) -> None:
    """Nothing is waved through, nor held instance by instance: a person has to mend the installation."""
    package = tmp_path / "elsewhere" / "rapidocr"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    if harm == "cut off":
        for task in ("det", "rec"):
            (package / "models" / f"PP-OCRv6_{task}_small.onnx").write_bytes(b"\x08\x07\x12\x07")
    jobs = jobs_of(tmp_path, project, CaptureMaker().capture())
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(package.parent)  # processes of the pool are given this one's path
        with DeidentifyPool(1) as pool, pytest.raises(Misconfigured) as caught:
            list(pool.run(jobs, alone_again=True))
    assert caught.value.place == "DetectText"
    assert "Install SendIt's packages again" in caught.value.cure
    assert not jobs[0].output.exists()

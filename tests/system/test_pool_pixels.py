"""Pixels in the pool of processes, with the text detection that SendIt ships: nothing unseen leaves."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pytest
import zxingcpp
from PIL import Image
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.utils import pixel_array

from sendit.deidentify.plan import Handling
from sendit.errors import Misconfigured
from sendit.model import Quarantined, Receipt, Rejected
from sendit.pipeline.pool.processes import DeidentifyPool, ProjectSpec, Result, _work
from sendit.storage import previews as kept
from sendit.storage.previews import Previews
from tests.burned import TEXT_BOX, CaptureMaker
from tests.dicom import StudyMaker, written
from tests.jobs import jobs_of
from tests.pixels import BASELINE, JPEG_2000_LOSSLESS, RLE, Kind, file_of, image
from tests.unit.deidentify.pixels.test_hostile import BREAKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
    assert third.pixels == {"status": "clean by rule", "how": "CT", "series": "to be looked at"}


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
    previews = Previews(tmp_path)
    results = _by_name(pool.run([replace(job, previews=previews.place(1, job.name)) for job in jobs]))
    for result in results[:-1]:
        assert isinstance(result.outcome, Quarantined)
        assert "its pixels cannot be examined" in result.outcome.reason
    assert isinstance(results[-1].outcome, Receipt)
    assert [job.output.exists() for job in jobs] == [False] * len(broken) + [True]
    assert {shown.name[:32] for shown in previews.of(1)} == {previews.place(1, jobs[-1].name).name}


def test_review_holds_what_shows_text(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """Under OnText Review nothing of it is written."""
    spec = replace(project, handling=Handling(on_text="Review"))
    [job] = jobs_of(tmp_path, spec, CaptureMaker().capture())
    [result] = pool.run([job])
    assert isinstance(result.outcome, Quarantined)
    assert "requires a review" in result.outcome.reason
    assert not job.output.exists()


@pytest.mark.slow
@pytest.mark.parametrize("on_text", ["Mask", "Review"])
def test_pictures(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path, on_text: str) -> None:
    """Of what is cleaned or held: the first frame and the one with text, named by digests, told by codes alone."""
    previews = Previews(tmp_path)
    spec = replace(project, handling=Handling(on_text=on_text))
    maker = CaptureMaker()
    jobs = jobs_of(tmp_path, spec, maker.capture(7, frames=3, text_from=2), CaptureMaker(shown="").capture())
    jobs = [replace(job, previews=previews.place(5, job.name)) for job in jobs]
    outcomes = [result.outcome for result in _by_name(pool.run(jobs))]
    found = previews.of(5)
    assert [(shown.instance_number, shown.frame) for shown in found] == [(7, 1), (7, 3)]
    assert {shown.status for shown in found} == {"cleaned" if on_text == "Mask" else "held"}
    for shown in found:
        assert shown.sop_instance_uid.startswith("2.25.")
        assert shown.regions
        for which in ("before", "after"):
            png = previews.read(5, shown.name, which)
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
    previews = Previews(tmp_path)
    for instance, expected in ((CaptureMaker().capture(), 1), (CaptureMaker(shown="").capture(), 0)):
        [job] = jobs_of(tmp_path, project, instance)
        list(pool.run([replace(job, previews=previews.place(1, "i"))]))
        assert (previews.count(1), len(list((tmp_path / "pictures" / "1").iterdir()))) == (expected, 3 * expected)


@pytest.mark.slow
def test_pictures_are_bounded(project: ProjectSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond the bound is released all the same."""
    monkeypatch.setattr(kept, "MOST", 2)
    previews = Previews(tmp_path)
    maker = CaptureMaker()
    jobs = jobs_of(tmp_path, project, *(maker.capture(number) for number in range(4)))
    outcomes = [_work(replace(job, previews=previews.place(1, job.name))).outcome for job in jobs]
    assert all(isinstance(outcome, Receipt) for outcome in outcomes)
    assert previews.count(1) == 2


def test_a_disk_that_takes_no_pictures(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """They are left out; the instance leaves as it would."""
    [job] = jobs_of(tmp_path, project, CaptureMaker().capture())
    (tmp_path / "pictures").write_text("no folder")
    [result] = pool.run([replace(job, previews=tmp_path / "pictures" / "1" / "x")])
    assert isinstance(result.outcome, Receipt)
    assert result.outcome.pixels["status"] == "cleaned"


@pytest.mark.slow
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
    assert "Install SendIt's packages again" in caught.value.remedy
    assert not jobs[0].output.exists()


def test_barcodes_are_masked(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """A wristband's code in a capture cannot be read in what leaves."""
    made = zxingcpp.create_barcode("MUSTER^MAX;19610412", zxingcpp.BarcodeFormat.QRCode)
    modules = np.kron(np.asarray(zxingcpp.write_barcode_to_image(made, 1)), np.ones((4, 4), np.uint8))
    capture = pydicom.dcmread(io.BytesIO(CaptureMaker(shown="").capture()))
    shown = capture.pixel_array.copy()
    shown[40 : 40 + len(modules), 150 : 150 + len(modules)] = modules
    assert zxingcpp.read_barcodes(shown)
    capture.PixelData = shown.tobytes()
    [job] = jobs_of(tmp_path, project, written(capture))
    [result] = pool.run([job])
    assert isinstance(result.outcome, Receipt)
    assert "barcodes" in result.outcome.pixels["how"]
    assert not zxingcpp.read_barcodes(pydicom.dcmread(job.output).pixel_array)


def test_labels_of_slides(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """Rejected by default; black where the project wants them."""
    slide: dict[str, Any] = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.6", "Modality": "SM"}
    label = CaptureMaker().capture(ImageType=["ORIGINAL", "PRIMARY", "LABEL", "NONE"], **slide)
    [job] = jobs_of(tmp_path, project, label)
    [result] = pool.run([job])
    assert isinstance(result.outcome, Rejected)
    [job] = jobs_of(tmp_path, replace(project, handling=Handling(slide_labels="Mask")), label)
    [result] = pool.run([job])
    assert isinstance(result.outcome, Receipt)
    after = pydicom.dcmread(job.output)
    assert after.SpecimenLabelInImage == "NO"
    assert not after.pixel_array.any()


def test_an_ultrasound_region_that_says_nothing(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """The name is outside of the picture, but within a screen without format; inside of the picture it goes, too."""
    screen, picture = pydicom.Dataset(), pydicom.Dataset()
    for region, kind, corners in ((screen, 0, (0, 0, 319, 199)), (picture, 1, (60, 60, 280, 190))):
        region.RegionSpatialFormat = region.RegionDataType = kind
        region.RegionLocationMinX0, region.RegionLocationMinY0 = corners[:2]
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = corners[2:]
    values: dict[str, Any] = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1", "Modality": "US"}
    both = CaptureMaker().capture(SequenceOfUltrasoundRegions=[screen, picture], **values)
    picture.RegionLocationMinX0 = picture.RegionLocationMinY0 = 0
    inside = CaptureMaker().capture(2, SequenceOfUltrasoundRegions=[screen, picture], **values)
    jobs = jobs_of(tmp_path, project, both, inside)
    x0, y0, x1, y1 = TEXT_BOX
    for job, result in zip(jobs, _by_name(pool.run(jobs)), strict=True):
        assert isinstance(result.outcome, Receipt)
        after = pydicom.dcmread(job.output).pixel_array
        assert after[y0:y1, x0:x1].max() < 100
        assert after[120, 160] > 100  # the picture stays


def test_a_jpeg_whose_header_says_other_colours(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """It is released with the colours of its stream."""
    jpeg = io.BytesIO()
    Image.new("RGB", (96, 64), (120, 60, 30)).save(jpeg, "JPEG")
    capture = pydicom.dcmread(io.BytesIO(CaptureMaker(shown="").capture()))
    capture.Rows, capture.Columns, capture.SamplesPerPixel, capture.PlanarConfiguration = 64, 96, 3, 0
    capture.PhotometricInterpretation, capture.LossyImageCompression = "RGB", "01"
    capture.PixelData = encapsulate([jpeg.getvalue()])
    capture["PixelData"].VR = "OB"
    capture["PixelData"].is_undefined_length = True
    [job] = jobs_of(tmp_path, project, written(capture, pydicom.uid.JPEGBaseline8Bit))
    [result] = pool.run([job])
    assert isinstance(result.outcome, Receipt)
    assert result.outcome.pixels["photometric"] == "YBR_FULL_422"
    shown = pixel_array(job.output)
    assert abs(shown.reshape(-1, 3).mean(0) - (120, 60, 30)).max() < 3

"""What de-identifying costs: beside pydicom's own read and write of the same file, and in memory.

Both are measured in turn, so that what else the machine does meets both alike. pydicom is measured as it is used by
those who de-identify with it: every element is looked at once.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import random
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    EnhancedCTImageStorage,
    PositronEmissionTomographyImageStorage,
    RTStructureSetStorage,
)

from benchmarks import native
from benchmarks.leaks import generated
from sendit.config.schema import Option
from sendit.deidentify import KeyedIdentities, Plan, compile_plan, deidentify
from sendit.model import Released
from tests.servers.processes import resident

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUNDS = 60
_INSTANCES = 20
FILES = 10_000
_PATIENTS = 500  # one after the other
_FULL = 300  # patients after whom the caches, which are of a fixed size, are full: some 70 MB
_MOST_RATIO = 0.5
_NATIVE = (
    "CT, 180 elements, 128 × 128",
    "CT, 180 elements, 512 × 512",
    "MR, 75 elements, 64 × 64",
    "Structured report",
)
_MOST_GROWTH = 16 << 20  # bytes
_OPTIONS = (
    Option.CLEAN_DESCRIPTORS,
    Option.CLEAN_STRUCTURED_CONTENT,
    Option.RETAIN_LONGITUDINAL_MODIFIED_DATES,
    Option.RETAIN_PATIENT_CHARACTERISTICS,
)
_IDENTITIES = KeyedIdentities(bytes(range(32)))
_PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "deidentify.md"
_TEXT = """# What de-identifying costs

Written by `python -m benchmarks deidentify`. All steps for one instance in memory: reading, cleaning, writing,
the leak check and the three digests of the receipt, beside pydicom's own read and write of the same bytes. One process
measures both in turn, {rounds} times, over a series of {instances} instances that differ in UID, number and time: the
medians of CPU time in milliseconds, and their ratio. Times depend on the machine; the ratios hardly do.

| instance | KB | digests, ms | Basic profile, ms | ratio | unseen | four options, ms | ratio | unseen |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

- Ratio: to pydicom as de-identification tools use it, which access every element once. The goal is 0.35.
- Unseen: to pydicom when nothing is accessed. It then passes the bytes of most values, and whole sequences of
  defined length, through unchanged.
- Four options: CleanDescriptors, CleanStructuredContent, RetainLongitudinalModifiedDates,
  RetainPatientCharacteristics.
- Digests: SHA-256 of the input, SHA-256 and MD5 of the output, alone. They are part of SendIt's time, grow with the
  pixels, and pydicom computes none; without them, the ratio is at most 0.5 (checked by the benchmark).

What is the same for all instances of a study is computed once and kept in caches of a fixed size, by the values
themselves: codes, forms of names, cleaned texts, moved dates, and what elements and small items became
([what each of them brought](engine-profile.md)). The leak check still searches every instance whole. It
skips the search for dates where the year of none occurs, and that for UIDs where none of them occurs as bytes;
`tests/unit/deidentify/leak_check/test_shortcuts.py` compares these shortcuts with the search without them.

## Beside Orthanc's own anonymization

CPU of SendIt's engine with its leak check and digests (Basic profile), and of Orthanc's process for
`POST /instances/…/anonymize` of the same file, which includes its HTTP answer: milliseconds an instance, in turn,
{times} times each.

| instance | SendIt | Orthanc | ratio |
| --- | --- | --- | --- |
{natives}

Orthanc replaces and removes attributes in C++. It neither cleans texts nor searches the output, and computes no digests
here.

## Memory

Peaks of the whole process, which is at 97 MB at the start (VmHWM; the file is mapped):

| input | peak |
| --- | --- |
| 2 GB of native frames | 124 MB |
| 953 MB of JPEG 2000 in 20,000 fragments | 126 MB |
| 765 MB of JPEG 2000 in 400,000 fragments | 166 MB |
| 1 GB in one fragment with JP2 boxes | 136 MB |
| 256 MB of noise in one value other than pixel data | 201 MB |
| 800 MB of frames in the deflated transfer syntax, that deflate cannot compress | 1,704 MB |

A deflated dataset cannot be processed in place: memory holds it inflated, and its output. Over 10,000 files
in one process, memory does not grow. `make test-all` limits frames to 512 MB, fragments and values to 256 MB, and ten
thousand files to 250 MB.
"""


def main() -> bool:
    """Print the figures and write the page; whether they keep their limits."""
    rows, good = [], True
    for name, sources in _kinds():
        digests = statistics.median(_timed(_digests, sources[0]) for _ in range(ROUNDS))
        cells = [name, f"{len(sources[0]) / 1000:,.0f}", f"{digests * 1000:.2f}"]
        for label, options in (("Basic profile", ()), ("with four options", _OPTIONS)):
            ours, theirs, unseen = _measured(sources, compile_plan(options, []))
            ratio, rest = ours / theirs, (ours - digests) / theirs
            print(f"deidentify, {name}, {label}: {ratio:.2f} of pydicom's read and write, {rest:.2f} without digests")
            cells += [f"{ours * 1000:.2f}", f"{ratio:.2f}", f"{ours / unseen:.2f}"]
            good = good and rest <= _MOST_RATIO
        rows.append(f"| {' | '.join(cells)} |")
    growth = _growth(compile_plan(_OPTIONS, []))
    print(f"deidentify, memory: grew by {growth / (1 << 20):.1f} MB over {FILES} files")
    natives = [_beside_native(name, sources) for name, sources in _kinds() if name in _NATIVE]
    _PAGE.write_text(
        _TEXT.format(
            rows="\n".join(rows), natives="\n".join(natives), times=native.TIMES, rounds=ROUNDS, instances=_INSTANCES
        ),
        "utf-8",
    )
    return good and growth <= _MOST_GROWTH


def _beside_native(name: str, sources: list[bytes]) -> str:
    """Return the row of one kind beside Orthanc."""
    plan, series = compile_plan((), []), itertools.cycle(sources)
    ours, theirs = native.beside_native(sources[0], lambda: _by_sendit(next(series), plan))
    print(f"deidentify, {name}: {ours / theirs:.2f} of Orthanc's native anonymize")
    return f"| {name} | {ours * 1000:.2f} | {theirs * 1000:.2f} | {ours / theirs:.2f} |"


def _digests(source: bytes) -> None:
    """Compute what the receipt needs: of the input and of an output of the same size."""
    for digest in (hashlib.sha256(), hashlib.sha256(), hashlib.md5(usedforsecurity=False)):
        digest.update(source)


def _source(patient: str, side: int) -> bytes:
    """A CT of about 180 elements, of `side` × `side` pixels."""
    content = _dataset("CT_small.dcm")
    content.PatientName, content.PatientID = f"Quimby^{patient}", f"MRN-{patient}"
    content.Rows = content.Columns = side
    content.PixelData = bytes(side * side * 2)
    return _file(content)


def _dataset(name: str) -> pydicom.FileDataset:
    return pydicom.dcmread(Path(str(get_testdata_file(name, download=False))))


def _file(content: pydicom.Dataset) -> bytes:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, content)
    return buffer.getvalue()


def _enhanced() -> bytes:
    """An enhanced CT of 60 frames, each with its functional groups: 900 elements in 300 items."""
    content = pydicom.dcmread(io.BytesIO(_source("Zelda", 64)))
    content.SOPClassUID = content.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    content.NumberOfFrames = 60
    content.PixelData = bytes(64 * 64 * 2 * 60)
    content.PerFrameFunctionalGroupsSequence = [_frame(number) for number in range(60)]
    return _file(content)


def _frame(number: int) -> Dataset:
    frame, time_and_place, place, derived, source = (Dataset() for _ in range(5))
    time_and_place.FrameAcquisitionDateTime = f"20240115101112.{number:04}"
    time_and_place.DimensionIndexValues = [1, number + 1]
    time_and_place.StackID, time_and_place.InStackPositionNumber = "1", number + 1
    frame.FrameContentSequence = [time_and_place]
    place.ImagePositionPatient = [0, 0, number]
    frame.PlanePositionSequence = [place]
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = EnhancedCTImageStorage, f"1.2.3.4.5.{number}"
    derived.SourceImageSequence = [source]
    frame.DerivationImageSequence = [derived]
    return frame


def _structures() -> Dataset:
    """The plan's patient, with three structures of four contours each."""
    content = _dataset("rtplan.dcm")
    for tag in [element.tag for element in content if element.tag.group in (0x300A, 0x300C)]:
        del content[tag]
    content.SOPClassUID = content.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    content.Modality, content.StructureSetLabel, content.StructureSetDate = "RTSTRUCT", "Plan 1", "20240115"
    content.StructureSetROISequence, content.ROIContourSequence = [], []
    content.RTROIObservationsSequence = []
    for number, name in enumerate(("PTV", "Bladder", "Rectum"), 1):
        roi, drawn, observed = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ROIGenerationAlgorithm = number, name, "MANUAL"
        roi.ReferencedFrameOfReferenceUID = "1.2.840.999999.7.1"
        drawn.ReferencedROINumber, drawn.ROIDisplayColor = number, [255, 0, 0]
        drawn.ContourSequence = [_contour(number * 10 + plane) for plane in range(4)]
        observed.ObservationNumber, observed.ReferencedROINumber = number, number
        observed.RTROIInterpretedType, observed.ROIInterpreter = "ORGAN", ""
        content.StructureSetROISequence.append(roi)
        content.ROIContourSequence.append(drawn)
        content.RTROIObservationsSequence.append(observed)
    return content


def _contour(plane: int) -> Dataset:
    contour, image = Dataset(), Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CTImageStorage, f"1.2.840.999999.7.2.{plane}"
    contour.ContourImageSequence = [image]
    contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", 20
    contour.ContourData = [place for point in range(20) for place in (point * 1.5, point * 2.5 - 20, plane)]
    return contour


def _pet() -> Dataset:
    content = pydicom.dcmread(io.BytesIO(_source("Zelda", 128)))
    content.SOPClassUID = content.file_meta.MediaStorageSOPClassUID = PositronEmissionTomographyImageStorage
    content.Modality, content.Units, content.CorrectedImage = "PT", "BQML", ["DECY", "ATTN", "SCAT"]
    content.FrameReferenceTime, content.DecayFactor, content.DecayCorrection = "1500.5", "1.02", "START"
    drug = Dataset()
    drug.RadionuclideHalfLife, drug.RadionuclideTotalDose = "6586.2", "350000000"
    drug.RadiopharmaceuticalStartTime, drug.Radiopharmaceutical = "091500", "FDG"
    content.RadiopharmaceuticalInformationSequence = [drug]
    return content


def _mammogram() -> Dataset:
    content = _dataset("CT_small.dcm")
    content.SOPClassUID = content.file_meta.MediaStorageSOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    content.Modality, content.ViewPosition, content.ImageLaterality = "MG", "MLO", "L"
    content.Rows = content.Columns = 1024
    content.PixelData = bytes(1 << 21)
    return content


def _kinds() -> Iterator[tuple[str, list[bytes]]]:
    """What is measured, each as a series of instances that differ in their UID, number and time."""
    yield "CT, 180 elements, 128 × 128", _series(_source("Zelda", 128))
    yield "CT, 180 elements, 512 × 512", _series(_source("Zelda", 512))
    yield "MR, 75 elements, 64 × 64", _series(_file(_dataset("MR_small.dcm")))
    yield "Structured report", _series(_file(_dataset("reportsi.dcm")))
    yield "RT plan, implicit VR", _series(_file(_dataset("rtplan.dcm")))
    yield "RT dose, implicit VR", _series(_file(_dataset("rtdose_1frame.dcm")))
    yield "RT structures, 12 contours", _series(_file(_structures()))
    yield "PET, 128 × 128", _series(_file(_pet()))
    yield "Mammogram, 1024 × 1024", _series(_file(_mammogram()))
    yield "Segmentation, 4 frames", _series(_file(generated.segmentation(1)))
    yield "Ultrasound, 2 frames", _series(_file(generated.ultrasound(2)))
    yield "JPEG 2000, one frame", _series(_file(_dataset("JPEG2000.dcm")))
    yield "Enhanced CT, 60 frames", _series(_enhanced())


def _series(first: bytes) -> list[bytes]:
    made = []
    for number in range(_INSTANCES):
        content = pydicom.dcmread(io.BytesIO(first))
        content.SOPInstanceUID = content.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.840.999999.4.{number}")
        content.InstanceNumber, content.ContentTime = number + 1, f"1011{number:02}"
        made.append(_file(content))
    return made


def _by_pydicom(source: bytes) -> None:
    content = pydicom.dcmread(io.BytesIO(source))
    for _ in content.iterall():
        pass
    pydicom.dcmwrite(io.BytesIO(), content)


def _unseen_by_pydicom(source: bytes) -> None:
    pydicom.dcmwrite(io.BytesIO(), pydicom.dcmread(io.BytesIO(source)))


def _by_sendit(source: bytes, plan: Plan) -> None:
    outcome = deidentify(source, plan, _IDENTITIES)
    assert isinstance(outcome, Released), outcome


def _measured(sources: list[bytes], plan: Plan) -> tuple[float, float, float]:
    """Medians in seconds of CPU time: SendIt; pydicom; pydicom without looking at the elements."""
    times: tuple[list[float], ...] = ([], [], [])
    for number in range(ROUNDS):
        source = sources[number % len(sources)]
        times[1].append(_timed(_by_pydicom, source))
        times[2].append(_timed(_unseen_by_pydicom, source))
        times[0].append(_timed(_by_sendit, source, plan))
    ours, theirs, unseen = map(statistics.median, times)
    return ours, theirs, unseen


def _timed(work: Callable[..., None], *given: object) -> float:
    start = time.process_time()
    work(*given)
    return time.process_time() - start


def _growth(plan: Plan) -> int:
    """By how much memory grew (bytes), once the caches were full."""
    source = _source("000000000", 64)
    chance = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    patients = ["".join(chance.choices(letters, k=9)).encode() for _ in range(_PATIENTS)]
    before = 0
    for number in range(FILES):
        if number == FILES * _FULL // _PATIENTS:
            before = resident(os.getpid())
        patient = patients[number * _PATIENTS // FILES]
        _by_sendit(source.replace(b"000000000", patient), plan)
    return resident(os.getpid()) - before

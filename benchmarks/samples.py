"""Identifiers as bytes among samples: what the search costs, and how often it takes samples for an identifier.

The images are pydicom's, and derived ones: rotated, cut, darkened, with noise, in 8 bits and in 16, so that a patient
of the false-alarm benchmark is searched for in each of 4,000.
"""

from __future__ import annotations

import io
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pydicom.data

from benchmarks.false_alarms import _person
from sendit.deidentify import KeyedIdentities, compile_plan, deidentify
from sendit.deidentify.leak_check.byte_search import SampleSearch
from sendit.deidentify.leak_check.spellings import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

IMAGES = 4000
_KINDS = {
    "PatientName": Kind.PATIENT,
    "ReferringPhysicianName": Kind.PERSON,
    "OperatorsName": Kind.PERSON,
    "PatientID": Kind.IDENTIFIER,
    "AccessionNumber": Kind.IDENTIFIER,
    "StudyID": Kind.IDENTIFIER,
    "InstitutionName": Kind.INSTITUTION,
    "StationName": Kind.DEVICE,
    "DeviceSerialNumber": Kind.DEVICE,
}
_PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "samples.md"
_REPEATS = 15


def _arrays() -> list[NDArray[np.generic]]:
    """Of pydicom's files those that can be decoded here."""
    found = []
    for path in sorted((Path(pydicom.data.__file__).parent / "test_files").glob("*.dcm")):
        try:
            array = pydicom.dcmread(path).pixel_array
        except Exception:  # noqa: BLE001, S112  no pixels, or a compression that nobody decodes here
            continue
        if array.size > 1000:
            found.append(array[..., :512, :512] if array.ndim == 2 else array.reshape(-1)[: 1 << 18])
    return found


def images(count: int = IMAGES) -> Iterator[bytes]:
    """So many different values of PixelData."""
    chance, noise, arrays = random.Random(1), np.random.default_rng(1), _arrays()
    for number in range(count):
        array = arrays[number % len(arrays)]
        if number >= len(arrays):
            array = np.rot90(array, chance.randrange(4)) if array.ndim == 2 else array[chance.randrange(1000) :]
            array = array.astype(np.float64) * chance.choice((0.25, 0.5, 1.0, 1.3)) + chance.randrange(0, 90)
            array = array + noise.normal(0, chance.choice((0.3, 2.0, 12.0)), array.shape)
            kind = chance.choice((np.uint8, np.uint16, np.int16, np.dtype(">u2")))
            array = array.clip(0, 255 if kind is np.uint8 else 32767).astype(kind)
        yield array.tobytes()


def _search(chance: random.Random) -> SampleSearch:
    person = _person(chance)
    return SampleSearch((kind, person[keyword]) for keyword, kind in _KINDS.items() if person[keyword])


def false_alarms(count: int = IMAGES) -> tuple[int, int]:
    """How many images were looked through, and in how many something was found."""
    chance = random.Random(3)
    found = [bool(_search(chance).kinds(samples)) for samples in images(count)]
    return len(found), sum(found)


def _image(side: int, frames: int) -> bytes:
    dataset = pydicom.dcmread(Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm")
    tile = np.asarray(dataset.pixel_array)
    dataset.Rows = dataset.Columns = side
    dataset.NumberOfFrames = frames
    dataset.PixelData = np.tile(tile, (frames * side // 128, side // 128)).astype("<i2").tobytes()
    dataset.PatientName, dataset.PatientID, dataset.InstitutionName = (
        "Miller^Ann",
        "MRN7741905",
        "Saint Brannock Infirmary",
    )
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset)
    return buffer.getvalue()


def cost(side: int, frames: int) -> tuple[float, float]:
    """CPU seconds of the whole de-identification (Basic profile) without the search and with it; medians."""
    source, plan, identities = _image(side, frames), compile_plan([], []), KeyedIdentities(bytes(range(32)))
    search = SampleSearch.kinds
    times: tuple[list[float], list[float]] = ([], [])
    try:
        for number in range(2 * _REPEATS):
            SampleSearch.kinds = search if number % 2 else lambda self, value: set()  # type: ignore[method-assign]
            begin = time.process_time()
            deidentify(source, plan, identities)
            times[number % 2].append(time.process_time() - begin)
    finally:
        SampleSearch.kinds = search  # type: ignore[method-assign]
    return float(np.median(times[0])), float(np.median(times[1]))


def main() -> bool:
    """Print and publish; whether no image was taken for an identifier."""
    looked, wrong = false_alarms()
    rows = []
    for label, side, frames in (("512 × 512, 16 bits", 512, 1), ("512 × 512 × 100, 16 bits", 512, 100)):
        without, with_it = cost(side, frames)
        rows.append(f"| {label} | {without * 1000:.1f} ms | {with_it * 1000:.1f} ms | {with_it / without - 1:+.0%} |")
    print("\n".join(rows))
    print(f"samples: {wrong} of {looked} images taken for an identifier")
    _PAGE.write_text(
        f"""# Identifiers among samples

Written by `python -m benchmarks samples`. Names, identifiers and places of six bytes and more are searched for in pixel
data, as they are, in upper and lower case, in UTF-16 and in the other byte order, all at once. Measured with
uncompressed images; compressed frames are searched in the same way, and are smaller.

Wrong: {wrong} of {looked:,} images (pydicom's, and derived ones: rotated, scaled, with noise, in 8 and 16 bits, in both
byte orders; each with another patient of `benchmarks/false_alarms.py`).

Its cost within the whole de-identification with the Basic profile (CPU time, medians of {_REPEATS} runs, alternating;
without the search for text in pixels, which takes far longer than all of it):

| Image | without | with | |
| --- | --- | --- | --- |
{chr(10).join(rows)}
""",
        "utf-8",
    )
    return wrong == 0

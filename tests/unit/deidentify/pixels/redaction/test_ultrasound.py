"""Regions of ultrasound: black outside of them, and inside only measures may stay."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydicom import Dataset

from sendit.deidentify.leak_check.identifiers import Identifiers
from sendit.deidentify.pixels.ocr.api import PixelTools
from sendit.deidentify.pixels.ocr.keep import MeasureReader
from sendit.deidentify.pixels.ocr.measures import is_measure
from sendit.deidentify.pixels.regions import Region
from sendit.model import Quarantined
from tests.pixels import numbers
from tests.unit.deidentify.pixels.ocr.test_instance import _ink as ink
from tests.unit.deidentify.pixels.ocr.test_instance import frames_of
from tests.unit.deidentify.pixels.test_policy import GREY, ULTRASOUND, finding, released, sample, treated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendit.deidentify.pixels.frames import Frames

pytestmark = pytest.mark.long

#: In an image of 35 × 40.
PICTURE = (5, 6, 20, 30)


def region(x0: int, y0: int, x1: int, y1: int, format_: int | None = 1, data: int | None = 1) -> Dataset:
    """An item of SequenceOfUltrasoundRegions; the last column and row are part of it."""
    item = Dataset()
    item.RegionLocationMinX0, item.RegionLocationMinY0 = x0, y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = x1, y1
    if format_ is not None:
        item.RegionSpatialFormat = format_
    if data is not None:
        item.RegionDataType = data
    return item


def scan(*regions: Dataset, **values: Any) -> Dataset:
    """An ultrasound image with these regions."""
    return sample(SOPClassUID=ULTRASOUND, Modality="US", SequenceOfUltrasoundRegions=list(regions), **values)


def outside(*kept: tuple[int, int, int, int]) -> Any:
    """What is outside of regions, the last column and row of which are part of them."""
    mask = np.ones((35, 40), bool)
    for x0, y0, x1, y1 in kept:
        mask[y0 : y1 + 1, x0 : x1 + 1] = False
    return mask


KEPT: dict[str, tuple[list[Dataset], list[tuple[int, int, int, int]]]] = {
    "tissue": ([region(*PICTURE)], [PICTURE]),
    "no type": ([region(*PICTURE, None, None)], [PICTURE]),
    "a screen of no format": ([region(0, 4, 39, 34, 0, 0), region(*PICTURE)], [PICTURE]),
    "a screen of no data": ([region(0, 0, 39, 34, 1, 0), region(*PICTURE)], [PICTURE]),
    "a bar of no format": ([region(*PICTURE), region(30, 6, 33, 30, 0, 13)], [PICTURE]),
    "a picture and its curve": ([region(*PICTURE), region(2, 31, 38, 33, 4, 10)], [PICTURE, (2, 31, 38, 33)]),
    "two that overlap": ([region(*PICTURE), region(10, 10, 30, 33, 1, 2)], [PICTURE, (10, 10, 30, 33)]),
    "one more column and row": ([region(4, 2, 40, 35)], [(4, 2, 39, 34)]),
}


@pytest.mark.parametrize(("regions", "kept"), KEPT.values(), ids=list(KEPT))
def test_what_is_outside_is_black(regions: list[Dataset], kept: list[tuple[int, int, int, int]]) -> None:
    """What lies within stays, where no text is found in it."""
    ds, said = released(treated(scan(*regions), finding()))
    expected = numbers(GREY)[0]
    expected[outside(*kept)] = 0
    assert (said["status"], said["how"]) == ("cleaned", "the ultrasound regions")
    assert np.array_equal(ds.pixel_array, expected)


SILENT: dict[str, list[Dataset]] = {
    "none": [],
    "a screen of no format": [region(0, 4, 39, 34, 0, 0)],
    "of an image of another size": [region(0, 0, 79, 69)],
    "negative": [region(5, 6, 2**32 - 4, 30)],
    "turned round": [region(20, 30, 5, 6)],
    "one of two cannot be read": [region(*PICTURE), Dataset()],
}


@pytest.mark.parametrize("regions", SILENT.values(), ids=list(SILENT))
def test_regions_that_say_nothing(regions: list[Dataset]) -> None:
    """Text is looked for in all of the image, and all that is found goes."""
    found = Region(6, 7, 12, 10)
    tools = PixelTools(lambda *_: (found,), measures=lambda frames, identifiers, regions: list(regions))
    _, said = released(treated(scan(*regions), tools))
    assert (said["how"], said["regions"]) == ("text detection", [[6, 7, 12, 10]])
    assert isinstance(treated(scan(*regions)), Quarantined)


@pytest.mark.parametrize("top", [0, 1, 3, 4])
def test_text_is_looked_for_inside(top: int) -> None:
    """However little is outside of the regions; held where nobody can look."""
    ds = scan(region(0, top, 39, 34))
    after, said = released(treated(ds, finding(Region(4, 9, 9, 12))))
    assert [4, 9, 9, 12] in said["regions"]
    assert "text detection" in said["how"]
    assert not after.pixel_array[9:12, 4:9].any()
    assert not after.pixel_array[:top].any()
    assert isinstance(treated(ds), Quarantined)
    assert isinstance(treated(ds, finding(), detect_text="Off"), Quarantined)
    assert isinstance(treated(ds, finding(Region(4, 9, 9, 12)), on_text="Review"), Quarantined)


def test_measures_stay_inside_alone() -> None:
    """What reaches out of the region goes, whatever it says."""
    inside, reaching, name = Region(6, 8, 12, 11), Region(17, 8, 23, 11), Region(6, 20, 15, 24)
    asked: list[Region] = []

    def measures(frames: Frames, identifiers: Identifiers, regions: Sequence[Region]) -> list[Region]:
        asked.extend(regions)
        return [inside, reaching]

    tools = PixelTools(lambda *_: (inside, reaching, name), measures=measures)
    ds, _ = released(treated(scan(region(*PICTURE)), tools))
    assert asked == [inside, name]
    assert np.array_equal(ds.pixel_array[8:11, 6:12], numbers(GREY)[0][8:11, 6:12])
    assert not ds.pixel_array[20:24, 6:15].any()
    assert not ds.pixel_array[8:11, 17:23].any()
    only = PixelTools(lambda *_: (inside,), measures=measures)
    assert released(treated(scan(region(*PICTURE)), only, on_text="Review"))[1]["how"] == "the ultrasound regions"


MEASURES = """10 cm|12.3cm|-40|+40.0 cm/s|0|15.|PSV 120.5 cm/s|EDV: 33 cm/s|RI 0.72|HR 72 bpm|FR 45 Hz|MI 1.2|TIs 0.4
2D|Gn 50|DR 60 dB|72%|Depth 12.0 cm|Dist 1.23cm|+ Dist 1.23 cm|x 4,5 mm|5 10|1.5MHz|Vmax|25mm/s|PRF 4.0 kHz
Area 12.1 cm²"""
OTHERS = """MUSTER, Max|Smith|Li Wu|12:34|12:34:56|10:15 AM|12.04.1961|12/04/61|1961-04-12|19610412|12 04 61|1961
2023 11|4711|ID 30185520|J|M S|A12B34|045Y|F 45|St. Rossi|OVARY|12-34|Dr. Who 12 cm|10 cm Smith||12 Apr|Gn 50 Wolf
12.04.61
O1/02"""


@pytest.mark.parametrize("text", re.split(r"[|\n]", MEASURES))
def test_measures(text: str) -> None:
    """Scales, depth marks and measurements."""
    assert is_measure(text)


@pytest.mark.parametrize("text", re.split(r"[|\n]", OTHERS))
def test_what_is_no_measure(text: str) -> None:
    """Names, dates, times of day, numbers of somebody, and whatever nobody knows."""
    assert not is_measure(text)


@pytest.mark.parametrize(("text", "stays"), [("12.5 cm", True), ("SMITH", False), ("12:34:56", False)])
def test_reading(text: str, stays: bool) -> None:
    """By the network that reads, in every frame: what is another text in one of them goes."""
    place = Region(8, 16, 110, 42)
    shown = [ink(one).astype(np.uint8) * 220 + 10 for one in (text, text)]
    read = MeasureReader()
    assert list(read(frames_of("MONOCHROME2", np.stack(shown)), Identifiers(), [place])) == ([place] if stays else [])
    shown[1] = ink("SMITH").astype(np.uint8) * 220 + 10
    assert list(read(frames_of("MONOCHROME2", np.stack(shown)), Identifiers(), [place])) == []


def test_a_measure_that_is_known() -> None:
    """A number of three digits may be somebody's."""
    identifiers = Identifiers()
    identifiers.spellings.words[b"125"] = next(iter(identifiers.spellings.words.values()), None)  # type: ignore[assignment]
    shown = ink("125 cm").astype(np.uint8)[np.newaxis] * 220
    place = Region(8, 16, 110, 42)
    read = MeasureReader()
    assert read(frames_of("MONOCHROME2", shown), Identifiers(), [place]) == [place]
    assert read(frames_of("MONOCHROME2", shown), identifiers, [place]) == []

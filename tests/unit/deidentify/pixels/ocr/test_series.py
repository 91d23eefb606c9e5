"""Text in one slice of a series is found by one look at many, and nothing else is taken for text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pydicom
import pydicom.data
import pytest
from PIL import Image, ImageDraw, ImageFont

from sendit.deidentify.pixels.ocr import series
from sendit.deidentify.pixels.ocr.projection import Projection
from sendit.deidentify.pixels.ocr.series import is_legible, legible, text_of_series
from sendit.deidentify.pixels.regions import Region
from tests.pixels import decoded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sendit.deidentify.pixels.ocr.detector import RapidTextDetector

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def slices() -> list[NDArray[np.int16]]:
    """Forty, made of a real CT image that turns and grows, each with noise of its own."""
    path = Path(str(pydicom.data.get_testdata_file("CT_small.dcm", download=False)))
    tissue = np.asarray(cv2.resize(decoded(path.read_bytes())[0].astype(np.float32), (256, 256)))
    made = []
    for number in range(40):
        matrix = cv2.getRotationMatrix2D((128, 128), number * 0.7, 1 + 0.004 * number)
        moved = np.asarray(cv2.warpAffine(tissue, matrix, (256, 256), borderMode=cv2.BORDER_REPLICATE))
        made.append((moved + np.random.default_rng(number).normal(0, 12, moved.shape)).astype(np.int16))
    return made


def _with(slice_: NDArray[np.int16], text: str, place: tuple[int, int], share: float, size: int) -> NDArray[np.int16]:
    picture = Image.new("L", (256, 256), 0)
    ImageDraw.Draw(picture).text(place, text, fill=255, font=ImageFont.load_default(size))
    ink = np.asarray(picture, np.float32) / 255
    return (slice_ + ink * share * float(slice_.max() - slice_.min())).astype(np.int16)


def test_no_text(detector: RapidTextDetector, slices: list[NDArray[np.int16]]) -> None:
    """Nothing of a series without text is masked."""
    assert text_of_series(slices, detector) == {}


@pytest.mark.slow
@pytest.mark.parametrize(("at", "share", "size"), [(0, 0.5, 13), (17, 0.5, 10), (31, 1.0, 18), (39, 0.3, 14)])
def test_one_slice(
    detector: RapidTextDetector, slices: list[NDArray[np.int16]], at: int, share: float, size: int
) -> None:
    """In the first one, the last one or between: it is found there, and there alone."""
    written = [*slices[:at], _with(slices[at], "QUIXWORTH 7741905", (40, 200), share, size), *slices[at + 1 :]]
    found = text_of_series(written, detector)
    assert set(found) == {at}
    assert any(region.intersection(Region(45, 203, 120, 206)).area for region in found[at])


@pytest.mark.slow
def test_every_slice(detector: RapidTextDetector, slices: list[NDArray[np.int16]]) -> None:
    """Where a console writes into all of them, each is found."""
    written = [_with(one, "QUIXWORTH 7741905", (40, 20), 0.8, 14) for one in slices[:12]]
    assert set(text_of_series(written, detector)) == set(range(12))


@pytest.mark.slow
def test_fainter_text_under_that_of_another_slice(detector: RapidTextDetector, slices: list[NDArray[np.int16]]) -> None:
    """What one slice hides of another one in the projection is found when that slice is left out."""
    written = list(slices[:12])
    written[4] = _with(written[4], "QUIXWORTH 7741905", (40, 200), 1.0, 14)
    written[9] = _with(written[9], "MUSTERMANN 4711", (40, 200), 0.5, 14)
    assert set(text_of_series(written, detector)) == {4, 9}


def test_only_slices_that_made_a_line_are_looked_at(
    detector: RapidTextDetector, slices: list[NDArray[np.int16]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of twenty here."""
    looked_at: list[int] = []
    written = [*slices[:7], _with(slices[7], "QUIXWORTH 7741905", (40, 200), 0.8, 14), *slices[8:20]]

    def look(image: NDArray[np.int16], detector: RapidTextDetector) -> tuple[Region, ...]:
        looked_at.append(next(number for number, one in enumerate(written) if one is image))
        return legible(image, detector)

    monkeypatch.setattr(series, "legible", look)
    assert set(text_of_series(written, detector)) == {7}
    assert looked_at == [7]


def test_who_made_a_projection() -> None:
    """The image with the most ink comes first."""
    projection = Projection()
    for number in range(5):
        image = np.zeros((40, 60), np.uint16)
        image[10:30:4, 10:50] = 900 if number == 3 else 5
        projection.add(image)
    assert projection.makers(Region(8, 8, 52, 32))[0] == 3
    assert projection.count == 5


@pytest.mark.parametrize("text", ["SMITH", "1961-04-12", "Nguyen, T", "4711", "山田太郎", "LEE"])
def test_legible(text: str) -> None:
    """Names, dates and numbers."""
    assert is_legible(text, 0.8)


@pytest.mark.parametrize("text", ["", "R", "00000", "\u24640\u24632", "O0O0", "--- ..", "I I"])
def test_not_legible(text: str) -> None:
    """Sides, rings, dashes; and what was guessed."""
    assert not is_legible(text, 0.99)
    assert not is_legible("SMITH", 0.4)

"""Writing that the network cannot read is known by its strokes, in any script; graphics on a plain ground are none."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from sendit.deidentify.pixels.ocr.detector import RapidTextDetector
from sendit.deidentify.pixels.ocr.readable import is_shape
from sendit.deidentify.pixels.ocr.strokes import strokes_in
from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Distances between the strokes of letters (pixels).
_LETTERS = (5, 8, 4, 10, 6, 5, 9, 4, 7, 11, 5, 6)


def _drawn(*lines: tuple[tuple[int, int], tuple[int, int]], shape: tuple[int, int] = (24, 110)) -> NDArray[np.uint8]:
    frame = np.zeros(shape, np.uint8)
    for start, stop in lines:
        cv2.line(frame, start, stop, 230, 1)
    return frame


def _joined_letters() -> NDArray[np.uint8]:
    """Strokes of different heights that hang from one line, as in scripts of India."""
    places = np.cumsum((8, *_LETTERS))
    hanging = (((int(x), 6), (int(x), 18 - number % 3 * 2)) for number, x in enumerate(places))
    return _drawn(((6, 6), (int(places[-1]) + 2, 6)), *hanging)


def _ticks() -> NDArray[np.uint8]:
    """A ruler: a line with ticks, each fifth one longer."""
    return _drawn(((6, 6), (104, 6)), *(((x, 6), (x, 17 if x % 35 == 7 else 12)) for x in range(7, 105, 7)))


def _trace() -> NDArray[np.uint8]:
    """A curve with five beats, as of an electrocardiogram."""
    x = np.arange(300)
    beat = 40 * np.exp(-(((x % 60) - 30) ** 2) / 6) + 8 * np.exp(-(((x % 60) - 48) ** 2) / 60)
    points = zip(x.tolist(), (58 - beat).astype(int).tolist(), strict=True)
    return _drawn(*pairwise(points), shape=(70, 300))


def _cross() -> NDArray[np.uint8]:
    return _drawn(((40, 12), (60, 12)), ((50, 3), (50, 21)))


def test_joined_letters_are_writing() -> None:
    """They are one shape for a line of separate glyphs."""
    strokes = strokes_in(_joined_letters(), Region(2, 2, 108, 22))
    assert strokes.writing
    assert strokes.plain
    assert not strokes.line
    turned = np.ascontiguousarray(np.rot90(_joined_letters()))
    assert strokes_in(turned, Region(2, 2, 22, 108)).writing


@pytest.mark.parametrize("frame", [_ticks(), _trace(), _cross()], ids=["ticks", "trace", "cross"])
def test_graphics_are_no_writing(frame: NDArray[np.uint8]) -> None:
    """Their distances are equal, or most of their rows cross little."""
    rows, columns = frame.shape
    assert not strokes_in(frame, Region(2, 2, columns - 2, rows - 2)).writing


@pytest.mark.parametrize(
    ("text", "sureness", "shape"),
    [
        *(("1111", 0.9, True), ("OOO0", 0.7, True), ("十一", 0.9, True)),
        *(("1111", 0.3, False), ("ι", 0.8, False), ("SMITH", 0.9, False), ("", 0.0, False)),
    ],
)
def test_one_shape_repeated(text: str, sureness: float, *, shape: bool) -> None:
    assert is_shape(text, sureness) == shape


@pytest.mark.long
@pytest.mark.parametrize(("behind", "found"), [(0.0, True), (12.0, False)], ids=["plain", "tissue"])
def test_small_lines_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, behind: float, found: bool) -> None:
    """They are text where a mask hides nothing else; over tissue, what is so small has to be read."""
    monkeypatch.setattr(RapidTextDetector, "reading", lambda *_, **__: ("", 0.0))
    picture = Image.new("L", (320, 120), 40)
    ImageDraw.Draw(picture).text((30, 40), "Quixworth Zebulon", fill=240, font=ImageFont.load_default(13))
    noise = np.random.default_rng(3).normal(0, behind, (120, 320))
    frame = np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)
    texts = [one.region for one, sure in RapidTextDetector().candidates(frame) if sure]
    assert bool(texts) == found
    if found:
        assert max(one.intersection(Region(30, 42, 140, 54)).area for one in texts) > 0.8 * 110 * 12

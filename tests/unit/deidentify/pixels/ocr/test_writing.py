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


def _stripes() -> NDArray[np.uint8]:
    """Ghosts of an edge: stripes here and there along a line."""
    places = [x + 2 * number for x in (6, 52, 96) for number in range(5)]
    return _drawn(*(((x, 6), (x, 17)) for x in places))


def test_stripes_here_and_there_are_no_writing() -> None:
    assert not strokes_in(_stripes(), Region(2, 2, 108, 22)).writing


def test_tissue_in_a_corner_of_the_box_hides_no_writing() -> None:
    """What is thicker than any stroke is left out; where little else is left, it is no writing."""
    frame = _joined_letters()
    cv2.circle(frame, (110, 24), 16, 230, -1)
    assert strokes_in(frame, Region(2, 2, 110, 24)).writing
    frame[3:22, 40:106] = 230
    assert not strokes_in(frame, Region(2, 2, 110, 24)).writing


@pytest.mark.parametrize(("letters", "writing"), [((235, 235, 235), True), ((235, 60, 20), False)])
def test_colour_behind_writing_hides_nothing(letters: tuple[int, int, int], writing: bool) -> None:
    """White letters over flow are writing; flow and colour maps, whose strokes are in colour, are none."""
    ink = _joined_letters() > 0
    frame = np.zeros((*ink.shape, 3), np.uint8)
    frame[:, :60] = (20, 40, 150)
    frame[ink] = letters
    strokes = strokes_in(frame, Region(2, 2, 108, 22))
    assert (strokes.writing, strokes.coloured) == (writing, not writing)


@pytest.mark.parametrize("slope", [0.3, 0.8])
def test_a_box_ends_at_the_ink_on_uneven_ground(slope: float) -> None:
    """Without a pixel of a letter beyond it."""
    picture = Image.new("1", (200, 60), 0)
    ImageDraw.Draw(picture).text((30, 20), "Quixworth", fill=1, font=ImageFont.load_default(16))
    ink = np.asarray(picture)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    letters = Region(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    frame = np.tile((40 + slope * np.arange(200)).astype(np.uint8), (60, 1))
    frame[ink] = 250
    tight = strokes_in(frame, letters.with_margin(6)).tight
    assert tight.intersection(letters) == letters
    assert letters.with_margin(2).intersection(tight) == tight


def _lines_found(behind: float, text: str) -> list[Region]:
    """What is found of a line that cannot be read, over noise of this deviation."""
    picture = Image.new("L", (320, 120), 40)
    ImageDraw.Draw(picture).text((30, 40), text, fill=240, font=ImageFont.load_default(13))
    noise = np.random.default_rng(3).normal(0, behind, (120, 320))
    frame = np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)
    return [one.region for one, sure in RapidTextDetector().candidates(frame) if sure]


@pytest.mark.long
@pytest.mark.parametrize("behind", [0.0, 12.0], ids=["plain", "tissue"])
def test_small_lines_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, behind: float) -> None:
    """They are text by their strokes, whatever is behind them."""
    monkeypatch.setattr(RapidTextDetector, "reading", lambda *_, **__: ("", 0.0))
    texts = _lines_found(behind, "Quixworth Zebulon")
    assert max(one.intersection(Region(30, 42, 140, 54)).area for one in texts) > 0.8 * 110 * 12


@pytest.mark.long
@pytest.mark.parametrize(("mirrored", "found"), [(("8", 0.99), False), (("KM8", 0.99), True)])
def test_a_single_letter_is_not_read_in_a_mirror(
    monkeypatch: pytest.MonkeyPatch, mirrored: tuple[str, float], found: bool
) -> None:
    """A shape is one in every mirror."""
    monkeypatch.setattr(
        RapidTextDetector, "reading", lambda *_, **kinds: mirrored if kinds.get("mirrored") else ("", 0.0)
    )
    assert bool(_lines_found(12.0, "S")) == found

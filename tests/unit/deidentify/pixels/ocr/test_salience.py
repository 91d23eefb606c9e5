"""What may hold text is never left out of the search; blank ground, noise and smooth tissue are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from sendit.deidentify.pixels.ocr.projection import Projection
from sendit.deidentify.pixels.ocr.salience import (
    CELL,
    CLEAR,
    CLEAR_FINE,
    CLEAR_SHARP,
    FAINT,
    Salience,
    grown,
    rectangles,
    salient_cells,
    varied_cells,
    without,
)
from sendit.deidentify.pixels.ocr.series import sharp_view
from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHAPE = (320, 480)


def _ink(size: int, place: tuple[int, int] = (40, 100)) -> NDArray[np.float32]:
    picture = Image.new("L", (_SHAPE[1], _SHAPE[0]), 0)
    ImageDraw.Draw(picture).text(place, "SMITH, John", fill=255, font=ImageFont.load_default(size))
    return (np.asarray(picture) / 255).astype(np.float32)


def _noise(seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 1, _SHAPE).astype(np.float32)


def _covers(found: list[Region], ink: NDArray[np.float32]) -> bool:
    mask = np.zeros(ink.shape, bool)
    for one in found:
        mask[one.y0 : one.y1, one.x0 : one.x1] = True
    return bool(mask[ink > 0.5].all())


@pytest.mark.parametrize(
    ("noise", "letters", "size"),
    [
        *((*both, size) for both in ((0, 25), (0, -25), (8, 40), (20, 100), (20, -90)) for size in (9, 12, 16, 24, 40)),
        (0, 50, 64),
    ],
)
def test_letters_stand_out(noise: float, letters: float, size: int) -> None:
    """Small and large ones, lighter and darker, by a tenth of the range or by five times the noise."""
    ink = _ink(size)
    shown = np.clip(128 + noise * _noise() + letters * ink, 0, 255).astype(np.uint8)
    assert _covers(rectangles(grown(salient_cells(shown)), *_SHAPE), ink)


@pytest.mark.parametrize("size", [9, 12, 16])
def test_small_letters_are_fine_strokes(size: int) -> None:
    """So they are searched for in an enlarged frame, too."""
    ink = _ink(size)
    shown = np.clip(60 + 4 * _noise() + 60 * ink, 0, 255).astype(np.uint8)
    assert _covers(rectangles(grown(salient_cells(shown, CLEAR_FINE)), *_SHAPE), ink)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_letters_in_one_colour_stand_out(channel: int) -> None:
    """Their ground is strong in the other colours."""
    ink = _ink(12)
    shown = np.full((*_SHAPE, 3), 120, np.uint8)
    shown[..., channel] += (60 * ink).astype(np.uint8)
    assert _covers(rectangles(grown(salient_cells(shown)), *_SHAPE), ink)


@pytest.mark.parametrize("size", [9, 12, 16])
def test_faint_letters_stand_out(size: int) -> None:
    """Letters that differ by 5 % of the range, and hardly by the eye."""
    ink = _ink(size)
    shown = np.clip(128 + 2 * _noise() + 13 * ink, 0, 255).astype(np.uint8)
    assert _covers(rectangles(grown(salient_cells(shown, FAINT)), *_SHAPE), ink)


@pytest.mark.parametrize("salience", [CLEAR, CLEAR_FINE])
def test_what_is_blank_noisy_or_smooth_does_not_stand_out(salience: Salience) -> None:
    """A blank frame, a ramp, soft shapes: nothing is left to search; of strong noise, less than half."""
    ramp = np.broadcast_to(np.linspace(0, 255, _SHAPE[1]), _SHAPE)
    soft = cv2.GaussianBlur(_noise(2), (0, 0), 15)
    frames = [np.zeros(_SHAPE), 128 + 20 * _noise(), ramp, 128 + 100 * soft / np.abs(soft).max()]
    blank, noisy, *smooth = (
        float(salient_cells(np.clip(one, 0, 255).astype(np.uint8), salience).mean()) for one in frames
    )
    assert max(blank, *smooth) == 0
    assert noisy < 0.5


def test_a_little_noise_is_hardly_searched_for_faint_letters() -> None:
    """As of radiographs, stronger where it is lighter: of 12 bits, it is some grey levels."""
    shown = np.clip(128 + np.linspace(0.5, 1.8, _SHAPE[1]) * _noise(), 0, 255).astype(np.uint8)
    assert salient_cells(shown, FAINT).mean() < 0.05


def test_wide_areas_that_vary() -> None:
    """Texture is one; a line of text on an even ground is none, nor is the noise of a quiet frame."""
    shown = np.clip(128 + 3 * _noise() + 100 * _ink(16, (40, 30)), 0, 255).astype(np.uint8)
    assert not varied_cells(shown, 12, 20).any()
    shown[128:, 240:] = np.clip(128 + 40 * _noise(2), 0, 255).astype(np.uint8)[128:, 240:]
    varied = varied_cells(shown, 12, 20)
    assert varied.shape == (20, 30)
    assert varied[10:18, 17:28].all()
    assert not varied[:8].any()
    assert not varied[:, :15].any()


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (290, 5, 3), (257, 33)])
def test_frames_that_are_no_whole_cells(shape: tuple[int, ...]) -> None:
    """Each place is in a cell."""
    shown = np.zeros(shape, np.uint8)
    rows, columns = -(-shape[0] // 16), -(-shape[1] // 16)
    assert varied_cells(shown, 12, 20).shape == salient_cells(shown).shape == (rows, columns)


def test_rectangles_leave_out_what_is_between() -> None:
    """Two marks in opposite corners are two rectangles, not the whole frame; all marks are covered."""
    marks = np.zeros((40, 60), np.uint8)
    marks[1:3, 2:9] = marks[36:38, 50:58] = 1
    found = rectangles(marks, 40 * CELL, 60 * CELL)
    assert sorted(found) == [
        Region(2 * CELL, CELL, 9 * CELL, 3 * CELL),
        Region(50 * CELL, 36 * CELL, 58 * CELL, 38 * CELL),
    ]
    assert rectangles(np.zeros((4, 4), np.uint8), 64, 64) == []


def test_a_line_across_a_division_is_whole_in_one_part() -> None:
    """Where marks are divided, the parts overlap."""
    marks = np.zeros((40, 40), np.uint8)
    marks[:, 4:6] = marks[18:21] = 1
    found = rectangles(marks, 40 * CELL, 40 * CELL)
    mask = np.zeros((40 * CELL, 40 * CELL), bool)
    for one in found:
        mask[one.y0 : one.y1, one.x0 : one.x1] = True
    assert mask[np.kron(marks, np.ones((CELL, CELL), np.uint8)) > 0].all()
    assert any(one.y0 <= 18 * CELL and one.y1 >= 21 * CELL for one in found)


def test_cells_of_finds_are_taken_out() -> None:
    """What was found is searched from close up anyway."""
    marks = np.ones((4, 6), np.uint8)
    left = without(marks, [Region(CELL, CELL, 3 * CELL, 2 * CELL), Region(-5, -5, 3, 3)])
    assert marks.all()
    assert left.sum() == 24 - 3


@pytest.mark.parametrize("letters", [0, 8, 12])
@pytest.mark.parametrize("size", [9, 14, 24])
@pytest.mark.parametrize("even", [False, True])
def test_what_stands_out_in_a_projection(letters: float, size: int, even: bool) -> None:
    """Letters of one frame do, by eight times the noise of 32; the noise does not, as it would by the other measure."""
    ink, chance, projection = _ink(size), np.random.default_rng(size), Projection()
    for number in range(32):
        noise = chance.uniform(-52, 52, _SHAPE) if even else chance.normal(0, 30, _SHAPE)
        projection.add((1000 + noise + (30 * letters * ink if number == 7 else 0)).astype(np.int16))
    shown = sharp_view(projection.values)
    found = rectangles(grown(salient_cells(shown, CLEAR_SHARP)), *_SHAPE)
    searched = sum(one.area for one in found) / shown.size
    if letters:
        assert _covers(found, ink)
        assert searched < 0.5
    else:
        assert searched < 0.05
        assert salient_cells(shown, CLEAR).mean() > 5 * searched

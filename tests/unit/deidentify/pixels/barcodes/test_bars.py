"""Bars are followed from the line that was read to where they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from sendit.deidentify.pixels.barcodes.bars import Placed, bars_around, slant_of_modules, turned_by, upright_bars
from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (300, 400)


def _bars(degrees: float, noise: float) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Forty bars of 3 or 6 pixels, 80 pixels high, in the middle of noise; and where they stand."""
    chance = np.random.default_rng(4)
    line = np.repeat(np.arange(40) % 2, chance.integers(1, 3, 40) * 3)[:180]
    dark, cover = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    dark[110:190, 110 : 110 + line.size] = line
    cover[110:190, 110 : 110 + line.size] = 1
    matrix = cv2.getRotationMatrix2D((200, 150), degrees, 1)
    turned, place = (np.asarray(cv2.warpAffine(one, matrix, SHAPE[::-1])) for one in (dark, cover))
    shown = 120 - 50 * turned + chance.normal(0, noise, SHAPE)
    return np.clip(shown, 0, 255).astype(np.uint8), place > 0.5


@pytest.mark.parametrize("noise", [0.0, 8.0])
@pytest.mark.parametrize("degrees", [0, 5, -20, 30, 45, 75, 90])
def test_bars_are_followed(degrees: float, noise: float) -> None:
    """Upright, level and slanting ones, from the line through their middle; little else is taken for bars."""
    shown, cover = _bars(degrees, noise)
    level = abs(degrees) <= 45
    line = np.flatnonzero(cover[150] if level else cover[:, 200])
    ends = ((int(line[0]), 150), (int(line[-1]), 150)) if level else ((200, int(line[0])), (200, int(line[-1])))
    found = bars_around(shown, *ends)
    assert found is not None
    inside = np.zeros(SHAPE, bool)
    inside[found.y0 : found.y1, found.x0 : found.x1] = True
    rows, columns = np.flatnonzero(cover.any(1)), np.flatnonzero(cover.any(0))
    assert cover[inside].sum() >= 0.93 * cover.sum()
    box = Region(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    assert found.area <= 1.7 * box.area


def test_no_line() -> None:
    """One that is too short, and one at the image's corner."""
    flat = np.zeros(SHAPE, np.uint8)
    assert bars_around(flat, (5, 5), (9, 5)) is None
    assert bars_around(flat, (-9, -9), (60, -9)) == Region(0, 0, 61, 1)


@pytest.mark.parametrize("degrees", [0, 5, -20, 30, 44])
def test_slant_of_modules(degrees: int) -> None:
    """Of squares at random, up to noise of a third of their contrast; a part without a grid has none."""
    chance = np.random.default_rng(2)
    modules = np.kron(chance.integers(0, 2, (40, 40)), np.ones((5, 5))).astype(np.float32)
    matrix = cv2.getRotationMatrix2D((100, 100), degrees, 1)
    shown = 100 + 60 * np.asarray(cv2.warpAffine(modules, matrix, (200, 200))) + chance.normal(0, 20, (200, 200))
    slant = slant_of_modules(shown.astype(np.uint8), Region(50, 50, 150, 150))
    assert slant is not None
    assert abs(slant + degrees) < 2
    noise = chance.normal(100, 20, (200, 200)).astype(np.uint8)
    assert slant_of_modules(noise, Region(50, 50, 150, 150)) is None
    assert slant_of_modules(np.zeros((60, 60), np.uint8), Region(0, 0, 60, 60)) is None


@pytest.mark.parametrize("degrees", [0, 14, -33, 90])
def test_bars_become_upright(degrees: int) -> None:
    """Turned back, each column has one brightness; what is found in the picture lies where it was in the frame."""
    shown, cover = _bars(degrees, 8.0)
    ys, xs = np.nonzero(cover)
    part = Region(int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
    turned = upright_bars(shown, part)
    assert turned is not None
    picture, placed = turned
    middle = picture[picture.shape[0] // 2 - 15 : picture.shape[0] // 2 + 15].astype(np.float32)
    assert middle.mean(axis=0).std() > 3 * middle.std(axis=0).mean()
    x, y = placed.in_frame((picture.shape[1] - 1) / 2, (picture.shape[0] - 1) / 2)
    np.testing.assert_allclose((x, y), ((part.x0 + part.x1) / 2, (part.y0 + part.y1) / 2), atol=2)
    assert upright_bars(np.full(SHAPE, 7, np.uint8), Region(0, 0, 90, 90)) is None


@pytest.mark.parametrize("degrees", [0, 30, -70])
def test_a_point_is_where_it_was(degrees: int) -> None:
    frame = np.zeros((120, 160), np.uint8)
    frame[60:63, 90:93] = 255
    picture, placed = turned_by(frame, Placed(Region(20, 10, 140, 100), 2, degrees))
    y, x = np.argwhere(picture > 200).mean(axis=0)
    np.testing.assert_allclose(placed.in_frame(float(x), float(y)), (91, 61), atol=1)

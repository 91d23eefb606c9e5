"""Bars are followed from the line that was read to where they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from sendit.deidentify.pixels.bars import bars_around
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

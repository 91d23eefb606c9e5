"""Rectangles, compared with masks of single pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sendit.deidentify.pixels.regions import Region, outside, subtracted, united

COLUMNS, ROWS = 13, 9
ENDS = st.integers(-4, 16)
REGIONS = st.lists(st.builds(Region, ENDS, ENDS, ENDS, ENDS), max_size=5)


def mask(regions: object) -> np.ndarray:
    """The pixels of an image that regions hold."""
    found = np.zeros((ROWS, COLUMNS), bool)
    for region in regions:  # type: ignore[attr-defined]
        clipped = region.clipped(COLUMNS, ROWS)
        if not clipped.empty:
            found[clipped.y0 : clipped.y1, clipped.x0 : clipped.x1] = True
    return found


@given(REGIONS)
def test_united(regions: list[Region]) -> None:
    """Nothing is lost, and nothing reaches out of the image."""
    result = united(regions, COLUMNS, ROWS)
    assert (mask(result) == mask(regions)).all()
    assert all(0 <= r.x0 < r.x1 <= COLUMNS and 0 <= r.y0 < r.y1 <= ROWS for r in result)


@given(REGIONS)
def test_outside(kept: list[Region]) -> None:
    """All of the image but what is kept."""
    assert (mask(outside(kept, COLUMNS, ROWS)) == ~mask(kept)).all()


@given(REGIONS, REGIONS)
def test_subtracted(regions: list[Region], kept: list[Region]) -> None:
    """What is kept is taken out, and nothing else."""
    assert (mask(subtracted(regions, kept)) == (mask(regions) & ~mask(kept))).all()


def test_margin() -> None:
    """A margin goes round; what reaches out of the image is cut off."""
    assert Region(1, 2, 3, 4).with_margin(2).clipped(COLUMNS, ROWS) == Region(0, 0, 5, 6)

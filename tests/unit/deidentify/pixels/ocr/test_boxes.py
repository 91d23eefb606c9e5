"""Maps become boxes, parts of lines become lines, and tiles hold all of a frame."""

from __future__ import annotations

import numpy as np
import pytest

from sendit.deidentify.pixels.ocr.boxes import Box, boxes, linked, rows_joined
from sendit.deidentify.pixels.ocr.tiles import Cells, closely_searched, tiles
from sendit.deidentify.pixels.regions import Region


def _linked(*regions: Region) -> list[Region]:
    return [box.region for box in linked(Box(region, 0.9) for region in regions)]


def test_boxes_are_larger_than_the_cores() -> None:
    """In the image's pixels, and larger on each side than the core that the network marks."""
    map_ = np.zeros((64, 128), np.float32)
    map_[20:28, 40:100] = 0.9
    (box,) = boxes(map_, 2, 60)
    assert box.region.around(Region(20, 10, 50, 14)) == box.region
    assert box.region.area < 3 * 30 * 4 * 2
    assert box.score == pytest.approx(0.9)


def test_line_within_a_shape_is_found() -> None:
    """Where a line has run into a shape that is too high, what the network is surer of is a box of its own."""
    map_ = np.full((200, 200), 0.5, np.float32)
    map_[90:100, 20:120] = 0.95
    found = boxes(map_, 1, 60)
    assert any(box.short <= 30 and box.region.intersection(Region(20, 90, 120, 100)).area == 1000 for box in found)


def test_parts_of_a_line_are_one() -> None:
    """Beside each other and of one height, in whatever direction the line runs."""
    assert _linked(Region(0, 0, 50, 20), Region(55, 1, 90, 20)) == [Region(0, 0, 90, 20)]
    assert _linked(Region(0, 0, 20, 50), Region(0, 55, 21, 90), Region(0, 96, 20, 140)) == [Region(0, 0, 21, 140)]
    assert _linked(Region(0, 0, 50, 20), Region(5, 5, 40, 18)) == [Region(0, 0, 50, 20)]


@pytest.mark.parametrize(
    "other",
    [
        Region(80, 0, 130, 20),
        Region(0, 24, 50, 44),
        Region(52, 0, 120, 60),
        Region(55, 15, 90, 35),
        Region(52, 0, 56, 20),
    ],
    ids=["far away", "the next line", "of another height", "lower", "a thin line"],
)
def test_others_stay_apart(other: Region) -> None:
    """What is no part of the line does not make the box grow."""
    assert sorted(_linked(Region(0, 0, 50, 20), other)) == sorted([Region(0, 0, 50, 20), other])


def test_words_of_a_row_are_one_mask() -> None:
    """With the space between them, if that is no wider than they are high; turned rows, too. Columns stay apart."""
    words = Region(0, 0, 50, 20), Region(65, 1, 90, 20), Region(108, 0, 150, 19)
    turned = [Region(one.y0, one.x0, one.y1, one.x1) for one in words]
    far, below = Region(180, 0, 230, 20), Region(0, 24, 50, 44)
    joined = [box.region for box in rows_joined(Box(region, 0.9) for region in (*words, far, below))]
    assert sorted(joined) == sorted([Region(0, 0, 150, 20), far, below])
    assert [box.region for box in rows_joined(Box(region, 0.9) for region in turned)] == [Region(0, 0, 20, 150)]


@pytest.mark.parametrize("shape", [(1, 1), (512, 512), (640, 641), (2048, 1760), (40, 5000)])
def test_tiles_hold_all_of_a_frame(shape: tuple[int, int]) -> None:
    """Every pixel is in one, and none reaches out of the frame; neighbours share enough that no line is cut twice."""
    seen = np.zeros(shape, np.uint8)
    for tile in tiles(*shape):
        assert tile.clipped(shape[1], shape[0]) == tile
        seen[tile.y0 : tile.y1, tile.x0 : tile.x1] = 1
    assert seen.all()


def test_cells_hold_what_was_found() -> None:
    """With something around it; what is marked twice is not new."""
    cells = Cells(500, 700)
    assert cells.add(map(closely_searched, [Region(100, 100, 200, 120), Region(640, 480, 720, 520)]))
    held = cells.tiles()
    for region in (Region(88, 88, 212, 132), Region(628, 468, 700, 500)):
        assert any(tile.intersection(region) == region for tile in held)
    assert not cells.add([Region(110, 100, 190, 115)])
    assert all(tile.clipped(700, 500) == tile for tile in held)
    assert Cells(0, 5).tiles() == []

"""Frames in full size under a window, for every kind of image; and sheets of tiles."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.viewing import ACROSS, TILE, Window, frame_facts, rendered, sheet_of, tile
from tests.pixels import BASELINE, BIG, COLUMNS, EXPLICIT, RLE, ROWS, Kind, file_of, image, numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

GREY = Kind(EXPLICIT, "MONOCHROME2", 16, 16, signed=True)
KINDS = [
    GREY,
    Kind(EXPLICIT, "MONOCHROME1", 8, 8),
    Kind(BIG, "MONOCHROME2", 16, 12),
    Kind(RLE, "RGB", 8, 8),
    Kind(EXPLICIT, "PALETTE COLOR", 8, 8),
    Kind(BASELINE, "YBR_FULL_422", 8, 8, vr="OB"),
    Kind(EXPLICIT, "MONOCHROME2", 32, 32),
]


def frames_of(kind: Kind, **values: Any) -> Frames:
    dataset = image(kind)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return Frames(read_file(memoryview(file_of(dataset))))


def pixels(png: bytes) -> NDArray[Any]:
    with Image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_in_full_size(kind: Kind) -> None:
    """8 bits for each sample; something is to be seen."""
    shown = pixels(rendered(frames_of(kind), 0, None))
    colour = kind.samples == 3 or kind.photometric == "PALETTE COLOR"
    assert shown.shape == ((ROWS, kind.columns, 3) if colour else (ROWS, kind.columns))
    assert shown.dtype == np.uint8
    assert int(shown.max()) - int(shown.min()) > 50


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("slope", "intercept"), [("1", "0"), ("2", "-1024"), ("-1", "10")])
def test_a_window_counts_after_the_rescale(photometric: str, slope: str, intercept: str) -> None:
    """PS3.3 C.11.1 and C.11.2: below it black, above it white; MONOCHROME1 turns it round, a falling slope, too."""
    kind = Kind(EXPLICIT, photometric, 16, 16, signed=True)
    frames = frames_of(kind, RescaleSlope=slope, RescaleIntercept=intercept)
    values = numbers(kind)[0].astype(float) * float(slope) + float(intercept)
    shown = pixels(rendered(frames, 0, Window(100, 1000))).astype(int)
    shown = 255 - shown if photometric == "MONOCHROME1" else shown
    assert shown[values < -400].max() == 0
    assert shown[values > 600].min() == 255
    middle = np.abs(values - 100) < 450
    assert np.abs(shown[middle] - (values[middle] + 400) / 1000 * 255).max() <= 1


def test_the_windows_of_the_file_come_first() -> None:
    """With their names; then those of the values. A window of no width is left out; colours have none."""
    frames = frames_of(
        GREY, WindowCenter=["40", "-600", "1"], WindowWidth=["400", "1500", "0"],
        WindowCenterWidthExplanation=["SOFT", "LUNG", "NONE"],
    )  # fmt: skip
    facts = frame_facts(frames)
    assert (facts.rows, facts.columns, facts.frames) == (ROWS, COLUMNS, 1)
    assert facts.windows[:2] == (Window(40, 400, "SOFT"), Window(-600, 1500, "LUNG"))
    last = facts.windows[-1]
    values = numbers(GREY)
    assert (last.center - last.width / 2, last.center + last.width / 2) == (values.min(), values.max())
    assert len(facts.windows) == 4
    assert frame_facts(frames_of(Kind(EXPLICIT, "RGB", 8, 8))).windows == ()
    ds = image(GREY)
    ds.WindowCenter, ds.WindowWidth = "77.5", "400"
    broken = Frames(read_file(memoryview(file_of(ds).replace(b"77.5", b"junk"))))
    assert frame_facts(broken).windows[0].name == "98 % of the values"


def test_windows_of_functional_groups() -> None:
    """Of an enhanced image: those of the frame go before those that are shared."""

    def group(center: str, slope: str) -> Dataset:
        voi, rescale, item = Dataset(), Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = center, "20"
        rescale.RescaleSlope, rescale.RescaleIntercept = slope, "5"
        item.FrameVOILUTSequence, item.PixelValueTransformationSequence = [voi], [rescale]
        return item

    kind = Kind(EXPLICIT, "MONOCHROME2", 16, 12, frames=2)
    frames = frames_of(
        kind,
        PerFrameFunctionalGroupsSequence=[group("10", "1"), group("20", "3")],
        SharedFunctionalGroupsSequence=[group("30", "9")],
    )
    assert [frame_facts(frames, index).windows[0].center for index in (0, 1)] == [10, 20]
    values = numbers(kind)[1].astype(float) * 3 + 5
    shown = pixels(rendered(frames, 1, Window(5000, 2000)))
    assert shown[values < 4000].max() == 0
    assert shown[values > 6000].min() == 255


def test_frames_that_are_too_large_are_reduced() -> None:
    frames = frames_of(GREY)
    assert max(pixels(rendered(frames, 0, None, longest=10)).shape) == 10


def test_a_frame_that_is_not_there() -> None:
    with pytest.raises(IndexError):
        rendered(frames_of(GREY), 1, None)


def test_a_sheet() -> None:
    """Tiles side by side, eight in a row; one that is missing stays dark."""
    one = tile(frames_of(GREY), 0)
    assert max(one.size) <= TILE
    shown = pixels(sheet_of([one, None, *[one] * 7]))
    assert shown.shape == (2 * TILE, ACROSS * TILE, 3)
    dark = [int(shown[:TILE, n * TILE : (n + 1) * TILE].max()) == 0 for n in range(3)]
    assert dark == [False, True, False]
    assert pixels(sheet_of([])).shape == (TILE, ACROSS * TILE, 3)

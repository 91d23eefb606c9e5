"""Labels of slides: rejected by default, or black; what shows one is told by its header, and in doubt it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sendit.deidentify.pixels.ocr.api import PixelTools
from sendit.deidentify.pixels.regions import Region
from sendit.deidentify.pixels.slides import SlideLabel, label_regions
from sendit.model import Quarantined, Rejected
from tests.pixels import EXPLICIT, Kind, image, numbers
from tests.unit.deidentify.pixels.test_policy import released, treated

if TYPE_CHECKING:
    from pydicom import Dataset

    from sendit.deidentify.pixels.frames import Frames

pytestmark = pytest.mark.long

SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
COLOURS = Kind(EXPLICIT, "RGB", 8, 8, columns=96)


def slide(kind: str, shows: str | None = None, **values: Any) -> Dataset:
    """An image of a slide, 35 × 96.

    Args:
        shows: SpecimenLabelInImage; None leaves it out.
    """
    ds = image(COLOURS)
    ds.SOPClassUID, ds.Modality, ds.ImageType = SLIDE, "SM", ["ORIGINAL", "PRIMARY", kind, "NONE"]
    ds.TotalPixelMatrixColumns, ds.TotalPixelMatrixRows = 96, 35
    if shows is not None:
        ds.SpecimenLabelInImage = shows
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def tools(*codes: Region, text: tuple[Region, ...] = ()) -> PixelTools:
    """Tools that find barcodes and text in these regions, once."""

    def search(frames: Frames, *, readable: bool = False) -> tuple[Region, ...]:
        return tuple(one for one in codes if frames[0][one.y0 : one.y1, one.x0 : one.x1].any())

    return PixelTools(lambda *_: text, barcodes=search)


SHOWN = [
    ("LABEL", "YES"), ("LABEL", "NO"), ("LABEL", None), ("OVERVIEW", "YES"), ("OVERVIEW", None), ("OVERVIEW", ""),
    ("OVERVIEW", "Y"), ("OVERVIEW", "MAYBE"), ("MACRO", None), ("VOLUME", "YES"), ("THUMBNAIL", "YES"),
]  # fmt: skip
NOT_SHOWN = [("OVERVIEW", "NO"), ("VOLUME", "NO"), ("VOLUME", None), ("THUMBNAIL", "NO"), ("THUMBNAIL", None)]


@pytest.mark.parametrize(("kind", "shows"), SHOWN)
def test_rejected_by_default(kind: str, shows: str | None) -> None:
    """The reason names the setting, and nothing of the header."""
    outcome = treated(slide(kind, shows), tools())
    assert isinstance(outcome, Rejected)
    assert "a slide" in outcome.reason
    assert "SlideLabels" in outcome.reason


@pytest.mark.parametrize(("kind", "shows"), NOT_SHOWN)
def test_without_a_label(kind: str, shows: str | None) -> None:
    """They are looked at as visible light is."""
    assert released(treated(slide(kind, shows), tools()))[1] == {"status": "checked and clean", "how": "text detection"}


@pytest.mark.parametrize(("kind", "shows"), SHOWN)
def test_masked(kind: str, shows: str | None) -> None:
    """Of a label nothing is left, of a slide what is between its ends; the header says that no label is shown."""
    ds, said = released(treated(slide(kind, shows), tools(), slide_labels="Mask"))
    assert (said["status"], said["how"]) == ("cleaned", "a slide's label")
    assert ds.SpecimenLabelInImage == "NO"
    before = numbers(COLOURS)[0]
    if kind == "LABEL":
        assert not ds.pixel_array.any()
    else:
        assert not ds.pixel_array[:, :35].any()
        assert not ds.pixel_array[:, -35:].any()
        assert np.array_equal(ds.pixel_array[:, 35:-35], before[:, 35:-35])


def test_a_barcode_says_at_which_end_the_label_is() -> None:
    """The other end stays; text that is found anywhere goes."""
    found = tools(Region(70, 5, 85, 20), text=(Region(4, 4, 9, 9),))
    ds, said = released(treated(slide("OVERVIEW", "YES"), found, slide_labels="Mask"))
    assert said["how"] == "text detection and barcodes and a slide's label"
    expected = numbers(COLOURS)[0]
    expected[4:9, 4:9] = expected[:, 61:] = 0
    assert np.array_equal(ds.pixel_array, expected)


def test_tiles_are_held() -> None:
    """Which of them show the label cannot be said."""
    for values in ({"TotalPixelMatrixColumns": 5000}, {"TotalPixelMatrixRows": 70}):
        outcome = treated(slide("VOLUME", "YES", **values), tools(), slide_labels="Mask")
        assert isinstance(outcome, Quarantined)
        assert "in tiles" in outcome.reason
    assert not released(treated(slide("LABEL", "YES", TotalPixelMatrixRows=70), tools(), slide_labels="Mask"))[
        0
    ].pixel_array.any()


def test_other_kinds_that_say_it() -> None:
    """A capture of a slide's overview; not a CT whose ImageType has a word of slides."""
    capture = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "Modality": "OT"}
    assert isinstance(treated(slide("OVERVIEW", "YES", **capture), tools()), Rejected)
    assert released(treated(slide("LABEL", None, **capture), tools()))[1]["status"] == "checked and clean"


def test_a_recipe_decides_first() -> None:
    """Its own coordinates, and its whitelist."""
    lines = "%filter graylist\nLABEL ours\n  contains Modality SM\n  coordinates 0,0,40,35\n"
    ds, said = released(treated(slide("OVERVIEW", "YES"), tools(), recipe=lines))
    assert said["how"] == "the recipe's filter"
    assert not ds.pixel_array[:, :40].any()
    free = "%filter whitelist\nLABEL ours\n  contains Modality SM\n"
    assert released(treated(slide("LABEL", "YES"), tools(), recipe=free))[1]["how"] == "the recipe's whitelist"


def test_where_the_ends_are() -> None:
    """Along the longer side; of what is not as long as a slide, everything."""
    assert label_regions(SlideLabel.PART, (), 100, 300) == (Region(0, 0, 100, 108), Region(0, 192, 100, 300))
    assert label_regions(SlideLabel.PART, (Region(1, 280, 9, 290),), 100, 300) == (Region(0, 192, 100, 300),)
    both = (Region(1, 280, 9, 290), Region(1, 2, 9, 9))
    assert label_regions(SlideLabel.PART, both, 100, 300) == (Region(0, 0, 100, 108), Region(0, 192, 100, 300))
    assert label_regions(SlideLabel.PART, (), 100, 120) == (Region(0, 0, 100, 120),)
    assert label_regions(SlideLabel.ALL, (), 100, 300) == (Region(0, 0, 100, 300),)

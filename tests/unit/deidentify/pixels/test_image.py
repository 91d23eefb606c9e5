"""Where an image stands in its series."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.pixels.image import place_in_series
from sendit.model import PlaceInSeries


def _place(number: str | None, *, pixels: bool = True) -> PlaceInSeries | None:
    content = pydicom.dcmread(Path(str(get_testdata_file("CT_small.dcm", download=False))))
    content.SOPInstanceUID = "1.2.3"
    del content.InstanceNumber
    if number is not None:
        content.add_new("InstanceNumber", "IS", number.encode())
    if not pixels:
        del content.PixelData
    file = io.BytesIO()
    pydicom.dcmwrite(file, content)
    return place_in_series(read_file(memoryview(file.getvalue())))


@pytest.mark.parametrize(("number", "told"), [("7 ", 7), ("12", 12), (None, 0), ("", 0), ("-3", 0)])
def test_by_number(number: str | None, told: int) -> None:
    """One that is none counts as 0: those are in the order of their UIDs."""
    assert _place(number) == PlaceInSeries((128, 128, 1), told, "1.2.3")


def test_without_a_size() -> None:
    """Nobody can say with which images it is looked at."""
    assert _place("1", pixels=False) is None


def test_order() -> None:
    """By size, number and UID."""
    places = [
        PlaceInSeries(shape, number, uid)
        for shape in ((64, 64, 1), (128, 64, 1))
        for number in (0, 2, 10)
        for uid in ("1.1", "1.2")
    ]
    assert sorted([*places[6:], *places[:6]]) == places

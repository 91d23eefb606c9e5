"""Where a code may stand, and of which kind: what cannot be one is not read, and what can be is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import zxingcpp

from sendit.deidentify.pixels.barcodes import places
from sendit.deidentify.pixels.barcodes.look import Look
from sendit.deidentify.pixels.redaction import bands
from sendit.deidentify.pixels.regions import Region
from tests.unit.deidentify.pixels.barcodes.test_search import code, planted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sendit.deidentify.pixels.barcodes.bars import Placed

pytestmark = pytest.mark.long

_FORMATS = zxingcpp.BarcodeFormat
SQUARES = ("QRCode", "MicroQRCode", "DataMatrix", "Aztec", "RMQRCode")
LINEAR = ("Code128", "Code39", "Code93", "ITF", "EAN13", "EAN8", "UPCA", "Codabar", "DataBar")


def formats_of(grey: NDArray[np.uint8], place: Region) -> list[zxingcpp.BarcodeFormat]:
    return places.island_formats(grey, places.evened(grey), place)


def turned(symbology: str, degrees: int, levels: tuple[int, int], noise: float) -> tuple[NDArray[np.uint8], Region]:
    """A code on a label in noise, and the box around it."""
    modules = np.repeat(code(symbology, 3), 2 if symbology in LINEAR else 1, axis=0).astype(np.float32)
    high, wide = modules.shape
    side = int(np.hypot(high, wide)) + 30
    matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), degrees, 1)
    matrix[:, 2] += (side - wide) / 2, (side - high) / 2
    dark = np.asarray(cv2.warpAffine(modules, matrix, (side, side), flags=cv2.INTER_LINEAR))
    values = levels[0] + (levels[1] - levels[0]) * dark + np.random.default_rng(3).normal(0, noise, dark.shape)
    rows, columns = np.flatnonzero((dark > 0.5).any(1)), np.flatnonzero((dark > 0.5).any(0))
    box = Region(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return np.clip(values, 0, 255).astype(np.uint8), box


@pytest.mark.parametrize("degrees", [0, 20, -35, 90])
@pytest.mark.parametrize(("levels", "noise"), [((220, 30), 2), ((120, 160), 5), ((90, 60), 4)])
@pytest.mark.parametrize("symbology", [*SQUARES, *LINEAR, "PDF417", "MicroPDF417"])
def test_a_code_is_read_as_what_it_is(symbology: str, levels: tuple[int, int], noise: float, degrees: int) -> None:
    """Faint and noisy, light or dark, at any slant: its kind is always among those that are tried."""
    grey, box = turned(symbology, degrees, levels, noise)
    formats = formats_of(grey, box)
    wanted = _FORMATS.AllLinear if symbology in LINEAR else _FORMATS.AllMatrix
    if symbology in ("PDF417", "MicroPDF417"):
        assert formats in (places.ALL, [_FORMATS.AllMatrix], [_FORMATS.AllLinear, _FORMATS.PDF417])
    else:
        assert formats == places.ALL or wanted in formats


def test_text_and_edges_are_no_codes() -> None:
    """Thin letters leave most of their box as it is, and the edge of a bone has another one nowhere near."""
    text = np.full((60, 300), 40, np.uint8)
    cv2.putText(text, "ILL 171 L.", (12, 42), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 220, 1)
    assert formats_of(text, Region(8, 14, 170, 48)) == []
    y, x = np.mgrid[:120, :120]
    bone = np.where(x + y // 3 > 80, 200, 40).astype(np.uint8)
    assert formats_of(cv2.GaussianBlur(bone, (0, 0), 1.2).astype(np.uint8), Region(30, 10, 100, 110)) == []
    assert not places.is_balanced(bone, Region(30, 10, 100, 110))


def test_what_was_examined_before_is_not_examined_closely_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place is examined where a small part of what alternates is new, as if a code was covered; not for a pixel."""
    looked_at: list[Region] = []

    def note(_: Look, __: object, ___: object, placed: Placed, *____: object, **_____: object) -> list[Region]:
        looked_at.append(placed.part)
        return []

    monkeypatch.setattr(Look, "_reading", note)
    grey = planted("QRCode", 3)
    whole = Region(0, 0, *grey.shape[::-1])

    def places_examined(new: NDArray[np.uint8] | None) -> set[Region]:
        looked_at.clear()
        assert Look(grey, new, []).read() == []
        return set(looked_at) - {whole}

    side, new = code("QRCode", 3).shape[0], np.zeros(grey.shape, np.uint8)
    box = Region(9, 13, 9 + side, 13 + side)
    assert places_examined(None)
    assert places_examined(new) == set()
    new[50, 60] = 1
    assert not any(one.area < whole.area for one in places_examined(new))
    new[30:40, 20:50] = 1
    assert any(one.intersection(box).area > 0.8 * box.area for one in places_examined(new))


@pytest.mark.parametrize("sigma", [0.0, 0.8, 1.6])
@pytest.mark.parametrize("strength", [3, 12, 40])
def test_noise_and_texture_are_left_out(sigma: float, strength: float) -> None:
    """Of any strength and grain: nothing is searched closely for them."""
    noise = np.random.default_rng(8).normal(0, strength, (400, 500)).astype(np.float32)
    grain = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma)) * (1 + 3 * sigma) if sigma else noise
    grey = np.clip(128 + grain, 0, 255).astype(np.uint8)
    steps, _ = places.alternations(grey, places.evened(grey))
    assert not places.steep_alone(grey, steps).any()


@pytest.mark.parametrize("symbology", [*SQUARES, "ITF", "Code128", "PDF417"])
@pytest.mark.parametrize(("levels", "noise"), [((120, 160), 5), ((220, 30), 40), ((120, 140), 0)])
def test_codes_are_not_left_out(symbology: str, levels: tuple[int, int], noise: float) -> None:
    """Faint, in much noise, and fine bars at a slant, which are as soft as waves."""
    for degrees in (0, 30):
        grey, box = turned(symbology, degrees, levels, noise)
        smaller = np.asarray(cv2.resize(grey, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA), np.uint8)
        steps, _ = places.alternations(smaller, places.evened(smaller))
        here = np.s_[int(0.8 * box.y0) : int(0.8 * box.y1), int(0.8 * box.x0) : int(0.8 * box.x1)]
        assert places.steep_alone(smaller, steps)[here].sum() > 0.5 * steps[here].sum() > 0


def test_planted_codes_are_among_the_islands() -> None:
    grey = planted("DataMatrix", 3, place=(60, 80))
    even = places.evened(grey)
    found = [
        one for one in places.islands(places.alternations(grey, even)[0]) if places.island_formats(grey, even, one)
    ]
    side = code("DataMatrix", 3).shape[0]
    assert any(one.intersection(Region(60, 80, 60 + side, 80 + side)).area > 0.5 * side * side for one in found)


@pytest.mark.parametrize("shape", [(172, 448), (1, 9), (9, 1)])
def test_a_few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]) -> None:
    """Large frames are examined in bands; what alternates is the same, also where they meet."""
    grey = np.random.default_rng(4).integers(0, 256, shape).astype(np.uint8)
    even = places.evened(grey)
    whole = places.alternations(grey, even)
    monkeypatch.setattr(bands, "_TOGETHER", 1500)
    parts = places.alternations(grey, even)
    assert parts[1] == whole[1]
    np.testing.assert_array_equal(parts[0], whole[0])
    here = np.pad(grey, ((1, 0), (1, 0)), mode="edge").astype(int)
    steps = abs(np.diff(here, axis=1)[1:]) + abs(np.diff(here, axis=0)[:, 1:])
    assert not whole[0][np.minimum(steps, 255) <= 8].any()

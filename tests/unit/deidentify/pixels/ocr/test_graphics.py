"""Graphics and anatomy are no text: nothing of them is made black, and text beside them is."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pydicom
import pydicom.data
import pytest
from numpy.typing import NDArray

from sendit.deidentify.pixels.ocr.detector import RapidTextDetector
from sendit.deidentify.pixels.ocr.frames import text_in
from sendit.deidentify.pixels.regions import Region
from tests.pixels import decoded

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.long

Image = NDArray[np.generic]


@pytest.fixture(scope="module")
def detector() -> RapidTextDetector:
    """One that has loaded its weights."""
    return RapidTextDetector()


def _tissue(shape: tuple[int, int], seed: int = 1) -> NDArray[np.uint8]:
    """Speckle as of ultrasound."""
    noise = np.random.default_rng(seed).rayleigh(1.0, shape).astype(np.float32)
    return np.asarray(np.clip((np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.6)) - 0.6) * 60, 0, 160), np.uint8)


def _callipers() -> Image:
    """Crosses of both kinds with dotted lines between them, on tissue."""
    image = cv2.cvtColor(_tissue((300, 400)), cv2.COLOR_GRAY2RGB)
    for number, (x, y) in enumerate(((60, 80), (200, 150), (90, 230), (320, 60), (330, 250), (150, 40))):
        kind = cv2.MARKER_CROSS if number % 2 else cv2.MARKER_TILTED_CROSS
        cv2.drawMarker(image, (x, y), (255, 255, 0), kind, 13, 1)
    for x in range(60, 200, 6):
        image[80 + (x - 60) // 2, x] = (255, 255, 0)
    return np.asarray(image)


def _ruler() -> Image:
    """Ticks along two edges, longer ones between them."""
    image = np.zeros((300, 400), np.uint8)
    image[60:260, 60:340] = _tissue((200, 280))
    for number, at in enumerate(range(10, 290, 10)):
        image[at, 388 - (8 if number % 5 == 0 else 4) : 388] = 230
        image[288 - (8 if number % 5 == 0 else 4) : 288, at + 40] = 230
    return image


def _trace() -> Image:
    """An electrocardiogram below a picture."""
    image = np.zeros((300, 400, 3), np.uint8)
    image[20:200, 80:320] = _tissue((180, 240))[..., np.newaxis]
    x = np.arange(400)
    beat = np.exp(-(((x % 80) - 40) ** 2) / 6) * 45 - np.exp(-(((x % 80) - 46) ** 2) / 8) * 14
    beat += np.exp(-(((x % 80) - 62) ** 2) / 60) * 9
    points = np.stack([x, (265 - beat).astype(int)], axis=1).astype(np.int32)
    cv2.polylines(image, [points.reshape(-1, 1, 2)], False, (0, 255, 80), 1, cv2.LINE_AA)
    return image


def _colour_bar() -> Image:
    """A bar of colours, one of greys, and a box of flow in tissue."""
    image = cv2.cvtColor(_tissue((300, 400)), cv2.COLOR_GRAY2RGB)
    ramp = np.linspace(0, 255, 160).astype(np.uint8)
    image[40:200, 370:382] = cv2.applyColorMap(ramp[:, np.newaxis], cv2.COLORMAP_JET)
    image[40:200, 386:394] = ramp[:, np.newaxis, np.newaxis]
    flow = np.random.default_rng(3).normal(0, 1, (90, 120)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(flow, (0, 0), 5))
    shown = np.clip(128 + 900 * smooth, 0, 255).astype(np.uint8)
    coloured = np.asarray(cv2.applyColorMap(shown, cv2.COLORMAP_JET))
    image[110:200, 140:260][np.abs(smooth) > 0.04] = coloured[np.abs(smooth) > 0.04]
    return np.asarray(image)


def _doppler() -> Image:
    """A spectrum of flow over its baseline."""
    image = np.zeros((240, 420), np.uint8)
    numbers = np.random.default_rng(4)
    for x in range(420):
        height = int(20 + 70 * abs(np.sin(x / 45)) ** 3 + numbers.normal(0, 4))
        image[180 - max(1, height) : 180, x] = numbers.integers(60, 255, max(1, height))
    image[180] = 200
    return image


def _calcifications() -> Image:
    """Clusters of bright grains in a breast."""
    y, x = np.mgrid[:500, :400].astype(np.float32)
    breast = 2200 * np.exp(-(((y - 250) / 220) ** 4) - ((x / 330) ** 4)) + 200
    values = breast + np.random.default_rng(5).normal(0, 25, breast.shape)
    chance = np.random.default_rng(6)
    for centre in ((200, 120), (320, 180)):
        for _ in range(24):
            at = chance.normal(centre, 14).astype(int)
            cv2.circle(values, (int(at[1]), int(at[0])), int(chance.integers(1, 3)), 3900.0, -1)
    return np.asarray(np.clip(values, 0, 4095), np.uint16)


def _skull(size: int) -> Image:
    """A head: a ring, and folds within it."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size - 0.5
    radius = np.hypot(y / 0.42, x / 0.34)
    values = 900 * np.exp(-(((radius - 1) / 0.06) ** 2)) + np.where(
        radius < 0.93, 500 + 120 * np.sin(26 * x) * np.cos(22 * y), 0
    )
    values += np.random.default_rng(7).normal(0, 18, values.shape)
    return np.asarray(np.clip(values, 0, 4095), np.uint16)


def _mosaic() -> Image:
    """Thirty-six heads side by side."""
    return np.tile(np.asarray(_skull(64)), (6, 6))


def _perfusion() -> Image:
    """A map of perfusion in colours, of 128 × 128."""
    skull = np.asarray(_skull(128)).astype(np.float32)
    low = np.asarray(cv2.GaussianBlur(np.random.default_rng(8).normal(0, 1, (128, 128)).astype(np.float32), (0, 0), 6))
    shown = np.clip(120 + 1500 * low, 0, 255).astype(np.uint8)
    image = np.asarray(cv2.applyColorMap(shown, cv2.COLORMAP_JET)).copy()
    image[skull < 300] = 0
    return image


def _phantom(seed: int) -> Image:
    """A phantom of 64 × 64: inserts in a ring, on plain ground."""
    chance, image = np.random.default_rng(seed), np.full((64, 64), 4, np.float32)
    cv2.circle(image, (32, 32), 19, 120.0, 1)
    for _ in range(int(chance.integers(6, 14))):
        x, y = (int(one) for one in chance.integers(16, 44, 2))
        width, height = int(chance.integers(1, 7)), int(chance.integers(2, 14))
        grey, filled = float(chance.integers(120, 250)), -1 if chance.random() < 0.6 else 1
        cv2.rectangle(image, (x, y), (min(x + width, 49), min(y + height, 49)), grey, filled)
    return np.asarray(image, np.uint8)


GRAPHICS: dict[str, Callable[[], Image]] = {
    "callipers": _callipers,
    "ruler": _ruler,
    "trace": _trace,
    "colour bar": _colour_bar,
    "doppler": _doppler,
    "calcifications": _calcifications,
    "skull of 64": lambda: _skull(64),
    "skull of 256": lambda: _skull(256),
    "mosaic": _mosaic,
    "perfusion": _perfusion,
    **{f"phantom {seed}": partial(_phantom, seed) for seed in (5, 7, 15, 71)},
}


#: Large ones, in `make test-all`.
_SLOW = {"mosaic", "trace", "skull of 256"}


@pytest.mark.parametrize(
    "made",
    [pytest.param(made, id=name, marks=[pytest.mark.slow] * (name in _SLOW)) for name, made in GRAPHICS.items()],
)
def test_graphics_are_no_text(detector: RapidTextDetector, made: Callable[[], Image]) -> None:
    """Nothing of it would be made black."""
    assert [one.region for one in text_in(made(), detector)] == []


@pytest.mark.parametrize(
    "made", [_callipers, _ruler, _trace, _colour_bar, _calcifications], ids=lambda one: one.__name__
)
def test_text_beside_graphics_is_found(detector: RapidTextDetector, made: Callable[[], Image]) -> None:
    """A name in the corner of the same image."""
    image = np.ascontiguousarray(made())
    corner = np.zeros((26, 130), np.uint8)
    cv2.putText(corner, "SMITH, John", (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1, cv2.LINE_AA)
    light = corner.astype(np.float32) / 255 * float(image.max())
    image[:26, :130] = light[..., np.newaxis] if image.ndim == 3 else light
    found = [one.region for one in text_in(image, detector)]
    name = Region(8, 9, 86, 18)
    assert all(one.clipped(130, 26) == one for one in found)
    assert max(one.intersection(name).area for one in found) > 0.85 * name.area


FREE = [
    "MR_small.dcm",
    "CT_small.dcm",
    "examples_overlay.dcm",
    "JPEG2000.dcm",
    "JPGExtended.dcm",
    "J2K_pixelrep_mismatch.dcm",
]


@pytest.mark.parametrize("name", FREE)
def test_real_images_without_text(detector: RapidTextDetector, name: str) -> None:
    """At most 0.02 % of the area of an image without text is masked."""
    path = Path(str(pydicom.data.get_testdata_file(name, download=False)))
    frame = decoded(path.read_bytes())[0]
    assert sum(one.region.area for one in text_in(frame, detector)) <= 0.0002 * frame.size


def test_a_sector_is_no_character(detector: RapidTextDetector) -> None:
    """The heart in the last frame of a real cine, which is read as a 9; the text around it is found."""
    path = Path(str(pydicom.data.get_testdata_file("examples_ybr_color.dcm", download=False)))
    found = [one.region for one in text_in(pydicom.dcmread(path).pixel_array[-1], detector)]
    assert not any(one.touches(Region(100, 20, 260, 200)) for one in found)
    assert any(one.touches(Region(123, 228, 278, 238)) for one in found)

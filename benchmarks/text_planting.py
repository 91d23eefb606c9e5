"""Text planted into images: where it stands is known, nobody's opinion is asked."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pydicom.data
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sendit.deidentify.pixels.regions import Region

Floats = NDArray[np.float32]

#: Heights of a capital letter in pixels.
HEIGHTS = (6, 7, 8, 9, 10, 12, 14, 18, 24, 32, 40)
#: Difference between letters and the mean of what is behind them, as a share of the image's range.
CONTRASTS = (0.3, 0.5, 0.75, 1.0)
FONTS = ("", "DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSerif", "STIXGeneral")
_FAMILY = ("SMITH", "MUELLER", "GARCIA", "NGUYEN", "O'BRIEN", "KOWALSKI", "JOHANSSON", "LEE", "FITZGERALD", "ROSSI")
_GIVEN = ("John", "MARIA", "Anna", "THOMAS", "Li", "Joao", "ELISABETH", "Kim", "Peter")


@dataclass(frozen=True)
class Planted:
    """A line of text that was drawn."""

    region: Region  # around its ink
    height: int  # of a capital letter, pixels
    contrast: float
    lighter: bool
    font: str
    text: str


@dataclass(frozen=True)
class Scene:
    """An image with text in it."""

    background: str
    modality: str
    values: NDArray[Any]
    planted: tuple[Planted, ...]


# --- backgrounds -----------------------------------------------------------------------------------------------------


def _of_pydicom(name: str, enlarged: int = 1, part: Region | None = None) -> Callable[[random.Random], NDArray[Any]]:
    def make(_: random.Random) -> NDArray[Any]:
        values = _pixels(name)
        if part is not None:
            values = values[part.y0 : part.y1, part.x0 : part.x1]
        if enlarged > 1:
            size = (values.shape[1] * enlarged, values.shape[0] * enlarged)
            values = np.asarray(cv2.resize(values.astype(np.float32), size, interpolation=cv2.INTER_CUBIC))
            values = np.clip(values, 0, 255).astype(np.uint8) if _pixels(name).dtype == np.uint8 else values
        return values.copy()

    return make


@cache
def _pixels(name: str) -> NDArray[Any]:
    path = Path(str(pydicom.data.get_testdata_file(name, download=False)))
    values: NDArray[Any] = pydicom.dcmread(path, force=True).pixel_array
    return values[0] if (values.ndim > 2 and values.shape[-1] != 3) or values.ndim == 4 else values


def _noise(chance: random.Random) -> NDArray[Any]:
    """A ramp with noise, as of a radiograph's edge: 12 bits."""
    numbers = np.random.default_rng(chance.getrandbits(32))
    ramp = np.add.outer(np.linspace(300, 2200, 512), np.linspace(0, 900, 640))
    return np.clip(ramp + numbers.normal(0, 60, ramp.shape), 0, 4095).astype(np.uint16)


def _speckle(chance: random.Random) -> NDArray[Any]:
    """Speckle as of ultrasound."""
    numbers = np.random.default_rng(chance.getrandbits(32))
    speckle = cv2.GaussianBlur(numbers.rayleigh(1.0, (480, 640)).astype(np.float32), (0, 0), 1.6)
    return np.clip((np.asarray(speckle) - 0.6) * 90, 0, 255).astype(np.uint8)


def _radiograph(chance: random.Random) -> NDArray[Any]:
    """Soft bodies and hard edges, 2048 × 1760 and 12 bits, as of a radiograph."""
    numbers = np.random.default_rng(chance.getrandbits(32))
    y, x = np.mgrid[0:2048, 0:1760].astype(np.float32)
    values = np.full(y.shape, 300, np.float32)
    for _ in range(9):
        cy, cx, ry, rx = (
            chance.uniform(300, 1700),
            chance.uniform(300, 1500),
            chance.uniform(90, 800),
            chance.uniform(60, 600),
        )
        values += chance.uniform(100, 700) / (1 + np.exp(8 * (((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 - 1)))
    return np.clip(values + numbers.normal(0, 25, y.shape), 0, 4095).astype(np.uint16)


def _black(_: random.Random) -> NDArray[Any]:
    """A screen save without anything on it."""
    return np.zeros((480, 640), np.uint8)


#: Name → modality, and how it is made. None of them has text of its own.
BACKGROUNDS: dict[str, tuple[str, Callable[[random.Random], NDArray[Any]]]] = {
    "693_J2KI.dcm": ("CT", _of_pydicom("693_J2KI.dcm")),
    "J2K_pixelrep_mismatch.dcm": ("CT", _of_pydicom("J2K_pixelrep_mismatch.dcm")),
    "CT_small.dcm, four times its size": ("CT", _of_pydicom("CT_small.dcm", 4)),
    "MR_small.dcm, eight times its size": ("MR", _of_pydicom("MR_small.dcm", 8)),
    "examples_overlay.dcm": ("MR", _of_pydicom("examples_overlay.dcm")),
    "JPEG2000.dcm": ("NM", _of_pydicom("JPEG2000.dcm")),
    "examples_ybr_color.dcm, the fan, three times": (
        "US",
        _of_pydicom("examples_ybr_color.dcm", 3, Region(40, 20, 260, 200)),
    ),
    "examples_rgb_color.dcm, tissue, three times": (
        "US",
        _of_pydicom("examples_rgb_color.dcm", 3, Region(24, 60, 292, 160)),
    ),
    "image_dfl.dcm, a test pattern": ("OT", _of_pydicom("image_dfl.dcm")),
    "ramp with noise": ("XA", _noise),
    "speckle": ("US", _speckle),
    "soft bodies": ("CR", _radiograph),
    "black": ("SC", _black),
}


# --- planting --------------------------------------------------------------------------------------------------------


def scene(name: str, chance: random.Random, heights: tuple[int, ...] = HEIGHTS, lines: int = 4) -> Scene:
    """A background with up to so many lines of text on it, none over another one."""
    modality, make = BACKGROUNDS[name]
    values = make(chance)
    planted: list[Planted] = []
    for _ in range(lines * 6):
        if len(planted) < lines:
            one = _plant(values, chance, chance.choice(heights), planted)
            planted.extend([one] if one is not None else [])
    return Scene(name, modality, values, tuple(planted))


def _plant(values: NDArray[Any], chance: random.Random, height: int, before: list[Planted]) -> Planted | None:
    """Draw a line of text into the image; None if there is no room, or it would not be seen there."""
    name, text, contrast = chance.choice(FONTS), _text(chance), chance.choice(CONTRASTS)
    ink = _ink(text, name, height)
    rows, columns = values.shape[:2]
    if ink.shape[0] + 8 > rows or ink.shape[1] + 8 > columns:
        return None
    x, y = _place(chance, columns - ink.shape[1], rows - ink.shape[0])
    region = Region(x, y, x + ink.shape[1], y + ink.shape[0])
    if any(region.with_margin(10).touches(other.region) for other in before):
        return None
    low, high = float(values.min()), float(values.max())
    if values.dtype == np.uint8:
        low, high = 0.0, 255.0
    behind = values[y : region.y1, x : region.x1]
    mean = float(behind.mean())
    lighter = chance.random() < (0.8 if mean - low < (high - low) / 2 else 0.2)
    value = min(max(mean + (contrast if lighter else -contrast) * (high - low), low), high)
    if abs(value - mean) < 0.25 * (high - low) or abs(value - mean) < 4 * float(behind.std()):
        return None
    mixed = ink if behind.ndim == 2 else ink[..., np.newaxis]
    values[y : region.y1, x : region.x1] = (behind * (1 - mixed) + value * mixed).astype(values.dtype)
    return Planted(region, height, contrast, lighter, name or "Pillow's own", text)


def _place(chance: random.Random, x: int, y: int) -> tuple[int, int]:
    """Half of them in a corner or at an edge, where machines write."""
    where = chance.random()
    if where < 0.5:
        return chance.choice((min(3, x), x - min(3, x))), chance.randint(0, y)
    return chance.randint(0, x), chance.randint(0, y)


def _text(chance: random.Random) -> str:
    number = chance.randint(10_000, 99_999_999)
    return chance.choice((
        f"{chance.choice(_FAMILY)}, {chance.choice(_GIVEN)}",
        f"{chance.choice(_FAMILY)}^{chance.choice(_GIVEN)}",
        f"{chance.choice(_FAMILY)}",
        f"ID: {number}",
        f"MRN{number}",
        f"{chance.randint(1920, 2020)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
        f"{chance.randint(1, 28):02}/{chance.randint(1, 12):02}/{chance.randint(1920, 2020)}",
        f"DOB {chance.randint(1, 28):02}.{chance.randint(1, 12):02}.{chance.randint(1920, 2020)} M",
        f"St. {chance.choice(_FAMILY).title()} General Hospital",
        f"Acc {chance.randint(1000, 9999)}-{chance.randint(100, 999)}",
    ))  # fmt: skip


@cache
def _ink(text: str, font: str, height: int) -> Floats:
    """How much of each pixel is covered by the letters (0 to 1), cut to the ink."""
    face = _face(font, height)
    left, top, right, bottom = face.getbbox(text)
    picture = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8), 0)
    ImageDraw.Draw(picture).text((4 - left, 4 - top), text, fill=255, font=face)
    covered = np.asarray(picture, np.float32) / 255
    rows, columns = np.flatnonzero((covered > 0.2).any(1)), np.flatnonzero((covered > 0.2).any(0))
    return covered[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@cache
def _face(font: str, height: int) -> Any:
    """The font in the size in which an E is so many pixels high."""
    for size in range(height, 3 * height):
        face = ImageFont.truetype(str(_fonts() / f"{font}.ttf"), size) if font else ImageFont.load_default(size)
        _, top, _, bottom = face.getbbox("E")
        if bottom - top >= height:
            return face
    raise ValueError(font)


@cache
def _fonts() -> Path:
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "mpl-data/fonts/ttf"

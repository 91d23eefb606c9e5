"""Lines of text as ink: how much of each pixel is covered by letters, in the fonts that machines write in."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    import random

Floats = NDArray[np.float32]

PILLOWS, BITMAP, OPENCVS = "Pillow's own", "bitmap", "OpenCV's own"
OUTLINE_FONTS = (
    PILLOWS,
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSerif",
    "STIXGeneral",
)
CONSOLE_FONTS = (BITMAP, OPENCVS)
_FAMILY = ("SMITH", "MUELLER", "GARCIA", "NGUYEN", "O'BRIEN", "KOWALSKI", "JOHANSSON", "LEE", "FITZGERALD", "ROSSI")
_GIVEN = ("John", "MARIA", "Anna", "THOMAS", "Li", "Joao", "ELISABETH", "Kim", "Peter")


def words(chance: random.Random) -> str:
    """A line as it stands in images: names, numbers, dates, hospitals."""
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


def stamp(chance: random.Random) -> str:
    """A date and a time."""
    day = f"{chance.randint(1, 28):02}", f"{chance.randint(1, 12):02}", f"{chance.randint(1990, 2024)}"
    time = f"{chance.randint(0, 23):02}:{chance.randint(0, 59):02}:{chance.randint(0, 59):02}"
    return chance.choice(
        (f"{day[2]}-{day[1]}-{day[0]} {time}", f"{'/'.join(day)} {time[:5]}", f"{'.'.join(day)}", time)
    )


@cache
def ink(text: str, font: str, height: int, hard: bool = False) -> Floats:
    """How much of each pixel is covered by the letters (0 to 1), cut to the ink.

    Args:
        height: of a capital letter in pixels. The bitmap font has one height, which is multiplied.
        hard: without grey pixels at the edges of the letters.
    """
    if font == OPENCVS:
        covered = _drawn_by_opencv(text, height, hard)
    else:
        face = _face(font, height)
        left, top, right, bottom = face.getbbox(text)
        picture = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8), 0)
        draw = ImageDraw.Draw(picture)
        draw.fontmode = "1" if hard else "L"
        draw.text((4 - left, 4 - top), text, fill=255, font=face)
        covered = np.asarray(picture, np.float32) / np.float32(255)
    rows, columns = np.flatnonzero((covered > 0.2).any(1)), np.flatnonzero((covered > 0.2).any(0))
    covered = covered[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    times = max(1, round(height / _bitmap_height())) if font == BITMAP else 1
    return np.kron(covered, np.ones((times, times), np.float32))


def capital(font: str, height: int, hard: bool = False) -> int:
    """How high a capital letter really is, pixels."""
    return int(ink("E", font, height, hard).shape[0])


def _drawn_by_opencv(text: str, height: int, hard: bool) -> Floats:
    thick = 1 if height < 16 else 2
    scale = height / 21  # its letters are 21 units high
    (width, high), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    picture = np.zeros((high + base + 12, width + 12), np.uint8)
    cv2.putText(picture, text, (5, high + 5), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thick, cv2.LINE_AA)
    covered = picture.astype(np.float32) / np.float32(255)
    return (covered > 0.4).astype(np.float32) if hard else covered


@cache
def _bitmap_height() -> int:
    face = ImageFont.load_default_imagefont()
    picture = Image.new("L", (24, 24), 0)
    ImageDraw.Draw(picture).text((4, 4), "E", fill=255, font=face)
    return int((np.asarray(picture) > 0).any(1).sum())


@cache
def _face(font: str, height: int) -> Any:
    """The font in the size in which an E is so many pixels high."""
    if font == BITMAP:
        return ImageFont.load_default_imagefont()
    for size in range(height, 3 * height):
        face = (
            ImageFont.load_default(size) if font == PILLOWS else ImageFont.truetype(str(_fonts() / f"{font}.ttf"), size)
        )
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

"""Text planted into images: where it stands is known, nobody's opinion is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.text_backgrounds import BACKGROUNDS
from benchmarks.text_ink import CONSOLE_FONTS, OUTLINE_FONTS, Floats, capital, ink, words
from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    import random

    from numpy.typing import NDArray

#: Heights of a capital letter in pixels.
HEIGHTS = (6, 7, 8, 9, 10, 12, 14, 18, 24, 32, 40)
#: Difference between letters and the mean of what is behind them, as a share of the image's range.
CONTRASTS = (0.3, 0.5, 0.75, 1.0)
#: Letters that are nearer to what is behind them are not planted: share of the asked contrast (where the range ends
#: before), and times the standard deviation of what is behind.
LEAST, LEAST_DEVIATIONS = 0.8, 4


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
    kind: str
    values: NDArray[Any]
    planted: tuple[Planted, ...]


@dataclass(frozen=True)
class Line:
    """What is to be drawn."""

    text: str
    font: str
    height: int
    hard: bool

    @property
    def ink(self) -> Floats:
        """How much of each pixel is covered, cut to the ink."""
        return ink(self.text, self.font, self.height, self.hard)

    def planted(self, region: Region, contrast: float, lighter: bool) -> Planted:
        """What it is once it was drawn."""
        font = f"{self.font}{', hard' if self.hard else ''}"
        return Planted(region, capital(self.font, self.height, self.hard), contrast, lighter, font, self.text)


def background(name: str, chance: random.Random) -> NDArray[Any]:
    """The image without text, one that may be written into."""
    return BACKGROUNDS[name][1](chance)


def lines_anywhere(
    name: str,
    chance: random.Random,
    lines: int = 4,
    heights: tuple[int, ...] = HEIGHTS,
    contrasts: tuple[float, ...] = CONTRASTS,
) -> Scene:
    """A background with up to so many lines of text on it, none over another one."""
    values = background(name, chance)
    planted: list[Planted] = []
    for _ in range(lines * 6):
        if len(planted) < lines:
            hard = chance.random() < 0.25
            line = Line(words(chance), chance.choice(OUTLINE_FONTS + CONSOLE_FONTS), chance.choice(heights), hard)
            one = _anywhere(values, chance, line, planted, chance.choice(contrasts))
            planted.extend([one] if one is not None else [])
    return Scene(name, BACKGROUNDS[name][0], "single lines", values, tuple(planted))


def _anywhere(
    values: NDArray[Any], chance: random.Random, line: Line, before: list[Planted], contrast: float
) -> Planted | None:
    """Draw a line of text into the image; None if there is no room, or it would not be seen there."""
    rows, columns = values.shape[:2]
    high, wide = line.ink.shape
    if high + 8 > rows or wide + 8 > columns:
        return None
    x, y = _place(chance, columns - wide, rows - high)
    if any(Region(x, y, x + wide, y + high).with_margin(10).touches(other.region) for other in before):
        return None
    return draw(values, line, (x, y), contrast, chance.random() < 0.8)


def _place(chance: random.Random, x: int, y: int) -> tuple[int, int]:
    """Half of them in a corner or at an edge, where machines write."""
    if chance.random() < 0.5:
        return chance.choice((min(3, x), x - min(3, x))), chance.randint(0, y)
    return chance.randint(0, x), chance.randint(0, y)


def draw(
    values: NDArray[Any], line: Line, place: tuple[int, int], contrast: float, away: bool, turned: int = 0
) -> Planted | None:
    """Draw a line of text where it is asked to be; None if it would not be seen there, or does not fit.

    Args:
        place: column and row of its left upper corner.
        contrast: share of the image's range.
        away: lighter than dark ground, darker than light ground; else the other way.
        turned: quarters of a turn, against the clock.
    """
    covered = np.rot90(line.ink, turned)
    region = Region(place[0], place[1], place[0] + covered.shape[1], place[1] + covered.shape[0])
    if region.clipped(values.shape[1], values.shape[0]) != region:
        return None
    low, high = range_of(values)
    behind = values[region.y0 : region.y1, region.x0 : region.x1]
    mean = float(behind.mean())
    lighter = away is (mean - low < (high - low) / 2)
    value = min(max(mean + (contrast if lighter else -contrast) * (high - low), low), high)
    if abs(value - mean) < max(LEAST * contrast * (high - low), LEAST_DEVIATIONS * float(behind.std())):
        return None
    put(values, covered, region, value)
    return line.planted(region, contrast, lighter)


def range_of(values: NDArray[Any]) -> tuple[float, float]:
    """Least and greatest value: of bytes those that there can be, of others those that there are."""
    return (0.0, 255.0) if values.dtype == np.uint8 else (float(values.min()), float(values.max()))


def put(values: NDArray[Any], covered: Floats, region: Region, value: float | tuple[float, ...]) -> None:
    """Draw ink in one value or colour."""
    behind = values[region.y0 : region.y1, region.x0 : region.x1]
    mixed = covered if behind.ndim == 2 else covered[..., np.newaxis]
    new = behind * (1 - mixed) + np.asarray(value, np.float32) * mixed
    values[region.y0 : region.y1, region.x0 : region.x1] = new.astype(values.dtype)

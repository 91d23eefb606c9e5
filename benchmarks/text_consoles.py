"""What machines really write: blocks in corners, bars, forms, colours, letters with an outline, turned lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from benchmarks.text_backgrounds import BACKGROUNDS
from benchmarks.text_ink import CONSOLE_FONTS, OUTLINE_FONTS, Floats, stamp, words
from benchmarks.text_planting import HEIGHTS, Line, Planted, Scene, background, draw, lines_anywhere, put, range_of
from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from numpy.typing import NDArray

_SMALL = tuple(height for height in HEIGHTS if height <= 18)
#: Letters whose difference from the ground is a smaller share of the range are not seen beside their outline.
_SEEN = 0.1
_COLOURS = ((255, 255, 0), (0, 255, 0), (0, 255, 255), (255, 160, 0), (255, 255, 255), (255, 80, 80))


def _line(chance: random.Random, heights: tuple[int, ...] = _SMALL, text: str = "") -> Line:
    font = chance.choice((*OUTLINE_FONTS, *CONSOLE_FONTS, *CONSOLE_FONTS))
    return Line(text or words(chance), font, chance.choice(heights), chance.random() < 0.5)


def corner_blocks(name: str, chance: random.Random) -> Scene:
    """Two to five lines under each other in one to four corners, at the edge that they stand at."""
    values = background(name, chance)
    planted: list[Planted] = []
    for right, bottom in chance.sample([(a, b) for a in (False, True) for b in (False, True)], chance.randint(1, 4)):
        first = _line(chance)
        lines = [Line(words(chance), first.font, first.height, first.hard) for _ in range(chance.randint(2, 5))]
        contrast = chance.choice((0.5, 0.75, 1.0, 1.0))
        step = round(max(line.ink.shape[0] for line in lines) * chance.uniform(1.1, 1.5)) + 1
        left, top = chance.randint(1, 8), chance.randint(1, 8)
        y = values.shape[0] - top - step * len(lines) if bottom else top
        for line in lines:
            x = values.shape[1] - left - line.ink.shape[1] if right else left
            planted += _unless_over(values, planted, line, (x, y), contrast)
            y += step
    return _scene(name, "blocks in corners", values, planted)


def stamps(name: str, chance: random.Random) -> Scene:
    """Date and time in one or two corners, at the greatest value that the numbers can have."""
    values = background(name, chance)
    planted: list[Planted] = []
    for right, bottom in chance.sample([(a, b) for a in (False, True) for b in (False, True)], 2):
        line = _line(chance, text=stamp(chance))
        x = values.shape[1] - 4 - line.ink.shape[1] if right else 4
        y = values.shape[0] - 4 - line.ink.shape[0] if bottom else 4
        planted += _beyond(values, planted, line, (x, y), chance)
    return _scene(name, "date and time", values, planted)


def _beyond(
    values: NDArray[Any], before: list[Planted], line: Line, place: tuple[int, int], chance: random.Random
) -> list[Planted]:
    """Numbers of 16 bits: at 4095, at the greatest one, or at the least one; bytes: white."""
    region = Region(*place, place[0] + line.ink.shape[1], place[1] + line.ink.shape[0])
    fits = region.clipped(values.shape[1], values.shape[0]) == region
    if not fits or any(region.touches(other.region) for other in before):
        return []
    if values.dtype.kind not in "iu" or values.dtype == np.uint8:
        return _unless_over(values, before, line, place, 1.0)
    info = np.iinfo(values.dtype)
    value = chance.choice((4095, info.max, info.min if info.min < 0 else 4095))
    least, greatest = range_of(values)
    behind = values[region.y0 : region.y1, region.x0 : region.x1]
    if abs(value - float(behind.mean())) < 0.25 * (greatest - least):
        return []
    put(values, line.ink, region, value)
    return [line.planted(region, 1.0, value > behind.mean())]


def coloured(name: str, chance: random.Random) -> Scene:
    """Lines in yellow, green, cyan, orange, red or white on the image as a colour one, in a corner or anywhere."""
    values = _colours(background(name, chance))
    planted: list[Planted] = []
    for _ in range(12):
        line = _line(chance)
        room = values.shape[1] - line.ink.shape[1] - 4, values.shape[0] - line.ink.shape[0] - 4
        if len(planted) < 4 and min(room) > 4:
            place = chance.choice((4, chance.randint(4, room[0]), room[0])), chance.randint(4, room[1])
            planted += _in_colour(values, planted, line, place, chance.choice(_COLOURS))
    return _scene(name, "colours", values, planted)


def _in_colour(
    values: NDArray[Any], before: list[Planted], line: Line, place: tuple[int, int], colour: tuple[int, int, int]
) -> list[Planted]:
    region = Region(*place, place[0] + line.ink.shape[1], place[1] + line.ink.shape[0])
    behind = values[region.y0 : region.y1, region.x0 : region.x1].astype(np.float32)
    away = float(np.abs(behind.mean(axis=(0, 1)) - colour).max()) / 255
    noise = float(behind.std(axis=(0, 1)).max()) / 255
    if away < max(0.5, 4 * noise) or any(region.with_margin(4).touches(other.region) for other in before):
        return []
    put(values, line.ink, region, colour)
    return [line.planted(region, round(away, 2), sum(colour) > behind.mean() * 3)]


def bars(name: str, chance: random.Random) -> Scene:
    """A grey bar across the top or the bottom, with light or dark letters on it."""
    values = background(name, chance)
    planted: list[Planted] = []
    low, high = range_of(values)
    line = _line(chance)
    thick = line.ink.shape[0] + chance.randint(6, 16)
    top = 0 if chance.random() < 0.5 else values.shape[0] - thick
    values[top : top + thick] = low + chance.choice((0.3, 0.5, 0.7, 0.85)) * (high - low)
    x = chance.randint(4, 20)
    while x + line.ink.shape[1] + 4 < values.shape[1]:
        y = top + (thick - line.ink.shape[0]) // 2
        one = draw(values, line, (x, y), chance.choice((0.5, 0.7)), True)
        planted += [one] if one is not None else []
        x += line.ink.shape[1] + chance.randint(20, 80)
        line = Line(words(chance), line.font, line.height, line.hard)
        if line.ink.shape[0] + 2 > thick:
            break
    return _scene(name, "grey bars", values, planted)


def forms(name: str, chance: random.Random) -> Scene:
    """A white page, or a black one, of many lines, a table's rules between some of them; the background is not used."""
    rows, columns = chance.choice(((480, 640), (600, 800), (512, 512)))
    ground, letters = chance.choice(((255, 0), (255, 0), (0, 255), (230, 60), (20, 200)))
    values = np.full((rows, columns), ground, np.uint8)
    planted: list[Planted] = []
    font, y = _line(chance, (7, 8, 9, 10, 12, 14)), chance.randint(10, 60)
    while y < rows - 40 and len(planted) < 24:
        x = chance.randint(8, 40)
        for _ in range(chance.randint(1, 3)):
            line = Line(words(chance), font.font, font.height, font.hard)
            one = draw(values, line, (x, y), abs(ground - letters) / 255, True)
            planted += [one] if one is not None else []
            x += line.ink.shape[1] + chance.randint(20, 70)
        y += font.height + chance.randint(8, 30)
        if chance.random() < 0.2:
            cv2.line(values, (8, y - 4), (columns - 8, y - 4), letters, 1)
            y += 3
    return Scene("a page", "SC", "forms", values, tuple(planted))


def turned(name: str, chance: random.Random) -> Scene:
    """Lines that run up or down, along the edges."""
    values = background(name, chance)
    planted: list[Planted] = []
    for _ in range(8):
        line, quarters = _line(chance), chance.choice((1, 3))
        wide, high = line.ink.shape
        if len(planted) < 2 and high + 8 < values.shape[0] and wide + 8 < values.shape[1]:
            place = chance.choice((3, values.shape[1] - 3 - wide)), chance.randint(2, values.shape[0] - 4 - high)
            planted += _unless_over(values, planted, line, place, 1.0, quarters)
    return _scene(name, "turned by 90°", values, planted)


def outlined(name: str, chance: random.Random) -> Scene:
    """Letters with an outline or a shadow of the other end of the range: readable on any ground.

    Where the ground is as dark, or as light, as the letters, only the outline is seen, and it is what has to be found.
    """
    values = background(name, chance)
    planted: list[Planted] = []
    low, high = range_of(values)
    for _ in range(8):
        line = _line(chance, tuple(height for height in HEIGHTS if height >= 8))
        room = values.shape[1] - line.ink.shape[1] - 4, values.shape[0] - line.ink.shape[0] - 4
        if len(planted) >= 3 or min(room) <= 4:
            continue
        x, y = chance.choice((4, room[0])), chance.randint(4, room[1])
        region = Region(x, y, x + line.ink.shape[1], y + line.ink.shape[0])
        if any(region.with_margin(6).touches(other.region) for other in planted):
            continue
        light = chance.random() < 0.7
        ink, shadow = high if light else low, chance.random() < 0.5
        behind = float(values[region.y0 : region.y1, region.x0 : region.x1].mean())
        put(values, *_around(line.ink, region, shadow), low if light else high)
        put(values, line.ink, region, ink)
        if abs(ink - behind) < _SEEN * (high - low):
            around = region.with_margin(1)
            region = Region(region.x0 + 1, region.y0 + 1, around.x1, around.y1) if shadow else around
        planted.append(line.planted(region, 1.0, light))
    return _scene(name, "outline or shadow", values, planted)


def _around(covered: Floats, region: Region, shadow: bool) -> tuple[Floats, Region]:
    wider = np.pad(covered, 1)
    if shadow:
        return np.roll(wider, (1, 1), axis=(0, 1)), region.with_margin(1)
    return np.asarray(cv2.dilate(wider, np.ones((3, 3), np.uint8)), np.float32), region.with_margin(1)


def _unless_over(
    values: NDArray[Any], before: list[Planted], line: Line, place: tuple[int, int], contrast: float, quarters: int = 0
) -> list[Planted]:
    wide, high = line.ink.shape[:: -1 if quarters == 0 else 1]
    region = Region(*place, place[0] + wide, place[1] + high)
    if min(place) < 0 or any(region.touches(other.region) for other in before):
        return []
    one = draw(values, line, place, contrast, True, quarters)
    return [one] if one is not None else []


def _colours(values: NDArray[Any]) -> NDArray[Any]:
    if values.ndim == 3:
        return values
    low, high = np.percentile(values, (0.5, 99.5))
    grey = np.clip((values.astype(np.float32) - low) * (255 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., np.newaxis], 3, axis=2)


def _scene(name: str, kind: str, values: NDArray[Any], planted: list[Planted]) -> Scene:
    return Scene(name, BACKGROUNDS[name][0], kind, values, tuple(planted))


#: How text is written. Each makes a scene of a background's name and a source of chance.
KINDS: tuple[Callable[[str, random.Random], Scene], ...] = (
    lines_anywhere,
    corner_blocks,
    stamps,
    coloured,
    bars,
    forms,
    turned,
    outlined,
)

"""Finding text in pixels: on planted text, beside Tesseract and deid; writes docs/benchmarks/text.md.

python -m benchmarks text

The detector was tuned on other seeds (below 100) and without the backgrounds of deid-data. Every image is searched by a
fresh detector, except in the series, where sharing is what is measured.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, TypeVar

import cv2
import numpy as np

from benchmarks import text_page
from benchmarks.text_backgrounds import BACKGROUNDS
from benchmarks.text_ink import PILLOWS
from benchmarks.text_others import by_deid, by_tesseract, tesseract
from benchmarks.text_planting import Line, Scene, background, lines_anywhere, put
from benchmarks.text_scoring import Score, by_sendit, names, scene, score
from sendit.deidentify.pixels.ocr.instance import RapidTextSearch
from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

G = TypeVar("G")
R = TypeVar("R")

HELD_OUT = range(3000, 3003)
BESIDE = range(3000, 3001)  # what the other tools see as well
CLEAN = range(3000, 3002)
HEIGHTS = (5, 6, 7, 8, 10, 14, 24)
CONTRASTS = (0.05, 0.1, 0.15, 0.2, 0.3)
SIZES = ((256, 256), (512, 512), (480, 640), (600, 800), (768, 1024), (1024, 1024), (2048, 1760), (3000, 2500))
SLICES = 50


@dataclass(frozen=True)
class Slice:
    """One image of a series."""

    seconds: float
    looked_at: int  # pixels that went through the network
    covered: bool


def _sendit(searched: Scene) -> Score:
    search = RapidTextSearch()
    begun = time.process_time()
    found = by_sendit(searched, search)
    return score(searched, found, time.process_time() - begun)


def _planted(name: tuple[str, str, int]) -> Score:
    return _sendit(scene(*name))


def _limit(given: tuple[str, int, float]) -> tuple[int, float, int, int]:
    name, height, contrast = given
    planted = lines_anywhere(name, random.Random(f"{given} limits 3000"), 4, (height,), (contrast,))
    lines = [good for _, good in _sendit(planted).lines()]
    return height, contrast, sum(lines), len(lines)


def _size(given: tuple[tuple[int, int], int]) -> tuple[tuple[int, int], float]:
    """A real image in this size, with two blocks of text, a few runs."""
    (rows, columns), number = given
    name = ("693_J2KI.dcm", "examples_rgb_color.dcm, tissue, three times")[number % 2]
    planted = scene(name, "corner_blocks", 2000 + number)
    values = cv2.resize(planted.values, (columns, rows), interpolation=cv2.INTER_CUBIC)
    return (rows, columns), _sendit(Scene(name, "", "", np.asarray(values), ())).seconds


def _tesseract(given: tuple[tuple[str, str, int], str, int]) -> Score:
    name, mode, scale = given
    planted = scene(*name)
    return score(planted, *by_tesseract(planted, mode, scale))


def _deid(name: tuple[str, str, int]) -> tuple[bool, Score]:
    planted = scene(*name)
    begun = time.process_time()
    flagged, found = by_deid(planted)
    return flagged, score(planted, found, time.process_time() - begun)


def series(shared_ground: bool) -> list[Slice]:
    """Slices whose tissue moves and whose noise differs, under one annotation; from slice 30 on with another name.

    Args:
        shared_ground: the annotation stands on a ground that is the same in all slices, as where consoles blank it.
    """
    search, made = RapidTextSearch(), []
    chance = random.Random("series")
    tissue = background("693_J2KI.dcm", chance).astype(np.float32)
    for number in range(SLICES):
        numbers = np.random.default_rng(number)
        moved = np.roll(tissue, (number, -number), axis=(0, 1)) + numbers.normal(0, 20, tissue.shape)
        values = np.clip(moved, -1024, 3000).astype(np.int16)
        if shared_ground:
            values[:128, :256] = values[-96:, -256:] = -1024
        regions = [
            _write(values, "SMITH, John" if number < 30 else "GARCIA, Ana", 8, 8),
            _write(values, "ID: 30185520", 8, 30),
            _write(values, "1961-04-12 M", 8, 52),
            _write(values, "St. Rossi Hospital", 350, 480),
        ]
        before, begun = search.looked_at, time.process_time()
        found = by_sendit(Scene("", "CT", "", values, ()), search)
        seconds = time.process_time() - begun
        mask = np.zeros(values.shape, bool)
        for one in found:
            mask[one.y0 : one.y1, one.x0 : one.x1] = True
        covered = all(mask[one.y0 : one.y1, one.x0 : one.x1].mean() >= 0.9 for one in regions)
        made.append(Slice(seconds, search.looked_at - before, covered))
    return made


def _write(values: Any, words: str, x: int, y: int) -> Region:
    ink = Line(words, PILLOWS, 10, False).ink
    region = Region(x, y, x + ink.shape[1], y + ink.shape[0])
    put(values, ink, region, 3000)
    return region


def _all(work: Callable[[G], R], given: Iterable[G]) -> list[R]:
    """In two processes, as SendIt works on two cores."""
    with get_context("spawn").Pool(2) as pool:
        return pool.map(work, list(given), chunksize=4)


def main() -> bool:
    """Measure, write the page; whether the limits are kept."""
    held_out, beside = names(HELD_OUT), names(BESIDE)
    planted = _all(_planted, held_out)  # those of BESIDE come first
    measured = text_page.Measured(
        planted=[one for one in planted if one.covered],
        clean=_all(_planted, [(name, "", seed) for name in BACKGROUNDS for seed in CLEAN]),
        limits=_all(_limit, [(name, h, c) for name in BACKGROUNDS for h in HEIGHTS for c in CONTRASTS if _fast(name)]),
        sizes=_all(_size, [(size, number) for size in SIZES for number in range(4)]),
        series={"the same to the last pixel": series(True), "noise that differs": series(False)},
        deid=_all(_deid, [*beside, *((name, "", CLEAN[0]) for name in BACKGROUNDS)]),
        tesseract=tesseract(),
        by_tesseract={
            (mode, scale): _all(_tesseract, [(name, mode, scale) for name in beside])
            for mode in ("3", "11")
            for scale in (1, 2)
            if tesseract() is not None
        },
        beside=planted[: len(beside)],
    )
    text_page.write(measured)
    return measured.good()


def _fast(name: str) -> bool:
    return name not in ("soft bodies", "cat.dcm of deid-data, without its marker")

"""Identifiers that are known, however they are written; single slices of series; seconds beside a former version.

python -m benchmarks text-known

SENDIT_BENCH_SEEDS (27) is how many images there are of a ground; SENDIT_BENCH_MINUTES ends it early, and the page says
so. Writes docs/benchmarks/text-known.md. Each image goes the whole way, with the patient's name, number, accession
number and date of birth as SendIt knows them from the header; the lines that are drawn are some of these in their usual
forms.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import cv2
import numpy as np

from benchmarks.text_backgrounds import BACKGROUNDS
from benchmarks.text_ink import CONSOLE_FONTS, OUTLINE_FONTS, Floats, ink
from benchmarks.text_planting import LEAST, LEAST_DEVIATIONS, background, put, range_of
from benchmarks.text_scoring import file_of
from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.leak_check.identifiers import Identifiers
from sendit.deidentify.leak_check.spellings import Kind, spellings_of
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.ocr.instance import RapidTextSearch
from sendit.deidentify.pixels.ocr.match_identifiers import identifies
from sendit.deidentify.pixels.ocr.models import LINE_HEIGHT, read_line
from sendit.deidentify.pixels.ocr.second_look import contrast_view, everywhere, identifiers_in
from sendit.deidentify.pixels.ocr.series import text_of_series
from sendit.deidentify.pixels.regions import Region
from sendit.deidentify.pixels.windowing import views
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The version that seconds are measured beside: the last one that took one look.
BEFORE = "dec8543"
_LARGE = ("soft bodies", "cat.dcm of deid-data, without its marker")
GROUNDS = [name for name in BACKGROUNDS if name not in _LARGE]
_FAMILY = ("SMITH", "MUELLER", "GARCIA", "NGUYEN", "KOWALSKI", "JOHANSSON", "ROSSI", "FITZGERALD", "PETROVA", "YILMAZ")
_GIVEN = ("John", "Maria", "Thomas", "Elisabeth", "Paolo", "Amina", "Oskar", "Helena")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SLICES, SERIES_GROUNDS = 40, ("693_J2KI.dcm", "J2K_pixelrep_mismatch.dcm", "examples_overlay.dcm")


R = TypeVar("R")


@dataclass(frozen=True)
class Case:
    """A kind of lines, and one image of them."""

    name: str
    background: str
    seed: int
    heights: tuple[int, ...]
    contrasts: tuple[float, ...]
    angles: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Outcome:
    """What became of an image."""

    case: str
    covered: tuple[bool, ...]  # of each line, whether 90 % of its ink is masked
    readable: tuple[bool, ...]  # of each line, whether something known is still read at its place
    held: bool
    extra: float  # share of the image that is masked beyond 4 pixels of every line
    seconds: float


def patient(chance: random.Random) -> tuple[Identifiers, list[str]]:
    """What is known of somebody, and lines that say it."""
    family, given = chance.choice(_FAMILY), chance.choice(_GIVEN)
    number = chance.choice((
        str(chance.randint(1_000_000, 99_999_999)),
        f"MRN{chance.randint(100_000, 999_999)}",
        f"A{chance.randint(10, 99)}B{chance.randint(1000, 9999)}",
    ))  # fmt: skip
    accession = f"ACC{chance.randint(100_000, 9_999_999)}"
    year, month, day = chance.randint(1920, 2020), chance.randint(1, 12), chance.randint(1, 28)
    identifiers = Identifiers(dates={f"{year}{month:02}{day:02}".encode()})
    identifiers.spellings.add(spellings_of(Kind.PATIENT, f"{family}^{given}"))
    identifiers.spellings.add(spellings_of(Kind.IDENTIFIER, number))
    identifiers.spellings.add(spellings_of(Kind.IDENTIFIER, accession))
    return identifiers, [
        f"{family}, {given}",
        f"{family}^{given}",
        family,
        f"ID: {number}",
        number,
        accession,
        f"{year}-{month:02}-{day:02}",
        f"{day:02}.{month:02}.{year}",
        f"DOB {month:02}/{day:02}/{year}",
        f"{day:02}-{_MONTHS[month - 1]}-{year}",
    ]


def turned(covered: Floats, angle: int) -> Floats:
    """Ink, turned clockwise by so many degrees."""
    if not angle:
        return covered
    rows, columns = covered.shape
    side = int(np.hypot(rows, columns)) + 4
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), -angle, 1)
    matrix[:, 2] += (side - columns) / 2, (side - rows) / 2
    made = np.asarray(cv2.warpAffine(covered, matrix, (side, side), flags=cv2.INTER_CUBIC), np.float32).clip(0, 1)
    down, along = np.flatnonzero((made > 0.2).any(1)), np.flatnonzero((made > 0.2).any(0))
    return made[down[0] : down[-1] + 1, along[0] : along[-1] + 1]


@dataclass(frozen=True)
class Drawn:
    """A line that was drawn."""

    region: Region
    covered: Floats
    angle: int


def draw_lines(
    values: NDArray[Any], forms: list[str], case: Case, chance: random.Random, lines: int = 3
) -> list[Drawn]:
    """Draw some of these lines, none over another one, each far enough from its ground to be seen."""
    drawn: list[Drawn] = []
    low, high = range_of(values)
    for _ in range(lines * 8):
        angle, contrast = chance.choice(case.angles), chance.choice(case.contrasts)
        font, hard = chance.choice(OUTLINE_FONTS + CONSOLE_FONTS), chance.random() < 0.25
        covered = turned(ink(chance.choice(forms), font, chance.choice(case.heights), hard), angle)
        room = values.shape[1] - covered.shape[1] - 4, values.shape[0] - covered.shape[0] - 4
        if len(drawn) >= lines or min(room) <= 4:
            continue
        x, y = chance.randint(2, room[0]), chance.randint(2, room[1])
        region = Region(x, y, x + covered.shape[1], y + covered.shape[0])
        behind = values[region.y0 : region.y1, region.x0 : region.x1][covered > 0.2]
        mean = float(behind.mean())
        lighter = (mean - low < (high - low) / 2) is (chance.random() < 0.8)
        value = min(max(mean + (contrast if lighter else -contrast) * (high - low), low), high)
        least = max(LEAST * contrast * (high - low), LEAST_DEVIATIONS * float(behind.std()))
        if abs(value - mean) >= least and not any(region.with_margin(10).touches(one.region) for one in drawn):
            put(values, covered, region, value)
            drawn.append(Drawn(region, covered, angle))
    return drawn


def measured(case: Case) -> Outcome | None:
    """One image, from the file to what is masked; None if no line fits into it."""
    chance = random.Random(f"{case} 5000")
    values, (identifiers, forms) = background(case.background, chance), patient(chance)
    drawn = draw_lines(values, forms, case, chance)
    if not drawn:
        return None
    file = file_of(values)
    begun = time.process_time()
    try:
        found = list(RapidTextSearch()(Frames(read_file(memoryview(file))), identifiers, ""))
    except Quarantine:
        return Outcome(case.name, (), (), True, 0.0, time.process_time() - begun)
    seconds = time.process_time() - begun
    rows, columns = values.shape[:2]
    mask, near = np.zeros((rows, columns), bool), np.zeros((rows, columns), bool)
    for region in found:
        inside = region.clipped(columns, rows)
        mask[inside.y0 : inside.y1, inside.x0 : inside.x1] = True
    for one in drawn:
        wide = one.region.with_margin(4).clipped(columns, rows)
        near[wide.y0 : wide.y1, wide.x0 : wide.x1] = True
    covered = tuple(
        bool(mask[one.region.y0 : one.region.y1, one.region.x0 : one.region.x1][one.covered > 0.4].mean() >= 0.9)
        for one in drawn
    )
    values[mask] = values.min()
    view = contrast_view(values, found)
    again = identifiers_in(view, identifiers, everywhere(view))
    readable = tuple(
        _is_readable(values, one, identifiers) or any(one.region.touches(r) for r in again) for one in drawn
    )
    return Outcome(case.name, covered, readable, False, float((mask & ~near).mean()), seconds)


def _is_readable(values: NDArray[Any], line: Drawn, identifiers: Identifiers) -> bool:
    """Whether something known can be read where a line was drawn, by one who knows where, and how it slants."""
    region = line.region.with_margin(3).clipped(values.shape[1], values.shape[0])
    part = values[region.y0 : region.y1, region.x0 : region.x1]
    for shown in views(np.ascontiguousarray(part)):
        grey = shown if shown.ndim == 2 else np.asarray(cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY))
        rows, columns = grey.shape
        matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), line.angle, 1)
        flat = cv2.warpAffine(grey, matrix, (columns, rows), borderMode=cv2.BORDER_REPLICATE) if line.angle else grey
        width = min(max(32, round(LINE_HEIGHT * columns / rows)), 1600)
        resized = np.asarray(cv2.resize(flat, (width, LINE_HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)
        text, _ = read_line(np.ascontiguousarray(np.repeat(resized[..., np.newaxis], 3, axis=2)))
        if identifies(text, identifiers):
            return True
    return False


# --- series ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SeriesOutcome:
    """A series with lines in one of its slices, or in none."""

    lines: int
    found: int
    false: int  # slices without lines of which something would be masked
    slices: int
    seconds: float


def slices_of(name: str) -> list[NDArray[Any]]:
    """Slices whose anatomy moves, turns and grows from one to the next, each with noise of its own."""
    values = background(name, random.Random(1)).astype(np.float32)
    low, high, deviation = values.min(), values.max(), float(values.std())
    made = []
    for number in range(SLICES):
        size = values.shape[1], values.shape[0]
        matrix = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), number * 0.7, 1 + 0.004 * number)
        matrix[:, 2] += np.array((number * 0.5, -number * 0.3))
        moved = np.asarray(cv2.warpAffine(values, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.float32)
        moved += np.random.default_rng(number).normal(0, deviation * 0.02, moved.shape)
        made.append(np.clip(moved, low, high).astype(np.int16))
    return made


def series(given: tuple[str, int, float, int]) -> SeriesOutcome:
    """One series; of height 0 without lines."""
    name, height, contrast, seed = given
    chance = random.Random(f"{given} 5000")
    slices = slices_of(name)
    number, drawn = chance.randrange(SLICES), []
    if height:
        _, forms = patient(chance)
        drawn = draw_lines(slices[number], forms, Case("", name, seed, (height,), (contrast,)), chance)
    begun = time.process_time()
    found = text_of_series(slices, RapidTextSearch().detector)
    seconds = time.process_time() - begun
    mask: NDArray[Any] = np.zeros(slices[0].shape, bool)
    for region in found.pop(number, ()) if height else ():
        inside = region.clipped(mask.shape[1], mask.shape[0])
        mask[inside.y0 : inside.y1, inside.x0 : inside.x1] = True
    covered = [
        mask[one.region.y0 : one.region.y1, one.region.x0 : one.region.x1][one.covered > 0.4].mean() >= 0.9
        for one in drawn
    ]
    return SeriesOutcome(len(drawn), sum(covered), len(found), SLICES, seconds)


# --- seconds --------------------------------------------------------------------------------------------------------

_SECONDS = """
import json, sys, time
from benchmarks.text_scoring import file_of, scene
from sendit.deidentify.pixels.frames import Frames
try:
    from sendit.deidentify.leak_check.identifiers import Identifiers
    from sendit.deidentify.pixels.ocr.instance import RapidTextSearch
    from sendit.deidentify.dicom.reader import read_file
    from sendit.deidentify.leak_check.spellings import Kind, spellings_of
except ModuleNotFoundError:  # the version before
    from sendit.deidentify.known import Known as Identifiers
    from sendit.deidentify.pixels.text_search import RapidTextSearch
    from sendit.deidentify.reader import read_file
    from sendit.deidentify.tokens import Kind, tokens_of as spellings_of
import cv2
cv2.setNumThreads(1)
identifiers = Identifiers(dates={b"19610307"})
spellings = identifiers.spellings if hasattr(identifiers, "spellings") else identifiers.tokens
for kind, value in ((Kind.PATIENT, "Quixworth^Zebulon"), (Kind.IDENTIFIER, "MRN-7741-905")):
    spellings.add(spellings_of(kind, value))
RapidTextSearch()(Frames(read_file(memoryview(file_of(scene("black", "corner_blocks", 1).values)))), identifiers, "")
for name in json.load(sys.stdin):
    file = file_of(scene(*name).values)
    begun = time.process_time()
    RapidTextSearch()(Frames(read_file(memoryview(file))), identifiers, "")
    print(time.process_time() - begun, flush=True)
"""


def seconds(names: list[tuple[str, str, int]]) -> tuple[list[float], list[float]]:
    """CPU seconds of each image, by the version before and by this one, at the same time."""
    here = Path(__file__).parents[1]
    before = here / "var" / "text-before"
    if not before.exists():
        subprocess.run(["git", "worktree", "add", "--detach", str(before), BEFORE], cwd=here, check=True)
        (before / "var").mkdir(exist_ok=True)
        (before / "var" / "bench-venv").symlink_to(here / "var" / "bench-venv")  # the backgrounds of deid-data
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _SECONDS],
            cwd=root,
            env=os.environ | {"PYTHONPATH": f"{root / 'plugin'}:{root}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for root in (before, here)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write(json.dumps(names))
        process.stdin.close()
    old, new = ([_told(float(line)) for line in process.stdout or ()] for process in running)
    if any(process.wait() for process in running) or not len(old) == len(new) == len(names):
        raise RuntimeError("one of the versions could not be measured")
    return old, new


def _told(one: R) -> R:
    """Say what was measured: a run that is ended early has not been for nothing."""
    print(one, flush=True)
    return one


def main() -> bool:
    """Measure, write the page; whether the limits are kept."""
    from benchmarks import text_known_page

    thick = int(os.environ.get("SENDIT_BENCH_SEEDS", "27"))
    until = time.monotonic() + 60 * float(os.environ.get("SENDIT_BENCH_MINUTES", "inf"))
    spread = [
        (seed / seeds, Case(name, ground, seed, heights, contrasts, angles))
        for name, seeds, heights, contrasts, angles in text_known_page.cases(thick)
        for ground in GROUNDS
        for seed in range(seeds)
    ]
    cases = [case for _, case in sorted(spread, key=lambda one: one[0])]  # all kinds, if it is ended early
    given = [
        (name, height, contrast, seed)
        for name in SERIES_GROUNDS
        for height, contrast in ((0, 0.0), (7, 0.15), (7, 0.3), (10, 0.3), (10, 1.0), (18, 0.5))
        for seed in range(max(1, thick // 9) if height else 1)
    ]
    times = seconds([(name, kind, 3000) for name in GROUNDS for kind in ("corner_blocks", "")])
    with get_context("spawn").Pool(2) as pool:
        made = list(map(_told, pool.imap(series, given)))
        outcomes: list[Outcome] = []
        done = 0
        for one in pool.imap(measured, cases):
            done += 1
            _told(one)
            if one is not None:
                outcomes.append(one)
            if time.monotonic() > until:
                break
        share = done / len(cases)
        pool.terminate()
    return text_known_page.write(outcomes, list(zip(given, made, strict=True)), times, share)

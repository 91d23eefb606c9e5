"""Markers of side and view that stay in radiographs, and identifiers beside them that do not.

python -m benchmarks markers

Each seed is one image: SENDIT_BENCH_SEEDS (20) says how many are made, SENDIT_BENCH_FIRST (0) from which on. What was
measured is remembered in var/markers, by seed: a long run may be made of short ones, and the page is of all of them.
Each image goes the whole way, from the file to the file, as a project without settings has it.
"""

from __future__ import annotations

import io
import json
import os
import random
import time
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pydicom

from benchmarks.text_backgrounds import deid_data
from benchmarks.text_ink import OUTLINE_FONTS, Floats, ink
from benchmarks.text_scoring import file_of
from sendit.deidentify import KeyedIdentities, compile_plan, deidentify
from sendit.deidentify.options import Option
from sendit.deidentify.pixels.regions import Region
from sendit.model import Released
from sendit.pipeline.pool.pixel_tools import pixel_tools

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sendit.deidentify.plan import Plan

HERE = Path(__file__).parents[1]
KEPT, PAGE = HERE / "var" / "markers", HERE / "docs" / "benchmarks" / "markers.md"
#: What is promised.
LEAST_KEPT, LEAST_IMAGES = 0.99, 200
_SHAPE = (420, 360)
_CHEST = "L R LT RT LEFT RIGHT AP PA LAT LPO RAO ERECT SUPINE UPRIGHT PORTABLE INSP EXP PRE POST"
_BREAST = "L R CC MLO RCC LCC RMLO LMLO ML LEFT RIGHT"
_LINES = (
    "R AP",
    "L LAT",
    "AP ERECT",
    "PA UPRIGHT",
    "AP PORTABLE",
    "R",
    "L",
    "RECHTS",
    "LINKS",
    "GAUCHE",
    "DEBOUT",
    "STEHEND",
)
_FAMILY = ("SMITH", "MUELLER", "GARCIA", "NGUYEN", "KOWALSKI", "JOHANSSON", "ROSSI", "FITZGERALD", "PETROVA", "YILMAZ")
_GIVEN = ("John", "Maria", "Thomas", "Elisabeth", "Paolo", "Amina", "Oskar", "Helena")
_INITIALS = ("JMS", "AB", "KT", "RWH", "MN", "DK")


@dataclass(frozen=True)
class Outcome:
    """Say what became of one image."""

    seed: int
    held: str
    kept: tuple[tuple[str, bool], ...]  # each marker that was drawn, and whether it left whole
    masked: tuple[tuple[str, bool], ...]  # each identifying line, and whether it was made black
    initials: tuple[tuple[str, bool], ...]  # of a technologist, and whether they were
    extra: float  # share of the image that was made black beyond lines that have to be
    seconds: float


@dataclass
class _Page:
    values: NDArray[Any]
    chance: random.Random
    drawn: list[Region]

    def draw(self, covered: Floats, share: float, where: tuple[float, float, float, float]) -> Region | None:
        """Draw ink somewhere within a part of the image; None if there is no room."""
        rows, columns = self.values.shape
        high, wide = covered.shape
        for _ in range(40):
            x = self.chance.randint(
                int(where[0] * columns), max(int(where[0] * columns), int(where[2] * columns) - wide)
            )
            y = self.chance.randint(int(where[1] * rows), max(int(where[1] * rows), int(where[3] * rows) - high))
            region = Region(x, y, x + wide, y + high)
            near = region.with_margin(max(24, high))
            if region.clipped(columns, rows) != region or any(near.touches(one) for one in self.drawn):
                continue
            part = self.values[y : y + high, x : x + wide]
            low, top = 0.0, float(self.values.max())
            mean = float(part.mean())
            lighter = mean < (top - low) / 2 or self.chance.random() < 0.3
            value = min(top, mean + share * top) if lighter else max(0.0, mean - share * top)
            if abs(value - mean) < max(0.2 * top, 5 * float(part.std())):
                continue
            self.values[y : y + high, x : x + wide] = (part * (1 - covered) + value * covered).astype(self.values.dtype)
            self.drawn.append(region)
            return region
        return None


def _background(chance: random.Random) -> NDArray[Any]:
    """Draw soft bodies, bones and a collimated edge, of 12 bits; or a part of a real radiograph."""
    real = _real()
    if real is not None and chance.random() < 0.3:
        y, x = chance.randint(0, real.shape[0] - _SHAPE[0]), chance.randint(0, real.shape[1] - _SHAPE[1])
        part = real[y : y + _SHAPE[0], x : x + _SHAPE[1]]
        return np.ascontiguousarray(part[:, ::-1] if chance.random() < 0.5 else part)
    numbers = np.random.default_rng(chance.getrandbits(32))
    y, x = np.mgrid[0 : _SHAPE[0], 0 : _SHAPE[1]].astype(np.float32)
    values = np.full(_SHAPE, chance.choice((60, 300, 900)), np.float32)
    for _ in range(9):
        centre = chance.uniform(60, 360), chance.uniform(60, 300)
        radius = chance.uniform(18, 160), chance.uniform(14, 120)
        distance = ((y - centre[0]) / radius[0]) ** 2 + ((x - centre[1]) / radius[1]) ** 2
        values += chance.uniform(100, 700) / (1 + np.exp(np.minimum(8 * (distance - 1), 60)))
    for _ in range(chance.randint(0, 6)):  # bones: bright bands with edges
        picture = np.zeros(_SHAPE, np.float32)
        ends = [(chance.randint(70, 300), chance.randint(70, 360)) for _ in range(2)]
        cv2.line(picture, ends[0], ends[1], 1.0, chance.randint(6, 30), cv2.LINE_AA)
        values += chance.uniform(150, 500) * np.asarray(cv2.GaussianBlur(picture, (0, 0), 2))
    values += numbers.normal(0, chance.choice((4, 10, 25)), _SHAPE)
    return np.clip(values, 0, 4095).astype(np.uint16)


@cache
def _real() -> NDArray[Any] | None:
    path = next(iter(deid_data().rglob("cat.dcm")), None) if deid_data().is_dir() else None
    if path is None:
        return None
    values = pydicom.dcmread(path).pixel_array[:, :2150].astype(np.float32)
    small = np.asarray(cv2.resize(values, (values.shape[1] // 4, values.shape[0] // 4), interpolation=cv2.INTER_AREA))
    return np.clip(small, 0, 4095).astype(np.uint16)


def _marker_ink(text: str, chance: random.Random) -> Floats:
    """Draw letters of lead or of a station's font, some of them in a circle."""
    height = chance.choice((12, 16, 20, 28, 36, 44))
    covered = ink(text, chance.choice(OUTLINE_FONTS), height, False)
    if len(text) == 1 and chance.random() < 0.2:
        side = int(max(covered.shape) * 1.9)
        ring = np.zeros((side, side), np.float32)
        cv2.circle(ring, (side // 2, side // 2), side // 2 - 2, 1.0, max(1, height // 12), cv2.LINE_AA)
        y, x = (side - covered.shape[0]) // 2, (side - covered.shape[1]) // 2
        ring[y : y + covered.shape[0], x : x + covered.shape[1]] = covered
        return ring
    return covered


@dataclass(frozen=True)
class _Planted:
    """What was drawn into an image, and where."""

    header: dict[str, Any]
    markers: list[tuple[str, Region]]
    lines: list[tuple[str, Region]]
    initials: list[tuple[str, Region]]


def measured(seed: int) -> Outcome:
    """Measure one image, from the file to the file that leaves."""
    chance = random.Random(f"{seed} markers")
    modality = chance.choice(("CR", "DX", "MG", "CR"))
    page = _Page(_background(chance), chance, [])
    planted = _planted(page, modality, chance, seed)
    file = file_of(page.values, modality, **planted.header)
    begun = time.process_time()
    outcome = deidentify(memoryview(file), _plan(), KeyedIdentities(bytes(32)), _tools())
    seconds = time.process_time() - begun
    if not isinstance(outcome, Released):
        return Outcome(seed, getattr(outcome, "reason", "held"), (), (), (), 0.0, seconds)
    after = pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks))).pixel_array
    black = _black(outcome.receipt.pixels.get("regions", []), after.shape)
    assert np.array_equal(after[~black], page.values[~black])
    to_mask = np.zeros(black.shape, bool)
    for _, one in (*planted.lines, *planted.initials):
        to_mask[one.y0 : one.y1, one.x0 : one.x1] = True
    return Outcome(
        seed,
        "",
        tuple((text, not _share(black, one)) for text, one in planted.markers),
        tuple((text, _share(black, one) >= 0.9) for text, one in planted.lines),
        tuple((text, _share(black, _right_part(one)) >= 0.9) for text, one in planted.initials),
        float((black & ~to_mask).mean()),
        seconds,
    )


def _planted(page: _Page, modality: str, chance: random.Random, seed: int) -> _Planted:
    """Draw markers, lines of the patient and initials into an image; return them with its header."""
    words = (_BREAST if modality == "MG" else _CHEST).split()
    family, given, number = chance.choice(_FAMILY), chance.choice(_GIVEN), str(chance.randint(1_000_000, 99_999_999))
    birth = f"{chance.randint(1930, 2010)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
    forms = (
        f"{family}, {given}",
        f"ID: {number}",
        f"{birth[6:]}.{birth[4:6]}.{birth[:4]}",
        f"{family}^{given}",
        number,
    )
    markers, lines, initials = [], [], []
    for _ in range(chance.randint(1, 3)):
        text = chance.choice(words) if modality == "MG" or chance.random() < 0.7 else chance.choice(_LINES)
        region = page.draw(_marker_ink(text, chance), chance.choice((0.4, 0.6, 0.9)), (0.02, 0.02, 0.98, 0.98))
        markers += [(text, region)] if region else []
    for text in chance.sample(forms, chance.randint(1, 3)):
        covered = ink(text, chance.choice(OUTLINE_FONTS), chance.choice((10, 12, 16, 20)), False)
        region = page.draw(covered, chance.choice((0.4, 0.7, 1.0)), (0.02, 0.02, 0.98, 0.98))
        lines += [(text, region)] if region else []
    if chance.random() < 0.3:
        text = f"{chance.choice('RL')} {chance.choice(_INITIALS)}"
        region = page.draw(ink(text, OUTLINE_FONTS[1], chance.choice((16, 24, 32))), 0.7, (0.02, 0.02, 0.98, 0.98))
        initials += [(text, region)] if region else []
    return _Planted(_header(f"{family}^{given}", number, birth, seed), markers, lines, initials)


def _header(name: str, number: str, birth: str, seed: int) -> dict[str, Any]:
    return {
        "PatientName": name,
        "PatientID": number,
        "PatientBirthDate": birth,
        "StudyInstanceUID": f"1.2.826.0.1.3680043.9.1.{seed + 1}",
        "SeriesInstanceUID": f"1.2.826.0.1.3680043.9.2.{seed + 1}",
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1",
        "BitsStored": 12,
        "HighBit": 11,
    }


def _right_part(region: Region) -> Region:
    """Return the initials behind the marker."""
    return Region(region.x1 - (region.x1 - region.x0) // 2, region.y0, region.x1, region.y1)


def _black(regions: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    for x0, y0, x1, y1 in regions:
        mask[y0:y1, x0:x1] = True
    return mask


def _share(mask: NDArray[np.bool_], region: Region) -> float:
    return float(mask[region.y0 : region.y1, region.x0 : region.x1].mean())


@cache
def _plan() -> Plan:
    return compile_plan([Option.CLEAN_PIXEL_DATA], [])


@cache
def _tools() -> Any:
    return replace(pixel_tools(Path("/var/tmp")), barcodes=None)


def main() -> bool:
    """Measure, write the page; whether the limits are kept by what is there."""
    cv2.setNumThreads(1)
    KEPT.mkdir(parents=True, exist_ok=True)
    first, seeds = int(os.environ.get("SENDIT_BENCH_FIRST", "0")), int(os.environ.get("SENDIT_BENCH_SEEDS", "20"))
    for seed in range(first, first + seeds):
        one = measured(seed)
        (KEPT / f"{seed}.json").write_text(json.dumps(asdict(one)), encoding="utf-8")
        print(
            seed,
            one.held or "released",
            f"{one.seconds:.1f} s",
            *(f"{t}: {ok}" for t, ok in one.kept if not ok),
            flush=True,
        )
    return _write([json.loads(path.read_text("utf-8")) for path in sorted(KEPT.glob("*.json"))])


def _write(outcomes: list[dict[str, Any]]) -> bool:
    released = [one for one in outcomes if not one["held"]]
    kept, masked, initials = (
        [(text, ok) for one in released for text, ok in one[kind]] for kind in ("kept", "masked", "initials")
    )
    lost = sorted(text for text, ok in kept if not ok)
    extra = sum(one["extra"] for one in released) / max(1, len(released))
    good, leaked = sum(ok for _, ok in kept), sum(not ok for _, ok in masked)
    page = f"""# Markers

Written by `python -m benchmarks markers`. {len(outcomes)} radiographs and mammograms, made, and parts of a real one (of
deid-data), each with up to three markers of side, view or posture, up to three lines that identify the patient, and in
some a marker with a technologist's initials behind it. Each goes the whole way, from the file to the file that leaves,
as a project without settings has it. A marker is kept if none of its pixels changed; a line is masked if 90 % of it is
black.

- **{good} of {len(kept)} markers are kept whole ({good / max(1, len(kept)):.1%}).**
- **{leaked} of {len(masked)} identifying lines are kept**; {sum(not ok for _, ok in initials)} of {len(initials)}
  initials.
- {len(outcomes) - len(released)} images are held.
- Made black beyond the lines that have to be: {extra:.3%} of the image.

Markers that were lost: {", ".join(lost) or "none"}.
"""
    PAGE.write_text(page, encoding="utf-8")
    print(page)
    return bool(kept) and good >= LEAST_KEPT * len(kept) and all(ok for _, ok in (*masked, *initials))

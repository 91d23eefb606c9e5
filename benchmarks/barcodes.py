"""Barcodes in pixels, planted on images without any: what can still be read; writes docs/benchmarks/barcodes.md.

python -m benchmarks barcodes [--resume FILE]

SENDIT_BENCH_CODES (1000) is how many codes, SENDIT_BENCH_MINUTES ends it early; the page says how many there were. What
a FILE holds is not done again, and results are added to it as they come: it belongs to one state of the code.

A code counts only if it can be read where it was planted, by a reader that knows the place. The same reader is asked
afterwards, and once more for the whole of each image.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import time
from collections import Counter
from dataclasses import asdict, dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import zxingcpp

from benchmarks.text_backgrounds import BACKGROUNDS
from sendit.deidentify.pixels.barcodes.search import barcodes_in
from sendit.deidentify.pixels.display import greyed
from sendit.deidentify.pixels.regions import Region
from sendit.deidentify.pixels.windowing import views

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "barcodes.md"
CODES, TOGETHER = int(os.environ.get("SENDIT_BENCH_CODES", "1000")), 4
#: The first of the seeds; those used during development were others.
FIRST_SEED = 1000
MODULES = (2.0, 2.5, 3.0, 4.0, 6.0)
CONTRASTS = (0.15, 0.3, 0.6, 1.0)
TURNS = (0, 90, 180, 270, 5, 15, 30, 45, -20)
#: Looked at less often, because of their size.
LARGE = ("soft bodies", "cat.dcm of deid-data, without its marker")
CLEAN_SEEDS = range(3)

_FORMATS = zxingcpp.BarcodeFormat
_DIGITS = {"ITF": 10, "EAN13": 12, "EAN8": 7, "UPCA": 11, "DataBar": 13, "MicroQRCode": 8, "Codabar": 8}
SYMBOLOGIES = (
    *("QRCode", "DataMatrix", "PDF417", "Code128", "Code39", "Aztec", "MicroQRCode", "RMQRCode", "MicroPDF417"),
    *("Code93", "ITF", "EAN13", "EAN8", "UPCA", "Codabar", "DataBar"),
)


@dataclass(frozen=True)
class Code:
    """A code that is planted."""

    symbology: str
    module: float  # pixels
    contrast: float  # of the image's range
    turned: int  # degrees
    inverted: bool
    label: bool  # on a label of its own, or written into the image
    region: Region


@dataclass(frozen=True)
class Result:
    """What became of one image."""

    codes: tuple[tuple[Code, bool], ...]  # each with whether it can still be read
    whole: bool  # whether anything can be read in the whole image
    seconds: float
    masked: float  # share of the image


def _content(symbology: str, chance: random.Random) -> str:
    digits = "".join(chance.choice("0123456789") for _ in range(_DIGITS.get(symbology, 8)))
    if symbology == "Codabar":
        return f"A{digits}B"
    if symbology in _DIGITS:
        return digits
    if symbology in ("Code39", "Code93", "Code128"):
        return f"{chance.choice(('MRN', 'P', 'ACC'))}{digits}"
    return chance.choice((f"{digits}^SMITH^JOHN", f"MRN={digits};MUSTER^MAX;19610412", f"PID{digits}"))


def dark_modules(symbology: str, module: float, turned: int, content: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """How dark each pixel of a code is, and how much of it the label with its quiet zone covers."""
    code = zxingcpp.create_barcode(content, getattr(_FORMATS, symbology))
    dark = (np.asarray(zxingcpp.write_barcode_to_image(code, 1)) < 128).astype(np.float32)
    size = round(dark.shape[1] * module), round(dark.shape[0] * module)
    whole = module == int(module)
    dark = np.asarray(cv2.resize(dark, size, interpolation=cv2.INTER_NEAREST if whole else cv2.INTER_AREA))
    dark = np.pad(dark, int(4 + 2 * module))
    return _turned(dark, turned), _turned(np.ones_like(dark), turned)


def _turned(picture: NDArray[Any], degrees: int) -> NDArray[Any]:
    if degrees % 90 == 0:
        return np.rot90(picture, degrees // 90)
    height, width = picture.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    cosine, sine = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = int(height * sine + width * cosine) + 4, int(height * cosine + width * sine) + 4
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    return np.asarray(cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR))


def plant(values: NDArray[Any], chance: random.Random, taken: Iterable[Region]) -> Code | None:
    """Draw a code into an image; None if there is no room."""
    symbology, module, contrast = chance.choice(SYMBOLOGIES), chance.choice(MODULES), chance.choice(CONTRASTS)
    turned, inverted, label = chance.choice(TURNS), chance.random() < 0.3, chance.random() < 0.6
    dark, cover = dark_modules(symbology, module, turned, _content(symbology, chance))
    rows, columns = values.shape[:2]
    height, width = dark.shape
    if height + 4 > rows or width + 4 > columns:
        return None
    x, y = chance.randint(2, columns - width - 2), chance.randint(2, rows - height - 2)
    region = Region(x, y, x + width, y + height)
    if any(region.with_margin(10).touches(other) for other in taken):
        return None
    low, high = (0.0, 255.0) if values.dtype == np.uint8 else (float(values.min()), float(values.max()))
    span = contrast * (high - low)
    behind: NDArray[Any] = values[y : y + height, x : x + width].astype(np.float32)
    if behind.ndim == 3:
        dark, cover = dark[..., np.newaxis], cover[..., np.newaxis]
    if label:
        shown = cover - dark if inverted else dark
        behind = behind * (1 - cover) + cover * chance.uniform(low + span, high) - shown * span
    else:
        behind = behind + (span if inverted else -span) * dark
    values[y : y + height, x : x + width] = np.clip(behind, low, high).astype(values.dtype)
    return Code(symbology, module, contrast, turned, inverted, label, region)


def readable(values: NDArray[Any], region: Region) -> bool:
    """Whether a reader that knows where a code is reads it: in all views, larger, with its contrast stretched."""
    near = region.with_margin(8).clipped(values.shape[1], values.shape[0])
    return any(_read(shown[near.y0 : near.y1, near.x0 : near.x1]) for shown in views(values))


def _read(part: NDArray[Any]) -> bool:
    for binarizer in (zxingcpp.Binarizer.LocalAverage, zxingcpp.Binarizer.GlobalHistogram):
        for scale in (1, 2, 3):
            larger = np.ascontiguousarray(part)
            if scale > 1:
                larger = np.asarray(cv2.resize(larger, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC))
            stretched = cv2.normalize(larger, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
            for shown in (larger, np.asarray(stretched, np.uint8)):
                if zxingcpp.read_barcodes(shown, binarizer=binarizer):
                    return True
    return False


def _scene(given: tuple[str, int]) -> Result:
    """Plant codes, look for them, read what is left."""
    name, seed = given
    cv2.setNumThreads(1)
    chance = random.Random(f"{name} {seed}")
    values = BACKGROUNDS[name][1](chance)
    planted: list[Code] = []
    for _ in range(TOGETHER * 3):
        if len(planted) < TOGETHER:
            code = plant(values, chance, [one.region for one in planted])
            planted.extend([code] if code is not None else [])
    codes = [code for code in planted if readable(values, code.region)]
    found, seconds = _found(values)
    masked = np.zeros(values.shape[:2], bool)
    for region in found:
        masked[region.y0 : region.y1, region.x0 : region.x1] = True
    values[masked] = 0 if values.dtype == np.uint8 else values.min()
    left = tuple((code, readable(values, code.region)) for code in codes)
    whole = any(bool(zxingcpp.read_barcodes(np.ascontiguousarray(shown))) for shown in views(values))
    return Result(left, whole, seconds, float(masked.mean()))


def _found(values: NDArray[Any]) -> tuple[tuple[Region, ...], float]:
    begun = time.process_time()
    found = barcodes_in(greyed(values))
    return found, time.process_time() - begun


def _clean(given: tuple[str, int]) -> tuple[str, tuple[int, ...], int, float]:
    """An image without codes: what is found in it, and the least seconds of three looks."""
    name, seed = given
    cv2.setNumThreads(1)
    values = BACKGROUNDS[name][1](random.Random(seed))
    looks = [_found(values) for _ in range(3)]
    return name, values.shape, len(looks[0][0]), min(seconds for _, seconds in looks)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument("--resume", type=Path, help="a file of results, of which none is made again")


def main(options: argparse.Namespace | None = None) -> bool:
    """Measure, write the page; whether nothing can be read any more."""
    known = _Results(getattr(options, "resume", None))
    small = [name for name in BACKGROUNDS if name not in LARGE]
    results: list[Result] = []
    with get_context("spawn").Pool(2) as pool:
        seed, until = FIRST_SEED, time.monotonic() + 60 * float(os.environ.get("SENDIT_BENCH_MINUTES", "inf"))
        while sum(len(one.codes) for one in results) < CODES and time.monotonic() < until:
            names = [*small, *(LARGE if seed % 8 == 0 else ())]
            scenes = [(name, seed) for name in names if name in BACKGROUNDS]
            for scene, made in pool.imap(_named, [scene for scene in scenes if scene not in known.by_scene]):
                known.add(scene, made)
            results += [known.by_scene[scene] for scene in scenes]
            seed += 1
        clean = pool.map(_clean, [(name, seed) for name in BACKGROUNDS for seed in CLEAN_SEEDS], chunksize=1)
    PAGE.write_text(_page(results, clean), encoding="utf-8")
    print(PAGE.read_text("utf-8"))
    left = sum(bad for one in results for _, bad in one.codes)
    return left == 0 and not any(one.whole for one in results)


def _named(scene: tuple[str, int]) -> tuple[tuple[str, int], Result]:
    return scene, _scene(scene)


class _Results:
    """The results of scenes, by name and seed; kept in a file, if there is one."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self.by_scene: dict[tuple[str, int], Result] = {}
        for line in file.read_text("utf-8").splitlines() if file is not None and file.exists() else ():
            one = json.loads(line)
            codes = tuple((_code(code), bool(bad)) for code, bad in one["result"].pop("codes"))
            self.by_scene[one["name"], one["seed"]] = Result(codes=codes, **one["result"])

    def add(self, scene: tuple[str, int], result: Result) -> None:
        self.by_scene[scene] = result
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"name": scene[0], "seed": scene[1], "result": asdict(result)}) + "\n")


def _code(values: dict[str, Any]) -> Code:
    return Code(**{**values, "region": Region(**values["region"])})


_HEAD = """# Barcodes in pixels

Written by `python -m benchmarks barcodes` (after `scripts/bench-venv.sh`, which fetches deid-data). {images} images on
{backgrounds} grounds, up to {together} codes on each, made by zxing-cpp {version}: modules of {modules} pixels,
{contrasts} of the image's range, {turns} degrees, a third of them light on dark, on labels and written into the image.
Only codes count that can be read beforehand by a reader that is shown the place, with two ways of binarization,
three sizes, and stretched contrast.

- **{left} of {codes:,} codes can be read afterwards** by that reader; in {whole} of {images} images anything can be
  read in the whole image by zxing-cpp.
- **{boxes} false boxes** in {cleaned} images without codes.
- **{median:.0f} ms** of one core for an image without codes (median; the largest, {largest}, {most:.0f} ms);
  {busy:.0f} ms for one with codes, which is searched again after each find.
"""


def _page(results: list[Result], clean: list[tuple[str, tuple[int, ...], int, float]]) -> str:
    codes = [one for result in results for one in result.codes]
    largest = max(clean, key=lambda one: one[1][0] * one[1][1])
    page = _HEAD.format(
        images=len(results), backgrounds=len(BACKGROUNDS), together=TOGETHER, version=version("zxing-cpp"),
        modules=_listed(MODULES), contrasts=_listed(f"{one:.0%}" for one in CONTRASTS), turns=_listed(TURNS),
        left=sum(bad for _, bad in codes), codes=len(codes), whole=sum(one.whole for one in results),
        boxes=sum(one[2] for one in clean), cleaned=len(clean),
        median=1000 * statistics.median(one[3] for one in clean), largest=f"{largest[1][0]} × {largest[1][1]}",
        most=1000 * largest[3], busy=1000 * statistics.median(one.seconds for one in results),
    )  # fmt: skip
    tables: list[tuple[str, Callable[[Code], object]]] = [
        ("symbology", lambda code: code.symbology),
        ("module, pixels", lambda code: code.module),
        ("contrast", lambda code: f"{code.contrast:.0%}"),
        ("turned, degrees", lambda code: code.turned),
        ("shown", lambda code: ("light on dark" if code.inverted else "dark on light") + _place(code)),
    ]
    return page + "".join(_table(title, key, codes) for title, key in tables) + _grounds(clean)


def _place(code: Code) -> str:
    return ", label" if code.label else ", in the image"


def _table(title: str, key: Callable[[Code], object], codes: list[tuple[Code, bool]]) -> str:
    counts, left = Counter(key(code) for code, _ in codes), Counter(key(code) for code, bad in codes if bad)
    names: list[Any] = sorted(counts)
    lines = (f"| {name} | {counts[name]} | {left[name]} |\n" for name in names)
    return f"\n| {title} | codes | read afterwards |\n| --- | --- | --- |\n{''.join(lines)}"


def _grounds(clean: list[tuple[str, tuple[int, ...], int, float]]) -> str:
    lines = []
    for name in dict.fromkeys(one[0] for one in clean):
        those = [one for one in clean if one[0] == name]
        milliseconds = 1000 * statistics.median(one[3] for one in those)
        size = f"{those[0][1][0]} × {those[0][1][1]}"
        lines.append(f"| {name} | {size} | {sum(one[2] for one in those)} | {milliseconds:.0f} |\n")
    return f"\n| ground, without codes | size | false boxes | ms |\n| --- | --- | --- | --- |\n{''.join(lines)}"


def _listed(numbers: Iterable[object]) -> str:
    *first, last = [str(one) for one in numbers]
    return f"{', '.join(first)} or {last}"

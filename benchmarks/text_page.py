"""The page of the text benchmark."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.text_backgrounds import BACKGROUNDS, TUNED_ON
from benchmarks.text_scoring import COVERED, NEAR, Score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.text import Slice
    from benchmarks.text_planting import Planted

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "text.md"
#: What is promised: of lines at least so high (pixels of a capital letter) and so far from their ground (of the range).
HEIGHT, CONTRAST = 7, 0.3
LEAST_COVERED, MOST_EXTRA, MOST_SECONDS = 0.999, 0.005, 0.5
#: Of an image without text, masked.
MOST_CLEAN = 0.0002
_TYPICAL = (1024, 1024)  # the largest size that the limit of seconds is for

_HEAD = """# Text in pixels

Written by `python -m benchmarks text` (after `scripts/bench-venv.sh`, which fetches Tesseract and deid-data). Lines of
text are drawn into images without text, so their positions are known without any OCR: {lines:,} lines in {images}
images on {backgrounds} backgrounds. Heights are those of a capital letter. A line is found if {covered:.0%} of the
rectangle around its ink is masked. Each image passes all steps: a DICOM file, stored values, views, detector, margin.
The detector was tuned on other seeds, and never on the {unseen} backgrounds of deid-data.

- **{promised} of {asked:,} lines are found** that are {height} pixels high or higher and differ from their ground by
  {contrast:.0%} of the range or more; {all} of all lines.
- Extra area: **{extra:.2%} of the image** further than {near} pixels from any line; {beside:.2%} with no such margin.
- **{median:.2f} s** of one core per image (median; the longest {longest:.2f} s), half of that on two.
"""
_LIMITS = """
## Where it fails

Single lines of one height and one contrast (share of the image's range), on all backgrounds but the two largest.
Letters are never closer to their background than four times its standard deviation.

"""
_BESIDE = """
## Beside other tools

The same images for all: those of the first seed. Tesseract gets the same views as SendIt's detector, and 2 pixels are
added around each word. deid gets a header like that of a device of the modality.

"""
_SECONDS = """
## Seconds

CPU seconds of one process for one image with blocks of text, while another process does the same; two cores finish an
image in half of that.

"""
_SERIES = """
## A series that shares its annotation

50 slices of 512 × 512 with moving tissue, under one annotation of four lines; from slice 30 on, the name is another
one. Results of close searches are remembered by the pixels. All of each slice is searched once, so a new line or
another name is never missed because of what was remembered.

"""


@dataclass(frozen=True)
class Measured:
    """All that is on the page."""

    planted: list[Score]
    clean: list[Score]
    limits: list[tuple[int, float, int, int]]  # height, contrast, lines covered, lines
    sizes: list[tuple[tuple[int, int], float]]  # rows and columns, seconds of one image
    series: dict[str, list[Slice]]
    deid: list[tuple[bool, Score]]
    tesseract: str | None
    by_tesseract: dict[tuple[str, int], list[Score]]  # mode and scale
    beside: list[Score]  # of SendIt, the images that the other tools see

    def good(self) -> bool:
        """Whether the limits are kept."""
        lines = [good for one in self.planted for line, good in one.lines() if promised(line)]
        extra = [one.extra for one in self.planted]
        seconds = [seconds / 2 for size, seconds in self.sizes if size <= _TYPICAL]  # on two cores
        return (
            sum(lines) >= LEAST_COVERED * len(lines)
            and statistics.mean(extra) <= MOST_EXTRA
            and statistics.mean(one.masked for one in self.clean) <= MOST_CLEAN
            and max(seconds) <= MOST_SECONDS
            and all(one.covered for series in self.series.values() for one in series)
        )


def promised(line: Planted) -> bool:
    """Whether a line is one of those that have to be found."""
    return line.height >= HEIGHT and line.contrast >= CONTRAST


def write(measured: Measured) -> None:
    """Write the page, and print it."""
    parts = (_head, _lines, _extra, _limits, _beside, _seconds, _series)
    PAGE.write_text("\n".join(part(measured) for part in parts), encoding="utf-8")
    print(PAGE.read_text("utf-8"))


def _head(measured: Measured) -> str:
    lines = [(line, good) for one in measured.planted for line, good in one.lines()]
    asked = [good for line, good in lines if promised(line)]
    extra, beside, _ = _areas(measured.planted)
    seconds = [one.seconds for one in measured.planted]
    return _HEAD.format(
        lines=len(lines),
        images=len(measured.planted),
        backgrounds=len({one.scene.background for one in measured.planted}),
        unseen=len(BACKGROUNDS) - len(TUNED_ON),
        covered=COVERED,
        promised=_share(asked),
        asked=len(asked),
        all=_share([good for _, good in lines]),
        height=HEIGHT,
        contrast=CONTRAST,
        near=NEAR,
        extra=statistics.mean(extra),
        beside=statistics.mean(beside),
        median=statistics.median(seconds),
        longest=max(seconds),
    )


def _lines(measured: Measured) -> str:
    lines = [(one, line, good) for one in measured.planted for line, good in one.lines()]
    by: list[tuple[str, Callable[[Score, Planted], str]]] = [
        ("how it is written", lambda one, _: one.scene.kind),
        ("modality", lambda one, _: one.scene.modality),
        ("background", lambda one, _: one.scene.background),
        ("height, pixels", lambda _, line: _class(line.height, (6, 7, 8, 9, 10, 12, 14, 18, 24, 42))),
        ("contrast, of the range", lambda _, line: _class(round(line.contrast * 100), (30, 50, 75, 100)) + " %"),
        ("letters", lambda _, line: "lighter than their background" if line.lighter else "darker"),
        ("font", lambda _, line: line.font),
    ]
    page = "## Lines that are found\n\n"
    for title, name in by:
        groups: dict[str, list[bool]] = {}
        for one, line, good in lines:
            groups.setdefault(name(one, line), []).append(good)
        rows = ((key, str(len(groups[key])), _share(groups[key])) for key in sorted(groups, key=_number))
        page += _table((title, "lines", "found"), rows) + "\n"
    missed = [(one, line, share) for one in measured.planted for line, share in _missed(one)]
    page += f"The {len(missed)} that are not:\n\n" if missed else ""
    for one, line, share in missed:
        page += (
            f"- {share:.0%} covered: {one.scene.kind} on {one.scene.background}, {line.height} pixels, {line.font}, "
        )
        page += f"contrast {line.contrast:.0%}, {'lighter' if line.lighter else 'darker'} than its ground\n"
    return page


def _missed(one: Score) -> list[tuple[Planted, float]]:
    return [(line, share) for line, share in zip(one.scene.planted, one.covered, strict=True) if share < COVERED]


def _extra(measured: Measured) -> str:
    rows = []
    for kind in sorted({one.scene.kind for one in measured.planted}):
        some = [one for one in measured.planted if one.scene.kind == kind]
        rows.append((kind, *(f"{statistics.mean(values):.2%}" for values in _areas(some))))
    flagged = [one for one in measured.clean if one.masked]
    page = "\n## Area that is masked\n\nMeans over the images, as shares of the image.\n\n"
    columns = ("how it is written", f"further than {NEAR} pixels from a line", "outside of all lines", "masked")
    page += _table(columns, rows)
    page += f"\nImages without any text: {len(flagged)} of {len(measured.clean)} have something masked, "
    page += f"{statistics.mean(one.masked for one in measured.clean):.3%} of the area on average"
    if flagged:
        worst = max(flagged, key=lambda one: one.masked)
        page += f", at most {worst.masked:.2%} ({worst.scene.background})"
    return page + ".\n"


def _areas(some: Sequence[Score]) -> tuple[list[float], ...]:
    return [one.extra for one in some], [one.beside for one in some], [one.masked for one in some]


def _limits(measured: Measured) -> str:
    heights = sorted({height for height, *_ in measured.limits})
    contrasts = sorted({contrast for _, contrast, *_ in measured.limits})
    rows = []
    for height in heights:
        cells = []
        for contrast in contrasts:
            some = [one[2:] for one in measured.limits if one[:2] == (height, contrast)]
            found, all_ = (sum(column) for column in zip(*some, strict=True))
            cells.append(f"{found / all_:.0%} of {all_}" if all_ else "")
        rows.append((str(height), *cells))
    return _LIMITS + _table(("height, pixels", *(f"{contrast:.0%}" for contrast in contrasts)), rows)


def _beside(measured: Measured) -> str:
    rows = [_row("SendIt", [one for one in measured.beside if one.covered])]
    for (mode, scale), some in measured.by_tesseract.items():
        name = f"Tesseract {measured.tesseract}, `--psm {mode}`{', enlarged twice' if scale > 1 else ''}"
        rows.append(_row(name, [one for one in some if one.covered]))
    with_text = [(flagged, one) for flagged, one in measured.deid if one.covered]
    without = [flagged for flagged, one in measured.deid if not one.covered and not one.scene.kind]
    rows.append(_row(f"deid {version('deid')}, the header", [one for _, one in with_text]))
    flagged = [flagged for flagged, _ in with_text]
    said = (
        f"deid flags {sum(flagged)} of {len(flagged)} images with text, and {sum(without)} of {len(without)} without; "
    )
    table = _table(("tool", "lines", "found", "extra area", "seconds per image"), rows)
    return f"{_BESIDE}{table}\n{said}where it flags\nan image, it does not always say which part.\n"


def _row(name: str, some: Sequence[Score]) -> tuple[str, ...]:
    lines = [good for one in some for _, good in one.lines()]
    seconds = statistics.median(one.seconds for one in some)
    return name, str(len(lines)), _share(lines), f"{statistics.mean(one.extra for one in some):.2%}", f"{seconds:.2f}"


def _seconds(measured: Measured) -> str:
    rows = []
    for size in sorted({size for size, _ in measured.sizes}):
        some = [seconds for one, seconds in measured.sizes if one == size]
        median, longest = statistics.median(some), max(some)
        rows.append((f"{size[1]} × {size[0]}", f"{median:.2f}", f"{longest:.2f}", f"{median / 2:.2f}"))
    return _SECONDS + _table(("size", "median", "longest", "per image on two cores"), rows)


def _series(measured: Measured) -> str:
    rows = []
    for ground, slices in measured.series.items():
        later = [one for number, one in enumerate(slices) if number not in (0, 30)]
        pixels = statistics.mean(one.looked_at for one in later) / slices[0].looked_at
        seconds = statistics.median(one.seconds for one in later)
        covered = f"{sum(one.covered for one in slices)} of {len(slices)}"
        rows.append((ground, f"{slices[0].seconds:.2f}", f"{seconds:.2f}", f"{pixels:.0%}", covered))
    columns = ("behind it", "first slice, s", "each other one, s", "pixels through the network", "all lines found")
    return _SERIES + _table(columns, rows)


def _share(good: Sequence[bool]) -> str:
    return f"{sum(good) / len(good):.1%}" if good else ""


def _class(value: int, ends: Sequence[int]) -> str:
    """The class that a value falls into: up to which of these."""
    end = next((one for one in ends if value <= one), ends[-1])
    before = max((one for one in ends if one < end), default=0)
    return str(end) if end - before == 1 or not before else f"{before + 1} to {end}"


def _number(text: str) -> tuple[int, str]:
    digits = text.split(" ")[0]
    return (int(digits) if digits.isdigit() else 0, text)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    return "\n".join((*lines, *(f"| {' | '.join(row)} |" for row in rows))) + "\n"

"""The page of the benchmark of known identifiers."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.text_known import Outcome, SeriesOutcome

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "text-known.md"
ASKED = "7 pixels, 15 %"
MOST_TIMES, LEAST_COVERED = 2.0, 0.999

_HEAD = """# Identifiers that are known, and single slices

Written by `python -m benchmarks text-known` (after `scripts/bench-venv.sh`). Lines with the patient's name,
number, accession number or date of birth are drawn into images without text, and the header says the same of the
patient, as it does in a study. Heights are those of a capital letter, contrast is a share of the image's range; no line
is nearer to its ground than four times the standard deviation there. A line is covered if 90% of its ink is masked. It
is readable if the second look, or a reader that is shown its exact place, reads an identifier in the output.
{ended}
- **{covered} of {lines:,} lines of 7 pixels and 15 % contrast are covered**, {readable} readable.
- **{all_readable} of {all_lines:,} lines of all kinds are readable** in the outputs; {held} of {images:,} images are
  held.
- Extra area further than 4 pixels from any line: {extra:.2%} of the image.
- **{new:.2f} s** of one core per image (median), compared with {old:.2f} s of the previous version ({times:.2f} times),
  measured at the same time on {timed} images of which half has no text.

"""
_SERIES = """
## A line in one slice of a series

Up to three lines in one of 40 slices derived from a real one: rotated, enlarged and shifted slightly from slice to
slice, each with its own noise. One search of each projection of 32 slices, and what it leads to.

"""


def cases(thick: int) -> Iterator[tuple[str, int, tuple[int, ...], tuple[float, ...], tuple[int, ...]]]:
    """Name, images for each background, heights, contrasts, angles."""
    some = max(1, thick // 6)
    yield ASKED, thick, (7,), (0.15,), (0,)
    yield "7 and 9 pixels, 10 %", some, (7, 9), (0.1,), (0,)
    yield "7 and 9 pixels, 5 %", some, (7, 9), (0.05,), (0,)
    for angles in ((15, -15), (30, -30), (35, -35), (45, -45), (60, -60), (90, 180, 270)):
        turned = ", ".join(f"{angle}°" for angle in angles)
        yield f"9 to 14 pixels, 15 to 50 %, turned by {turned}", some, (9, 12, 14), (0.15, 0.3, 0.5), angles


def write(
    outcomes: Sequence[Outcome],
    series: Sequence[tuple[tuple[str, int, float, int], SeriesOutcome]],
    times: tuple[list[float], list[float]],
    share: float,
) -> bool:
    """Write the page, and print it; whether the limits are kept."""
    asked = [one for one in outcomes if one.case == ASKED]
    covered, readable = _lines(asked)
    old, new = (statistics.median(some) for some in times)
    head = _HEAD.format(
        ended="" if share == 1 else f"It was ended early, after {share:.0%} of the images.\n",
        covered=_share(covered),
        lines=len(covered),
        readable=sum(readable),
        all_readable=sum(_lines(outcomes)[1]),
        all_lines=len(_lines(outcomes)[1]),
        held=sum(one.held for one in outcomes),
        images=len(outcomes),
        extra=statistics.mean(one.extra for one in outcomes),
        new=new,
        old=old,
        times=new / old,
        timed=len(times[0]),
    )
    PAGE.write_text(head + _by_case(outcomes) + _SERIES + _by_series(series), encoding="utf-8")
    print(PAGE.read_text("utf-8"))
    false = sum(one.false for given, one in series if not given[1])
    return (
        sum(covered) >= LEAST_COVERED * len(covered)
        and not sum(_lines(outcomes)[1])
        and new <= MOST_TIMES * old
        and not false
    )


def _lines(outcomes: Iterable[Outcome]) -> tuple[list[bool], list[bool]]:
    some = list(outcomes)
    return [good for one in some for good in one.covered], [bad for one in some for bad in one.readable]


def _by_case(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for case in dict.fromkeys(one.case for one in outcomes):
        some = [one for one in outcomes if one.case == case]
        covered, readable = _lines(some)
        extra = statistics.mean(one.extra for one in some)
        rows.append((case, len(covered), _share(covered), sum(readable), sum(one.held for one in some), f"{extra:.2%}"))
    return _table(("lines", "number", "covered", "readable", "images held", "extra area"), rows)


def _by_series(series: Sequence[tuple[tuple[str, int, float, int], SeriesOutcome]]) -> str:
    rows = []
    for height, contrast in dict.fromkeys(given[1:3] for given, _ in series):
        some = [one for given, one in series if given[1:3] == (height, contrast)]
        name = f"{height} pixels, {contrast:.0%}" if height else "none"
        lines, slices = sum(one.lines for one in some), sum(one.slices for one in some)
        each = 1000 * sum(one.seconds for one in some) / slices
        rows.append(
            (name, len(some), lines, sum(one.found for one in some), sum(one.false for one in some), f"{each:.0f}")
        )
    return _table(("lines", "series", "number", "covered", "other slices masked", "ms per slice"), rows)


def _share(good: Sequence[bool]) -> str:
    return f"{sum(good) / len(good):.1%}" if good and not all(good) else "100%" if good else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    return "\n".join((*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows))) + "\n"

"""Writes docs/fidelity.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.fidelity.readers import Reading
    from benchmarks.fidelity.run import Measured

PAGE = Path(__file__).parents[2] / "docs" / "fidelity.md"
_BEGIN, _END = "<!-- measured: fidelity (python -m benchmarks fidelity) -->\n", "<!-- end of measured: fidelity -->"
_VENDORS = {"siemens": "Siemens", "ge": "GE", "philips": "Philips", "uih": "UIH", "canon": "Canon", "toshiba": "Canon"}


def vendor_of(folder: str) -> str:
    """The vendor that the name of a folder begins with."""
    return _VENDORS.get(re.split("[_-]", folder.lower())[0], folder)


def write(version: str, measured: Sequence[Measured], found: Iterable[Reading], real: int | None) -> None:
    """Put the figures into the page."""
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    PAGE.write_text(before + _BEGIN + "".join(_lines(version, measured, found, real)) + _END + after, "utf-8")


def _lines(version: str, measured: Sequence[Measured], found: Iterable[Reading], real: int | None) -> Iterator[str]:
    told = f"and {real} series of scanners" if real else "without series of scanners (there is no folder of them)"
    yield f"dcm2niix {version}, series that the benchmark makes {told}.\n\n"
    yield "| vendor | series | images equal | b-values and vectors equal | sidecar fields equal | "
    yield "differ with a reason | differ without |\n| --- | --- | --- | --- | --- | --- | --- |\n"
    for one in sorted(measured, key=lambda one: (one.vendor, one.name.startswith("scanner"))):
        result = one.result
        yield f"| {one.vendor} | {one.name} | {result.equal_images}/{result.images} | "
        yield f"{result.equal_tables}/{result.tables} | {result.equal_fields}/{result.fields} | "
        yield f"{len(result.explained)} | {'; '.join([*result.unexplained, *result.held]) or '–'} |\n"
    yield "\nFields that differ with a reason:\n\n| field | reason |\n| --- | --- |\n"
    reasons = {key: reason for one in measured for key, reason in one.result.explained.items()}
    for key, reason in sorted(reasons.items()):
        yield f"| `{key}` | {reason} |\n"
    yield "\nOther readers, over pydicom's test files and the series:\n\n| reader | |\n| --- | --- |\n"
    for reading in found:
        yield f"| {reading.name} | {reading.told()} |\n"

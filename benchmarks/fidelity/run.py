"""Runs dcm2niix over series before and after de-identification, and writes docs/fidelity.md.

The series are those that the benchmark makes, and those of the folder that SENDIT_FIDELITY_SERIES names (default:
var/fidelity-series): one folder a series, its name begins with the vendor's.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.fidelity import page
from benchmarks.fidelity.compare import Result, compare, convert
from benchmarks.fidelity.readers import Reading, readings
from benchmarks.fidelity.series import AGAIN, SERIES, moved, write
from sendit.deidentify import KeyedIdentities, Plan, compile_plan, deidentify
from sendit.deidentify.options import PRESETS
from sendit.model import Released
from sendit.pipeline.pool.pixel_tools import pixel_tools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendit.deidentify.pixels.ocr.api import PixelTools

_ROOT = Path(__file__).parents[2]
_IDENTITIES = KeyedIdentities(b"fidelity".ljust(32, b"."))


@dataclass(slots=True)
class Measured:
    """One series."""

    vendor: str
    name: str
    result: Result


def research() -> Plan:
    """The plan of the preset, with the lists of all vendors."""
    return compile_plan(PRESETS["Research"], [], ["vendors"])


def main() -> bool:
    """Whether no difference was without a reason."""
    converter = program()
    if converter is None:
        print("fidelity: dcm2niix is not there (pip install dcm2niix); left out")
        return True
    with TemporaryDirectory() as scratch:
        version, measured = _measure(converter, Path(scratch))
        found = list(readings(research(), _IDENTITIES, Path(scratch) / "readers"))
    real = real_series()
    page.write(version, measured, found, None if real is None else sum(path.is_dir() for path in real.iterdir()))
    _say(measured, found)
    return all(one.result.good for one in measured) and all(one.good for one in found)


def _say(measured: list[Measured], found: list[Reading]) -> None:
    for one in measured:
        told = "equal" if one.result.good else "; ".join([*one.result.unexplained[:3], *one.result.held[:1]])
        print(f"fidelity: {one.vendor} {one.name}: {told}")
    for reading in found:
        print(f"fidelity: {reading.name}: {reading.told()}")


def program() -> str | None:
    """The dcm2niix of the package, or one of the system; None if there is none."""
    if find_spec("dcm2niix") is not None:
        return str(import_module("dcm2niix").bin)
    return shutil.which("dcm2niix")


def real_series() -> Path | None:
    """The folder of series from scanners; None if there is none."""
    folder = Path(os.environ.get("SENDIT_FIDELITY_SERIES", str(_ROOT / "var" / "fidelity-series")))
    return folder if folder.is_dir() else None


def _measure(converter: str, scratch: Path) -> tuple[str, list[Measured]]:
    measured, version = [], ""
    plan, tools = research(), pixel_tools(scratch)
    for vendor, name, folder in _all_series(scratch / "series"):
        result, after = Result(), scratch / "after" / name
        after.mkdir(parents=True)
        result.held = deidentified(folder, after, plan, tools)
        version = convert(converter, folder, scratch / "before-nii" / name)
        convert(converter, after, scratch / "after-nii" / name)
        compare(scratch / "before-nii" / name, scratch / "after-nii" / name, result)
        measured.append(Measured(vendor, name, result))
    return version, measured


def _all_series(scratch: Path) -> Iterator[tuple[str, str, Path]]:
    for name, (vendor, series) in SERIES.items():
        write(series, scratch / name)
        yield vendor, name, scratch / name
    for name in AGAIN:
        vendor, series = SERIES[name]
        write(series, scratch / f"{name}-implicit", implicit=True)
        yield vendor, f"{name}-implicit", scratch / f"{name}-implicit"
        write(moved(series), scratch / f"{name}-moved")
        yield vendor, f"{name}-moved", scratch / f"{name}-moved"
    real = real_series()
    for folder in sorted(real.iterdir()) if real is not None else ():
        if folder.is_dir():
            yield page.vendor_of(folder.name), f"scanner: {folder.name}", folder


def deidentified(source: Path, target: Path, plan: Plan, tools: PixelTools | None = None) -> list[str]:
    """De-identify a series; return why instances were not released."""
    held: Counter[str] = Counter()
    for path in sorted(source.iterdir()):
        outcome = deidentify(path.read_bytes(), plan, _IDENTITIES, tools)
        if isinstance(outcome, Released):
            (target / path.name).write_bytes(b"".join(outcome.chunks))
        else:
            held[outcome.reason] += 1
    return [f"{count} instances held: {reason}" for reason, count in held.items()]

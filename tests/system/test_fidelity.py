"""What dcm2niix makes of a series is the same before and after, but for what identifies and for dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.fidelity.compare import Result, compare, convert
from benchmarks.fidelity.run import deidentified, program, research
from benchmarks.fidelity.series import AGAIN, SERIES, Series, moved, write
from sendit.deidentify import compile_plan
from sendit.deidentify.options import PRESETS

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = program()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="dcm2niix is not installed (pip install dcm2niix)")

_CASES = [
    *(pytest.param(series, False, id=name) for name, (_, series) in SERIES.items()),
    *(pytest.param(SERIES[name][1], True, id=f"{name}-implicit") for name in AGAIN),
    *(pytest.param(moved(SERIES[name][1]), False, id=f"{name}-moved") for name in AGAIN),
]


def _compared(folder: Path, tmp_path: Path, after: Path) -> Result:
    assert PROGRAM is not None
    result = Result()
    for name, source in (("before", folder), ("after", after)):
        convert(PROGRAM, source, tmp_path / f"{name}-converted")
    compare(tmp_path / "before-converted", tmp_path / "after-converted", result)
    return result


@pytest.mark.parametrize(("series", "implicit"), _CASES)
def test_nothing_differs_without_a_reason(series: Series, implicit: bool, tmp_path: Path) -> None:
    """Images, b-values, vectors and sidecars; in implicit VR, and with blocks that were moved."""
    write(series, tmp_path / "series", implicit)
    (tmp_path / "after").mkdir()
    assert deidentified(tmp_path / "series", tmp_path / "after", research()) == []
    result = _compared(tmp_path / "series", tmp_path, tmp_path / "after")
    assert result.unexplained == []
    assert result.images
    assert result.equal_images == result.images


@pytest.mark.parametrize("name", ["siemens-mosaic", "ge-dwi", "philips-dti", "philips-enhanced", "uih-grid"])
def test_the_series_need_the_lists(name: str, tmp_path: Path) -> None:
    """Without them something differs: else the test above would show nothing."""
    write(SERIES[name][1], tmp_path / "series")
    (tmp_path / "after").mkdir()
    deidentified(tmp_path / "series", tmp_path / "after", compile_plan(PRESETS["Research"], []))
    assert _compared(tmp_path / "series", tmp_path, tmp_path / "after").unexplained

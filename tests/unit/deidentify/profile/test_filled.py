"""Objects of every storage SOP class: nothing planted leaves, and they are as valid as before (PS3.15 E.1.1)."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pydicom
import pytest

from benchmarks.leaks import validity
from sendit.config.schema import Option
from sendit.deidentify import compile_plan
from tests.unit.deidentify.profile.filled import filled, sop_classes
from tests.unit.deidentify.samples import file_of, released

if TYPE_CHECKING:
    from pathlib import Path

_CLASSES = sop_classes()
_FEW = [
    one
    for one in _CLASSES
    if one.endswith(("1.1.2.1", "1.1.66.4", "1.1.88.34", "1.1.481.8", "1.1.77.1.6", "1.1.9.1.1"))
]
_OPTIONS = (
    "CleanDescriptors CleanStructuredContent CleanGraphics RetainSafePrivate RetainLongitudinalModifiedDates "
    "RetainPatientCharacteristics"
)
_PLANS = {"Basic Profile": compile_plan([], []), "for research": compile_plan([*map(Option, _OPTIONS.split())], [])}
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore::UserWarning")]


@pytest.mark.parametrize("plan", _PLANS)
@pytest.mark.parametrize("sop_class", _FEW)
def test_what_some_objects_hold_does_not_leave(sop_class: str, plan: str, tmp_path: Path) -> None:
    """An image, segments, a report, a plan, a slide, an ECG."""
    _check(sop_class, plan, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("sop_class", sorted(set(_CLASSES) - set(_FEW)))
def test_what_any_object_holds_does_not_leave(sop_class: str, tmp_path: Path) -> None:
    """All others."""
    for plan in _PLANS:
        _check(sop_class, plan, tmp_path)


def _check(sop_class: str, plan: str, folder: Path) -> None:
    made = filled(sop_class)
    source = file_of(made.content)
    output = b"".join(released(source, _PLANS[plan]).chunks)
    text = output.decode("latin-1").lower()
    assert len(made.planted) > 30
    # Eight digits are found in a coded UID by chance: a date is one where no other digit is beside it.
    assert [planted for planted in made.planted if re.search(rf"(?<![0-9]){re.escape(planted)}", text)] == []
    assert pydicom.dcmread(io.BytesIO(output)).SOPClassUID == sop_class
    if validity.available():
        (folder / "before.dcm").write_bytes(source)
        (folder / "after.dcm").write_bytes(output)
        assert validity.new_errors(folder / "before.dcm", folder / "after.dcm") == {}

"""A validator of the standard finds nothing wrong in what leaves that it did not find in what came."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from sendit.config.schema import Option
from sendit.deidentify import compile_plan
from tests.unit.deidentify.samples import VARIED, released, sample

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (Debian's dicom3tools) is not there")

_OPTIONS = [
    Option.CLEAN_DESCRIPTORS,
    Option.CLEAN_STRUCTURED_CONTENT,
    Option.CLEAN_GRAPHICS,
    Option.RETAIN_LONGITUDINAL_MODIFIED_DATES,
    Option.RETAIN_PATIENT_CHARACTERISTICS,
    Option.RETAIN_SAFE_PRIVATE,
]


def _errors(data: bytes, path: Path) -> Counter[str]:
    """Its complaints, without the values and places that they quote."""
    path.write_bytes(data)
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, check=False, timeout=60)
    lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
    return Counter(re.sub(r"<.*?>|= <.*", "", line) for line in lines if line.startswith("Error"))


@pytest.mark.parametrize("options", [[], _OPTIONS], ids=["basic", "options"])
@pytest.mark.parametrize("name", VARIED)
def test_no_new_errors(name: str, options: list[Option], tmp_path: Path) -> None:
    """Of valid files: one that had errors before is only held to have no more of those of other kinds."""
    before = _errors(sample(name), tmp_path / "before.dcm")
    after = _errors(b"".join(released(sample(name), compile_plan(options, [])).chunks), tmp_path / "after.dcm")
    if before:
        pytest.skip(f"it is not valid itself ({sum(before.values())} errors)")
    assert after == Counter()

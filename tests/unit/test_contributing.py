"""CONTRIBUTING.md's recipes for a destination and for a text detector, followed literally."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import SecondaryCaptureImageStorage

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
#: Names of files in the recipes that are examples.
EXAMPLES = "destinations/null/"

USE = """
from sendit.config.schema import load
from sendit.destinations import open_destination

section = {"Destinations": {"out": {"Type": "Null", "Label": "here"}},
           "Projects": {"IRB1": {"Destinations": ["out"]}}}
settings, orthanc = load({"SendIt": section})
destination = open_destination("out", settings.destinations["out"], orthanc)
destination.check()
print(type(destination).__name__, settings.destinations["out"].address(orthanc), destination.recall(None))
"""

DETECTOR = '''
"""Takes the top of each frame for text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendit.deidentify.pixels.ocr.api import DetectedText
from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from sendit.deidentify.pixels.windowing import Shown


class TopDetector:
    """Finds text in the first two rows."""

    def __init__(self) -> None:
        self.looked_at = 0

    def candidates(self, frame: Shown, *, everywhere: bool = False) -> list[tuple[DetectedText, bool]]:
        """See `TextDetector`."""
        self.looked_at += frame.shape[0] * frame.shape[1]
        return [(DetectedText(Region(0, 0, frame.shape[1], 2), "", 1.0), True)]

    def reading(self, frame: Shown, region: Region) -> tuple[str, float]:
        """See `TextDetector`."""
        return "", 0.0
'''

DETECT = """
import io, pathlib, sys
import pydicom
from sendit.deidentify import KeyedIdentities, compile_plan, deidentify
from sendit.deidentify.options import Option
from sendit.pipeline.pool.pixel_tools import check_text_detection, pixel_tools

check_text_detection()
plan = compile_plan([Option.CLEAN_PIXEL_DATA], [])
source = pathlib.Path(sys.argv[1]).read_bytes()
outcome = deidentify(source, plan, KeyedIdentities(bytes(32)), pixel_tools(pathlib.Path(sys.argv[1]).parent))
after = pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks))).pixel_array
print(int(after[:2].max()), int(after[-2:].min()))
"""


def blocks() -> dict[str, str]:
    """Return the code blocks whose first line names their file."""
    found = re.findall(r"^ *```python\n( *)# (\S+)\n(.*?)^ *```", TEXT, re.MULTILINE | re.DOTALL)
    return {name: textwrap.dedent(f"{indent}#\n{code}").partition("\n")[2] for indent, name, code in found}


def digests(package: Path) -> dict[str, str]:
    """Return the digest of each file of a package, by its path."""
    files = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(package)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_destination_touches_one_file_outside_of_its_folder(tmp_path: Path) -> None:
    """A configuration can name the new kind, and it is opened."""
    package = tmp_path / "sendit"
    shutil.copytree(ROOT / "plugin" / "sendit", package, ignore=shutil.ignore_patterns("__pycache__"))
    before = digests(package)
    (package / "destinations" / "null").mkdir()
    (package / "destinations" / "null" / "__init__.py").write_text('"""Delivery to nowhere."""\n')
    steps = blocks()
    registry = package / "config" / "destinations.py"
    for name, code in steps.items():
        if name.startswith(EXAMPLES):
            (package / name).write_text(code)
    opening = "DESTINATIONS: Mapping[str, str] = {\n"
    assert registry.read_text().count(opening) == 1
    registry.write_text(registry.read_text().replace(opening, opening + steps["config/destinations.py"]))

    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    used = subprocess.run(
        [sys.executable, "-c", USE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert used.stdout == "NullDestination here []\n", used.stderr

    changed = {name for name, digest in digests(package).items() if before.get(name) != digest}
    outside = {name for name in changed if not name.startswith(EXAMPLES)}
    assert outside == {"config/destinations.py"}
    assert len(changed) == 4


@pytest.mark.long
def test_a_text_detector_touches_one_file_beside_its_own(tmp_path: Path) -> None:
    """What it finds is masked, by the tools that de-identification is given."""
    package = tmp_path / "sendit"
    shutil.copytree(ROOT / "plugin" / "sendit", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "deidentify" / "pixels" / "ocr" / "top.py").write_text(DETECTOR.lstrip())
    chosen = package / "deidentify" / "pixels" / "ocr" / "instance.py"
    for before, after in (("ocr.detector import RapidTextDetector", "ocr.top import TopDetector"),
                          ("detector or RapidTextDetector()", "detector or TopDetector()")):  # fmt: skip
        assert chosen.read_text().count(before) == 1
        chosen.write_text(chosen.read_text().replace(before, after))
    capture = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    capture.SOPClassUID = capture.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    capture.PixelData = b"\x01\x02" * (len(capture.PixelData) // 2)
    capture.save_as(tmp_path / "capture.dcm")

    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", DETECT, str(tmp_path / "capture.dcm")]
    used = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    masked, rest = used.stdout.split() or pytest.fail(used.stderr)
    assert int(masked) < int(rest) == 0x0201


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_named_file_exists(page: str) -> None:
    """Paths in backquotes, below plugin/, plugin/sendit/, one of its packages, or the checkout."""
    text = (ROOT / page).read_text(encoding="utf-8")
    package = ROOT / "plugin" / "sendit"
    bases = [ROOT, ROOT / "plugin", package, *(path for path in package.rglob("*") if path.is_dir())]
    named = set(re.findall(r"`([\w/]+(?:\.py|\.csv|/))`", text)) | set(re.findall(r"\btests/[\w/]+\.py", text))
    missing = {name for name in named if not any((base / name).exists() for base in bases)}
    assert {name for name in missing if "null" not in name} == set()

"""CONTRIBUTING.md's recipe for a destination, followed literally."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_named_file_exists(page: str) -> None:
    """Paths in backquotes, below plugin/, plugin/sendit/, one of its packages, or the checkout."""
    text = (ROOT / page).read_text(encoding="utf-8")
    package = ROOT / "plugin" / "sendit"
    bases = [ROOT, ROOT / "plugin", package, *(path for path in package.rglob("*") if path.is_dir())]
    named = set(re.findall(r"`([\w/]+(?:\.py|\.csv|/))`", text)) | set(re.findall(r"\btests/[\w/]+\.py", text))
    missing = {name for name in named if not any((base / name).exists() for base in bases)}
    assert {name for name in missing if "null" not in name} == set()

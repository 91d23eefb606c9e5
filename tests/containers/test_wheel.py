"""The wheel by itself: installed into a fresh environment, its commands work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.deidentify.samples import path

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_wheel_works_in_a_fresh_environment(tmp_path: Path) -> None:
    """Outside of the checkout, with the packages that pip chooses: at the newest versions that are allowed."""

    def run(*command: str | Path) -> str:
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    run(sys.executable, "-m", "venv", "fresh")
    programs = tmp_path / "fresh" / "bin"
    run(programs / "pip", "--disable-pip-version-check", "install", "--quiet", next(tmp_path.glob("*.whl")))
    run(programs / "pip", "check")
    assert run(programs / "sendit", "--version").startswith("sendit ")
    assert "--key" in run(programs / "sendit-verify", "--help")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ct.dcm").write_bytes(path("CT_small.dcm").read_bytes())
    run(programs / "sendit", "deidentify", "in", "out", "--options", "Research", "--key-directory", tmp_path / "keys")
    receipt = json.loads((tmp_path / "out" / "receipts.jsonl").read_text())
    assert (receipt["path"], receipt["status"]) == ("ct.dcm", "released")
    assert (tmp_path / "fresh" / "share" / "man" / "man1" / "sendit.1").is_file()

"""`sendit recipe check` and `sendit recipe explain`, as they are called."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.burned import CaptureMaker
from tests.unit.deidentify.samples import path

GOOD = "FORMAT dicom\n%header\nKEEP PatientSex\nREPLACE InstitutionName func:site\nBLANK StationName\n"
FUNCTIONS = "def site(item, value, field, dicom):\n    return 'Site 4'\n"


def sendit(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("sendit")), "recipe", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def prepare(tmp_path: Path) -> None:
    (tmp_path / "good.deid").write_text(GOOD)
    (tmp_path / "bad.deid").write_text("FORMAT dicom\n%header\n\nREMOVE PatientNmae\n")
    (tmp_path / "site.py").write_text(FUNCTIONS)


def test_check(tmp_path: Path) -> None:
    """Each recipe by itself; a wrong one with file, line and remedy, and exit code 2."""
    prepare(tmp_path)
    good = sendit("check", "good.deid", "--functions", "site.py", folder=tmp_path)
    assert (good.returncode, good.stdout, good.stderr) == (0, "good.deid: ok\n", "")
    both = sendit("check", "bad.deid", "good.deid", "--functions", "site.py", folder=tmp_path)
    assert both.returncode == 2
    assert both.stdout == "good.deid: ok\n"
    assert both.stderr == "bad.deid:4: 'PatientNmae' is not a DICOM attribute. Did you mean PatientName?\n"
    without = sendit("check", "good.deid", "none.deid", folder=tmp_path)
    assert without.returncode == 2
    assert without.stderr.startswith("good.deid:4: there is no func:site.")
    assert "none.deid" in without.stderr


def test_functions_that_everybody_may_write_to(tmp_path: Path) -> None:
    """SendIt would run what anybody put there."""
    prepare(tmp_path)
    (tmp_path / "site.py").chmod(0o666)
    refused = sendit("check", "good.deid", "--functions", "site.py", folder=tmp_path)
    assert refused.returncode == 2
    assert "chmod o-w" in refused.stderr


def test_explain(tmp_path: Path) -> None:
    """A line for each element: what happens, and who decided; values only if they are asked for."""
    prepare(tmp_path)
    arguments = ("explain", "good.deid", "--on", path("CT_small.dcm"), "--functions", "site.py")
    said = sendit(*arguments, "--options", "RetainUIDs", folder=tmp_path)
    assert said.returncode == 0, said.stderr
    rows = {row[0]: row[1:] for row in (line.split(None, 2) for line in said.stdout.splitlines()) if len(row) == 3}
    assert "JFK" not in said.stdout
    assert "CompressedSamples" not in said.stdout

    def row(tag: str) -> str:
        return " ".join(" ".join(rows[tag]).split())

    assert row("(0010,0040)") == "PatientSex kept recipe good.deid, line 3"
    assert row("(0008,0080)") == "InstitutionName replaced recipe good.deid, line 4"
    assert row("(0008,1010)") == "StationName blanked recipe good.deid, line 5"
    assert row("(0020,000D)") == "StudyInstanceUID kept PS3.15 Table E.1-1, RetainUIDs"
    assert row("(0010,0010)") == "PatientName replaced PS3.15 Table E.1-1, Basic Profile"
    assert row("(0009,1002)") == "private removed default deny: private"
    assert row("(0008,0070)") == "Manufacturer kept allowlist"
    shown = sendit(*arguments, "--show-values", folder=tmp_path)
    assert "JFK IMAGING CENTER" in shown.stdout
    assert "Site 4" in shown.stdout


def test_explain_pixels_and_what_is_not_there(tmp_path: Path) -> None:
    """As a project that names no options does it: text burned in is looked for. A value that is blank is not "kept"."""
    (tmp_path / "none.deid").write_text("FORMAT dicom\n%header\nBLANK StationName\n")
    (tmp_path / "capture.dcm").write_bytes(CaptureMaker().capture(AccessionNumber=""))
    said = sendit("explain", "none.deid", "--on", "capture.dcm", folder=tmp_path)
    assert said.returncode == 0, said.stderr
    rows = [" ".join(line.split()) for line in said.stdout.splitlines()]
    assert "(7FE0,0010) PixelData cleaned CleanPixelData: cleaned, text detection" in rows
    assert "(0008,0050) AccessionNumber was blank PS3.15 Table E.1-1, Basic Profile" in rows


@pytest.mark.slow
def test_explain_what_would_not_be_released(tmp_path: Path) -> None:
    """The reason instead of a table, and exit code 1; 2 where there is nothing to explain."""
    prepare(tmp_path)
    (tmp_path / "text.dcm").write_text("no DICOM")
    arguments = ("--functions", "site.py")
    rejected = sendit("explain", "good.deid", "--on", "text.dcm", *arguments, folder=tmp_path)
    assert (rejected.returncode, rejected.stdout) == (1, "")
    assert rejected.stderr.startswith("rejected: ")
    for missing in (("good.deid", "none.dcm"), ("bad.deid", "text.dcm")):
        assert sendit("explain", missing[0], "--on", missing[1], *arguments, folder=tmp_path).returncode == 2

"""Errors that dciodvfy (Debian's package dicom3tools) finds in an output and did not find in the original."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

_UID = re.compile(r"\b[0-9]+(?:\.[0-9]+){4,}\b")
_VALUE = re.compile(r"\[\d+\] = <.*?>|for value \d+ of")


def available() -> bool:
    """Whether dciodvfy is installed."""
    return shutil.which("dciodvfy") is not None


def new_errors(original: Path, output: Path) -> set[str]:
    """The errors of the output, without values, that the original does not have."""
    return _errors(output) - _errors(original)


def _errors(path: Path) -> set[str]:
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, check=False)
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    return {_VALUE.sub("", _UID.sub("UID", line)) for line in lines if line.startswith("Error")}

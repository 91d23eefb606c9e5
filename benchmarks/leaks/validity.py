"""Errors that dciodvfy (Debian's package dicom3tools) finds in an output and did not find in the original."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: UIDs of coded instances have three components, those in messages of any others more.
_UID = re.compile(r"\b[0-9]+(?:\.[0-9]+){2,}\b|(?<=UID )[0-9.]+$")
_VALUE = re.compile(r"\[\d+\] = <.*?>|for value \d+ of")


def available() -> bool:
    """Whether dciodvfy is installed."""
    return shutil.which("dciodvfy") is not None


def new_errors(original: Path, output: Path) -> Counter[str]:
    """The errors of the output, without values, that the original does not have, or has fewer times."""
    return _errors(output) - _errors(original)


def _errors(path: Path) -> Counter[str]:
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, check=False)
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    return Counter(_VALUE.sub("", _UID.sub("UID", line)) for line in lines if line.startswith("Error"))

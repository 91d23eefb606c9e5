"""What the Dockerfile and the scripts install, without building an image."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import pytest

ROOT = Path(__file__).parents[2]
#: Libraries that a server may lack, and Debian's packages that have them.
PACKAGES = {
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libxcb.so.1": "libxcb1",
}


def copied() -> list[list[str]]:
    """Sources and target of each COPY before the wheel is built."""
    before = (ROOT / "Dockerfile").read_text().partition("pip wheel")[0]
    return [line.split()[1:] for line in before.splitlines() if line.startswith("COPY ")]


def let_in(source: Path, folder: Path) -> None:
    """Copy what .dockerignore lets into the build of a file or a folder."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [ROOT / line[1:] for line in lines if line.startswith("!")]
    for path in [source] if source.is_file() else source.rglob("*"):
        if path.is_file() and path.suffix != ".pyc" and any(path.is_relative_to(one) for one in allowed):
            target = folder / (path.relative_to(source) if source.is_dir() else path.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def names(checkout: Path, target: Path) -> set[str]:
    """The files of the wheel that is built from a folder."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(build, cwd=checkout, check=True, capture_output=True)
    with zipfile.ZipFile(next(target.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def test_the_wheel_of_the_image_has_every_file(tmp_path: Path) -> None:
    """Whatever is missing in the build is missing in the wheel, without an error."""
    context = tmp_path / "context"
    for *sources, target in copied():
        for source in sources:
            let_in(ROOT / source, context / target)
    whole = names(ROOT, tmp_path / "whole")
    assert "sendit_verify.py" in whole
    assert names(context, tmp_path / "image") == whole


def linked() -> set[str]:
    """Those that OpenCV is linked with here, itself or by the libraries that its wheel brings."""
    place = next(Path(str(cv2.__file__)).parent.glob("cv2*.so"))
    found = subprocess.run(["ldd", str(place)], check=True, capture_output=True, text=True).stdout
    return {line.split()[0] for line in found.splitlines()} & PACKAGES.keys()


@pytest.mark.parametrize("script", ["Dockerfile", "scripts/install.sh", "scripts/portable.sh", "scripts/setup.sh"])
def test_libraries_of_opencv_are_installed(script: str) -> None:
    """Without them no image with a risk of text could be worked on."""
    packages = {PACKAGES[library] for library in linked()}
    assert packages
    words = set((ROOT / script).read_text().replace("=", " ").replace(";", " ").replace(",", " ").split())
    assert packages - words == set()

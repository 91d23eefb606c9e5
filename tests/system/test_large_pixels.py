"""A multi-frame image of 2 GB is cleaned, frame by frame, in little memory."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.burned import picture
from tests.pixels import EXPLICIT, Kind, file_of, image

if TYPE_CHECKING:
    from pathlib import Path

_MOST_MEMORY = 512  # MB
_FRAMES, _SIDE = 1000, 1024  # of two bytes for each pixel: 2 GB
_PROGRAM = """
import mmap, sys
from pathlib import Path
from sendit.deidentify import KeyedIdentities, RecipeText, compile_plan, deidentify
from sendit.deidentify.pixels.ocr.api import PixelTools
from sendit.config.schema import Option
recipe = "FORMAT dicom\\n%filter graylist\\nLABEL all\\n  equals Modality OT\\n  coordinates 0,0,500,100\\n"
plan = compile_plan([Option.CLEAN_PIXEL_DATA], [RecipeText("r", recipe)])
with open(sys.argv[1], "rb") as file:
    source = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    outcome = deidentify(source, plan, KeyedIdentities(bytes(32)), PixelTools(scratch=Path(sys.argv[1]).parent))
pixels = next(chunk for chunk in outcome.chunks if len(chunk) > 1 << 30)
last = len(pixels) - 1024 * 1024 * 2
assert bytes(pixels[last:last + 2]) == b"\\0\\0" and outcome.receipt.pixels["status"] == "cleaned"
peak = next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM"))
print(int(peak.split()[1]) >> 10)
"""


_HALF_A_GIGABYTE = 512  # MB
#: With the networks that find text, and pictures of before and after.
_MOST_MEMORY_WITH_TEXT = 1024  # MB
_IN_THE_POOL = """
import sys
from pathlib import Path
from sendit import keyring
from sendit.pipeline.pool.processes import Job, ProjectSpec, _work
from sendit.storage.previews import Previews
from sendit.config.schema import DEFAULT_OPTIONS
folder = Path(sys.argv[1]).parent
keyring.load_key(folder / "keys", "irb", create=True)
spec, previews = ProjectSpec(DEFAULT_OPTIONS, (), folder / "keys", "irb"), Previews(folder)
result = _work(Job("0", spec, Path(sys.argv[1]), folder / "out.dcm", previews=previews.place(1, "0")))
assert result.outcome.pixels["status"] == "cleaned", result
peak = next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM"))
print(int(peak.split()[1]) >> 10, *(shown.frame for shown in previews.of(1)))
"""


def _large(path: Path, frames: int = _FRAMES, side: int = _SIDE, stored: int = 16) -> int:
    """Frames of zeros that take no room on the disk; where the first one begins."""
    ds = image(Kind(EXPLICIT, "MONOCHROME2", 16, stored))
    ds.Rows = ds.Columns = side
    ds.NumberOfFrames, ds.PixelData = frames, b"\0\0"
    length = frames * side * side * 2
    content = file_of(ds)
    head = content[: content.rindex(b"\xe0\x7f\x10\x00OW") + 8] + length.to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + length)
    return len(head)


@pytest.mark.slow
def test_two_gigabytes(tmp_path: Path) -> None:
    """Nothing of the size of the pixel data is held in memory."""
    path = tmp_path / "large.dcm"
    _large(path)
    done = subprocess.run([sys.executable, "-c", _PROGRAM, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < _MOST_MEMORY


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("frame", [0, _FRAMES - 1])
def test_text_in_two_gigabytes(tmp_path: Path, frame: int) -> None:
    """It is found in the first frame and in the last, made black, and shown, within an instance's limits."""
    path = tmp_path / "large.dcm"
    start = _large(path) + frame * _SIDE * _SIDE * 2
    shown = picture("SMITH, John 4711").astype("<u2")
    with path.open("r+b") as file:
        for number, row in enumerate(shown):
            file.seek(start + number * _SIDE * 2)
            file.write(row.tobytes())
    done = subprocess.run([sys.executable, "-c", _IN_THE_POOL, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    peak, *frames = map(int, done.stdout.split())
    assert frames == sorted({1, frame + 1})
    assert peak < _MOST_MEMORY_WITH_TEXT
    with (tmp_path / "out.dcm").open("rb") as file:
        file.seek((tmp_path / "out.dcm").stat().st_size - (_FRAMES - frame) * _SIDE * _SIDE * 2)
        after = np.frombuffer(file.read(_SIDE * _SIDE * 2), "<u2").reshape(_SIDE, _SIDE)
    assert after[12:36, 16:180].max() < 100
    assert (after[60:200, :320] == shown[60:200]).all()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_text_in_one_frame_of_half_a_gigabyte(tmp_path: Path) -> None:
    """16,384 × 16,384 pixels of 12 bits: looked at within an instance's limits, and not held for its size."""
    path, side = tmp_path / "large.dcm", 16_384
    start = _large(path, 1, side, stored=12)
    with path.open("r+b") as file:
        for number, row in enumerate(picture("SMITH, John 4711").astype("<u2")):
            file.seek(start + number * side * 2)
            file.write(row.tobytes())
    done = subprocess.run([sys.executable, "-c", _IN_THE_POOL, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) < 6 * _HALF_A_GIGABYTE
    with (tmp_path / "out.dcm").open("rb") as file:
        file.seek((tmp_path / "out.dcm").stat().st_size - side * side * 2)
        after = np.frombuffer(file.read(200 * side * 2), "<u2").reshape(200, side)
    assert after[12:36, 16:180].max() < 100

"""A multi-frame image of 2 GB is cleaned, frame by frame, in little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pixels import EXPLICIT, Kind, file_of, image

_MOST_MEMORY = 512  # MB
_FRAMES, _SIDE = 1000, 1024  # of two bytes for each pixel: 2 GB
_PROGRAM = """
import mmap, sys
from pathlib import Path
from sendit.deidentify import KeyedIdentities, RecipeText, compile_plan, deidentify
from sendit.deidentify.pixels.detect import PixelTools
from sendit.settings import Option
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


@pytest.mark.slow
def test_two_gigabytes(tmp_path: Path) -> None:
    """Nothing of the size of the pixel data is held in memory."""
    ds = image(Kind(EXPLICIT, "MONOCHROME2", 16, 16))
    ds.Rows = ds.Columns = _SIDE
    ds.NumberOfFrames, ds.PixelData = _FRAMES, b"\0\0"
    length = _FRAMES * _SIDE * _SIDE * 2
    content = file_of(ds)
    head = content[: content.rindex(b"\xe0\x7f\x10\x00OW") + 8] + length.to_bytes(4, "little")
    path = tmp_path / "large.dcm"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + length)
    done = subprocess.run([sys.executable, "-c", _PROGRAM, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < _MOST_MEMORY

"""Frames of a mapped file take no more memory than those that were read last, in whatever order they are read."""

from __future__ import annotations

import mmap
from pathlib import Path

from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.pixels.frames import Frames
from tests.pixels import EXPLICIT, Kind, file_of, image

_FRAMES, _SIDE = 200, 1024  # of two bytes for each pixel: 400 MB


def _mapped() -> int:
    """Return the memory of this process that is pages of files, in MB."""
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("RssFile"))
    return int(line.split()[1]) >> 10


def test_pages_are_given_back(tmp_path: Path) -> None:
    """By their numbers, as text detection asks for them, and one after the other."""
    ds = image(Kind(EXPLICIT, "MONOCHROME2", 16, 16))
    ds.Rows = ds.Columns = _SIDE
    ds.NumberOfFrames, ds.PixelData = _FRAMES, b"\0\0"
    length = _FRAMES * _SIDE * _SIDE * 2
    content = file_of(ds)
    head = content[: content.rindex(b"\xe0\x7f\x10\x00OW") + 8] + length.to_bytes(4, "little")
    with (tmp_path / "large.dcm").open("wb") as made:
        made.write(head)
        made.truncate(len(head) + length)
    with (tmp_path / "large.dcm").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
        frames = Frames(read_file(memoryview(source)))
        before, most = _mapped(), 0
        for number in range(_FRAMES):
            assert frames[number].max() == 0
            most = max(most, _mapped() - before)
        for frame in frames:
            assert frame.max() == 0
            most = max(most, _mapped() - before)
        del frames, frame
    assert most < 200

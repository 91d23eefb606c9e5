"""Large instances pass through with little memory: fetched, mapped, searched, written in pieces."""

from __future__ import annotations

import functools
import http.server
import io
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames

from sendit import keyring
from tests.servers.serving import serving
from tests.unit.deidentify.samples import dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MOST_MEMORY = 512  # MB
_FRAMES = 4096  # of 512 × 512 pixels of two bytes: 2 GB
_PROGRAM = """
import sys
from pathlib import Path
from sendit.pipeline.pool.processes import Job, ProjectSpec, _work
url, keys, output = sys.argv[1:]
result = _work(Job("0", ProjectSpec((), (), Path(keys), "irb"), url, Path(output)))
peak = next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM"))
print(type(result.outcome).__name__, getattr(result.outcome, "output_size", result.outcome), int(peak.split()[1]) >> 10)
"""


def _sparse(path: Path) -> int:
    """A multi-frame image whose pixels take no room on the disk; its size."""
    content = dataset()
    content.Rows = content.Columns = 512
    content.NumberOfFrames = _FRAMES
    content.PixelData = b"\0\0"
    del content[0xFFFCFFFC]
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, content)
    head = bytearray(buffer.getvalue()[:-2])
    length = 512 * 512 * 2 * _FRAMES
    head[-4:] = length.to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + length)
    return len(head) + length


def _fragments(path: Path) -> int:
    """JPEG 2000 in 20,000 frames of noise, each in one fragment with the comment of its encoder; its size."""
    content = dataset()
    del content[0xFFFCFFFC]
    content.PixelData = np.random.default_rng(7).integers(0, 1 << 12, (content.Rows, content.Columns), "<u2").tobytes()
    content.compress(pydicom.uid.JPEG2000Lossless, encoding_plugin="pylibjpeg")
    frame = next(generate_frames(content.PixelData, number_of_frames=1))
    content.NumberOfFrames, content.PixelData = 20_000, encapsulate([b"\0\0"], has_bot=False)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, content)
    head = buffer.getvalue()
    with path.open("wb") as file:
        file.write(head[: head.rindex(b"\xfe\xff\0\xe0\2\0\0\0")])
        for _ in range(20_000):
            file.write(struct.pack("<HHI", 0xFFFE, 0xE000, len(frame)) + frame)
        file.write(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
        return file.tell()


def _spectra(path: Path) -> int:
    """600 MB that are no pixels, in one value; its size."""
    content = dataset()
    del content[0xFFFCFFFC], content.PixelData
    content.SOPClassUID = content.file_meta.MediaStorageSOPClassUID = pydicom.uid.MRSpectroscopyStorage
    content.SpectroscopyData = b"\0\0\0\0"
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, content)
    head, length = buffer.getvalue()[:-8], 600 << 20
    with path.open("wb") as file:
        file.write(head + length.to_bytes(4, "little"))
        file.truncate(len(head) + 4 + length)
    return len(head) + 4 + length


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("made", "most"), [(_sparse, _MOST_MEMORY), (_fragments, 256), (_spectra, 256)], ids=["frames", "fragments", "bulk"]
)
def test_much_in_little_memory(tmp_path: Path, made: Callable[[Path], int], most: int) -> None:
    """2 GB of frames, 500 MB of fragments, 600 MB of other bulk: the peak (MB) of the process that did it."""
    served = tmp_path / "served"
    served.mkdir()
    size = made(served / "file")
    keyring.load_key(tmp_path / "keys", "irb", create=True)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=served)
    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        url = f"http://127.0.0.1:{server.server_port}/file"
        command = [sys.executable, "-c", _PROGRAM, url, str(tmp_path / "keys"), str(tmp_path / "output")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("Receipt"), done.stdout
    _, written, peak = done.stdout.split()
    assert abs(int(written) - size) < 100_000
    assert (tmp_path / "output").stat().st_size == int(written)
    assert int(peak) < most

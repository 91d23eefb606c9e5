"""An instance of 2 GB passes through with little memory: fetched, mapped, searched, written in pieces."""

from __future__ import annotations

import functools
import http.server
import io
import subprocess
import sys
import threading
from pathlib import Path

import pydicom
import pytest

from sendit import keyring
from tests.unit.deidentify.samples import dataset

_MOST_MEMORY = 512  # MB
_FRAMES = 4096  # of 512 × 512 pixels of two bytes: 2 GB
_PROGRAM = """
import sys
from pathlib import Path
from sendit.deidentify_pool import Job, ProjectSpec, _work
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


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_gigabytes_in_half_a_gigabyte(tmp_path: Path) -> None:
    """The peak of the process that did it."""
    served = tmp_path / "served"
    served.mkdir()
    size = _sparse(served / "file")
    keyring.load_key(tmp_path / "keys", "irb", create=True)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=served)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/file"
        command = [sys.executable, "-c", _PROGRAM, url, str(tmp_path / "keys"), str(tmp_path / "output")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
        server.shutdown()
    assert done.returncode == 0, done.stderr[-2000:]
    outcome, written, peak = done.stdout.split()
    assert outcome == "Receipt"
    assert abs(int(written) - size) < 100_000
    assert (tmp_path / "output").stat().st_size == int(written)
    assert int(peak) < _MOST_MEMORY

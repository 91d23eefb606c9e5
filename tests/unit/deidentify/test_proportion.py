"""Small files that would make large work are held before the work is done."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID

from sendit.config.schema import DEFAULT_OPTIONS
from sendit.deidentify import compile_plan, deidentify
from sendit.model import Quarantined, Released
from sendit.pipeline.pool.pixel_tools import pixel_tools
from tests.odd_files import DEFLATED, PLAIN, body, even, meta, whole
from tests.pixels import EXPLICIT, JPEG_2000_LOSSLESS, RLE, Kind, file_of, image
from tests.unit.deidentify.samples import IDENTITIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.long

_PLAN = compile_plan(list(DEFAULT_OPTIONS), [])
_MB = 1 << 20


def _deflated(start: bytes, block: bytes, blocks: int) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = [deflater.compress(start), *(deflater.compress(block) for _ in range(blocks)), deflater.flush()]
    return whole(b"".join(packed), meta(DEFLATED))


def _zeros(megabytes: int) -> bytes:
    """An image that is all zeros, and as large as it says."""
    frames = even(str(megabytes // 2).encode())
    side = struct.pack("<H", 1024)
    described = body(
        Rows=PLAIN.element(0x00280010, b"US", side),
        Columns=PLAIN.element(0x00280011, b"US", side),
        NumberOfFrames=PLAIN.element(0x00280008, b"IS", frames),
        PixelData=PLAIN.element(0x7FE00010, b"OW", b"", megabytes * _MB),
    )
    return _deflated(described, bytes(_MB), megabytes)


def _items(megabytes: int) -> bytes:
    """A sequence of empty items."""
    start = body() + PLAIN.element(0x7FE10010, b"SQ", b"", megabytes * _MB)
    return _deflated(start, PLAIN.item(b"") * (_MB // 8), megabytes)


def _elements(megabytes: int) -> bytes:
    """An empty element, again and again."""
    return _deflated(body(), PLAIN.element(0x7FE10010, b"LO", b"") * (_MB // 8), megabytes)


def _points(frames: int, syntax: bytes = EXPLICIT.encode()) -> bytes:
    """Frames of one pixel."""
    one, eight = struct.pack("<H", 1), struct.pack("<H", 8)
    pixels = os.urandom(frames)
    if syntax == RLE.encode():
        segment = struct.pack("<16I", 1, 64, *[0] * 14) + b"\0\5"
        pixels = PLAIN.item(b"") + PLAIN.item(segment) * frames + b"\xfe\xff\xdd\xe0\0\0\0\0"
    changed = {
        "Rows": PLAIN.element(0x00280010, b"US", one),
        "Columns": PLAIN.element(0x00280011, b"US", one),
        "BitsAllocated": PLAIN.element(0x00280100, b"US", eight),
        "BitsStored": PLAIN.element(0x00280101, b"US", eight),
        "HighBit": PLAIN.element(0x00280102, b"US", struct.pack("<H", 7)),
        "NumberOfFrames": PLAIN.element(0x00280008, b"IS", even(str(frames).encode())),
        "PixelData": PLAIN.element(0x7FE00010, b"OB", pixels, 0xFFFFFFFF if syntax == RLE.encode() else None),
    }
    return whole(body(PLAIN, **changed), meta(syntax))


def _blank(side: int, frames: int) -> bytes:
    """Frames of JPEG 2000 in which there is nothing."""
    ds = image(Kind(JPEG_2000_LOSSLESS, "MONOCHROME2", 8, 8, frames=1, vr="OB"))
    options: dict[str, Any] = {
        "rows": side, "columns": side, "number_of_frames": 1, "samples_per_pixel": 1, "bits_allocated": 8,
        "bits_stored": 8, "photometric_interpretation": "MONOCHROME2", "pixel_representation": 0,
        "planar_configuration": 0, "encoding_plugin": "pylibjpeg",
    }  # fmt: skip
    frame = get_encoder(UID(JPEG_2000_LOSSLESS)).encode(np.zeros((side, side), np.uint8), **options)
    ds.Rows = ds.Columns = side
    ds.NumberOfFrames = frames
    ds.PixelData = encapsulate([frame] * frames)
    return file_of(ds)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: _zeros(400), "deflated"),
        (lambda: _items(16), "attributes and items"),
        pytest.param(lambda: _elements(16), "attributes and items", marks=pytest.mark.slow),
        (lambda: _points(1_000_000), "frames"),
        (lambda: _points(20_000, RLE.encode()), "frames"),
        pytest.param(lambda: _blank(6000, 1), "out of proportion", marks=pytest.mark.slow),
        (lambda: _blank(1000, 400), "out of proportion"),
    ],
)  # fmt: skip
def test_out_of_proportion_is_held(content: Callable[[], bytes], reason: str, tmp_path: Path) -> None:
    """With the reason, in every kind of which a little makes much."""
    made = content()
    assert len(made) < 2 * _MB
    outcome = deidentify(made, _PLAN, IDENTITIES, pixel_tools(tmp_path))
    assert isinstance(outcome, Quarantined)
    assert reason in outcome.reason
    assert "out of proportion" in outcome.reason


@pytest.mark.parametrize(
    "content", [lambda: _zeros(64), lambda: _items(1), lambda: _points(500), lambda: _blank(512, 8)]
)
def test_what_is_in_proportion_is_not(content: Callable[[], bytes], tmp_path: Path) -> None:
    """Blank images, long sequences and many small frames as there are."""
    assert isinstance(deidentify(content(), _PLAN, IDENTITIES, pixel_tools(tmp_path)), Released)


@pytest.mark.slow
def test_a_bomb_takes_little_memory(tmp_path: Path) -> None:
    """Of the two gigabytes that 2 MB become, no more than the bound is ever there."""
    (tmp_path / "bomb.dcm").write_bytes(_zeros(2000))
    script = (
        "import sys\n"
        "from sendit.deidentify import KeyedIdentities, compile_plan, deidentify\n"
        "outcome = deidentify(open(sys.argv[1], 'rb').read(), compile_plan([], []), KeyedIdentities(bytes(32)))\n"
        # VmHWM, not ru_maxrss: that counts what the process held that started this one.
        "peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(type(outcome).__name__, int(peak) >> 10)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "bomb.dcm")]
    kind, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert kind == "Quarantined"
    assert int(peak) < 512

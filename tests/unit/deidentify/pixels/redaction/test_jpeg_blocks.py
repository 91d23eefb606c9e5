"""Blocks of lossy JPEG under a mask lose their coefficients; all others keep each of theirs, by another decoder."""

from __future__ import annotations

import io
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.dicom.writer import write_file
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.redaction.huffman import HuffmanTable
from sendit.deidentify.pixels.redaction.jpeg_blocks import Grid, blanked, grid_of
from sendit.deidentify.pixels.redaction.redact import redact
from sendit.deidentify.pixels.regions import Region
from tests import jpeg
from tests.pixels import BASELINE, EXPLICIT, Kind, decoded, file_of, image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

pytestmark = pytest.mark.long

EXTENDED = "1.2.840.10008.1.2.4.51"
REGIONS = (Region(20, 5, 61, 12), Region(70, 50, 999, 999))
SAMPLINGS = {
    "grey": [(1, 1)],
    "grey of 2x2": [(2, 2)],
    "4:4:4": [(1, 1)] * 3,
    "4:2:2": [(2, 1), (1, 1), (1, 1)],
    "4:2:0": [(2, 2), (1, 1), (1, 1)],
    "4:4:0": [(1, 2), (1, 1), (1, 1)],
    "4:1:1": [(4, 1), (1, 1), (1, 1)],
}


def planes(count: int, precision: int, rows: int = 75, columns: int = 90) -> list[NDArray[np.int64]]:
    """Waves and noise over all of the range."""
    y, x = np.mgrid[:rows, :columns]
    generator, made = np.random.default_rng(5), []
    for number in range(count):
        wave = (
            0.5 + 0.35 * np.sin((x + 9 * number) / 11) * np.cos(y / (7 + number)) + generator.normal(0, 0.06, x.shape)
        )
        made.append((wave.clip(0, 1) * ((1 << precision) - 1)).astype(np.int64))
    return made


def check(frame: bytes, values: tuple[int, ...]) -> tuple[Grid, bytes]:
    """Blank the regions, and hold the coefficients against those of before."""
    grid = grid_of(frame, REGIONS)
    assert grid is not None
    made = blanked(frame, grid, values)
    assert made is not None
    before, after = jpeg.read(frame), jpeg.read(made)
    (width, height), (across, down) = grid.unit, before.most
    assert (width, height) == (8 * across, 8 * down)
    masked = np.zeros(before.units(), bool)
    for one in grid.regions:
        masked[one.y0 // height : -(-one.y1 // height), one.x0 // width : -(-one.x1 // width)] = True
    for (h, v), step, value, old, new in zip(
        before.sampling, before.steps, values, before.blocks, after.blocks, strict=True
    ):
        mine = masked.repeat(v, 0).repeat(h, 1)
        assert np.array_equal(new[~mine], old[~mine])
        inside = new[mine & (new.any(axis=2) | (value != 1 << (before.precision - 1)))]
        assert not inside[:, 1:].any()
        wanted = 8 * (value - (1 << (before.precision - 1)))
        assert (abs(inside[:, 0] * step - wanted) < step).all()
    assert len(made) <= 1.05 * len(frame)
    return grid, made


@pytest.mark.parametrize("restart", [0, 1, 5])
@pytest.mark.parametrize("interleaved", [True, False])
@pytest.mark.parametrize("precision", [8, 12])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_all_other_blocks_keep_their_coefficients(
    sampling: str, precision: int, interleaved: bool, restart: int
) -> None:
    """Of every sampling, in one scan and in several, with restarts and without, of 8 and 12 bits."""
    factors = SAMPLINGS[sampling]
    made = jpeg.compressed(planes(len(factors), precision), precision, factors, 24 << (precision - 8))
    made.restart, made.interleaved = restart, interleaved
    if len(factors) == 1:
        made.sampling = [(1, 1)]
        made.blocks = jpeg.compressed(planes(1, precision), precision, [(1, 1)], made.steps[0]).blocks
    frame = jpeg.written(made)
    if sampling == "grey of 2x2":  # says nothing where there is but one component
        at = frame.index(b"\xff\xc1") + 11
        frame = frame[:at] + b"\x22" + frame[at + 1 :]
    check(frame, (0, 1 << (precision - 1), 1 << (precision - 1))[: len(factors)])


@pytest.mark.parametrize("value", [0, 77, 255])
@pytest.mark.parametrize("step", [1, 3, 16, 255, 4000])
def test_any_value_and_step(value: int, step: int) -> None:
    """Black and white are not missed because a step does not fit them."""
    made = jpeg.compressed(planes(1, 8), 8, [(1, 1)], step)
    check(jpeg.written(made), (value,))


@pytest.mark.parametrize("interleaved", [True, False])
def test_tables_get_the_symbols_that_they_lack(interleaved: bool) -> None:
    """An encoder that optimises writes no code for differences that do not occur."""
    flat = [plane // 16 + 120 for plane in planes(3, 8)]
    made = jpeg.compressed(flat, 8, SAMPLINGS["4:2:0"], 6)
    made.full_tables, made.interleaved = False, interleaved
    frame = jpeg.written(made)
    _, changed = check(frame, (0, 128, 128))
    assert changed.count(b"\xff\xc4") > frame.count(b"\xff\xc4")


def test_an_extended_table_keeps_its_codes() -> None:
    """The new ones are longer, and none is of nothing but ones; where there is no room, there is no table."""
    small = HuffmanTable(bytes([0, 1, 2, 0, *[0] * 12]), bytes([3, 4, 5]))
    made = small.extended([3, 9, 8, 7])
    assert made is not None
    assert {symbol: made.codes[symbol] for symbol in (3, 4, 5)} == small.codes
    assert all("0" in made.codes[symbol] for symbol in (7, 8, 9))
    full = HuffmanTable(bytes([2, *[0] * 15]), bytes([1, 2]))
    assert full.extended([3]) is None
    with pytest.raises(ValueError, match="more codes"):
        HuffmanTable(bytes([3, *[0] * 15]), bytes([1, 2, 3]))


def pictures(colour: bool) -> Iterator[bytes]:
    """Files as libjpeg writes them, with all of its ways."""
    y, x = np.mgrid[:75, :90]
    wave = (128 + 60 * np.sin(x / 9) * np.cos(y / 7) + np.random.default_rng(2).normal(0, 9, x.shape)).clip(0, 255)
    array = np.stack([wave, wave[::-1], 255 - wave], axis=-1) if colour else wave
    for quality in (40, 90, 100):
        for sampling in ("4:4:4", "4:2:2", "4:2:0") if colour else ("4:4:4",):
            for optimize in (False, True):
                for restart in (0, 1, 4):
                    out = io.BytesIO()
                    more = {"subsampling": sampling} if colour else {}
                    Image.fromarray(array.astype(np.uint8)).save(
                        out, "JPEG", quality=quality, optimize=optimize, restart_marker_blocks=restart, **more
                    )
                    yield out.getvalue()


@pytest.mark.parametrize("colour", [False, True])
def test_files_of_libjpeg(colour: bool) -> None:
    """Its standard and optimised tables, and its restarts."""
    for frame in pictures(colour):
        check(frame, (0, 128, 128) if colour else (0,))


def dataset(frames: list[bytes], syntax: str, photometric: str, stored: int = 8) -> Dataset:
    """An image of 75 × 90 pixels."""
    ds = image(Kind(EXPLICIT, photometric, 8 if stored == 8 else 16, stored, vr="OB", frames=len(frames)))
    ds.Rows, ds.Columns = 75, 90
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].is_undefined_length = True
    return ds


def redacted(ds: Dataset) -> tuple[bytes, tuple[Region, ...]]:
    """The file, and what was made black."""
    instance = read_file(memoryview(file_of(ds)))
    done = redact(instance, Frames(instance), REGIONS)
    return b"".join(write_file(instance, "1.2.840.10008.5.1.4.1.1.7", "2.25.1")), done.regions


@pytest.mark.parametrize(("photometric", "black"), [("MONOCHROME1", 4095), ("MONOCHROME2", 0)])
def test_twelve_bits_leave_as_they_came(photometric: str, black: int) -> None:
    """In their syntax, with what was lost before still said."""
    made = jpeg.compressed(planes(1, 12), 12, [(1, 1)], 60)
    source = dataset([jpeg.written(made)] * 2, EXTENDED, photometric, stored=12)
    file, regions = redacted(source)
    left = dcmread(io.BytesIO(file))
    assert (left.file_meta.TransferSyntaxUID, left.LossyImageCompression) == (EXTENDED, "01")
    before, after = decoded(file_of(source)), decoded(file)
    inside = np.zeros(before.shape[1:], bool)
    for one in regions:
        inside[one.y0 : one.y1, one.x0 : one.x1] = True
    assert np.array_equal(after[:, ~inside], before[:, ~inside])
    assert (after[:, inside] == black).all()


def test_a_cine_in_colour_keeps_its_size() -> None:
    """Each frame for itself, and no black region has another colour at its border."""
    frames = list(pictures(colour=True))[6:12]  # one sampling
    source = dataset(frames, BASELINE, "YBR_FULL_422")
    file, _ = redacted(source)
    left = dcmread(io.BytesIO(file))
    assert left.file_meta.TransferSyntaxUID == BASELINE
    assert (left.PhotometricInterpretation, left.LossyImageCompression) == ("YBR_FULL_422", "01")
    assert len(left.PixelData) <= 1.05 * len(source.PixelData)
    after = decoded(file)
    for one in REGIONS:
        assert (after[:, one.y0 : one.y1, one.x0 : one.x1] == (0, 128, 128)).all()


def test_what_cannot_be_walked_through_is_decoded() -> None:
    """A truncated scan: decoders show it nevertheless, and it leaves without loss, the mask blank."""
    made = jpeg.written(jpeg.compressed(planes(1, 8), 8, [(1, 1)], 24))
    file, regions = redacted(dataset([made[: len(made) * 3 // 4] + b"\xff\xd9"], BASELINE, "MONOCHROME2"))
    left = dcmread(io.BytesIO(file))
    assert left.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.80"
    assert left.LossyImageCompression == "01"
    after = decoded(file)[0]
    assert all((after[one.y0 : one.y1, one.x0 : one.x1] == 0).all() for one in regions)


def test_progressive_and_others_are_none() -> None:
    """They are left to those who decode."""
    out = io.BytesIO()
    Image.fromarray(planes(1, 8)[0].astype(np.uint8)).save(out, "JPEG", progressive=True)
    grid = Grid((8, 8), (Region(0, 0, 8, 8),))
    assert grid_of(out.getvalue(), REGIONS) is None
    assert blanked(out.getvalue(), grid, (0,)) is None
    for frame in (b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\xff\x4f\xff\x51" + bytes(60)):
        assert grid_of(frame, REGIONS) is None
        assert blanked(frame, grid, (0,)) is None


def test_frames_that_are_sampled_in_another_way() -> None:
    """All frames of an image have one grid."""
    grey = jpeg.written(jpeg.compressed(planes(1, 8), 8, [(1, 1)], 24))
    colour = jpeg.written(jpeg.compressed(planes(3, 8), 8, SAMPLINGS["4:2:0"], 24))
    grid = grid_of(colour, REGIONS)
    assert grid is not None
    assert blanked(grey, grid, (0,)) is None
    assert blanked(colour, grid, (0,)) is None


def test_damaged_streams_end() -> None:
    """Cut anywhere, or with bytes changed: a frame or none, and never an exception or an endless loop."""
    generator = np.random.default_rng(11)
    made = jpeg.compressed(planes(3, 8), 8, SAMPLINGS["4:2:0"], 24)
    made.restart = 3
    frame = jpeg.written(made)
    grid = grid_of(frame, REGIONS)
    assert grid is not None
    for cut in range(0, len(frame), 53):
        damaged = bytearray(frame[:cut] if cut % 2 else frame)
        for at in generator.integers(0, max(1, len(damaged)), 3):
            if at < len(damaged):
                damaged[at] = int(generator.integers(0, 256))
        grid_of(bytes(damaged), REGIONS)
        masked = blanked(bytes(damaged), grid, (0, 128, 128))
        assert masked is None or masked.startswith(b"\xff\xd8")


@pytest.mark.parametrize("byte", [b"\0", b"\x55", b"\xaa", b"\xfe"])
def test_a_large_frame_of_few_bytes_ends(byte: bytes) -> None:
    """It claims 65,500 × 65,500 pixels; what is walked through are the bytes that are there."""
    frame = jpeg.written(jpeg.compressed(planes(1, 8), 8, [(1, 1)], 24))
    at = frame.index(b"\xff\xc1") + 5
    scan = frame.index(b"\xff\xda")
    start = scan + 2 + int.from_bytes(frame[scan + 2 : scan + 4], "big")
    bomb = frame[:at] + (65500).to_bytes(2, "big") * 2 + frame[at + 4 : start] + byte * 50_000 + b"\xff\xd9"
    grid = grid_of(bomb, REGIONS)
    assert grid is not None
    tracemalloc.start()
    try:
        assert blanked(bomb, grid, (0,)) is None
        assert tracemalloc.get_traced_memory()[1] < 512 << 20
    finally:
        tracemalloc.stop()

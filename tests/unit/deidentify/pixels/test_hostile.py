"""Pixel data that are not what they say: held, before memory is taken for what they claim to be."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest
from pydicom.encaps import encapsulate, generate_frames

from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.redaction.redact import redact
from sendit.deidentify.pixels.regions import Region
from sendit.errors import Quarantine
from tests.pixels import BASELINE, JPEG_2000_LOSSLESS, RLE, Kind, file_of, image

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydicom import Dataset

J2K = Kind(JPEG_2000_LOSSLESS, "MONOCHROME2", 8, 8, frames=3, vr="OB")


def frames_of(ds: Dataset) -> list[bytes]:
    return list(generate_frames(ds.PixelData, number_of_frames=int(ds.NumberOfFrames)))


def _bomb(ds: Dataset) -> None:
    """The header and the codestream agree on 60000 × 60000 pixels, of which there are a few bytes."""
    ds.Rows = ds.Columns = 60000
    size = (60000).to_bytes(4, "big") * 2
    ds.PixelData = encapsulate([frame[:8] + size + frame[16:] for frame in frames_of(ds)])


def _large_codestream(ds: Dataset) -> None:
    """The codestream alone says so."""
    size = (60000).to_bytes(4, "big") * 2
    ds.PixelData = encapsulate([frame[:8] + size + frame[16:] for frame in frames_of(ds)])


def _rows(ds: Dataset) -> None:
    """The header says one row more than there is."""
    ds.Rows += 1


def _truncated(ds: Dataset) -> None:
    """The codestream ends in its header."""
    ds.PixelData = encapsulate([frame[:30] for frame in frames_of(ds)])


def _noise(ds: Dataset) -> None:
    """Nothing of a codestream is there."""
    ds.PixelData = encapsulate([b"\x55" * 100] * 3)


def _fewer_fragments(ds: Dataset) -> None:
    """Two fragments for three frames."""
    ds.PixelData = encapsulate(frames_of(ds)[:2])


def _more_fragments(ds: Dataset) -> None:
    """Four frames' fragments for three."""
    ds.PixelData = encapsulate([*frames_of(ds), frames_of(ds)[0]], has_bot=False)


BREAKING = [_bomb, _large_codestream, _rows, _truncated, _noise, _fewer_fragments, _more_fragments]


@pytest.mark.parametrize("syntax", [JPEG_2000_LOSSLESS, RLE, BASELINE])
@pytest.mark.parametrize("breaking", BREAKING)
def test_held_in_little_memory(breaking: Callable[[Dataset], None], syntax: str) -> None:
    """No frame is given out, and nothing near the size that is claimed is asked for."""
    ds = image(Kind(syntax, "MONOCHROME2", 8, 8, frames=3, vr="OB"))
    if syntax != JPEG_2000_LOSSLESS and breaking is _large_codestream:
        pytest.skip("what is changed there is JPEG 2000")
    breaking(ds)
    instance = read_file(memoryview(file_of(ds)))
    tracemalloc.start()
    try:
        with pytest.raises(Quarantine, match="its pixels cannot be examined"):
            redact(instance, Frames(instance), [Region(0, 0, 2, 2)])
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()

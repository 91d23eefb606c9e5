"""Frames of pydicom's own files, decoded one at a time, compared with pydicom's decoding of the whole."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.pixels.utils import pixel_array

from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.pixels import frames as module
from sendit.deidentify.pixels.codecs import decode
from sendit.deidentify.pixels.frames import Frames
from sendit.errors import Quarantine

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
NAMES = """CT_small MR_small MR_small_bigendian MR_small_RLE MR_small_jp2klossless MR_small_jpeg_ls_lossless rtdose
    rtdose_expb rtdose_rle_1frame SC_rgb_rle_16bit_2frame SC_ybr_full_422_uncompressed SC_rgb_small_odd_big_endian
    examples_palette examples_ybr_color examples_jpeg2k liver_1frame liver_expb_1frame JPGExtended"""


@pytest.mark.parametrize("name", NAMES.split())
def test_same_as_pydicom(name: str) -> None:
    """Each frame has the numbers that pydicom finds, colours not converted."""
    path = FOLDER / f"{name}.dcm"
    frames = Frames(read_file(memoryview(path.read_bytes())))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = pixel_array(path, raw=True)
    assert np.array_equal(np.array(list(frames)).reshape(expected.shape), expected)


@pytest.mark.parametrize("name", ["badVR", "JPEG2000-embedded-sequence-delimiter", "nested_priv_SQ"])
def test_what_contradicts_itself(name: str) -> None:
    """An image whose description or codestream cannot be right is quarantined, not passed."""
    with pytest.raises(Quarantine, match="cannot be examined"):
        list(Frames(read_file(memoryview((FOLDER / f"{name}.dcm").read_bytes()))))


def test_compressed_frames_are_decoded_once() -> None:
    """Whoever looks at a frame again gets the same numbers, and cannot change them for others."""
    frames = Frames(read_file(memoryview((FOLDER / "MR_small_RLE.dcm").read_bytes())))
    frame = frames[0]
    assert frames[0] is frame
    with pytest.raises(ValueError, match="read-only"):
        frame[0, 0] = 1


def test_frames_for_which_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a cine that does not fit, the first frames are there when it is looked at again, and so is the last one."""
    decoded: list[int] = []

    def counted(*given: Any) -> Any:
        decoded.append(1)
        return decode(*given)

    cine = Frames(read_file(memoryview((FOLDER / "examples_ybr_color.dcm").read_bytes())))
    monkeypatch.setattr(module, "decode", counted)
    monkeypatch.setattr(module, "_KEPT", 10 * 240 * 320 * 3)
    first = [frame.copy() for frame in cine]
    assert cine[29] is cine[29]
    assert len(decoded) == 30
    assert all(np.array_equal(one, other) for one, other in zip(first, cine, strict=True))
    assert len(decoded) == 30 + 21

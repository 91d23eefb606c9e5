"""What had to be decoded leaves in a syntax that keeps it as small, and says whether something was lost before."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID

from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.dicom.writer import write_file
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.redaction.redact import redact
from sendit.deidentify.pixels.regions import Region
from tests.pixels import EXPLICIT, RLE, Kind, decoded, file_of, image

JPEG_LS, NEARLY, WAVELETS, LOSSY_WAVELETS = (f"1.2.840.10008.1.2.4.{number}" for number in (80, 81, 90, 91))
SIZE = 96


def smooth(kind: Kind) -> np.ndarray[Any, Any]:
    """A frame that can be compressed."""
    y, x = np.mgrid[:SIZE, :SIZE]
    grey = (0.5 + 0.4 * np.sin(x / 9) * np.cos(y / 13)) * ((1 << kind.stored) - 1)
    whole = np.stack([grey, grey / 2, grey / 3], axis=-1) if kind.samples == 3 else grey
    return whole.astype(np.uint8 if kind.allocated == 8 else np.uint16)


def holding(kind: Kind, frames: list[bytes]) -> Dataset:
    """An image of compressed frames."""
    ds = image(Kind(EXPLICIT, kind.photometric, kind.allocated, kind.stored, frames=len(frames), vr="OB"))
    ds.Rows = ds.Columns = SIZE
    ds.file_meta.TransferSyntaxUID = UID(kind.syntax)
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].is_undefined_length = True
    return ds


def coded(kind: Kind, plugin: str, **options: Any) -> Dataset:
    """By an encoder of pydicom's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = get_encoder(UID(kind.syntax)).encode(
            smooth(kind), encoding_plugin=plugin, rows=SIZE, columns=SIZE, number_of_frames=1, planar_configuration=0,
            samples_per_pixel=kind.samples, bits_allocated=kind.allocated, bits_stored=kind.stored,
            photometric_interpretation=kind.photometric, pixel_representation=0, **options,
        )  # fmt: skip
    return holding(kind, [frame, frame])


def redacted(source: bytes) -> tuple[Dataset, bytes]:
    """What leaves with a region black; the rest is compared."""
    instance = read_file(memoryview(source))
    redact(instance, Frames(instance), [Region(0, 0, 20, 10)])
    file = b"".join(write_file(instance, "1.2.840.10008.5.1.4.1.1.7", "2.25.1"))
    before, after = decoded(source), decoded(file)
    before[:, :10, :20] = after[:, :10, :20]
    assert np.array_equal(before, after)
    return dcmread(io.BytesIO(file)), file


@pytest.mark.parametrize(
    ("kind", "plugin", "options", "leaves", "lossy", "most"),
    [
        (Kind(JPEG_LS, "MONOCHROME2", 16, 12), "pyjpegls", {}, JPEG_LS, False, 1.1),
        (Kind(JPEG_LS, "RGB", 8, 8), "pyjpegls", {}, JPEG_LS, False, 1.1),
        (Kind(NEARLY, "MONOCHROME2", 8, 8), "pyjpegls", {"jls_error": 3}, JPEG_LS, True, 9),
        (Kind(WAVELETS, "YBR_RCT", 8, 8), "pylibjpeg", {}, WAVELETS, False, 1.1),
        (Kind(WAVELETS, "MONOCHROME2", 16, 12), "pylibjpeg", {}, WAVELETS, False, 1.1),
        (Kind(LOSSY_WAVELETS, "YBR_ICT", 8, 8), "pylibjpeg", {"j2k_cr": [10]}, WAVELETS, True, 9),
        (Kind(RLE, "MONOCHROME2", 16, 12), "pylibjpeg", {}, RLE, False, 1.1),
    ],
    ids=str,
)
def test_syntax_and_size(
    kind: Kind, plugin: str, options: dict[str, Any], leaves: str, lossy: bool, most: float
) -> None:
    """Its own where there is an encoder; colours that came apart stay so; what was lossy says it."""
    source = coded(kind, plugin, **options)
    left, _ = redacted(file_of(source))
    assert left.file_meta.TransferSyntaxUID == leaves
    assert left.PhotometricInterpretation == kind.photometric.replace("ICT", "RCT")
    assert left.get("LossyImageCompression", "") == ("01" if lossy else "")
    assert len(left.PixelData) <= most * len(source.PixelData)


def test_lossless_jpeg_leaves_in_jpeg_ls() -> None:
    """Smaller than it came."""
    path = get_testdata_file("SC_rgb_jpeg_gdcm.dcm")
    with open(str(path), "rb") as file:
        source = file.read()
    left, _ = redacted(source)
    assert left.file_meta.TransferSyntaxUID == JPEG_LS
    assert len(left.PixelData) < len(dcmread(io.BytesIO(source)).PixelData)


@pytest.mark.parametrize("name", ["SC_rgb_rle_32bit.dcm", "rtdose_rle.dcm"])
def test_rle_of_32_bits_stays(name: str) -> None:
    """pydicom's own encoders refuse it."""
    with open(str(get_testdata_file(name)), "rb") as file:
        source = file.read()
    instance = read_file(memoryview(source))
    redact(instance, Frames(instance), [Region(0, 0, 2, 2)])
    assert instance.syntax.uid == RLE


def test_what_no_encoder_gives_back_leaves_uncompressed() -> None:
    """A frame of three pixels, which none of them takes."""
    with open(str(get_testdata_file("SC_rgb_small_odd_jpeg.dcm")), "rb") as file:
        source = file.read().replace(b"\xff\xc0", b"\xff\xc1")
    instance = read_file(memoryview(source))
    frames = Frames(instance)
    redact(instance, frames, [])
    assert instance.syntax.uid == EXPLICIT

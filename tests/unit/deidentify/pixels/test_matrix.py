"""Every combination of transfer syntax, photometric interpretation, bits, sign, planes, frames and byte order.

A region is made black; what pydicom decodes before and after has to be the same outside of it, and black in it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom import dcmread

from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.dicom.writer import write_file
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.redaction.redact import redact
from sendit.deidentify.pixels.regions import Region
from tests.pixels import BASELINE, JPEG_2000, ROWS, Kind, black, decoded, file_of, image, kinds, numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.long

REGIONS = (Region(3, 2, 11, 9), Region(30, 25, 999, 999))
KINDS = list(kinds())


def cleaned(source: bytes) -> tuple[bytes, tuple[Region, ...]]:
    """The file with the regions black, and the regions as they were made."""
    instance = read_file(memoryview(source))
    done = redact(instance, Frames(instance), REGIONS)
    return b"".join(write_file(instance, "1.2.840.10008.5.1.4.1.1.7", "2.25.1")), done.regions


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_right_to_the_pixel(kind: Kind) -> None:
    """Black within, untouched without, in all frames; another decoder than ours says so."""
    source = file_of(image(kind))
    before = decoded(source)
    if kind.syntax != BASELINE:
        assert np.array_equal(before, numbers(kind)), "the test's own image is not right"
    file, regions = cleaned(source)
    after = decoded(file)
    inside = np.zeros((ROWS, kind.columns), bool)
    for region in regions:
        inside[region.y0 : region.y1, region.x0 : region.x1] = True
    assert inside[2:9, 3:11].all()
    assert inside.sum() <= (10 * 7 + 12 * 10 if kind.syntax != BASELINE else 24 * 16 + 24 * 16)
    assert after.shape == before.shape
    if kind.syntax == BASELINE and kind.photometric == "YBR_FULL_422":  # beside black, decoders mix neighbours' colours
        assert np.array_equal(after[:, ~inside, 0], before[:, ~inside, 0])
        inside = wider(inside, 4)
        assert (after[:, 2:9, 3:11] == black(kind)).all()
    else:
        assert (after[:, inside] == black(kind)).all()
    assert np.array_equal(after[:, ~inside], before[:, ~inside])


def wider(mask: NDArray[np.bool_], columns: int) -> NDArray[np.bool_]:
    """So many columns more on either side."""
    steps = range(-columns, columns + 1)
    return np.asarray(np.any([np.roll(mask, step, axis=1) for step in steps], axis=0))


def test_there_are_enough() -> None:
    """At least the 138 combinations that deid was measured with."""
    assert len({str(kind) for kind in KINDS}) >= 138


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_transfer_syntax(kind: Kind) -> None:
    """It stays where nothing is lost by it; what was lossy still says so, and lossy JPEG stays as small as it was."""
    ds = image(kind)
    if kind.syntax == BASELINE:
        ds.LossyImageCompression, ds.LossyImageCompressionRatio = "01", "10"
        ds.LossyImageCompressionMethod = "ISO_10918_1"
    result = dcmread(io.BytesIO(cleaned(file_of(ds))[0]))
    syntax = str(result.file_meta.TransferSyntaxUID)
    if kind.syntax == BASELINE:
        assert syntax == BASELINE
        assert len(result.PixelData) <= 1.05 * len(ds.PixelData)
        assert (result.LossyImageCompression, str(result.LossyImageCompressionRatio)) == ("01", "10")
        assert result.LossyImageCompressionMethod == "ISO_10918_1"
        if kind.samples == 3:
            assert (result.PhotometricInterpretation, result.PlanarConfiguration) == (kind.photometric, 0)
    else:
        assert syntax == (JPEG_2000[:-1] + "0" if kind.syntax == JPEG_2000 else kind.syntax)

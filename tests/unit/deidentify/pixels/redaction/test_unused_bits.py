"""What stands in bits that the pixels do not use does not leave, whether an overlay is described or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID

from sendit.model import Quarantined
from tests.pixels import BIG, EXPLICIT, JPEG_2000_LOSSLESS, RLE, Kind, image, numbers
from tests.unit.deidentify.pixels.test_policy import CT, SECONDARY, finding, released, treated

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

KINDS = [
    Kind(EXPLICIT, "MONOCHROME2", 16, 12),
    Kind(BIG, "MONOCHROME2", 16, 12),
    Kind(EXPLICIT, "MONOCHROME2", 16, 12, high_bit=15),
    Kind(EXPLICIT, "MONOCHROME1", 16, 10, frames=3),
    Kind(EXPLICIT, "MONOCHROME2", 32, 20),
]


def holding(kind: Kind, bits: NDArray[Any], **values: Any) -> Dataset:
    """A CT image with these bits beside its numbers."""
    ds = image(kind)
    ds.SOPClassUID, ds.Modality, ds.ImagePositionPatient = CT, "CT", [0, 0, 12.5]
    ds.PixelData = bits.astype(bits.dtype.newbyteorder(">" if kind.syntax == BIG else "<")).tobytes()
    ds["PixelData"].VR = kind.vr
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def outside(kind: Kind) -> int:
    """One bit that the numbers do not use."""
    return 1 if kind.high_bit == kind.allocated - 1 else 1 << (kind.allocated - 1)


def stored(ds: Dataset, kind: Kind) -> NDArray[Any]:
    """Frames × rows × columns, as they are stored."""
    order = ">" if kind.syntax == BIG else "<"
    sign = "i" if kind.signed else "u"
    return np.frombuffer(ds.PixelData, f"{order}{sign}{kind.allocated // 8}").reshape(kind.frames, 35, 40)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_they_go(kind: Kind) -> None:
    """In an image that is clean by rule, whose overlay nobody describes; the numbers stay as they were."""
    made, marked = numbers(kind), numbers(kind)
    marked[-1, 3:9, 4:11] |= outside(kind)
    ds, said = released(treated(holding(kind, marked)))
    assert said == {"status": "cleaned", "how": "overlays in unused bits"}
    assert np.array_equal(stored(ds, kind), made)


def test_they_go_where_text_is_looked_for() -> None:
    """It is looked for in the numbers alone, so nothing may stand beside them."""
    kind = KINDS[0]
    marked = numbers(kind)
    marked[0, 3:9, 4:11] |= outside(kind)
    ds, said = released(treated(holding(kind, marked, SOPClassUID=SECONDARY), finding()))
    assert (said["status"], bool((stored(ds, kind) >> 12).any())) == ("cleaned", False)


def test_an_overlay_whose_data_are_empty() -> None:
    """Its description, complete with data of no length, says nothing of the bits."""
    kind = KINDS[0]
    marked = numbers(kind)
    marked[0, 3:9, 4:11] |= outside(kind)
    ds = holding(kind, marked)
    for number, vr, value in ((0x10, "US", 35), (0x11, "US", 40), (0x100, "US", 16), (0x102, "US", 15)):
        ds.add_new(0x60000000 | number, vr, value)
    ds.add_new(0x60003000, "OW", b"")
    assert not (stored(released(treated(ds))[0], kind) >> 12).any()


def test_the_sign_and_padding_stay() -> None:
    """Both stand in those bits of many machines' images: nothing is changed for them."""
    signed = Kind(EXPLICIT, "MONOCHROME2", 16, 12, signed=True)
    ds, said = released(treated(holding(signed, numbers(signed))))
    assert (said["status"], ds.PixelData) == ("clean by rule", numbers(signed).tobytes())
    kind = KINDS[0]
    padded = numbers(kind)
    padded[0, :, :5] = 0xF830
    ds, said = released(treated(holding(kind, padded, PixelPaddingValue=0xF830)))
    assert (said["status"], ds.PixelData) == ("clean by rule", padded.tobytes())


def test_of_signed_numbers_the_sign_is_written_there() -> None:
    """Whoever reads them without looking at BitsStored finds the same numbers."""
    kind = Kind(EXPLICIT, "MONOCHROME2", 16, 12, signed=True)
    made = numbers(kind)
    marked = made.copy()
    marked[0, 3:9, 4:11] ^= 0x4000
    ds, said = released(treated(holding(kind, marked)))
    assert (said["status"], np.array_equal(stored(ds, kind), made)) == ("cleaned", True)


@pytest.mark.parametrize("syntax", [RLE, JPEG_2000_LOSSLESS])
def test_compressed(syntax: str) -> None:
    """A codestream that has room for more bits is decoded, and written again without them."""
    kind = Kind(syntax, "MONOCHROME2", 16, 12, vr="OB")
    marked = numbers(kind)
    marked[0, 3:9, 4:11] |= 0x8000
    ds = image(kind)
    ds.SOPClassUID, ds.Modality, ds.ImagePositionPatient = CT, "CT", [0, 0, 12.5]
    frame = get_encoder(UID(syntax)).encode(
        marked[0], encoding_plugin="pylibjpeg", rows=35, columns=40, number_of_frames=1, samples_per_pixel=1,
        bits_allocated=16, bits_stored=16, photometric_interpretation="MONOCHROME2", pixel_representation=0,
    )  # fmt: skip
    ds.PixelData = encapsulate([frame])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    after, said = released(treated(ds))
    assert said["how"] == "overlays in unused bits"
    assert np.array_equal(after.pixel_array, numbers(kind)[0])
    plain = image(kind)
    plain.SOPClassUID, plain.Modality, plain.ImagePositionPatient = CT, "CT", [0, 0, 12.5]
    assert released(treated(plain))[1]["status"] == "clean by rule"


def test_what_cannot_be_taken_apart_is_held() -> None:
    """More fragments than frames: nobody can say what is in them."""
    kind = Kind(RLE, "MONOCHROME2", 16, 12, frames=3, vr="OB")
    ds = image(kind)
    ds.SOPClassUID, ds.Modality, ds.NumberOfFrames, ds.ImagePositionPatient = CT, "CT", 2, [0, 0, 12.5]
    assert isinstance(treated(ds), Quarantined)

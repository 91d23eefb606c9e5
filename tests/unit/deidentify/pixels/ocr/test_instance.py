"""The search of text in whole instances: whatever their pixels are made of."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pydicom.data
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileMetaDataset

from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.leak_check.identifiers import Identifiers
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.ocr.api import DetectedText
from sendit.deidentify.pixels.ocr.instance import RapidTextSearch
from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.long

_SHAPE = (120, 200)


@pytest.fixture(scope="module")
def search() -> RapidTextSearch:
    """One that has loaded its weights."""
    return RapidTextSearch()


def _ink(text: str = "SMITH, John", place: tuple[int, int] = (12, 20)) -> NDArray[np.bool_]:
    picture = Image.new("1", _SHAPE[::-1], 0)
    ImageDraw.Draw(picture).text(place, text, fill=1, font=ImageFont.load_default(16))
    return np.asarray(picture)


def frames_of(photometric: str, frames: NDArray[np.generic], bits: int = 8, **more: object) -> Frames:
    """An instance of these frames: frames × rows × columns, or with three samples."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = pydicom.uid.SecondaryCaptureImageStorage, "1.2.3"
    dataset.PhotometricInterpretation = photometric
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = frames.shape[:3]
    dataset.SamplesPerPixel = 3 if frames.ndim == 4 else 1
    if frames.ndim == 4:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = frames.dtype.itemsize * 8, bits, bits - 1
    dataset.PixelRepresentation = int(frames.dtype.kind == "i")
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = frames.tobytes() + b"\0" * (frames.nbytes % 2)
    dataset["PixelData"].VR = "OW" if frames.dtype.itemsize > 1 else "OB"
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return Frames(read_file(memoryview(file.getvalue())))


def _covers(found: object, ink: NDArray[np.bool_]) -> bool:
    mask = np.zeros(_SHAPE, bool)
    for one in found:  # type: ignore[attr-defined]
        assert isinstance(one, Region)
        mask[one.y0 : one.y1, one.x0 : one.x1] = True
    return bool(mask[ink].mean() > 0.95) and bool(mask.mean() < 0.4)


def test_palette_of_neighbouring_indices(search: RapidTextSearch) -> None:
    """Index 0 is black and index 1 white: the numbers hardly differ, what is shown does."""
    ink = _ink()
    table = np.arange(256, dtype=np.uint16) * 20
    table[1] = 65535
    more: dict[str, Any] = {"SmallestImagePixelValue": 0}
    for colour in ("Red", "Green", "Blue"):
        more[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        more[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
    frames = frames_of("PALETTE COLOR", ink[np.newaxis].astype(np.uint8), **more)
    assert _covers(search(frames, Identifiers(), ""), ink)


def test_palette_that_hides(search: RapidTextSearch) -> None:
    """All indices are shown alike: who reads the numbers sees the text, and it is found in them."""
    ink = _ink()
    more: dict[str, Any] = {"SmallestImagePixelValue": 0}
    for colour in ("Red", "Green", "Blue"):
        more[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        more[f"{colour}PaletteColorLookupTableData"] = np.full(256, 30000, np.uint16).tobytes()
    frames = frames_of("PALETTE COLOR", ink[np.newaxis].astype(np.uint8), **more)
    assert _covers(search(frames, Identifiers(), ""), ink)


def test_ybr_full(search: RapidTextSearch) -> None:
    """Letters that differ from what is behind them in colour alone."""
    ink = _ink()
    frame = np.where(ink[..., np.newaxis], (110, 40, 240), (110, 200, 20)).astype(np.uint8)
    assert _covers(search(frames_of("YBR_FULL", frame[np.newaxis]), Identifiers(), ""), ink)


def test_signed_12_bits_without_sign_extension(search: RapidTextSearch) -> None:
    """What stands above the stored bits is no part of the number."""
    ink = _ink()
    values = np.where(ink, 900, -800).astype(np.int16) & 0x0FFF
    values[60:, :] |= 0x4000  # an overlay in unused bits
    assert _covers(search(frames_of("MONOCHROME1", values[np.newaxis], 12), Identifiers(), ""), ink)


def test_text_of_later_frames(search: RapidTextSearch) -> None:
    """Text that appears in a frame's border, and is gone in the last one, is found; the last frame's, too."""
    early, late = _ink("GARCIA 4711", (60, 4)), _ink("1961-04-12", (60, 96))
    frames = np.zeros((6, *_SHAPE), np.uint8)
    frames[:, 50:60, 90:110] = 200
    frames[2][early] = 255
    frames[5][late] = 255
    assert _covers(search(frames_of("MONOCHROME2", frames), Identifiers(), ""), early | late)


def test_text_of_a_later_frame_beside_an_extreme_pixel(search: RapidTextSearch) -> None:
    """A single one makes the range so wide that a name at the border is no part of it worth mentioning."""
    ink = _ink("GARCIA 4711", (60, 4))
    frames = np.full((5, *_SHAPE), 300, np.uint16)
    frames[:, :, :100] = 200
    frames[2][ink] = 700
    frames[:, 60, 100] = 65535
    assert _covers(search(frames_of("MONOCHROME2", frames, 16), Identifiers(), ""), ink)


def test_ultrasound_of_pydicom(search: RapidTextSearch) -> None:
    """The hospital, the numbers and the time at the top of a real screen are found."""
    path = Path(str(pydicom.data.get_testdata_file("examples_rgb_color.dcm", download=False)))
    found = search(Frames(read_file(memoryview(path.read_bytes()))), Identifiers(), "")
    mask = np.zeros((240, 320), bool)
    for one in found:
        mask[one.y0 : one.y1, one.x0 : one.x1] = True
    image = pydicom.dcmread(path).pixel_array
    letters = (image.min(axis=-1) > 200) & (np.arange(240)[:, np.newaxis] < 50)
    assert mask[letters].mean() > 0.95


def test_image_without_text(search: RapidTextSearch) -> None:
    """Nothing is made black in a CT image without text."""
    path = Path(str(pydicom.data.get_testdata_file("CT_small.dcm", download=False)))
    assert list(search(Frames(read_file(memoryview(path.read_bytes()))), Identifiers(), "")) == []


class Named:
    """A detector that finds a text at one place, with certainty."""

    looked_at = 0

    def __init__(self, region: Region) -> None:
        self.region = region

    def candidates(self, frame: NDArray[np.uint8], *, sharp: bool = False) -> list[tuple[DetectedText, bool]]:
        self.looked_at += frame.size
        return [(DetectedText(self.region, "", 1.0), True)]

    def reading(self, frame: NDArray[np.uint8], region: Region) -> tuple[str, float]:
        return "", 0.0


def test_another_detector() -> None:
    """What finds text in a frame can be replaced; what it names is masked, with a margin."""
    frames = frames_of("MONOCHROME2", np.zeros((1, 64, 64), np.uint8), 8)
    detector = Named(Region(10, 20, 30, 40))
    [found] = RapidTextSearch(detector)(frames, Identifiers(), "")
    assert (found.x0 <= 10, found.y0 <= 20, found.x1 >= 30, found.y1 >= 40) == (True, True, True, True)
    assert detector.looked_at >= 64 * 64

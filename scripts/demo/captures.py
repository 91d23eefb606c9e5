"""A screen capture with the patient's name burned into it, as consoles and frame grabbers make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS, COLUMNS = 384, 512
#: The text stands in so many rows at the top, in this value, which stands nowhere else.
BANNER, INK = 64, 255


def capture(lines: tuple[str, str], number: int, mark: bytes) -> FileDataset:
    """One capture: two lines of text above a picture.

    Args:
        mark: what tells its pixels from those of every other capture.
    """
    y, x = np.mgrid[:ROWS, :COLUMNS]
    body = np.hypot((x - 256) / 1.4, y - 230 - 6 * number)
    ground = (14 + 150 * np.clip(1 - body / 150, 0, 1) ** 0.5).astype(np.uint8)
    shown = Image.fromarray(ground)
    draw = ImageDraw.Draw(shown)
    for row, text in enumerate(lines):
        draw.text((12, 8 + 26 * row), text, fill=INK, font=ImageFont.load_default(18))
    pixels = np.array(shown)
    pixels[-1, : len(mark)] = [byte & 0x0F for byte in mark]
    dataset = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=bytes(128))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.Modality, dataset.ConversionType, dataset.ImageType = "OT", "WSD", ["DERIVED", "SECONDARY"]
    dataset.StudyDate, dataset.StudyTime, dataset.SeriesNumber = "20240311", "101500", "1"
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = pixels.tobytes()
    return dataset


def shows_text(dataset: FileDataset) -> bool:
    """Whether anything of the text is left in what is a capture."""
    if dataset.SOPClassUID != SecondaryCaptureImageStorage:
        return False
    pixels: NDArray[np.uint8] = np.frombuffer(dataset.PixelData, np.uint8).reshape(dataset.Rows, dataset.Columns)
    return bool((pixels[:BANNER] > 128).any())

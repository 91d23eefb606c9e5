"""Screen captures with text burned into them, made by the tests."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom import dcmread
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

from tests.dicom import StudyMaker, written

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Where the text stands: columns and rows, the ends not part of it.
TEXT_BOX = (16, 12, 250, 36)
_ROWS, _COLUMNS = 200, 320


def picture(text: str, shift: int = 0) -> NDArray[np.uint8]:
    """A soft bright spot on a dark ground, and the text above it.

    Args:
        shift: of the spot, so that pictures differ.
    """
    y, x = np.mgrid[:_ROWS, :_COLUMNS]
    ground = (20 + 110 * np.exp(-((y - 120) ** 2 + (x - 160 - shift) ** 2) / 2500)).astype(np.uint8)
    shown = Image.fromarray(ground)
    ImageDraw.Draw(shown).text((20, 14), text, fill=230, font=ImageFont.load_default(18))
    return np.asarray(shown)


@dataclass
class CaptureMaker(StudyMaker):
    """A study of screen captures that show the patient's name; "" shows none."""

    modality: str = "OT"
    shown: str | None = None  # None: the patient's name and number

    def capture(self, number: int = 1, frames: int = 1, text_from: int = 0, **values: Any) -> bytes:
        """One capture.

        Args:
            text_from: the first frame that shows the text.
            values: attributes that make another kind of image of it.
        """
        text = f"{self.person.name.replace('^', ', ')} {self.person.patient_id}" if self.shown is None else self.shown
        d = self._header(number, generate_uid())
        d.SOPClassUID = SecondaryCaptureImageStorage
        d.StudyDescription = "SCREEN"
        d.Rows, d.Columns = _ROWS, _COLUMNS
        d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
        d.BitsAllocated = d.BitsStored = 8
        d.HighBit, d.PixelRepresentation = 7, 0
        if frames > 1:
            d.NumberOfFrames = frames
        shown = [picture(text if index >= text_from else "", number + index) for index in range(frames)]
        d.PixelData = np.stack(shown).tobytes()
        for keyword, value in values.items():
            setattr(d, keyword, value)
        return written(d)


@dataclass
class ConsoleMaker(StudyMaker):
    """A CT series of 16 bits, and in some of its slices a line that the console wrote."""

    series_rows: int = 192

    def slice_(self, number: int, text: str = "", **values: Any) -> bytes:
        """One slice; the text stands in TEXT_BOX."""
        d = dcmread(io.BytesIO(self.instance(number)))
        d.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        d.Rows, d.Columns = self.series_rows, 256
        y, x = np.mgrid[: self.series_rows, :256]
        noise = np.random.default_rng(number).normal(0, 12, x.shape)
        tissue = 60 + 1000 * np.exp(-((y - 120) ** 2 + (x - 128 - number) ** 2) / 4000) + noise
        shown = Image.new("L", (256, self.series_rows), 0)
        ImageDraw.Draw(shown).text((20, 14), text, fill=255, font=ImageFont.load_default(15))
        d.PixelData = np.where(np.asarray(shown) > 110, 1100, tissue.clip(0)).astype(np.uint16).tobytes()
        for keyword, value in values.items():
            setattr(d, keyword, value)
        return written(d)

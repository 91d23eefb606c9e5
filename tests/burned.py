"""Screen captures with text burned into them, made by the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

from tests.dicom import StudyMaker, written

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

"""Large frames are converted band by band, with the rows around each band that count for it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sendit.deidentify.pixels.redaction.bands import bands, by_bands


@pytest.mark.parametrize("columns", [3, 700, 1500])
def test_rows_around_a_band_count(columns: int) -> None:
    """A blur is the same as of the whole frame, where that is converted in several bands, and in one."""
    frame = np.random.default_rng(4).integers(0, 255, (3000, columns), np.uint8)
    whole = cv2.blur(frame, (9, 9))
    assert (by_bands(lambda band: np.asarray(cv2.blur(band, (9, 9))), frame, frame.shape, reach=4) == whole).all()
    assert (len(list(bands(frame))) > 1) == (columns > 3)

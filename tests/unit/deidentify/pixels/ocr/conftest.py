"""What the tests of the text search share."""

from __future__ import annotations

import pytest

from sendit.deidentify.pixels.ocr.detector import RapidTextDetector


@pytest.fixture(scope="module")
def detector() -> RapidTextDetector:
    """One that has loaded its weights."""
    return RapidTextDetector()

"""How much of an image masks would hide."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sendit.deidentify.pixels.ocr.api import PixelTools
from sendit.deidentify.pixels.ocr.content import share_hidden
from sendit.deidentify.pixels.regions import Region
from sendit.model import Quarantined, Released
from tests.unit.deidentify.pixels.test_policy import finding, sample, treated


def test_text_on_nothing_hides_nothing() -> None:
    """A page of text: its letters are all that it shows, and no anatomy is lost."""
    page = np.zeros((200, 300), np.uint8)
    for y in range(20, 190, 20):
        cv2.putText(page, "SMITH John 4711", (10, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1)
    assert share_hidden(page, [Region(8, y - 12, 150, y + 4) for y in range(20, 190, 20)]) == 0.0


def test_masks_over_tissue_hide_it() -> None:
    """A third of a body."""
    body = np.zeros((200, 300), np.uint16)
    body[50:150, 50:250] = np.random.default_rng(1).integers(500, 1500, (100, 200))
    assert share_hidden(body, [Region(50, 50, 250, 83)]) == pytest.approx(0.33, abs=0.06)
    assert share_hidden(body, [Region(60, 60, 70, 64)]) < 0.01
    assert share_hidden(body, []) == 0.0


def test_masks_over_little_of_a_frame_spoil_nothing() -> None:
    """Lines in an image that shows next to nothing besides."""
    speckle = np.zeros((400, 400), np.uint8)
    speckle[180:220, 100:300] = np.random.default_rng(2).integers(40, 200, (40, 200))
    assert share_hidden(speckle, [Region(100, 180, 300, 200)]) == 0.0
    assert share_hidden(speckle, [Region(60, 180, 340, 220)]) > 0.5


@pytest.mark.parametrize(("share", "kind"), [(0.05, Released), (0.2, Quarantined)])
def test_what_would_be_spoiled_is_held(share: float, kind: type) -> None:
    """More than a tenth of what it shows."""
    tools = finding(Region(0, 0, 9, 9))
    held = PixelTools(tools.search, hidden=lambda frames, number, regions: share)
    outcome = treated(sample(SOPClassUID="1.2.840.10008.5.1.4.1.1.7"), held)
    assert isinstance(outcome, kind)
    if isinstance(outcome, Quarantined):
        assert "more than a tenth of what the image shows" in outcome.reason

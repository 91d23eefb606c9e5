"""Measure how much of a frame's content masks would hide: behind text on an even ground there is nothing to hide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from sendit.deidentify.pixels.ocr.strokes import strokes_in
from sendit.deidentify.pixels.windowing import views

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendit.deidentify.pixels.native import Array
    from sendit.deidentify.pixels.regions import Region

#: A cell (pixels per side) shows something if its grey levels differ by this much, from each other or from the ground.
_CELL, _DIFFERS = 8, 12
#: Masks over less of the whole frame spoil nothing, however little the frame shows.
_LITTLE = 0.05


def share_hidden(frame: Array, regions: Iterable[Region]) -> float:
    """Return the share of a frame's content that the regions would hide (0 to 1).

    Args:
        frame: the frame as it is displayed, rows × columns or rows × columns × 3.
        regions: what would be masked, in rows and columns of the frame.
    """
    shown = list(views(frame))
    if not shown:
        return 0.0
    picture = shown[-1]
    grey = picture if picture.ndim == 2 else np.asarray(picture.max(axis=2))
    content = _content(grey)
    hidden = np.zeros(grey.shape, bool)
    for region in regions:
        inside = region.clipped(grey.shape[1], grey.shape[0])
        part = np.s_[inside.y0 : inside.y1, inside.x0 : inside.x1]
        if inside.empty:
            continue
        if any(strokes_in(one, inside).plain for one in shown):
            content[part] = False
        else:
            hidden[part] = True
    covered, seen = int(np.count_nonzero(hidden)), int(np.count_nonzero(content | hidden))
    return covered / seen if covered > _LITTLE * hidden.size else 0.0


def _content(grey: Array) -> Array:
    """Return where the frame shows something."""
    kernel = np.ones((_CELL, _CELL), np.uint8)
    bytes_ = np.ascontiguousarray(grey, np.uint8)
    # A histogram by numpy would take eight times the frame.
    ground = int(cv2.calcHist([bytes_], [0], None, [256], [0, 256]).argmax())
    differs = np.asarray(cv2.absdiff(bytes_, np.full_like(bytes_, ground))) >= _DIFFERS
    differs |= np.asarray(cv2.morphologyEx(bytes_, cv2.MORPH_GRADIENT, kernel)) >= _DIFFERS
    return differs

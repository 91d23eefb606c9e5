"""Find text in the frames of an instance: choose the frames to search, and search each in all its views."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sendit.deidentify.pixels.image import TOGETHER
from sendit.deidentify.pixels.ocr.match_identifiers import identifies
from sendit.deidentify.pixels.ocr.projection import Projection, sharpness
from sendit.deidentify.pixels.ocr.series import is_text_at, suspected
from sendit.deidentify.pixels.windowing import sampled, views

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from numpy.typing import NDArray

    from sendit.deidentify.leak_check.identifiers import Identifiers
    from sendit.deidentify.pixels.native import Array
    from sendit.deidentify.pixels.ocr.api import DetectedText, TextDetector
    from sendit.deidentify.pixels.ocr.projection import Sharpness
    from sendit.deidentify.pixels.regions import Region

#: A frame is new if in this many cells (pixels at a side) beside each other the mean sharpness exceeds everything seen
#: by a share of the frames' range, and by a share of what it was: noise fluctuates anywhere, text in a line.
_CELLS, _CELL, _EXCEEDS, _NOISE = 3, 8, 0.03, 0.5
#: A line lies within a mask if it exceeds it by this share of its height at most, which is less than a letter.
_BEYOND = 1 / 3


def text_in(frame: Array, detector: TextDetector, identifiers: Identifiers | None = None) -> list[DetectedText]:
    """Return all text of a frame, whatever its window hides.

    Args:
        frame: stored values, rows × columns, or rows × columns × 3 (RGB).
        detector: the detector of text.
        identifiers: what looks like a shape in the tissue is text if one of these is read in it.
    """
    texts: list[DetectedText] = []
    for shown in views(frame):
        for one, sure in detector.candidates(shown):
            if not (sure or (identifiers is not None and identifies(one.text, identifiers))):
                continue
            if not any(one.region.intersection(other.region) == one.region for other in texts):
                texts.append(one)
    return texts


def frames_to_look_at(
    count: int,
    frame: Callable[[int], Array],
    detector: TextDetector,
    identifiers: Identifiers | None = None,
    masked: Collection[Region] = (),
) -> Iterator[int]:
    """Yield the first and last frame, and each with sharp strokes of its own; every frame is examined for that.

    Strong strokes make a frame new. Weaker ones are searched for in projections of many frames: if one shows what looks
    like a line of text, the frames that contributed to it are searched if something can be read there.

    Args:
        count: the number of frames.
        frame: returns a frame by its number.
        detector: the detector of text.
        identifiers: of the original.
        masked: what will be masked in all frames, whatever they show there; it may grow while frames are yielded.
    """
    yield 0
    if count > 2:
        yield from _between(count, frame, detector, identifiers, masked)
    if count > 1:
        yield count - 1


def _between(
    count: int,
    frame: Callable[[int], Array],
    detector: TextDetector,
    identifiers: Identifiers | None,
    masked: Collection[Region],
) -> Iterator[int]:
    """Yield the frames between the first and the last that have to be searched."""
    novelty = _Novelty(frame(0))
    for first in range(1, count - 1, TOGETHER):
        numbers = range(first, min(first + TOGETHER, count - 1))
        projection, looked_at = Projection(), set()
        for number in numbers:
            values = frame(number)
            sharp = sharpness(values)
            projection.take(sharp)
            if novelty.has(sharp, masked):
                looked_at.add(number)
                yield number
        for maker, region in suspected(projection, detector):
            number = numbers[maker]
            if number in looked_at or _is_within(region, masked):
                continue
            if is_text_at(frame(number), region, detector, identifiers):
                looked_at.add(number)
                yield number


def _is_within(region: Region, masked: Iterable[Region]) -> bool:
    """Return whether a line lies within a mask, so that nothing of it is left in any frame."""
    beyond = round(_BEYOND * min(region.x1 - region.x0, region.y1 - region.y0))
    return any(one.with_margin(beyond).intersection(region) == region for one in masked)


class _Novelty:
    """The sharp strokes that have been seen, in cells."""

    def __init__(self, frame: Array) -> None:
        self._shape = frame.shape[:2]
        self._least = _EXCEEDS * _range(frame)
        self._seen = _cells(sharpness(frame))

    def has(self, sharp: Sharpness, masked: Iterable[Region] = ()) -> bool:
        """Return whether there are new strokes outside of what is masked, which then count as seen."""
        cells = _cells(sharp)
        new = (cells > self._seen * (1 + _NOISE) + self._least).astype(np.uint8)
        down, along = (size / number for size, number in zip(self._shape, new.shape, strict=True))
        for one in masked:  # cells that are within it altogether
            new[ceil(one.y0 / down) : int(one.y1 / down), ceil(one.x0 / along) : int(one.x1 / along)] = 0
        _, _, groups, _ = cv2.connectedComponentsWithStats(new, connectivity=8)
        if int(groups[1:, cv2.CC_STAT_AREA].max(initial=0)) < _CELLS:
            return False
        np.maximum(self._seen, cells, out=self._seen)
        return True


def _cells(sharp: Sharpness) -> NDArray[np.float32]:
    rows, columns = sharp.shape
    size = max(1, -(-columns // _CELL)), max(1, -(-rows // _CELL))
    return np.asarray(cv2.resize(sharp.astype(np.float32, copy=False), size, interpolation=cv2.INTER_AREA), np.float32)


def _range(frame: Array) -> float:
    """Return the range from the darkest to the brightest value, without a hundredth at each end where possible.

    Padding or a single pixel would make it so wide that a line of text makes no difference.
    """
    if not frame.size:
        return 0.0
    low, high = (float(value) for value in np.percentile(sampled(frame), (1, 99)))
    return high - low if high > low else float(frame.max()) - float(frame.min())

"""Text in the frames of an instance: which of them are looked at, and what is found in one in every view of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.known import Known
from sendit.deidentify.pixels.bands import bands
from sendit.deidentify.pixels.detect import Found
from sendit.deidentify.pixels.native import Array
from sendit.deidentify.pixels.text import RapidTextFinder
from sendit.deidentify.pixels.text_known import identifies
from sendit.deidentify.pixels.text_views import sampled, views

#: Annotations stand here: so much of the height and of the width at each side.
_BORDER = 0.25
#: A border has changed if so many pixels of it differ by more than this share of the frame's range (`_range`).
_PIXELS, _DIFFERENCE = 6, 0.15


def text_in(frame: Array, finder: RapidTextFinder, known: Known | None = None) -> list[Found]:
    """All text of a frame, whatever its window hides.

    Args:
        frame: stored values, rows × columns, or rows × columns × 3 (RGB).
        known: what may look like a shape in the tissue is text nevertheless if one of these values is read in it.
    """
    found: list[Found] = []
    for shown in views(frame):
        for one, sure in finder.candidates(shown):
            if not (sure or (known is not None and identifies(one.text, known))):
                continue
            if not any(one.region.intersection(other.region) == one.region for other in found):
                found.append(one)
    return found


def frames_to_look_at(frames: Iterable[Array]) -> Iterator[tuple[int, Array]]:
    """The first frame, each whose border differs from that of the last one given, and the last frame.

    Text that stands in the middle of a frame between them, and at no border, is not looked for.
    """
    border: Array | None = None
    range_ = 0.0
    last: tuple[int, Array] | None = None
    for index, frame in enumerate(frames):
        last = (index, frame)
        now = _border(frame)
        if border is None or _differs(border, now, range_):
            border, range_ = now, _range(frame)
            yield last
            last = None
    if last is not None:
        yield last


def _range(frame: Array) -> float:
    """From the darkest to the brightest value, without a hundredth at each end if anything is left then.

    Padding or a single pixel would make it so wide that a line of text is no difference.
    """
    if not frame.size:
        return 0.0
    low, high = (float(value) for value in np.percentile(sampled(frame), (1, 99)))
    return high - low if high > low else float(frame.max()) - float(frame.min())


def _border(frame: Array) -> Array:
    rows, columns = frame.shape[:2]
    high, wide = max(1, int(rows * _BORDER)), max(1, int(columns * _BORDER))
    middle = frame[high : rows - high]
    strips = (frame[:high], frame[rows - high :], middle[:, :wide], middle[:, columns - wide :])
    return np.concatenate([strip.reshape(-1) for strip in strips])


def _differs(before: Array, now: Array, range_: float) -> bool:
    changed = 0
    for part in bands(before):
        difference: NDArray[np.float32] = np.abs(before[part].astype(np.float32) - now[part].astype(np.float32))
        changed += int(np.count_nonzero(difference > _DIFFERENCE * range_))
    return changed >= _PIXELS

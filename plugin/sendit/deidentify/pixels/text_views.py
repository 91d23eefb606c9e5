"""Stored values of any range as 8 bits, so that what is burned in stands out whatever the window says.

Burned-in text stands at an extreme value mostly, and often far from the tissue: the whole range shows it. Where
padding, metal or a single wrong pixel press everything else together, two further pictures show what the whole one
hides: one in which ranges that no value stands in are narrowed, and one without the outermost values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.bands import by_bands
from sendit.deidentify.pixels.native import Array

Shown = NDArray[np.uint8]
Doubles = NDArray[np.float64]

#: A further picture is made if what it shows fills less than this of the range of the one before.
_FILLED = 0.3
#: So many gaps between values may be narrowed, each to this share of all the other ones together.
_GAPS, _NARROWED = 8, 0.25
#: Percent of the values that the last picture cuts off at each end.
_CUT = 1.0


def views(frame: Array) -> list[Shown]:
    """One to three pictures of a frame, each only where it shows more than those before it.

    Args:
        frame: rows × columns, or rows × columns × 3 (RGB), of any number type; NaN counts as the lowest value.
    """
    if not frame.size:
        return []
    numbers = _numbers(frame)
    low, high = (0.0, 255.0) if frame.dtype == np.uint8 else (float(numbers.min()), float(numbers.max()))
    shown = [frame if frame.dtype == np.uint8 else _stretched(numbers, low, high)]
    sample = sampled(numbers)
    values, narrowed = _narrowed(sample)
    moved: tuple[Doubles, Doubles] | None = None
    if len(values) > 1 and narrowed[-1] < _FILLED * (high - low):
        moved, sample = (values, narrowed), np.interp(sample, values, narrowed)
        low, high = 0.0, float(narrowed[-1])
        shown.append(_stretched(numbers, low, high, moved))
    inner_low, inner_high = (float(value) for value in np.percentile(sample, (_CUT, 100.0 - _CUT)))
    if 0 < inner_high - inner_low < _FILLED * (high - low):
        shown.append(_stretched(numbers, inner_low, inner_high, moved))
    return shown


def _narrowed(sample: Array) -> tuple[Doubles, Doubles]:
    """The values that there are, and where each comes to stand when the widest gaps between them are narrowed."""
    values = np.unique(sample).astype(np.float64)
    gaps = np.diff(values)
    rest = float(np.sort(gaps)[:-_GAPS].sum())
    if rest > 0:
        gaps = np.minimum(gaps, _NARROWED * rest)
    return values, np.concatenate(([0.0], np.cumsum(gaps)))


def _numbers(frame: Array) -> Array:
    if frame.dtype.kind != "f":
        return frame
    finite = np.isfinite(frame)
    low, high = (frame[finite].min(), frame[finite].max()) if finite.any() else (0.0, 0.0)
    return np.nan_to_num(frame, nan=low, posinf=high, neginf=low)


def _stretched(frame: Array, low: float, high: float, moved: tuple[Doubles, Doubles] | None = None) -> Shown:
    """From 0 at `low` to 255 at `high`, both after the values were moved, if they are."""
    if not high > low:
        return np.zeros(frame.shape, np.uint8)

    def stretched(band: Array) -> Shown:
        scaled = (np.interp(band, *moved) if moved else band).astype(np.float32)
        scaled -= low
        scaled *= 255.0 / (high - low)
        return np.clip(scaled, 0.0, 255.0, out=scaled).astype(np.uint8)

    return by_bands(stretched, frame, frame.shape)


def sampled(frame: Array) -> Doubles:
    """At most about 100 000 values, evenly spread: percentiles need no more."""
    step = max(1, int((frame.shape[0] * frame.shape[1] / 100_000) ** 0.5))
    return frame[::step, ::step].astype(np.float64)

"""Convert stored values of any range to 8 bits, so that burned-in text stands out whatever the window.

Burned-in text mostly has an extreme value, often far from the tissue: the full range shows it. If padding, metal or a
single wrong pixel compress everything else, two further views show what the full one hides: one in which empty ranges
are narrowed, and one without the outermost values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.redaction.bands import by_bands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendit.deidentify.pixels.native import Array

Shown = NDArray[np.uint8]
Doubles = NDArray[np.float64]

#: A further view is made if its content fills less than this share of the range of the previous one.
_FILLED = 0.3
#: The most gaps between values that are narrowed, each to this share of all others together.
_GAPS, _NARROWED = 8, 0.25
#: Values are counted if they are whole and lie within so many numbers.
_COUNTED = 1 << 16
#: Percent of the values that the last view cuts off at each end.
_CUT = 1.0


def views(frame: Array) -> Iterator[Shown]:
    """Yield one to three views of a frame, each only if it shows more than those before it.

    Args:
        frame: rows × columns, or rows × columns × 3 (RGB), of any number type; NaN counts as the lowest value.
    """
    if not frame.size:
        return
    numbers = _numbers(frame)
    low, high = (0.0, 255.0) if frame.dtype == np.uint8 else (float(numbers.min()), float(numbers.max()))
    yield frame if frame.dtype == np.uint8 else _stretched(numbers, low, high)
    sample = sampled(numbers)
    values, narrowed = _narrowed(sample)
    moved: tuple[Doubles, Doubles] | None = None
    if len(values) > 1 and narrowed[-1] < _FILLED * (high - low):
        moved, sample = (values, narrowed), np.interp(sample, values, narrowed)
        low, high = 0.0, float(narrowed[-1])
        yield _stretched(numbers, low, high, moved)
    inner_low, inner_high = (float(value) for value in np.percentile(sample, (_CUT, 100.0 - _CUT)))
    if 0 < inner_high - inner_low < _FILLED * (high - low):
        yield _stretched(numbers, inner_low, inner_high, moved)


def _narrowed(sample: Array) -> tuple[Doubles, Doubles]:
    """Return the values that occur, and their positions once the widest gaps between them are narrowed."""
    values = _present(sample)
    gaps = np.diff(values)
    rest = float(np.sort(gaps)[:-_GAPS].sum())
    if rest > 0:
        gaps = np.minimum(gaps, _NARROWED * rest)
    return values, np.concatenate(([0.0], np.cumsum(gaps)))


def _present(sample: Doubles) -> Doubles:
    """Return the values that occur, in order: whole numbers are counted, which takes a tenth of the time of sorting."""
    low, high = float(sample.min()), float(sample.max())
    if high - low >= _COUNTED:
        return np.unique(sample)
    above = (sample - low).astype(np.int32)
    present = (np.flatnonzero(np.bincount(above.ravel())) + low).astype(np.float64)
    return present if np.array_equal(above + low, sample) else np.unique(sample)


def _numbers(frame: Array) -> Array:
    if frame.dtype.kind != "f":
        return frame
    finite = np.isfinite(frame)
    low, high = (frame[finite].min(), frame[finite].max()) if finite.any() else (0.0, 0.0)
    return np.nan_to_num(frame, nan=low, posinf=high, neginf=low)


def _stretched(frame: Array, low: float, high: float, moved: tuple[Doubles, Doubles] | None = None) -> Shown:
    """Return the range from `low` to `high` as 0 to 255, after `moved` if that is given."""
    if not high > low:
        return np.zeros(frame.shape, np.uint8)

    def stretched(band: Array) -> Shown:
        scaled = (np.interp(band, *moved) if moved else band).astype(np.float32)
        scaled -= low
        scaled *= 255.0 / (high - low)
        return np.clip(scaled, 0.0, 255.0, out=scaled).astype(np.uint8)

    return by_bands(stretched, frame, frame.shape)


def sampled(frame: Array) -> Doubles:
    """Return at most about 100 000 values, evenly spread: enough for percentiles."""
    step = max(1, int((frame.shape[0] * frame.shape[1] / 100_000) ** 0.5))
    return frame[::step, ::step].astype(np.float64)


def greatest(values: Array) -> Array:
    """Return the greatest of the numbers of each pixel: of colours, which are whole numbers, one of three."""
    if values.ndim == 2:
        return values
    red, green, blue = (values[..., number] for number in range(3))  # many times faster than along an axis
    stronger: Array = np.maximum(np.maximum(red, green), blue)
    return stronger

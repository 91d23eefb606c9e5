"""Large frames, a few rows at a time: a frame may have a gigabyte, and wider numbers of all of it do not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.native import Array

#: Numbers that are worked on together.
_TOGETHER = 1 << 20


def bands(frame: Array) -> Iterator[slice]:
    """All rows of a frame, as many together as fit."""
    rows = max(1, _TOGETHER * len(frame) // max(1, frame.size))
    return (slice(top, top + rows) for top in range(0, len(frame), rows))


def by_bands(convert: Callable[[Array], Array], frame: Array, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """What `convert` makes of a frame, as bytes.

    Args:
        convert: for some rows; what it makes of one is its own matter.
        shape: of the whole result.
    """
    result = np.empty(shape, np.uint8)
    for rows in bands(frame):
        result[rows] = convert(frame[rows])
    return result

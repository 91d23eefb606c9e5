"""Process large frames a few rows at a time: wider values of a frame of a gigabyte do not fit into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from sendit.deidentify.pixels.native import Array

#: Values that are processed together.
_TOGETHER = 1 << 20
#: Rows of a band, as a multiple of the rows around it that are converted for it again.
_REACHES = 16


def bands(frame: Array, least: int = 1) -> Iterator[slice]:
    """Yield all rows of a frame, as many together as fit, and no fewer than the least."""
    rows = max(least, _TOGETHER * len(frame) // max(1, frame.size))
    return (slice(top, top + rows) for top in range(0, len(frame), rows))


def by_bands(
    convert: Callable[[Array], Array], frame: Array, shape: tuple[int, ...], reach: int = 0
) -> NDArray[np.uint8]:
    """Return the bytes that `convert` makes of a frame, band by band.

    Args:
        convert: the conversion of some rows.
        frame: the frame to convert.
        shape: the shape of the whole result.
        reach: the rows on either side that count for a row of the result.
    """
    result = np.empty(shape, np.uint8)
    for rows in bands(frame, 1 + _REACHES * reach):
        above = min(rows.start, reach)
        converted = convert(frame[rows.start - above : rows.stop + reach])
        result[rows] = converted[above : above + rows.stop - rows.start]
    return result

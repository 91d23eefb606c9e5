"""What finds text in an image. The finder is handed in: it needs weights and a runtime, this package does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.regions import Region


@dataclass(frozen=True, slots=True)
class Found:
    """Text in an image. The text itself stands in no message, log or receipt."""

    region: Region  # around the text alone
    text: str = field(repr=False)  # as it was recognised; "" if nothing could be made of it
    score: float  # 0 to 1


class TextFinder(Protocol):
    """Finds text in one frame."""

    def __call__(self, frame: NDArray[np.uint8]) -> list[Found]:
        """All text of a frame.

        Args:
            frame: rows × columns (grey), or rows × columns × 3 (RGB), as it would be shown.
        """
        ...

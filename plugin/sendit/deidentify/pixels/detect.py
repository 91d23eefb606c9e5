"""What finds text in an image. The finder is handed in: it needs weights and a runtime, this package does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from sendit.deidentify.known import Known
    from sendit.deidentify.pixels.album import Album
    from sendit.deidentify.pixels.frames import Frames


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


class TextSearch(Protocol):
    """Finds the text of an instance: it chooses the frames, shows them as a person would see them, and looks."""

    def __call__(self, frames: Frames, known: Known, series_instance_uid: str) -> Sequence[Region]:
        """What has to be made black, with a margin. Empty: there is no text.

        Args:
            known: what identifies the patient; where it is recognised, it is always among the regions.
            series_instance_uid: the original one: images of one series may share what was found.

        Raises:
            Quarantine: it cannot be said whether there is text.
        """
        ...


@dataclass(frozen=True, slots=True)
class PixelTools:
    """What work on pixels needs from outside."""

    search: TextSearch | None = None  # None: text cannot be looked for here
    scratch: Path | None = None  # a folder on a disk, for what is too large for memory
    album: Album | None = None  # takes pictures of this instance, if it is cleaned

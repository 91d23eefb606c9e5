"""What work on pixels needs from outside, once for each process. The networks are loaded when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sendit.errors import Misconfigured

if TYPE_CHECKING:  # loads numpy, which only work on pixels needs
    from sendit.deidentify.known import Known
    from sendit.deidentify.pixels.detect import PixelTools, TextSearch
    from sendit.deidentify.pixels.frames import Frames
    from sendit.deidentify.pixels.regions import Region

_PLACE = "DetectText"
_CURE = "Install SendIt's packages again, as README.md says."


class LoadedWhenNeeded:
    """The search for text that SendIt ships (a `TextSearch`). Most images are clean by rule, and it costs 0.3 GB."""

    def __call__(self, frames: Frames, known: Known, series_instance_uid: str) -> Sequence[Region]:
        """What has to be made black.

        Raises:
            Quarantine: it cannot be said whether there is text.
            Misconfigured: the runtime or the weights are not there; nothing is waved through for that.
        """
        return _search()(frames, known, series_instance_uid)


def pixel_tools(scratch: Path, pictures: bool = False) -> PixelTools:
    """The tools for one instance.

    Args:
        scratch: a folder on a disk, for what is too large for memory.
        pictures: whether pictures of it are taken.
    """
    from sendit.deidentify.pixels.album import Album
    from sendit.deidentify.pixels.detect import PixelTools

    return PixelTools(LoadedWhenNeeded(), scratch, Album() if pictures else None)


@cache  # it remembers what it has looked at
def _search() -> TextSearch:
    check_text_detection()
    import cv2

    from sendit.deidentify.pixels.text_search import RapidTextSearch

    cv2.setNumThreads(1)  # each core has a process of its own
    return RapidTextSearch()


def check_text_detection() -> None:
    """Raises Misconfigured if text cannot be looked for here: the networks are loaded, and given an empty picture."""
    try:
        import numpy as np

        from sendit.deidentify.pixels.text_network import LINE_HEIGHT, STEP, probabilities, read_line

        probabilities(np.zeros((STEP, STEP, 3), np.uint8))
        read_line(np.zeros((LINE_HEIGHT, STEP, 3), np.uint8))
    except (Misconfigured, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  the runtime raises many kinds: a file that is cut off, a missing library
        problem = f"what text is found with cannot be loaded ({type(error).__name__})"
        raise Misconfigured(_PLACE, problem, _CURE) from None

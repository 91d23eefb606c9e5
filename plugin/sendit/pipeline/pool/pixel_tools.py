"""Tools that work on pixels needs from outside, once for each process. The networks are loaded when they are needed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sendit.errors import Misconfigured

if TYPE_CHECKING:  # loads numpy, which only work on pixels needs
    from collections.abc import Sequence
    from pathlib import Path

    from sendit.deidentify.leak_check.identifiers import Identifiers
    from sendit.deidentify.pixels.frames import Frames
    from sendit.deidentify.pixels.ocr.api import CodeSearch, Keep, Measures, PixelTools
    from sendit.deidentify.pixels.ocr.instance import RapidTextSearch
    from sendit.deidentify.pixels.ocr.series import Images
    from sendit.deidentify.pixels.regions import Corrections, Region
    from sendit.model import Doubt

_PLACE = "DetectText"
_CURE = "Install SendIt's packages again, and Debian's libgl1, libglib2.0-0 and libxcb1, as docs/installing.md says."


class LoadedWhenNeeded:
    """The search for text that SendIt ships (a `TextSearch`). Most images are clean by rule, and it costs 0.3 GB."""

    def __call__(self, frames: Frames, identifiers: Identifiers, series_instance_uid: str) -> Sequence[Region]:
        """Return what has to be masked.

        Raises:
            Quarantine: it cannot be said whether there is text.
            Misconfigured: the runtime or the model cannot be loaded.
        """
        return _search()(frames, identifiers, series_instance_uid)

    def of_series(self, frames: Frames) -> Sequence[Region]:
        """Return the same for an instance that is a series by itself."""
        return _search().of_series(frames)

    def first_with_text(self) -> int:
        """Return the first frame with text of the instance that was searched last."""
        return _search().first_with_text()


class MeasuresWhenNeeded:
    """Tells measures from other text (a `Measures`)."""

    def __call__(self, frames: Frames, identifiers: Identifiers, regions: Sequence[Region]) -> Sequence[Region]:
        """Return the regions that hold measures and nothing else."""
        return _measures()(frames, identifiers, regions)


class KeptWhenNeeded:
    """Tells markers and technique from other text (a `KeptText`)."""

    def __call__(
        self, frames: Frames, identifiers: Identifiers, regions: Sequence[Region], keep: Keep
    ) -> Sequence[Region]:
        """Return the regions that may stay."""
        check_text_detection()
        from sendit.deidentify.pixels.ocr.keep import KeptTextReader

        return KeptTextReader()(frames, identifiers, regions, keep)


def _identifying(frames: Frames, identifiers: Identifiers, regions: Sequence[Region]) -> Sequence[Region]:
    check_text_detection()
    from sendit.deidentify.pixels.ocr.keep import identifying

    return identifying(frames, identifiers, regions)


def hidden(frames: Frames, number: int, regions: Sequence[Region]) -> float:
    """Return which share of what a frame shows the regions would hide (`content.share_hidden`)."""
    from sendit.deidentify.pixels.display import displayed
    from sendit.deidentify.pixels.ocr.content import share_hidden

    return share_hidden(displayed(frames[number], frames), regions)


class BarcodesWhenNeeded:
    """The search for barcodes that SendIt ships (a `CodeSearch`)."""

    def __call__(self, frames: Frames, *, readable: bool = False) -> Sequence[Region]:
        """Return what has to be masked; with `readable` only what can be read.

        Raises:
            Quarantine: it cannot be said whether there is a barcode.
            Misconfigured: what reads them is not there.
        """
        return _barcodes()(frames, readable=readable)


def pixel_tools(
    scratch: Path,
    *,
    previews: bool = False,
    series: tuple[Region, ...] | None = None,
    corrections: tuple[Corrections, ...] = (),
    staged_doubts: frozenset[Doubt] = frozenset(),
) -> PixelTools:
    """Return the tools for one instance.

    Args:
        scratch: a folder on a disk, for what is too large for memory.
        previews: whether previews of it are made.
        series: text that the look at its series found in it; None: there was none yet.
        corrections: what reviewers said of text in it.
        staged_doubts: for which its output is made, and waits for a person.
    """
    from sendit.deidentify.pixels.ocr.api import PixelTools
    from sendit.deidentify.pixels.preview import InstancePreviews

    search = LoadedWhenNeeded()
    return PixelTools(
        search,
        scratch,
        InstancePreviews() if previews else None,
        barcodes=BarcodesWhenNeeded(),
        measures=MeasuresWhenNeeded(),
        keep=KeptWhenNeeded(),
        hidden=hidden,
        series=series,
        of_series=search.of_series,
        first_with_text=search.first_with_text,
        identifying=_identifying,
        corrections=corrections,
        staged_doubts=staged_doubts,
    )


@cache  # it remembers what it has looked at
def _search() -> RapidTextSearch:
    check_text_detection()
    import cv2

    from sendit.deidentify.pixels.ocr.instance import RapidTextSearch

    cv2.setNumThreads(1)  # each core has a process of its own
    return RapidTextSearch()


@cache  # it remembers what it has read
def _measures() -> Measures:
    check_text_detection()
    from sendit.deidentify.pixels.ocr.keep import MeasureReader

    return MeasureReader()


@cache  # it remembers what it has looked at
def _barcodes() -> CodeSearch:
    check_barcodes()
    from sendit.deidentify.pixels.barcodes.search import BarcodeSearch

    return BarcodeSearch()


def check_barcodes() -> None:
    """Raise Misconfigured if barcode detection is unavailable."""
    try:
        import zxingcpp  # noqa: F401
    except ImportError as error:
        problem = f"the barcode reader cannot be loaded ({type(error).__name__})"
        raise Misconfigured(_PLACE, problem, _CURE) from None


def text_of_series(images: Images) -> dict[int, tuple[Region, ...]]:
    """Return the images of a series with text, by number, and where it is (`ocr.series.text_of_series`).

    Raises:
        Misconfigured: the runtime or the model cannot be loaded.
    """
    from sendit.deidentify.pixels.ocr import series as text_series

    return text_series.text_of_series(images, _search().detector)


def check_text_detection() -> None:
    """Raise Misconfigured if detection of text or barcodes is unavailable. The networks get an empty image."""
    check_barcodes()
    try:
        import cv2  # noqa: F401  linked with libraries of the system, which may be missing
        import numpy as np

        from sendit.deidentify.pixels.ocr.models import LINE_HEIGHT, STEP, probabilities, read_line

        probabilities(np.zeros((STEP, STEP, 3), np.uint8))
        read_line(np.zeros((LINE_HEIGHT, STEP, 3), np.uint8))
    except (Misconfigured, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  the runtime raises many kinds: a file that is cut off, a missing library
        problem = f"the text-detection model cannot be loaded ({type(error).__name__})"
        raise Misconfigured(_PLACE, problem, _CURE) from None

"""Protocols of text detection. Detectors are passed in: they need models and a runtime, other modules do not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sendit.deidentify.leak_check.identifiers import Identifiers
    from sendit.deidentify.pixels.frames import Frames
    from sendit.deidentify.pixels.preview import InstancePreviews
    from sendit.deidentify.pixels.regions import Corrections, Region
    from sendit.deidentify.pixels.windowing import Shown
    from sendit.model import Doubt


@dataclass(frozen=True, slots=True)
class DetectedText:
    """Text in an image. No message, log or receipt contains the text itself."""

    region: Region  # around the text alone
    text: str = field(repr=False)  # as it was recognised; "" if it could not be read
    score: float  # 0 to 1


class TextDetector(Protocol):
    """Finds and reads text in one frame. It decides no more: which frames are searched, and what is masked, others do.

    A frame is rows × columns (grey) or rows × columns × 3 (RGB), as a screen would show it.
    """

    @property
    def looked_at(self) -> int:
        """Return how many pixels were searched so far."""
        ...

    def candidates(self, frame: Shown, *, sharp: bool = False) -> list[tuple[DetectedText, bool]]:
        """Return all that may be text; True with what is text for certain, whatever it says.

        Args:
            frame: the frame.
            sharp: whether it shows only what stands out sharply: letters are as clear there as they get.
        """
        ...

    def reading(self, frame: Shown, region: Region) -> tuple[str, float]:
        """Return the text in a region and how sure it is, from 0 to 1; "" if it cannot be read."""
        ...


class TextSearch(Protocol):
    """Finds the text of an instance: it chooses frames, displays them as a person would see them, and searches them."""

    def __call__(self, frames: Frames, identifiers: Identifiers, series_instance_uid: str) -> Sequence[Region]:
        """Return what has to be masked, with a margin; nothing if there is no text.

        Args:
            frames: the frames of the instance.
            identifiers: of the original; where one is recognised, it is always among the regions.
            series_instance_uid: the original one; images of one series may share results.

        Raises:
            Quarantine: SendIt cannot tell whether there is text.
        """
        ...


class Measures(Protocol):
    """Distinguishes scales and measurements, which may stay in ultrasound images, from other text."""

    def __call__(self, frames: Frames, identifiers: Identifiers, regions: Sequence[Region]) -> Sequence[Region]:
        """Return the regions that hold measures and nothing else, in every frame."""
        ...


@dataclass(frozen=True, slots=True)
class Keep:
    """Text that a project lets stay in pixels."""

    modality: str = ""  # of the instance
    markers: bool = False
    technique: bool = False


class KeptText(Protocol):
    """Tells markers and technique, which may stay in any picture, from other text."""

    def __call__(
        self, frames: Frames, identifiers: Identifiers, regions: Sequence[Region], keep: Keep
    ) -> Sequence[Region]:
        """Return the regions that may stay, in every frame."""
        ...


class CodeSearch(Protocol):
    """Finds barcodes of any kind."""

    def __call__(self, frames: Frames, *, readable: bool = False) -> Sequence[Region]:
        """Return what has to be masked in all frames, with a margin.

        Args:
            frames: the frames of the instance.
            readable: only what can be read; else also what is recognised as a code.

        Raises:
            Quarantine: SendIt cannot tell whether there is one.
        """
        ...


@dataclass(frozen=True, slots=True)
class PixelTools:
    """Tools that the pixel policy needs from outside."""

    search: TextSearch | None = None  # None: text detection is unavailable
    scratch: Path | None = None  # a folder on a disk, for data that are too large for memory
    previews: InstancePreviews | None = None  # collects previews of this instance if it is cleaned
    barcodes: CodeSearch | None = None
    measures: Measures | None = None  # None: all text that is found is masked
    series: tuple[Region, ...] | None = None  # text that the look at its series found in it; None: not looked at yet
    #: Text of an instance that is a series by itself, of a kind that carries none as it is made. None: such images
    #: are not looked at.
    of_series: Callable[[Frames], Sequence[Region]] | None = None
    keep: KeptText | None = None  # None: no marker and no technique stays
    #: How much of what the frame with this number shows, regions would hide (0 to 1). None: nobody asks.
    hidden: Callable[[Frames, int, Sequence[Region]], float] | None = None
    first_with_text: Callable[[], int] | None = None  # the first frame with text of the instance searched last
    #: Which regions hold what may be an identifier of the original, in any frame. None: all are taken for such.
    identifying: Callable[[Frames, Identifiers, Sequence[Region]], Sequence[Region]] | None = None
    corrections: tuple[Corrections, ...] = ()  # by reviewers of this instance
    #: For these the output is made, and its receipt says that it may not leave yet. For others the instance is held.
    staged_doubts: frozenset[Doubt] = frozenset()

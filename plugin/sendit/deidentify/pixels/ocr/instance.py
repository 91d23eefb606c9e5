"""Find the text of an instance, in the frames that matter, as a person would see them (a `TextSearch`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendit.deidentify.pixels.display import displayed, merges_numbers, stored
from sendit.deidentify.pixels.ocr.detector import RapidTextDetector
from sendit.deidentify.pixels.ocr.frames import frames_to_look_at, text_in
from sendit.deidentify.pixels.ocr.second_look import contrast_view, identifiers_in, places_in
from sendit.deidentify.pixels.ocr.series import legible, text_of_series
from sendit.deidentify.pixels.regions import Region, united
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sendit.deidentify.leak_check.identifiers import Identifiers
    from sendit.deidentify.pixels.frames import Frames
    from sendit.deidentify.pixels.native import Array
    from sendit.deidentify.pixels.ocr.api import TextDetector

#: Margin around what was found, pixels of the image.
_MARGIN = 1
#: Rounds in which remaining identifiers are masked and searched for again.
_ROUNDS = 3
_STILL_THERE = "identifiers of the patient can still be read in its pixels after masking"


class RapidTextSearch:
    """The `TextSearch` that SendIt ships. One for each process: it remembers results by the pixels.

    Images of one series share annotations. What is identical to the last pixel is not searched again, and anything else
    is, so the search need not know the series.
    """

    def __init__(self, detector: TextDetector | None = None) -> None:
        self.detector = detector or RapidTextDetector()
        self._first = 0

    @property
    def looked_at(self) -> int:
        """Return how many pixels went through the network so far."""
        return self.detector.looked_at

    def __call__(self, frames: Frames, identifiers: Identifiers, series_instance_uid: str) -> Sequence[Region]:  # noqa: ARG002
        """Return what has to be masked in all frames, with a margin; nothing if there is no text.

        Raises:
            Quarantine: a frame cannot be decoded, its palette cannot be read, or an identifier is left after all.
            Misconfigured: the model cannot be loaded.
        """
        picture = frames.image
        regions: set[Region] = set()
        self._first = 0
        for shown in _ways(frames):
            for index in frames_to_look_at(len(frames), shown, self.detector, identifiers, regions):
                frame = shown(index)
                here = {one.region for one in text_in(frame, self.detector, identifiers)}
                if 0 < index < len(frames) - 1:  # what led to it may only be visible in its strokes
                    here.update(legible(frame, self.detector))
                here.update(_legible_identifiers(frame, [*regions, *here], identifiers))
                if here and not regions:
                    self._first = index
                regions.update(here)
        return united(regions, picture.columns, picture.rows)

    def of_series(self, frames: Frames) -> Sequence[Region]:
        """Return the same for an instance that is a series by itself, of a kind that carries no text by origin."""
        by_frame = text_of_series(_Shown(frames), self.detector)
        self._first = min(by_frame, default=0)
        return united(
            (region for regions in by_frame.values() for region in regions), frames.image.columns, frames.image.rows
        )

    def first_with_text(self) -> int:
        """Return the first frame with text of the instance that was searched last; 0 if there is none."""
        return self._first


def _ways(frames: Frames) -> Iterable[Callable[[int], Array]]:
    """Yield the ways in which the frames are displayed."""
    yield lambda index: displayed(frames[index], frames)
    if frames.image.photometric == "PALETTE COLOR" and merges_numbers(frames):
        yield lambda index: stored(frames[index], frames.decoded)


def _legible_identifiers(frame: Array, masked: Sequence[Region], identifiers: Identifiers) -> list[Region]:
    """Return where identifiers can still be read outside of what is masked (the second look)."""
    added: list[Region] = []
    if not len(identifiers):
        return added
    places = places_in(frame, masked)
    for _ in range(_ROUNDS):
        left = identifiers_in(contrast_view(frame, [*masked, *added]), identifiers, places)
        if not left:
            return added
        places = places.near(left)  # nothing has changed elsewhere
        added += [region.with_margin(_MARGIN) for region in left]
    raise Quarantine(_STILL_THERE)


class _Shown:
    """The frames of an instance as images of a series."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Array:
        return displayed(self._frames[index], self._frames)

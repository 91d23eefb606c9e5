"""Finds the text of an instance: in the frames that matter, as a person would see them (a `TextSearch`)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from sendit.deidentify.known import Known
from sendit.deidentify.pixels.displayed import displayed, merges_numbers, stored
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.regions import Region, united
from sendit.deidentify.pixels.text import RapidTextFinder
from sendit.deidentify.pixels.text_frames import frames_to_look_at, text_in

#: Around what was found, pixels of the image.
_MARGIN = 1


class RapidTextSearch:
    """The search that SendIt ships. One for each process: it remembers what it has looked at, by its pixels.

    Images of one series share annotations, and nothing has to be known of the series for that: what is the same to the
    last pixel is not looked at again, and anything else is.
    """

    def __init__(self) -> None:
        self._finder = RapidTextFinder()

    @property
    def looked_at(self) -> int:
        """Pixels that went through the network until now."""
        return self._finder.looked_at

    def __call__(self, frames: Frames, known: Known, series_instance_uid: str) -> Sequence[Region]:
        """What has to be made black in all frames, with a margin. Empty: there is no text.

        Raises:
            Quarantine: a frame cannot be decoded, or its palette not be read.
            Misconfigured: the weights are not there.
        """
        picture = frames.picture
        found: set[Region] = set()
        looks = [frames_to_look_at(displayed(frame, frames) for frame in frames)]
        if picture.photometric == "PALETTE COLOR" and merges_numbers(frames):
            looks.append(frames_to_look_at(stored(frame, frames.decoded) for frame in frames))
        for _, frame in chain.from_iterable(looks):
            found.update(one.region.with_margin(_MARGIN) for one in text_in(frame, self._finder, known))
        return united(found, picture.columns, picture.rows)

"""Finds the text of an instance: in the frames that matter, as a person would see them (a `TextSearch`)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from sendit.deidentify.known import Known
from sendit.deidentify.pixels.black import palette
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.native import Array
from sendit.deidentify.pixels.picture import Picture
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
        shown = (displayed(frame, frames) for frame in frames)
        looks = [frames_to_look_at(shown)]
        if picture.photometric == "PALETTE COLOR" and merges_numbers(frames):
            looks.append(frames_to_look_at(_stored(frame, picture) for frame in frames))
        for _, frame in chain.from_iterable(looks):
            found.update(one.region.with_margin(_MARGIN) for one in text_in(frame, self._finder, known))
        return united(found, picture.columns, picture.rows)


def displayed(frame: Array, frames: Frames) -> Array:
    """A frame in numbers that are shown: without bits that are no part of them, palette applied, colours as RGB."""
    picture, instance = frames.decoded, frames.instance
    numbers = frame if picture.floating else _stored(frame, picture)
    if picture.photometric == "PALETTE COLOR":
        first, channels = palette(picture, instance.elements, instance.syntax.encoding.order)
        index = np.clip(numbers.astype(np.int64) - first, 0, len(channels[0]) - 1)
        return _bytes(np.stack([channel[index] for channel in channels], axis=-1))
    if picture.photometric.startswith("YBR"):
        return _rgb(_bytes(numbers, picture.stored))
    return numbers


def merges_numbers(frames: Frames) -> bool:
    """Whether a palette shows different numbers alike: whoever reads the numbers sees what nobody is shown."""
    order = frames.instance.syntax.encoding.order
    _, channels = palette(frames.decoded, frames.instance.elements, order)
    colours = np.stack(channels, axis=-1)
    return len(np.unique(colours, axis=0)) < len(colours)


def _stored(frame: Array, picture: Picture) -> Array:
    """BitsStored below HighBit alone, with their sign (PS3.5 8.1.1)."""
    low = picture.high_bit + 1 - picture.stored
    if low == 0 and picture.stored == frame.dtype.itemsize * 8:
        return frame
    numbers = (frame.astype(np.int64) >> low) & ((1 << picture.stored) - 1)
    if picture.signed:
        numbers -= (numbers >> (picture.stored - 1)) << picture.stored
    return numbers.astype(np.uint8) if picture.stored == 8 and not picture.signed else numbers


def _bytes(numbers: Array, bits: int = 0) -> Array:
    """Numbers of so many bits as 8; of the bits that are needed if that is not said."""
    if numbers.dtype == np.uint8:
        return numbers
    most = float((1 << bits) - 1) if bits else max(255.0, float(numbers.max(initial=0)))
    return np.clip(numbers * (255.0 / most), 0, 255).astype(np.uint8)


def _rgb(frame: Array) -> Array:
    """YBR_FULL as RGB (PS3.3 C.7.6.3.1.2); YBR_PARTIAL is taken for the same, which is near enough to read."""
    y, blue, red = (frame[..., channel].astype(np.float32) for channel in range(3))
    blue, red = blue - 128, red - 128
    channels = (y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue)
    rgb: Array = np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)
    return rgb

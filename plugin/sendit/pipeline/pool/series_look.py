"""One look at a whole series of outputs: text that a console wrote into images of a kind that carries none.

It is taken when all images of a series in a batch, or in a folder, have been de-identified, and before any of them is
given out. The pixels of such outputs are those of their originals, so the outputs are looked at, in the order of their
numbers and codes: the same series has the same result everywhere. Images that are projected together are a part of the
series; different processes may look at different parts.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.pixels.image import TOGETHER, place_in_series
from sendit.errors import Misconfigured, Quarantine, Reject
from sendit.model import LOOK_DUE, LOOKED_AT, PlaceInSeries, Receipt
from sendit.pipeline.pool.limits import limited
from sendit.pipeline.pool.pixel_tools import text_of_series
from sendit.storage.staging import opened, written

if TYPE_CHECKING:  # loads numpy
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from sendit.deidentify.dicom.dataset import Instance
    from sendit.deidentify.pixels.native import Array
    from sendit.deidentify.pixels.regions import Region


@dataclass(frozen=True, slots=True)
class SeriesOfOutputs:
    """The outputs of one series; each by a name that comes back with the result.

    Attributes:
        places: where they stand in the series, as far as that is known: the files of the others are read.
    """

    paths: Mapping[str, Path]
    places: Mapping[str, PlaceInSeries] = field(default_factory=dict)

    def undivided(self) -> SeriesPart:
        """Return it as one part, if it cannot be divided."""
        return SeriesPart(self.paths, (0, 0, 0))


@dataclass(frozen=True, slots=True)
class SeriesPart:
    """Images of one size that are projected together, in the order of their series."""

    paths: Mapping[str, Path]
    shape: tuple[int, int, int]  # rows, columns, samples; none if they cannot be told

    def is_readable(self) -> bool:
        """Return whether the size of its images is known."""
        return any(self.shape)

    def all_suspect(self) -> SeriesLook:
        """Return the result if the part cannot be searched: each image has to be searched by itself."""
        return SeriesLook(tuple(self.paths), dict.fromkeys(self.paths, ()))


@dataclass(frozen=True, slots=True)
class SeriesLook:
    """The result of a look at a series.

    Attributes:
        suspects: the images to be looked at for themselves, each with the text that was found in it; without any if it
            could not be looked at in the series.
    """

    names: tuple[str, ...]
    suspects: Mapping[str, tuple[Region, ...]] = field(default_factory=dict)

    @classmethod
    def merged(cls, looks: Iterable[SeriesLook]) -> SeriesLook:
        """Return the look at a series whose parts were looked at."""
        names: list[str] = []
        suspects: dict[str, tuple[Region, ...]] = {}
        for look in looks:
            names += look.names
            suspects |= look.suspects
        return cls(tuple(names), suspects)

    def write(self, path: Path) -> None:
        """Keep it: what was looked at is changed by what follows, and a look at that would find something else.

        Raises:
            Retry: it cannot be written.
        """
        regions = {name: [[r.x0, r.y0, r.x1, r.y1] for r in found] for name, found in self.suspects.items()}
        written([json.dumps({"names": self.names, "suspects": regions}).encode()], path)

    @classmethod
    def read(cls, path: Path, names: Iterable[str]) -> SeriesLook | None:
        """Return the stored result, if there is one for these images."""
        from sendit.deidentify.pixels.regions import Region

        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(path.read_bytes())
            suspects = {name: tuple(Region(*one) for one in boxes) for name, boxes in kept["suspects"].items()}
            if set(names) <= set(kept["names"]):
                return cls(tuple(kept["names"]), suspects)
        return None


def is_due(receipt: Receipt) -> bool:
    """Return whether an image may not leave before its series was searched."""
    return receipt.pixels.get("series") == LOOK_DUE


def looked_at(receipt: Receipt) -> Receipt:
    """Return the receipt of an image in which the search of its series found nothing."""
    return replace(receipt, pixels={**receipt.pixels, "series": LOOKED_AT})


def divided(images: Iterable[tuple[PlaceInSeries, str, Path]]) -> Iterator[SeriesPart]:
    """Yield the parts of a series.

    Args:
        images: where each stands in the series, its name, and its output.
    """
    for shape, alike in groupby(sorted(images), key=lambda image: image[0].shape):
        places = [(name, path) for _, name, path in alike]
        for first in range(0, len(places), TOGETHER):
            yield SeriesPart(dict(places[first : first + TOGETHER]), shape)


# --- in the child -------------------------------------------------------------------------------------------------


def parts_of(series: SeriesOfOutputs) -> list[SeriesPart]:
    """Return the parts of a series, at least one; those that cannot be read are parts, too."""
    try:
        with limited(sum(path.stat().st_size for path in series.paths.values())):
            return list(_parts_of(series)) or [series.undivided()]
    except BaseException:  # noqa: BLE001  as of a part
        return [series.undivided()]


def _parts_of(series: SeriesOfOutputs) -> Iterator[SeriesPart]:
    return divided((series.places.get(name) or _place_of(path), name, path) for name, path in series.paths.items())


def look_at_part(part: SeriesPart) -> SeriesLook:
    """Look at it. An image that cannot be decoded is a suspect without text: by itself, it is held with a reason.

    Raises:
        Misconfigured: what finds text in pixels cannot be had.
    """
    try:
        return _look_at_part(part)
    except Misconfigured:
        raise
    except BaseException:  # noqa: BLE001  a decoder may panic with anything; law 1: it lets nothing pass
        return part.all_suspect()


def _look_at_part(part: SeriesPart) -> SeriesLook:
    with limited(sum(path.stat().st_size for path in part.paths.values())):
        images = _Images(part)
        by_number = text_of_series(images)
    suspects = {images.names[number]: regions for number, regions in by_number.items()}
    suspects.update((name, ()) for name in images.unreadable)
    return SeriesLook(tuple(part.paths), suspects)


def _place_of(path: Path) -> PlaceInSeries:
    try:
        with opened(path) as content:
            return place_in_series(read_file(memoryview(content))) or PlaceInSeries()
    except (Quarantine, Reject):
        return PlaceInSeries()


class _Images:
    """Images of one size (`text_series.Images`), read when they are asked for."""

    def __init__(self, part: SeriesPart) -> None:
        self.names = list(part.paths)
        self.unreadable: set[str] = set()
        self._part = part

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Array:
        import numpy as np

        name = self.names[index]
        try:
            with opened(self._part.paths[name]) as content:
                return np.ascontiguousarray(_pixels(read_file(memoryview(content))))
        except (Quarantine, Reject):
            self.unreadable.add(name)
            return np.zeros(self._part.shape[:2], np.uint16)


def _pixels(instance: Instance) -> Array:
    from sendit.deidentify.pixels.display import displayed
    from sendit.deidentify.pixels.frames import Frames

    frames = Frames(instance)
    return displayed(frames[0], frames)

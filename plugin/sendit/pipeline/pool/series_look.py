"""One look at a whole series of outputs: text that a console wrote into images of a kind that carries none.

It is taken when all images of a series in a batch, or in a folder, have been de-identified, and before any of them is
given out. The pixels of such outputs are those of their originals, so the outputs are looked at, in one process for
each series, in the order of their numbers and codes: the same series has the same result everywhere.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.validate import text_of
from sendit.errors import Misconfigured, Quarantine, Reject
from sendit.model import LOOK_DUE, LOOKED_AT, Receipt
from sendit.pipeline.pool.limits import limited
from sendit.pipeline.pool.pixel_tools import text_of_series
from sendit.storage.instance_io import opened, written

if TYPE_CHECKING:  # loads numpy
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from sendit.deidentify.dicom.dataset import Instance
    from sendit.deidentify.pixels.native import Array
    from sendit.deidentify.pixels.regions import Region

_NUMBER, _SOP_INSTANCE = 0x00200013, 0x00080018
#: Bytes of a series that are held between the look at its headers and that at its pixels; of a larger one, each image
#: is read twice.
_HELD = 128 << 20


@dataclass(frozen=True, slots=True)
class SeriesOfOutputs:
    """The outputs of one series; each by a name that comes back with the result."""

    paths: Mapping[str, Path]

    def all_suspect(self) -> SeriesLook:
        """Return the result if the series cannot be searched: each image has to be searched by itself."""
        return SeriesLook(tuple(self.paths), dict.fromkeys(self.paths, ()))


@dataclass(frozen=True, slots=True)
class SeriesLook:
    """What the look at a series found.

    Attributes:
        suspects: the images to be looked at for themselves, each with the text that was found in it; without any if it
            could not be looked at in the series.
    """

    names: tuple[str, ...]
    suspects: Mapping[str, tuple[Region, ...]] = field(default_factory=dict)

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


# --- in the child -------------------------------------------------------------------------------------------------


def look_at(series: SeriesOfOutputs) -> SeriesLook:
    """Look at it. What cannot be decoded is a suspect without text: looked at for itself, it is held with a reason.

    Raises:
        Misconfigured: text detection is unavailable.
    """
    try:
        return _look_at(series)
    except Misconfigured:
        raise
    except BaseException:  # noqa: BLE001  a decoder may panic with anything; law 1: it lets nothing pass
        return series.all_suspect()


def _look_at(series: SeriesOfOutputs) -> SeriesLook:
    size = sum(path.stat().st_size for path in series.paths.values())
    images = sorted(_Image.of(name, path, hold=size <= _HELD) for name, path in series.paths.items())
    suspects: dict[str, tuple[Region, ...]] = {}
    with limited(size):
        for _, alike in groupby(images, key=lambda image: image.shape):
            some = _Images(list(alike))
            by_number = text_of_series(some)
            suspects.update((some.images[number].name, regions) for number, regions in by_number.items())
            suspects.update((name, ()) for name in some.unreadable)
    return SeriesLook(tuple(series.paths), suspects)


@dataclass(frozen=True, slots=True, order=True)
class _Image:
    """An output, in the order of its series."""

    shape: tuple[int, int, int]  # rows, columns, samples; none if they cannot be told
    number: int
    uid: str
    name: str
    path: Path
    held: Instance | None = field(default=None, compare=False)

    @classmethod
    def of(cls, name: str, path: Path, *, hold: bool) -> _Image:
        from sendit.deidentify.pixels.image import describe

        try:
            with opened(path) as content:
                instance = read_file(memoryview(content))
                number, uid = text_of(instance.elements, _NUMBER), text_of(instance.elements, _SOP_INSTANCE)
                picture = describe(instance)
                shape = (picture.rows, picture.columns, picture.samples)
        except (Quarantine, Reject):
            return cls((0, 0, 0), 0, "", name, path)
        return cls(shape, int(number) if number.isdecimal() else 0, uid, name, path, instance if hold else None)


class _Images:
    """Images of one size (`text_series.Images`), read when they are asked for."""

    def __init__(self, images: list[_Image]) -> None:
        self.images = images
        self.unreadable: set[str] = set()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Array:
        import numpy as np

        image = self.images[index]
        with ExitStack() as stack:
            try:
                instance = image.held or read_file(memoryview(stack.enter_context(opened(image.path))))
                return np.array(_pixels(instance))
            except (Quarantine, Reject):
                self.unreadable.add(image.name)
                return np.zeros(image.shape[:2], np.uint16)


def _pixels(instance: Instance) -> Array:
    from sendit.deidentify.pixels.display import displayed
    from sendit.deidentify.pixels.frames import Frames

    frames = Frames(instance)
    return displayed(frames[0], frames)

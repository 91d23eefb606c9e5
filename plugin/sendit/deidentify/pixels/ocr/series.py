"""Find text in a series of images that carry none by origin, in the projection of many of them.

What stands out leads to the slices that contributed it, and only what can be read there counts: rows of a mosaic,
artefacts and bones look like lines of text, but are none. A slice with text is examined by itself; the others are
projected again without it, until nothing can be read in any that contributed a line.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from sendit.deidentify.pixels.image import TOGETHER
from sendit.deidentify.pixels.ocr.match_identifiers import identifies
from sendit.deidentify.pixels.ocr.projection import Projection, sharpness
from sendit.deidentify.pixels.regions import Region, united
from sendit.deidentify.pixels.windowing import Shown, views

if TYPE_CHECKING:
    from sendit.deidentify.leak_check.identifiers import Identifiers
    from sendit.deidentify.pixels.native import Array
    from sendit.deidentify.pixels.ocr.api import TextDetector

#: The most boxes of one projection that are followed, the likeliest first, and the images for each.
_MOST_BOXES, _MOST_MAKERS = 12, 2
#: Least confidence of text, and letters and digits that must stand together in it. Higher boxes (pixels) are no lines
#: of a console; rows of rings, as in a mosaic of heads, are read as zeros.
_READ, _LETTERS, _IDEOGRAPHS, _HIGHEST = 0.6, 3, 2, 48
_ROUND = str.maketrans("OoQGCDc", "0000000")
_MARGIN = 1
_AROUND, _LOUD, _LEAST = 8.0, 45.0, 0.02


class Images(Protocol):
    """The images of a series, of one size, decoded on access."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Array: ...


def text_of_series(images: Images, detector: TextDetector) -> dict[int, tuple[Region, ...]]:
    """Return the images with text, by number, and where it is.

    Args:
        images: in a fixed order.
        detector: the detector of text.
    """
    by_image: dict[int, tuple[Region, ...]] = {}
    for first in range(0, len(images), TOGETHER):
        by_image.update(_text_of(images, range(first, min(first + TOGETHER, len(images))), detector))
    return by_image


def _text_of(images: Images, numbers: range, detector: TextDetector) -> dict[int, tuple[Region, ...]]:
    """Return those of some images that have text: each that contributed a line to their projection is read there.

    Text of one image may cover that of another, so those without text are projected again.
    """
    by_image: dict[int, tuple[Region, ...]] = {}
    left = list(numbers)
    while left:
        projection = Projection()
        for number in left:
            projection.add(images[number])
        read = _read_in(images, left, projection, detector)
        if not read:
            break
        for number, regions in read.items():
            image = images[number]
            everywhere = (*legible(image, detector), *(region.with_margin(_MARGIN) for region in regions))
            by_image[number] = united(everywhere, image.shape[1], image.shape[0])
        left = [number for number in left if number not in read]
    return by_image


def _read_in(
    images: Images, numbers: list[int], projection: Projection, detector: TextDetector
) -> dict[int, list[Region]]:
    """Return the images in which a line of their projection can be read, and where."""
    read: dict[int, list[Region]] = {}
    for region in _suspected_lines(projection, detector):
        makers = [numbers[maker] for maker in projection.makers(region)]
        first, others = makers[:_MOST_MAKERS], makers[_MOST_MAKERS:]
        texts = [number for number in first if is_text_at(images[number], region, detector)]
        if texts:  # a console may have written it into all of them
            texts += [number for number in others if is_text_at(images[number], region, detector)]
        for number in texts:
            read.setdefault(number, []).append(region)
    return read


def suspected(projection: Projection, detector: TextDetector) -> list[tuple[int, Region]]:
    """Return the images that contributed what looks like a line of text to a projection, and where it is."""
    lines = _suspected_lines(projection, detector)
    return [(maker, region) for region in lines for maker in projection.makers(region)[:_MOST_MAKERS]]


def _suspected_lines(projection: Projection, detector: TextDetector) -> list[Region]:
    """Return what looks like a line of text in a projection, the most likely first."""
    boxes = (box for box, sure in detector.candidates(sharp_view(projection.values), sharp=True) if sure)
    return [box.region for box in boxes if _short(box.region) <= _HIGHEST][:_MOST_BOXES]


def is_text_at(image: Array, region: Region, detector: TextDetector, identifiers: Identifiers | None = None) -> bool:
    """Return whether text, or an identifier, can be read at a place in one image."""
    read = (detector.reading(shown, region) for shown in _shown(image))
    return any(is_legible(*one) or (identifiers is not None and identifies(one[0], identifiers)) for one in read)


def _shown(image: Array) -> list[Shown]:
    return [*views(image), sharp_view(sharpness(image))]


def _short(region: Region) -> int:
    return min(region.x1 - region.x0, region.y1 - region.y0)


def legible(image: Array, detector: TextDetector) -> tuple[Region, ...]:
    """Return where text can be read in one image, with a margin."""
    regions: list[Region] = []
    sharp = sharp_view(sharpness(image))
    for shown in (*views(image), sharp):
        for box, sure in detector.candidates(shown, sharp=shown is sharp):
            if sure and _short(box.region) <= _HIGHEST and is_legible(*detector.reading(shown, box.region)):
                regions.append(box.region.with_margin(_MARGIN))
    return united(regions, image.shape[1], image.shape[0])


def sharp_view(sharp: Array) -> Shown:
    """Return what stands out more sharply than its surroundings."""
    if not sharp.size:
        return np.zeros(sharp.shape, np.uint8)
    sharp = sharp.astype(np.float32, copy=False)
    least = _LEAST * float(np.percentile(sharp, 99.9))
    around = np.asarray(cv2.GaussianBlur(sharp, (0, 0), _AROUND))
    shown: Shown = np.clip(sharp * (_LOUD / (around + max(least, 1e-6))), 0, 255).astype(np.uint8)
    return shown


def is_legible(text: str, sureness: float) -> bool:
    """Return whether a reading consists of letters or digits that belong together."""
    if sureness < _READ:
        return False
    run = ideographs = 0
    for character in text:
        kind = unicodedata.category(character)
        run = run + 1 if kind in ("Lu", "Ll", "Lo", "Nd") else 0
        ideographs = ideographs + 1 if kind == "Lo" else 0
        if (run >= _LETTERS or ideographs >= _IDEOGRAPHS) and len(set(text.translate(_ROUND))) > 1:
            return True
    return False

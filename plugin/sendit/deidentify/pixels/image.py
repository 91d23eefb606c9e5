"""Read the Image Pixel attributes (PS3.3 C.7.6.3), without trusting them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sendit.deidentify.dicom.dataset import PIXEL_DATA, PIXELS, Dataset, Element, Instance, find
from sendit.deidentify.dicom.text import ascii_text
from sendit.errors import Quarantine
from sendit.model import PlaceInSeries

FLOAT_PIXEL_DATA = 0x7FE00008

SAMPLES, PHOTOMETRIC, _PLANAR, _FRAMES = 0x00280002, 0x00280004, 0x00280006, 0x00280008
_ROWS, _COLUMNS, _ALLOCATED, _STORED = 0x00280010, 0x00280011, 0x00280100, 0x00280101
_HIGH_BIT, _SIGNED = 0x00280102, 0x00280103
_INSTANCE_NUMBER, _SOP_INSTANCE = 0x00200013, 0x00080018

_GREY = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT")

#: The limit of one decoded frame (bytes). More is a decompression bomb, or does not fit into memory.
LARGEST_FRAME = 1 << 30
_MOST_FRAMES = 1 << 20
#: Images or frames that are projected together: noise adds up, and text in many of them overlaps.
TOGETHER = 32


@dataclass(frozen=True, slots=True)
class ImagePixel:
    """The Image Pixel attributes of an instance."""

    rows: int
    columns: int
    frames: int
    samples: int  # 1 or 3
    photometric: str  # PhotometricInterpretation
    allocated: int  # bits for one sample
    stored: int
    high_bit: int
    signed: bool
    planar: bool  # colour by plane, as stored
    floating: bool  # float or double pixel data

    @property
    def subsampled(self) -> bool:
        """Return whether chroma is subsampled in uncompressed pixel data: two samples for four of luminance."""
        return self.photometric == "YBR_FULL_422"

    @property
    def frame_bits(self) -> int:
        """Return the bits of one uncompressed frame."""
        samples = 2 if self.subsampled else self.samples
        return self.rows * self.columns * samples * self.allocated


def pixels_of(elements: Dataset) -> Element | None:
    """Return the pixel data of a dataset, of whatever kind."""
    return next((element for element in elements if element.tag in PIXELS), None)


def describe(instance: Instance) -> ImagePixel:
    """Return the Image Pixel attributes of an instance that has pixel data.

    Raises:
        Quarantine: they are incomplete or contradictory, or the image is too large.
    """
    elements, order = instance.elements, instance.syntax.encoding.order
    pixels = pixels_of(elements)
    if pixels is None:
        raise Quarantine("its pixels cannot be examined: there are none")
    floating = pixels.tag != PIXEL_DATA
    if floating:
        allocated = stored = 32 if pixels.tag == FLOAT_PIXEL_DATA else 64
        high_bit, signed = stored - 1, True
    else:
        allocated = _number(elements, _ALLOCATED, order)
        stored = _number(elements, _STORED, order, allocated)
        high_bit = _number(elements, _HIGH_BIT, order, stored - 1)
        signed = _number(elements, _SIGNED, order, 0) == 1
    samples = _number(elements, SAMPLES, order, 1)
    image = ImagePixel(
        rows=_number(elements, _ROWS, order),
        columns=_number(elements, _COLUMNS, order),
        frames=_frames(elements),
        samples=samples,
        photometric=text_value(elements, PHOTOMETRIC) or ("MONOCHROME2" if floating else ""),
        allocated=allocated,
        stored=stored,
        high_bit=high_bit,
        signed=signed,
        planar=samples > 1 and _number(elements, _PLANAR, order, 0) == 1,
        floating=floating,
    )
    _check(image)
    if image.subsampled and image.columns % 2 and not pixels.encapsulated:
        raise Quarantine("its pixels cannot be examined: YBR_FULL_422 with an odd number of columns")
    return image


def place_in_series(instance: Instance) -> PlaceInSeries | None:
    """Return where an image stands in its series; None if its size cannot be told."""
    try:
        image = describe(instance)
    except Quarantine:
        return None
    number, uid = (text_value(instance.elements, tag) for tag in (_INSTANCE_NUMBER, _SOP_INSTANCE))
    shape = (image.rows, image.columns, image.samples)
    return PlaceInSeries(shape, int(number) if number.isdecimal() else 0, uid)


@dataclass(frozen=True, slots=True)
class Extent:
    """The size of pixel data, whatever the samples mean."""

    frames: int
    pixels: int  # of one frame: rows × columns
    size: int  # bytes of one frame that is not compressed


def extent(elements: Dataset, order: str) -> Extent:
    """Return how many frames, pixels and bytes the header declares.

    Raises:
        Quarantine: the attributes are incomplete.
    """
    pixels = _number(elements, _ROWS, order) * _number(elements, _COLUMNS, order)
    samples = 2 if text_value(elements, PHOTOMETRIC) == "YBR_FULL_422" else _number(elements, SAMPLES, order, 1)
    size = (pixels * samples * _number(elements, _ALLOCATED, order) + 7) // 8
    return Extent(_frames(elements), pixels, size)


def _check(image: ImagePixel) -> None:
    samples = 1 if image.photometric in _GREY else 3 if image.photometric in _COLOUR else 0
    if not samples:
        raise Quarantine("its pixels cannot be examined: SendIt does not support its PhotometricInterpretation")
    if image.samples != samples:
        raise Quarantine("its pixels cannot be examined: SamplesPerPixel does not fit PhotometricInterpretation")
    if image.allocated not in (1, 8, 16, 32, 64) or (image.samples == 3 and image.allocated == 1):
        raise Quarantine("its pixels cannot be examined: SendIt does not support its BitsAllocated")
    if not 0 < image.stored <= image.high_bit + 1 <= image.allocated:
        raise Quarantine("its pixels cannot be examined: BitsAllocated, BitsStored and HighBit contradict each other")
    if not image.rows or not image.columns or not 0 < image.frames <= _MOST_FRAMES:
        raise Quarantine("its pixels cannot be examined: Rows, Columns or NumberOfFrames is invalid")
    if image.rows * image.columns * image.samples * max(8, image.allocated) // 8 > LARGEST_FRAME:
        raise Quarantine("its pixels cannot be examined: a frame is too large")


def _number(elements: Dataset, tag: int, order: str, default: int | None = None) -> int:
    element = find(elements, tag)
    if element is None and default is not None:
        return default
    if element is None or element.items is not None or len(element.value) != 2:
        raise Quarantine("its pixels cannot be examined: attributes that describe them are missing")
    return int.from_bytes(element.value, "little" if order == "<" else "big")


def _frames(elements: Dataset) -> int:
    text = text_value(elements, _FRAMES) or "1"
    if not re.fullmatch(r"\+?\d{1,9}", text):
        raise Quarantine("its pixels cannot be examined: its NumberOfFrames is not a number")
    return int(text)


def text_value(elements: Dataset, tag: int) -> str:
    """Return the text of a coded attribute; "" if it is missing."""
    element = find(elements, tag)
    return "" if element is None else ascii_text(element.value)

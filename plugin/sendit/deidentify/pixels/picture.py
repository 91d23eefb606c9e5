"""What the header says of the pixels (PS3.3 C.7.6.3), read without believing it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sendit.deidentify.dataset import PIXEL_DATA, Dataset, Element, Instance, find
from sendit.errors import Quarantine

FLOAT_PIXEL_DATA, DOUBLE_PIXEL_DATA = 0x7FE00008, 0x7FE00009
_PIXELS = (FLOAT_PIXEL_DATA, DOUBLE_PIXEL_DATA, PIXEL_DATA)
_SAMPLES, PHOTOMETRIC, _PLANAR, _FRAMES = 0x00280002, 0x00280004, 0x00280006, 0x00280008
_ROWS, _COLUMNS, _ALLOCATED, _STORED = 0x00280010, 0x00280011, 0x00280100, 0x00280101
_HIGH_BIT, _SIGNED = 0x00280102, 0x00280103

_GREY = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT")

#: One frame may take so many bytes when it is decoded. More is a decompression bomb, or nothing that fits into memory.
LARGEST_FRAME = 1 << 30
_MOST_FRAMES = 1 << 20


@dataclass(frozen=True, slots=True)
class Picture:
    """The description of pixel data."""

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
        """Two samples of colour for every four of luminance, and not compressed."""
        return self.photometric == "YBR_FULL_422"

    @property
    def frame_bits(self) -> int:
        """Of one frame that is not compressed."""
        samples = 2 if self.subsampled else self.samples
        return self.rows * self.columns * samples * self.allocated


def pixels_of(elements: Dataset) -> Element | None:
    """The pixel data of a dataset, of whatever kind."""
    return next((element for element in elements if element.tag in _PIXELS), None)


def describe(instance: Instance) -> Picture:
    """The description of an instance that has pixel data.

    Raises:
        Quarantine: it is incomplete or contradicts itself, or the image is too large to be taken apart.
    """
    elements, order = instance.elements, instance.syntax.encoding.order
    pixels = pixels_of(elements)
    if pixels is None:
        raise Quarantine("its pixels cannot be looked at: there are none")
    floating = pixels.tag != PIXEL_DATA
    if floating:
        allocated = stored = 32 if pixels.tag == FLOAT_PIXEL_DATA else 64
        high_bit, signed = stored - 1, True
    else:
        allocated = _number(elements, _ALLOCATED, order)
        stored = _number(elements, _STORED, order, allocated)
        high_bit = _number(elements, _HIGH_BIT, order, stored - 1)
        signed = _number(elements, _SIGNED, order, 0) == 1
    samples = _number(elements, _SAMPLES, order, 1)
    picture = Picture(
        rows=_number(elements, _ROWS, order),
        columns=_number(elements, _COLUMNS, order),
        frames=_frames(elements),
        samples=samples,
        photometric=_text(elements, PHOTOMETRIC) or ("MONOCHROME2" if floating else ""),
        allocated=allocated,
        stored=stored,
        high_bit=high_bit,
        signed=signed,
        planar=samples > 1 and _number(elements, _PLANAR, order, 0) == 1,
        floating=floating,
    )
    _check(picture)
    if picture.subsampled and picture.columns % 2 and not pixels.encapsulated:
        raise Quarantine("its pixels cannot be looked at: YBR_FULL_422 with an odd number of columns")
    return picture


@dataclass(frozen=True, slots=True)
class Extent:
    """How many samples there are, whatever they mean."""

    frames: int
    pixels: int  # of one frame: rows × columns
    size: int  # bytes of one frame that is not compressed


def extent(elements: Dataset, order: str) -> Extent:
    """What of a description frames can be told apart with.

    Raises:
        Quarantine: it is incomplete.
    """
    pixels = _number(elements, _ROWS, order) * _number(elements, _COLUMNS, order)
    samples = 2 if _text(elements, PHOTOMETRIC) == "YBR_FULL_422" else _number(elements, _SAMPLES, order, 1)
    size = (pixels * samples * _number(elements, _ALLOCATED, order) + 7) // 8
    return Extent(_frames(elements), pixels, size)


def _check(picture: Picture) -> None:
    wanted = 1 if picture.photometric in _GREY else 3 if picture.photometric in _COLOUR else 0
    if not wanted:
        raise Quarantine("its pixels cannot be looked at: its PhotometricInterpretation is none that SendIt knows")
    if picture.samples != wanted:
        raise Quarantine("its pixels cannot be looked at: SamplesPerPixel does not fit PhotometricInterpretation")
    if picture.allocated not in (1, 8, 16, 32, 64) or (picture.samples == 3 and picture.allocated == 1):
        raise Quarantine("its pixels cannot be looked at: SendIt does not know such BitsAllocated")
    if not 0 < picture.stored <= picture.high_bit + 1 <= picture.allocated:
        raise Quarantine("its pixels cannot be looked at: BitsAllocated, BitsStored and HighBit contradict each other")
    if not picture.rows or not picture.columns or not 0 < picture.frames <= _MOST_FRAMES:
        raise Quarantine("its pixels cannot be looked at: Rows, Columns or NumberOfFrames is none that can be")
    if picture.rows * picture.columns * picture.samples * max(8, picture.allocated) // 8 > LARGEST_FRAME:
        raise Quarantine("its pixels cannot be looked at: a frame is larger than SendIt decodes")


def _number(elements: Dataset, tag: int, order: str, default: int | None = None) -> int:
    element = find(elements, tag)
    if element is None and default is not None:
        return default
    if element is None or element.items is not None or len(element.value) != 2:
        raise Quarantine("its pixels cannot be looked at: their description is incomplete")
    return int.from_bytes(element.value, "little" if order == "<" else "big")


def _frames(elements: Dataset) -> int:
    text = _text(elements, _FRAMES) or "1"
    if not re.fullmatch(r"\+?\d{1,9}", text):
        raise Quarantine("its pixels cannot be looked at: its NumberOfFrames is no number")
    return int(text)


def _text(elements: Dataset, tag: int) -> str:
    element = find(elements, tag)
    return "" if element is None else bytes(element.value).decode("latin-1").strip("\0 ")

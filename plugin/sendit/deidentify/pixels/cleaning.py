"""Regions of an image made black. Everything outside of them stays as it was, to the last bit of what is decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sendit.deidentify.bulk import forget
from sendit.deidentify.dataset import PIXEL_DATA, Dataset, Element, Instance, TransferSyntax
from sendit.deidentify.pixels import codecs
from sendit.deidentify.pixels.black import black, fill, shown_inverted
from sendit.deidentify.pixels.encapsulated import LENGTHS, OFFSETS, end_of_items, item, offset_table
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.native import Array
from sendit.deidentify.pixels.overlays import padding_value, without_unused_bits
from sendit.deidentify.pixels.picture import PHOTOMETRIC, Picture
from sendit.deidentify.pixels.regions import Region, united
from sendit.deidentify.pixels.spool import Spool, blank, copied
from sendit.deidentify.syntaxes import transfer_syntax
from sendit.errors import Quarantine

_PLANAR, _SMALLEST, _LARGEST = 0x00280006, 0x00280106, 0x00280107
_LOSSY = 0x00282110
_LOSSY_SYNTAXES = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
_FORGET_AFTER = 16 << 20  # bytes

Change = Callable[[Array], None]


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What was done."""

    regions: tuple[Region, ...]  # as they were made black: clipped; of YBR_FULL_422 with even columns
    syntax: TransferSyntax  # of the instance now
    overlays: bool  # overlays in unused bits of the pixels were taken out, too


def clean(instance: Instance, frames: Frames, regions: Sequence[Region], scratch: Path | None = None) -> Cleaning:
    """Make regions black in all frames, and take out overlays that stand in unused bits. Changes `instance`.

    The transfer syntax stays where it can be written without loss; where not, it becomes another one that is.

    Args:
        frames: of this instance.
        scratch: a folder on a disk, for what is too large for memory.

    Raises:
        Quarantine: a frame cannot be decoded, or what black is cannot be told. `instance` is as it was then.
    """
    picture, order = frames.picture, instance.syntax.encoding.order
    padding = padding_value(instance.elements, order)
    overlays = False
    wanted = united(regions, picture.columns, picture.rows)
    if picture.subsampled and frames.encapsulated is None:
        wanted = _aligned(wanted)
    values = black(frames.decoded, instance.elements, order)
    inverted = shown_inverted(frames.decoded, instance.elements)

    def change(array: Array) -> None:
        nonlocal overlays
        fill(array, wanted, values, inverted)
        overlays = without_unused_bits(array, picture, padding) or overlays

    if frames.encapsulated is None:
        made: Dataset = [_native(frames, change, scratch)]
        syntax = instance.syntax
    else:
        if picture.allocated == 1:
            raise Quarantine("its pixels cannot be cleaned: single bits that are compressed")
        syntax, made = _compressed(frames, change, instance.syntax, scratch)
        made += _description(frames.decoded)
    if instance.syntax.uid in _LOSSY_SYNTAXES:
        made.append(Element(_LOSSY, "CS", b"01"))
    _put(instance, made)
    instance.syntax = syntax
    return Cleaning(wanted, syntax, overlays)


def _aligned(regions: tuple[Region, ...]) -> tuple[Region, ...]:
    """Two neighbours of uncompressed YBR_FULL_422 share their colour: black is made of both."""
    return tuple(replace(region, x0=region.x0 // 2 * 2, x1=(region.x1 + 1) // 2 * 2) for region in regions)


def _native(frames: Frames, change: Change, scratch: Path | None) -> Element:
    """In the bytes as they are: nothing is converted."""
    pixels = frames.pixels
    made = copied(pixels.value, scratch)
    worked = 0
    for index in range(len(frames)):
        frame = frames.native(index, made)
        change(frame.array)
        data = frame.data()
        made[frame.start : frame.start + len(data)] = data
        worked += len(data)
        if worked > _FORGET_AFTER:
            forget(made)
            worked = 0
    return Element(pixels.tag, pixels.vr, made)


def _compressed(
    frames: Frames, change: Change, syntax: TransferSyntax, scratch: Path | None
) -> tuple[TransferSyntax, Dataset]:
    wanted = codecs.written_as(syntax.uid)
    if wanted != codecs.EXPLICIT_LITTLE:
        encoded = _encoded(frames, change, wanted, scratch)
        if encoded is not None:
            return transfer_syntax(wanted), [encoded]
    return transfer_syntax(codecs.EXPLICIT_LITTLE), [_unpacked(frames, change, scratch)]


def _encoded(frames: Frames, change: Change, syntax: str, scratch: Path | None) -> Element | None:
    """Each frame one fragment; None if a frame cannot be written without loss."""
    spool = Spool(scratch)
    spool.append(item(bytes(4 * len(frames))))
    lengths = []
    for array in frames:
        change(array)
        data = codecs.encode(array, frames.decoded, syntax)
        if data is None:
            return None
        fragment = item(data)
        lengths.append(len(fragment))
        spool.append(fragment)
    spool.append(end_of_items())
    return Element(PIXEL_DATA, "OB", spool.value(item(offset_table(lengths))), encapsulated=True)


def _unpacked(frames: Frames, change: Change, scratch: Path | None) -> Element:
    picture = frames.decoded
    size = picture.frame_bits // 8
    made = blank((size * len(frames) + 1) // 2 * 2, scratch)
    for index, array in enumerate(frames):
        change(array)
        made[index * size : (index + 1) * size] = array.astype(array.dtype.newbyteorder("<")).tobytes()
        forget(made)
    return Element(PIXEL_DATA, "OB" if picture.allocated == 8 else "OW", made)


def _description(decoded: Picture) -> Dataset:
    """What the header has to say of decoded frames."""
    made = [Element(PHOTOMETRIC, "CS", decoded.photometric.encode("ascii"))]
    if decoded.samples > 1:
        made.append(Element(_PLANAR, "US", b"\0\0"))
    return made


def _put(instance: Instance, made: Dataset) -> None:
    """The new elements in place of the old ones; what no longer holds goes."""
    gone = {element.tag for element in made} | {_SMALLEST, _LARGEST, OFFSETS, LENGTHS}
    kept = [element for element in instance.elements if element.tag not in gone]
    instance.elements = sorted([*kept, *made], key=lambda element: element.tag)

"""Mask regions of an image. Everything outside of them stays as it was, to the last decoded bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.chunks import release_pages
from sendit.deidentify.dicom.dataset import PIXEL_DATA, Dataset, Element, Instance, TransferSyntax
from sendit.deidentify.dicom.transfer_syntaxes import transfer_syntax
from sendit.deidentify.pixels import codecs
from sendit.deidentify.pixels.encapsulated import LENGTHS, OFFSETS, is_lossy
from sendit.deidentify.pixels.image import PHOTOMETRIC, ImagePixel
from sendit.deidentify.pixels.native import Array
from sendit.deidentify.pixels.redaction.fill_value import black, fill, shown_inverted
from sendit.deidentify.pixels.redaction.jpeg_blocks import Grid, blanked, grid_of
from sendit.deidentify.pixels.redaction.spool import EncapsulatedWriter, blank, copied
from sendit.deidentify.pixels.redaction.unused_bits import may_have_unused_bits, padding_value, without_unused_bits
from sendit.deidentify.pixels.regions import Region, united
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from pathlib import Path

    from sendit.deidentify.pixels.frames import Frames

_PLANAR, _SMALLEST, _LARGEST = 0x00280006, 0x00280106, 0x00280107
_LOSSY = 0x00282110
_LOSSY_SYNTAXES = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
_FORGET_AFTER = 16 << 20  # bytes

Change = Callable[[Array], None]


@dataclass(frozen=True, slots=True)
class Redaction:
    """Result of masking."""

    regions: tuple[Region, ...]  # as they were made black: clipped; with even columns, or in whole blocks, if need be
    syntax: TransferSyntax  # of the instance now
    overlays: bool  # overlays in unused bits of the pixels were removed, too


def redact(instance: Instance, frames: Frames, regions: Sequence[Region], scratch: Path | None = None) -> Redaction:
    """Mask regions in all frames, and remove overlays in unused bits. Changes `instance`.

    Lossy JPEG is blanked block by block, and stays what it is. Of all others the transfer syntax stays where it can be
    written without loss; where not, it becomes another one that is.

    Args:
        instance: the instance, which is changed.
        frames: the frames of this instance.
        regions: the regions to mask.
        scratch: a folder on a disk, for data that are too large for memory.

    Raises:
        Quarantine: a frame cannot be decoded, or black is undefined. `instance` is then unchanged.
    """
    image, order = frames.image, instance.syntax.encoding.order
    padding = padding_value(instance.elements, order)
    overlays = False
    clipped = united(regions, image.columns, image.rows)
    if image.subsampled and frames.encapsulated is None:
        clipped = _aligned(clipped)
    values = black(frames.decoded, instance.elements, order)
    inverted = shown_inverted(frames.decoded, instance.elements)

    def change(array: Array) -> None:
        nonlocal overlays
        fill(array, clipped, values, inverted=inverted)
        overlays = without_unused_bits(array, image, padding) or overlays

    if frames.encapsulated is None:
        made: Dataset = [_native(frames, change, scratch)]
        syntax = instance.syntax
    elif (black_blocks := _blanked(frames, clipped, values, instance.syntax, scratch)) is not None:
        clipped, element = black_blocks
        made, syntax = [element], instance.syntax
    else:
        if image.allocated == 1:
            raise Quarantine("its pixels cannot be cleaned: compressed single-bit pixels")
        syntax, made = _compressed(frames, change, instance.syntax, scratch)
    if frames.encapsulated is not None and is_lossy(frames.encapsulated.frame(0)):
        made.append(Element(_LOSSY, "CS", b"01"))
    _put(instance, made)
    instance.syntax = syntax
    return Redaction(clipped, syntax, overlays)


def _aligned(regions: tuple[Region, ...]) -> tuple[Region, ...]:
    """Widen regions to even columns: in uncompressed YBR_FULL_422 two neighbours share their colour."""
    return tuple(replace(region, x0=region.x0 // 2 * 2, x1=(region.x1 + 1) // 2 * 2) for region in regions)


def _native(frames: Frames, change: Change, scratch: Path | None) -> Element:
    """Change the bytes as they are, without any conversion."""
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
            release_pages(made)
            worked = 0
    return Element(pixels.tag, pixels.vr, made)


def _blanked(
    frames: Frames,
    regions: tuple[Region, ...],
    values: tuple[int, ...] | None,
    syntax: TransferSyntax,
    scratch: Path | None,
) -> tuple[tuple[Region, ...], Element] | None:
    """Blank the blocks of the regions in lossy JPEG; return the regions that those are.

    None if a frame is none that this can be done with, or if anything else would change with it.
    """
    assert frames.encapsulated is not None
    if syntax.uid not in _LOSSY_SYNTAXES or values is None or not regions:
        return None
    grid = grid_of(frames.encapsulated.frame(0), regions)
    if grid is None or may_have_unused_bits(frames):
        return None
    written = EncapsulatedWriter(len(frames), scratch)
    for index, before in enumerate(frames):
        data = blanked(frames.encapsulated.frame(index), grid, values)
        if data is None or not _is_blank(before, _decoded(data, frames, syntax.uid), regions, grid, values):
            return None
        written.append(data)
    return grid.regions, written.element(PIXEL_DATA, "OB")


def _decoded(data: bytes, frames: Frames, syntax: str) -> Array | None:
    try:
        return codecs.decode(data, frames.image, syntax)
    except Quarantine:
        return None


def _is_blank(
    before: Array, after: Array | None, regions: Sequence[Region], grid: Grid, values: tuple[int, ...]
) -> bool:
    """Return whether a frame is black in the regions, and unchanged outside of the blocks that they touch.

    At a border of these, decoders mix the colours of neighbours if they had been halved: only there they may differ.
    """
    if after is None or after.shape != before.shape or after.dtype != before.dtype:
        return False
    if any((after[one.y0 : one.y1, one.x0 : one.x1] != values).any() for one in regions):
        return False
    across, down = grid.reach
    for channel in range(len(values)):
        old, new = (array if array.ndim == 2 else array[:, :, channel] for array in (before, after))
        different = old != new
        for one in grid.regions:
            x, y = (across, down) if channel else (0, 0)
            different[max(0, one.y0 - y) : one.y1 + y, max(0, one.x0 - x) : one.x1 + x] = False
        if different.any():
            return False
    return True


def _compressed(
    frames: Frames, change: Change, syntax: TransferSyntax, scratch: Path | None
) -> tuple[TransferSyntax, Dataset]:
    for candidate in codecs.written_as(syntax.uid):
        encoded = _encoded(frames, change, candidate, scratch)
        if encoded is not None:
            photometric = codecs.written_photometric(frames.image, candidate)
            return transfer_syntax(candidate), [encoded, *_description(frames.image, photometric)]
    described = _description(frames.image, frames.decoded.photometric)
    return transfer_syntax(codecs.EXPLICIT_LITTLE), [_decompressed(frames, change, scratch), *described]


def _encoded(frames: Frames, change: Change, syntax: str, scratch: Path | None) -> Element | None:
    """Return each frame as one fragment; None if a frame cannot be written without loss."""
    written = EncapsulatedWriter(len(frames), scratch)
    for frame in frames:
        array = frame.copy()
        change(array)
        data = codecs.encode(array, frames.image, syntax)
        if data is None:
            return None
        written.append(data)
    return written.element(PIXEL_DATA, "OB")


def _decompressed(frames: Frames, change: Change, scratch: Path | None) -> Element:
    image = frames.decoded
    size = image.frame_bits // 8
    made = blank((size * len(frames) + 1) // 2 * 2, scratch)
    for index, frame in enumerate(frames):
        array = frame.copy()
        change(array)
        made[index * size : (index + 1) * size] = array.astype(array.dtype.newbyteorder("<")).tobytes()
        release_pages(made)
    return Element(PIXEL_DATA, "OB" if image.allocated == 8 else "OW", made)


def _description(image: ImagePixel, photometric: str) -> Dataset:
    """Return the header attributes of frames that were written again."""
    value = photometric.encode("ascii")
    made = [Element(PHOTOMETRIC, "CS", value + b" " * (len(value) % 2))]
    if image.samples > 1:
        made.append(Element(_PLANAR, "US", b"\0\0"))
    return made


def _put(instance: Instance, made: Dataset) -> None:
    """Replace elements, and remove what no longer applies."""
    gone = {element.tag for element in made} | {_SMALLEST, _LARGEST, OFFSETS, LENGTHS}
    kept = [element for element in instance.elements if element.tag not in gone]
    instance.elements = sorted([*kept, *made], key=lambda element: element.tag)

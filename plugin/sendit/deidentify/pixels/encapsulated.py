"""Find the fragments of each frame of compressed pixel data, and write frames as fragments (PS3.5 A.4)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.chunks import Walk
from sendit.deidentify.dicom.dataset import Dataset, Element, find
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendit.deidentify.pixels.image import ImagePixel

OFFSETS, LENGTHS = 0x7FE00001, 0x7FE00002  # ExtendedOffsetTable and its lengths
_ITEM, _END = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
#: The first bytes of a codestream: JPEG and JPEG-LS, JPEG 2000, JPEG 2000 in a JP2 file.
_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
_WRONG = "its pixels cannot be examined: the number of fragments does not fit NumberOfFrames"

_JPEG_LS, _LOSSLESS_PROCESSES = 0xF7, frozenset({0xC3, 0xC7, 0xCB, 0xCF})

Fragments = list[memoryview]


class EncapsulatedFrames:
    """The codestreams of compressed pixel data, frame by frame.

    Attributes:
        table: the basic offset table, as it stands in the file.

    Raises:
        Quarantine: the fragments cannot be assigned to frames.
    """

    def __init__(self, elements: Dataset, pixels: Element, frames: int) -> None:
        self.table, fragments, starts = _taken_apart(memoryview(pixels.value))
        self._frames = _grouped(fragments, starts, frames, _offsets(elements, self.table, frames))

    def __len__(self) -> int:
        return len(self._frames)

    def frame(self, index: int) -> bytes:
        """Return the codestream of a frame."""
        return b"".join(self._frames[index])


def _taken_apart(value: memoryview) -> tuple[bytes, Fragments, list[int]]:
    """Return the basic offset table, the fragments, and their offsets from the first one."""
    fragments: Fragments = []
    starts: list[int] = []
    table: bytes | None = None
    position = first = 0
    walk = Walk(value)
    while position + 8 <= len(value):
        walk.at(position)
        group, element, length = struct.unpack_from("<HHI", value, position)
        position += 8
        if (group, element) != _ITEM:
            break
        if table is None:
            table, first = bytes(value[position : position + length]), position + length
        else:
            starts.append(position - 8 - first)
            fragments.append(value[position : position + length])
        position += length
    return table or b"", fragments, starts


def _offsets(elements: Dataset, table: bytes, frames: int) -> Sequence[int]:
    """Return where each frame begins, by the basic or the extended offset table; nothing if there is none."""
    extended = find(elements, OFFSETS)
    if len(table) == 4 * frames:
        return struct.unpack(f"<{frames}I", table)
    if not table and extended is not None and len(extended.value) == 8 * frames:
        return struct.unpack(f"<{frames}Q", extended.value)
    if table:
        raise Quarantine("its pixels cannot be examined: the offset table does not match NumberOfFrames")
    return ()


def _grouped(fragments: Fragments, starts: list[int], frames: int, offsets: Sequence[int]) -> list[Fragments]:
    if len(fragments) < frames:
        raise Quarantine(_WRONG)
    if frames == 1:
        if any(bytes(fragment[:12]).startswith(_STARTS) for fragment in fragments[1:]):
            raise Quarantine(_WRONG)  # another image: SendIt cannot tell whether it is a frame
        return [fragments]
    if len(fragments) == frames:
        return [[fragment] for fragment in fragments]
    if not offsets:
        offsets = [
            start for start, fragment in zip(starts, fragments, strict=True) if bytes(fragment[:12]).startswith(_STARTS)
        ]
    if len(offsets) != frames or offsets[0] != 0 or not set(offsets) <= set(starts):
        raise Quarantine(_WRONG)
    begins = set(offsets)
    grouped: list[Fragments] = []
    for start, fragment in zip(starts, fragments, strict=True):
        if start in begins:
            grouped.append([])
        grouped[-1].append(fragment)
    return grouped


# --- the header of a codestream -------------------------------------------------------------------------------------


def check_codestream(data: bytes, image: ImagePixel) -> None:
    """Compare the size that a codestream declares with the header, before memory is allocated for it.

    Raises:
        Quarantine: its size differs from Rows, Columns and SamplesPerPixel, or it cannot be read.
    """
    size = _size_of_jpeg_2000(data) if b"\xff\x4f\xff\x51" in data[:256] else _size_of_jpeg(data)
    if size is None:
        return
    if size != (image.rows, image.columns, image.samples):
        raise Quarantine("its pixels cannot be examined: the size of a frame differs from its header")


def _size_of_jpeg_2000(data: bytes) -> tuple[int, int, int]:
    """Return rows, columns and samples from the segment SIZ (ISO/IEC 15444-1 A.5.1)."""
    at = data.index(b"\xff\x4f\xff\x51", 0, 260)
    if len(data) < at + 42:
        raise Quarantine("its pixels cannot be examined: a frame is truncated")
    x1, y1, x0, y0 = struct.unpack_from(">4I", data, at + 8)
    (samples,) = struct.unpack_from(">H", data, at + 40)
    return y1 - y0, x1 - x0, samples


def _size_of_jpeg(data: bytes) -> tuple[int, int, int] | None:
    """Return rows, columns and samples from the start of frame of JPEG or JPEG-LS; None if it is neither."""
    start = _start_of_frame(data)
    if start is None:
        return None
    rows, columns, samples = struct.unpack_from(">HHB", data, start + 5)
    return rows, columns, samples


def _start_of_frame(data: bytes) -> int | None:
    """Return the position of the start of frame (SOF); None if it is neither JPEG nor JPEG-LS."""
    if not data.startswith(b"\xff\xd8"):
        return None
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            break
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            if position + 10 > len(data):
                break
            return position
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    raise Quarantine("its pixels cannot be examined: a frame is truncated or damaged")


def is_lossy(data: bytes) -> bool:
    """Return whether a codestream declares loss: DCT, near-lossless JPEG-LS, irreversible wavelets."""
    at = data.find(b"\xff\x4f\xff\x51", 0, 260)
    if at >= 0:  # the transformation that COD names (ISO/IEC 15444-1 A.6.1); 9-7 is 0
        cod = data.find(b"\xff\x52", at + 4)
        return 0 <= cod < len(data) - 13 and data[cod + 13] == 0
    start = _start_of_frame(data)
    if start is None or data[start + 1] in _LOSSLESS_PROCESSES:
        return False
    scan = data.find(b"\xff\xda", start)
    nearly = scan + 5 + 2 * data[start + 9]  # NEAR follows the components (14495-1 C.2.3)
    return data[start + 1] != _JPEG_LS or (scan > 0 and nearly < len(data) and data[nearly] > 0)


def precision(data: bytes) -> int | None:
    """Return the bits per sample of JPEG, JPEG-LS or JPEG 2000; None for any other codestream."""
    at = data.find(b"\xff\x4f\xff\x51", 0, 260)
    if at >= 0:
        return (data[at + 42] & 0x7F) + 1 if len(data) > at + 42 else None
    start = _start_of_frame(data)
    return None if start is None else data[start + 4]


# --- writing --------------------------------------------------------------------------------------------------------


def item(data: bytes) -> bytes:
    """Return the data as a fragment, padded to an even length."""
    filler = b"\0" if len(data) % 2 else b""
    return struct.pack("<HHI", *_ITEM, len(data) + len(filler)) + data + filler


def offset_table(lengths: Sequence[int]) -> bytes:
    """Return the basic offset table for frames of one fragment each; empty if an offset needs more than 32 bits.

    Args:
        lengths: of the fragments, including the headers of their items.
    """
    starts, position = [], 0
    for length in lengths:
        starts.append(position)
        position += length
    return b"" if position > 0xFFFFFFFF else struct.pack(f"<{len(starts)}I", *starts)


def end_of_items() -> bytes:
    """Return the sequence delimiter."""
    return struct.pack("<HHI", *_END, 0)

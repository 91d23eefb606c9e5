"""What a compressed frame carries beside its samples: comments, application data, and what stands behind its end.

JPEG and JPEG-LS (ISO/IEC 10918-1 Annex B, 14495-1 Annex C), JPEG 2000 and HTJ2K (15444-1 Annexes A and I), RLE (PS3.5
Annex G). A decoder passes over all of it, so whoever looks at the image never sees a second one behind the first.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from sendit.errors import Quarantine

_END_OF_IMAGE, _SCAN, _COMMENT = 0xD9, 0xDA, 0xFE
_TILE, _DATA, _COMMENT_2000 = 0x90, 0x93, 0x64
#: In the samples of JPEG and JPEG-LS no marker but RSTn; in those of JPEG 2000 none but SOP and EPH.
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
_MARKER_2000 = re.compile(rb"\xff[\x90\x93-\xff]")
#: What encoders fill up with behind the end: so many bytes of any kind, or more of these.
_ODD, _FILLING = 2, b"\0\xff\xd9\x80 "
#: Boxes of numbers: how the image is laid out.
_NUMBERS = frozenset({b"jP  ", b"ftyp", b"jp2h", b"rreq"})
#: A box of a UUID's owner that says yes, no, or how many: 16 bytes of it are the UUID.
_FLAG = 20
#: How segments begin that hold numbers, and how long those are at most.
_HEADS = ((b"JFIF\0", 14), (b"JFXX\0", 6), (b"AVI1", 32), (b"Adobe", 12), (b"mrfx", 64), (b"SPIFF\0", 32),
          (b"\0\0\0\1\xff\xd8", 6))  # fmt: skip
_ICC = b"ICC_PROFILE\0"
_DAMAGED = "its pixels cannot be looked at: a frame is truncated or damaged"


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes that are no sample."""

    data: bytes
    numbers: bool = False  # of a kind that holds numbers; words in it count, other bytes do not
    behind: bool = False  # behind the end of the image


def parts(frame: bytes, pixels: int) -> Iterator[Part] | None:
    """What there is beside the samples; None if it is of a kind that cannot be told.

    Args:
        frame: all fragments of it.
        pixels: rows × columns.

    Raises:
        Quarantine: it is damaged (while the parts are asked for).
    """
    if frame[4:8] == b"jP  ":
        return _boxes(frame)
    if frame.startswith(b"\xff\x4f\xff\x51"):
        return _jpeg_2000(frame)
    if frame.startswith(b"\xff\xd8"):
        return _jpeg(frame)
    return _rle(frame, pixels) if _is_rle(frame) else None


def _jpeg(frame: bytes) -> Iterator[Part]:
    position = 2
    while position + 4 <= len(frame):
        marker = frame[position + 1]
        if frame[position] != 0xFF:
            raise Quarantine(_DAMAGED)
        if marker == 0xFF:  # filling
            position += 1
            continue
        if marker == _END_OF_IMAGE:
            break
        end = position + 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
        if marker == _COMMENT or 0xE0 <= marker <= 0xEF:
            yield _segment(frame[position + 4 : end])
        position = end
        if marker == _SCAN:
            found = _MARKER.search(frame, end)
            position = found.start() if found else len(frame)
    yield from _tail(frame[position + 2 :])


def _segment(data: bytes) -> Part:
    numbers = any(data.startswith(head) and len(data) <= most for head, most in _HEADS) or data.startswith(_ICC)
    return Part(data, numbers)


def _jpeg_2000(frame: bytes) -> Iterator[Part]:
    position, tile, length = 2, 0, 0
    while position + 4 <= len(frame):
        marker = frame[position + 1]
        if frame[position] != 0xFF:
            raise Quarantine(_DAMAGED)
        if marker == _END_OF_IMAGE:
            break
        if marker == _DATA:
            found = None if length else _MARKER_2000.search(frame, position + 2)
            position = tile + length if length else found.start() if found else len(frame)
            continue
        size = int.from_bytes(frame[position + 2 : position + 4], "big")
        if marker == _TILE and position + 12 <= len(frame):
            tile, length = position, struct.unpack_from(">I", frame, position + 6)[0]
            if 0 < length < 14:
                raise Quarantine(_DAMAGED)
        if marker == _COMMENT_2000:
            yield Part(frame[position + 6 : position + 2 + size])
        position += 2 + size
    yield from _tail(frame[position + 2 :])


def _boxes(frame: bytes) -> Iterator[Part]:
    """JP2: the boxes one after the other."""
    position = 0
    while position + 8 <= len(frame):
        size, kind = struct.unpack_from(">I4s", frame, position)
        head = 8
        if size == 1 and position + 16 <= len(frame):
            size, head = struct.unpack_from(">Q", frame, position + 8)[0], 16
        end = len(frame) if size == 0 else position + size
        if end < position + head or end > len(frame):
            break
        content = frame[position + head : end]
        if kind == b"jp2c":
            yield from _jpeg_2000(content)
        else:
            flag = kind == b"uuid" and len(content) <= _FLAG
            yield Part(content, numbers=flag or kind in _NUMBERS)
        position = end
    yield from _tail(frame[position:])


def _is_rle(frame: bytes) -> bool:
    if len(frame) < 64:
        return False
    count, *offsets = struct.unpack_from("<16I", frame)
    return 1 <= count <= 15 and offsets[0] == 64 and not any(offsets[count:])


def _rle(frame: bytes, pixels: int) -> Iterator[Part]:
    """What stands behind the last segment: it ends with the byte that completes the image."""
    count, *offsets = struct.unpack_from("<16I", frame)
    position, made = offsets[count - 1], 0
    while made < pixels and position < len(frame):
        head = frame[position]
        if head < 128:
            made += head + 1
            position += head + 2
        else:
            made += 257 - head if head > 128 else 0
            position += 2 if head > 128 else 1
    yield from _tail(frame[position:])


def _tail(data: bytes) -> Iterator[Part]:
    if len(data) > _ODD and data.translate(None, _FILLING):
        yield Part(data, behind=True)

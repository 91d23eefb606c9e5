"""What may be hidden in bytes: text in other encodings, base64, compressed streams, comments beside pixels."""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Iterator

from sendit.deidentify.folding import fold
from sendit.deidentify.text import decoded

Bytes = bytes | memoryview

#: Larger values are searched by their runs of printable characters: everything else in them is measured data.
_LARGE = 1 << 16
_MOST_INFLATED = 1 << 22
_MOST_STREAMS = 64
_DEEPEST = 3

_RUN = re.compile(rb"[\t\n\r\x20-\x7e]{3,}")
_WIDE_RUN = re.compile(rb"(?:[\x20-\x7e]\0){3,}|(?:\0[\x20-\x7e]){3,}")
#: 10 characters hold 7 bytes, which is a short name.
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{10,}={0,2}")
_STREAM = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
#: Printable, and the zeros of UTF-16.
_SAYING = bytes((0, 9, 10, 13, *range(0x20, 0x7F)))


def texts_in_base64(text: bytes, foreign: bool) -> Iterator[bytes]:
    """What runs of base64 in a text decode to. A plain long word decodes to noise, which is passed over.

    Args:
        foreign: it may be of a script other than ours, which noise cannot be told from.
    """
    for match in _BASE64.finditer(text):
        run = match.group().rstrip(b"=")
        if run.isdigit() or run.islower() or run[1:].islower():
            continue
        if len(run) % 4 == 1:
            run = run[:-1]
        try:
            found = base64.b64decode(run.translate(_URL_SAFE) + b"=" * (-len(run) % 4))
        except binascii.Error:
            continue
        noise = len(found.translate(None, _SAYING))
        if foreign or noise * 3 < len(found) or _STREAM.match(found):
            yield found


def is_text(raw: bytes) -> bool:
    """Whether bytes are mostly printable characters, in one byte or two."""
    return len(raw) <= _LARGE and len(raw.translate(None, _SAYING)) * 4 < len(raw)


def readings(value: Bytes, character_sets: set[bytes], depth: int = 0) -> Iterator[bytes]:
    """Everything that the bytes may say: folded or ASCII, to be searched as text.

    Args:
        character_sets: SpecificCharacterSet of what is searched for; empty if that is ASCII.
    """
    raw = bytes(value)
    yield from _runs(raw)
    if len(raw) <= _LARGE:
        yield from _other_scripts(raw, character_sets)
    if depth < _DEEPEST:
        for inner in (*texts_in_base64(raw.translate(None, b"\r\n"), bool(character_sets)), *_inflated(raw)):
            yield from readings(inner, character_sets, depth + 1)


def _runs(raw: bytes) -> Iterator[bytes]:
    yield b"\x1e".join(_RUN.findall(raw))
    if b"\0" in raw:
        yield b"\x1e".join(run.replace(b"\0", b"") for run in _WIDE_RUN.findall(raw))


def _other_scripts(raw: bytes, character_sets: set[bytes]) -> Iterator[bytes]:
    if not character_sets:
        return
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        text = raw.decode(encoding, "ignore")
        yield fold(text)
    for character_set in character_sets:
        yield fold(decoded(raw, character_set))


def _inflated(raw: bytes) -> Iterator[bytes]:
    """zlib and gzip streams that begin anywhere, a raw deflate stream that begins the value."""
    starts = [match.start() for _, match in zip(range(_MOST_STREAMS), _STREAM.finditer(raw), strict=False)]
    for start, bits in ((0, -zlib.MAX_WBITS), *((start, zlib.MAX_WBITS | 32) for start in starts)):
        try:
            found = zlib.decompressobj(bits).decompress(raw[start:], _MOST_INFLATED)
        except zlib.error:
            continue
        if len(found) > 4:
            yield found


# --- beside pixels ---------------------------------------------------------------------------------------------------


def beside_pixels(value: Bytes, order: str) -> Iterator[bytes]:
    """Of encapsulated pixel data what is no pixel: comments and application data of each frame, what stands behind it.

    JPEG and JPEG-LS: COM and APPn segments; JPEG 2000: COM segments, boxes other than the codestream.
    """
    position, view = 0, memoryview(value)
    while position + 8 <= len(view):
        group, element, length = struct.unpack_from(order + "HHI", view, position)
        position += 8
        if (group, element) != (0xFFFE, 0xE000):
            return
        fragment = view[position : position + length]
        position += length
        yield from _segments(fragment)


def _segments(fragment: memoryview) -> Iterator[bytes]:
    start = bytes(fragment[:12])
    if start.startswith(b"\xff\xd8"):
        yield from _marked(fragment, frozenset({0xFE, *range(0xE0, 0xF0)}), last=0xDA)
        yield from _behind(fragment, b"\xff\xd9")
    elif start.startswith(b"\xff\x4f"):
        yield from _marked(fragment, frozenset({0x64}), last=0x90)
        yield from _behind(fragment, b"\xff\xd9")
    elif start[4:8] == b"jP  ":
        codestream = bytes(fragment).find(b"jp2c")
        yield bytes(fragment[: max(0, codestream)])


def _marked(fragment: memoryview, wanted: frozenset[int], last: int) -> Iterator[bytes]:
    position = 2
    while position + 4 <= len(fragment) and fragment[position] == 0xFF:
        marker = fragment[position + 1]
        if marker == last:
            return
        length = fragment[position + 2] << 8 | fragment[position + 3]
        if marker in wanted:
            yield bytes(fragment[position + 4 : position + 2 + length])
        position += 2 + max(2, length)


def _behind(fragment: memoryview, end: bytes) -> Iterator[bytes]:
    """What follows the end of the image within its fragment."""
    tail = bytes(fragment[-_LARGE:])
    at = tail.rfind(end)
    if at >= 0 and len(tail) - at > 3:
        yield tail[at + 2 :]

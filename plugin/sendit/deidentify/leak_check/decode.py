"""Text that bytes may hide: other encodings, base64, compressed streams, comments beside pixels."""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.chunks import Walk, windows
from sendit.deidentify.dicom.text import decoded
from sendit.deidentify.text.normalize import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

Bytes = bytes | memoryview

#: Larger values are searched in their runs of printable characters: the rest is measured data.
_LARGE = 1 << 16
#: Even larger ones are read in pieces of this size, which overlap by more than any identifier is long.
_WINDOW = 8 << 20
_OVERLAP = 1 << 20
_MOST_INFLATED = 1 << 22
#: Input needed for that; deflate adds little to incompressible data.
_MOST_DEFLATED = _MOST_INFLATED + (1 << 16)
_MOST_STREAMS = 64
_DEEPEST = 3

_RUN = re.compile(rb"[\t\n\r\x20-\x7e]{3,}")
_WIDE_RUN = re.compile(rb"(?:[\x20-\x7e]\0){3,}|(?:\0[\x20-\x7e]){3,}")
_WIDE_CORE = re.compile(rb"\0[\x20-\x7e]\0[\x20-\x7e]")
#: 10 characters encode 7 bytes, a short name.
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{10,}={0,2}")
_STREAM = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_LAST_RUN = re.compile(rb"[\x20-\x7e]{12,}[\0\xff]?\Z")
_LAST = 256
#: Printable, and the zeros of UTF-16.
_SAYING = bytes((0, 9, 10, 13, *range(0x20, 0x7F)))


def texts_in_base64(text: bytes, *, foreign: bool, cut: bool = False) -> Iterator[bytes]:
    """Yield what runs of base64 in a text decode to. A long plain word decodes to noise, which is left out.

    Args:
        text: the text.
        foreign: it may be in a non-Latin script, which cannot be distinguished from noise.
        cut: the text begins within another one, possibly inside a group of four characters.
    """
    for match in _BASE64.finditer(text):
        whole = match.group().rstrip(b"=")
        if whole.isdigit() or whole.islower() or whole[1:].islower():
            continue
        for start in range(4 if cut and not match.start() else 1):
            run = whole[start:]
            if len(run) % 4 == 1:
                run = run[:-1]
            try:
                content = base64.b64decode(run.translate(_URL_SAFE) + b"=" * (-len(run) % 4))
            except binascii.Error:
                continue
            noise = len(content.translate(None, _SAYING))
            if foreign or noise * 3 < len(content) or _STREAM.match(content):
                yield content


def is_text(raw: Bytes) -> bool:
    """Return whether bytes are mostly printable characters, of one byte or two."""
    return len(raw) <= _LARGE and len(bytes(raw).translate(None, _SAYING)) * 4 < len(raw)


def readings(value: Bytes, character_sets: set[bytes], depth: int = 0) -> Iterator[bytes]:
    """Yield every text that the bytes may encode, folded or ASCII, ready to be searched.

    Args:
        value: the bytes.
        character_sets: SpecificCharacterSet of the identifiers; empty if they are ASCII.
        depth: how deep it is nested.
    """
    for number, raw in enumerate(windows(value, _WINDOW, _OVERLAP)):
        yield from _runs(raw)
        if len(raw) <= _LARGE:
            yield from _other_scripts(raw, character_sets)
        if depth < _DEEPEST:
            for inner in texts_in_base64(raw.translate(None, b"\r\n"), foreign=bool(character_sets), cut=number > 0):
                yield from readings(inner, character_sets, depth + 1)
            for inner in _inflated(raw):
                yield from readings(inner, character_sets, depth + 1)


def _runs(raw: bytes) -> Iterator[bytes]:
    yield b"\x1e".join(_RUN.findall(raw))
    if b"\0" in raw:
        yield b"\x1e".join([run.replace(b"\0", b"") for run in wide_runs(raw)])


def wide_runs(raw: bytes) -> Iterator[bytes]:
    """Yield the matches of _WIDE_RUN, faster: each begins with the core, or one byte before it."""
    end, core = 0, _WIDE_CORE.search(raw)
    while core is not None:
        start = core.start()
        run = (_WIDE_RUN.match(raw, start - 1) if start > end else None) or _WIDE_RUN.match(raw, start)
        if run is not None:
            yield run.group()
            end = run.end()
        core = _WIDE_CORE.search(raw, max(end, start + 1))


def _other_scripts(raw: bytes, character_sets: set[bytes]) -> Iterator[bytes]:
    if not character_sets:
        return
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        text = raw.decode(encoding, "ignore")
        yield fold(text)
    for character_set in character_sets:
        yield fold(decoded(raw, character_set))


def _inflated(raw: bytes) -> Iterator[bytes]:
    """Yield the content of zlib and gzip streams anywhere in the bytes, and of raw deflate at their beginning."""
    starts = [match.start() for _, match in zip(range(_MOST_STREAMS), _STREAM.finditer(raw), strict=False)]
    view = memoryview(raw)
    for start, bits in ((0, -zlib.MAX_WBITS), *((start, zlib.MAX_WBITS | 32) for start in starts)):
        try:
            content = zlib.decompressobj(bits).decompress(view[start : start + _MOST_DEFLATED], _MOST_INFLATED)
        except zlib.error:
            continue
        if len(content) > 4:
            yield content


# --- beside pixels ---------------------------------------------------------------------------------------------------


def beside_pixels(value: Bytes, order: str) -> Iterator[bytes]:
    """Yield what encapsulated pixel data holds beside samples: comments, application data, bytes behind each image.

    JPEG and JPEG-LS: COM and APPn segments; JPEG 2000: COM segments, boxes other than the codestream.
    """
    position, view = 0, memoryview(value)
    walk = Walk(view, every=_WINDOW)
    while position + 8 <= len(view):
        group, element, length = struct.unpack_from(order + "HHI", view, position)
        position += 8
        if (group, element) != (0xFFFE, 0xE000):
            return
        fragment = view[position : position + length]
        position += length
        yield from _segments(fragment)
        text = _LAST_RUN.search(bytes(fragment[-_LAST:]))
        if text:  # no stream of samples ends like this
            yield text.group()
        walk.at(position)


def _segments(fragment: memoryview) -> Iterator[bytes]:
    start = bytes(fragment[:12])
    if start.startswith(b"\xff\xd8"):
        yield from _marked(fragment, frozenset({0xFE, *range(0xE0, 0xF0)}), last=0xDA)
        yield from _behind(fragment, b"\xff\xd9")
    elif start.startswith(b"\xff\x4f"):
        yield from _marked(fragment, frozenset({0x64}), last=0x90)
        yield from _behind(fragment, b"\xff\xd9")
    elif start[4:8] == b"jP  ":
        codestream = -1
        for number, window in enumerate(windows(fragment, _WINDOW, _OVERLAP)):
            if (place := window.find(b"jp2c")) >= 0:
                codestream = number * (_WINDOW - _OVERLAP) + place
                break
        yield bytes(fragment[: max(0, codestream)])


def _marked(fragment: memoryview, markers: frozenset[int], last: int) -> Iterator[bytes]:
    position = 2
    while position + 4 <= len(fragment) and fragment[position] == 0xFF:
        marker = fragment[position + 1]
        if marker == last:
            return
        length = fragment[position + 2] << 8 | fragment[position + 3]
        if marker in markers:
            yield bytes(fragment[position + 4 : position + 2 + length])
        position += 2 + max(2, length)


def _behind(fragment: memoryview, end: bytes) -> Iterator[bytes]:
    """Yield what follows the end of the image within its fragment."""
    tail = bytes(fragment[-_LARGE:])
    at = tail.rfind(end)
    if at >= 0 and len(tail) - at > 3:
        yield tail[at + 2 :]

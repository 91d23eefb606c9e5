"""What may be hidden in bytes: text in other encodings, base64, compressed streams, comments beside pixels."""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Iterator

from sendit.deidentify.bulk import forget, windows
from sendit.deidentify.folding import fold
from sendit.deidentify.text import decoded

Bytes = bytes | memoryview

#: Larger values are searched by their runs of printable characters: everything else in them is measured data.
_LARGE = 1 << 16
#: Still larger ones are read in pieces of this size, which overlap by far more than anything that is searched for.
_WINDOW = 8 << 20
_OVERLAP = 1 << 20
_MOST_INFLATED = 1 << 22
#: What may have to be read of a stream for that; deflate adds little to what it cannot press.
_MOST_DEFLATED = _MOST_INFLATED + (1 << 16)
_MOST_STREAMS = 64
_DEEPEST = 3

_RUN = re.compile(rb"[\t\n\r\x20-\x7e]{3,}")
_WIDE_RUN = re.compile(rb"(?:[\x20-\x7e]\0){3,}|(?:\0[\x20-\x7e]){3,}")
_WIDE_CORE = re.compile(rb"\0[\x20-\x7e]\0[\x20-\x7e]")
#: 10 characters hold 7 bytes, which is a short name.
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{10,}={0,2}")
_STREAM = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_LAST_RUN = re.compile(rb"[\x20-\x7e]{12,}[\0\xff]?\Z")
_LAST = 256
#: Printable, and the zeros of UTF-16.
_SAYING = bytes((0, 9, 10, 13, *range(0x20, 0x7F)))


def texts_in_base64(text: bytes, foreign: bool, cut: bool = False) -> Iterator[bytes]:
    """What runs of base64 in a text decode to. A plain long word decodes to noise, which is passed over.

    Args:
        foreign: it may be of a script other than ours, which noise cannot be told from.
        cut: the text begins somewhere within another, perhaps between the four characters that belong together.
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
                found = base64.b64decode(run.translate(_URL_SAFE) + b"=" * (-len(run) % 4))
            except binascii.Error:
                continue
            noise = len(found.translate(None, _SAYING))
            if foreign or noise * 3 < len(found) or _STREAM.match(found):
                yield found


def is_text(raw: Bytes) -> bool:
    """Whether bytes are mostly printable characters, in one byte or two."""
    return len(raw) <= _LARGE and len(bytes(raw).translate(None, _SAYING)) * 4 < len(raw)


def readings(value: Bytes, character_sets: set[bytes], depth: int = 0) -> Iterator[bytes]:
    """Everything that the bytes may say: folded or ASCII, to be searched as text.

    Args:
        character_sets: SpecificCharacterSet of what is searched for; empty if that is ASCII.
    """
    for number, raw in enumerate(windows(value, _WINDOW, _OVERLAP)):
        yield from _runs(raw)
        if len(raw) <= _LARGE:
            yield from _other_scripts(raw, character_sets)
        if depth < _DEEPEST:
            for inner in texts_in_base64(raw.translate(None, b"\r\n"), bool(character_sets), cut=number > 0):
                yield from readings(inner, character_sets, depth + 1)
            for inner in _inflated(raw):
                yield from readings(inner, character_sets, depth + 1)


def _runs(raw: bytes) -> Iterator[bytes]:
    yield b"\x1e".join(_RUN.findall(raw))
    if b"\0" in raw:
        yield b"\x1e".join([run.replace(b"\0", b"") for run in wide_runs(raw)])


def wide_runs(raw: bytes) -> Iterator[bytes]:
    """What _WIDE_RUN finds, faster: each of its matches has the core at its beginning, or one byte behind that."""
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
    """zlib and gzip streams that begin anywhere, a raw deflate stream that begins the value."""
    starts = [match.start() for _, match in zip(range(_MOST_STREAMS), _STREAM.finditer(raw), strict=False)]
    view = memoryview(raw)
    for start, bits in ((0, -zlib.MAX_WBITS), *((start, zlib.MAX_WBITS | 32) for start in starts)):
        try:
            found = zlib.decompressobj(bits).decompress(view[start : start + _MOST_DEFLATED], _MOST_INFLATED)
        except zlib.error:
            continue
        if len(found) > 4:
            yield found


# --- beside pixels ---------------------------------------------------------------------------------------------------


def beside_pixels(value: Bytes, order: str) -> Iterator[bytes]:
    """Of encapsulated pixel data what is no pixel: comments and application data of each frame, what stands behind it.

    JPEG and JPEG-LS: COM and APPn segments; JPEG 2000: COM segments, boxes other than the codestream.
    """
    position, view, seen = 0, memoryview(value), 0
    while position + 8 <= len(view):
        group, element, length = struct.unpack_from(order + "HHI", view, position)
        position += 8
        if (group, element) != (0xFFFE, 0xE000):
            return
        fragment = view[position : position + length]
        position += length
        yield from _segments(fragment)
        text = _LAST_RUN.search(bytes(fragment[-_LAST:]))
        if text:  # no stream of samples ends so
            yield text.group()
        if position - seen > _WINDOW:
            forget(view)
            seen = position


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
            if (found := window.find(b"jp2c")) >= 0:
                codestream = number * (_WINDOW - _OVERLAP) + found
                break
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

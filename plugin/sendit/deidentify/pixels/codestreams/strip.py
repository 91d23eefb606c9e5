"""Remove from a compressed frame what no decoder needs: comments, application data, anything after its end.

Covered are JPEG and JPEG-LS (ISO/IEC 10918-1 Annex B, 14495-1 Annex C), JPEG 2000 and HTJ2K (15444-1 Annexes A and I),
RLE (PS3.5 Annex G), encapsulated frames that are not compressed, and deflated ones (PS3.5 A.4). Everything is removed
by its length: no sample is decoded, and decoders produce the same image as before. Nobody who looks at that image sees
what goes. Encoders' signatures and a few numbers stay, so that frames with nothing else beside their samples stay byte
for byte.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sendit.deidentify.pixels.codestreams.encoder_comments import is_signature
from sendit.deidentify.pixels.codestreams.segments import (
    Jpeg2000Sizes,
    JpegTables,
    check_end,
    length_in_jpeg,
    packets_length,
)
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from sendit.deidentify.pixels.image import Extent

#: Returns a colour profile without its texts, in the same length; empty if the profile cannot be read.
Cleaner = Callable[[bytes], bytes]
#: Tells whether a comment may stay.
Harmless = Callable[[bytes], bool]

BEHIND, COMMENTS, BOXES = "bytes behind the image", "comments (COM)", "boxes of JP2"
SURPLUS, TABLES = "bytes that a segment has beyond its fields", "tables that no component uses"
PROFILE_TEXTS, PROFILE = "texts of a colour profile (ICC)", "a colour profile that cannot be read (ICC)"

_DAMAGED = "its pixels cannot be examined: a frame is truncated or damaged"
_UNCOMPRESSED, _DEFLATED = "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.1"
#: Padding that encoders write after the end: up to this many bytes of any kind, or any number of these.
_ODD, _FILLING = 2, b"\0\xff\xd9\x80 "
_LARGEST_BOX = 0xFFFFFFFF
#: No genuine frame has this many segments to remove, boxes or tile-parts; one that has was made to cause work.
_MOST = 1 << 16


class Stripped(NamedTuple):
    """A frame with nothing beside its samples."""

    data: bytes  # the object that was given, if there was nothing to remove
    removed: Counter[str]  # what was removed, counted by kind; the kinds are fixed words


def stripped(
    frame: bytes, described: Extent, syntax: str, cleaner: Cleaner, harmless: Harmless = is_signature
) -> Stripped | None:
    """Return the frame without anything that decoders do not need; None if its kind cannot be parsed.

    Args:
        frame: the frame, with all its fragments joined.
        described: the size of a frame according to the header.
        syntax: the UID of its transfer syntax.
        cleaner: removes the texts from a colour profile.
        harmless: tells whether a comment may stay.

    Raises:
        Quarantine: the frame is damaged, or a part that decoding needs cannot be read.
    """
    if syntax == _UNCOMPRESSED and len(frame) < described.size:
        raise Quarantine(_DAMAGED)
    if syntax == _UNCOMPRESSED:
        return _cut(frame, described.size, odd=1, filling=b"")
    if syntax == _DEFLATED:
        return _cut(frame, _end_of_deflated(frame, described.size), odd=1, filling=b"")
    if frame[4:8] == b"jP  ":
        return _jp2(frame, cleaner, harmless)
    if frame.startswith(b"\xff\x4f\xff\x51"):
        return _Jpeg2000(frame, harmless).stripped()
    if frame.startswith(b"\xff\xd8"):
        return _Jpeg(frame, cleaner, harmless).stripped()
    return _cut(frame, _end_of_rle(frame, described.pixels)) if _is_rle(frame) else None


def _cut(frame: bytes, end: int, odd: int = _ODD, filling: bytes = _FILLING) -> Stripped:
    """Return the frame cut at its end; mere padding after the end stays."""
    behind = frame[end:]
    if len(behind) > odd and behind.translate(None, filling):
        return Stripped(frame[:end], Counter({BEHIND: 1}))
    return Stripped(frame, Counter())


@dataclass(slots=True)
class _Edits:
    """Collect the changes to a codestream."""

    frame: bytes
    removed: Counter[str] = field(default_factory=Counter)
    _edits: list[tuple[int, int, bytes]] = field(default_factory=list)

    def put(self, start: int, end: int, data: bytes, kind: str = "") -> None:
        """Replace these bytes, unless the new ones are the same."""
        if self.frame[start:end] != data:
            if len(self._edits) > 2 * _MOST:
                raise Quarantine(_DAMAGED)
            self._edits.append((start, end, data))
            if kind:
                self.removed[kind] += 1

    def result(self, end: int) -> Stripped:
        """Return the changed codestream, cut at `end`."""
        tail = _cut(self.frame, end)
        if not self._edits:
            return tail
        made, position = [], 0
        for first, last, data in sorted(self._edits):
            made += [self.frame[position:first], data]
            position = last
        return Stripped(b"".join([*made, self.frame[position:end]]), tail.removed + self.removed)


# --- JPEG and JPEG-LS ------------------------------------------------------------------------------------------------

_END_OF_IMAGE, _START_OF_IMAGE, _SCAN, _COMMENT = 0xD9, 0xD8, 0xDA, 0xFE
_LS_FRAME, _LS_PARAMETERS = 0xF7, 0xF8
#: Markers without a length. Restart markers (D0 to D7) mean something among samples only.
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
#: Those of hierarchical images, which DICOM does not have, and of arithmetic coding, unless the frame is coded so.
_HIERARCHICAL, _ARITHMETIC, _ARITHMETIC_FRAMES = (0xDE, 0xDF), 0xCC, frozenset({*range(0xC9, 0xCC), *range(0xCD, 0xD0)})
_UNNEEDED = {_COMMENT: COMMENTS, **dict.fromkeys(_HIERARCHICAL, "segments of hierarchical images")} | {
    marker: "reserved segments" for marker in range(0xF0, 0xFE) if marker not in (_LS_FRAME, _LS_PARAMETERS)
}
_FIRST = 0xC0  # smaller ones are reserved, and no decoder continues after one
#: Markers that end the samples: all but RSTn. Within the samples of JPEG-LS, 0xFF is followed by a bit that is 0.
_MARKER, _MARKER_LS = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]"), re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
_JFIF, _ADOBE, _ICC, _HP_COLOURS = b"JFIF\0", b"Adobe", b"ICC_PROFILE\0", b"mrfx"
_MINIMAL_JFIF, _MINIMAL_ADOBE = 14, 12
#: Segments that hold only a few numbers: how they begin, and their greatest length (SPIFF and its end, HP's colours,
#: AVI, Adobe).
_NUMBERS = ((b"SPIFF\0", 32), (b"\0\0\0\1\xff\xd8", 6), (_HP_COLOURS, 5), (b"AVI1", 32), (_ADOBE, _MINIMAL_ADOBE))
#: Bytes that read as text, and never as numbers.
_TEXT = re.compile(rb"[A-Za-z0-9]{3}")


def _is_numbers(data: bytes) -> bool:
    """Return whether a segment is one of these, and nothing in it reads as text."""
    return any(
        data.startswith(head) and len(data) <= most and not _TEXT.search(data[len(head) :]) for head, most in _NUMBERS
    )


def _counted(data: bytes) -> bytes:
    return struct.pack(">H", 2 + len(data)) + data


@dataclass(slots=True)
class _Jpeg:
    """The parts that decoding needs: tables, frame, scans, colours; JFIF and Adobe's marker in their shortest form."""

    frame: bytes
    cleaner: Cleaner
    harmless: Harmless
    profile: list[tuple[int, int, bytes]] = field(default_factory=list)  # its segments, in file order
    conditioning: list[tuple[int, int]] = field(default_factory=list)  # of arithmetic coding (DAC): start, end
    tables: JpegTables = field(default_factory=JpegTables)
    is_arithmetic: bool = False
    is_ls: bool = False

    def stripped(self) -> Stripped:
        frame, edits, position = self.frame, _Edits(self.frame), 2
        while position + 4 <= len(frame):
            marker = frame[position + 1]
            if frame[position] != 0xFF or marker == _START_OF_IMAGE or 0x01 < marker < _FIRST:
                raise Quarantine(_DAMAGED)
            if marker == 0xFF or marker in _ALONE:  # a fill byte, or a marker without content
                position += 1 if marker == 0xFF else 2
                continue
            if marker == _END_OF_IMAGE:
                break
            end = position + 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
            if end < position + 4:
                raise Quarantine(_DAMAGED)
            self.is_arithmetic |= marker in _ARITHMETIC_FRAMES
            self.is_ls |= marker == _LS_FRAME
            self._segment(marker, position, end, edits)
            self.tables.read(marker, position, end, frame[position + 4 : end])
            position = end
            if marker == _SCAN:
                following = (_MARKER_LS if self.is_ls else _MARKER).search(frame, end)
                position = following.start() if following else len(frame)
                check_end(frame, end, position)
        self._clean_profile(edits)
        for start, end in () if self.is_arithmetic else self.conditioning:
            edits.put(start, end, b"", "segments of arithmetic coding")
        for marker, start, end in self.tables.segments:
            kept = self.tables.needed(marker, frame[start + 4 : end])
            edits.put(start, end, frame[start : start + 2] + _counted(kept) if kept else b"", TABLES)
        return edits.result(min(position + 2, len(frame)))

    def _segment(self, marker: int, start: int, end: int, edits: _Edits) -> None:
        data = self.frame[start + 4 : end]
        if (marker == _COMMENT and self.harmless(data)) or (0xE0 <= marker <= 0xEF and _is_numbers(data)):
            return
        if marker == 0xE0 and data.startswith(_JFIF) and len(data) >= _MINIMAL_JFIF:
            version = b"\1\1" if _TEXT.search(data[5:12]) else data[5:7]
            minimal = _JFIF + version + data[7:12] + b"\0\0"
        elif marker == 0xEE and data.startswith(_ADOBE) and len(data) >= _MINIMAL_ADOBE:
            minimal = _ADOBE + b"\0\x64\0\0\0\0" + data[11:12]
        elif marker == 0xE8 and data.startswith(_HP_COLOURS) and len(data) > 4:
            minimal = data[:5]
        elif marker == 0xE2 and data.startswith(_ICC) and len(data) >= 14:
            self.profile.append((start, end, data))
            return
        elif marker == _ARITHMETIC:
            self.conditioning.append((start, end))
            return
        elif 0xE0 <= marker <= 0xEF or marker in _UNNEEDED:
            minimal = b""
        else:
            fields = data[: length_in_jpeg(marker, data, ls=self.is_ls)]
            edits.put(start + 2, end, _counted(fields), SURPLUS)
            return
        kind = f"application data (APP{marker - 0xE0})" if marker < 0xF0 else _UNNEEDED[marker]
        edits.put(start, end, self.frame[start : start + 2] + _counted(minimal) if minimal else b"", kind)

    def _clean_profile(self, edits: _Edits) -> None:
        """Keep only the numbers of a colour profile (ICC.1 B.4), which determine how its colours are displayed."""
        parts = sorted(self.profile, key=lambda part: part[2][12])
        in_order = [part[2][12] for part in parts] == list(range(1, len(parts) + 1))
        cleaned = self.cleaner(b"".join(data[14:] for _, _, data in parts)) if parts and in_order else b""
        position = 0
        for start, end, data in parts:
            size = len(data) - 14
            if cleaned:
                head = data[:13] + bytes([len(parts)])
                edits.put(start + 4, end, head + cleaned[position : position + size], PROFILE_TEXTS)
            else:
                edits.put(start, end, b"", PROFILE)
            position += size


# --- JPEG 2000 and HTJ2K ---------------------------------------------------------------------------------------------

_TILE, _DATA, _COMMENT_2000, _LENGTHS, _PACKETS = 0x90, 0x93, 0x64, 0x55, 0x58
UNKNOWN = "marker segments unknown to JPEG 2000"
#: Markers that end the samples of a tile-part: all but SOP and EPH.
_MARKER_2000 = re.compile(rb"\xff[\x90\x93-\xff]")
#: All marker segments of parts 1, 2 and 15 that a decoder may need (ISO/IEC 15444-1 and 15444-2 table A.2, 15444-15
#: table A.1).
_NEEDED = frozenset({*range(0x50, 0x54), 0x55, *range(0x57, 0x5A), *range(0x5C, 0x62), 0x63, *range(0x70, 0x7A), _TILE})


@dataclass(slots=True)
class _TilePart:
    start: int
    said: int  # declared length (Psot); 0: up to the end of the codestream
    length: int
    shorter: int = 0  # bytes that are removed from its header


@dataclass(slots=True)
class _Jpeg2000:
    """All but comments and unknown segments, with corrected lengths of tile-parts that had some (SOT, TLM)."""

    frame: bytes
    harmless: Harmless
    tiles: list[_TilePart] = field(default_factory=list)
    lengths: list[tuple[int, int]] = field(default_factory=list)  # TLM segments: start, end
    packets: list[tuple[int, int]] = field(default_factory=list)  # PLT segments of the tile-part
    sizes: Jpeg2000Sizes = field(default_factory=Jpeg2000Sizes)

    def stripped(self) -> Stripped:
        frame, edits, position = self.frame, _Edits(self.frame), 2
        while position + 4 <= len(frame):
            marker = frame[position + 1]
            if frame[position] != 0xFF:
                raise Quarantine(_DAMAGED)
            if marker == _END_OF_IMAGE:
                break
            if marker == _DATA:
                start, position = position + 2, self._end_of_data(position + 2)
                self._check_packets(position - start, edits)
                check_end(frame, start, position)
                continue
            end = position + 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
            if not position + 4 <= end <= len(frame):
                raise Quarantine(_DAMAGED)
            self._segment(marker, position, end, edits)
            position = end
        self._correct(edits)
        return edits.result(min(position + 2, len(frame)))

    def _segment(self, marker: int, start: int, end: int, edits: _Edits) -> None:
        if marker == _TILE:
            if end != start + 12 or len(self.tiles) > 16 * _MOST:
                raise Quarantine(_DAMAGED)
            declared = int.from_bytes(self.frame[start + 6 : start + 10], "big")
            self.tiles.append(_TilePart(start, declared, declared))
        elif marker == _LENGTHS and end >= start + 6:
            self.lengths.append((start, end))
        elif marker not in _NEEDED and not (marker == _COMMENT_2000 and self.harmless(self.frame[start + 6 : end])):
            self._put(start, end, b"", COMMENTS if marker == _COMMENT_2000 else UNKNOWN, edits)
        elif marker == _PACKETS:
            self.packets.append((start, end))
        elif marker != _COMMENT_2000:
            data = self.frame[start + 4 : end]
            fields = data[: self.sizes.length(marker, data)]
            made = self.frame[start : start + 2] + _counted(fields) if fields else b""
            self._put(start, end, made, SURPLUS, edits)

    def _put(self, start: int, end: int, data: bytes, kind: str, edits: _Edits) -> None:
        edits.put(start, end, data, kind)
        if self.tiles:
            self.tiles[-1].shorter += end - start - len(data)

    def _check_packets(self, length: int, edits: _Edits) -> None:
        """Take out lists of packets that are not those of the tile-part: no decoder needs them."""
        if packets_length([self.frame[start + 4 : end] for start, end in self.packets]) != length:
            for start, end in self.packets:
                self._put(start, end, b"", "lengths of packets that were wrong (PLT)", edits)
        self.packets = []

    def _end_of_data(self, position: int) -> int:
        """Return the end of the tile-part whose samples begin at `position`."""
        if not self.tiles:
            raise Quarantine(_DAMAGED)
        tile = self.tiles[-1]
        if not tile.said:
            following = _MARKER_2000.search(self.frame, position)
            tile.length = (following.start() if following else len(self.frame)) - tile.start
        if tile.start + tile.length < position:
            raise Quarantine(_DAMAGED)
        return tile.start + tile.length

    def _correct(self, edits: _Edits) -> None:
        for tile in self.tiles:
            if tile.said:
                edits.put(tile.start + 6, tile.start + 10, struct.pack(">I", tile.said - tile.shorter))
        entries = self._entries()
        declared = [int.from_bytes(self.frame[start:end], "big") for start, end in entries]
        if declared == [tile.length for tile in self.tiles]:
            for (start, end), tile in zip(entries, self.tiles, strict=True):
                edits.put(start, end, (tile.length - tile.shorter).to_bytes(end - start, "big"))
        else:  # they were wrong before, and no decoder needs them
            for start, end in self.lengths:
                edits.put(start, end, b"", "lengths of tiles that were wrong (TLM)")

    def _entries(self) -> list[tuple[int, int]]:
        """Return where the main header states the lengths of tile-parts (15444-1 A.7.1), in their order."""
        entries = []
        for start, end in sorted(self.lengths, key=lambda segment: self.frame[segment[0] + 4]):
            sizes = self.frame[start + 5]  # tells how many bytes a tile index has, and how many a length
            index, size = sizes >> 4 & 3, 4 if sizes & 0x40 else 2
            entries += [(at - size, at) for at in range(start + 6 + index + size, end + 1, index + size)]
        return entries


#: Boxes of a JP2 header that determine how the codestream is displayed (15444-1 I.5.3), and the boxes around them.
_HEADER_BOXES = frozenset({b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef", b"res "})
_BOXES = frozenset({b"jP  ", b"ftyp", b"jp2h", b"jp2c"})
_CIELAB = 7 + 28
#: The type of the file: brand and version; the list of compatible brands names JP2 alone (15444-1 I.5.2).
_FILE_TYPE = b"jp2 \0\0\0\0jp2 "
#: The two resolutions, each of ten bytes.
_RESOLUTIONS, _RESOLUTION = frozenset({b"resc", b"resd"}), 10


def _jp2(frame: bytes, cleaner: Cleaner, harmless: Harmless) -> Stripped:
    """Return a JP2 file with the boxes that decoding needs, and one codestream."""
    removed: Counter[str] = Counter()
    kept, seen = [], set[bytes]()
    boxes, end = _boxes(frame)
    for kind, content in boxes:
        if kind not in _BOXES or kind in seen:
            removed[BOXES] += 1
            continue
        seen.add(kind)
        if kind == b"ftyp" and content != _FILE_TYPE and not _are_brands(content):
            removed[BOXES] += 1
            content = _FILE_TYPE
        if kind == b"jp2h":
            content = _jp2_header(content, cleaner, removed)
        elif kind == b"jp2c":
            if not content.startswith(b"\xff\x4f\xff\x51"):
                raise Quarantine(_DAMAGED)
            inner = _Jpeg2000(content, harmless).stripped()
            content = inner.data
            removed += inner.removed
        kept.append(_box(kind, content))
    if b"jp2c" not in seen:
        raise Quarantine(_DAMAGED)
    removed += _cut(frame, end).removed
    return Stripped(b"".join(kept), removed) if removed else Stripped(frame, removed)


def _are_brands(content: bytes) -> bool:
    """Return whether a type of file names nothing but the brands of JPEG 2000's parts."""
    return (
        len(content) % 4 == 0
        and content[4:8] == bytes(4)
        and {content[at : at + 4] for at in (0, *range(8, len(content), 4))}
        <= {b"jp2 ", b"jpx ", b"jpxb", b"jpm ", b"jph "}
    )


def _boxes(data: bytes) -> tuple[list[tuple[bytes, bytes]], int]:
    """Return the boxes that follow each other, and where the last one ends."""
    boxes: list[tuple[bytes, bytes]] = []
    position = 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        head = 8
        if size == 1 and position + 16 <= len(data):
            size, head = struct.unpack_from(">Q", data, position + 8)[0], 16
        end = len(data) if size == 0 else position + size
        if end < position + head or end > len(data):
            break
        if len(boxes) > _MOST:
            raise Quarantine(_DAMAGED)
        boxes.append((kind, data[position + head : end]))
        position = end
    return boxes, position


def _box(kind: bytes, content: bytes) -> bytes:
    size = len(content) + 8
    if size > _LARGEST_BOX:
        return struct.pack(">I4sQ", 1, kind, size + 8) + content
    return struct.pack(">I4s", size, kind) + content


def _jp2_header(data: bytes, cleaner: Cleaner, removed: Counter[str]) -> bytes:
    boxes, end = _boxes(data)
    if end != len(data):
        raise Quarantine(_DAMAGED)
    kept = []
    for kind, content in boxes:
        if kind not in _HEADER_BOXES:
            removed[BOXES] += 1
            continue
        if kind == b"res ":
            inner, last = _boxes(content)
            if last != len(content) or any(k not in _RESOLUTIONS or len(c) != _RESOLUTION for k, c in inner):
                removed[BOXES] += 1
                continue
        if kind == b"colr":
            cleaned = _colours(content, cleaner)
            removed += Counter({PROFILE_TEXTS: 1} if cleaned != content else {})
            content = cleaned
        kept.append(_box(kind, content))
    return b"".join(kept)


def _colours(content: bytes, cleaner: Cleaner) -> bytes:
    """Return the box that declares the colours: by a number, or by a profile."""
    method = content[:1]
    if method == b"\1" and len(content) <= _CIELAB:
        return content
    cleaned = cleaner(content[3:]) if method in (b"\2", b"\3") else b""
    if not cleaned:
        raise Quarantine("the colours of its frames are described in a way that SendIt cannot read (JP2)")
    return content[:3] + cleaned


# --- RLE, and frames without a codestream ----------------------------------------------------------------------------


def _is_rle(frame: bytes) -> bool:
    if len(frame) < 64:
        return False
    count, *offsets = struct.unpack_from("<16I", frame)
    return 1 <= count <= 15 and offsets[0] == 64 and not any(offsets[count:])


def _end_of_rle(frame: bytes, pixels: int) -> int:
    """Return where the last segment ends: with the byte that completes the image."""
    last = 4 * frame[0]
    position, made = int.from_bytes(frame[last : last + 4], "little"), 0
    while made < pixels and position < len(frame):
        head = frame[position]
        if head < 128:
            made += head + 1
            position += head + 2
        else:
            made += 257 - head if head > 128 else 0
            position += 2 if head > 128 else 1
    return min(position, len(frame))


def _end_of_deflated(frame: bytes, size: int) -> int:
    """Return where the stream ends. Data that were deflated together with the image cannot be cut off."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        image = inflater.decompress(frame, size + 2)
    except zlib.error:
        raise Quarantine(_DAMAGED) from None
    if len(image) > size + 1 or inflater.unconsumed_tail:
        raise Quarantine("one of its frames has data behind the image")
    return len(frame) - len(inflater.unused_data)

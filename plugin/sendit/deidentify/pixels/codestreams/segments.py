"""Tell what of the segments of a codestream decoding needs: as many bytes as their fields take, and tables in use.

Decoders skip the rest by the declared length of a segment, so that anything could stand there (ISO/IEC 10918-1
Annex B, 14495-1 Annex C, 15444-1 Annex A).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sendit.errors import Quarantine

#: Twelve and more characters of names and numbers in a row are the end of coded samples once in ten million frames.
_TEXT = re.compile(rb"[A-Za-z0-9 ^,.'\-]{12,}\Z")
_LAST_BYTES, _LONGEST_END, _FEWEST_DIFFERENT = 256, 64, 6
QUANTISATION, HUFFMAN, SCAN, LS_PARAMETERS = 0xDB, 0xC4, 0xDA, 0xF8
_LINES, _RESTART, _ARITHMETIC, _EXTENSIONS = 0xDC, 0xDD, 0xCC, 0xC8
_FRAMES = frozenset(range(0xC0, 0xD0)) - {HUFFMAN, _ARITHMETIC, _EXTENSIONS}
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_LS_FRAME = 0xF7
#: JPEG-LS may count the samples between two restarts in three or four bytes.
_MOST_OF_RESTART_LS = 4
_PRESETS, _PRESETS_LENGTH, _MAPPINGS = 1, 11, (2, 3)


@dataclass(slots=True)
class JpegTables:
    """Collect the tables of a JPEG or JPEG-LS and what its frame and scans use of them."""

    frame: int = 0  # marker of the frame
    used: set[tuple[int, int, int]] = field(default_factory=set)  # marker of the table, class, number
    segments: list[tuple[int, int, int]] = field(default_factory=list)  # marker, start, end

    def read(self, marker: int, start: int, end: int, data: bytes) -> None:
        """Take note of a segment."""
        if marker in _FRAMES or marker == _LS_FRAME:
            self.frame = marker
            self.used |= {(QUANTISATION, 0, number) for number in data[8::3]}
        elif marker == SCAN and data:
            selectors = data[2 : 1 + 2 * data[0] : 2]
            self.used |= {(HUFFMAN, 0, selector >> 4) for selector in selectors}
            if self.frame not in _LOSSLESS:
                self.used |= {(HUFFMAN, 1, selector & 15) for selector in selectors}
            self.used |= {(LS_PARAMETERS, 0, selector) for selector in selectors if self.frame == _LS_FRAME}
        if marker in (QUANTISATION, HUFFMAN, LS_PARAMETERS):
            self.segments.append((marker, start, end))

    def needed(self, marker: int, data: bytes) -> bytes:
        """Return the tables of a segment that a component uses; the same if they cannot be told apart."""
        if marker == LS_PARAMETERS:
            kind, number = (*data[:2], 0, 0)[:2]
            if kind in _MAPPINGS and (marker, 0, number) not in self.used:
                return b""
            return data[:_PRESETS_LENGTH] if kind == _PRESETS else data
        kept, position = b"", 0
        while position < len(data):
            size = _size_of_table(marker, data, position)
            if position + size > len(data):
                return kept  # the rest is no table
            key = (marker, data[position] >> 4 if marker == HUFFMAN else 0, data[position] & 15)
            kept += data[position : position + size] if key in self.used else b""
            position += size
        return kept


def _size_of_table(marker: int, data: bytes, position: int) -> int:
    if marker == QUANTISATION:
        return 129 if data[position] >> 4 else 65
    return 17 + sum(data[position + 1 : position + 17])


def ends_in_text(data: bytes) -> bool:
    """Return whether coded samples end with what reads as text, apart from padding: decoders do not get there."""
    text = _TEXT.search(data[-_LONGEST_END:].rstrip(b"\0\xff"))
    return text is not None and len(set(text[0])) >= _FEWEST_DIFFERENT


def check_end(frame: bytes, start: int, end: int) -> None:
    """Hold a frame whose coded samples, from `start` to `end`, end with what reads as text."""
    if ends_in_text(frame[max(start, end - _LAST_BYTES) : end]):
        raise Quarantine("the samples of a compressed frame end with what reads as text")


def length_in_jpeg(marker: int, data: bytes, *, ls: bool) -> int:
    """Return how many bytes the fields of a segment of JPEG take; all of those that have no length of their own."""
    if marker in _FRAMES or marker == _LS_FRAME:
        return 6 + 3 * data[5] if len(data) > 5 else len(data)
    if marker == SCAN:
        return 4 + 2 * data[0] if data else 0
    if marker == _RESTART:
        return min(len(data), _MOST_OF_RESTART_LS) if ls else 2
    return 2 if marker == _LINES else len(data)


_SIZE, _COMPONENT_REGISTRATION, _REGION = 0x51, 0x63, 0x5E
_STYLE, _STYLE_OF_COMPONENT, _PACKETS, _PACKETS_OF_ALL = 0x52, 0x53, 0x58, 0x57
_MANY_COMPONENTS = 257


@dataclass(slots=True)
class Jpeg2000Sizes:
    """Tell the lengths of the segments of a JPEG 2000 codestream, which depend on its number of components."""

    components: int = 0

    def length(self, marker: int, data: bytes) -> int:
        """Return how many bytes the fields of a segment take; 0 if no decoder needs it."""
        index = 1 if self.components < _MANY_COMPONENTS else 2
        if marker == _SIZE and len(data) >= 36:
            self.components = int.from_bytes(data[34:36], "big")
            return 36 + 3 * self.components
        if marker == _STYLE and len(data) >= 10:
            return 10 + (data[5] + 1 if data[0] & 1 else 0)
        if marker == _STYLE_OF_COMPONENT and len(data) >= index + 6:
            return index + 6 + (data[index + 1] + 1 if data[index] & 1 else 0)
        if marker == _REGION:
            return index + 2
        if marker == _PACKETS_OF_ALL or (marker == _COMPONENT_REGISTRATION and len(data) != 4 * self.components):
            return 0
        return len(data)


def packets_length(parts: list[bytes]) -> int | None:
    """Return the length of all packets that the segments of a tile-part list (PLT); None if the last one is cut."""
    total = number = 0
    for byte in b"".join(part[1:] for part in parts):
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            total, number = total + number, 0
    return None if number else total

"""Blank blocks of a sequential JPEG in its coefficients, so that lossy data are not compressed a second time.

Covered are baseline and extended sequential DCT with Huffman codes, 8 and 12 bits (ISO/IEC 10918-1, processes 1, 2 and
4). The blocks under a mask get one DC coefficient and no others. All other blocks keep their coefficients and, except
for DC differences next to a mask, their very bits. What cannot be parsed this way (progressive or arithmetic coding, a
truncated scan, a number of lines that is given after the scan) is left to the caller, which decodes it.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sendit.deidentify.pixels.redaction.huffman import (
    END_OF_BLOCK,
    EOB,
    AcSteps,
    Bits,
    HuffmanTable,
    steps_of_ac,
    steps_of_dc,
    table,
)
from sendit.deidentify.pixels.regions import Region, united

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from numpy.typing import NDArray

_SOF, _DHT, _DQT, _DRI, _SOS, _EOI, _DNL = (0xC0, 0xC1), 0xC4, 0xDB, 0xDD, 0xDA, 0xD9, 0xDC
_FRAMES = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}
_RESTART, _MARKER = re.compile(rb"\xff[\xd0-\xd7]"), re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")
_SIDE = 8  # of a block
_BLOCK_BYTES = 256  # more than the coefficients of one block can take: 64 × 31 bits
_WINDOW = 1 << 18  # bytes that are parsed at a time
_LAST_OF_BLOCK = END_OF_BLOCK + 63


class _Unsuited(Exception):
    """Signal a frame that is no JPEG whose blocks can be blanked."""


@dataclass(slots=True)
class _Component:
    identifier: int
    across: int  # blocks per unit of the image (MCU)
    down: int
    quantization: int


@dataclass(slots=True)
class _Layout:
    """Declarations of a start of frame."""

    precision: int
    rows: int
    columns: int
    components: list[_Component]

    @property
    def unit(self) -> tuple[int, int]:
        """Return width and height of a unit, in pixels."""
        across, down = (max(getattr(one, name) for one in self.components) for name in ("across", "down"))
        return _SIDE * across, _SIDE * down


@dataclass(frozen=True, slots=True)
class Grid:
    """The units (MCUs) of an image that regions reach into.

    Attributes:
        unit: width and height of a unit, in pixels.
        regions: all pixels of these units.
    """

    unit: tuple[int, int]
    regions: tuple[Region, ...]

    @property
    def reach(self) -> tuple[int, int]:
        """Return how far from a border a decoder may mix the colours of two units, in pixels, when it upsamples."""
        across, down = self.unit
        return 2 * (across // _SIDE) * (across > _SIDE), 2 * (down // _SIDE) * (down > _SIDE)


def grid_of(frame: bytes, regions: Sequence[Region]) -> Grid | None:
    """Return the units to blank so that no other colour mixes into the regions; None if it is no such JPEG."""
    try:
        layout = next(layout for layout in _Stream(frame).layouts())
    except (_Unsuited, StopIteration):
        return None
    width, height = layout.unit
    wider, higher = (size // _SIDE if size > _SIDE else 0 for size in (width, height))
    rounded = [
        Region(
            max(0, one.x0 - wider) // width * width,
            max(0, one.y0 - higher) // height * height,
            _ceil(one.x1 + wider, width) * width,
            _ceil(one.y1 + higher, height) * height,
        )
        for one in united(regions, layout.columns, layout.rows)
    ]
    return Grid((width, height), united(rounded, layout.columns, layout.rows))


def blanked(frame: bytes, grid: Grid, values: Sequence[int]) -> bytes | None:
    """Return the frame with these units blanked; None if that is impossible.

    Args:
        frame: the codestream of the frame.
        grid: from `grid_of`, for this frame or for another one of the same image.
        values: those of a blank pixel, one per component.
    """
    try:
        return _Stream(frame).blanked(grid, values)
    except _Unsuited:
        return None


@dataclass(slots=True)
class _Stream:
    frame: bytes
    layout: _Layout | None = None
    steps: dict[int, int] = field(default_factory=dict)  # quantization step of DC, by table
    tables: dict[tuple[int, int], HuffmanTable] = field(default_factory=dict)  # by class and number
    interval: int = 0  # of restarts; 0: none

    def layouts(self) -> Iterator[_Layout]:
        """Yield the layout of the frame, as soon as it is known."""
        for marker, start, end in self._segments():
            self._take(marker, self.frame[start + 4 : end])
            if self.layout is not None:
                yield self.layout

    def blanked(self, grid: Grid, values: Sequence[int]) -> bytes:
        made, position, scans = [], 0, 0
        for marker, start, end in self._segments():
            content = self.frame[start + 4 : end]
            self._take(marker, content)
            if marker != _SOS:
                continue
            if self.layout is None or self.layout.unit != grid.unit or len(values) != len(self.layout.components):
                raise _Unsuited
            following = _MARKER.search(self.frame, end)
            last = following.start() if following else len(self.frame)
            scan = _Scan(self, self.layout, content, grid, values)
            samples = scan.blanked(self.frame[end:last])
            made += [self.frame[position:start], *scan.new_tables(), self.frame[start:end], samples]
            position, scans = last, scans + 1
        if not scans:
            raise _Unsuited
        return b"".join([*made, self.frame[position:]])

    def _segments(self) -> Iterator[tuple[int, int, int]]:
        """Yield marker, start and end of each segment, including scans; their samples are skipped."""
        frame, position = self.frame, 2
        if not frame.startswith(b"\xff\xd8"):
            raise _Unsuited
        while position + 4 <= len(frame):
            marker = frame[position + 1]
            if frame[position] != 0xFF or marker < 0xC0:
                raise _Unsuited
            if marker == 0xFF:  # a fill byte
                position += 1
                continue
            if marker == _EOI:
                return
            end = position + 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
            if not position + 4 <= end <= len(frame):
                raise _Unsuited
            yield marker, position, end
            position = end
            if marker == _SOS:
                following = _MARKER.search(frame, end)
                position = following.start() if following else len(frame)

    def _take(self, marker: int, content: bytes) -> None:
        if marker in _FRAMES:
            self.layout = _layout(content) if marker in _SOF and self.layout is None else _no_layout()
        elif marker == _DHT:
            self._take_huffman(content)
        elif marker == _DQT:
            self._take_quantization(content)
        elif marker == _DRI and len(content) >= 2:
            self.interval = int.from_bytes(content[:2], "big")
        elif marker in (0xCC, _DNL, 0xDE, 0xDF):  # arithmetic coding, number of lines given later, hierarchical modes
            raise _Unsuited

    def _take_huffman(self, content: bytes) -> None:
        while content:
            kind, counts = content[0], content[1:17]
            symbols = content[17 : 17 + sum(counts)]
            try:
                self.tables[kind >> 4, kind & 15] = table(counts, symbols)
            except ValueError:
                raise _Unsuited from None
            content = content[17 + len(symbols) :]

    def _take_quantization(self, content: bytes) -> None:
        while content:
            size = 2 if content[0] >> 4 else 1
            self.steps[content[0] & 15] = int.from_bytes(content[1 : 1 + size], "big")
            content = content[1 + 64 * size :]


def _ceil(value: int, by: int) -> int:
    return -(-value // by)


def _no_layout() -> _Layout:
    raise _Unsuited


def _layout(content: bytes) -> _Layout:
    if len(content) < 6 or len(content) != 6 + 3 * content[5]:
        raise _Unsuited
    precision, rows, columns = content[0], int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
    parts = [content[at : at + 3] for at in range(6, len(content), 3)]
    components = [_Component(part[0], part[1] >> 4, part[1] & 15, part[2]) for part in parts]
    if len(components) == 1:  # its sampling factors mean nothing then (A.2.2)
        components[0].across = components[0].down = 1
    sides = {side for one in components for side in (one.across, one.down)}
    if precision not in (8, 12) or not rows or not columns or not components or not sides <= {1, 2, 3, 4}:
        raise _Unsuited
    return _Layout(precision, rows, columns, components)


# --- one scan --------------------------------------------------------------------------------------------------------


class _Scan:
    """Blank the samples of one scan."""

    def __init__(self, stream: _Stream, layout: _Layout, header: bytes, grid: Grid, values: Sequence[int]) -> None:
        count = header[0] if header else 0
        if len(header) != 4 + 2 * count or header[-3:] != b"\0\x3f\0" or not count:
            raise _Unsuited
        self._interval = stream.interval
        self._blank: list[int] = []  # DC of a blank block, by component of the scan
        self._numbers: list[tuple[int, int]] = []  # the numbers of their DC and AC tables
        self._tables: list[tuple[HuffmanTable, HuffmanTable]] = []
        self._new: dict[tuple[int, int], HuffmanTable] = {}
        members = []
        identifiers = [one.identifier for one in layout.components]
        for at in range(1, 1 + 2 * count, 2):
            if identifiers.count(header[at]) != 1:
                raise _Unsuited
            index = identifiers.index(header[at])
            member, numbers = layout.components[index], (header[at + 1] >> 4, header[at + 1] & 15)
            step = stream.steps.get(member.quantization, 0)
            try:
                tables = stream.tables[0, numbers[0]], stream.tables[1, numbers[1]]
            except KeyError:
                raise _Unsuited from None
            members.append(member)
            self._blank.append(_quantized(values[index], step, layout.precision))
            self._numbers.append(numbers)
            self._tables.append(tables)
        self._largest = layout.precision + 3  # greatest size category of a DC difference (table F.1)
        self.masked = _masked(layout, members, grid)
        self.blocks = [number for number, one in enumerate(members) for _ in range(one.across * one.down)]
        if count == 1:
            self.blocks = [0]

    def new_tables(self) -> Iterator[bytes]:
        """Yield the segments that must precede this scan: tables with the symbols that it now needs."""
        for (kind, number), made in sorted(self._new.items()):
            yield made.segment(kind, number)

    def blanked(self, samples: bytes) -> bytes:
        """Return the samples with units blanked, by restart interval; an interval without any stays as it is."""
        restarts = list(_RESTART.finditer(samples))
        units = len(self.masked)
        every = self._interval or units
        if len(restarts) != _ceil(units, every) - 1:
            raise _Unsuited
        edges = [0, *(place for match in restarts for place in match.span()), len(samples)]
        intervals = [samples[first:last] for first, last in zip(edges[::2], edges[1::2], strict=True)]
        walked = {}
        for number, interval in enumerate(intervals):
            masked = self.masked[number * every : (number + 1) * every]
            if masked.any():
                walked[number] = self._changed(interval, np.repeat(masked, len(self.blocks)))
        self._extend(walked.values())
        for number, changed in walked.items():
            intervals[number] = changed.written(self)
        marks = [match.group() for match in restarts] + [b""]
        return b"".join(part for pair in zip(intervals, marks, strict=True) for part in pair)

    def _changed(self, interval: bytes, masked: NDArray[np.bool_]) -> _Interval:
        data = interval.replace(b"\xff\x00", b"\xff")
        repeated = len(masked) // len(self.blocks)
        starts = self._walk(data, repeated)
        members = np.tile(np.array(self.blocks), repeated)
        coded = np.zeros(len(masked), np.int64)  # DC differences as coded, and as they have to be
        wanted, lengths = coded.copy(), coded.copy()
        for number, blank in enumerate(self._blank):
            own = np.flatnonzero(members == number)
            differences, lengths[own] = _differences(data, starts[own], self._tables[number][0])
            values = np.cumsum(differences)
            values[masked[own]] = blank
            coded[own], wanted[own] = differences, np.diff(values, prepend=0)
        return _Interval(data, starts, lengths, members, masked, wanted, coded != wanted)

    def _walk(self, data: bytes, units: int) -> NDArray[np.int64]:
        """Return where each block begins, and where the last one ends, in bits.

        Raises:
            _Unsuited: the data do not hold that many blocks.
        """
        positions = array("q")
        add = positions.append
        unit = [
            (steps_of_dc(dc.counts, dc.symbols), steps_of_ac(ac.counts, ac.symbols))
            for dc, ac in (self._tables[number] for number in self.blocks)
        ]
        position, base, limit = 0, 0, -1
        windows = memoryview(b"")
        most = len(data) * 8
        for _ in range(units):
            for dc, ac in unit:
                if position > limit:  # the next block may reach beyond the windows at hand
                    base += position // 8 * 8
                    position %= 8
                    if base > most:
                        raise _Unsuited
                    windows = _windows(data, base // 8)
                    limit = len(windows) - _BLOCK_BYTES * 8
                add(base + position)
                step = dc[windows[position]]
                if not step:
                    raise _Unsuited
                position = _end_of_block(windows, position + step, ac)
        if base + position > most:
            raise _Unsuited
        add(base + position)
        return np.frombuffer(positions, np.int64)

    def _extend(self, intervals: Collection[_Interval]) -> None:
        """Add to the tables the symbols that the new coefficients need and the old ones did not."""
        missing: dict[tuple[int, int], set[int]] = {}
        for interval in intervals:
            changed = interval.changed | interval.masked
            for number, (dc, ac) in enumerate(self._numbers):
                own = interval.wanted[changed & (interval.members == number)]
                sizes = {int(value).bit_length() for value in np.unique(np.abs(own))}
                if max(sizes, default=0) > self._largest:
                    raise _Unsuited
                missing.setdefault((0, dc), set()).update(sizes)
                missing.setdefault((1, ac), set()).add(EOB)
        for (kind, number), symbols in missing.items():
            members = [at for at, numbers in enumerate(self._numbers) if numbers[kind] == number]
            old = self._tables[members[0]][kind]
            if symbols <= old.codes.keys():
                continue
            made = old.extended(sorted(symbols))
            if made is None:
                raise _Unsuited
            self._new[kind, number] = made
            for at in members:
                pair = self._tables[at]
                self._tables[at] = (made, pair[1]) if kind == 0 else (pair[0], made)

    def code(self, component: int, difference: int, *, blank: bool) -> str:
        """Return the bits of a DC coefficient, with the end of the block if the block is blank."""
        dc, ac = self._tables[component]
        size = abs(difference).bit_length()
        value = difference if difference > 0 else difference + (1 << size) - 1
        return dc.codes[size] + (f"{value:0{size}b}" if size else "") + (ac.codes[EOB] if blank else "")


@dataclass(slots=True)
class _Interval:
    """The blocks between two restarts, and what becomes of them."""

    data: bytes
    starts: NDArray[np.int64]  # of each block, in bits, and the end of the last one
    lengths: NDArray[np.int64]  # of each DC coefficient, in bits
    members: NDArray[np.int64]
    masked: NDArray[np.bool_]
    wanted: NDArray[np.int64]  # the DC differences to be written
    changed: NDArray[np.bool_]  # where they differ from the original ones

    def written(self, scan: _Scan) -> bytes:
        """Return the interval as bytes."""
        source = np.frombuffer(self.data, np.uint8)
        made, copied = Bits(), 0
        for at in np.flatnonzero(self.changed | self.masked).tolist():
            made.copy(source, copied, int(self.starts[at]))
            blank = bool(self.masked[at])
            made.add(scan.code(int(self.members[at]), int(self.wanted[at]), blank=blank))
            copied = int(self.starts[at + 1] if blank else self.starts[at] + self.lengths[at])
        made.copy(source, copied, int(self.starts[-1]))
        return made.result()


def _end_of_block(windows: memoryview, position: int, steps: AcSteps) -> int:
    """Return the end of the block whose AC coefficients begin at `position`.

    Raises:
        _Unsuited: it does not end.
    """
    bits, run = steps.bits, steps.run
    done = 1
    while True:
        window = windows[position]
        after = done + run[window]
        if after < 64:
            done = after
            position += bits[window]
        elif after == 64 or END_OF_BLOCK < after <= _LAST_OF_BLOCK:
            return position + bits[window]
        else:  # the last of several symbols belong to the next block
            after = done + steps.one_run[window]
            position += steps.one_bits[window]
            if after == 64 or END_OF_BLOCK < after <= _LAST_OF_BLOCK:
                return position
            if after > 64:
                raise _Unsuited
            done = after


def _quantized(value: int, step: int, precision: int) -> int:
    """Return the DC of a block of a single value. It may exceed black and white: decoders clamp their output."""
    if not step:
        raise _Unsuited
    middle = 1 << (precision - 1)
    exact = _SIDE * (value - middle)
    nearest = round(exact / step)
    if value in (0, 2 * middle - 1):
        beyond = _ceil(abs(exact), step) * (1 if exact > 0 else -1)
        return beyond if abs(beyond * step) < _SIDE * middle * 3 // 2 else nearest
    return nearest


def _masked(layout: _Layout, members: Sequence[_Component], grid: Grid) -> NDArray[np.bool_]:
    """Return which units of a scan are blanked, in scan order; with a single component, which blocks (A.2.2)."""
    width, height = grid.unit
    whole = np.zeros((_ceil(layout.rows, height), _ceil(layout.columns, width)), bool)
    for one in grid.regions:
        whole[one.y0 // height : _ceil(one.y1, height), one.x0 // width : _ceil(one.x1, width)] = True
    if len(members) > 1:
        return whole.ravel()
    member = members[0]
    columns = _ceil(_ceil(layout.columns * member.across, width // _SIDE), _SIDE)
    rows = _ceil(_ceil(layout.rows * member.down, height // _SIDE), _SIDE)
    return whole.repeat(member.down, 0).repeat(member.across, 1)[:rows, :columns].ravel()


def _windows(data: bytes, start: int) -> memoryview:
    """Return, for every bit from byte `start` on, that bit and the next 15; zeros after the end."""
    piece = data[start : start + _WINDOW + 2]
    raw = np.frombuffer(piece + bytes(2 + 2 * _BLOCK_BYTES * (len(piece) < _WINDOW + 2)), np.uint8).astype(np.uint32)
    three = raw[:-2] << 16 | raw[1:-1] << 8 | raw[2:]
    made = np.empty((len(three), 8), np.uint16)
    for phase in range(8):
        made[:, phase] = (three >> (8 - phase)) & 0xFFFF
    return memoryview(made.reshape(-1).data)


def _differences(
    data: bytes, starts: NDArray[np.int64], dc: HuffmanTable
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the DC differences of the blocks that begin at `starts`, and how many bits each takes."""
    raw = np.frombuffer(data + bytes(8), np.uint8)
    first, phase = starts // 8, starts % 8
    five = np.zeros(len(starts), np.int64)
    for at in range(5):
        five = five << 8 | raw[first + at]
    window = five >> (24 - phase) & 0xFFFF
    size, length = dc.symbol[window].astype(np.int64), dc.length[window].astype(np.int64)
    value = five >> (40 - phase - length - size) & ((1 << size) - 1)
    negative = (size > 0) & (value < 1 << np.maximum(size - 1, 0))
    return value - np.where(negative, (1 << size) - 1, 0), length + size

"""A small encoder and decoder of sequential JPEG by the letter of ISO/IEC 10918-1, bit by bit: made for tests alone.

It writes what Pillow cannot (12 bits, any sampling, a scan for each component, tables with few symbols), and reads the
coefficients of any such file, independently of what is tested.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field
from math import ceil

import numpy as np
from numpy.typing import NDArray

Coefficients = NDArray[np.int64]  # rows of blocks × blocks × 64, in zigzag order

_U = np.arange(8)
_COSINES = np.cos((2 * _U[None, :] + 1) * _U[:, None] * np.pi / 16) * np.where(_U == 0, np.sqrt(0.5), 1)[:, None] / 2
ZIGZAG = sorted(range(64), key=lambda at: (at // 8 + at % 8, (at // 8, at % 8)[(at // 8 + at % 8) % 2 == 0]))


@dataclass
class Jpeg:
    """What a file says."""

    precision: int
    rows: int
    columns: int
    sampling: list[tuple[int, int]]  # of each component, horizontal and vertical
    steps: list[int]  # one for all coefficients of a component
    blocks: list[Coefficients]  # of each component, filled up to whole units
    restart: int = 0
    interleaved: bool = True
    full_tables: bool = True  # all symbols, or no more than are needed

    @property
    def most(self) -> tuple[int, int]:
        """The greatest sampling factors."""
        return max(h for h, _ in self.sampling), max(v for _, v in self.sampling)

    def units(self) -> tuple[int, int]:
        """Rows and columns of units, of the whole image."""
        across, down = self.most
        return -(-self.rows // (8 * down)), -(-self.columns // (8 * across))


def compressed(planes: list[NDArray[np.int64]], precision: int, sampling: list[tuple[int, int]], step: int) -> Jpeg:
    """The transformed image. Planes are of full size; what is sampled less is averaged."""
    rows, columns = planes[0].shape
    made = Jpeg(precision, rows, columns, sampling, [step] * len(planes), [])
    (across, down), (high, wide) = made.most, made.units()
    for plane, (h, v) in zip(planes, sampling, strict=True):
        padded = np.pad(plane, ((0, high * 8 * down - rows), (0, wide * 8 * across - columns)), "edge").astype(float)
        fy, fx = down // v, across // h
        small = padded.reshape(padded.shape[0] // fy, fy, padded.shape[1] // fx, fx).mean((1, 3))
        blocks = small.reshape(high * v, 8, wide * h, 8).swapaxes(1, 2) - (1 << (precision - 1))
        transformed = np.einsum("ux,abxy,vy->abuv", _COSINES, blocks, _COSINES).reshape(high * v, wide * h, 64)
        made.blocks.append(np.rint(transformed[:, :, ZIGZAG] / step).astype(np.int64))
    return made


# --- writing ---------------------------------------------------------------------------------------------------------


def written(jpeg: Jpeg) -> bytes:
    """As a file."""
    sof = struct.pack(">BHHB", jpeg.precision, jpeg.rows, jpeg.columns, len(jpeg.blocks))
    sof += b"".join(bytes([number, h << 4 | v, number]) for number, (h, v) in enumerate(jpeg.sampling))
    made = [b"\xff\xd8"]
    for number, step in enumerate(jpeg.steps):
        made.append(_segment(0xDB, bytes([0x10 | number]) + struct.pack(">64H", *[step] * 64)))
    made.append(_segment(0xC1, sof))
    if jpeg.restart:
        made.append(_segment(0xDD, struct.pack(">H", jpeg.restart)))
    every = list(range(len(jpeg.blocks)))
    for members in [every] if jpeg.interleaved else [[one] for one in every]:
        made += _scan(jpeg, members)
    return b"".join([*made, b"\xff\xd9"])


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _scan(jpeg: Jpeg, members: list[int]) -> list[bytes]:
    intervals = [
        [pair for unit in units for pair in unit] for units in _split(list(_units(jpeg, members)), jpeg.restart)
    ]
    coded = []
    for interval in intervals:
        last = dict.fromkeys(members, 0)
        symbols: list[tuple[int, int, int, int]] = []  # class of the table, symbol, bits, how many of them
        for member, block in interval:
            symbols += _symbols(block, last[member])
            last[member] = int(block[0])
        coded.append(symbols)
    tables = [_table(coded, kind, jpeg) for kind in (0, 1)]
    codes = [_codes(*table) for table in tables]
    header = bytes([len(members)]) + b"".join(bytes([member, 0]) for member in members) + b"\0\x3f\0"
    made = [_segment(0xC4, bytes([kind << 4]) + bytes(tables[kind][0]) + bytes(tables[kind][1])) for kind in (0, 1)]
    made.append(_segment(0xDA, header))
    for number, symbols in enumerate(coded):
        bits = "".join(
            codes[kind][symbol] + (f"{value:0{size}b}" if size else "") for kind, symbol, value, size in symbols
        )
        bits += "1" * (-len(bits) % 8)
        data = int(bits, 2).to_bytes(len(bits) // 8, "big")
        made.append(data.replace(b"\xff", b"\xff\0"))
        if number + 1 < len(coded):
            made.append(bytes([0xFF, 0xD0 + number % 8]))
    return made


def _split(units: list[list[tuple[int, Coefficients]]], every: int) -> list[list[list[tuple[int, Coefficients]]]]:
    every = every or len(units)
    return [units[at : at + every] for at in range(0, len(units), every)]


def places(jpeg: Jpeg, members: list[int]) -> list[list[tuple[int, int, int]]]:
    """Of each unit of a scan, component, row and column of its blocks (A.2)."""
    high, wide = jpeg.units()
    if len(members) == 1:
        (one,) = members
        (across, down), (h, v) = jpeg.most, jpeg.sampling[one]
        rows, columns = (
            ceil(ceil(size / most) / 8) for size, most in ((jpeg.rows * v, down), (jpeg.columns * h, across))
        )
        return [[(one, y, x)] for y in range(rows) for x in range(columns)]
    made = []
    for y in range(high):
        for x in range(wide):
            unit = []
            for one in members:
                h, v = jpeg.sampling[one]
                unit += [(one, y * v + dy, x * h + dx) for dy in range(v) for dx in range(h)]
            made.append(unit)
    return made


def _units(jpeg: Jpeg, members: list[int]) -> list[list[tuple[int, Coefficients]]]:
    return [[(one, jpeg.blocks[one][y, x]) for one, y, x in unit] for unit in places(jpeg, members)]


def _symbols(block: Coefficients, last: int) -> list[tuple[int, int, int, int]]:
    difference = int(block[0]) - last
    size = abs(difference).bit_length()
    made = [(0, size, difference if difference > 0 else difference + (1 << size) - 1, size)]
    run = 0
    for value in block[1:].tolist():
        if value == 0:
            run += 1
            continue
        while run > 15:
            made.append((1, 0xF0, 0, 0))
            run -= 16
        size = abs(value).bit_length()
        made.append((1, run << 4 | size, value if value > 0 else value + (1 << size) - 1, size))
        run = 0
    return [*made, (1, 0, 0, 0)] if run else made


def _table(coded: list[list[tuple[int, int, int, int]]], kind: int, jpeg: Jpeg) -> tuple[list[int], list[int]]:
    """Counts and symbols: eight frequent ones of 4 bits, others of more; the code of nothing but ones stays free."""
    found = Counter(symbol for symbols in coded for table, symbol, _, _ in symbols if table == kind)
    symbols = [symbol for symbol, _ in found.most_common()]
    if jpeg.full_tables:
        most = 10 if jpeg.precision == 8 else 14
        every = (
            range(jpeg.precision + 4)
            if kind == 0
            else [0, 0xF0, *(r << 4 | s for r in range(16) for s in range(1, most + 1))]
        )
        symbols += [symbol for symbol in every if symbol not in found]
    counts = [0] * 16
    counts[3] = min(8, len(symbols))
    if len(symbols) > 8:
        counts[next(size for size in range(4, 17) if (8 << (size - 4)) > len(symbols) - 8) - 1] += len(symbols) - 8
    return counts, symbols


def _codes(counts: list[int], symbols: list[int]) -> dict[int, str]:
    made, code, at = {}, 0, 0
    for size, count in enumerate(counts, start=1):
        for symbol in symbols[at : at + count]:
            made[symbol] = f"{code:0{size}b}"
            code += 1
        at, code = at + count, code << 1
    return made


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass
class _Reader:
    tables: dict[tuple[int, int], dict[str, int]] = field(default_factory=dict)
    steps: dict[int, int] = field(default_factory=dict)
    jpeg: Jpeg | None = None
    identifiers: bytes = b""


def read(data: bytes) -> Jpeg:
    """The coefficients of a file. Only the step of DC is read of the quantization tables."""
    reader, position = _Reader(), 2
    restart = 0
    while data[position + 1] != 0xD9:
        marker, size = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        content, position = data[position + 4 : position + 2 + size], position + 2 + size
        if marker == 0xC4:
            while content:
                counts, symbols = list(content[1:17]), list(content[17 : 17 + sum(content[1:17])])
                reader.tables[content[0] >> 4, content[0] & 15] = {
                    code: symbol for symbol, code in _codes(counts, symbols).items()
                }
                content = content[17 + len(symbols) :]
        elif marker == 0xDB:
            while content:
                width = 2 if content[0] >> 4 else 1
                reader.steps[content[0] & 15] = int.from_bytes(content[1 : 1 + width], "big")
                content = content[1 + 64 * width :]
        elif marker == 0xDD:
            restart = int.from_bytes(content, "big")
        elif marker in (0xC0, 0xC1):
            _start(reader, content, restart)
        elif marker == 0xDA:
            assert reader.jpeg is not None
            reader.jpeg.restart = restart
            end = position
            while data[end] != 0xFF or data[end + 1] == 0 or 0xD0 <= data[end + 1] <= 0xD7:
                end += 1
            _read_scan(reader, content, data[position:end])
            position = end
    assert reader.jpeg is not None
    return reader.jpeg


def _start(reader: _Reader, content: bytes, restart: int) -> None:
    precision, rows, columns, count = struct.unpack_from(">BHHB", content)
    parts = [content[6 + 3 * at : 9 + 3 * at] for at in range(count)]
    sampling = [(part[1] >> 4, part[1] & 15) for part in parts] if count > 1 else [(1, 1)]
    reader.identifiers = bytes(part[0] for part in parts)
    made = Jpeg(precision, rows, columns, sampling, [reader.steps[part[2]] for part in parts], [], restart)
    high, wide = made.units()
    made.blocks = [np.zeros((high * v, wide * h, 64), np.int64) for h, v in sampling]
    reader.jpeg = made


def _read_scan(reader: _Reader, header: bytes, samples: bytes) -> None:
    jpeg = reader.jpeg
    assert jpeg is not None
    members = [reader.identifiers.index(header[1 + 2 * at]) for at in range(header[0])]
    tables = {one: header[2 + 2 * at] for at, one in enumerate(members)}
    units = places(jpeg, members)
    every = jpeg.restart or len(units)
    pieces: list[bytes] = []
    start = 0
    for at in range(len(samples) - 1):
        if samples[at] == 0xFF and 0xD0 <= samples[at + 1] <= 0xD7:
            assert samples[at + 1] - 0xD0 == len(pieces) % 8
            pieces.append(samples[start:at])
            start = at + 2
    pieces.append(samples[start:])
    assert len(pieces) == -(-len(units) // every)
    for number, piece in enumerate(pieces):
        raw = piece.replace(b"\xff\0", b"\xff")
        bits, last, position = f"{int.from_bytes(raw, 'big'):0{8 * len(raw)}b}", dict.fromkeys(members, 0), 0
        for one, y, x in (place for unit in units[number * every : (number + 1) * every] for place in unit):
            dc, ac = reader.tables[0, tables[one] >> 4], reader.tables[1, tables[one] & 15]
            size, position = _code(bits, position, dc)
            last[one] += _value(bits, position, size)
            position += size
            jpeg.blocks[one][y, x, 0], at = last[one], 1
            while at < 64:
                symbol, position = _code(bits, position, ac)
                if symbol == 0:
                    break
                at += symbol >> 4
                if symbol != 0xF0:
                    jpeg.blocks[one][y, x, at] = _value(bits, position, symbol & 15)
                    position += symbol & 15
                at += 1
        assert len(bits) - position < 8
        assert set(bits[position:]) <= {"1"}


def _code(bits: str, position: int, table: dict[str, int]) -> tuple[int, int]:
    for size in range(1, 17):
        code = bits[position : position + size]
        if code in table:
            return table[code], position + size
    raise AssertionError("no code")


def _value(bits: str, position: int, size: int) -> int:
    if not size:
        return 0
    value = int(bits[position : position + size], 2)
    return value if bits[position] == "1" else value - (1 << size) + 1

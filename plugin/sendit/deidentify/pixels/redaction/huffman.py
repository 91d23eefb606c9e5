"""Parse and write samples with the Huffman tables of sequential JPEG (ISO/IEC 10918-1 Annexes C and F).

A table of 65,536 entries tells for any next 16 bits how far the symbols reach whose codes lie completely within them.
So a block takes a few look-ups instead of one per bit, and Python is fast enough.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

#: Added to a run of coefficients by the end of a block, and by bits that are not a code.
END_OF_BLOCK, NO_CODE = 100, 255
EOB, _ZRL = 0x00, 0xF0
_LONGEST = 16
_MOST_COEFFICIENTS = 63
#: Of bits that are written: so many parts are joined at a time, and parts of at most so many bits.
_TOGETHER, _LONGEST_PART = 1 << 16, 1 << 21


class HuffmanTable:
    """The codes of one table.

    Attributes:
        codes: by symbol, its bits as a string of "0" and "1".
        symbol: for any 16 bits, the symbol that they begin with; 0 if none.
        length: for any 16 bits, how many of them are its code; 0 if they begin with no code.

    Raises:
        ValueError: the counts and symbols are no valid table.
    """

    def __init__(self, counts: bytes, symbols: bytes) -> None:
        if len(counts) != _LONGEST or sum(counts) != len(symbols) or not symbols:
            raise ValueError("no Huffman table")
        self.counts, self.symbols = counts, symbols
        self.codes: dict[int, str] = {}
        self.symbol, self.length = np.zeros(1 << 16, np.uint8), np.zeros(1 << 16, np.uint8)
        code, at = 0, 0
        for size, count in enumerate(counts, start=1):
            for symbol in symbols[at : at + count]:
                first = code << (_LONGEST - size)
                if code >= 1 << size:
                    raise ValueError("more codes than there are")
                self.codes.setdefault(symbol, f"{code:0{size}b}")
                last = first + (1 << (_LONGEST - size))
                self.symbol[first:last], self.length[first:last] = symbol, size
                code += 1
            at += count
            code <<= 1

    def extended(self, symbols: Iterable[int]) -> HuffmanTable | None:
        """Return the table with more symbols, whose codes are longer than all others; None if there is no room.

        No code changes: encoders leave the code of all ones unused (10918-1 K.2), and the new codes begin with it.
        """
        missing = [symbol for symbol in symbols if symbol not in self.codes]
        longest = max(size for size in range(1, _LONGEST + 1) if self.counts[size - 1])
        size = longest + len(missing).bit_length()
        if size > _LONGEST or not missing:
            return None
        counts = bytearray(self.counts)
        counts[size - 1] += len(missing)
        try:
            table = HuffmanTable(bytes(counts), self.symbols + bytes(missing))
        except ValueError:
            return None
        return table if all("0" in table.codes[symbol] for symbol in missing) else None

    def segment(self, kind: int, number: int) -> bytes:
        """Return the DHT segment that defines the table."""
        content = bytes([kind << 4 | number]) + self.counts + self.symbols
        return b"\xff\xc4" + (len(content) + 2).to_bytes(2, "big") + content


@lru_cache(maxsize=32)
def table(counts: bytes, symbols: bytes) -> HuffmanTable:
    """Return the table of these codes; files use the same few again and again."""
    return HuffmanTable(counts, symbols)


@lru_cache(maxsize=32)
def steps_of_dc(counts: bytes, symbols: bytes) -> bytes:
    """Return, for any 16 bits at the start of a block, how many bits its DC coefficient takes; 0 if no code."""
    dc = table(counts, symbols)
    size = dc.symbol.astype(np.int64)
    return np.where((dc.length > 0) & (size < _LONGEST), dc.length + size, 0).astype(np.uint8).tobytes()


class AcSteps:
    """Tell, for any 16 bits within a block, how many coefficients come next, and how many bits they take.

    Attributes:
        bits, run: for all symbols that lie completely within the 16 bits, up to the end of a block.
        one_bits, one_run: for the first symbol only. A run that grows by END_OF_BLOCK ends the block; one of NO_CODE
            means that no code begins there.
    """

    def __init__(self, ac: HuffmanTable) -> None:
        windows = np.arange(1 << 16, dtype=np.int64)
        bits, run = _first(ac, windows)
        self.one_bits, self.one_run = (part.astype(np.uint8).tobytes() for part in (bits, run))
        going = run <= _MOST_COEFFICIENTS
        while going.any():
            at = np.flatnonzero(going)
            rest = windows[at] << bits[at] & 0xFFFF
            more_bits, more_run = _first(ac, rest)
            code = ac.length[rest]
            whole = (bits[at] + code <= _LONGEST) & (more_run != NO_CODE)
            whole &= (more_run == END_OF_BLOCK) | (run[at] + more_run <= _MOST_COEFFICIENTS)
            going[at] = whole & (more_run != END_OF_BLOCK)
            at = at[whole]
            bits[at] += more_bits[whole]
            run[at] += more_run[whole]
            going[at] &= bits[at] < _LONGEST
        self.bits, self.run = bits.astype(np.uint8).tobytes(), run.astype(np.uint8).tobytes()


def _first(ac: HuffmanTable, windows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the bits and the run of the first symbol."""
    symbol, length = ac.symbol[windows].astype(np.int64), ac.length[windows].astype(np.int64)
    size = symbol & 15
    run = np.where(size > 0, (symbol >> 4) + 1, NO_CODE)
    run[symbol == _ZRL] = 16
    run[symbol == EOB] = END_OF_BLOCK
    run[length == 0] = NO_CODE
    return length + size, run


@lru_cache(maxsize=32)
def steps_of_ac(counts: bytes, symbols: bytes) -> AcSteps:
    """Return the steps of an AC table."""
    return AcSteps(table(counts, symbols))


class Bits:
    """Join bits as JPEG writes samples: padded with ones, and a zero byte after every 0xFF."""

    def __init__(self) -> None:
        self._codes: list[str] = []
        self._parts: list[NDArray[np.uint8]] = []
        self._done: list[bytes] = []

    def add(self, code: str) -> None:
        """Append bits, given as "0" and "1"."""
        self._codes.append(code)

    def copy(self, source: NDArray[np.uint8], first: int, last: int) -> None:
        """Append bits that are copied from `source`."""
        if first < last:
            self._take_codes()
            self._parts.append(np.unpackbits(source[first // 8 : (last + 7) // 8])[first % 8 : last - first // 8 * 8])
            if len(self._parts) > _TOGETHER or len(self._parts[-1]) > _LONGEST_PART:
                self._flush()

    def _take_codes(self) -> None:
        if self._codes:
            text = "".join(self._codes).encode("ascii")
            self._parts.append(np.frombuffer(text, np.uint8) - ord("0"))
            self._codes.clear()

    def _flush(self) -> None:
        bits = np.concatenate(self._parts)
        whole = len(bits) // 8 * 8
        self._done.append(np.packbits(bits[:whole]).tobytes().replace(b"\xff", b"\xff\x00"))
        self._parts = [bits[whole:]]

    def result(self) -> bytes:
        """Return all bits."""
        self._take_codes()
        self._parts.append(np.ones(-sum(map(len, self._parts)) % 8, np.uint8))
        self._flush()
        return b"".join(self._done)

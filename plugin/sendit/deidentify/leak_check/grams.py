"""Find where one of many byte strings can stand among many samples, faster than by looking at every byte.

A string of six bytes holds three bytes that begin at a multiple of four, wherever it stands. So one three-byte word in
four is looked up; where it is of none of the strings, none stands around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WIDTH, _STEP = 3, 4
_WORD = 0xFFFFFF
#: 2³² divided by the golden ratio. Shifted by a byte, so that the fourth byte of a word says nothing.
_MULTIPLIER: Final = np.uint32(0x9E3779B1 << 8 & 0xFFFFFFFF)
#: Beyond this share of the bytes, it is faster to search all of them.
_MOST = 4


class Grams:
    """The three-byte words of some strings."""

    __slots__ = ("_around", "_table", "_words")

    def __init__(self, strings: Iterable[bytes], around: int) -> None:
        """Prepare.

        Args:
            strings: of at least six bytes each.
            around: bytes that the longest of them has.
        """
        self._words: Final = frozenset(
            int.from_bytes(string[start : start + _WIDTH], "little") for string in strings for start in range(_STEP)
        )
        self._around: Final = around
        self._table: Final = np.zeros(1 << 16, bool)
        self._table[_hashes(np.array(sorted(self._words), "<u4"))] = True

    def regions(self, piece: memoryview) -> list[tuple[int, int]]:
        """Return the regions, in order and apart, outside of which none of the strings stands."""
        words = np.frombuffer(piece, "<u4", len(piece) // _STEP)
        places = np.flatnonzero(self._table.take(_hashes(words)))
        told = [
            place * _STEP
            for place, word in zip(places.tolist(), words[places].tolist(), strict=True)
            if word & _WORD in self._words
        ]
        last = len(piece) // _STEP * _STEP  # less than a word is left behind it
        regions = list(self._joined([*told, last], len(piece)))
        searched = sum(end - start for start, end in regions)
        return regions if searched * _MOST <= len(piece) else [(0, len(piece))]

    def _joined(self, places: Iterable[int], size: int) -> Iterator[tuple[int, int]]:
        """Yield what lies around the places; regions that touch are one."""
        begin = end = 0
        for place in places:
            start = max(0, place - self._around)
            if start > end:
                if end:
                    yield begin, end
                begin = start
            end = min(size, place + self._around + _WIDTH)
        yield begin, end


def _hashes(words: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> np.ndarray[tuple[int], np.dtype[np.uint16]]:
    """Return 16 bits of each word, which its first three bytes decide."""
    return np.ascontiguousarray(words * _MULTIPLIER).astype("<u4", copy=False).view("<u2")[1::2]

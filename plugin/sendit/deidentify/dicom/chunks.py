"""Large values in pieces: of a mapped file, only the current piece is in memory."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PIECE = 16 << 20  # bytes


def pieces(chunks: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Yield the chunks, large ones cut. A piece may not be used once the next one is requested."""
    for chunk in chunks:
        if len(chunk) <= _PIECE:
            yield chunk
            continue
        view = memoryview(chunk)
        for start in range(0, len(view), _PIECE):
            yield view[start : start + _PIECE]
            release_pages(view)


def windows(value: bytes | memoryview, size: int, overlap: int) -> Iterator[bytes]:
    """Yield copies of `size` bytes, each starting with the last `overlap` of the one before; small values whole."""
    if len(value) <= size:
        yield bytes(value)
        return
    view = memoryview(value)
    for start in range(0, len(view) - overlap, size - overlap):
        yield bytes(view[start : start + size])
        release_pages(view)


def is_blank(value: bytes | memoryview) -> bool:
    """Return whether all bytes are zero."""
    return all(bytes(piece).count(0) == len(piece) for piece in pieces([value]))


class Walk:
    """Releases the pages of a mapped file that a walk through it has passed: the system maps what lies around, too.

    Args:
        view: the file.
        start: where the walk begins.
        every: so many bytes are passed before pages are released.
    """

    __slots__ = ("_every", "_seen", "_view")

    def __init__(self, view: memoryview, start: int = 0, every: int = _PIECE) -> None:
        self._view, self._seen, self._every = view, start, every

    def at(self, position: int) -> None:
        """Go on to a position."""
        if position - self._seen > self._every:
            release_pages(self._view)
            self._seen = position


def release_pages(view: memoryview) -> None:
    """Release the pages of a mapped file; the system reads them again when they are needed."""
    if isinstance(view.obj, mmap.mmap):
        view.obj.madvise(mmap.MADV_DONTNEED)

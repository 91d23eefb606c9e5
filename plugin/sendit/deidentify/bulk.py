"""Large values pass through in pieces; of a mapped file no more stays in memory than the piece at hand."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator

_PIECE = 16 << 20  # bytes


def pieces(chunks: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """The chunks, large ones cut. A piece is done with when the next one is asked for."""
    for chunk in chunks:
        if len(chunk) <= _PIECE:
            yield chunk
            continue
        view = memoryview(chunk)
        for start in range(0, len(view), _PIECE):
            yield view[start : start + _PIECE]
            forget(view)


def windows(value: bytes | memoryview, size: int, overlap: int) -> Iterator[bytes]:
    """Copies of `size` bytes, each beginning with the last `overlap` of the one before. A small value comes whole."""
    if len(value) <= size:
        yield bytes(value)
        return
    view = memoryview(value)
    for start in range(0, len(view) - overlap, size - overlap):
        yield bytes(view[start : start + size])
        forget(view)


def is_blank(value: bytes | memoryview) -> bool:
    """Whether there is nothing but zeros."""
    return all(bytes(piece).count(0) == len(piece) for piece in pieces([value]))


def forget(view: memoryview) -> None:
    """Let the system take back the pages of a mapped file; they are read again when they are needed."""
    if isinstance(view.obj, mmap.mmap):
        view.obj.madvise(mmap.MADV_DONTNEED)

"""Large values in pieces: of a mapped file, only the current piece is in memory."""

from __future__ import annotations

import hashlib
import mmap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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


def sha256_of(chunks: Iterable[bytes | memoryview]) -> str:
    """Return the SHA-256 digest of chunks in hexadecimal."""
    digest = hashlib.sha256()
    for piece in pieces(chunks):
        digest.update(piece)
    return digest.hexdigest()


def digests_of(chunks: Sequence[bytes | memoryview]) -> tuple[str, str, int]:
    """Return the SHA-256 and MD5 digests of chunks, and how many bytes they have: each byte is read once."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    for piece in pieces(chunks):
        sha256.update(piece)
        md5.update(piece)
    return sha256.hexdigest(), md5.hexdigest(), sum(map(len, chunks))


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

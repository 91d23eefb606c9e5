"""Bodies of uploads that are not copied on their way to the socket.

Google's client puts a body together with `+`, which copies an instance four times while all other threads wait for the
interpreter. What it gets here are bytes that stay what they are beside what they are added to. Should a client join
them otherwise, they are bytes like any others.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

#: A body is handed to the socket in pieces of so many bytes, so that the time limit counts for a piece: else a chunk of
#: 8 MiB would have to leave in the seconds that are meant for connecting.
PIECE = 1024 * 1024


class Body:
    """A body for `requests`: its length is known, and every try reads it from its beginning."""

    def __init__(self, content: bytes, before: bytes = b"", after: bytes = b"") -> None:
        self._content, self._before, self._after = content, before, after

    def __add__(self, after: bytes) -> Body:
        return Body(self._content, self._before, self._after + after)

    def __len__(self) -> int:
        return len(self._before) + len(self._content) + len(self._after)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        yield self._before
        view = memoryview(self._content)
        for start in range(0, len(view), PIECE):
            yield view[start : start + PIECE]
        yield self._after


class _Content(bytes):
    """What is not copied where it is added to other bytes."""

    def __radd__(self, before: bytes) -> Body:  # type: ignore[misc]  # it is asked before `bytes.__add__`
        return Body(self, before)


class Content(io.BytesIO):
    """A file whose bytes are not copied into a body."""

    def read(self, size: int | None = -1, /) -> bytes:
        return _Content(super().read(size))

"""multipart/related (RFC 2387) as DICOMweb has it (PS3.18 Section 8.6), with one part, in bounded memory."""

from __future__ import annotations

import io
import secrets
from email.message import Message
from typing import TYPE_CHECKING, Any, BinaryIO

from sendit.errors import Retry

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

_PIECE = 256 * 1024
#: The headers of a part are short; more than this (bytes) is no multipart.
_LONGEST_HEADER = 16 * 1024


class Upload:
    """A body with one part of type application/dicom. `requests` reads it piece by piece and knows its length."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f'multipart/related; type="application/dicom"; boundary="{boundary}"'
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        self._parts: list[Any] = [io.BytesIO(head), file, io.BytesIO(tail)]
        self._length = len(head) + size + len(tail)

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, b"" at the end."""
        while self._parts:
            piece: bytes = self._parts[0].read(size)
            if piece:
                return piece
            self._parts.pop(0)
        return b""


def only_part(answer: requests.Response) -> Iterator[bytes]:
    """Yield the content of the first part of an answer that is being streamed, in pieces.

    Some services send the file without the envelope, against PS3.18; that is taken as it is.

    Raises:
        Retry: the answer is neither, or ends too early.
    """
    pieces: Iterator[bytes] = answer.iter_content(_PIECE)
    boundary = _boundary(answer.headers.get("Content-Type", ""))
    if boundary is None:
        yield from pieces
        return
    delimiter = b"\r\n--" + boundary
    buffer = _after_header(pieces, delimiter)
    while (end := buffer.find(delimiter)) < 0:
        keep = len(delimiter) - 1
        if len(buffer) > keep:
            yield bytes(buffer[:-keep])
            del buffer[:-keep]
        piece = next(pieces, None)
        if piece is None:
            raise Retry("the service's answer ended in the middle of an instance")
        buffer += piece
    yield bytes(buffer[:end])


def _boundary(content_type: str) -> bytes | None:
    message = Message()
    message["Content-Type"] = content_type
    if message.get_content_type() == "application/dicom":
        return None
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/related" or not isinstance(boundary, str) or not boundary:
        raise Retry("the service's answer is not a DICOM instance")
    return boundary.encode()


def _after_header(pieces: Iterator[bytes], delimiter: bytes) -> bytearray:
    """Return the part of the content that was already read along with the header."""
    buffer = bytearray(b"\r\n")
    while True:
        start = buffer.find(delimiter)
        end = buffer.find(b"\r\n\r\n", start + len(delimiter)) if start >= 0 else -1
        if end >= 0:
            del buffer[: end + 4]
            return buffer
        piece = next(pieces, None)
        if piece is None or len(buffer) > _LONGEST_HEADER + _PIECE:
            raise Retry("the service's answer is not a DICOM instance")
        buffer += piece

"""The envelope of DICOMweb: written as a stream, read wherever the pieces are cut."""

from __future__ import annotations

import io
from email import message_from_bytes

import pytest
import requests

from sendit.destinations.dicomweb.multipart import Upload, only_part
from sendit.errors import Retry

CONTENT = b"\r\n--X\r\n\r\n-" * 50 + b"\r\n"
TYPE = 'multipart/related; type="application/dicom"; boundary="XY"'


class _InPieces(io.RawIOBase):
    """What a slow network gives: so many bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = io.BytesIO(data), size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(self._size)


def _answer(body: bytes, content_type: str = TYPE, size: int = 7) -> requests.Response:
    answer = requests.Response()
    answer.headers["Content-Type"] = content_type
    answer.raw = _InPieces(body, size)
    return answer


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 11, 64, 10_000])
@pytest.mark.parametrize("preamble", [b"", b"\r\n", b"hello\r\n"])
def test_read_wherever_it_is_cut(size: int, preamble: bytes) -> None:
    """Content that looks like boundaries comes out whole, whatever the size of the pieces."""
    body = preamble + b"--XY\r\nContent-Type: application/dicom\r\n\r\n" + CONTENT + b"\r\n--XY--\r\n"
    assert b"".join(only_part(_answer(body, size=size))) == CONTENT


def test_a_file_without_its_envelope() -> None:
    """Some services leave it out."""
    assert b"".join(only_part(_answer(CONTENT, "application/dicom"))) == CONTENT


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--XY\r\nContent-Type: application/dicom\r\n\r\nhalf of it", TYPE),
        (b"--XY\r\nContent-Ty", TYPE),
        (b"", TYPE),
        (b"<html>", "text/html"),
        (b"x" * 2_000_000, TYPE),
        (b"x", "multipart/related"),
    ],
)
def test_what_is_no_instance(body: bytes, content_type: str) -> None:
    """Cut off or something else: a Retry, never half an instance."""
    with pytest.raises(Retry):
        b"".join(only_part(_answer(body, content_type, 10_000)))


@pytest.mark.parametrize("size", [1, 10, 100_000])
def test_the_upload_is_one_part(size: int) -> None:
    """The length that is told is that of what is read, and a parser finds the content."""
    upload = Upload(io.BytesIO(CONTENT), len(CONTENT))
    told = len(upload)
    body = b""
    while piece := upload.read(size):
        body += piece
    assert told == len(body)
    head, _, rest = body.partition(b"\r\n\r\n")
    message = message_from_bytes(f"Content-Type: {upload.content_type}\r\n\r\n".encode() + body)
    assert message.is_multipart()
    assert b"Content-Type: application/dicom" in head
    assert rest.startswith(CONTENT)

"""Bodies that are not copied: the same bytes as if they were, for every try and for the socket."""

from __future__ import annotations

import os

from google.cloud.storage._media._upload import construct_multipart_request

from sendit.destinations.gcs.bucket import PIECE, Body, Content


def test_the_client_builds_a_body_around_the_content_itself() -> None:
    """What Google's client does to put it together is what keeps the content from being copied."""
    data = os.urandom(3 * PIECE + 5)
    body, boundary = construct_multipart_request(Content(data).read(len(data)), {"name": "n"}, "application/dicom")
    assert isinstance(body, Body)
    wanted, other = construct_multipart_request(data, {"name": "n"}, "application/dicom")
    assert b"".join(body) == wanted.replace(other, boundary)


def test_every_try_reads_it_from_its_beginning() -> None:
    """A body is as long as it says, whole each time, and comes in pieces for which the time limit is meant."""
    content = os.urandom(2 * PIECE + 1)
    body = b"before" + Content(content).read() + b"after" + b"that"
    assert isinstance(body, Body)
    for _ in range(2):
        pieces = list(body)
        assert b"".join(pieces) == b"before" + content + b"afterthat"
        assert max(map(len, pieces)) == PIECE
        assert len(body) == sum(map(len, pieces))


def test_joined_in_another_way_they_are_bytes() -> None:
    """A client that is written otherwise sends the same."""
    content = Content(b"content").read()
    assert b"".join([b"a", content, b"b"]) == b"acontentb"
    assert content + b"b" == b"contentb"

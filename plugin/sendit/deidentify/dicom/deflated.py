"""A deflated dataset (PS3.5 A.5), inflated within bounds."""

from __future__ import annotations

import zlib

from sendit.deidentify.dicom.chunks import pieces
from sendit.errors import Quarantine, Reject

#: Limits of an inflated dataset: this many bytes, or this multiple of its deflated size if that is more, but never more
#: than the last (bytes). Blank images shrink to a hundredth, zeros alone to a thousandth; more is a bomb.
_ALWAYS_INFLATED, _RATIO, _LARGEST_INFLATED = 256 << 20, 100, 2 << 30
#: Bytes that are inflated at a time.
_STRETCH = 16 << 20


def inflated(body: memoryview) -> memoryview:
    """Return the inflated dataset.

    Raises:
        Reject: it is damaged, or has no end.
        Quarantine: it is too large, or out of proportion to its size.
    """
    inflater, content = zlib.decompressobj(-zlib.MAX_WBITS), bytearray()
    largest = min(max(_ALWAYS_INFLATED, _RATIO * len(body)), _LARGEST_INFLATED)
    rest: bytes | memoryview = b""
    try:
        for piece in pieces([body]):
            rest = piece
            while rest and not inflater.eof:
                content += inflater.decompress(rest, _STRETCH)
                rest = inflater.unconsumed_tail
                if len(content) > largest:
                    raise Quarantine("its deflated dataset is too large, or out of proportion to its size")
    except zlib.error:
        raise Reject("truncated or damaged: its deflated dataset cannot be decompressed") from None
    content += inflater.flush()
    if not inflater.eof:
        raise Reject("truncated: its deflated dataset has no end")
    return memoryview(content).toreadonly()

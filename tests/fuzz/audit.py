"""Reads outputs for planted identifiers, by no means of SendIt's: as they stand, folded, in UTF-16, inflated."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from tests.fuzz.corpus import PLANTED

if TYPE_CHECKING:
    from pathlib import Path

_TOKENS = [token.lower().encode() for token in PLANTED]
_MOST = 1 << 26


def found_in(content: bytes) -> list[str]:
    """The planted identifiers that can be read in a file."""
    texts = [content, *_inflated(content)]
    return sorted({token.decode() for text in texts for token in _TOKENS if _holds(text, token)})


def _holds(text: bytes, token: bytes) -> bool:
    folded = text.lower()
    return token in folded or token in folded.replace(b"\0", b"")


def _inflated(content: bytes) -> list[bytes]:
    """The dataset of a deflated file, and streams of zlib or deflate that begin in a fragment."""
    starts = {132, *(match.end() + 4 for match in re.finditer(b"\xfe\xff\x00\xe0", content))}
    starts |= {match.start() for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08", content)}
    length = content.find(b"\2\0\0\0UL\4\0")
    if length >= 0:
        starts.add(length + 12 + int.from_bytes(content[length + 8 : length + 12], "little"))
    found = []
    for start in starts:
        for bits in (-zlib.MAX_WBITS, zlib.MAX_WBITS | 32):
            try:
                found.append(zlib.decompressobj(bits).decompress(content[start:], _MOST))
            except zlib.error:
                continue
    return found


def leaks(folder: Path) -> dict[str, list[str]]:
    """Of every output in a folder that holds any: its name and what it holds."""
    found = {}
    for path in sorted(folder.glob("*.dcm")):
        if told := found_in(path.read_bytes()):
            found[path.name] = told
    return found

"""Text where numbers, samples or frames should be: bytes that say something to whoever reads them as characters."""

from __future__ import annotations

import re
import struct
from itertools import pairwise

from sendit.deidentify.dataset import PIXEL_DATA, Instance, find
from sendit.deidentify.unpacking import Bytes, beside_pixels
from sendit.deidentify.words import is_ordinary
from sendit.errors import Quarantine

#: What a whole value is made of when it is a text; tables of numbers are never all printable, ramps apart.
_PRINTABLE = bytes(range(0x20, 0x7F))
_SHORTEST = 6
_FEWEST_LETTERS = 4
_LONGEST = 1 << 16
_RUN = re.compile(rb"[\x20-\x7e]{6,}")
_WORD = re.compile(rb"[A-Za-z]{5,}")
_FORMATS = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}


def is_disguised_text(value: Bytes) -> bool:
    """Whether bytes of a binary VR are a text from end to end, padding apart; in one byte a character, or in two."""
    if not _SHORTEST <= len(value) <= _LONGEST:
        return False
    raw = bytes(value).strip(b"\0 ")
    wide = raw.replace(b"\0", b"") if raw.count(0) * 2 >= len(raw) - 1 else raw
    if len(wide) < _SHORTEST or wide.translate(None, _PRINTABLE):
        return False
    steps = {after - before for before, after in pairwise(wide)}
    return len(steps) > 2 and sum(map(bytes.isalpha, struct.unpack(f"{len(wide)}c", wide))) >= _FEWEST_LETTERS


def as_number(value: Bytes, vr: str, order: str) -> str:
    """The single whole number that a binary value is, as digits; "" if it is none."""
    code = _FORMATS.get(vr)
    if code is None or len(value) != struct.calcsize(f"={code}"):
        return ""
    (number,) = struct.unpack(order + code, value)
    return str(int(number)) if number == number and abs(number) < 1e18 and number == int(number) else ""


def check_beside_pixels(instance: Instance) -> None:
    """Encapsulated frames may carry comments, and what they say cannot be cleaned without another encoding of them.

    Raises:
        Quarantine: a comment, or what stands behind an image, has words that no encoder signs with.
    """
    pixels = find(instance.elements, PIXEL_DATA)
    if pixels is None or not pixels.encapsulated:
        return
    for part in beside_pixels(pixels.value, instance.syntax.encoding.order):
        if len(part) > _LONGEST:
            continue
        words = (word.decode("ascii") for run in _RUN.findall(part) for word in _WORD.findall(run))
        if not all(map(is_ordinary, words)):
            raise Quarantine("a comment within its frames, or behind them, has words in it that nobody has checked")

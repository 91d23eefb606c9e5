"""Text where numbers, samples or frames should be: bytes that say something to whoever reads them as characters."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable
from itertools import pairwise

from sendit.deidentify.bulk import forget
from sendit.deidentify.dataset import PIXEL_DATA, Instance, find
from sendit.deidentify.pixels.codestreams import Part, parts
from sendit.deidentify.pixels.encapsulated import EncapsulatedFrames
from sendit.deidentify.pixels.picture import Extent, extent
from sendit.deidentify.unpacking import Bytes
from sendit.deidentify.words import is_ordinary
from sendit.errors import Quarantine

#: What a whole value is made of when it is a text; tables of numbers are never all printable, ramps apart.
_PRINTABLE = bytes(range(0x20, 0x7F))
_SHORTEST = 6
_FEWEST_LETTERS = 4
_LONGEST = 1 << 16
_RUN = re.compile(rb"[\x20-\x7e]{6,}")
_WORD = re.compile(rb"[A-Za-z]{5,}")
#: Control characters that texts have.
_LINES = b"\t\n\r\f\x01\x02\x03\x04\x05\x06\x07\x08"
#: Dates, numbers as long as those of patients, and what parts a name; a version behind a v is none.
_PERSONAL = re.compile(
    rb"\d{6}|(?<![v\d.])\d{1,4}[-/. ]\d{1,2}[-/. ](?:\d{4}|\d{2})(?!\d)|\d{3}[-. ]\d{2,4}[-. ]\d{4}|\d{3}-\d{4}"
    rb"|\^|\d[ .-]?(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ .,-]+\d{2,4}"
)
_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"  # in fragments nevertheless
_DEFLATED = "1.2.840.10008.1.2.8.1"
_FORGET_AFTER = 64  # frames
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
    """Compressed frames may carry comments, and images behind the image: they cannot be taken out of the frames.

    Raises:
        Quarantine: there are more fragments than frames; something stands behind an image; a comment has words that no
            encoder signs with, a number like a date, or bytes that are no text; the frames are of a kind that nobody
            can take apart.
    """
    pixels = find(instance.elements, PIXEL_DATA)
    if pixels is None or not pixels.encapsulated:
        return
    described = extent(instance.elements, instance.syntax.encoding.order)
    frames = EncapsulatedFrames(instance.elements, pixels, described.frames)
    if is_disguised_text(frames.table):
        raise Quarantine("the offset table of its frames is a text")
    for index in range(len(frames)):
        for part in _parts(frames.frame(index), described, instance.syntax.uid):
            _check_part(part)
        if isinstance(pixels.value, memoryview) and index % _FORGET_AFTER == _FORGET_AFTER - 1:
            forget(pixels.value)


def _parts(frame: bytes, described: Extent, syntax: str) -> Iterable[Part]:
    if syntax == _UNCOMPRESSED:
        behind = frame[described.size :]
        return [Part(behind, behind=True)] if len(behind) > 1 else []
    if syntax == _DEFLATED:
        return _behind_deflated(frame, described.size)
    found = parts(frame, described.pixels)
    if found is None:
        raise Quarantine("its frames are compressed in a way that hides whether something stands beside the image")
    return found


def _behind_deflated(frame: bytes, size: int) -> Iterable[Part]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        image = inflater.decompress(frame, size + 2)
    except zlib.error:
        raise Quarantine("its pixels cannot be looked at: a frame is truncated or damaged") from None
    behind = image[size:] + inflater.unconsumed_tail + inflater.unused_data
    return [Part(behind, behind=True)] if len(behind) > 1 else []


def _check_part(part: Part) -> None:
    if part.behind:
        raise Quarantine("something stands behind the image within one of its frames")
    words = (word.decode("ascii") for run in _RUN.findall(part.data) for word in _WORD.findall(run))
    if not all(map(is_ordinary, words)):
        raise Quarantine("a comment within its frames has words in it that nobody has checked")
    if part.numbers:
        return
    wide = part.data.replace(b"\0", b"")
    if wide.translate(None, _PRINTABLE + _LINES):
        raise Quarantine("application data within its frames are no text: nobody can say what they hold")
    if not all(map(is_ordinary, (word.decode("ascii") for word in _WORD.findall(wide)))) or _PERSONAL.search(wide):
        raise Quarantine("a comment within its frames has words or numbers in it that nobody has checked")

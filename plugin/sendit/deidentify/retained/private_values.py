"""Check values of vendors' private attributes: texts of a fixed form, and bytes that are taken apart."""

from __future__ import annotations

import re
import struct
import sys
from array import array
from functools import lru_cache
from typing import TYPE_CHECKING

from sendit.deidentify.retained.hidden_text import is_hidden_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: No scanner composes longer texts from its settings.
_LONGEST = 4096
#: Whole numbers of seven digits and more, phone numbers, national numbers, days, addresses of computers: no scanner
#: writes them where a list says that it writes numbers or short codes, but somebody may have typed them.
_OF_PERSONS = re.compile(
    r"(?<![\d.])\d{7,}(?![\d.])|(?<!\w)\+\d{7,}|(?<![\d.\-])\d{5,}-\d{3,}(?![\d.])"
    r"|(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"
    r"|(?<![\d.])\d{1,2}([./-])\d{1,2}\1(?:19|20)\d\d(?![\d.])|(?<![\d.])(?:19|20)\d\d([./-])\d{1,2}\2\d{1,2}(?![\d.])"
)
#: GE's user defined data (0043,"GEMS_PARM_01",2A), as dcm2niix reads them: the place of the header's offset, the limits
#: of its version (FL), and the least length; in the header, the flags of polarity and of EPI and the order of lines,
#: which has another place from version 25.002 on.
_GE_OFFSET, _GE_VERSIONS, _GE_SHORTEST = 24, (5.0, 40.0), 916
_GE_POLARITY, _GE_EPI, _GE_ORDER, _GE_LATER, _GE_SHIFT, _GE_EARLIER = 0x30, 0x3A, 0x394, 25.002, 0x4C, 0x8C

#: The form of a value that is the samples of a spectrum, which stays as it is.
SAMPLES = "Samples"
#: Between these is the largest sample of a receiver; none but 0 is a smaller part of it, by chance one of 10^15.
_LARGEST_SAMPLES, _LEAST_PART = (1e-15, 1e12), 1e-15
#: So many letters do not stand side by side in numbers: once in four million samples.
_IN_WORDS = re.compile(rb"[A-Za-z^ ,.'\-]{16,}")


def is_written(pattern: str, text: str) -> bool:
    """Return whether a text has the form that a vendor's software writes, apart from surrounding blanks."""
    if len(text) > _LONGEST or _OF_PERSONS.search(text):
        return False
    return _compiled(pattern).fullmatch(text.strip("\0 ")) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def ge_user_data(value: bytes | memoryview) -> bytes:
    """Return the polarity and the order of phase encoding in their places, and zeros everywhere else.

    b"" if the value is not what dcm2niix would read.
    """
    raw = bytes(value)
    if len(raw) < _GE_SHORTEST:
        return b""
    (start,) = struct.unpack_from("<H", raw, _GE_OFFSET)
    if len(raw) < start + _GE_SHORTEST:
        return b""
    (version,) = struct.unpack_from("<f", raw, start)
    if not _GE_VERSIONS[0] <= version <= _GE_VERSIONS[1]:
        return b""
    later = version >= _GE_LATER
    header = start + (_GE_SHIFT if later else 0)
    order = _GE_ORDER - (_GE_EARLIER if later else 0)
    kept = bytearray(len(raw))
    for place, size in ((_GE_OFFSET, 2), (start, 4), *((header + at, 2) for at in (_GE_POLARITY, _GE_EPI, order))):
        kept[place : place + size] = raw[place : place + size]
    return bytes(kept)


def samples(value: bytes | memoryview) -> bytes:
    """Return the samples of a spectrum if they are nothing else: numbers of 4 bytes that stand side by side; or b"".

    Text, a header before the samples and numbers of other forms read as numbers that no receiver measures together.
    """
    raw = bytes(value)
    if not raw or len(raw) % 4 or _IN_WORDS.search(raw) or is_hidden_text(raw, "OF"):
        return b""
    numbers = array("f", raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    largest = max(map(abs, numbers))
    least = largest * _LEAST_PART
    if not _LARGEST_SAMPLES[0] < largest < _LARGEST_SAMPLES[1]:
        return b""
    return raw if all(one == 0 or least <= abs(one) <= largest for one in numbers) else b""  # NaN is neither


#: Retained parts of a block, by the name of its form in a vendor's list.
BLOCKS: Mapping[str, Callable[[bytes | memoryview], bytes]] = {"GEUserData": ge_user_data, SAMPLES: samples}

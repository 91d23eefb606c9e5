"""Ways to damage a DICOM file. One seed makes one file, always the same."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random

Mutator = Callable[[Random, bytearray, bytes], bytearray]

_VRS = (
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV -- ??"
).split()
_DELIMITERS = (b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0")
_LENGTHS = (0, 1, 2, 0xFF, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)


def mutated(number: int, corpus: Sequence[tuple[str, bytes]]) -> bytes:
    """The file of this number: one of the corpus, with one to three kinds of damage."""
    random = Random(number)
    _, content = random.choice(corpus)
    _, other = random.choice(corpus)
    made = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 1, 2, 3))):
        made = random.choice(MUTATORS)(random, made, other)
        if len(made) < 200:
            break
    return bytes(made)


def _place(random: Random, data: bytes | bytearray) -> int:
    """Anywhere; half of the time within the header, where the structure is."""
    return random.randrange(132, max(133, min(len(data), 4000) if random.random() < 0.5 else len(data)))


def bits(random: Random, data: bytearray, other: bytes) -> bytearray:
    """Single bits."""
    for _ in range(random.choice((1, 1, 4, 32))):
        data[_place(random, data) % len(data)] ^= 1 << random.randrange(8)
    return data


def cut(random: Random, data: bytearray, other: bytes) -> bytearray:
    """The end is missing."""
    return data[: _place(random, data)]


def taken_out(random: Random, data: bytearray, other: bytes) -> bytearray:
    """A piece is missing."""
    start = _place(random, data)
    del data[start : start + random.choice((1, 2, 4, 8, 64, 1024))]
    return data


def repeated(random: Random, data: bytearray, other: bytes) -> bytearray:
    """A piece stands there twice."""
    start, size = _place(random, data), random.choice((1, 2, 8, 64, 1024, 8192))
    data[start:start] = data[start : start + size]
    return data


def spliced(random: Random, data: bytearray, other: bytes) -> bytearray:
    """It goes on as another file, or has a piece of one in it."""
    start, source = _place(random, data), _place(random, other)
    if random.random() < 0.5:
        return data[:start] + other[source:]
    data[start:start] = other[source : source + random.choice((8, 64, 1024))]
    return data


def lengths(random: Random, data: bytearray, other: bytes) -> bytearray:
    """A length says something else."""
    at = _element(random, data)
    if at is None:
        return bits(random, data, other)
    long = bytes(data[at + 4 : at + 6]) in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF", b"OD")
    value = random.choice((*_LENGTHS, random.randrange(1 << 16), len(data)))
    if long:
        data[at + 8 : at + 12] = struct.pack("<I", value & 0xFFFFFFFF)
    else:
        data[at + 6 : at + 8] = struct.pack("<H", value & 0xFFFF)
    return data


def vrs(random: Random, data: bytearray, other: bytes) -> bytearray:
    """A VR is another one, or none."""
    at = _element(random, data)
    if at is not None:
        data[at + 4 : at + 6] = random.choice(_VRS)
    return data


def tags(random: Random, data: bytearray, other: bytes) -> bytearray:
    """An element is another one."""
    at = _element(random, data)
    if at is not None:
        there = _element(random, data)
        data[at : at + 4] = data[there : there + 4] if there is not None else b"\x10\0\x10\0"
    return data


def swapped(random: Random, data: bytearray, other: bytes) -> bytearray:
    """Two pieces of one size have changed places."""
    size = random.choice((2, 4, 8, 32, 256))
    first, second = (_place(random, data) for _ in range(2))
    if abs(first - second) >= size and max(first, second) + size <= len(data):
        one, two = data[first : first + size], data[second : second + size]
        data[first : first + size], data[second : second + size] = two, one
    return data


def delimiters(random: Random, data: bytearray, other: bytes) -> bytearray:
    """An item, or the end of one or of a sequence, stands where none should."""
    at = _element(random, data) if random.random() < 0.7 else _place(random, data)
    at = len(data) if at is None or random.random() < 0.2 else at
    data[at:at] = random.choice(_DELIMITERS) + random.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x08\0\0\0"))
    return data


def fragments(random: Random, data: bytearray, other: bytes) -> bytearray:
    """A fragment stands there twice, is gone, or has changed places with the next one."""
    start = data.find(b"\xfe\xff\x00\xe0", random.randrange(max(1, len(data))))
    stop = data.find(b"\xfe\xff", start + 8) if start >= 0 else -1
    if stop < 0:
        return repeated(random, data, other)
    way = random.randrange(3)
    if way == 0:
        data[start:start] = data[start:stop]
    elif way == 1:
        del data[start:stop]
    else:
        end = data.find(b"\xfe\xff", stop + 8)
        end = len(data) if end < 0 else end
        data[start:end] = data[stop:end] + data[start:stop]
    return data


def frames(random: Random, data: bytearray, other: bytes) -> bytearray:
    """Bytes within the pixel data; of compressed ones often those that say how large they are."""
    start = max(data.rfind(b"\xe0\x7f\x10\0"), data.rfind(b"\x7f\xe0\0\x10"))
    if start < 0 or start + 40 >= len(data):
        return bits(random, data, other)
    if random.random() < 0.5:
        item = data.find(b"\xfe\xff\x00\xe0", start + 20)
        start = item if item >= 0 else start
    reach = min(len(data), start + random.choice((100, 400, len(data))))
    for _ in range(random.choice((1, 2, 8, 64))):
        data[random.randrange(start + 8, max(start + 9, reach)) % len(data)] = random.choice(
            (0, 1, 0x7F, 0x80, 0xFE, 0xFF, random.randrange(256))
        )
    return data


def numbers(random: Random, data: bytearray, other: bytes) -> bytearray:
    """Rows, Columns, BitsAllocated, NumberOfFrames and so on say something else."""
    marks = [at for at in range(132, min(len(data), 8000)) if data[at : at + 2] == b"\x28\0" and data[at + 4 : at + 6]]
    if not marks:
        return bits(random, data, other)
    at = random.choice(marks)
    if bytes(data[at + 4 : at + 6]) == b"IS":
        size = data[at + 6]
        data[at + 8 : at + 8 + size] = str(random.choice((0, 1, 2, 9, 99999999))).encode().rjust(size)[:size]
    else:
        value = random.choice((0, 1, 7, 8, 9, 16, 32, 255, 4096, 65535))
        data[at + 8 : at + 10] = struct.pack("<H", value)
    return data


def _element(random: Random, data: bytearray) -> int | None:
    """Where an element of explicit VR little endian begins, or seems to."""
    start = _place(random, data)
    for at in range(start, min(len(data) - 8, start + 2000)):
        if data[at + 4 : at + 6].isalpha() and data[at + 1] <= 0x7F and data[at + 4 : at + 6].isupper():
            return at
    return None


MUTATORS: tuple[Mutator, ...] = (
    bits, bits, bits, cut, taken_out, repeated, spliced, lengths, vrs, vrs, tags, swapped, swapped, delimiters,
    fragments, frames, frames, frames, frames, numbers,
)  # fmt: skip

"""Clean Siemens' CSA headers: (0029,"SIEMENS CSA HEADER",10 and 20) and others of the same form.

A header is a list of tags, each with a name, a VR and items. There are two forms: the later begins with "SV10", the
earlier does not. An item gives its length four times; SPM subtracts the number of items of the first tag from it, which
is right for some files. Between and after the values there is uncleared memory of the scanner: names of other
attributes, parts of other values. None of it is written again.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sendit.deidentify.private_blocks import protocol
from sendit.deidentify.private_blocks.entries import EntryCleaner, Unreadable, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC = b"SV10\4\3\2\1"
_TAG, _ITEM = struct.Struct("<64si4siii"), struct.Struct("<4i")
_USED, _UNUSED = 77, 205
_MARKS = frozenset({_USED, _UNUSED})
_MOST_TAGS = 2048
_MOST_VALUES = 1 << 16
_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT OB OF OW PN SH SL SQ SS ST TM UI UL UN US UT".split())
#: VRs, and Siemens' numbers for them, are in small ranges; anything else may be text.
_MOST_MULTIPLE = 9999
_MOST_TYPE = 99
_PROTOCOLS = frozenset({"MrPhoenixProtocol", "MrProtocol"})


@dataclass(slots=True)
class Tag:
    """One entry. `values` are its items, without their padding."""

    name: str
    vr: bytes
    multiple: int  # how many values there should be; 0: any number
    type_: int  # Siemens' number for the VR
    count: int  # of items, used and unused
    values: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Header:
    """A parsed header."""

    later: bool  # the form that begins with SV10
    tags: list[Tag] = field(default_factory=list)
    first: int = 0  # items of the first tag, which readers of the earlier form use
    added: int = 0  # to each length


def is_header(block: bytes | memoryview) -> bool:
    """Return whether a value looks like a header; `parse` may still refuse it."""
    start = bytes(block[:16])
    return start[:4] == _MAGIC[:4] or (len(start) == 16 and start[4:8] == b"M\0\0\0" and 32 < start[8] < 127)


def parse(block: bytes | memoryview) -> Header:
    """Take a header apart.

    Raises:
        Unreadable: it is not a CSA header, or its counts and lengths do not add up.
    """
    view = memoryview(block)
    if bytes(view[:4]) == _MAGIC[:4]:
        return _parsed(view, Header(later=True))
    first = _first(view)
    try:
        return _parsed(view, Header(later=False, first=first))
    except Unreadable:
        return _parsed(view, Header(later=False, first=first, added=first))


def _first(view: memoryview) -> int:
    """Return the number of items of the first tag, in the earlier form."""
    return _tag(view, 8)[0].count


def _parsed(view: memoryview, header: Header) -> Header:
    position = 8 if header.later else 0
    if len(view) < position + 8:
        raise Unreadable
    number, check = struct.unpack_from("<2I", view, position)
    position += 8
    if check != _USED or not 0 < number <= _MOST_TAGS or number * _TAG.size > len(view) - position:
        raise Unreadable
    for _ in range(number):
        tag, position = _tag(view, position)
        for _ in range(tag.count):
            value, position = _item(view, position, header)
            tag.values.append(value)
        header.tags.append(tag)
    return header


def _tag(view: memoryview, position: int) -> tuple[Tag, int]:
    if position + _TAG.size > len(view):
        raise Unreadable
    name, multiple, vr, type_, count, mark = _TAG.unpack_from(view, position)
    position += _TAG.size
    if mark not in _MARKS or not 0 <= count <= min(_MOST_VALUES, (len(view) - position) // _ITEM.size):
        raise Unreadable
    return Tag(_until_null(name).decode("latin-1"), _until_null(vr), multiple, type_, count), position


def _item(view: memoryview, position: int, header: Header) -> tuple[bytes, int]:
    if position + _ITEM.size > len(view):
        raise Unreadable
    first, second, mark, _ = _ITEM.unpack_from(view, position)
    position += _ITEM.size
    length = second if header.later else first - header.added
    if mark not in _MARKS or not 0 <= length <= len(view) - position:
        raise Unreadable
    value = _until_null(bytes(view[position : position + length]))
    return value, min(position + -(-length // 4) * 4, len(view))


def _until_null(value: bytes) -> bytes:
    return value.partition(b"\0")[0]


def build(header: Header) -> bytes:
    """Write a header in its own form; every byte of the result is accounted for."""
    tags, added = header.tags, 0
    if not header.later and tags:
        tags[0].count = max(header.first, len(tags[0].values))
        added = tags[0].count if header.added else 0
    parts = [_MAGIC] if header.later else []
    parts.append(struct.pack("<2I", len(tags), _USED))
    for tag in tags:
        filled = any(tag.values)
        parts.append(
            _TAG.pack(
                tag.name.encode("latin-1"),
                tag.multiple,
                tag.vr,
                tag.type_,
                tag.count,
                _USED if filled else _UNUSED,
            )
        )
        for index in range(tag.count):
            parts.append(_written(tag.values[index] if index < len(tag.values) else b"", added))
    parts.append(b"\0\0\0\0")
    return b"".join(parts)


def _written(value: bytes, added: int) -> bytes:
    length = len(value) + 1 if value else 0
    size = length + added
    return _ITEM.pack(size, size, _USED if value else _UNUSED, size) + (value + b"\0" if value else b"").ljust(
        -(-length // 4) * 4, b"\0"
    )


def clean(block: bytes | memoryview, cleaner: EntryCleaner) -> bytes:
    """Return the header with the entries and values that may stay.

    Raises:
        Unreadable: it cannot be parsed, or nothing stays.
    """
    header = parse(block)
    allowed = table("siemens_csa")
    kept = []
    for tag in header.tags:
        kind = allowed.get(tag.name)
        if tag.name in _PROTOCOLS:
            values = _protocol(tag, cleaner)
        elif kind is None or cleaner.is_personal(tag.name):
            continue
        else:
            values = [cleaned(value, kind, cleaner) for value in tag.values]
        if not 0 <= tag.multiple <= _MOST_MULTIPLE or tag.vr not in _VRS:
            continue
        if sum(map(bool, values)) < sum(map(bool, tag.values)) and kind in ("number", "numbers"):
            values = []  # a vector that lacks a number is another vector
        type_ = tag.type_ if 0 <= tag.type_ <= _MOST_TYPE else 0
        kept.append(Tag(tag.name, tag.vr, tag.multiple, type_, tag.count if any(values) else 0, values))
    if not any(any(tag.values) for tag in kept):
        raise Unreadable
    return build(Header(header.later, kept, header.first, header.added))


def cleaned(value: bytes, kind: str, cleaner: EntryCleaner) -> bytes:
    """Return what may stay of one value of an entry; the padding of numbers is kept, since some readers count on it."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return b""
    return cleaner.value(kind, text).encode("utf-8")


def _protocol(tag: Tag, cleaner: EntryCleaner) -> list[bytes]:
    values = []
    for value in tag.values:
        try:
            values.append(protocol.clean(value, cleaner) if value else b"")
        except Unreadable:
            values.append(b"")
    return values


def values_of(block: bytes | memoryview) -> Iterator[bytes]:
    """Yield the names and values of a header's entries, for the leak check."""
    for tag in parse(block).tags:
        yield tag.name.encode("latin-1")
        yield from filter(None, tag.values)

"""Clean GE's protocol data block: (0025,"GEMS_SERS_01",1B), a gzip stream of `KEY "VALUE"` lines after its length.

Later software writes XML instead. The header of the gzip stream names the examination and the time of compression; the
output has neither.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from sendit.deidentify.private_blocks.entries import EntryCleaner, Unreadable, is_technical_name, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_GZIP = b"\x1f\x8b\x08"
#: No name, no time, unknown system.
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"
_MOST_BYTES = 4 << 20
_MOST_LINES = 1 << 16
_LONGEST_LINE = 4096
_LINE = re.compile(r'(?P<set>set[ \t]+)?(?P<key>[A-Z][A-Z0-9_]{0,63})(?P<gap>[ \t]+)(?P<quote>"?)(?P<value>[^"]*)"?')
_NAME, _VALUE = ("name", "key", "id"), ("value", "val")
_DEEPEST = 16


def is_protocol_block(block: bytes | memoryview) -> bool:
    """Return whether a value looks like a protocol data block."""
    start = bytes(block[:7])
    return start.startswith(_GZIP) or start[4:] == _GZIP


def text_of(block: bytes | memoryview) -> bytes:
    """Return the text that was compressed.

    Raises:
        Unreadable: it is not such a block, is damaged, or is too large.
    """
    start = 0 if bytes(block[:3]) == _GZIP else 4
    if not is_protocol_block(block):
        raise Unreadable
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        text = inflater.decompress(block[start:], _MOST_BYTES)
    except zlib.error:
        raise Unreadable from None
    if not inflater.eof:
        raise Unreadable
    return text


def clean(block: bytes | memoryview, cleaner: EntryCleaner) -> bytes:
    """Return the block with the lines that may stay.

    Raises:
        Unreadable: it cannot be parsed, or nothing stays.
    """
    text = text_of(block)
    kept = _clean_xml(text, cleaner) if text.lstrip().startswith(b"<") else _clean_lines(text, cleaner)
    if not kept:
        raise Unreadable
    stream = _compressed(kept)
    return stream if bytes(block[:3]) == _GZIP else struct.pack("<I", len(stream)) + stream


def _compressed(text: bytes) -> bytes:
    deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflater.compress(text) + deflater.flush()
    return _GZIP_HEADER + packed + struct.pack("<2I", zlib.crc32(text), len(text))


def _lines(text: bytes) -> Iterator[re.Match[str]]:
    for _, line in zip(range(_MOST_LINES), text.split(b"\n"), strict=False):
        if len(line) <= _LONGEST_LINE:
            match = _LINE.fullmatch(line.decode("latin-1").strip("\r\0 \t"))
            if match is not None:
                yield match


def _clean_lines(text: bytes, cleaner: EntryCleaner) -> bytes:
    kept = []
    for match in _lines(text):
        value = _cleaned(match["key"], match["value"], cleaner)
        if value:
            quote = match["quote"]
            kept.append(f"{match['set'] or ''}{match['key']}{match['gap']}{quote}{value}{quote}\n".encode("latin-1"))
    return b"".join(kept)


def _cleaned(key: str, value: str, cleaner: EntryCleaner) -> str:
    kind = table("ge_protocol").get(key.upper())
    if kind is None or not value.isascii() or cleaner.is_personal(key):
        return ""
    return cleaner.value(kind, value)


# --- the later form --------------------------------------------------------------------------------------------------


def _tree(text: bytes) -> ElementTree.Element:
    text = text.strip(b"\0 \t\r\n")
    # Refused are declarations, which may expand without end, and comments; in UTF-16 they would be missed.
    if b"<!" in text or b"\0" in text or text.count(b"<") > _MOST_LINES:
        raise Unreadable
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise Unreadable from None


def _clean_xml(text: bytes, cleaner: EntryCleaner) -> bytes:
    kept = _element(_tree(text), cleaner, 0)
    if kept is None:
        return b""
    ElementTree.indent(kept)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(kept, "unicode")}\n'.encode()


def _element(given: ElementTree.Element, cleaner: EntryCleaner, depth: int) -> ElementTree.Element | None:
    """Return the element with what may stay of it; None if nothing may."""
    if depth > _DEEPEST or not _is_tag(given.tag, cleaner):
        return None
    kept = ElementTree.Element(given.tag)
    name = next((given.attrib[name] for name in _NAME if name in given.attrib), "")
    for attribute, value in given.attrib.items():
        if attribute in _NAME:
            stays = value if value.upper() in table("ge_protocol") and not cleaner.is_personal(value) else ""
        else:
            stays = _cleaned(name if attribute in _VALUE and name else attribute, value, cleaner)
        if stays:
            kept.set(attribute, stays)
    if given.text and given.text.strip():
        kept.text = _cleaned(name or given.tag, given.text.strip(), cleaner) or None
    kept.extend(inner for child in given if (inner := _element(child, cleaner, depth + 1)) is not None)
    says = kept.text or len(kept) or any(attribute not in _NAME for attribute in kept.attrib)
    return kept if says else None


def _is_tag(tag: str, cleaner: EntryCleaner) -> bool:
    """Return whether the name of an element is an entry of the table, or consists of technical words."""
    if not re.fullmatch(r"[A-Za-z_][\w.-]{0,63}", tag) or cleaner.is_personal(tag):
        return False
    return tag.upper() in table("ge_protocol") or is_technical_name(tag.capitalize() if tag.isupper() else tag)


def values_of(block: bytes | memoryview) -> Iterator[bytes]:
    """Yield the values in a block, for the leak check."""
    text = text_of(block)
    if not text.lstrip().startswith(b"<"):
        yield from (match["value"].encode("latin-1") for match in _lines(text))
        return
    for element in _tree(text).iter():
        yield from (part.encode() for part in (element.text, element.tail, *element.attrib.values()) if part)

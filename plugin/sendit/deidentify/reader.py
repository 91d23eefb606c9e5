"""Takes a DICOM file apart without believing it: every length has to add up (PS3.5 7, PS3.10 7).

A lenient reader returns what it could read of a truncated file, and what it returns looks whole. This one does not.
No value of the file ever stands in a message.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from itertools import pairwise

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify.bulk import forget, is_blank, pieces
from sendit.deidentify.dataset import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LONG_VRS,
    PIXEL_DATA,
    SHORT_VRS,
    Dataset,
    Element,
    Encoding,
    Instance,
    group_and_element,
)
from sendit.deidentify.syntaxes import transfer_syntax
from sendit.errors import Reject

_UNDEFINED = 0xFFFFFFFF
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_TRANSFER_SYNTAX = 0x00020010
_CLASS = 0x00020002
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_DIRECTORY = b"1.2.840.10008.1.3.10"
#: Deeper nesting than any real object has; the limit keeps a forged file from exhausting the stack.
_DEEPEST = 64
#: A deflated dataset may grow to this many bytes; more is a bomb, or nothing that fits into memory.
_LARGEST_INFLATED = 2 << 30

_VRS = {tag: entry[0] for tag, entry in DicomDictionary.items()}

#: By the two bytes of the file.
_SHORT_VRS = {vr.encode("ascii"): vr for vr in SHORT_VRS}
_LONG_VRS = {vr.encode("ascii"): vr for vr in LONG_VRS}
#: By the tag, where that alone tells; a value of UN may be a sequence.
_PLAIN_VRS = {tag: vr for tag, vr in _VRS.items() if vr not in ("SQ", "UN") and tag >> 16 != 0xFFFE}
#: Values up to this size are taken out; larger ones are views into the file.
_SMALL = 1 << 10
#: After so many bytes of fragments, those passed need not stay in memory.
_STRETCH = 16 << 20
#: By byte order: group, element, VR (none in implicit VR), length; group, element; four bytes of length.
_HEADS = {order: struct.Struct(order + "HH2sH") for order in "<>"}
_IMPLICIT_HEADS = {order: struct.Struct(order + "HH0sI") for order in "<>"}
_TAGS = {order: struct.Struct(order + "HH") for order in "<>"}
_LENGTHS = {order: struct.Struct(order + "I") for order in "<>"}


def read_file(data: memoryview) -> Instance:
    """The dataset of a PS3.10 file, or of a file that holds nothing but a dataset, as some archives keep them.

    A file without the preamble and "DICM" has to be understood to its last byte in implicit or explicit VR little
    endian; every other transfer syntax would be a guess.

    Raises:
        Reject: not DICOM, truncated, or of a kind that SendIt cannot take apart.
    """
    if len(data) == 0:
        raise Reject("the file is empty")
    if len(data) < 132 or bytes(data[128:132]) != b"DICM":
        return _read_bare(data)
    return _read_from(data, 132)


def _read_from(data: memoryview, position: int) -> Instance:
    """What follows the preamble."""
    syntax_uid, start, meta = _read_meta(data, position)
    syntax = transfer_syntax(syntax_uid)
    body = data[start:]
    if syntax.deflated:
        body = _inflate(body)
    reader = _Reader(body, syntax.encoding, syntax.encapsulated)
    return Instance(syntax, reader.top(), meta)


def _read_bare(data: memoryview) -> Instance:
    head = bytes(data[:6])
    if head[:2] == b"\2\0" and head[4:] in (b"UL", b"OB", b"UI"):
        return _read_from(data, 0)
    if head[:2] != b"\x08\0":
        raise Reject("not DICOM: the letters DICM are missing after the preamble")
    explicit = head[4:].decode("latin-1") in SHORT_VRS | LONG_VRS
    syntax = transfer_syntax(_EXPLICIT if explicit else _IMPLICIT)
    try:
        elements, end = _Reader(data, syntax.encoding, encapsulated=False).elements(0, len(data), depth=0)
    except Reject as refusal:
        raise Reject(f"not DICOM, or damaged: no letters DICM, and as a dataset alone it is {refusal}") from None
    if end != len(data):
        raise Reject("not DICOM, or truncated: no letters DICM, and no dataset to its last byte")
    return Instance(syntax, elements)


def _read_meta(data: memoryview, position: int) -> tuple[str, int, Dataset]:
    """The transfer syntax, where the dataset begins, and the elements.

    The group length is not believed, it is often wrong.
    """
    reader = _Reader(data, EXPLICIT_LITTLE, encapsulated=False)
    uid = ""
    meta: Dataset = []
    while position + 8 <= len(data) and bytes(data[position : position + 2]) == b"\x02\x00":
        element, position = reader.element(position, len(data), depth=0)
        meta.append(element)
        if element.tag == _TRANSFER_SYNTAX:
            uid = bytes(element.value).decode("latin-1").rstrip("\0 ")
        elif element.tag == _CLASS and bytes(element.value).rstrip(b"\0 ") == _DIRECTORY:
            raise Reject("a DICOMDIR: it lists other files and holds no image")
    if not uid:
        raise Reject("its file meta information names no transfer syntax")
    return uid, position, meta


def _inflate(body: memoryview) -> memoryview:
    inflater, found = zlib.decompressobj(-zlib.MAX_WBITS), bytearray()
    rest: bytes | memoryview = b""
    try:
        for piece in pieces([body]):
            rest = piece
            while rest and not inflater.eof:
                found += inflater.decompress(rest, _STRETCH)
                rest = inflater.unconsumed_tail
                if len(found) > _LARGEST_INFLATED:
                    raise Reject("its deflated dataset is larger than SendIt takes on")
    except zlib.error:
        raise Reject("truncated or damaged: its deflated dataset cannot be inflated") from None
    found += inflater.flush()
    if not inflater.eof:
        raise Reject("truncated: its deflated dataset has no end")
    return memoryview(found).toreadonly()


@dataclass(slots=True)
class _Reader:
    """Reads elements of one buffer in one encoding. Positions count from the beginning of the buffer."""

    data: memoryview
    encoding: Encoding
    encapsulated: bool

    def top(self) -> Dataset:
        """All of the buffer, as the dataset of a file."""
        elements, position = self.elements(0, len(self.data), depth=0)
        # Some writers fill the last block of the file with zeros.
        if not is_blank(self.data[position:]):
            raise Reject("truncated or damaged: it does not end with a whole element")
        return elements

    def elements(self, position: int, end: int, depth: int, open_end: bool = False) -> tuple[Dataset, int]:
        """Elements up to `end`, or, in an item of undefined length, up to its delimiter."""
        found: Dataset = []
        data, explicit = self.data, self.encoding.explicit
        head = (_HEADS if explicit else _IMPLICIT_HEADS)[self.encoding.order].unpack_from
        while position + 8 <= end:
            group, number, letters, length = head(data, position)
            tag = group << 16 | number
            if open_end and tag == _ITEM_END:
                return _in_order(found), position + 8
            if depth == 0 and tag == 0:
                break
            vr = _SHORT_VRS.get(letters) if explicit else _PLAIN_VRS.get(tag) if length <= _SMALL else None
            if vr is None or group == 0xFFFE:
                element, position = self.element(position, end, depth)
                found.append(element)
                continue
            start = position + 8
            position = start + length
            if position > end:
                raise Reject(f"truncated: {group_and_element(tag)} is longer than what is left")
            found.append(Element(tag, vr, bytes(data[start:position])))
        if open_end:
            raise Reject("truncated: an item has no end")
        if depth and position != end:
            raise Reject("truncated or damaged: an item does not end with a whole element")
        return _in_order(found), position

    def element(self, position: int, end: int, depth: int) -> tuple[Element, int]:
        """The element that begins at `position`, and where it ends."""
        tag = self._tag(position)
        vr, length, start = self._head(tag, position, end)
        if tag >> 16 == 0xFFFE:
            raise Reject("damaged: an item or its end stands where an element should")
        if length == _UNDEFINED:
            return self._open(tag, vr, start, end, depth)
        stop = start + length
        if stop > end:
            raise Reject(f"truncated: {group_and_element(tag)} is longer than what is left")
        if vr == "SQ":
            items, stop = self._items(start, stop, depth, open_end=False)
            return Element(tag, vr, items=items), stop
        if vr == "UN" and _VRS.get(tag) == "SQ" and self.encoding.little:
            return Element(tag, "SQ", items=self._implicit()._items(start, stop, depth, open_end=False)[0]), stop
        value = self.data[start:stop]
        return Element(tag, vr, bytes(value) if length <= _SMALL else value), stop

    def _head(self, tag: int, position: int, end: int) -> tuple[str, int, int]:
        """VR, length, and where the value begins."""
        lengths, data = _LENGTHS[self.encoding.order], self.data
        if not self.encoding.explicit or tag >> 16 == 0xFFFE:
            return _VRS.get(tag, "UN"), lengths.unpack_from(data, position + 4)[0], position + 8
        letters = bytes(data[position + 4 : position + 6])
        if letters in _SHORT_VRS:
            return _SHORT_VRS[letters], _HEADS[self.encoding.order].unpack_from(data, position)[3], position + 8
        if letters not in _LONG_VRS and not (letters.isalpha() and letters.isupper()):
            raise Reject(f"damaged: {group_and_element(tag)} has no value representation")
        # A VR that a later edition may bring has a long length (PS3.5 7.1.2); its value is not understood.
        if position + 12 > end:
            raise Reject("truncated: the last element has no length")
        return _LONG_VRS.get(letters, "UN"), lengths.unpack_from(data, position + 8)[0], position + 12

    def _open(self, tag: int, vr: str, start: int, end: int, depth: int) -> tuple[Element, int]:
        """An element of undefined length: encapsulated pixel data, or a sequence."""
        if tag == PIXEL_DATA and vr != "SQ":
            stop = self._fragments(start, end)
            return Element(tag, "OB", self.data[start:stop], encapsulated=True), stop
        if vr == "SQ":
            items, stop = self._items(start, end, depth, open_end=True)
        elif vr == "UN":  # PS3.5 6.2.2: a sequence, in implicit VR little endian
            items, stop = self._implicit()._items(start, end, depth, open_end=True)
            if not self.encoding.little:  # its numbers would have to be turned round: not taken for what it is
                return Element(tag, "UN"), stop
        else:
            raise Reject(f"damaged: {group_and_element(tag)} has no length")
        return Element(tag, "SQ", items=items), stop

    def _implicit(self) -> _Reader:
        return _Reader(self.data, IMPLICIT_LITTLE, encapsulated=False)

    def _items(self, position: int, end: int, depth: int, open_end: bool) -> tuple[list[Dataset], int]:
        if depth >= _DEEPEST:
            raise Reject(f"its sequences are nested more than {_DEEPEST} deep")
        items: list[Dataset] = []
        lengths = _LENGTHS[self.encoding.order]
        while position + 8 <= end:
            tag = self._tag(position)
            (length,) = lengths.unpack_from(self.data, position + 4)
            position += 8
            if tag == _SEQUENCE_END and open_end:
                return items, position
            if tag != _ITEM:
                raise Reject("damaged: a sequence holds something that is no item")
            undefined = length == _UNDEFINED
            if not undefined and position + length > end:
                raise Reject("truncated: an item is longer than what is left")
            stop = end if undefined else position + length
            item, position = self.elements(position, stop, depth + 1, open_end=undefined)
            items.append(item)
        if open_end:
            raise Reject("truncated: a sequence has no end")
        if position != end:
            raise Reject("damaged: a sequence does not end with a whole item")
        return items, position

    def _fragments(self, position: int, end: int) -> int:
        """Where encapsulated pixel data ends."""
        if not self.encapsulated:
            raise Reject("damaged: its pixel data have no length")
        lengths, seen = _LENGTHS[self.encoding.order], position
        while position + 8 <= end:
            tag = self._tag(position)
            (length,) = lengths.unpack_from(self.data, position + 4)
            position += 8
            if position - seen > _STRETCH:
                forget(self.data)
                seen = position
            if tag == _SEQUENCE_END:
                return position
            if tag != _ITEM or length == _UNDEFINED:
                raise Reject("damaged: its pixel data hold something that is no fragment")
            position += length
        raise Reject("truncated: its pixel data have no end")

    def _tag(self, position: int) -> int:
        group, element = _TAGS[self.encoding.order].unpack_from(self.data, position)
        return int(group) << 16 | int(element)


def _in_order(elements: Dataset) -> Dataset:
    """Ascending tags (PS3.5 7.1); files that break the rule exist. One tag twice leaves open which of them counts."""
    previous = -1
    ordered = True
    for element in elements:
        if element.tag <= previous:
            ordered = False
        previous = element.tag
    if not ordered:
        elements.sort(key=lambda element: element.tag)
        for first, second in pairwise(elements):
            if first.tag == second.tag:
                raise Reject(f"damaged: {group_and_element(first.tag)} stands twice in one dataset")
    return elements

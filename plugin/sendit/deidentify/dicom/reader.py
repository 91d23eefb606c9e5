"""Parse a DICOM file without trusting it: every length has to add up (PS3.5 7, PS3.10 7).

A lenient reader returns what it can read of a truncated file, and the result looks complete. This one does not.
Small faults whose meaning is beyond doubt are corrected and noted (`recovery.py`).
Messages never contain a value of the file.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from dataclasses import dataclass

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify.dicom import recovery
from sendit.deidentify.dicom.chunks import Walk, is_blank, pieces
from sendit.deidentify.dicom.dataset import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LONG_VRS,
    PIXEL_DATA,
    SHORT_VRS,
    Dataset,
    Element,
    Encoding,
    Instance,
    TransferSyntax,
    find,
    group_and_element,
)
from sendit.deidentify.dicom.recovery import Recovery, letters_meant
from sendit.deidentify.dicom.text import ascii_text
from sendit.deidentify.dicom.transfer_syntaxes import transfer_syntax
from sendit.errors import Quarantine, Reject

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_TRANSFER_SYNTAX = 0x00020010
_CLASS = 0x00020002
#: Tags below are of messages (PS3.7).
_META = 0x00020000
_IMPLICIT, _EXPLICIT, _BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
_DIRECTORY = b"1.2.840.10008.1.3.10"
#: Deeper nesting than any real object has; the limit keeps a forged file from exhausting the stack.
_DEEPEST = 64

_VRS = {tag: entry[0] for tag, entry in DicomDictionary.items()}

#: By the two bytes in the file.
_SHORT_VRS = {vr.encode("ascii"): vr for vr in SHORT_VRS}
_LONG_VRS = {vr.encode("ascii"): vr for vr in LONG_VRS}
#: By the tag, where that is enough; a value of UN may be a sequence.
_PLAIN_VRS = {tag: vr for tag, vr in _VRS.items() if vr not in ("SQ", "UN") and tag >> 16 != 0xFFFE}
#: Values up to this size are copied; larger ones are views into the file.
_SMALL = 1 << 10
#: Elements of one dataset (a power of two, less one) after which they are counted before it ends.
_MANY = (1 << 16) - 1
#: By byte order: group, element, VR (none in implicit VR), length; group, element; four bytes of length.
_HEADS = {order: struct.Struct(order + "HH2sH") for order in "<>"}
_IMPLICIT_HEADS = {order: struct.Struct(order + "HH0sI") for order in "<>"}
_TAGS = {order: struct.Struct(order + "HH") for order in "<>"}
_LENGTHS = {order: struct.Struct(order + "I") for order in "<>"}

#: Limits of an inflated dataset: this many bytes, or this multiple of its deflated size if that is more, but never more
#: than the last (bytes). Blank images shrink to a hundredth, zeros alone to a thousandth; more is a bomb.
_ALWAYS_INFLATED, _RATIO, _LARGEST_INFLATED = 256 << 20, 100, 2 << 30
#: Bytes that are inflated at a time.
_INFLATED_AT_ONCE = 16 << 20


def read_file(data: memoryview) -> Instance:
    """Read a PS3.10 file, or a file that is only a dataset, as some archives store them.

    A file without the preamble and "DICM" must parse to its last byte in implicit or explicit VR little endian; any
    other transfer syntax would be a guess.

    Raises:
        Reject: it is not DICOM, is truncated, or is of a kind that SendIt cannot parse.
    """
    if len(data) == 0:
        raise Reject("the file is empty")
    if len(data) < 132 or bytes(data[128:132]) != b"DICM":
        return _read_bare(data)
    return _read_from(data, 132)


def _read_from(data: memoryview, position: int) -> Instance:
    """Read what follows the preamble."""
    noted = Recovery(len(data))
    syntax_uid, start, meta = _read_meta(data, position, noted)
    if not syntax_uid:
        return _read_unnamed(data[start:], meta, noted)
    syntax = transfer_syntax(syntax_uid)
    body = data[start:]
    if syntax.deflated:
        body = inflated(body)
    return _read_top(body, syntax, meta, noted)


def _read_top(body: memoryview, syntax: TransferSyntax, meta: Dataset, noted: Recovery) -> Instance:
    """Read the dataset. Elements that are left out are still searched for, like those of the file meta information."""
    elements = _Reader(body, syntax.encoding, syntax.encapsulated, noted).top()
    commands = [element for element in elements if element.tag < _META]
    if commands:
        noted.note(recovery.COMMANDS)
        elements, meta = elements[len(commands) :], [*commands, *meta]
    pixels = find(elements, PIXEL_DATA)
    if pixels is not None and pixels.vr in ("UN", "US", "SS") and (pixels.vr != "UN" or syntax.encoding.little):
        noted.note(recovery.PIXELS_VR)
        pixels.vr = "OW"
    return Instance(syntax, elements, meta, noted.notes)


def _read_unnamed(body: memoryview, meta: Dataset, noted: Recovery) -> Instance:
    """Read a file without TransferSyntaxUID, in the encoding in which its dataset can be parsed to the last byte.

    The transfer syntax of compressed pixel data cannot be determined.
    """
    noted.note(recovery.NO_SYNTAX)
    for uid in _guesses(bytes(body[:6])):
        with contextlib.suppress(Reject):
            return _read_top(body, transfer_syntax(uid), meta, noted)
    raise Reject("its file meta information has no TransferSyntaxUID, and its dataset does not reveal the encoding")


def _guesses(head: bytes) -> tuple[str, ...]:
    """Return likely encodings by the first element, which in files is of group 0008 (or 0000, of a DICOM message)."""
    group, letters = head[:2], head[4:]
    has_vr = letters in _SHORT_VRS or letters in _LONG_VRS
    if group == b"\0\x08":
        return (_BIG,) if has_vr else ()
    if group not in (b"\x08\0", b"\0\0"):
        return ()
    return (_EXPLICIT,) if has_vr else (_IMPLICIT,)


def _read_bare(data: memoryview) -> Instance:
    head = bytes(data[:6])
    if head[:2] == b"\2\0" and head[4:] in (b"UL", b"OB", b"UI"):
        return _read_from(data, 0)
    if head[:2] != b"\x08\0":
        raise Reject("not DICOM: the preamble is not followed by DICM")
    explicit = head[4:].decode("latin-1") in SHORT_VRS | LONG_VRS
    syntax, noted = transfer_syntax(_EXPLICIT if explicit else _IMPLICIT), Recovery(len(data))
    try:
        elements, end = _Reader(data, syntax.encoding, encapsulated=False, noted=noted).elements(0, len(data), depth=0)
    except Reject as refusal:
        raise Reject(f"not DICOM, or damaged: no DICM prefix, and read as a bare dataset it is {refusal}") from None
    if end != len(data):
        raise Reject("not DICOM, or truncated: no DICM prefix, and not a complete dataset")
    return Instance(syntax, elements, repairs=noted.notes)


def _read_meta(data: memoryview, position: int, noted: Recovery) -> tuple[str, int, Dataset]:
    """Return the transfer syntax, the position of the dataset, and the elements of the file meta information.

    The group length is ignored: it is often wrong.
    """
    head = bytes(data[position : position + 6])
    encoding = EXPLICIT_LITTLE
    if head[:2] == b"\2\0" and not head[4:].isalpha():
        noted.note(recovery.IMPLICIT_META)
        encoding = IMPLICIT_LITTLE
    reader = _Reader(data, encoding, encapsulated=False, noted=noted)
    uid = ""
    meta: Dataset = []
    while position + 8 <= len(data) and bytes(data[position : position + 2]) == b"\x02\x00":
        element, position = reader.element(position, len(data), depth=0)
        meta.append(element)
        if element.tag == _TRANSFER_SYNTAX:
            uid = ascii_text(element.value)
        elif element.tag == _CLASS and bytes(element.value).rstrip(b"\0 ") == _DIRECTORY:
            raise Reject("a DICOMDIR: it lists other files and has no image")
    return uid, position, meta


def items_of(value: bytes | memoryview, encoding: Encoding) -> list[Dataset] | None:
    """Return the items of a private sequence that came as UN; None if the value is none, whole.

    Args:
        value: the bytes of the sequence.
        encoding: of the dataset that it stands in.
    """
    data = memoryview(value)
    if not encoding.little or len(data) < 8:  # shorter ones hold no item
        return [] if encoding.little and not data else None
    noted = Recovery(len(data))
    try:
        reader = _Reader(data, encoding, encapsulated=False, noted=noted)
        return reader._items_in_un(0, len(data), depth=1, open_end=False)[0]  # noqa: SLF001
    except Reject:
        return None


@dataclass(slots=True)
class _Reader:
    """Reads elements of one buffer in one encoding. Positions count from the beginning of the buffer."""

    data: memoryview
    encoding: Encoding
    encapsulated: bool
    noted: Recovery

    def top(self) -> Dataset:
        """Read the whole buffer as the dataset of a file."""
        elements, position = self.elements(0, len(self.data), depth=0)
        # Some writers fill the last block of the file with zeros.
        if not is_blank(self.data[position:]):
            raise Reject("truncated or damaged: it does not end with a complete element")
        return elements

    def elements(self, position: int, end: int, depth: int, *, open_end: bool = False) -> tuple[Dataset, int]:
        """Read elements up to `end` or, in an item of undefined length, up to its delimiter."""
        dataset: Dataset = []
        data, explicit = self.data, self.encoding.explicit
        head = (_HEADS if explicit else _IMPLICIT_HEADS)[self.encoding.order].unpack_from
        while position + 8 <= end:
            group, number, letters, length = head(data, position)
            tag = group << 16 | number
            if open_end and tag == _ITEM_END:
                return self._in_order(dataset), position + 8
            if tag == 0 and depth == 0 and not length and not letters.strip(b"\0"):
                break
            if group == 0xFFFE and self._is_stray(tag, position):
                position += 8
                continue
            vr = _SHORT_VRS.get(letters) if explicit else _PLAIN_VRS.get(tag) if length <= _SMALL else None
            if vr is None or group == 0xFFFE:
                element, position = self.element(position, end, depth)
                dataset.append(element)
                continue
            start = position + 8
            position = start + length
            if position > end:
                raise Reject(f"truncated: {group_and_element(tag)} is longer than the rest of the file")
            dataset.append(Element(tag, vr, bytes(data[start:position])))
            if not len(dataset) & _MANY:
                self.noted.count(_MANY)
        if open_end:
            raise Reject("truncated: an item has no end")
        if depth and position != end:
            raise Reject("truncated or damaged: an item does not end with a complete element")
        return self._in_order(dataset), position

    def _is_stray(self, tag: int, position: int) -> bool:
        """Return whether a delimiter has nothing to close: it holds nothing and is left out."""
        if tag not in (_ITEM_END, _SEQUENCE_END) or any(self.data[position + 4 : position + 8]):
            return False
        self.noted.note(recovery.DELIMITERS)
        return True

    def element(self, position: int, end: int, depth: int) -> tuple[Element, int]:
        """Read the element that begins at `position`; return it with the position of its end."""
        tag = self._tag(position)
        vr, length, start = self._head(tag, position, end)
        if tag >> 16 == 0xFFFE:
            raise Reject("damaged: an item or its delimiter instead of an element")
        if length == _UNDEFINED:
            return self._open(tag, vr, start, end, depth)
        stop = start + length
        if stop > end:
            raise Reject(f"truncated: {group_and_element(tag)} is longer than the rest of the file")
        if vr == "SQ":
            items, stop = self._items(start, stop, depth, open_end=False)
            return Element(tag, vr, items=items), stop
        if vr == "UN" and _VRS.get(tag) == "SQ" and self.encoding.little:
            return Element(tag, "SQ", items=self._items_in_un(start, stop, depth, open_end=False)[0]), stop
        value = self.data[start:stop]
        return Element(tag, vr, bytes(value) if length <= _SMALL else value), stop

    def _head(self, tag: int, position: int, end: int) -> tuple[str, int, int]:
        """Return the VR, the length and the position of the value."""
        lengths, data = _LENGTHS[self.encoding.order], self.data
        if not self.encoding.explicit or tag >> 16 == 0xFFFE:
            return _VRS.get(tag, "UN"), lengths.unpack_from(data, position + 4)[0], position + 8
        letters = bytes(data[position + 4 : position + 6])
        if letters in _SHORT_VRS:
            return _SHORT_VRS[letters], _HEADS[self.encoding.order].unpack_from(data, position)[3], position + 8
        if letters not in _LONG_VRS and not (letters.isalpha() and letters.isupper()):
            return self._head_without_vr(tag, position, end)
        # A VR of a later edition has a long length field (PS3.5 7.1.2); its value cannot be interpreted.
        if position + 12 > end:
            raise Reject("truncated: the last element has no length")
        return _LONG_VRS.get(letters, "UN"), lengths.unpack_from(data, position + 8)[0], position + 12

    def _head_without_vr(self, tag: int, position: int, end: int) -> tuple[str, int, int]:
        """Return the same where the letters are no VR: the dictionary's VR, and a length of two bytes as in DCMTK.

        A VR in lower case has the same length field as in upper case. An element or the end must follow.
        """
        letters = bytes(self.data[position + 4 : position + 6])
        meant = letters_meant(letters)
        if meant in LONG_VRS and meant not in ("SQ", "UN") and position + 12 <= end:
            (length,) = _LENGTHS[self.encoding.order].unpack_from(self.data, position + 8)
            start = position + 12
        else:
            length, start = _HEADS[self.encoding.order].unpack_from(self.data, position)[3], position + 8
        vr = meant or _VRS.get(tag, "UN")
        if vr == "SQ" or not self._goes_on(tag, start + length, end):
            raise Reject(f"damaged: {group_and_element(tag)} has no value representation")
        self.noted.note(recovery.SMALL_VR if meant else recovery.NO_VR)
        return vr, length, start

    def _goes_on(self, tag: int, position: int, end: int) -> bool:
        """Return whether an element with a greater tag, a delimiter or the end follows there."""
        return position == end or (position + 8 <= end and self._tag(position) > tag)

    def _open(self, tag: int, vr: str, start: int, end: int, depth: int) -> tuple[Element, int]:
        """Read an element of undefined length: encapsulated pixel data, or a sequence."""
        if tag == PIXEL_DATA and vr != "SQ":
            if depth and not self.encapsulated:
                self.noted.note(recovery.ICON)
            stop = self._fragments(start, end, allowed=self.encapsulated or depth > 0)
            value, length = self.data[start:stop], self.data[stop - 4 : stop]
            if any(length):  # the delimiter's, which is 0
                self.noted.note(recovery.END_LENGTH)
                value = memoryview(bytes(value[:-4]) + b"\0\0\0\0")
            return Element(tag, "OB", value, encapsulated=True), stop
        if vr == "SQ":
            items, stop = self._items(start, end, depth, open_end=True)
        elif vr == "UN":  # PS3.5 6.2.2: a sequence, in implicit VR little endian
            items, stop = self._items_in_un(start, end, depth, open_end=True)
            if not self.encoding.little:  # its numbers would have to be swapped: not read as such
                return Element(tag, "UN"), stop
        else:
            raise Reject(f"damaged: {group_and_element(tag)} has no length")
        return Element(tag, "SQ", items=items), stop

    def _items_in_un(self, start: int, end: int, depth: int, *, open_end: bool) -> tuple[list[Dataset], int]:
        """Read the items of a sequence that came as UN: implicit VR (PS3.5 6.2.2), though some write explicit VR."""
        try:
            implicit = _Reader(self.data, IMPLICIT_LITTLE, self.encapsulated, self.noted)
            return implicit._items(start, end, depth, open_end=open_end)
        except Reject as refusal:
            if not (self.encoding.explicit and self.encoding.little and _begins_explicit(self.data, start)):
                raise
            try:
                items = self._items(start, end, depth, open_end=open_end)
            except Reject:
                raise refusal from None
        self.noted.note(recovery.EXPLICIT_UN)
        return items

    def _items(self, position: int, end: int, depth: int, *, open_end: bool) -> tuple[list[Dataset], int]:
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
            if self._is_stray(tag, position - 8):
                continue
            if tag != _ITEM:
                raise Reject("damaged: a sequence contains something other than items")
            undefined = length == _UNDEFINED
            if not undefined and position + length > end:
                raise Reject("truncated: an item is longer than the rest of the file")
            stop = end if undefined else position + length
            item, position = self.elements(position, stop, depth + 1, open_end=undefined)
            items.append(item)
            self.noted.count(1)
        if open_end:
            raise Reject("truncated: a sequence has no end")
        if position != end:
            raise Reject("damaged: a sequence does not end with a complete item")
        return items, position

    def _fragments(self, position: int, end: int, *, allowed: bool) -> int:
        """Return where encapsulated pixel data ends."""
        if not allowed:
            raise Reject("damaged: its pixel data have no length")
        lengths, walk = _LENGTHS[self.encoding.order], Walk(self.data, position)
        while position + 8 <= end:
            tag = self._tag(position)
            (length,) = lengths.unpack_from(self.data, position + 4)
            position += 8
            walk.at(position)
            if tag == _SEQUENCE_END:
                return position
            if tag != _ITEM or length == _UNDEFINED:
                raise Reject("damaged: its pixel data contain something other than fragments")
            position += length
        raise Reject("truncated: its pixel data have no end")

    def _tag(self, position: int) -> int:
        group, element = _TAGS[self.encoding.order].unpack_from(self.data, position)
        return int(group) << 16 | int(element)

    def _in_order(self, elements: Dataset) -> Dataset:
        """Return the elements by ascending tags (PS3.5 7.1), without repetitions of the same value.

        A tag that stands twice with different values leaves open which of them counts.
        """
        self.noted.count(len(elements))
        previous = -1
        ordered = True
        for element in elements:
            if element.tag <= previous:
                ordered = False
            previous = element.tag
        if ordered:
            return elements
        elements.sort(key=lambda element: element.tag)
        single = elements[:1]
        for element in elements[1:]:
            if element.tag != single[-1].tag:
                single.append(element)
            elif element == single[-1]:
                self.noted.note(recovery.TWICE)
            else:
                raise Reject(f"damaged: {group_and_element(element.tag)} occurs twice in one dataset")
        return single


def _begins_explicit(data: memoryview, start: int) -> bool:
    """Return whether the first element of the first item has a VR."""
    letters = bytes(data[start + 12 : start + 14])
    return letters in _SHORT_VRS or letters in _LONG_VRS


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
                content += inflater.decompress(rest, _INFLATED_AT_ONCE)
                rest = inflater.unconsumed_tail
                if len(content) > largest:
                    raise Quarantine("its deflated dataset is too large, or out of proportion to its size")
    except zlib.error:
        raise Reject("truncated or damaged: its deflated dataset cannot be decompressed") from None
    content += inflater.flush()
    if not inflater.eof:
        raise Reject("truncated: its deflated dataset has no end")
    return memoryview(content).toreadonly()

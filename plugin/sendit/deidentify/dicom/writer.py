"""Write a PS3.10 file: a zero preamble, SendIt's own file meta information, and large values without copies."""

from __future__ import annotations

import struct
import zlib

from sendit.deidentify.dicom.chunks import pieces
from sendit.deidentify.dicom.dataset import (
    EXPLICIT_LITTLE,
    LONG_VRS,
    PIXEL_DATA,
    SHORT_VRS,
    Dataset,
    Element,
    Encoding,
    Instance,
    TransferSyntax,
)
from sendit.errors import Reject

#: SendIt's own (2.25 and a random UUID, PS3.5 B.2). It identifies the implementation, not the site.
IMPLEMENTATION_CLASS_UID = "2.25.280032317910430772795082263026934656337"
IMPLEMENTATION_VERSION_NAME = "SENDIT_1"

_UNDEFINED = 0xFFFFFFFF
#: Values of at least this size are passed through; smaller ones are joined in one buffer.
_LARGE = 1 << 16
_ITEM = (0xFFFE, 0xE000)
#: By byte order: group, element, VR, two bytes of length.
_SHORT = {order: struct.Struct(order + "HH2sH") for order in "<>"}
_IMPLICIT = {order: struct.Struct(order + "HHI") for order in "<>"}
_SHORT_VRS = {vr: vr.encode("ascii") for vr in SHORT_VRS}
#: Values of at least this length do not fit a length field of two bytes.
_LONGEST_SHORT = 0xFFFD

Chunks = list[bytes | memoryview]


def write_file(instance: Instance, sop_class_uid: str, sop_instance_uid: str) -> Chunks:
    """Return the bytes of the file, in pieces.

    Raises:
        Reject: a sequence became longer than DICOM can encode (4 GiB).
    """
    chunks: Chunks = [b"\0" * 128 + b"DICM" + _meta(instance.syntax, sop_class_uid, sop_instance_uid)]
    body: Chunks = []
    _write(instance.elements, instance.syntax.encoding, body)
    chunks.extend(_deflate(body) if instance.syntax.deflated else body)
    return _gathered(chunks)


def _meta(syntax: TransferSyntax, sop_class_uid: str, sop_instance_uid: str) -> bytes:
    """Return the file meta information: PS3.10 Table 7.1-1, and only what it requires."""
    elements = [
        Element(0x00020001, "OB", b"\0\1"),
        Element(0x00020002, "UI", sop_class_uid.encode("ascii")),
        Element(0x00020003, "UI", sop_instance_uid.encode("ascii")),
        Element(0x00020010, "UI", syntax.uid.encode("ascii")),
        Element(0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode("ascii")),
        Element(0x00020013, "SH", IMPLEMENTATION_VERSION_NAME.encode("ascii")),
    ]
    body: Chunks = []
    length = _write(elements, EXPLICIT_LITTLE, body)
    return struct.pack("<HH2sHI", 2, 0, b"UL", 4, length) + b"".join(body)


def _write(elements: Dataset, encoding: Encoding, out: Chunks) -> int:
    """Append the elements to `out`; return their length in bytes."""
    total = 0
    explicit, short, implicit = encoding.explicit, _SHORT[encoding.order].pack, _IMPLICIT[encoding.order].pack
    for element in elements:
        tag = element.tag
        letters = _SHORT_VRS.get(element.vr)
        if letters is not None and (length := len(element.value)) <= _LONGEST_SHORT:  # nearly all elements
            value: bytes | memoryview = element.value
            if length & 1:
                length += 1
                value = bytes(value) + (b"\0" if letters == b"UI" else b" ")
            group, number = tag >> 16, tag & 0xFFFF
            head = short(group, number, letters, length) if explicit else implicit(group, number, length)
            out.append(head)
            out.append(value)
            total += 8 + length
            continue
        if element.items is not None:
            values: Chunks = []
            length = _write_items(element.items, encoding, values)
        else:
            values, length = _value(element)
        head = _head(element, _UNDEFINED if element.encapsulated else length, encoding)
        out.append(head)
        out.extend(values)
        total += len(head) + length
    return total


def _write_items(items: list[Dataset], encoding: Encoding, out: Chunks) -> int:
    total = 0
    for item in items:
        value: Chunks = []
        length = _write(item, encoding, value)
        out.append(struct.pack(encoding.order + "HHI", *_ITEM, _checked(length)))
        out.extend(value)
        total += 8 + length
    return total


def _value(element: Element) -> tuple[Chunks, int]:
    """Return a value padded to even length (PS3.5 7.1.1). Pixel data stay as they are, whatever their length."""
    length = len(element.value)
    if length % 2 == 0 or element.tag == PIXEL_DATA:
        return [element.value], length
    filler = b"\0" if element.vr in ("UI", "OB", "UN") else b" "
    return [element.value, filler], length + 1


def _head(element: Element, length: int, encoding: Encoding) -> bytes:
    group, number = element.tag >> 16, element.tag & 0xFFFF
    if length != _UNDEFINED or not element.encapsulated:
        _checked(length)
    if not encoding.explicit:
        return struct.pack(encoding.order + "HHI", group, number, length)
    if element.vr in LONG_VRS:
        return struct.pack(encoding.order + "HH2sHI", group, number, element.vr.encode("ascii"), 0, length)
    if length > 0xFFFE:  # only a value read as UN can be so long (PS3.5 6.2.2)
        return struct.pack(encoding.order + "HH2sHI", group, number, b"UN", 0, length)
    return struct.pack(encoding.order + "HH2sH", group, number, element.vr.encode("ascii"), length)


def _checked(length: int) -> int:
    if length >= _UNDEFINED:
        raise Reject("a sequence is longer than DICOM can encode")
    return length


def _deflate(body: Chunks) -> Chunks:
    """Return raw deflate (PS3.5 A.5), of even length."""
    deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = [deflater.compress(piece) for piece in pieces(body)]
    packed.append(deflater.flush())
    if sum(map(len, packed)) % 2:
        packed.append(b"\0")
    return [*packed]


def _gathered(chunks: Chunks) -> Chunks:
    """Join runs of small buffers."""
    if max(map(len, chunks)) < _LARGE:
        return [b"".join(chunks)]
    gathered: Chunks = []
    small: Chunks = []
    for chunk in chunks:
        if len(chunk) < _LARGE:
            small.append(chunk)
            continue
        if small:
            gathered.append(b"".join(small))
            small = []
        gathered.append(chunk)
    if small:
        gathered.append(b"".join(small))
    return gathered

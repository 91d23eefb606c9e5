"""Files with small faults of structure, as machines and archives write them. Each stands for a kind."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAME, PATIENT_ID = b"Quixworth^Zebulon", b"MRN7741905"
EXPLICIT, IMPLICIT, BIG = b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.2"
DEFLATED, JPEG_2000 = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.4.90"
_LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT", b"OX")
_PIXELS = struct.pack("<64H", *range(0, 6400, 100))
UNDEFINED = 0xFFFFFFFF
ITEM_END, SEQUENCE_END = b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"


@dataclass(frozen=True)
class Writing:
    """How elements are written down."""

    explicit: bool = True
    order: str = "<"

    def element(self, tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
        """One element; `length` says something else than is true."""
        size = len(value) if length is None else length
        head = struct.pack(self.order + "HH", tag >> 16, tag & 0xFFFF)
        if not self.explicit:
            return head + struct.pack(self.order + "I", size) + value
        if vr in _LONG:
            return head + vr + b"\0\0" + struct.pack(self.order + "I", size) + value
        return head + vr + struct.pack(self.order + "H", size) + value

    def number(self, value: int) -> bytes:
        """The value of a US."""
        return struct.pack(self.order + "H", value)

    def item(self, value: bytes, length: int | None = None) -> bytes:
        """An item of a sequence."""
        size = len(value) if length is None else length
        return struct.pack(self.order + "HHI", 0xFFFE, 0xE000, size) + value


PLAIN = Writing()


def even(value: bytes, filler: bytes = b" ") -> bytes:
    """Padded."""
    return value + filler * (len(value) % 2)


def icon(writing: Writing = PLAIN, pixels: bytes | None = None) -> bytes:
    """The content of an IconImageSequence's item."""
    e = writing.element
    us = writing.number
    return (
        e(0x00280002, b"US", us(1)) + e(0x00280004, b"CS", b"MONOCHROME2 ") + e(0x00280010, b"US", us(2))
        + e(0x00280011, b"US", us(2)) + e(0x00280100, b"US", us(8)) + e(0x00280101, b"US", us(8))
        + e(0x00280102, b"US", us(7)) + e(0x00280103, b"US", us(0))
        + (e(0x7FE00010, b"OB", b"\1\2\3\4") if pixels is None else pixels)
    )  # fmt: skip


def elements(writing: Writing = PLAIN, **changed: bytes) -> dict[str, bytes]:
    """The elements of a small CT image, by their names, in their order; some written otherwise, or added."""
    e, order = writing.element, writing.order
    us = writing.number
    pixels = _PIXELS if order == "<" else b"".join(_PIXELS[at : at + 2][::-1] for at in range(0, 128, 2))
    made = {
        "ImageType": e(0x00080008, b"CS", b"ORIGINAL\\PRIMARY\\AXIAL "),
        "SOPClassUID": e(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.2\0"),
        "SOPInstanceUID": e(0x00080018, b"UI", b"1.2.3.4.55"),
        "StudyDate": e(0x00080020, b"DA", b"20240115"),
        "Modality": e(0x00080060, b"CS", b"CT"),
        "StudyDescription": e(0x00081030, b"LO", b"CT HEAD "),
        "PatientName": e(0x00100010, b"PN", even(NAME)),
        "PatientID": e(0x00100020, b"LO", even(PATIENT_ID)),
        "KVP": e(0x00180060, b"DS", b"120 "),
        "StudyInstanceUID": e(0x0020000D, b"UI", b"1.2.3.4\0"),
        "SeriesInstanceUID": e(0x0020000E, b"UI", b"1.2.3.4.5\0"),
        "ImagePositionPatient": e(0x00200032, b"DS", b"0\\0\\0 "),
        "SamplesPerPixel": e(0x00280002, b"US", us(1)),
        "PhotometricInterpretation": e(0x00280004, b"CS", b"MONOCHROME2 "),
        "Rows": e(0x00280010, b"US", us(8)),
        "Columns": e(0x00280011, b"US", us(8)),
        "BitsAllocated": e(0x00280100, b"US", us(16)),
        "BitsStored": e(0x00280101, b"US", us(16)),
        "HighBit": e(0x00280102, b"US", us(15)),
        "PixelRepresentation": e(0x00280103, b"US", us(0)),
        "PixelData": e(0x7FE00010, b"OW", pixels),
    }
    return made | changed


def body(writing: Writing = PLAIN, **changed: bytes) -> bytes:
    """They, in the order of their tags."""
    found = list(elements(writing, **changed).values())

    def tag(element: bytes) -> tuple[int, ...]:
        return struct.unpack(f"{writing.order}HH", element[:4])

    ordered: list[bytes] = sorted(found, key=tag)
    return b"".join(ordered)


def meta(syntax: bytes = EXPLICIT, writing: Writing = PLAIN, *more: bytes) -> bytes:
    """The file meta information."""
    e = writing.element
    inner = (
        e(0x00020001, b"OB", b"\0\1") + e(0x00020002, b"UI", b"1.2.840.10008.5.1.4.1.1.2\0")
        + e(0x00020003, b"UI", b"1.2.3.4.55")
        + (e(0x00020010, b"UI", even(syntax, b"\0")) if syntax else b"") + e(0x00020012, b"UI", b"1.2.3.9\0")
        + b"".join(more)
    )  # fmt: skip
    return e(0x00020000, b"UL", struct.pack("<I", len(inner))) + inner


def whole(dataset: bytes, head: bytes | None = None) -> bytes:
    """A file."""
    return b"\0" * 128 + b"DICM" + (meta() if head is None else head) + dataset


def sequence(content: bytes, writing: Writing = PLAIN, length: int | None = None, tag: int = 0x00081140) -> bytes:
    """ReferencedImageSequence with these bytes in it, or another one."""
    return writing.element(tag, b"SQ", content, length)


def reference(writing: Writing = PLAIN) -> bytes:
    """The content of an item of it."""
    e = writing.element
    return e(0x00081150, b"UI", b"1.2.840.10008.5.1.4.1.1.2\0") + e(0x00081155, b"UI", b"1.2.3.4.56")


def _vr(vr: bytes) -> bytes:
    return whole(body().replace(b"\x08\0\x30\x10LO", b"\x08\0\x30\x10" + vr))


def _all_vrs(vr: bytes) -> bytes:
    """Of all elements with two bytes of length."""
    made = body()
    for found in elements().values():
        if found[4:6] not in _LONG:
            made = made.replace(found, found[:4] + (found[4:6].lower() if vr == b"lower" else vr) + found[6:])
    return whole(made)


def _pixels_as(vr: bytes) -> bytes:
    return whole(body(PixelData=PLAIN.element(0x7FE00010, vr, _PIXELS)))


def _icon(vr: bytes = b"OB", length: int | None = None) -> bytes:
    fragments = PLAIN.item(b"") + PLAIN.item(b"\xff\xd8\xff\xd9") + SEQUENCE_END
    return sequence(
        PLAIN.item(icon(pixels=PLAIN.element(0x7FE00010, vr, fragments, UNDEFINED)) + ITEM_END, UNDEFINED)
        + SEQUENCE_END,
        length=UNDEFINED if length is None else length,
        tag=0x00880200,
    )


def _known_in_un() -> bytes:
    """A sequence of the standard as UN whose items are in explicit VR, against PS3.5 6.2.2."""
    return PLAIN.element(0x00081140, b"UN", PLAIN.item(reference()))


_implicit, _big = Writing(explicit=False), Writing(order=">")
_REFERENCES = PLAIN.item(reference())
_OPEN = PLAIN.item(reference() + ITEM_END, UNDEFINED)


def _native(syntax: bytes, writing: Writing) -> bytes:
    return whole(body(writing), meta(syntax))


#: Stray delimiters.
_DELIMITERS: Mapping[str, Callable[[], bytes]] = {
    "item delimiter at the end": lambda: whole(body() + ITEM_END),
    "sequence delimiter at the end": lambda: whole(body() + SEQUENCE_END),
    "several delimiters at the end": lambda: whole(body() + ITEM_END + SEQUENCE_END + ITEM_END),
    "item delimiter between elements": lambda: whole(body(KVP=elements()["KVP"] + ITEM_END)),
    "sequence delimiter between elements": lambda: whole(body(KVP=elements()["KVP"] + SEQUENCE_END)),
    "sequence delimiter behind a sequence of known length": lambda: whole(
        body(Seq=sequence(_REFERENCES) + SEQUENCE_END)
    ),
    "sequence delimiter within a sequence of known length": lambda: whole(
        body(Seq=sequence(_REFERENCES + SEQUENCE_END))
    ),
    "item delimiter within a sequence of known length": lambda: whole(body(Seq=sequence(_REFERENCES + ITEM_END))),
    "item delimiter behind an item of known length": lambda: whole(
        body(Seq=sequence(_REFERENCES + ITEM_END + SEQUENCE_END, length=UNDEFINED))
    ),
    "item delimiter within an item of known length": lambda: whole(
        body(Seq=sequence(PLAIN.item(reference() + ITEM_END)))
    ),
    "sequence delimiter twice": lambda: whole(
        body(Seq=sequence(_OPEN + SEQUENCE_END, length=UNDEFINED) + SEQUENCE_END)
    ),
    "item delimiter twice": lambda: whole(
        body(Seq=sequence(PLAIN.item(reference() + ITEM_END, UNDEFINED) + ITEM_END + SEQUENCE_END, length=UNDEFINED))
    ),
    "sequence delimiter within a private sequence": lambda: whole(
        body(
            Creator=PLAIN.element(0x00090010, b"LO", b"ACME"),
            Seq=sequence(_REFERENCES + SEQUENCE_END, tag=0x00091001),
        )
    ),
    "stray delimiters, implicit": lambda: whole(
        body(_implicit, Seq=sequence(_implicit.item(reference(_implicit)) + SEQUENCE_END, _implicit)) + ITEM_END,
        meta(IMPLICIT),
    ),
    "delimiters with a length": lambda: whole(
        body(
            Seq=sequence(
                PLAIN.item(reference() + ITEM_END[:4] + b"\4\0\0\0", UNDEFINED) + SEQUENCE_END, length=UNDEFINED
            )
        )
    ),
    "an empty sequence with a delimiter": lambda: whole(body(Seq=sequence(b"") + SEQUENCE_END)),
}

#: VRs that are none.
_VRS: Mapping[str, Callable[[], bytes]] = {
    "VR --": lambda: _vr(b"--"),
    "VR ??": lambda: _vr(b"??"),
    "VR lo": lambda: _vr(b"lo"),
    "VR Lo": lambda: _vr(b"Lo"),
    "VR zeros": lambda: _vr(b"\0\0"),
    "VR spaces": lambda: _vr(b"  "),
    "VR 1@": lambda: _vr(b"1@"),
    "VR --, all": lambda: _all_vrs(b"--"),
    "VR lower case, all": lambda: _all_vrs(b"lower"),
    "VR XX": lambda: _vr(b"XX"),
    "VR OX, pixel data": lambda: _pixels_as(b"OX"),
    "VR sq": lambda: whole(body(Seq=b"\x08\0\x40\x11sq\0\0" + sequence(_REFERENCES)[8:])),
    "VR ow, pixel data": lambda: whole(body(PixelData=b"\xe0\x7f\x10\0ow\0\0" + struct.pack("<I", 128) + _PIXELS)),
    "VR UN, pixel data": lambda: _pixels_as(b"UN"),
    "VR US, pixel data": lambda: _pixels_as(b"US"),
    "VR LT for a name": lambda: whole(body(PatientName=PLAIN.element(0x00100010, b"LT", even(NAME)))),
    "a sequence as UN in explicit VR": lambda: whole(body(Seq=_known_in_un())),
}

#: Icons.
_ICONS: Mapping[str, Callable[[], bytes]] = {
    "a JPEG icon in a native file": lambda: whole(body(Icon=_icon())),
    "a JPEG icon as OW": lambda: whole(body(Icon=_icon(b"OW"))),
    "a native icon": lambda: whole(body(Icon=sequence(PLAIN.item(icon()), tag=0x00880200))),
}

#: The file meta information.
_METAS: Mapping[str, Callable[[], bytes]] = {
    "no TransferSyntaxUID, explicit": lambda: whole(body(), meta(b"")),
    "no TransferSyntaxUID, implicit": lambda: whole(body(_implicit), meta(b"")),
    "no TransferSyntaxUID, big endian": lambda: whole(body(_big), meta(b"")),
    "an empty TransferSyntaxUID": lambda: whole(
        body(), meta(b"", PLAIN).replace(b"\2\0\x12\0UI", b"\2\0\x10\0UI\0\0\2\0\x12\0UI")
    ),
    "TransferSyntaxUID padded with a space": lambda: whole(body(), meta(EXPLICIT + b" ")),
    "TransferSyntaxUID behind a space": lambda: whole(body(), meta(b" " + EXPLICIT)),
    "TransferSyntaxUID with two zeros": lambda: whole(body(), meta(EXPLICIT + b"\0\0\0")),
    "implicit meta, explicit dataset": lambda: whole(body(), meta(EXPLICIT, _implicit)),
    "implicit meta, implicit dataset": lambda: whole(body(_implicit), meta(IMPLICIT, _implicit)),
    "no meta, explicit": lambda: whole(body(), b""),
    "no meta, implicit": lambda: whole(body(_implicit), b""),
    "explicit, says implicit": lambda: _native(IMPLICIT, PLAIN),
    "implicit, says explicit": lambda: _native(EXPLICIT, _implicit),
    "big endian, says explicit": lambda: _native(EXPLICIT, _big),
    "explicit, says big endian": lambda: _native(BIG, PLAIN),
    "implicit, says JPEG 2000": lambda: whole(
        body(
            _implicit,
            PixelData=_implicit.element(
                0x7FE00010, b"OB", PLAIN.item(b"") + PLAIN.item(b"\xff\x4f\xff\x51" * 8) + SEQUENCE_END, UNDEFINED
            ),
        ),
        meta(JPEG_2000),
    ),
    "a wrong group length": lambda: whole(body(), meta()[:8] + struct.pack("<I", 9999) + meta()[12:]),
    "no group length": lambda: whole(body(), meta()[12:]),
    "meta in another order": lambda: whole(body(), _turned(meta())),
    "DICM at the beginning": lambda: whole(body())[128:],
    "no preamble": lambda: whole(body())[132:],
    "deflated with the head of zlib": lambda: whole(zlib.compress(body()), meta(DEFLATED)),
    "not deflated, says deflated": lambda: whole(body(), meta(DEFLATED)),
}

#: What stands behind, and lengths.
_ENDS: Mapping[str, Callable[[], bytes]] = {
    "zeros at the end": lambda: whole(body() + b"\0" * 300),
    "one zero at the end": lambda: whole(body() + b"\0"),
    "a line's end at the end": lambda: whole(body() + b"\r\n"),
    "spaces at the end": lambda: whole(body() + b" " * 100),
    "0xFF at the end": lambda: whole(body() + b"\xff" * 100),
    "a number without a filler": lambda: whole(body(KVP=PLAIN.element(0x00180060, b"DS", b"120"))),
    "the same element twice": lambda: whole(body(Again=elements()["KVP"])),
    "an element twice, differing": lambda: whole(body(Again=PLAIN.element(0x00180060, b"DS", b"80"))),
    "elements in another order": lambda: whole(
        b"".join(reversed([*elements().values()][:-1])) + elements()["PixelData"]
    ),
    "commands at the beginning": lambda: whole(
        PLAIN.element(0, b"UL", struct.pack("<I", 10)) + PLAIN.element(0x00000100, b"US", b"\1\0") + body()
    ),
    "group lengths": lambda: whole(body(Length=PLAIN.element(0x00080000, b"UL", struct.pack("<I", 7)))),
    "a sequence without its end": lambda: whole(body() + sequence(_OPEN, length=UNDEFINED, tag=0x7FE10010)),
    "pixel data without their last byte": lambda: whole(body())[:-1],
    "an empty sequence of undefined length": lambda: whole(body(Seq=sequence(SEQUENCE_END, length=UNDEFINED))),
}  # fmt: skip

ODD: Mapping[str, Callable[[], bytes]] = {**_DELIMITERS, **_VRS, **_ICONS, **_METAS, **_ENDS}


def _turned(head: bytes) -> bytes:
    """The last element of the meta information before the transfer syntax."""
    at = head.index(b"\2\0\x12\0UI")
    return head[:12] + head[at:] + head[12:at]

"""Colour profiles lose their texts and keep their numbers."""

from __future__ import annotations

import struct

from PIL import ImageCms

from sendit.deidentify.retained.icc import without_texts


def _profile(*tags: tuple[bytes, bytes]) -> bytes:
    start = 132 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags:
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    head = struct.pack(">I", start + len(body)) + b"lcms" + bytes(28) + b"acsp" + bytes(8) + b"OWNR" + bytes(76)
    return head + table + body


def test_texts_go_and_numbers_stay() -> None:
    """Of text, and of any type that is not known to be numbers, nothing is left; a curve stays byte for byte."""
    curve = b"curv" + bytes(4) + struct.pack(">I", 2) + b"\1\2\3\4"
    source = _profile((b"cprt", b"text" + bytes(4) + b"Qubacado"), (b"rTRC", curve), (b"priv", b"zzzz" + b"Qubacade"))
    cleaned = without_texts(source)
    assert len(cleaned) == len(source)
    assert b"Quba" not in cleaned
    assert b"OWNR" not in cleaned
    assert curve in cleaned


def test_a_real_profile_stays_one() -> None:
    """What Pillow makes is still read by it, and colours are the same numbers."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    cleaned = without_texts(made)
    assert len(cleaned) == len(made)
    assert without_texts(cleaned) == cleaned


def test_what_is_no_profile_goes() -> None:
    """Bytes that only stand in its place, a table that leads outside, and a cut profile."""
    source = _profile((b"cprt", b"text" + bytes(4) + b"Qubacado"))
    assert without_texts(b"Qubacado" * 40) == b""
    assert without_texts(source[:-4]) == b""
    assert without_texts(source[:100]) == b""

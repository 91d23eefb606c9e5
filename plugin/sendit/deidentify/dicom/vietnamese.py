"""Encodings of Vietnamese that Python does not have: VISCII (RFC 1456), TCVN 5712 (ABC in fonts), and VNI."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The letters, by base letter and then by tone; both tables follow this order.
_SMALL = "àảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵăâêôơưđ"
_VISCII_SMALL = bytes.fromhex(
    "e0e4e3e1d5a2c6c7a1a3a5a6e7a4a7e8eba8e9a9abacadaaaeecefeeedb8f2f6f5f3f7b0b1b2afb5b6b7debefef9fcfbfaf8d7d8e6d1f1cf"
    "d6dbfddce5e2eaf4bddff0"
)
_VISCII_CAPITAL = bytes.fromhex(
    "c0c4c3c18082020581838586068487c8cb88c9898b8c8d8a8ecc9bcecd98d299a0d39a9091928f939697b39594d99c9dda9ebbbcffbab99f"
    "1419dd1ec5c2cad4b4bfd0"
)
_TCVN_SMALL = bytes.fromhex(
    "b5b6b7b8b9bbbcbdbec6c7c8c9cacbcccecfd0d1d2d3d4d5d6d7d8dcdddedfe1e2e3e4e5e6e7e8e9eaebecedeeeff1f2f3f4f5f6f7f8f9fa"
    "fbfcfdfea8a9aaabacadae"
)
_TCVN_CAPITAL = bytes.fromhex(
    "8081828384afbabfc085c1c2c3c4868788898a8bc5cdd9da8c8d8e8f90919293949596dbe0f0ff9798999a9b9c9d9e9f0102040506111213"
    "14151617a1a2a3a4a5a6a7"
)
#: VNI writes a letter and then its marks; by mark, what stands for it behind a small letter.
_VNI = {
    "\u0300": 0xF8, "\u0301": 0xF9, "\u0303": 0xF5, "\u0309": 0xFB, "\u0323": 0xEF, "\u0302": 0xE2, "\u0306": 0xEA,
}  # fmt: skip
#: And by both marks, circumflex or breve first.
_VNI_BOTH = {
    "\u0302": {"\u0300": 0xE0, "\u0301": 0xE1, "\u0303": 0xE3, "\u0309": 0xE5, "\u0323": 0xE4},
    "\u0306": {"\u0300": 0xE8, "\u0301": 0xE9, "\u0303": 0xFC, "\u0309": 0xFA, "\u0323": 0xEB},
}
#: Letters with a byte of their own.
_VNI_LETTERS = {
    "ơ": 0xF4, "ư": 0xF6, "đ": 0xF1, "ì": 0xEC, "í": 0xED, "ỉ": 0xE6, "ĩ": 0xF3, "ị": 0xF2, "ỵ": 0xEE,
}  # fmt: skip
_TO_CAPITAL = 0x20


def forms_in_vietnamese(text: str) -> Iterator[bytes]:
    """Yield the bytes of a text with Vietnamese letters in these encodings, each that has all its letters."""
    text = unicodedata.normalize("NFC", text)
    if text.isascii():
        return
    for table in _TABLES:
        if all(letter.isascii() or letter in table for letter in text):
            yield b"".join(table.get(letter) or letter.encode("ascii") for letter in text)


def _by_letter(small: bytes, capital: bytes) -> Mapping[str, bytes]:
    letters = [*_SMALL, *_SMALL.upper()]
    return {letter: bytes([byte]) for letter, byte in zip(letters, small + capital, strict=True)}


def _vni(letter: str) -> bytes:
    """Return one small letter in VNI."""
    if letter in _VNI_LETTERS:
        return bytes([_VNI_LETTERS[letter]])
    base, *marks = list(unicodedata.normalize("NFD", letter))
    if marks and marks[0] == "\u031b":  # the horn of ơ and ư, then the tone as behind any other letter
        return bytes([_VNI_LETTERS[unicodedata.normalize("NFC", base + marks[0])], *(_VNI[mark] for mark in marks[1:])])
    if len(marks) > 1:
        above, tone = sorted(marks, key=lambda mark: mark not in _VNI_BOTH)
        return base.encode("ascii") + bytes([_VNI_BOTH[above][tone]])
    return base.encode("ascii") + bytes(_VNI[mark] for mark in marks)


def _vni_letters() -> Mapping[str, bytes]:
    small = {letter: _vni(letter) for letter in _SMALL}
    capital = {
        letter.upper(): bytes(byte - _TO_CAPITAL if byte > 0x7F else ord(chr(byte).upper()) for byte in written)
        for letter, written in small.items()
    }
    return small | capital


_TABLES = (
    _by_letter(_VISCII_SMALL, _VISCII_CAPITAL),
    _by_letter(_TCVN_SMALL, _TCVN_CAPITAL),
    _by_letter(_TCVN_SMALL, _TCVN_SMALL),  # fonts of TCVN have capitals in a font of their own
    _vni_letters(),
)

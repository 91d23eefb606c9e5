"""Text as the proof compares it: lower case, without accents, words with one kind of separator between them."""

from __future__ import annotations

import unicodedata

#: Between two values that have nothing to do with each other; nothing that is searched for reaches over it.
BREAK = b"\x1e"
#: Lower case; what is neither a letter nor a digit becomes a space; bytes of UTF-8 stay; BREAK becomes a line's end.
TABLE = bytes(
    ord(chr(byte).lower()) if byte < 0x80 and chr(byte).isalnum() else byte if byte >= 0x80 else 0x20
    for byte in range(256)
)
TABLE = TABLE[:0x1E] + b"\n" + TABLE[0x1F:]

#: Letters that NFKD leaves as they are.
_SINGLE = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "AE", "œ": "oe",
                         "Œ": "OE", "ı": "i", "þ": "th", "Þ": "TH", "ð": "d", "Ð": "D", "\x1e": " "})  # fmt: skip
#: How umlauts are written where there are none.
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "AE", "Ö": "OE", "Ü": "UE", "å": "aa", "Å": "AA"})


def fold(text: str) -> bytes:
    """The text for comparing, UTF-8; words with single spaces between them.

    >>> fold("Müller^Jean-François")
    b'muller jean francois'
    """
    if not text.isascii():
        plain = unicodedata.normalize("NFKD", text.translate(_SINGLE)).casefold()
        # Marks (Mn) fall away; what is no letter, number or other mark separates.
        text = "".join(
            character if category[0] in "LNM" else " "
            for character in plain
            if (category := unicodedata.category(character)) != "Mn"
        )
    return b" ".join(text.encode("utf-8", "ignore").translate(TABLE).split())


def spellings(text: str) -> set[bytes]:
    """The text folded, with its umlauts written as one letter and as two."""
    composed = unicodedata.normalize("NFC", text)
    return {fold(text), fold(composed.translate(_UMLAUTS))}


def is_spaced(word: bytes) -> bool:
    """Whether words of this script stand apart from each other. In Chinese, Japanese and Korean text they do not."""
    return word.isascii() or not any(
        unicodedata.name(character, "").startswith(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI"))
        for character in word.decode("utf-8", "ignore")
    )

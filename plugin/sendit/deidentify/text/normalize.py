"""Normalize text for the leak check: lower case, without accents, words separated by one kind of separator."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import permutations

from anyascii import anyascii

from sendit.deidentify.text.characters import MARKS
from sendit.deidentify.text.encodings import is_dense, script_of

#: Between unrelated values; no match reaches over it.
BREAK = b"\x1e"
#: Lower case; anything but letters and digits becomes a space; bytes of UTF-8 stay; BREAK becomes a newline.
TABLE = bytes(
    ord(chr(byte).lower()) if byte < 0x80 and chr(byte).isalnum() else byte if byte >= 0x80 else 0x20
    for byte in range(256)
)
TABLE = TABLE[:0x1E] + b"\n" + TABLE[0x1F:]

#: Letters that NFKD does not decompose.
_SINGLE = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "AE", "œ": "oe",
                         "Œ": "OE", "ı": "i", "þ": "th", "Þ": "TH", "ð": "d", "Ð": "D", "\x1e": " "})  # fmt: skip
#: Hiragana to katakana: a name may be written in either.
KANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}
#: One word of a name as cleaner and leak check both take it: letters, marks and digits.
NAME_WORD = re.compile(rf"(?:[^\W_]|[{MARKS}])+")
_LETTERS = re.compile(rf"(?:[^\W\d_]|[{MARKS}])+")
_TRANSLITERATED = re.compile("(?<=[a-z])([aou])e(?=[a-z])", re.IGNORECASE)
_SHORTEST_TRANSLITERATED = 6
#: Umlauts in spellings without them.
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "AE", "Ö": "OE", "Ü": "UE", "å": "aa", "Å": "AA"})


def fold(text: str) -> bytes:
    """Return the text for comparison, in UTF-8; words separated by single spaces.

    >>> fold("Müller^Jean-François")
    b'muller jean francois'
    """
    if not text.isascii():
        plain = unicodedata.normalize("NFKD", text.translate(_SINGLE)).casefold()
        # Marks (Mn) are dropped; anything but letters, numbers and other marks separates. Korean syllables stay whole.
        text = unicodedata.normalize(
            "NFC",
            "".join(
                character if category[0] in "LNM" else " "
                for character in plain
                if (category := unicodedata.category(character)) != "Mn"
            ),
        ).translate(KANA)
    return b" ".join(text.encode("utf-8", "ignore").translate(TABLE).split())


def spellings(text: str) -> set[bytes]:
    """Return the text folded, with umlauts written as one letter and as two; also if it has only the two."""
    composed = unicodedata.normalize("NFC", text)
    found = {fold(text), fold(composed.translate(_UMLAUTS))}
    if text.isascii() and len(text) >= _SHORTEST_TRANSLITERATED:
        found.add(fold(_TRANSLITERATED.sub(r"\1", text)))
    return found


#: What families of Korea write, where it differs from the transliteration of the letters.
_FAMILIES = {
    "김": "kim", "이": "lee", "박": "park", "최": "choi", "정": "jung", "조": "cho", "임": "lim",
    "오": "oh", "유": "yoo", "노": "noh", "고": "koh", "구": "koo", "우": "woo", "국": "kook",
    "심": "shim", "신": "shin", "윤": "yoon",
}  # fmt: skip
_SYLLABLE = re.compile("[A-Z]?[a-z]+|[A-Z]")
_ROMANISED = frozenset({"LATIN", ""})


@lru_cache(maxsize=4096)
def in_latin(word: str) -> tuple[str, ...]:
    """Return how a word of another script is written in Latin letters: each way as syllables between spaces.

    Pinyin for Chinese (kanji are not read as in Japan), Hepburn for kana, Revised Romanization for Korean, and the
    usual letters for others.
    """
    if word.isascii() or {script_of(letter) for letter in word} <= _ROMANISED:
        return ()
    ways = [anyascii(word)]
    if word in _FAMILIES:
        ways.append(_FAMILIES[word])
    return tuple(dict.fromkeys(" ".join(_SYLLABLE.findall(way)).lower() for way in ways if way.isalpha()))


def phrases_in_latin(group: str) -> set[str]:
    """Return the parts of a name beside each other in Latin letters, in any order; and syllables of one part."""
    parts = [in_latin("".join(NAME_WORD.findall(part)))[-1:] for part in group.split("^")[:3]]
    written = [way for ways in parts for way in ways]
    return {" ".join(pair) for pair in permutations(written, 2)} | {way for way in written if " " in way}


def letters_of(word: str) -> list[str]:
    """Return the runs of letters in a word of a name that has digits, too: "Smith2"."""
    return _LETTERS.findall(word) if any(map(str.isdigit, word)) else []


def is_technical(word: str) -> bool:
    """Return whether a word with digits is as short as technical ones: T1, MR1, T2W. It is no name by itself."""
    digits = sum(map(str.isdigit, word))
    return 0 < digits <= 3 and len(word) - digits <= 3


def is_spaced(word: bytes) -> bool:
    """Return whether the script of a word sets spaces. Chinese, Japanese and Korean do not."""
    return word.isascii() or not is_dense(word.decode("utf-8", "ignore"))

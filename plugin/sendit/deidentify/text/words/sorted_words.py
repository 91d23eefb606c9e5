"""Look words up in large sorted tables without building sets of them: terms_of_languages, cognates, dense_words.

Every process would otherwise hold 2,200,000 strings. A look-up reads some twenty lines of the table; the callers
remember the results.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from hashlib import blake2b
from importlib.resources import as_file, files
from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from sendit.deidentify import tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

#: Behind a language in words_of_sentences.txt: also in a text of nothing but capitals.
IN_CAPITALS = "*"
_ONLY_SMALL, _AT_BEGIN, _NAME, _RATHER_WORD = b" s", b" c", b" n", b" r"
_MARKS = (_ONLY_SMALL, _AT_BEGIN, _NAME)
#: What Hebrew and Arabic write in one word with the next: and, the, in, to, from, that, as.
_PREFIXES = re.compile("[והבלמשכ]{1,3}|[وف]?(?:[بك]?ال|لل|[بكلس])|[وف]")
_SHORTEST_BARE = 3
#: What a word is, and how rare it is.
_COST = re.compile(r"([a-z]?)(\d+)")
#: Letters without a separable accent.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe", "ð": "d"}
                         | {"Ø": "O", "Ł": "L", "Đ": "D", "ẞ": "SS", "Æ": "AE", "Œ": "OE", "Ð": "D"})  # fmt: skip
#: Of `listed_names.bin`, a Bloom filter; and how many of them are set for a name.
BITS_OF_NAMES, _BITS_OF_ONE = 1 << 24, 8
#: Of `word_likeness.bin`: lengths of the parts of words that have a weight, number of weights, steps to one.
_LENGTHS_OF_PARTS, PLACES_OF_PARTS, STEPS_OF_LIKENESS = (2, 3, 4, 5), 1 << 18, 16

#: Of `languages_of_parts.bin`: the languages of its columns; its rows; steps of a weight to one; lengths of parts.
LANGUAGES_OF_PARTS = (
    *("de", "fr", "es", "it", "pt", "nl", "pl", "ru", "sv", "da", "nb", "cs", "tr", "uk", "hu", "ro", "el", "ca"),
    *("bg", "mk", "sh", "sl", "sk", "lt", "lv", "is", "id", "ms", "fil", "fi", "vi", "en"),
)
ROWS_OF_PARTS, STEPS_OF_LANGUAGES, _LENGTHS_OF_LANGUAGES = 1 << 15, 12, (2, 3, 4)
_WORD = re.compile(r"[^\W\d_]{2,}")
#: Parts of a word tell the same thing several times.
_WORTH_OF_PART = 0.35


def folded_word(text: str) -> str:
    """Return a word as the tables have it: in lower case without accents."""
    return text.lower() if text.isascii() else without_accents(text.lower())


def without_accents(text: str) -> str:
    """Return the same letters, upper and lower case, without accents."""
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(character for character in plain if not unicodedata.combining(character))


def is_of_languages(word: str, *, small: bool) -> bool:
    """Return whether a word is in the table of words of languages.

    Args:
        word: the word, in lower case without accents.
        small: whether it was written in lower case: some words are names as soon as they have a capital.
    """
    line = _line_of(word.encode("utf-8"), _table("terms_of_languages.txt"))
    if line is None:
        bare = (_line_of(bare.encode("utf-8"), _table("terms_of_languages.txt")) for bare in without_prefixes(word))
        return any(found is not None and not found.endswith(_MARKS) for found in bare)
    return not line.endswith(_MARKS) or (small and not line.endswith(_NAME))


def is_rather_word(word: str) -> bool:
    """Return whether a word, in lower case without accents, is also a name or like one, but much more often a word."""
    line = _line_of(word.encode("utf-8"), _table("terms_of_languages.txt"))
    return line is not None and line.endswith(_RATHER_WORD)


def begins_sentence(word: str) -> bool:
    """Return whether a word, in lower case without accents, is a word also with the capital that begins a sentence."""
    line = _line_of(word.encode("utf-8"), _table("terms_of_languages.txt"))
    return line is not None and not line.endswith((_ONLY_SMALL, _NAME))


def without_prefixes(word: str) -> Iterator[str]:
    """Yield a word of Hebrew or Arabic without articles, conjunctions and prepositions; once, whatever they are."""
    found = _PREFIXES.match(word)
    for end in range(found.end() if found else 0, 0, -1):
        if _PREFIXES.fullmatch(word, 0, end) and len(word) - end >= _SHORTEST_BARE:
            yield word[end:]


def costs_of(word: str) -> dict[str, int]:
    """Return how rare a word of a script without spaces is, by what it may be: "" a word, f, g and n a name."""
    line = _line_of(word.encode("utf-8"), _table("dense_words.txt"))
    return {} if line is None else {kind: int(cost) for kind, cost in _COST.findall(line.rpartition(b" ")[2].decode())}


def is_skeleton_of_medicine(skeleton: str) -> bool:
    """Return whether words of medicine have a skeleton (cognates.py)."""
    return bool(skeleton) and _line_of(skeleton.encode("ascii", "replace"), _table("cognates.txt")) is not None


@lru_cache(maxsize=4096)
def languages_of(word: str) -> frozenset[str]:
    """Return the languages in whose sentences a word in lower case is a word; capitals: also where one begins."""
    return frozenset(code for code in _codes_of(word) if not code.endswith(IN_CAPITALS))


@lru_cache(maxsize=4096)
def languages_in_capitals_of(word: str) -> frozenset[str]:
    """Return the languages in which a word, in lower case without accents, is no name though all have capitals."""
    return frozenset(code.removesuffix(IN_CAPITALS) for code in _codes_of(word) if code.endswith(IN_CAPITALS))


def _codes_of(word: str) -> list[str]:
    line = _line_of(word.encode("utf-8"), _table("words_of_sentences.txt"))
    return line.decode("utf-8").partition(" ")[2].split(",") if line else []


@lru_cache(maxsize=4096)
def likeness(word: str) -> float:
    """Return how much more a word, in lower case without accents, is like other words than like names.

    It is the logarithm of the odds, by the parts of two to five letters that it has.
    """
    table = _table("word_likeness.bin")
    weights = (table[place_of_part(part)] for part in parts_of_word(word))
    return sum(weight - 256 if weight > 127 else weight for weight in weights) / STEPS_OF_LIKENESS


def parts_of_word(word: str) -> Iterator[str]:
    """Yield the parts of a word that have a weight: two to five letters, with its bounds."""
    text = f"^{word}$"
    return (text[start : start + length] for length in _LENGTHS_OF_PARTS for start in range(len(text) - length + 1))


def place_of_part(part: str) -> int:
    """Return where the weight of some letters of a word stands in the table of likeness."""
    return crc32(part.encode("utf-8")) % PLACES_OF_PARTS


def shares_of(text: str, without: str) -> Mapping[str, float]:
    """Return how likely a text is of each language, leaving one word out; nothing if no word is left.

    Args:
        text: the text.
        without: the word, in lower case.
    """
    return _shares_of_words(tuple(sorted({word for word in map(str.lower, _WORD.findall(text)) if word != without})))


@lru_cache(maxsize=512)
def _shares_of_words(words: tuple[str, ...]) -> Mapping[str, float]:
    places = [row_of_part(part) for word in words for part in parts_of_language(word)]
    if not places:
        return {}
    weights = _rows()[places].sum(axis=0, dtype=np.int32) * (_WORTH_OF_PART / STEPS_OF_LANGUAGES)
    odds = np.exp(weights - weights.max())
    return dict(zip(LANGUAGES_OF_PARTS, (odds / odds.sum()).tolist(), strict=True))


def parts_of_language(word: str) -> Iterator[str]:
    """Yield the parts of a word that have a row: two to four letters, with its bounds."""
    text = f"^{word}$"
    return (text[start : start + length] for length in _LENGTHS_OF_LANGUAGES for start in range(len(text) - length + 1))


def row_of_part(part: str) -> int:
    """Return the row of a part."""
    return crc32(part.encode("utf-8")) % ROWS_OF_PARTS


@cache
def _rows() -> npt.NDArray[np.int8]:
    raw = np.frombuffer(_table("languages_of_parts.bin"), np.int8)
    return raw.reshape(ROWS_OF_PARTS, len(LANGUAGES_OF_PARTS))


@lru_cache(maxsize=4096)
def is_listed_name(word: str) -> bool:
    """Return whether a word, in lower case without accents, is a name of a person or a place in any list of names."""
    table = _table("listed_names.bin")
    return all(table[bit >> 3] & (1 << (bit & 7)) for bit in bits_of_name(word))


def bits_of_name(word: str) -> Iterator[int]:
    """Yield the bits of the table of names that are set for a name."""
    digest = blake2b(word.encode("utf-8"), digest_size=16).digest()
    first, step = int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
    return ((first + number * step) % BITS_OF_NAMES for number in range(_BITS_OF_ONE))


def _line_of(word: bytes, table: mmap) -> bytes | None:
    """Return the line that begins with a word, by halving the table."""
    low, high = 0, len(table)
    while low < high:
        middle = (low + high) // 2
        start = table.rfind(b"\n", low, middle) + 1 or low
        end = table.find(b"\n", middle)
        line = table[start:end]
        found = line.partition(b" ")[0]
        if found == word:
            return line
        if found < word:
            low = end + 1
        else:
            high = start
    return None


@cache
def _table(name: str) -> mmap:
    """Return the bytes of a table, which the processes of a machine share. Its comments are sorted before its words."""
    with as_file(files(tables) / name) as path, path.open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ)

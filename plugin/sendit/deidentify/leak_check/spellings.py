"""The spellings in which names, numbers, addresses and dates may occur elsewhere."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from itertools import permutations
from typing import TYPE_CHECKING

from sendit.deidentify.text.encodings import parts_of_dense
from sendit.deidentify.text.normalize import fold, in_latin, is_spaced, is_technical, letters_of, spellings
from sendit.deidentify.text.sections import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable


class Kind(StrEnum):
    """The kind of an original value, as reasons name it."""

    PATIENT = "the patient's name"
    PERSON = "a person's name"
    IDENTIFIER = "an identifier"
    UID = "an original UID"
    DATE = "a date"
    ADDRESS = "an address"
    TELEPHONE = "a telephone number or mail address"
    INSTITUTION = "an institution"
    DEVICE = "a device or station"


#: The least length of a single part of a name (characters): two letters are syllables of many words.
_SHORTEST_PART = 3
#: Shorter transliterations are syllables of other words, too; the cleaner removes some of them.
_SHORTEST_IN_LATIN = 4
#: Shorter numbers are too common to be significant outside of their own attribute.
_SHORTEST_NUMBER = 5
_SHORTEST_CODE = 4
#: From this length on also with other separators, or without them.
_SHORTEST_JOINED = 6
_SHORTEST_TELEPHONE = 7
_SHORTEST_UID = 8
#: Part of the root of DICOM's own UIDs, 1.2.840.10008, which is in every file.
_IN_EVERY_FILE = b"10008"

_PLACEHOLDER = re.compile(rb"(.)\1*")


@dataclass(slots=True)
class Spellings:
    """Spellings to search for, folded, each with the kind of its value."""

    words: dict[bytes, Kind] = field(default_factory=dict)  # whole words
    phrases: dict[bytes, Kind] = field(default_factory=dict)  # words in this order
    joined: dict[bytes, Kind] = field(default_factory=dict)  # with any separators or none
    values: dict[bytes, Kind] = field(default_factory=dict)  # whole values only

    def add(self, other: Spellings) -> None:
        """Add all spellings of the other."""
        self.words.update(other.words)
        self.phrases.update(other.phrases)
        self.joined.update(other.joined)
        self.values.update(other.values)

    def drop(self, other: Spellings) -> None:
        """Remove what is in the other, too."""
        for mine, theirs in zip(self._all(), other._all(), strict=True):
            for spelling in theirs.keys() & mine.keys():
                del mine[spelling]

    def _all(self) -> tuple[dict[bytes, Kind], ...]:
        return self.words, self.phrases, self.joined, self.values

    def __len__(self) -> int:
        return sum(map(len, self._all()))


@lru_cache(maxsize=4096)  # the instances of a study share nearly all of their values
def spellings_of(kind: Kind, text: str) -> Spellings:
    """Return the spellings of one value. Do not modify the result."""
    if kind in (Kind.PATIENT, Kind.PERSON):
        return _name(kind, text)
    if kind is Kind.TELEPHONE:
        return _telephone(text)
    if kind in (Kind.IDENTIFIER, Kind.DEVICE):
        return _identifier(kind, text)
    return _phrase(kind, text)


def _name(kind: Kind, text: str) -> Spellings:
    """Return the spellings of a name: up to three groups of components (PS3.5 6.2)."""
    into = Spellings()
    for group in text.split("="):
        components = [part for part in group.split("^")[:3] if part.strip()]
        if len(components) == 1:  # "John Smith", "Smith, John"
            components = re.split(r"[\s,]+", components[0])
        for spelling in range(3):
            _add_name(into, kind, [_spelled(part, spelling) for part in components])
        if len(components) == 1:
            for part in parts_of_dense(unicodedata.normalize("NFKC", components[0])):
                _add_part(into, kind, fold(part))
        for way in (way.replace(" ", "") for part in components for way in in_latin(part.strip())):
            if len(way) >= _SHORTEST_IN_LATIN:
                _add_part(into, kind, way.encode("ascii"))
    return into


def _spelled(part: str, spelling: int) -> bytes:
    variants = sorted(spellings(part))
    return variants[min(spelling, len(variants) - 1)]


def _add_name(into: Spellings, kind: Kind, parts: list[bytes]) -> None:
    parts = [part for part in parts if part]
    for part in parts:
        _add_part(into, kind, part)
    for pair in permutations(parts[:3], 2):
        both = b" ".join(pair)
        if not is_spaced(both):
            into.joined[both.replace(b" ", b"")] = kind
        elif min(map(len, pair)) > 1 and len(both) > _SHORTEST_JOINED:
            into.phrases[both] = kind
            into.words[both.replace(b" ", b"")] = kind


def _add_part(into: Spellings, kind: Kind, part: bytes) -> None:
    words = part.split()
    if not is_spaced(part):
        joined = part.replace(b" ", b"")
        if len(joined.decode("utf-8", "ignore")) > 1:
            into.joined[joined] = kind
        else:  # within others, a single character is part of many words
            into.words[joined] = kind
        return
    if len(words) > 1 and not _is_plain(words):
        into.phrases[part] = kind
        words = [*words, b"".join(words)]
    for word in words:
        text = word.decode("utf-8", "ignore")
        if word.isdigit():
            _add_number(into, kind, word)
        elif len(text) >= _SHORTEST_PART and not _is_plain([word]) and not is_technical(text):
            into.words[word] = kind
        into.words.update({run: kind for run in map(str.encode, letters_of(text)) if _is_searched(run)})


def _is_searched(run: bytes) -> bool:
    return len(run.decode("utf-8", "ignore")) >= _SHORTEST_PART and not _is_plain([run])


def _is_plain(words: Iterable[bytes]) -> bool:
    """Return whether words are all of the vocabulary, or a placeholder such as XXX."""
    medical = vocabulary()
    return all(word in medical or _PLACEHOLDER.fullmatch(word) for word in words)


def _identifier(kind: Kind, text: str) -> Spellings:
    folded = fold(text)
    joined = folded.replace(b" ", b"")
    if not joined or _PLACEHOLDER.fullmatch(joined):
        return Spellings()
    if not any(0x30 <= byte <= 0x39 for byte in joined):  # a word: STATION1 has a number, RADIOLOGY has none
        return _phrase(kind, text)
    into = Spellings()
    if joined.isdigit():
        for number in {joined, joined.lstrip(b"0")}:
            _add_number(into, kind, number)
    elif len(joined) >= _SHORTEST_CODE and joined not in vocabulary():
        into.words[joined] = kind
        if len(joined) >= _SHORTEST_JOINED:
            into.joined[joined] = kind
        digits = bytes(byte for byte in joined if 0x30 <= byte <= 0x39)
        if kind is Kind.IDENTIFIER and len(digits) > _SHORTEST_JOINED:
            into.values[digits] = kind
    if b" " in folded and len(joined) >= _SHORTEST_CODE and not _is_plain(folded.split()):
        into.phrases[folded] = kind
    return into


def _add_number(into: Spellings, kind: Kind, number: bytes) -> None:
    if len(number) >= _SHORTEST_NUMBER and number != _IN_EVERY_FILE:
        into.words[number] = kind
    if len(number) >= _SHORTEST_JOINED:
        into.values[number] = kind
    if len(number) > _SHORTEST_JOINED:
        into.joined[number] = kind


def _telephone(text: str) -> Spellings:
    into = Spellings()
    digits = re.sub(r"\D", "", text).encode()
    if not _PLACEHOLDER.fullmatch(digits):
        for code in range(4):  # with and without the country code, and the 0 in its place
            for number in (digits[code:], b"0" + digits[code:]):
                if len(number) >= (9 if code else _SHORTEST_TELEPHONE):
                    into.joined[number] = Kind.TELEPHONE
    if "@" in text:
        into.phrases[fold(text)] = Kind.TELEPHONE
    return into


def _phrase(kind: Kind, text: str) -> Spellings:
    """Return the spellings of an address or institution: the whole, and its parts between commas and lines."""
    into = Spellings()
    for part in {text, *re.split(r"[,;\n\r^]+", text)}:
        folded = fold(part)
        words = folded.split()
        if len(folded) < _SHORTEST_CODE or _is_plain(words) or folded.isdigit():
            continue
        if len(words) == 1:
            if len(folded) > _SHORTEST_CODE:
                into.words[folded] = kind
        elif len(folded) > _SHORTEST_JOINED:
            into.phrases[folded] = kind
    return into


def is_searchable_uid(uid: str) -> bool:
    """Return whether a UID is long enough to be significant within a text."""
    return len(uid) >= _SHORTEST_UID and uid.count(".") > 2

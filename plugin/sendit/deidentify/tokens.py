"""What a known value may look like in a place where it should not be: the forms of names, numbers, addresses, dates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from itertools import permutations

from sendit.deidentify.folding import fold, is_spaced, spellings
from sendit.deidentify.vocabulary import vocabulary


class Kind(StrEnum):
    """What a value of the original was; these words stand in reasons."""

    PATIENT = "the patient's name"
    PERSON = "a person's name"
    IDENTIFIER = "an identifier"
    UID = "an original UID"
    DATE = "a date"
    ADDRESS = "an address"
    TELEPHONE = "a telephone number or mail address"
    INSTITUTION = "an institution"
    DEVICE = "a device or station"


#: A single part of a name is searched for from this length on (characters): two letters are syllables of many words.
_SHORTEST_PART = 3
#: Shorter numbers are too common to mean anything outside of their own attribute.
_SHORTEST_NUMBER = 5
_SHORTEST_CODE = 4
#: From this length on also with other separators in it, or without those it has.
_SHORTEST_GLUED = 6
_SHORTEST_TELEPHONE = 7
_SHORTEST_UID = 8
#: Of the root of DICOM's own UIDs, 1.2.840.10008: it stands in every file.
_IN_EVERY_FILE = b"10008"

_PLACEHOLDER = re.compile(rb"(.)\1*")


@dataclass(slots=True)
class Tokens:
    """Forms to search for, folded, each with the kind of value that it is of."""

    words: dict[bytes, Kind] = field(default_factory=dict)  # whole words
    phrases: dict[bytes, Kind] = field(default_factory=dict)  # words in this order
    glued: dict[bytes, Kind] = field(default_factory=dict)  # whatever separators are in it or not
    values: dict[bytes, Kind] = field(default_factory=dict)  # whole values only

    def add(self, other: Tokens) -> None:
        self.words.update(other.words)
        self.phrases.update(other.phrases)
        self.glued.update(other.glued)
        self.values.update(other.values)

    def drop(self, other: Tokens) -> None:
        """Leave out what is in the other, too."""
        for mine, theirs in zip(self._all(), other._all(), strict=True):
            for token in theirs.keys() & mine.keys():
                del mine[token]

    def _all(self) -> tuple[dict[bytes, Kind], ...]:
        return self.words, self.phrases, self.glued, self.values

    def __len__(self) -> int:
        return sum(map(len, self._all()))


@lru_cache(maxsize=4096)  # the instances of a study share nearly all of their values
def tokens_of(kind: Kind, text: str) -> Tokens:
    """The forms of one value. Do not change what is returned."""
    if kind in (Kind.PATIENT, Kind.PERSON):
        return _name(kind, text)
    if kind is Kind.TELEPHONE:
        return _telephone(text)
    if kind in (Kind.IDENTIFIER, Kind.DEVICE):
        return _identifier(kind, text)
    return _phrase(kind, text)


def _name(kind: Kind, text: str) -> Tokens:
    """PS3.5 6.2: up to three groups of family, given, middle name, prefix and suffix."""
    found = Tokens()
    for group in text.split("="):
        components = [part for part in group.split("^")[:3] if part.strip()]
        if len(components) == 1:  # "John Smith", "Smith, John"
            components = re.split(r"[\s,]+", components[0])
        for spelling in {0, 1}:
            _add_name(found, kind, [_spelled(part, spelling) for part in components])
    return found


def _spelled(part: str, spelling: int) -> bytes:
    variants = sorted(spellings(part))
    return variants[min(spelling, len(variants) - 1)]


def _add_name(found: Tokens, kind: Kind, parts: list[bytes]) -> None:
    parts = [part for part in parts if part]
    for part in parts:
        _add_part(found, kind, part)
    for pair in permutations(parts[:3], 2):
        both = b" ".join(pair)
        if not is_spaced(both):
            found.glued[both.replace(b" ", b"")] = kind
        elif min(map(len, pair)) > 1 and len(both) > _SHORTEST_GLUED:
            found.phrases[both] = kind
            found.words[both.replace(b" ", b"")] = kind


def _add_part(found: Tokens, kind: Kind, part: bytes) -> None:
    words = part.split()
    if not is_spaced(part):
        if len(part.decode("utf-8", "ignore")) > 1:
            found.glued[part.replace(b" ", b"")] = kind
        return
    if len(words) > 1 and not _is_plain(words):
        found.phrases[part] = kind
        words = [*words, b"".join(words)]
    for word in words:
        if len(word.decode("utf-8", "ignore")) >= _SHORTEST_PART and not _is_plain([word]) and not word.isdigit():
            found.words[word] = kind


def _is_plain(words: Iterable[bytes]) -> bool:
    """Nothing but vocabulary, or a placeholder such as XXX."""
    known = vocabulary()
    return all(word in known or _PLACEHOLDER.fullmatch(word) for word in words)


def _identifier(kind: Kind, text: str) -> Tokens:
    folded = fold(text)
    glued = folded.replace(b" ", b"")
    if not glued or _PLACEHOLDER.fullmatch(glued):
        return Tokens()
    if not any(0x30 <= byte <= 0x39 for byte in glued):  # a word: STATION1 has a number, RADIOLOGY has none
        return _phrase(kind, text)
    found = Tokens()
    if glued.isdigit():
        for number in {glued, glued.lstrip(b"0")}:
            _add_number(found, kind, number)
    elif len(glued) >= _SHORTEST_CODE and glued not in vocabulary():
        found.words[glued] = kind
        if len(glued) >= _SHORTEST_GLUED:
            found.glued[glued] = kind
    if b" " in folded and len(glued) >= _SHORTEST_CODE and not _is_plain(folded.split()):
        found.phrases[folded] = kind
    return found


def _add_number(found: Tokens, kind: Kind, number: bytes) -> None:
    if len(number) >= _SHORTEST_NUMBER and number != _IN_EVERY_FILE:
        found.words[number] = kind
    if len(number) >= _SHORTEST_GLUED:
        found.values[number] = kind
    if len(number) > _SHORTEST_GLUED:
        found.glued[number] = kind


def _telephone(text: str) -> Tokens:
    found = Tokens()
    digits = re.sub(r"\D", "", text).encode()
    if not _PLACEHOLDER.fullmatch(digits):
        for code in range(4):  # with and without that of its country, and the 0 that stands in its place
            for number in (digits[code:], b"0" + digits[code:]):
                if len(number) >= (9 if code else _SHORTEST_TELEPHONE):
                    found.glued[number] = Kind.TELEPHONE
    if "@" in text:
        found.phrases[fold(text)] = Kind.TELEPHONE
    return found


def _phrase(kind: Kind, text: str) -> Tokens:
    """An address or an institution: all of it, and the parts between its commas and lines."""
    found = Tokens()
    for part in {text, *re.split(r"[,;\n\r^]+", text)}:
        folded = fold(part)
        words = folded.split()
        if len(folded) < _SHORTEST_CODE or _is_plain(words) or folded.isdigit():
            continue
        if len(words) == 1:
            if len(folded) > _SHORTEST_CODE:
                found.words[folded] = kind
        elif len(folded) > _SHORTEST_GLUED:
            found.phrases[folded] = kind
    return found


def is_searchable_uid(uid: str) -> bool:
    """Whether a UID is long enough to mean something in a text."""
    return len(uid) >= _SHORTEST_UID and uid.count(".") > 2

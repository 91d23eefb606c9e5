"""Recognise markers of side, view and posture: the closed list of what may stay in an image (tables/markers.csv).

Many radiographs say in no attribute which side they show: the letter in the image is all there is.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from sendit.deidentify.leak_check.spellings import Kind
from sendit.deidentify.pixels.ocr.match_identifiers import may_identify
from sendit.deidentify.tables import table_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendit.deidentify.leak_check.identifiers import Identifiers

#: A line of more words than this is a sentence.
_MOST_WORDS = 4
#: Signs around a marker: it is put into a circle, into brackets, or ends in a dot.
_AROUND = re.compile(r"^[\s()\[\]<>{}.:·•○◯]+|[\s()\[\]<>{}.:·•○◯]+$")
_BETWEEN = re.compile(r"[\s,/+\-_]+")
_PERSONS = (Kind.PATIENT, Kind.PERSON, Kind.IDENTIFIER)
_NAME_PARTS = 2  # family and given name: a middle initial is too common to be one


@cache
def _markers() -> Mapping[str, Mapping[str, str]]:
    """Return the kind of each marker, by modality."""
    found: dict[str, dict[str, str]] = {}
    for row in table_rows("markers.csv"):
        for modality in row["modalities"].split():
            found.setdefault(modality, {})[row["marker"]] = row["kind"]
    return found


def has_markers(modality: str) -> bool:
    """Return whether images of a modality have markers that may stay."""
    return modality in _markers()


def is_marker(text: str, modality: str) -> bool:
    """Return whether a line reads exactly as a marker, or as one of each of several kinds: "R AP ERECT"."""
    known = _markers().get(modality, {})
    whole = normalized(text)
    if any(one in known for one in _as_letters(whole)):
        return True
    if whole[:1] in ("L", "R") and known.get(whole[:1]) == "side" and known.get(whole[1:]) == "view":
        return True  # "R AP", read without the space
    words = _words(whole)
    kinds = [next((known[one] for one in _as_letters(word) if one in known), "") for word in words]
    return 1 < len(words) <= _MOST_WORDS and all(kinds) and len(set(kinds)) == len(kinds)


def _as_letters(word: str) -> tuple[str, ...]:
    """Return the word, and what it is if digits among its letters were letters: LP0."""
    if len(word) < 2 or not any(map(str.isalpha, word)) or not any(map(str.isdigit, word)):
        return (word,)
    return word, *(word.translate({0x30: "O", 0x31: one}) for one in "IL")


def normalized(text: str) -> str:
    """Return the line in capitals, without a circle or brackets around it."""
    return " ".join(_AROUND.sub("", unicodedata.normalize("NFKC", text)).upper().split())


def is_of_person(text: str, identifiers: Identifiers) -> bool:
    """Return whether a marker, or a word of technique, is part of a name or identifier: Post, Max, patient "R"."""
    words = {word.encode("utf-8", "ignore") for word in (*_words(normalized(text)), normalized(text))}
    if words & set(_parts(identifiers)):
        return True
    return may_identify(text, identifiers)


def _parts(identifiers: Identifiers) -> set[bytes]:
    """Return the words of names and identifiers as in the header; single letters as family or given name alone."""
    found: set[bytes] = set()
    for kind, values in identifiers.by_tag.values():
        for value in values if kind in _PERSONS else ():
            if kind is Kind.IDENTIFIER:
                found.add(value)
                continue
            for name in re.split(rb"[\\=]", value):
                components = name.split(b"^")
                for number, component in enumerate(components):
                    parts = [part for part in re.split(rb"[\s,.'\-]+", component) if part]
                    alone = number < _NAME_PARTS and len(parts) == 1
                    found.update(part for part in parts if len(part) > 1 or alone)
    spelled = identifiers.spellings
    for forms in (spelled.words, spelled.phrases, spelled.joined, spelled.values):
        found.update(form.upper() for form in forms)
    return found


def _words(text: str) -> list[str]:
    return [word for word in _BETWEEN.split(text) if word]

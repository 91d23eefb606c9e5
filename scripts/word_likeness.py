"""Write deidentify/tables/word_likeness.bin: what parts of words say about whether a word is one, or a name.

python -m scripts.word_likeness SOURCES       writes it, in some two minutes

SOURCES is the folder of `scripts.terms_of_languages`. A logistic regression learns from the words of terms.txt and
terms_of_languages.txt, and from all names of persons and places that those sources have; also from declined names of
languages that decline them, and from names beside an initial, as users are called. What is both counts as neither.
A word's likeness (`sorted_words.likeness`) is the sum of the weights of its parts; parts share places by their CRC.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scripts.terms import TABLES
from scripts.terms_of_languages import Names
from sendit.deidentify.tables import table_lines, table_words
from sendit.deidentify.text.words.sorted_words import PLACES_OF_PARTS, STEPS_OF_LIKENESS, parts_of_word, place_of_part

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHORTEST, _MOST_PARTS = 4, 40
_BATCH, _ROUNDS, _RATE = 2048, 3, 0.06
_RANKED_DECLINED, _RANKED_OF_USERS, _SHORTEST_OF_USERS = 1_500, 300, 3
#: Endings of names in the cases of a language, by a country where it is spoken.
_ENDINGS = {
    "PL": "a owi em ie ego emu iego iemu iej im ow ami y e o",
    "CZ": "a ovi em ova ove ovou u ou y e ho mu ym eho emu",
    "SK": "a ovi om ova ovej u ou y e ho mu ym eho emu",
    "HR": "a u om em e i ovu ic",
    "RS": "a u om em e i",
    "SI": "a u om em o e i",
    "RU": "а у ом ым е ой ою ы и ым ого ому ей ою",
    "BG": "а ия ът ов ова ева",
    "FI": "n lle lta lla sta ssa en ta a in ksen seen",
    "HU": "nak nek val vel t ot et rol hoz tol ra ne ek",
    "TR": "in un ye ya e a den dan le la nin nun yi i",
    "LT": "o ui a e u io iui iene aite iute yte",
    "LV": "a am u s as i",
    "EE": "i le lt ga t l",
    "GR": "ου ο α η",
}
_FALLS_OFF = frozenset("aeiouyаояийыης")  # before another ending
_INITIALS = "abcdefghijklmnoprstvw"


def main(root: Path) -> None:
    """Write the table."""
    names = Names(root)
    words = {line for line in table_lines("terms_of_languages.txt") if " " not in line}  # the others are names, too
    words = _long(words | table_words("terms.txt"))
    listed = _long(set(names.every()))
    forms = _long({*_declined(names), *_of_users(names)}) - words
    examples = [(word, True) for word in sorted(words - listed)]
    examples += [(name, False) for name in sorted((listed - words) | forms)]
    random.Random(7).shuffle(examples)
    weights = np.rint(_learned(examples) * STEPS_OF_LIKENESS)
    (TABLES / "word_likeness.bin").write_bytes(np.clip(weights, -127, 127).astype(np.int8).tobytes())


def _long(words: set[str]) -> set[str]:
    return {word for word in words if len(word) >= _SHORTEST}


def _declined(names: Names) -> Iterator[str]:
    """Yield common names in the cases of the languages of their countries."""
    for country, endings in _ENDINGS.items():
        for name in names.ranked(country, _RANKED_DECLINED):
            for stem in {name, name[:-1]} if name[-1] in _FALLS_OFF else {name}:
                yield from (stem + ending for ending in endings.split())


def _of_users(names: Names) -> Iterator[str]:
    """Yield common names behind and before an initial."""
    chance = random.Random(3)
    for name in sorted(names.every()):
        if len(name) >= _SHORTEST_OF_USERS and name.isascii() and names.rank(name) <= _RANKED_OF_USERS:
            for initial in chance.sample(_INITIALS, 2):
                yield from (initial + name, name + initial)


def _learned(examples: list[tuple[str, bool]]) -> np.ndarray:
    """Return the weight of each place."""
    places = np.full((len(examples), _MOST_PARTS), PLACES_OF_PARTS, np.int32)  # the last place counts for nothing
    for row, (word, _) in zip(places, examples, strict=True):
        found = [place_of_part(part) for part in parts_of_word(word)][:_MOST_PARTS]
        row[: len(found)] = found
    is_word = np.array([known for _, known in examples], np.float32)
    weights = np.zeros(PLACES_OF_PARTS + 1, np.float32)
    for start in [start for _ in range(_ROUNDS) for start in range(0, len(examples), _BATCH)]:
        batch = places[start : start + _BATCH]
        error = is_word[start : start + _BATCH] - 1 / (1 + np.exp(-weights[batch].sum(axis=1)))
        weights += _RATE * np.bincount(batch.ravel(), np.repeat(error, _MOST_PARTS), PLACES_OF_PARTS + 1)
        weights[-1] = 0
    return weights[:-1]


if __name__ == "__main__":
    main(Path(sys.argv[1]))

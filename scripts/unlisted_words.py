"""Add words that no list of names has to deidentify/tables/terms_of_languages.txt.

python -m scripts.unlisted_words SOURCES       adds them; needs the program hunspell

SOURCES is the folder of `scripts.rare_names`, with PyPI's philter-lite (BSD-3), too. A word counts with a capital, too,
if none of the 1.4 million names of `listed_names.bin` equals it, and if its language's dictionary has it and wordfreq
knows it (eliminated, accumulation), or if it is one of the words of clinical notes by which Philter tells
what is no name, and its parts are those of words (portopulmonary, resec).
The other scripts leave out what `is_ordinary` derives, which it does in small letters only.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.rare_names import ENGLISH, is_telling
from scripts.terms import folded
from scripts.terms_of_languages import LANGUAGES, Language, Names, accepted, frequencies, read_table, write_table
from sendit.deidentify.text.vocabulary import is_ordinary
from sendit.deidentify.text.words.sorted_words import is_listed_name, likeness

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LEAST = 2.5  # frequency of a word of another language
_SHORTEST, _SHORTEST_OF_NOTES = 4, 5  # letters
_LIKE_WORDS = 0
_OF_BRAND = 1.5  # a word of this frequency that no dictionary has is a brand
_NEVER = frozenset(["groupama", "unimed", "vendee"])  # insurers, a department
_ENDINGS = (1, 2)  # letters


def main(root: Path) -> None:
    """Add the words to the table."""
    head, have = read_table()
    names = Names(root)
    for word in (*_of_languages(root), *_of_notes(root)):
        if not is_telling(names, word) and word not in _NEVER:
            have.setdefault(word.encode(), word.encode())
    write_table(head, have)


def _of_languages(root: Path) -> Iterator[str]:
    """Yield words of dictionaries, without accents."""
    for language in (*ENGLISH, *LANGUAGES):
        if not language.words or language.caseless or language.small or not (root / _package(language)).is_dir():
            continue
        least = max(_LEAST, language.least) if language not in ENGLISH else language.least
        listed = frequencies(root, language.words)
        asked = list(_unlisted(word for word in listed if listed[word] >= least))
        asked_so = [word.title() if language.words == "large_de" else word for word in asked]
        found = accepted(root, language.dictionary, [*asked, *asked_so])
        yield from (folded(word) for word in asked if word in found or word.title() in found & set(asked_so))


def _of_notes(root: Path) -> Iterator[str]:
    """Yield words of clinical notes whose parts are those of words."""
    words = tomllib.loads((root / "philter_lite/filters/set.toml").read_text("utf-8"))["nonames"]
    asked = [word for word in words if word.isascii() and len(word) >= _SHORTEST_OF_NOTES]
    frequent = {word for word, frequency in frequencies(root, "large_en").items() if frequency >= _OF_BRAND}
    known = frozenset[str]().union(*(accepted(root, language.dictionary, asked) for language in ENGLISH))
    asked = [word for word in asked if word in known or word not in frequent]
    yield from (word for word in _unlisted(asked) if likeness(word) >= _LIKE_WORDS and not _is_of_name(word))


def _is_of_name(word: str) -> bool:
    """Return whether a word is a name with an ending, as of a plural or a species: brodies, whitentoni."""
    return any(is_listed_name(word[:-ending]) for ending in _ENDINGS)


def _unlisted(words: Iterable[str]) -> Iterator[str]:
    """Yield those of words in small letters that stay out of texts with a capital, though they are nobody's name."""
    for word in words:
        if len(word) < _SHORTEST or not word.isalpha() or not word.islower() or is_listed_name(folded(word)):
            continue
        if not (is_ordinary(word.title()) and is_ordinary(word.upper())):
            yield word


def _package(language: Language) -> str:
    return language.dictionary.partition("/")[0]


if __name__ == "__main__":
    main(Path(sys.argv[1]))

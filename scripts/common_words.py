"""Add common words of English that are rare names to deidentify/tables/terms_of_languages.txt.

python -m scripts.common_words SOURCES       adds them; needs the program hunspell

SOURCES is the folder of `scripts.terms_of_languages`, with Debian's hunspell-en-gb, too. Nearly every common word is
somebody's name somewhere (fingers, larger, rooms). What counts is which is more likely: the more frequent a word is,
the more frequent a name may be that it is taken for. They count in small letters only ("s").
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.terms import folded
from scripts.terms_of_languages import Names, accepted, frequencies, read_table, write_table
from sendit.deidentify.text.vocabulary import is_ordinary

if TYPE_CHECKING:
    from collections.abc import Iterator

_DICTIONARIES = ("spylls/en_US", "hunspell-en-gb/en_GB")
#: Frequency (Zipf) of a word, and the rank that a name must be beyond in every country; the same for names that
#: somebody chose as typical of a country.
_LIMITS = ((4.5, 400), (4.3, 800))
_LIMITS_OF_CHOSEN = ((5.0, 1_000), (4.3, 3_000))
_SHORTEST = 4


def main(root: Path) -> None:
    """Add the words to the table."""
    head, have = read_table()
    for word in _words(root, Names(root)):
        have.setdefault(word.encode(), f"{word} s".encode())
    write_table(head, have)


def _words(root: Path, names: Names) -> Iterator[str]:
    """Yield words, without accents, that are rather words than names in small letters."""
    listed = frequencies(root, "large_en")
    asked = [word for word in listed if len(word) >= _SHORTEST and listed[word] >= _LIMITS[-1][0] and word.isalpha()]
    asked = [word for word in asked if not is_ordinary(word)]
    for word in frozenset[str]().union(*(accepted(root, dictionary, asked) for dictionary in _DICTIONARIES)):
        plain = folded(word)
        limits = _LIMITS_OF_CHOSEN if plain in names.chosen else _LIMITS
        if any(listed[word] >= least and names.rank(plain) > rank for least, rank in limits):
            yield plain


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Add words of English that are rather words than names to deidentify/tables/terms_of_languages.txt.

python -m scripts.rare_names SOURCES       adds them; needs the program hunspell

SOURCES is the folder of `scripts.terms_of_languages`, with Debian's hunspell-en-gb, too. Nearly every common word is
somebody's name somewhere (Fragment, Obese, Malaria), so a word that any list of names has goes as soon as it has a
capital. These stay: the more frequent a word is, the more frequent a name may be that it equals, where English is
spoken and anywhere. More is asked of names that somebody chose as typical of a country, and of family names of the
United States. Behind an r stand words that stay only beside others that stay.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.terms_of_languages import (
    AGES_AND_HOSPITALS,
    Language,
    Names,
    accepted,
    frequencies,
    read_table,
    write_table,
)
from sendit.deidentify.text.vocabulary import LIKE_A_NAME, is_ordinary
from sendit.deidentify.text.words.sorted_words import likeness

if TYPE_CHECKING:
    from collections.abc import Iterator

#: English alone: a word of one language is a name in another one (Norwegian drevet, French Drevet).
ENGLISH = (
    Language("large_en", "hunspell-en-us/en_US", "US GB CA IE ZA JM AU NZ", 2.0),
    Language("large_en", "hunspell-en-gb/en_GB", "US GB CA IE ZA JM AU NZ", 2.0),
)
#: Frequency (Zipf) of a word, and the ranks that a name must be beyond: where English is spoken, and anywhere.
_LIMITS = ((4.2, 300, 500), (3.3, 1_000, 500), (3.0, 3_000, 1_000))
#: The same for names that somebody chose as typical, and for family names of the United States, however rare.
_LIMITS_OF_CHOSEN = ((5.8, 0, 0), (5.0, 500, 300), (4.5, 1_000, 500), (4.0, 2_000, 800), (3.5, 3_000, 1_500))
_SHORTEST = 4  # letters
_FREQUENT = 4.5  # words of this frequency are no town


def main(root: Path) -> None:
    """Add the words to the table."""
    head, have = read_table()
    names = Names(root)
    for word in _words(root, names):
        is_doubtful = word in names.american or word in names.chosen or likeness(word) < LIKE_A_NAME
        if have.get(word.encode(), b"").endswith(b" n"):
            continue
        have[word.encode()] = f"{word} r".encode() if is_doubtful else word.encode()
    write_table(head, have)


def _words(root: Path, names: Names) -> Iterator[str]:
    """Yield the words."""
    for language in ENGLISH:
        listed = frequencies(root, language.words)
        asked = [
            word
            for word, frequency in listed.items()
            if frequency >= language.least
            and len(word) >= _SHORTEST
            and word.isalpha()
            and word.isascii()
            and _outweighs(names, word, frequency, language.countries)
            and not (is_ordinary(word.title()) and is_ordinary(word.upper()))
        ]
        yield from accepted(root, language.dictionary, asked)


def _outweighs(names: Names, word: str, frequency: float, countries: str) -> bool:
    """Return whether a word is more likely a word than a name."""
    if is_telling(names, word) or (word in names.places and frequency < _FREQUENT):
        return False
    limits = _LIMITS_OF_CHOSEN if word in names.american or word in names.chosen else _LIMITS
    own, anywhere = names.rank_in(word, countries), names.rank(word)
    return any(frequency >= least and own > of_own and anywhere > of_any for least, of_own, of_any in limits)


def is_telling(names: Names, word: str) -> bool:
    """Return whether a word is a name in another case, a user, a hospital, or an age over 89."""
    return names.is_declined(word) or names.is_of_user(word) or AGES_AND_HOSPITALS.search(word) is not None


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Add common words that are rare names to deidentify/tables/terms_of_languages.txt and words_of_sentences.txt.

python -m scripts.common_words SOURCES [de_DE ...]       adds them, of all languages or of some dictionaries; needs hunspell

SOURCES is the folder of `scripts.terms_of_languages`; languages whose dictionary is not there are left out. Nearly every
common word is somebody's name somewhere (fingers, larger, cores). What counts is which is more likely: the more frequent a
word is in its language, the more frequent a name may be that it stands beside. Added are

terms_of_languages.txt     words that count in small letters ("s")
words_of_sentences.txt     nouns of German within a German sentence ("De"), and words of three letters that begin a sentence
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.terms import TABLES, folded
from scripts.terms_of_languages import _AGES_AND_HOSPITALS, LANGUAGES, Names, accepted, frequencies
from sendit.deidentify.text.sorted_words import is_of_languages
from sendit.deidentify.text.vocabulary import is_ordinary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scripts.terms_of_languages import Language

#: Frequency (Zipf) of a word, and the rank that a name must be beyond in every country.
_LIMITS = ((4.5, 400), (4.0, 800), (3.5, 1_500))
#: A name that somebody chose as typical of a country weighs more.
_LIMITS_OF_CHOSEN = ((5.0, 1_000), (4.0, 3_000))
_LIMITS_OF_NOUNS = ((4.5, 1_000), (4.0, 2_000), (3.5, 4_000))
_LIMITS_OF_SHORT = ((5.0, 1_500), (4.0, 3_000), (3.0, 6_000))
_SHORT, _SHORTEST = 3, 4
_NOUN = "De"


def main(root: Path, only: frozenset[str]) -> None:
    """Add the words to both tables."""
    names = Names(root)
    small: set[str] = set()
    by_language: dict[str, set[str]] = {}
    for language in LANGUAGES:
        chosen = not only or language.dictionary.partition("/")[2] in only
        if not language.words or language.caseless or language.small or not _has_dictionary(root, language) or not chosen:
            continue
        code = language.words.rpartition("_")[2]
        listed = frequencies(root, language.words)
        small.update(_small_words(root, names, language, listed))
        for word in _short_words(root, names, language, listed):
            by_language.setdefault(word, set()).add(code.upper())
        if code == "de":
            for word in _nouns(root, names, language, listed):
                by_language.setdefault(word, set()).add(_NOUN)
    _add_small(small)
    _add_words(by_language)


def _has_dictionary(root: Path, language: Language) -> bool:
    package, _, name = language.dictionary.partition("/")
    return any((root / package).rglob(f"{name}.dic"))


def _small_words(root: Path, names: Names, language: Language, listed: dict[str, float]) -> Iterator[str]:
    """Yield words, without accents, that are rather words than names in small letters."""
    asked = [
        word
        for word, frequency in listed.items()
        if len(word) >= _SHORTEST and frequency >= _LIMITS[-1][0] and word.isalpha() and _is_missing(word)
    ]
    for word in accepted(root, language.dictionary, asked):
        plain, frequency = folded(word), listed[word]
        limits = _LIMITS_OF_CHOSEN if plain in names.chosen else _LIMITS
        if _outweighs(names, plain, frequency, limits):
            yield plain


def _is_missing(word: str) -> bool:
    plain = folded(word)
    return not is_ordinary(word) and not is_of_languages(plain, small=True) and not _AGES_AND_HOSPITALS.search(plain)


def _outweighs(names: Names, plain: str, frequency: float, limits: Iterable[tuple[float, int]]) -> bool:
    """Return whether a word is so frequent, and so rare as a name, that it is rather the word."""
    if plain in names.places and frequency < _LIMITS[1][0]:
        return False
    if names.is_declined(plain) or names.is_of_user(plain):
        return False
    return any(frequency >= least and names.rank(plain) > rank for least, rank in limits)


def _nouns(root: Path, names: Names, language: Language, listed: dict[str, float]) -> Iterator[str]:
    """Yield nouns, in small letters, that a sentence of their language has with a capital."""
    asked = [
        word
        for word, frequency in listed.items()
        if len(word) >= _SHORTEST and frequency >= _LIMITS_OF_NOUNS[-1][0] and not is_ordinary(word.capitalize())
    ]
    capitals = accepted(root, language.dictionary, map(str.capitalize, asked))
    small = accepted(root, language.dictionary, asked)
    for word in asked:
        plain = folded(word)
        if word.capitalize() in capitals - {each.capitalize() for each in small} and _outweighs(
            names, plain, listed[word], _LIMITS_OF_NOUNS
        ):
            yield word


def _short_words(root: Path, names: Names, language: Language, listed: dict[str, float]) -> Iterator[str]:
    """Yield words of three letters that begin a sentence."""
    asked = [
        word
        for word, frequency in listed.items()
        if len(word) == _SHORT and word.isalpha() and frequency >= _LIMITS_OF_SHORT[-1][0]
    ]
    for word in accepted(root, language.dictionary, asked):
        plain = folded(word)
        if plain not in names.chosen and _outweighs(names, plain, listed[word], _LIMITS_OF_SHORT):
            yield word


def _add_small(words: set[str]) -> None:
    path = TABLES / "terms_of_languages.txt"
    lines = path.read_bytes().splitlines()
    head = [line for line in lines if line.startswith(b"#")]
    have = {line.partition(b" ")[0]: line for line in lines if not line.startswith(b"#")}
    for word in words:
        have.setdefault(word.encode(), f"{word} s".encode())
    path.write_bytes(b"\n".join((*head, *sorted(have.values()))) + b"\n")


def _add_words(by_language: dict[str, set[str]]) -> None:
    path = TABLES / "words_of_sentences.txt"
    lines = path.read_text("utf-8").splitlines()
    head = [line for line in lines if line.startswith("#")]
    have = {
        word: set(codes.split(",")) for word, _, codes in (line.partition(" ") for line in lines if line not in head)
    }
    for word, codes in by_language.items():
        found = have.setdefault(word, set())
        found -= {code.lower() for code in codes if code.isupper()}
        found |= codes
    body = [f"{word} {','.join(sorted(have[word]))}" for word in sorted(have, key=str.encode)]
    path.write_text("\n".join((*head, *body)) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), frozenset(sys.argv[2:]))

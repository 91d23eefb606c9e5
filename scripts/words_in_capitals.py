"""Mark in deidentify/tables/words_of_sentences.txt which words are words in a text of nothing but capitals, too.

python -m scripts.words_in_capitals SOURCES       adds the marks; needs the program hunspell

SOURCES is the folder of `scripts.terms_of_languages`. Where everything has a capital, any word may be a name: FALL I
TRAPPA, CHUTE DE VELO. A word is marked, for a language, that other tables have in small letters at most, if it is
five times as likely to be meant as somebody who is called so: by how frequent it is in the language, and by how common
a name is of its rank where the language is spoken. One word of a note in ten is taken for a name. The words that are
marked have no accents, as capitals often have none.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.terms import TABLES, folded
from scripts.terms_of_languages import LANGUAGES, Names, accepted, frequencies
from sendit.deidentify.text.vocabulary import is_name_too, is_ordinary
from sendit.deidentify.text.words.sorted_words import IN_CAPITALS
from sendit.deidentify.text.words.unknown_words import KIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.terms_of_languages import Language

_TABLE = TABLES / "words_of_sentences.txt"
_LEAST = 3.0  # frequency (Zipf)
#: Frequency of a word that is as likely as the most common name of a country is, times five.
_OF_FIRST_NAME = 7.7
_RARE = 25_000  # the rank of a name that names-dataset does not rank in a country
_RANK_ANYWHERE = 60  # names up to this rank in any country are known all over the world
_RANK = 300  # the same where the language is spoken
_LEAST_CHOSEN = 5.5  # of a word that is a name typical of some country
_OF_FUNCTION_WORDS = 6.0  # words of this frequency count although all the world knows the name
_SHORT = 3
_GERMAN = "de"


def main(root: Path) -> None:
    """Add the marks to the table."""
    names = Names(root)
    lines = _TABLE.read_text("utf-8").splitlines()
    head = [line for line in lines if line.startswith("#")]
    table: dict[str, set[str]] = {}
    for line in lines[len(head) :]:
        word, _, codes = line.partition(" ")
        table[word] = {code for code in codes.split(",") if not code.endswith(IN_CAPITALS)}
    countries = {_code(language): language.countries for language in LANGUAGES}
    for language in LANGUAGES:
        is_here = (root / language.dictionary.partition("/")[0]).is_dir()
        if language.words and is_here and not language.caseless and not language.words.endswith("_vi"):
            code = _code(language)
            spoken = " ".join(countries[kin] for kin in {code, *KIN.get(code, ())})
            for word in _words(root, names, language, spoken):
                table.setdefault(word, set()).add(code + IN_CAPITALS)
    rows = (f"{word} {','.join(sorted(table[word]))}" for word in sorted(table, key=str.encode) if table[word])
    _TABLE.write_text("\n".join((*head, *rows)) + "\n", "utf-8")


def _code(language: Language) -> str:
    return language.words.rpartition("_")[2]


def _words(root: Path, names: Names, language: Language, countries: str) -> Iterator[str]:
    """Yield the words of a language that are to be marked; names are those of the countries where its kin is spoken."""
    listed = frequencies(root, language.words)
    asked = [
        word
        for word, frequency in listed.items()
        if frequency >= _LEAST
        and len(word) > 1
        and word.isalpha()
        and _outweighs(names, word, frequency, countries)
        and (len(word) <= _SHORT or is_name_too(word) or not is_ordinary(word.upper()))
    ]
    found = set(accepted(root, language.dictionary, asked))
    if language.words.endswith(f"_{_GERMAN}"):
        found |= {noun.lower() for noun in accepted(root, language.dictionary, map(str.capitalize, asked))}
    yield from (folded(word) for word in asked if word in found)


def _outweighs(names: Names, word: str, frequency: float, countries: str) -> bool:
    """Return whether a word is far more likely meant than somebody who is called so."""
    plain = folded(word)
    if names.is_declined(plain) or names.is_of_user(plain):
        return False
    if names.rank(plain) <= _RANK_ANYWHERE and frequency < _OF_FUNCTION_WORDS:
        return False
    rank = min(names.rank_in(plain, countries), _RARE)
    if rank <= _RANK or (plain in names.chosen and frequency < _LEAST_CHOSEN):
        return False
    return frequency >= _OF_FIRST_NAME - math.log10(rank)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

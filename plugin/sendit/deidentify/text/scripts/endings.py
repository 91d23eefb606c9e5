"""Recognise forms of the words that a hand has written for scripts without capitals, by their prefixes and endings.

Names have the same endings, but what they stand behind is in no such table.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from sendit.deidentify.tables import table_words
from sendit.deidentify.text.words.sorted_words import folded_word, is_listed_name, without_prefixes

if TYPE_CHECKING:
    from collections.abc import Iterator

_CASELESS = re.compile("[\u0531-\u139f\u1c90-\u1cbf]")
#: Hebrew and Arabic, whose words are short.
_OF_CONSONANTS = re.compile("[\u0590-\u06ff]")
_LONG_ENDING = 2
_SHORTEST = 3  # letters of what is left without an ending
#: By script: its first and last letter, and endings of cases, plurals, possession and forms of verbs.
_ENDINGS_TEXT = (
    ("\u0531", "\u058f", "ը ն ի ին ից ով ում եր ներ երի ների երը ները երում ներում երից ներից ական ային յան ու"),
    ("\u0590", "\u05ff", "ים ות ת ה י ית יים יות ו ם ן ך ותיו יו יה"),
    (
        "\u0600",
        "\u06ff",
        "ة ه ها هم ات ين ان ون ية يا ي اً ا ته ته تها ت ی ای ی\u200cها های هایی هایش اش ش ام م تر ترین وں یں یاں ے ی و",
    ),
    ("\u0900", "\u097f", "ा ी े ों ें ाओं ियां ियाँ ियों ीय ता में का की के को से पर ने"),
    ("\u0980", "\u09ff", "ের র তে ে য় কে টি টির গুলি গুলো গুলির ায় ীয় িক ও ই তেও"),
    ("\u0a80", "\u0aff", "નો ની નું ના ને માં થી એ ઓ ઓમાં ઓની પર માંથી નાં"),
    ("\u0b80", "\u0bff", "ில் ின் ை ுக்கு க்கு ால் ுடன் கள் களில் களின் த்தில் த்தின் த்தை இல் ும் யில் யின் வில் னில் ற்கு"),
    ("\u0c00", "\u0c7f", "లో ను ని కి కు తో లు ల లలో లకు నుండి గా పై యొక్క ంలో ంతో"),
    ("\u10a0", "\u10ff", "ი ის ს მა ით ად ში ზე თან დან ები ების ებში ებს ებზე ული ური იანი არე ო"),
    ("\u1200", "\u137f", "ው ዋ ን ም ች ዎች ቹ ና ን ኛ ት ውን"),
)
_ENDINGS = tuple(
    (first, last, tuple(sorted(dict.fromkeys(text.split()), key=len, reverse=True)))
    for first, last, text in _ENDINGS_TEXT
)
#: What Amharic writes in one word with the next: in, of, from, for.
_PREFIXES_OF_ETHIOPIA = ("በ", "የ", "ከ", "ለ", "እና", "ያለ")
_LAST_LETTER_CHANGES = (("ა", "ი"), ("ე", "ი"))


@lru_cache(maxsize=8192)
def is_written_by_hand(word: str) -> bool:
    """Return whether a word, or what is left of it without an ending or a prefix, is in a table written by hand."""
    folded = folded_word(word).replace("\u0901", "\u0902")  # साँस, सांस
    if folded in _by_hand():
        return True
    if not _CASELESS.match(word):
        return False
    listed = is_listed_name(folded)  # مریم is no form of مری
    if listed and _OF_CONSONANTS.match(word):
        return False
    shortest = _LONG_ENDING if listed else 1
    return any(bare in _by_hand() or _is_with_ending(bare, shortest) for bare in (folded, *_without_prefixes(folded)))


def _without_prefixes(word: str) -> Iterator[str]:
    yield from without_prefixes(word)
    yield from (
        word.removeprefix(prefix)
        for prefix in _PREFIXES_OF_ETHIOPIA
        if word.startswith(prefix) and len(word) - len(prefix) >= _SHORTEST - 1
    )


def _is_with_ending(word: str, shortest: int) -> bool:
    endings = next((ends for first, last, ends in _ENDINGS if first <= word[0] <= last), ())
    return any(
        len(ending) >= shortest
        and word.endswith(ending)
        and len(word) - len(ending) >= _SHORTEST
        and _is_stem(word[: -len(ending)])
        for ending in map(folded_word, endings)
    )


def _is_stem(stem: str) -> bool:
    return stem in _stems() or stem in _by_hand()


@cache
def _stems() -> frozenset[str]:
    """Return the words without an ending of their own, as another one takes its place: ريوي, ريوية; ღვიძლი, ღვიძლის."""
    found: set[str] = set()
    for word in _by_hand():
        endings = next((ends for first, last, ends in _ENDINGS if first <= word[0] <= last), ())
        short = (ending for ending in map(folded_word, endings) if len(ending) <= 1 and word.endswith(ending))
        found.update(word[: -len(ending)] for ending in short if len(word) - len(ending) >= _SHORTEST)
    return frozenset(found)


@cache
def _by_hand() -> frozenset[str]:
    """Return the words of the tables that are written by hand, in scripts without capitals, folded."""
    words = {word for name in ("words_of_scripts.txt", "languages.txt") for word in table_words(name)}
    return frozenset(folded_word(word).replace("\u0901", "\u0902") for word in words if _CASELESS.match(word))

"""Judge a word that no table has: by lists of names, by what it is like, and by the sentence that it stands in.

Cues and patterns have removed before what they announce as a name. A word in small letters stays if no list has it as a
name, and if it is more like words than like names: little within a sentence, where hardly anybody writes a name so;
more elsewhere. A word that is a name, too, stays in a sentence of the language that has it as a word.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from sendit.deidentify.text.eponyms import is_eponym
from sendit.deidentify.text.words.sorted_words import (
    folded_word,
    is_listed_name,
    languages_in_capitals_of,
    languages_of,
    likeness,
    shares_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

_SHORTEST, _SHORTEST_BACKWARDS = 4, 6  # letters
#: The least likeness of a word (`sorted_words.likeness`): anywhere, beside known words, in a sentence, and in one with
#: three known words.
_ANYWHERE, _IN_NOTE, _IN_SENTENCE, _IN_LONG_SENTENCE = 2, -3, -4, -7
_BEHIND_COMPANY = -1
_FEWEST, _MANY = 2, 3  # known words in small letters
_LONGEST_BEGIN = 8  # characters
_FEWEST_TELLING = 2  # words that tell the language of a text in small letters
#: The least share that the languages of a word have of a text; of one in small letters, where names have no capital.
_SHARE, _SHARE_OF_SMALL = 0.5, 0.7
#: The least share of words in small letters that a text has where a capital tells a name.
_SHARE_OF_CAPITALS = 0.5
#: Fewest words of a sentence in capitals.
_FEWEST_OF_CAPITALS = 3
#: Languages that share most words of a note, and are hardly told from each other in a few words.
KIN = {
    code: frozenset(kin.split())
    for kin in ("da nb sv", "cs sk", "sh sl", "ru uk", "bg mk", "es pt ca", "id ms")
    for code in kin.split()
}
_TELLING = 256  # characters of a text that tell its language
#: Where no language has this share, a text is of abbreviations, and of the words of English that all notes have.
_SHARE_OF_NONE = 0.6
_OF_GERMAN, _ENGLISH = "De", "en"
#: Words that say who did something.
_LONGEST_AGENT = 14
_AGENT = re.compile(
    r"(?<!\w)(?:by|von|vom|durch|par|por|pelo|pela|da|dal|dalla|door|av|af|przez|od|from|at|bei|chez|hos|от|из"
    r"|for|för|für|pour|para|per)\s(?:the\s|dr\.?\s)?$",
    re.IGNORECASE,
)
#: Words before what somebody did or has as often as before somebody.
_COMPANY = re.compile(r"(?<!\w)(?:with|mit|avec|con|com|in|u|при|у|c|с)\s(?:the\s|dr\.?\s)?$", re.IGNORECASE)
#: Endings of names in the cases of Slavic, Baltic and Finnic languages and of Hungarian, folded, and what the name has
#: in their place where it is not inflected: Ковальчука, Kučeru, Wieczorka, Laineen. Endings of Romance plurals and of
#: Germanic adjectives are none of them.
_CASES_TEXT = """
    а=,ь,о я=и,ь у=,о,а ю=и,ь,я ом=,о ем=,ь ові=,о еві=,ь ого=ии,ои,ыи ому=ии,ои,ыи ым=,ыи им=,ии оі=а ои=а,ая ою=а
    ка=ок,ек,о ски= ска=
    a=,o u=,a,o owi=,o,a ovi=,o,a em= iem= om=,o ka=ek,ko ca=ec kowi=ek kovi=ek ego=y,i emu=y,i eho=y ej=a
    ove=ova,a ovej=ova,a y=a ky=ka
    aus=us iaus=ius nam=ns lam=ls
    sen=nen een=e nak= nek= nal= nel=
"""
_CASES = {ending: bare.split(",") for ending, _, bare in (case.partition("=") for case in _CASES_TEXT.split())}
_LONGEST_ENDING = max(map(len, _CASES))
#: The greatest likeness of a name whose forms are told from words by it.
_NAME_AT_MOST = 2
_BEGIN = re.compile(r"(?:^|[.!?;:]\s|[\r\n])\W*$")
_WORD = re.compile(r"[^\W\d_]+")
_BEFORE_WORD = re.compile(r"(?:^|[\s(,;:/.])$")
_BEHIND_WORD = re.compile(r"[),;:/.?!]*(?:\s|$)")
#: How many there are of what follows: 3 cores, 30 Grad.
_BEHIND_COUNT, _LONGEST_COUNT = re.compile(r"(?<![\w.,/\-])\d{1,3}(?:[.,]\d)?\s$"), 7
_POSSESSIVE = re.compile(r"['’]s(?!\w)")
_GOES_ON = re.compile(r"[,:]? ([^\W\d_]+)")
#: Ages over 89, days, houses and streets.
_IDENTIFYING = re.compile(
    "stolet|stulet|hundertjahr|neunzigjahr|hunderteinj|centenar|nonagenar|honderdjar|negentigjar|hundraar|nittiar"
    "|hundrear|devadesat|devatdesiat|storocn|dziewiecdziesi|kilencven|szazeves|satavuot|yhdeksankymmen|столетн|девяност"
    "|сторичн|стогодишн|und(?:zwanzig|dreissig|neunzig)|(?:sjuk|syk|syge)e?hus|(?:kranken|zieken)h[au][ui]s"
    "|hospi[dt]al|spital|[ck]lini[ck]|apothe"
    "|(?:strasse|strase|straat|gasse|platz|allee|gatan|gade|vagen|veien|vej|laan|utca|ulica|hof|haus|heim)$"
)


def is_like_words(word: str, folded: str) -> bool:
    """Return whether a word in small letters is like words wherever it stands, and no list has it as a name.

    With a capital, none is: six of 35,833 names that were invented in thirty languages were as like words as words are.

    Args:
        word: the word.
        folded: the same in lower case without accents.
    """
    return word.islower() and _is_likely(folded, _ANYWHERE)


def _is_likely(folded: str, least: float) -> bool:
    return (
        len(folded) >= _SHORTEST
        and likeness(folded) > least
        and not is_listed_name(folded)
        and not _is_backwards(folded)
        and not _IDENTIFYING.search(folded)
    )


def _is_backwards(folded: str) -> bool:
    """Return whether a word that no table has is a name backwards, as somebody disguised it."""
    return len(folded) >= _SHORTEST_BACKWARDS and is_name_of_person(folded[::-1])


@lru_cache(maxsize=4096)
def nominatives_of(folded: str) -> tuple[str, ...]:
    """Return what a word may be inflected from, as names are in languages with cases; the word itself is none of them.

    Args:
        folded: the word, in lower case without accents.
    """
    return tuple(
        folded[:-length] + ending
        for length in range(1, min(_LONGEST_ENDING, len(folded) - _SHORTEST + 1) + 1)
        for ending in _CASES.get(folded[-length:], ())
    )


def is_name_of_person(nominative: str) -> bool:
    """Return whether a list has a word as a name, and it is not like other words."""
    return len(nominative) >= _SHORTEST and likeness(nominative) <= _NAME_AT_MOST and is_listed_name(nominative)


def with_words_of_sentences(runs: Sequence[re.Match[str]], usual: Sequence[bool]) -> list[bool]:
    """Return which words of a text stay, with those that stay because of the sentence around them.

    Args:
        runs: the words.
        usual: whether each of them stays anyhow.
    """
    stays, before = list(usual), -1
    while not all(stays) and before != sum(stays):
        before, known = sum(stays), _known(runs, stays)
        stays = [one or _belongs_to_sentence(run, known) for run, one in zip(runs, stays, strict=True)]
    return stays


def _known(runs: Sequence[re.Match[str]], stays: Sequence[bool]) -> int:
    """Return how many words in small letters stay; one if only the first word does, and it is nobody's name."""
    small = sum(one and len(run[0]) > 1 and run[0] == run[0].lower() for run, one in zip(runs, stays, strict=True))
    return small or int(bool(runs) and stays[0] and _begins_note(runs[0][0]))


def _begins_note(word: str) -> bool:
    return len(word) >= _SHORTEST and word.istitle() and not is_listed_name(folded_word(word))


def _belongs_to_sentence(run: re.Match[str], known: int) -> bool:
    word = run[0]
    if (
        word.islower()
        and languages_of(word)
        and _BEHIND_COUNT.search(run.string, max(0, run.start() - _LONGEST_COUNT), run.start())
    ):
        return not is_eponym(word) and _stands_free(run)
    if known < 1 or is_eponym(word) or word != word.lower():
        return False
    if known >= _FEWEST and is_word_of_language(word, run.string):
        return True
    if is_surely_word(word, run.string):
        return True
    if not word.islower() or _is_behind(_AGENT, run):
        return False
    folded = folded_word(word)
    if _is_behind(_COMPANY, run):
        return _is_likely(folded, _BEHIND_COMPANY)
    if not run.string[:1].isupper():
        return _is_likely(folded, _IN_NOTE) and _stands_free(run) and not _is_of_user(folded)
    if is_word_of_language(word, run.string) and not _POSSESSIVE.match(run.string, run.end()):
        return True
    return _is_likely(folded, _IN_LONG_SENTENCE if known >= _MANY else _IN_SENTENCE)


def _stands_free(run: re.Match[str]) -> bool:
    """Return whether a word is joined to nothing, as names of users and of subjects are: t2_jansen, sub-kovacs."""
    return _BEFORE_WORD.search(run.string, max(0, run.start() - 1), run.start()) is not None and bool(
        _BEHIND_WORD.match(run.string, run.end())
    )


@lru_cache(maxsize=4096)
def _is_of_user(folded: str) -> bool:
    """Return whether a word is a name behind an initial or a title, as users are called: tnovak, drnovak."""
    return any(
        len(folded) - start >= _SHORTEST and is_listed_name(folded[start:]) and likeness(folded[start:]) < 0
        for start in (1, 2)
    )


def is_behind_agent(text: str, start: int) -> bool:
    """Return whether a word says who did something, or with whom, as "by", "from" or "with" stands before it."""
    return any(words.search(text, max(0, start - _LONGEST_AGENT), start) for words in (_AGENT, _COMPANY))


def _is_behind(words: re.Pattern[str], run: re.Match[str]) -> bool:
    return words.search(run.string, max(0, run.start() - _LONGEST_AGENT), run.start()) is not None


def is_word_of_language(word: str, text: str) -> bool:
    """Return whether a word in small letters is one of the language of a text, though somebody may be called so."""
    return _is_of_text({code.lower() for code in languages_of(word)}, text, word)


def _is_of_text(codes: Set[str], text: str, without: str) -> bool:
    """Return whether a text is of one of some languages, by its frequent words or by the parts of all its words."""
    if not codes:
        return False
    if not _languages_of_text(text, without).isdisjoint(codes):
        return True
    shares = shares_of(text[:_TELLING], without)
    if _ENGLISH in codes and max(shares.values(), default=0.0) < _SHARE_OF_NONE:
        return True
    least = _SHARE_OF_SMALL if text.islower() or text.isupper() else _SHARE
    return sum(shares.get(code, 0.0) for code in codes) >= least


def begins_in_language(word: str, match: re.Match[str]) -> bool:
    """Return whether a word with a capital begins a sentence of a language in which it is rather a word.

    Args:
        word: the word.
        match: where it stands.
    """
    codes = {code.lower() for code in languages_of(word.lower()) if code.isupper()}
    if not codes or not is_at_begin(match):
        return False
    goes_on = _GOES_ON.match(match.string, match.end())
    if not goes_on or not goes_on[1].islower():
        return False
    text, small = match.string, word.lower()
    shares = shares_of(text[:_TELLING], small)
    return not _languages_of_text(text, small).isdisjoint(codes) or any(shares.get(one, 0.0) >= _SHARE for one in codes)


@lru_cache(maxsize=512)
def is_in_capitals(text: str) -> bool:
    """Return whether a text is a sentence of nothing but capitals."""
    return text.isupper() and sum(len(word) > 1 for word in _WORD.findall(text)) >= _FEWEST_OF_CAPITALS


def is_word_in_capitals(word: str, text: str) -> bool:
    """Return whether a word of a sentence in capitals is rather a word of its language than a name in it.

    Args:
        word: the word.
        text: the whole text.
    """
    return is_in_capitals(text) and _is_rather_of_text(word, text)


def is_surely_word(word: str, text: str) -> bool:
    """Return whether a word in small letters, or in a sentence in capitals, is rather no name in its language.

    Args:
        word: the word.
        text: the whole text.
    """
    return (word.islower() or is_in_capitals(text)) and _is_rather_of_text(word, text)


def _is_rather_of_text(word: str, text: str) -> bool:
    codes = _surely_of(word)
    return bool(codes) and _is_of_text(codes, text[:_TELLING], word.lower())


def _surely_of(word: str) -> frozenset[str]:
    codes = languages_in_capitals_of(folded_word(word))
    return codes.union(*(KIN[code] for code in codes & KIN.keys()))


@lru_cache(maxsize=512)
def capitals_tell(text: str) -> bool:
    """Return whether half of the words are in small letters, so that a capital tells a name, but for the first one."""
    words = [word for word in _WORD.findall(text) if len(word) > 1 and not word.isupper()]
    words = words if not words or words[0].islower() else words[1:]
    small = sum(word.islower() for word in words)
    return small >= 1 and small >= _SHARE_OF_CAPITALS * len(words) and not _is_of_text({"de"}, text, "")


def is_noun_with_capital(word: str, match: re.Match[str]) -> bool:
    """Return whether a word with a capital is a noun of German, in a text of German.

    Args:
        word: the word.
        match: where it stands.
    """
    small = word.lower()
    if _OF_GERMAN not in languages_of(small):
        return False
    if _BEHIND_COUNT.search(match.string, max(0, match.start() - _LONGEST_COUNT), match.start()):
        return True
    shares = shares_of(match.string[:_TELLING], small)
    german = shares.get("de", 0.0)
    near = "de" in _languages_of_text(match.string, small) and german + shares.get("nl", 0.0) >= _SHARE
    return near or german >= _SHARE


def is_at_begin(match: re.Match[str]) -> bool:
    """Return whether a sentence or a line begins where a word stands."""
    return _BEGIN.search(match.string, max(0, match.start() - _LONGEST_BEGIN), match.start()) is not None


@lru_cache(maxsize=512)
def _languages_of_text(text: str, without: str) -> frozenset[str]:
    """Return the languages that have most words of a text, leaving one word out."""
    words = [word for word in map(str.lower, _WORD.findall(text)) if word != without]
    counts = Counter(code.lower() for word in words for code in languages_of(word))
    most = max(counts.values(), default=0)
    least = _FEWEST_TELLING if text.islower() or text.isupper() else 1  # names are not told from words
    return frozenset(code for code, count in counts.items() if count == most >= least)

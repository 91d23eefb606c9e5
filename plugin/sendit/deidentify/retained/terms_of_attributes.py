"""Keep words that are terms in their attribute, though people are called so: Chang in AttenuationCorrectionMethod.

`tables/terms_of_attributes.txt` lists attributes and words by kind: methods, views, maps of colours, detectors,
collimators, stains, plans, and with `tables/software.txt` programs. They are set aside while the rest of the text is
cleaned. A text with personal data of the file gets no such favour, nor does a word behind "by" or a title, or beside
one that goes.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from anyascii import anyascii

from sendit.deidentify.tables import table_words, tag_of
from sendit.deidentify.text.characters import Aside
from sendit.deidentify.text.sections import any_of, cues, products, words_by_section
from sendit.deidentify.text.vocabulary import is_abbreviation_of_methods, is_coined
from sendit.deidentify.text.words.sorted_words import folded_word, is_listed_name
from sendit.deidentify.text.words.unknown_words import is_behind_agent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sendit.deidentify.text.clean import TextCleaner

_DETECTOR = 0x00187006
_TABLE = "terms_of_attributes.txt"
_DIGITS, _FEWEST_DIGITS = re.compile(r"\d+"), 4
_WORD, _NUMBER = re.compile(r"[^\W\d_]+"), re.compile(r"\d{4}")
#: A word with what is joined to it, in no path and no address; GE's Q.Clear has a point within it.
_WHOLE = re.compile(r"(?<![\w@\\/.\-])(?:Q\.(?=[A-Z]))?\w+(?:[\-’']\w+)*(?![\w@\\]|[./]\w)")
#: Letters between digits: of a code, in which a term stands by chance.
_MIXED = re.compile(r"\d[^\W\d_]+\d")
#: Sizes of detectors in pixels, in cm and in inches (2800x3408, 4343W), and models behind the name of their series
#: (CXDI-702C). M4343 may be somebody's number.
_OF_DETECTOR = re.compile(
    r"[1-9]\d{2,3}[x×][1-9]\d{2,3}"
    r"|(?![A-Z]\d+$)[A-Z]{0,4}-?"
    r"(?:1012|1014|1417|1717|1824|2430|2530|2532|3025|3030|3543|3643|4030|4143|4336|4343)(?:-?[A-Z]{1,3})?"
    r"|(?P<series>[A-Za-z]{2,9})-?\d{3,4}[A-Z]{0,3}"
)

#: Iodine and gadolinium in Chinese and Japanese, and what they are bound to.
_OF_ELEMENT = re.compile("[碘钆釓][\u4e00-\u9fff]{1,8}|[沃ヨ][素ー][\u3040-\u30ff\u4e00-\u9fff]{1,8}")
#: Letters of one sound, in the order of their replacement.
_CONFUSED = (
    ("ph", "f"), ("qu|[qc]", "k"), ("x", "ks"), ("[pvw]", "b"), ("l", "r"), ("z", "s"), ("ky", "ki"),
    ("^[jy](?=[aeiou])", "i"), ("[hjy]", ""),
)  # fmt: skip
_FEWEST_CONSONANTS, _LONGEST_OF_CODE = 3, 3


def with_terms(tag: int, text: str, texts: TextCleaner, clean: Callable[[str], str]) -> str:
    """Return a cleaned text in which the terms of its attribute stayed.

    Args:
        tag: the attribute.
        text: its text.
        texts: what is known of the persons of the file.
        clean: cleans the rest of the text.
    """
    cleaned = clean(text)
    if cleaned == text or tag not in _words() or texts.holds_personal_data(text) or texts.knows_name(text):
        return cleaned
    held = Aside(Aside.TERMS)
    apart = _WHOLE.sub(lambda match: _aside(match, tag, held), text)
    if not held.parts:
        return cleaned
    rest = clean(apart) if re.search(r"\w", apart) else apart
    if _digits_that_came_back(rest, cleaned) >= _FEWEST_DIGITS:
        return cleaned
    alone = tag in _free_texts() and not _WORD.search(rest)
    if (alone or rest != apart) and any(is_listed_name(folded_word(word)) for word in held.parts):
        return cleaned  # all that a text of any content says may be a name, and what had to go the other part of one
    return held.put_back(rest) or cleaned


def _digits_that_came_back(rest: str, cleaned: str) -> int:
    """Return how many digits stay only because letters before them were set aside: of `LI 12 34 56 A`."""
    return sum(map(len, set(_DIGITS.findall(rest)) - set(_DIGITS.findall(cleaned))))


def _aside(whole: re.Match[str], tag: int, held: Aside) -> str:
    """Return a name with digits and signs, in which terms are set aside: itself, or words of it."""
    terms = _words()[tag]
    is_program = tag in _for_software() and whole[0].lower() in _software()  # nobody's name, also behind "by"
    if is_program or (tag == _DETECTOR and _is_of_detector(whole[0])):
        return held.take(whole[0])
    if (
        _MIXED.search(whole[0])
        or is_behind_agent(whole.string, whole.start())
        or _behind_title().search(whole.string, 0, whole.start())
    ):
        return whole[0]

    if _NUMBER.search(whole[0]) and tag not in _agents():
        return whole[0]  # a term beside a number does not explain it

    def word_aside(match: re.Match[str]) -> str:
        word = match[0]
        is_term = word.lower() in terms and not _is_within_code(match)  # Sato is a filter's, SATŌ a person's
        return held.take(word) if is_term or _is_coinage(tag, word, whole[0]) else word

    return _WORD.sub(word_aside, whole[0])


def _is_within_code(match: re.Match[str]) -> bool:
    """Return whether digits stand before a word without a sign between, and it is short or more stand behind it."""
    before, behind = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    return before.isdigit() and (behind.isdigit() or len(match[0]) <= _LONGEST_OF_CODE)


def _is_coinage(tag: int, word: str, whole: str) -> bool:
    """Return whether a word in no table is nobody's name, and made as words are made where it stands.

    Args:
        tag: the attribute.
        word: the word.
        whole: the word with the digits and signs that are joined to it: letters of a code are no word.
    """
    if tag in _agents() and is_agent(word):
        return True
    if any(map(str.isdigit, whole)):
        return False
    return tag in _of_machines() and (is_coined(word) or is_abbreviation_of_methods(word))


def _is_of_detector(text: str) -> bool:
    """Return whether a text is the size or the model of a detector."""
    found = _OF_DETECTOR.fullmatch(text)
    return found is not None and (found["series"] is None or found["series"].lower() in _words()[_DETECTOR])


@cache
def _words() -> Mapping[int, frozenset[str]]:
    """Return the terms of every attribute that has some."""
    named = words_by_section(_TABLE)
    found: dict[int, frozenset[str]] = {}
    for kind in (
        *("methods", "views", "colours", "detectors", "collimators", "devices", "stains", "schemes", "plans"),
        *("agents", "structures", "beams", "applicators"),
    ):
        for keyword in named[f"{kind} for"]:
            tag = tag_of(keyword, _TABLE)
            found[tag] = found.get(tag, frozenset()) | named[kind]
    return found | {tag: found.get(tag, frozenset()) | _software() for tag in _for_software()}


@cache
def _behind_title() -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{any_of(cues()['title'])})\.?\s*$", re.IGNORECASE)


@cache
def _for_software() -> frozenset[int]:
    return _tags_of("software for")


@cache
def _of_machines() -> frozenset[int]:
    """Return the attributes for methods and parts of devices that people do not fill in with any text."""
    kinds = ("methods for", "detectors for", "collimators for", "devices for")
    return frozenset().union(*map(_tags_of, kinds)) - _free_texts()


@cache
def _agents() -> frozenset[int]:
    return _tags_of("agents for")


@lru_cache(maxsize=1024)
def is_agent(word: str) -> bool:
    """Return whether a word of another script is an agent's name: 碘海醇, Омнипак, イオパミドール.

    Chinese names say the element. Others are compared by their consonants in Latin letters, as scripts write the same
    sound in several ways, and by whether they begin with a vowel.
    """
    if _OF_ELEMENT.fullmatch(word):
        return True
    if word.isascii() or not word.isalpha() or is_listed_name(folded_word(word)):
        return False
    latin = re.sub("[^a-z]", "", anyascii(word).lower())
    sounds = {_consonants(way) for way in (latin, re.sub("(?<=.)g", "", latin))}
    return any(sound in _agents_by_sound() for sound in sounds)


def _consonants(word: str) -> str:
    """Return the consonants of a word, those that scripts confuse as one, behind a sign for a vowel in front."""
    for letters, one in _CONFUSED:
        word = re.sub(letters, one, word)
    bare = re.sub(r"(.)\1+", r"\1", re.sub("[aeiou]", "", word))
    return ("-" if word[:1] in tuple("aeiou") else "") + bare


@cache
def _agents_by_sound() -> frozenset[str]:
    sounds = map(_consonants, filter(str.isascii, products()["agents"]))
    return frozenset(sound for sound in sounds if len(sound.lstrip("-")) >= _FEWEST_CONSONANTS)


@cache
def _free_texts() -> frozenset[int]:
    return _tags_of("free texts")


def _tags_of(section: str) -> frozenset[int]:
    return frozenset(tag_of(keyword, _TABLE) for keyword in words_by_section(_TABLE)[section])


@cache
def _software() -> frozenset[str]:
    return table_words("software.txt") | words_by_section(_TABLE)["software"]

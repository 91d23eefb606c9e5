"""Keep words that are terms in their attribute, though people are called so: Chang in AttenuationCorrectionMethod.

`tables/terms_of_attributes.txt` lists attributes and words by kind: methods, views, maps of colours, detectors,
collimators, stains, plans, and with `tables/software.txt` programs. They are set aside while the rest of the text is
cleaned. A text with personal data of the file gets no such favour, nor does a word behind "by" or a title, or beside
one that goes.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from sendit.deidentify.tables import table_words, tag_of
from sendit.deidentify.text.sections import any_of, cues, words_by_section
from sendit.deidentify.text.sorted_words import folded_word, is_listed_name
from sendit.deidentify.text.unknown_words import is_behind_agent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sendit.deidentify.text.clean import TextCleaner

_DETECTOR = 0x00187006
_TABLE = "terms_of_attributes.txt"
#: Stands in for a term: neither letter nor space, and another one than that of eponyms.
_HELD = "\ue001"
_DIGITS, _FEWEST_DIGITS = re.compile(r"\d+"), 4
_WORD = re.compile(r"[^\W\d_]+")
#: A word with what is joined to it, in no path and no address.
_WHOLE = re.compile(r"(?<![\w@\\/.\-])\w+(?:[\-’']\w+)*(?![\w@\\]|[./]\w)")
#: A transducer: letters and frequencies in MHz or the number of a model (PLT-1005BT, SL15-4, 9L-D).
_PROBE = re.compile(r"(?=(?:\D*\d){1,4}\D*$)[A-Z\d]{1,4}-?[A-Z\d]{1,6}(?:-[A-Z\d]{1,3})?[a-z]{0,2}")
#: Letters between digits: of a code, in which a term stands by chance.
_MIXED = re.compile(r"\d[^\W\d_]+\d")
#: Sizes of detectors in pixels, in cm and in inches (2800x3408, 4343W), and models behind the name of their series
#: (CXDI-702C).
_OF_DETECTOR = re.compile(
    r"[1-9]\d{2,3}[x×][1-9]\d{2,3}"
    r"|(?:1012|1014|1417|1717|1824|2430|2530|2532|3025|3030|3543|3643|4030|4143|4336|4343)(?:[A-Z]|H?[CFRW][CEFTWX])|(?P<series>[A-Za-z]{2,9})-?\d{3,4}[A-Z]{0,3}"
)
#: Settings of a processing, short labels with short numbers, as Fuji writes them: GA1.0:GTE:GS-0.08.
_SETTING = r"(?:[A-Z]{1,4}[+\-]?(?:\d{1,2}(?:\.\d{1,2})?)?|[+\-]?\d{1,2}\.\d{1,2})"
_SETTINGS = re.compile(rf"{_SETTING}(?:[:;,/ ]{{1,2}}{_SETTING})+")
#: A version by the commit it was built from, or by the day behind the word for it.
_COMMIT = re.compile(r"(?i:git|commit|sha|rev|hash)[ :\-_]{1,2}g?[0-9a-f]{7,40}|[\w.\-+]{1,24}-\d{1,4}-g[0-9a-f]{7,12}")


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
    held: list[str] = []
    apart = _WHOLE.sub(lambda match: _aside(match, tag, held), text)
    if not held:
        return cleaned
    rest = clean(apart) if re.search(r"\w", apart) else apart
    if rest.count(_HELD) != len(held) or _digits_that_came_back(rest, cleaned) >= _FEWEST_DIGITS:
        return cleaned
    alone = tag in _free_texts() and not _WORD.search(rest.replace(_HELD, " "))
    if (alone or rest != apart) and any(is_listed_name(folded_word(word)) for word in held):
        return cleaned  # all that a text of any content says may be a name, and what had to go the other part of one
    waiting = iter(held)
    return re.sub(_HELD, lambda _: next(waiting), rest)


def _digits_that_came_back(rest: str, cleaned: str) -> int:
    """Return how many digits stay only because letters before them were set aside: of `LI 12 34 56 A`."""
    return sum(map(len, set(_DIGITS.findall(rest)) - set(_DIGITS.findall(cleaned))))


def _aside(whole: re.Match[str], tag: int, held: list[str]) -> str:
    """Return a name with digits and signs, in which terms are set aside: itself, or words of it."""
    terms = _words()[tag]
    is_program = tag in _for_software() and whole[0].lower() in _software()  # nobody's name, also behind "by"
    if is_program or (tag == _DETECTOR and _is_of_detector(whole[0])):
        held.append(whole[0])
        return _HELD
    if (
        _MIXED.search(whole[0])
        or is_behind_agent(whole.string, whole.start())
        or _behind_title().search(whole.string, 0, whole.start())
    ):
        return whole[0]

    def word_aside(match: re.Match[str]) -> str:
        if match[0].lower() not in terms:  # Sato is a filter's, SATŌ a person's
            return match[0]
        held.append(match[0])
        return _HELD

    return _WORD.sub(word_aside, whole[0])


def _is_of_detector(text: str) -> bool:
    """Return whether a text is the size or the model of a detector."""
    found = _OF_DETECTOR.fullmatch(text)
    return found is not None and (found["series"] is None or found["series"].lower() in _words()[_DETECTOR])


def is_written_by_device(tag: int, text: str, texts: TextCleaner) -> bool:
    """Return whether a text has a form that only devices write there, and no number of the file's persons."""
    form = _forms().get(tag)
    if form is None or not form.fullmatch(text.strip()):
        return False
    return not texts.holds_personal_data(text) and not texts.is_identifier(re.sub(r"\D", "", text))


@cache
def _forms() -> Mapping[int, re.Pattern[str]]:
    forms = {
        "TransducerData": _PROBE,
        "AcquisitionDeviceProcessingCode": _SETTINGS,
        "AlgorithmVersion": _COMMIT,
        "SoftwareVersions": _COMMIT,
        "ApplicationVersion": _COMMIT,
    }
    return {tag_of(keyword, __name__): form for keyword, form in forms.items()}


@cache
def _words() -> Mapping[int, frozenset[str]]:
    """Return the terms of every attribute that has some."""
    named = words_by_section(_TABLE)
    found: dict[int, frozenset[str]] = {}
    for kind in ("methods", "views", "colours", "detectors", "collimators", "stains", "schemes", "plans"):
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
def _free_texts() -> frozenset[int]:
    return _tags_of("free texts")


def _tags_of(section: str) -> frozenset[int]:
    return frozenset(tag_of(keyword, _TABLE) for keyword in words_by_section(_TABLE)[section])


@cache
def _software() -> frozenset[str]:
    return table_words("software.txt") | words_by_section(_TABLE)["software"]

"""Keep words that are terms in their attribute, though people are called so: Chang in AttenuationCorrectionMethod.

`tables/terms_of_attributes.txt` lists attributes and words by kind: methods, views, maps of colours, detectors,
collimators, and with `tables/software.txt` programs. They are set aside while the rest of the text is cleaned. A text
with personal data of the file gets no such favour, nor does a word behind "by" or "from".
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from sendit.deidentify.tables import table_words, tag_of
from sendit.deidentify.text.sections import words_by_section
from sendit.deidentify.text.sorted_words import folded_word
from sendit.deidentify.text.unknown_words import is_behind_agent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sendit.deidentify.text.clean import TextCleaner

_TABLE = "terms_of_attributes.txt"
#: Stands in for a term: neither letter nor space, and another one than that of eponyms.
_HELD = "\ue001"
_WORD = re.compile(r"[^\W\d_]+")
_PROGRAM = re.compile(r"(?<![\w@\\/.])[A-Za-z][\w\-]*\w(?![\w@\\/])")
#: A transducer: letters and frequencies in MHz or the number of a model (PLT-1005BT, SL15-4, 9L-D).
_PROBE = re.compile(r"(?=(?:\D*\d){1,4}\D*$)[A-Z\d]{1,4}-?[A-Z\d]{1,5}(?:-[A-Z\d]{1,3})?[a-z]{0,2}")
#: Settings of a processing, short labels with numbers of up to three digits, as Fuji and others write them: GA1.0:GTE:GS-0.08.
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

    def aside(match: re.Match[str]) -> str:
        word = folded_word(match[0])
        if word not in _words()[tag] or is_behind_agent(text, match.start()):
            return match[0]
        held.append(match[0])
        return _HELD

    apart = _WORD.sub(aside, text)
    if tag in _for_software():
        held.clear()
        apart = _PROGRAM.sub(lambda match: aside(match) if match[0].lower() in _software() else match[0], text)
        apart = apart if held else _WORD.sub(aside, text)
    if not held:
        return cleaned
    rest = clean(apart) if re.search(r"\w", apart) else apart
    if rest.count(_HELD) != len(held):
        return cleaned
    waiting = iter(held)
    return re.sub(_HELD, lambda _: next(waiting), rest)


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
    for kind in ("methods", "views", "colours", "detectors", "collimators"):
        for keyword in named[f"{kind} for"]:
            tag = tag_of(keyword, _TABLE)
            found[tag] = found.get(tag, frozenset()) | named[kind]
    return found | {tag: found.get(tag, frozenset()) | _software() for tag in _for_software()}


@cache
def _for_software() -> frozenset[int]:
    return frozenset(tag_of(keyword, _TABLE) for keyword in words_by_section(_TABLE)["software for"])


@cache
def _software() -> frozenset[str]:
    return table_words("software.txt")

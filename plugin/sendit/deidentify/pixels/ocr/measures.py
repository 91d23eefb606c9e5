"""Recognise text that devices write into images and that reveals nothing: scales, depth marks, measurements.

It is an allowlist: a line with any word outside of it, or read with low confidence, is masked.
"""

from __future__ import annotations

import re

from sendit.deidentify.text.sections import words_by_section

_UNITS = (
    r"cm|mm|m|in|cm[23²³]|mm[2²]|(?:c|m)?m/s(?:ec)?|m?l|m?l/min|[km]?hz|db|%|bpm|/min|ms(?:ec)?|s(?:ec)?|min|mmhg|kpa|"
    r"m?w(?:/cm[2²])?|°c?|deg|fps|m[mv]/mv|mv"
)
_LABELS = (
    r"de?pth|mi|ti[sbc]?|fr|hr|gain|gn|dr|prf|wf|sv|angle|psv|edv|esv|[rp]i|s/d|vm(?:ax|in|ean)|m?pg|vti|vel|dist|area|"
    r"circ|vol|len(?:gth)?|diam|ef|lvid[ds]|lvef|ivsd|lvpwd|tapse|ao|[lr][av]|tgc|fre?q|res|map|col|cfm|[234]d|[mb]-mode|"
    r"[pc]w|cpa|thi|gen|pen|[hlwdabcx+]"
)
_SINGLE = 1  # letters; such a label has a number beside it


_NUMBER = r"[-+<>~±]?(?:\d{1,3}(?:[.,]\d{0,3})?|[.,]\d{1,3})"
_WORD = re.compile(rf"(?:(?:{_LABELS})\d?[:=.]?)?(?:{_NUMBER})?(?:{_UNITS})?[:=]?", re.IGNORECASE)
_WHOLE = re.compile(r"\d{1,3}")


def is_measure(text: str) -> bool:
    """Return whether a line holds only numbers of at most three digits, units, and names of measures.

    Three whole numbers in a row may be a date or a time of day; four digits in a row may be a year.
    """
    words = text.replace("|", " ").split()
    if not words or not all(_WORD.fullmatch(word) for word in words):
        return False
    if len(words) > 2 and sum(_WHOLE.fullmatch(word) is not None for word in words) > 2:
        return False
    return any(character.isdigit() for character in text) or all(len(word) > _SINGLE for word in words)


# --- what stays as technique, if the project wishes it --------------------------------------------------------------

#: A number, several of them in a row of measures ("3.5 x 2.1"), and what may stand beside one. No time, no date: those
#: have colons, or three parts.
_FIGURE = re.compile(r"[-+<>=~±≤≥]{0,2}(?:\d{1,3}(?:[.,]\d{1,3})?|\d{4}[.,]\d{1,2}|[.,]\d{1,3})%?")
_WITH_UNIT = re.compile(r"[-+<>=~±≤≥]{0,2}(\d{1,5}(?:[.,]\d{1,3})?|[.,]\d{1,3})([^\d\s.,:]\S{0,9})")
_LONG = re.compile(r"\d{4}")
_YEAR = re.compile(r"(?:18|19|20|21)\d\d")
#: Probes (C5-1, L12-5), lines of a mode (DR60, H4.00, X3, M3).
_SETTING = re.compile(r"[A-Z]{1,2}\d{1,2}-\d{1,2}[a-z]?|([A-Za-z]{1,4})[-:=]?(\d{1,3}(?:[.,]\d{1,2})?)")
_SIGNS = re.compile(r"[-+*/|=:;()\[\]<>~±.,%°]{1,2}")


def is_technique(text: str) -> bool:
    """Return whether every word of a line is one of machines, or a number, with a unit where it is long.

    Three numbers in a row without a unit may be a date or a time of day.
    """
    words = text.replace("|", " ").replace("µ", "u").split()
    if not words or not any(character.isalnum() for character in text):
        return False
    bare = [number for number, word in enumerate(words) if _WHOLE.fullmatch(word)]
    if len(bare) > 2 or not all(_is_of_machine(word, words[at + 1 : at + 2]) for at, word in enumerate(words)):
        return False
    return any(character.isdigit() for character in text) or all(len(_bare(word)) > _SINGLE for word in words)


def is_label(text: str) -> bool:
    """Return whether a line names a measure, and has no number."""
    words = text.split()
    return bool(words) and not any(character.isdigit() for character in text) and all(map(_is_word, words))


def is_value(text: str) -> bool:
    """Return whether a line is a number, perhaps with a unit."""
    return bool(re.match(r"[-+<>=~±≤≥]{0,2}[.,]?\d", text.strip()))


def is_plain_number(text: str) -> bool:
    """Return whether a line is one number that is no year, and too short for one that identifies."""
    number = text.strip()
    return bool(re.fullmatch(r"[-+<>]?\d{1,4}(?:[.,]\d{1,3})?", number)) and not _YEAR.fullmatch(number)


def _is_of_machine(word: str, after: list[str]) -> bool:
    """Return whether a word is one of machines, given the one after it."""
    if _is_word(word) or _SIGNS.fullmatch(word) or _FIGURE.fullmatch(word.rstrip(",;")):
        return True
    if _LONG.fullmatch(word):  # a year, but for its unit
        return bool(after) and _bare(after[0]) in words_by_section("console.txt")["units"]
    name, sign, number = re.match(r"([^\d:=<>]*)([:=<>]*)(.*)", word).groups()  # type: ignore[union-attr]
    if sign and _is_word(name) and (not number or _FIGURE.fullmatch(number) or _has_unit(number)):
        return True
    return _has_unit(word) or _is_setting(word)


def _has_unit(word: str) -> bool:
    match = _WITH_UNIT.fullmatch(word)
    return match is not None and _bare(match[2]) in words_by_section("console.txt")["units"]


def _is_setting(word: str) -> bool:
    match = _SETTING.fullmatch(word)
    return match is not None and (match[1] is None or len(match[1]) == _SINGLE or _is_word(match[1]))


def _is_word(word: str) -> bool:
    bare = _bare(word)
    return any(bare in words for words in words_by_section("console.txt").values())


def _bare(word: str) -> str:
    return word.strip(":=.,;()[]*").lower()

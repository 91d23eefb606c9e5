"""Judge the words in the meaning of a code that is one of its scheme: few people would write a name beside it.

Everyday words that are family names, too (harm, rider, rump), and names of people in the names of diseases and
structures (Perry syndrome) stay here and nowhere else, as `tables/meaning_words.txt` has them. What the file itself
knows of persons has been removed before.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from sendit.deidentify.text.record_numbers import STRANGER
from sendit.deidentify.text.sections import words_by_section
from sendit.deidentify.text.vocabulary import is_name_too, is_ordinary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_RUN = re.compile(r"[^\W\d_]+")
#: The class of a fracture or stage: IIIB.
_CLASS = re.compile("[IVX]{1,4}[A-E]?")
#: Words of a meaning; a meaning of fewer is only judged as a description is.
_FEWEST = 2
_SHORT = 3
_NEAR = 3  # characters between neighbours
_GOES_ON = re.compile(r"[ \-,]+[a-z]")


def without_strangers_to_meanings(text: str) -> str:
    """Return the text without words that are neither ordinary nor of the names of findings and structures."""
    runs = list(_RUN.finditer(text))
    if sum(len(run[0]) >= _SHORT for run in runs) < _FEWEST:
        return STRANGER
    plain = [_is_plain(text, run, place) for place, run in enumerate(runs)]
    stays = [known or _is_name_of_finding(runs, plain, place) for place, known in enumerate(plain)]
    pieces, position = [], 0
    for run, one in zip(runs, stays, strict=True):
        if not one:
            pieces += [text[position : run.start()], STRANGER]
            position = run.end()
    return "".join((*pieces, text[position:]))


def _is_plain(text: str, run: re.Match[str], place: int) -> bool:
    """Return whether a word is ordinary; the first one may be written with a capital because it is the first."""
    word = run[0]
    if len(word) <= _SHORT or _CLASS.fullmatch(word):
        return True
    if place == 0 and word[1:].islower() and _GOES_ON.match(text, run.end()):
        word = word.lower()
    if word.islower():
        return is_ordinary(word) or word in _words()["small"]
    return is_ordinary(word) and not is_name_too(word)


def _is_name_of_finding(runs: Sequence[re.Match[str]], plain: Sequence[bool], place: int) -> bool:
    """Return whether a word with a capital is a name in the names of findings, beside an ordinary word or another."""
    if runs[place][0].lower() not in _words()["names"] and not is_ordinary(runs[place][0]):
        return False
    for step in (-1, 1):
        other = place + step
        while 0 <= other < len(runs) and not plain[other] and _are_near(runs, other, other - step):
            other += step
        if 0 <= other < len(runs) and plain[other] and runs[other][0].islower() and len(runs[other][0]) > _SHORT:
            return True
    return False


def _are_near(runs: Sequence[re.Match[str]], one: int, other: int) -> bool:
    first, second = sorted((one, other))
    return runs[second].start() - runs[first].end() <= _NEAR


@cache
def _words() -> Mapping[str, frozenset[str]]:
    return words_by_section("meaning_words.txt")

"""Read the tables of words: in sections, of expressions between bars (cues.txt), of lines; and what no name is.

`tables/vocabulary.txt` has words that identify nobody, although they may be names: Long, Head, May. The leak check does
not search for a single part of a name that is one of them, but for the full name. In a text none of them is removed as
an unknown word; if a person of the instance is called so, those of medicine stay if they stand alone, and the others
are removed. Which words of a text stay is decided in `vocabulary.py`, which has more tables than this one.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from sendit.deidentify.tables import table_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_OF_MEDICINE = ("standard", "descriptions")


def technique() -> Mapping[str, frozenset[str]]:
    """Return the words of tables/technique.txt, by section."""
    return words_by_section("technique.txt")


def products() -> Mapping[str, frozenset[str]]:
    """Return the words of tables/products.txt, by section."""
    return words_by_section("products.txt")


@cache
def eponyms() -> Mapping[str, frozenset[str]]:
    """Return the names and nouns of tables/eponyms.txt, by section; without those who have them."""
    found = sections("eponyms.txt")
    names = {name: frozenset(line.split(" ")[0] for line in found[name]) for name in ("alone", "beside")}
    return names | {
        name: frozenset(" ".join(found[name]).split())
        for name in ("rare", "nouns", "generic", "of rare", "classes", "grades", "scores", "diseases")
    }


@cache
def cues() -> Mapping[str, frozenset[str]]:
    """Return the expressions of tables/cues.txt, by section."""
    return {
        name: frozenset(cue.strip() for line in lines for cue in line.split(" | "))
        for name, lines in sections("cues.txt").items()
    }


def any_of(expressions: Iterable[str]) -> str:
    """Return alternatives for a pattern, the longest first; a space in them matches any space."""
    longest_first = sorted(expressions, key=lambda expression: (-len(expression), expression))
    return "|".join(re.escape(expression).replace(r"\ ", r"\s+") for expression in longest_first)


def sections(name: str) -> dict[str, list[str]]:
    """Return the lines of a table by section, without comments."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in table_lines(name):
        if line.startswith("["):
            lines = found.setdefault(line.strip("[]"), [])
        else:
            lines.append(line)
    return found


@cache
def words_by_section(name: str) -> Mapping[str, frozenset[str]]:
    """Return the words of a table, by section."""
    return {section: frozenset(" ".join(lines).split()) for section, lines in sections(name).items()}


@cache
def vocabulary() -> frozenset[bytes]:
    """Return all words, folded."""
    return frozenset(
        word.encode("ascii") for section in words_by_section("vocabulary.txt").values() for word in section
    )


@cache
def medicine() -> frozenset[str]:
    """Return the words of medicine and DICOM, in lower case: alone they are no name in a text."""
    return frozenset().union(*(words_by_section("vocabulary.txt")[name] for name in _OF_MEDICINE))


@cache
def standard() -> frozenset[str]:
    """Return the words of DICOM: of the names of attributes, and of the meanings of codes."""
    return words_by_section("vocabulary.txt")["standard"]

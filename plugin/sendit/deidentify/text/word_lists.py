"""Words that do not identify anybody, although they may be names: Long, Head, May.

`tables/vocabulary.txt` has them, and says how it was made. The leak check does not search for a single part of a name
that is one of them, but for the full name. In a text none of them is removed
as an unknown word; if a person of the instance is called so, those of medicine stay if they stand alone, and the
others are removed.

Which words of a text stay is decided in `vocabulary.py`, which has more tables than this one.
"""

from __future__ import annotations

from functools import cache

from sendit.deidentify.text.sections import words_by_section

_OF_MEDICINE = ("standard", "descriptions")


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

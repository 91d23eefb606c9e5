"""Words that say nothing about who is meant, although somebody may be called so: Long, Head, May.

They stand in `tables/vocabulary.txt`, which says how it was made. The proof does not search for a single part of a name
that is one of them; the full name it does. The cleaning of texts leaves those of medicine, and takes the others.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_OF_MEDICINE = ("[standard]", "[descriptions]")


@cache
def vocabulary() -> frozenset[bytes]:
    """All of them, folded."""
    return frozenset(word.encode("ascii") for section in _sections().values() for word in section)


@cache
def medicine() -> frozenset[str]:
    """Those of medicine and of DICOM, in lower case: alone they are no name in a text either."""
    return frozenset().union(*(_sections()[name] for name in _OF_MEDICINE))


@cache
def _sections() -> dict[str, frozenset[str]]:
    """By the line that begins each of them."""
    found: dict[str, list[str]] = {}
    text = (files("sendit.deidentify") / "tables" / "vocabulary.txt").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("["):
            words = found.setdefault(line, [])
        elif line and not line.startswith("#"):
            words += line.split()
    return {name: frozenset(words) for name, words in found.items()}

"""Look words up in a large sorted table without building a set of them: `tables/terms_of_languages.txt`.

Every process would otherwise hold 300,000 strings. A look-up reads some twenty lines of the table; the callers
remember the results.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from sendit.deidentify import tables

_ONLY_SMALL = b" s"


def is_of_languages(word: str, small: bool) -> bool:
    """Return whether a word is in the table of words of languages.

    Args:
        word: the word, in lower case without accents.
        small: whether it was written in lower case: some words are names as soon as they have a capital.
    """
    line = _line_of(word.encode("utf-8"))
    return line is not None and (small or not line.endswith(_ONLY_SMALL))


def _line_of(word: bytes) -> bytes | None:
    """Return the line that begins with a word, by halving the table."""
    table = _table()
    low, high = 0, len(table)
    while low < high:
        middle = (low + high) // 2
        start = table.rfind(b"\n", low, middle) + 1 or low
        end = table.find(b"\n", middle)
        line = table[start:end]
        found = line.removesuffix(_ONLY_SMALL)
        if found == word:
            return line
        if found < word:
            low = end + 1
        else:
            high = start
    return None


@cache
def _table() -> bytes:
    content = (files(tables) / "terms_of_languages.txt").read_bytes()
    while content.startswith(b"#"):
        content = content.partition(b"\n")[2]
    return content

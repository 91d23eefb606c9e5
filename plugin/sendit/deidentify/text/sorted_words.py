"""Look words up in large sorted tables without building sets of them: `terms_of_languages.txt`, `cognates.txt`.

Every process would otherwise hold 800,000 strings. A look-up reads some twenty lines of the table; the callers
remember the results.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from mmap import ACCESS_READ, mmap

from sendit.deidentify import tables

_ONLY_SMALL = b" s"


def is_of_languages(word: str, *, small: bool) -> bool:
    """Return whether a word is in the table of words of languages.

    Args:
        word: the word, in lower case without accents.
        small: whether it was written in lower case: some words are names as soon as they have a capital.
    """
    line = _line_of(word.encode("utf-8"), _table("terms_of_languages.txt"))
    return line is not None and (small or not line.endswith(_ONLY_SMALL))


def is_skeleton_of_medicine(skeleton: str) -> bool:
    """Return whether words of medicine have a skeleton (cognates.py)."""
    return bool(skeleton) and _line_of(skeleton.encode("ascii", "replace"), _table("cognates.txt")) is not None


def _line_of(word: bytes, table: mmap) -> bytes | None:
    """Return the line that begins with a word, by halving the table."""
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
def _table(name: str) -> mmap:
    """Return the bytes of a table, which the processes of a machine share. Its comments are sorted before its words."""
    with as_file(files(tables) / name) as path, path.open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ)

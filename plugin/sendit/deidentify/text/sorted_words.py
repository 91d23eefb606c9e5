"""Look words up in large sorted tables without building sets of them: terms_of_languages, cognates, dense_words.

Every process would otherwise hold 2,200,000 strings. A look-up reads some twenty lines of the table; the callers
remember the results.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import as_file, files
from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING

from sendit.deidentify import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

_ONLY_SMALL, _AT_BEGIN, _NAME = b" s", b" c", b" n"
_MARKS = (_ONLY_SMALL, _AT_BEGIN, _NAME)
#: What Hebrew and Arabic write in one word with the next: and, the, in, to, from, that, as.
_PREFIXES = re.compile("[והבלמשכ]{1,3}|[وف]?(?:[بك]?ال|لل|[بكلس])|[وف]")
_SHORTEST_BARE = 3


def is_of_languages(word: str, *, small: bool) -> bool:
    """Return whether a word is in the table of words of languages.

    Args:
        word: the word, in lower case without accents.
        small: whether it was written in lower case: some words are names as soon as they have a capital.
    """
    line = _line_of(word.encode("utf-8"), _table("terms_of_languages.txt"))
    if line is None:
        bare = (_line_of(bare.encode("utf-8"), _table("terms_of_languages.txt")) for bare in without_prefixes(word))
        return any(found is not None and not found.endswith(_MARKS) for found in bare)
    return not line.endswith(_MARKS) or (small and not line.endswith(_NAME))


def begins_sentence(word: str) -> bool:
    """Return whether a word, in lower case without accents, is a word also with the capital that begins a sentence."""
    line = _line_of(word.encode("utf-8"), _table("terms_of_languages.txt"))
    return line is not None and not line.endswith((_ONLY_SMALL, _NAME))


def without_prefixes(word: str) -> Iterator[str]:
    """Yield a word of Hebrew or Arabic without articles, conjunctions and prepositions; once, whatever they are."""
    found = _PREFIXES.match(word)
    for end in range(found.end() if found else 0, 0, -1):
        if _PREFIXES.fullmatch(word, 0, end) and len(word) - end >= _SHORTEST_BARE:
            yield word[end:]


def is_of_dense_script(word: str) -> bool:
    """Return whether a word is in the table of words of scripts without spaces."""
    return _line_of(word.encode("utf-8"), _table("dense_words.txt")) is not None


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
        found = line[:-2] if line.endswith(_MARKS) else line
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

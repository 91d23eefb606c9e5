"""Recognise known words that are shortened: without their vowels (CNTRST, Oblq), or cut off (COLONOGRA).

Fields of 16 characters and typists in a hurry shorten so. Of 16,700 names of faker in 34 languages, three have the
consonants of a known word. Many begin one, but all of those that people have are in a list of names.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHORTEST, _SHORTEST_BEGIN, _LONGEST_END = 4, 5, 6  # letters
_VOWELS = re.compile("(?<!^)[aeiou]")


class ShortenedWords:
    """Words that are left of longer ones."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = sorted(word for word in words if word.isascii() and word.isalpha() and len(word) > _SHORTEST)
        self._consonants = frozenset(_VOWELS.sub("", word) for word in self._words)

    def has(self, word: str) -> bool:
        """Return whether a folded word is what is left of a word: its consonants, or its begin."""
        if len(word) < _SHORTEST:
            return False
        return word in self._consonants or (len(word) >= _SHORTEST_BEGIN and self._begins_one(word))

    def _begins_one(self, word: str) -> bool:
        place = bisect_left(self._words, word)
        longer = self._words[place] if place < len(self._words) else ""
        return longer.startswith(word) and len(longer) - len(word) <= _LONGEST_END

"""Tell words from names in scripts without spaces: Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese.

A run of such letters stays if it is made of known words, and if no reading with a name in it is nearly as likely. What
a reading costs is the sum of what its words and names cost: the rarer, the more (`tables/dense_words.txt`; words of
the tables that are written by hand are as good as frequent ones). A family name with a given name behind it needs no
entry of its own, so names count that no list has.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sendit.deidentify.tables import table_words
from sendit.deidentify.text.record_numbers import DENSE_SCRIPTS
from sendit.deidentify.text.sections import cues
from sendit.deidentify.text.words.sorted_words import costs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_IS_DENSE = re.compile(f"[{DENSE_SCRIPTS}]")
_SYLLABLE = re.compile("[\uac00-\ud7a3]")
_SOUTH_EAST = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
#: Vowels and tones behind a letter: no word begins with one.
_BEHIND_LETTER = re.compile(
    "[\u0e30-\u0e3a\u0e45\u0e47-\u0e4e\u0eb0-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u1056-\u1059\u17b4-\u17d3]"
)
_LONGEST, _LONGEST_OF_SOUTH_EAST, _LONGEST_NAME = 8, 24, 4
#: Costs, in tenths of the logarithm of one to a frequency: of a word that a hand has written; of what is a name.
_BY_HAND, _SYLLABLE_BY_HAND = 25, 35
_FULL_NAME, _FULL_NAME_FIRST, _FAMILY, _GIVEN, _NAME = 12, 0, 22, 18, 0
#: A name with a title behind it is one.
_TITLED = -25
#: By how much words have to be more likely than names.
_MARGIN = 6
_NEVER = 10_000
#: A run that is a family name and nothing else: of one character, only common ones are no words.
_COMMON_FAMILY, _RARE_FAMILY = 18, 60
#: In South-East Asia, names are made of short words: what a name costs that no list has, and each of its letters.
_UNKNOWN, _UNKNOWN_LETTER = 20, 7.5
#: The same of a whole run of two to four letters, elsewhere; of one behind a word that announces a name; of a place.
_ALONE, _ALONE_LETTER = 45, 12
_TWO, _GIVEN_OF_KOREA = 2, 10
_ANNOUNCED, _ANNOUNCED_LETTER = 10, 14
_PLACE, _PLACE_LETTER = 22, 14
_SHORTEST_ANNOUNCED = 2
#: How long something lasts, or how often it was.
_SPAN = re.compile(
    "[一二三四五六七八九十半数數几幾兩两]{1,2}(?:[个個ヶケカか]月|小时|小時|分钟|分鐘|時間|日間|日目|週間|分間|[天周週日次回期歳岁歲])"
)


class _Costs(NamedTuple):
    """The costs of a piece of a run, by what it may be."""

    word: int = _NEVER
    family: int = _NEVER
    given: int = _NEVER
    name: int = _NEVER
    behind: int = _NEVER  # an ending, behind another word


def is_titled(run: str) -> bool:
    """Return whether a short run may be a name, as a title behind it says: a family name, or no known words."""
    return len(run) == 1 or not is_made_by_hand(run)


def is_of_common_words(run: str) -> bool:
    """Return whether a run behind what announces a name is of words all the same, and likelier than any name."""
    words, names = _least_costs(run)
    return words + _MARGIN <= min(names, _ANNOUNCED + _ANNOUNCED_LETTER * len(run))


@lru_cache(maxsize=8192)
def is_made_by_hand(run: str) -> bool:
    """Return whether a run is made of words that are written by hand in a table, and of nothing else."""
    ends = {0}
    for start in range(len(run)):
        if start in ends:
            ends |= {end for end in range(start + 1, len(run) + 1) if run[start:end] in _by_hand()}
    return len(run) in ends


@lru_cache(maxsize=8192)
def is_of_words(run: str) -> bool:
    """Return whether a run is made of known words, rather than of words and names."""
    family = _costs(run).family
    if len(run) == 1:
        return run in _by_hand() and family > _COMMON_FAMILY
    if run in _by_hand():
        return True
    if family <= _RARE_FAMILY or (_SOUTH_EAST.match(run) and _costs(run).name < _NEVER):
        return False
    words, names = _least_costs(run)
    return words < _NEVER and words + _MARGIN <= names


def _least_costs(run: str) -> tuple[int, int]:
    """Return what the likeliest reading costs that is of words alone, and the likeliest one that has a name in it."""
    size = len(run)
    words, names = [_NEVER] * (size + 1), [_NEVER] * (size + 1)
    words[0] = 0
    longest = _LONGEST_OF_SOUTH_EAST if _SOUTH_EAST.search(run) else _LONGEST
    for start in range(size):
        if min(words[start], names[start]) >= _NEVER or (start and _BEHIND_LETTER.match(run, start)):
            continue
        for end in range(start + 1, min(size, start + longest) + 1):
            costs = _costs(run[start:end])
            cost = costs.behind if start else costs.word
            words[end] = min(words[end], words[start] + cost)
            names[end] = min(names[end], names[start] + costs.behind)
        if span := _SPAN.match(run, start):
            words[span.end()] = min(words[span.end()], words[start] + _BY_HAND)
        for end, cost in _names_at(run, start):
            names[end] = min(names[end], min(words[start], names[start]) + cost)
    if longest == _LONGEST_OF_SOUTH_EAST:
        names[size] = min(names[size], _UNKNOWN + round(_UNKNOWN_LETTER * size))
    elif 1 < size <= _LONGEST_NAME:
        names[size] = min(names[size], _ALONE + _ALONE_LETTER * size)
        if size == _TWO and _SYLLABLE.match(run):
            names[size] = min(names[size], _costs(run[0]).given + _costs(run[1]).given + _GIVEN_OF_KOREA)
    return words[size], names[size]


def _names_at(run: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield where names end that begin at a place, and what they cost."""
    for end in range(start + 1, min(len(run), start + _LONGEST_NAME) + 1):
        yield from _single_names(run, start, end)
        yield from _announced_names(run, start, end)
        if _costs(run[start:end]).family < _NEVER:
            yield from _full_names(run, start, end)
    if _SOUTH_EAST.match(run, start):
        for end in range(start + _LONGEST_NAME + 1, min(len(run), start + _LONGEST_OF_SOUTH_EAST) + 1):
            yield end, _costs(run[start:end]).name


def _single_names(run: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield what a piece costs as a name without another one beside it, and with a title behind it."""
    costs = _costs(run[start:end])
    title = _titles().match(run, end)
    if title:
        yield title.end(), min(costs.family, costs.given) + _TITLED
    yield end, costs.name
    yield end, costs.family + _FAMILY
    if end - start > 1:
        yield end, costs.given + _GIVEN


def _announced_names(run: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield what any piece costs as a name behind a word that announces one, or as that of a place before its kind."""
    piece, length = run[start:end], end - start
    if length < _SHORTEST_ANNOUNCED:
        return
    if start and _announcing().search(run, 0, start):
        yield end, _ANNOUNCED + _ANNOUNCED_LETTER * length
    kind = _kinds_of_place().match(run, end)
    if kind and not is_made_by_hand(piece) and piece not in cues()["kind of facility"]:
        yield kind.end(), _PLACE + _PLACE_LETTER * length


def _full_names(run: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where given names end behind a family name, and what both cost."""
    family = _costs(run[start:end]).family
    for behind in range(end + 1, min(len(run), end + _LONGEST_NAME) + 1):
        cost = family + _cost_of_given(run[end:behind])
        yield behind, cost + (_FULL_NAME if start else _FULL_NAME_FIRST)
        if title := _titles().match(run, behind):
            yield title.end(), cost + _TITLED


def _cost_of_given(name: str) -> int:
    """Return what a given name costs behind a family name: as a whole, or by its one or two characters."""
    whole = _costs(name).given
    if len(name) != 2:
        return whole
    first, second = _costs(name[0]).given, _costs(name[1]).given
    return min(whole, first + second)


@cache
def _announcing() -> re.Pattern[str]:
    """Return a pattern for the end of what announces a name: patient, name, daughter."""
    return re.compile(f"(?:{'|'.join(map(re.escape, sorted(cues()['announces dense name'])))})$")


@cache
def _kinds_of_place() -> re.Pattern[str]:
    """Return a pattern for what stands behind the name of a town or a practice."""
    kinds = sorted(cues()["behind place"], key=len, reverse=True)
    return re.compile("|".join(map(re.escape, kinds)))


@cache
def _titles() -> re.Pattern[str]:
    """Return a pattern for what stands behind a name in scripts without spaces."""
    return re.compile("|".join(sorted(map(re.escape, cues()["behind dense name"]), key=len, reverse=True)))


@lru_cache(maxsize=32768)
def _costs(piece: str) -> _Costs:
    """Return what a piece costs; of characters of Taiwan and Hong Kong, also as those of China."""
    found = costs_of(piece)
    simple = "".join(map(_of_china, piece))
    if simple != piece:
        other = costs_of(simple)
        found = {kind: min(found.get(kind, _NEVER), other.get(kind, _NEVER)) for kind in found | other}
    word = found.get("", _NEVER)
    if piece in _by_hand() or simple in _by_hand():
        word = min(word, _SYLLABLE_BY_HAND if _SYLLABLE.fullmatch(piece) else _BY_HAND)
    return _Costs(
        word, found.get("f", _NEVER), found.get("g", _NEVER), found.get("n", _NEVER), min(word, found.get("p", _NEVER))
    )


@lru_cache(maxsize=4096)
def _of_china(character: str) -> str:
    """Return the character that China writes for one of Taiwan and Hong Kong."""
    other = costs_of(character).get("t") if character >= "\u4e00" else None
    return chr(other) if other else character


@cache
def _by_hand() -> frozenset[str]:
    """Return the words of scripts without spaces in the tables that are written by hand, as China has them, too."""
    words = {word for name in ("words.txt", "languages.txt", "words_of_scripts.txt") for word in table_words(name)}
    dense = set(filter(_IS_DENSE.match, words))
    return frozenset(dense | {"".join(map(_of_china, word)) for word in dense})

"""Find names and addresses that a cue reveals in scripts without capitals: دکتر شیرازی, नवजात शिशु, นายสมชาย ใจดี.

There, nothing but the cue tells a name from a word, so up to three words go: behind a title, a relation or a role,
beside the kind of a hospital; behind a cue of residence, all up to the end of the sentence. A word that a table
written by hand has (`words_of_scripts.txt`, `languages.txt`) ends a name.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from sendit.deidentify.text.record_numbers import CUT, DENSE_SCRIPTS
from sendit.deidentify.text.scripts.dense import is_made_by_hand, is_of_common_words, is_titled
from sendit.deidentify.text.scripts.endings import is_written_by_hand
from sendit.deidentify.text.sections import any_of, cues
from sendit.deidentify.text.words.sorted_words import folded_word, is_listed_name

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Letters and marks: Armenian to Georgian and Ethiopic, without those of scripts without spaces.
CASELESS = "\u0531-\u058f\u0591-\u07bf\u0900-\u0dff\u10a0-\u10ff\u1200-\u139f\u1c90-\u1cbf"
_HAN_AND_HANGUL = "\u3041-\u30ff\u4e00-\u9fff\uac00-\ud7a3々"
_SOUTH_EAST = "\u0e00-\u0eff\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u17dc"
_IS_CASELESS, _IS_SOUTH_EAST = re.compile(f"[{CASELESS}]"), re.compile(f"[{_SOUTH_EAST}]")
_WORD = rf"[{CASELESS}{_SOUTH_EAST}](?:[{CASELESS}{_SOUTH_EAST}]|[\-'’\"״׳/](?=[{CASELESS}]))*"
_NEXT = re.compile(rf"(\s|\s?[.:]\s?|-|^)({_WORD})")
_MOST_WORDS, _MOST_OF_HOUSE = 3, 3
_ANY_LETTER = re.compile(f"[{CASELESS}{DENSE_SCRIPTS}]")
#: A given name apart from its family name, and what may stand behind it: 渡辺 真綾の経過.
_HEAD = re.compile(f"[{_HAN_AND_HANGUL}]{{1,3}}(?=[のがをはにと様]|$)")


def without_cued_names(text: str) -> str:
    """Return the text with CUT in the place of names and addresses in scripts without capitals that a cue reveals."""
    if text.isascii() or not _ANY_LETTER.search(text):
        return text
    text = _residence().sub(_without_address, text)
    text = _house_before().sub(_without_name_of_house, text)
    text = _house_behind().sub(_without_house_before, text)
    text = _announced().sub(_without_announced, text)
    text = _without_names_behind(_begins_name(), text, cue_stays=False)
    for pattern in (_titles_in_words(), _titles_in_dense()):
        text = _without_names_behind(pattern, text)
    return _before_title().sub(_without_titled, text)


def _without_names_behind(pattern: re.Pattern[str], text: str, *, cue_stays: bool = True) -> str:
    pieces, position = [], 0
    for match in pattern.finditer(text):
        if match.start() < position:
            continue
        end = _end_of_names(text, match.end(), _MOST_WORDS)
        if end > match.end():
            pieces += [text[position : match.end() if cue_stays else match.start()], CUT]
            position = end
    return "".join((*pieces, text[position:])) if pieces else text


def _end_of_names(text: str, start: int, most: int) -> int:
    """Return where the words end, at most some, that may be a name; the start if there are none."""
    end = start
    for _ in range(most):
        match = _NEXT.match(text, end) if end > start else re.compile(rf"([\s.:]{{0,3}})({_WORD})").match(text, end)
        if match is None or (_ends_name(match[2]) and not _is_second_name(text[start:end], match[2])):
            break
        end = match.end()
    return end


def _is_second_name(before: str, word: str) -> bool:
    """Return whether a word is also a name, behind one word that was taken for one."""
    return len(before.split()) == 1 and bool(_IS_CASELESS.match(word)) and is_listed_name(folded_word(word))


def _ends_name(word: str) -> bool:
    """Return whether a word is no part of a name."""
    if _IS_SOUTH_EAST.match(word):
        return is_made_by_hand(word)
    return is_written_by_hand(word) or word in cues()["kind of facility"]


@cache
def _begins_name() -> re.Pattern[str]:
    """Return a pattern for the beginning of an Arabic name by a child or a father: أم خالد."""
    return re.compile(rf"(?<![{CASELESS}])(?:أم|ام|أبو|ابو|أبا|آل|بن|بنت)(?=\s[{CASELESS}])")


@cache
def _announced() -> re.Pattern[str]:
    """Return a pattern for a run behind a label or a relation in Chinese, Japanese or Korean: 氏名 小鳥遊, 딸 지은."""
    cue = any_of(cues()["announces dense name"])
    return re.compile(
        rf"((?<![{_HAN_AND_HANGUL}])(?:{cue})(?:\s?[:：]\s?|\s))([{_HAN_AND_HANGUL}]{{2,12}})(?![{_HAN_AND_HANGUL}])"
    )


def _without_announced(match: re.Match[str]) -> str:
    return match[0] if is_made_by_hand(match[2]) or is_of_common_words(match[2]) else f"{match[1]}{CUT}"


@cache
def _titles_in_words() -> re.Pattern[str]:
    """Return a pattern for titles and relations in scripts that part words by spaces."""
    return re.compile(rf"(?<![{CASELESS}])(?:{any_of(cues()['title without capitals'])})(?![{CASELESS}])")


@cache
def _titles_in_dense() -> re.Pattern[str]:
    """Return a pattern for titles in scripts without spaces: the name may stand behind them at once."""
    return re.compile(rf"(?<![{DENSE_SCRIPTS}])(?:{any_of(cues()['before dense name'])})(?=[\s{_SOUTH_EAST}])")


@cache
def _before_title() -> re.Pattern[str]:
    """Return a pattern for a short run of Chinese, Japanese or Korean with a space and a title behind it."""
    titles = any_of(cues()["behind dense name"])
    return re.compile(rf"(?<![{_HAN_AND_HANGUL}])([{_HAN_AND_HANGUL}]{{1,4}})(?=\s(?:{titles})(?![\u4e00-\u9fff]))")


def _without_titled(match: re.Match[str]) -> str:
    return CUT if is_titled(match[1]) else match[0]


@cache
def _residence() -> re.Pattern[str]:
    """Return a pattern for a cue of residence, and what stands behind it up to the end of the sentence."""
    return re.compile(
        rf"((?<![{CASELESS}])(?:{any_of(cues()['residence without capitals'])})\s?[:：]?\s?)([^;；。\n\r]+)"
    )


def _without_address(match: re.Match[str]) -> str:
    """Return the cue alone, and what stands behind a comma if it is of words that a hand has written."""
    first, *others = re.split("([,，、،])", match[2])
    kept = ""
    for comma, part in zip(others[::2], others[1::2], strict=True):
        words = re.findall(_WORD, part) or re.findall(f"[{DENSE_SCRIPTS}]+", part)
        if kept or (words and all(is_made_by_hand(word) or is_written_by_hand(word) for word in words)):
            kept += comma + part
    return f"{match[1]}{CUT}{kept}" if first.strip() else match[0]


@cache
def _house_before() -> re.Pattern[str]:
    """Return a pattern for the kind of a hospital and up to three words behind it."""
    kinds = any_of(cues()["facility before name"])
    return re.compile(
        rf"((?<![{CASELESS}])[וה]?[בלמש]?(?:[وف]?[بل]?ال)?(?:{kinds}))((?:[\s]{_WORD}){{1,{_MOST_OF_HOUSE}}})"
    )


def _without_name_of_house(match: re.Match[str]) -> str:
    end = 0
    for word in re.finditer(rf"\s({_WORD})", match[2]):
        if _ends_name(word[1]):
            break
        end = word.end()
    return f"{match[1]} {CUT}{match[2][end:]}" if end else match[0]


@cache
def _house_behind() -> re.Pattern[str]:
    """Return a pattern for the kind of a hospital, up to three words before it and one behind it."""
    kinds = any_of(cues()["facility behind name"])
    return re.compile(rf"((?:{_WORD}\s){{1,{_MOST_OF_HOUSE}}})({kinds})(?![{CASELESS}])(\s{_WORD})?")


def _without_house_before(match: re.Match[str]) -> str:
    words = match[1].split()
    start = len(words)
    while start and not _ends_name(words[start - 1]):
        start -= 1
    behind = match[3] or ""
    town = behind and not _ends_name(behind.strip()) and start < len(words)
    before = " ".join((*words[:start], *([CUT] if start < len(words) else [])))
    return f"{before} {match[2]}{f' {CUT}' if town else behind}"


def with_neighbours(runs: Sequence[re.Match[str]], usual: Sequence[bool]) -> list[bool]:
    """Return which words stay, without names that are also words and stand beside one that goes.

    Args:
        runs: the words of a text.
        usual: whether each of them stays.
    """
    stays = list(usual)
    if all(stays) or runs[0].string.isascii():
        return stays
    for place, run in enumerate(runs):
        if stays[place] and _may_be_name_beside(run[0]):
            beside = (other for other in (place - 1, place + 1) if 0 <= other < len(runs))
            stays[place] = all(usual[other] or not _is_beside(runs[other], run) for other in beside)
    return stays


def _may_be_name_beside(word: str) -> bool:
    if _IS_CASELESS.match(word):
        return not is_written_by_hand(word) or is_listed_name(folded_word(word))
    if _IS_SOUTH_EAST.match(word):
        return not is_made_by_hand(word)
    head = _HEAD.match(word)
    if head is not None and not is_made_by_hand(head[0]):
        return True
    return any(is_made_by_hand(word[end:]) and not is_made_by_hand(word[:end]) for end in (2, 3) if end < len(word))


def _is_beside(one: re.Match[str], other: re.Match[str]) -> bool:
    first, second = sorted((one, other), key=re.Match.start)
    return first.string[first.end() : second.start()] in (" ", "-", "・", "·", ". ", ".") and bool(
        _ANY_LETTER.match(one[0])
    )

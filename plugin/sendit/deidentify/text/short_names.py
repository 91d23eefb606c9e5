"""Find short names and initials in free text, which are hardly told from abbreviations: Ann, KIM, A. Q., wjh 23:41.

Longer names are removed as unknown words (vocabulary.py), or behind a cue (persons.py).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from sendit.deidentify.text.record_numbers import CUT
from sendit.deidentify.text.scripts.endings import is_written_by_hand
from sendit.deidentify.text.scripts.vietnamese import is_syllable_of_vietnam
from sendit.deidentify.text.sections import any_of, cues, medicine, technique
from sendit.deidentify.text.strangers import begins_sentence_of, stands_before_noun
from sendit.deidentify.text.vocabulary import is_acronym, is_nobody, is_of_machines, is_of_reports
from sendit.deidentify.text.words.unknown_words import is_surely_word

if TYPE_CHECKING:
    from collections.abc import Iterable

_BEHIND_AMOUNT = re.compile(r"(?<![^\W_])\d[\d.,]*\s$")
#: Both eyes, and the days of a week of treatment.
_OF_EYES = re.compile(
    r"(?<!\w)(?:O[DS]|ONH|OCTA?|IOP|IOL|RNFL|CDR|glaucoma|macula|retina|fundus|cornea|cataract|biometry|topography|eyes?|visus|B?CVA|VA|AR|H?VF|GAT|FFA|FAF|refraction|pachymetry|keratometry)(?!\w)",
    re.IGNORECASE,
)
_LONGEST_WEEK, _BESIDE_EYES = 5, 64
_WEEK = re.compile(r"(?<![^\W_])(?:Mo|Di|Mi|Do|Fr|Sa)\s?[-–]\s?(?:Di|Mi|Do|Fr|Sa|So)(?![^\W_])")
_TUBE = re.compile(r"[\s\-](?:tubes?|feed(?:s|ing)?|sonde|suction|tip)(?!\w)")
#: The abbreviation of a hospital behind a word of place; initials of who wrote a remark, at its end.
_AT_HOUSE = re.compile(r"((?<!\w)(?:at|from|outside)\s)([A-Z]{4,6})(?=\s*(?:$|[,.;)]))")
_INITIALS_AND_DAY = re.compile(r"(?<![\w.])()([A-Z]{2,3})\s(?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])\.(?!\d)")
_BY_INITIALS = re.compile(
    r"((?<!\w)(?:[Bb]y|[Pp]er|[Aa]v|[Vv]on|[Pp]ar|[Pp]or|[Dd]oor|[Pp]rzez)\s)((?<=\b[Bb]y\s)[a-z]{2,3}|(?<=\b[Pp]er\s)[a-z]{2,3}|[A-Z]{2,3})(?=[,.;]|\s*$)"
)
#: In small letters at the end of a name with underscores: FS_repeat_dwk, GTV_ng.
_JOINED_INITIALS = re.compile(r"((?<=[^\W_])_)([a-z]{2,3})(?=\s*$)")
_LAST_INITIALS = re.compile(r"((?<=\w),\s)([a-z]{3})(?=\.?\s*$)")
#: In small letters and without a vowel: at the end beside the time of day, and behind a slash: wjh 23:41, Torhild/jk.
_INITIALS_AND_TIME = re.compile(
    rf"(?<![^\W_])()([bcdfghjklmnpqrstvwxz]{{2,4}})(?=\s(?:\d{{1,2}}[:.h]\d\d(?:\s?h(?:rs)?)?|{CUT})\s*$)"
)
_INITIALS_BEHIND_SLASH = re.compile(
    rf"((?:(?<![^\W_])[A-Z][a-z]{{2,14}}|{CUT})/)([bcdfghjklmnpqrstvwxz]{{2,4}})(?=\s*$)"
)
#: Of whom a test was made, in small letters: phantom_olu.
_OF_TEST = re.compile(r"((?<![^\W_])(?i:phantom|volunteer|proband|pilot|vol)[_\-])([a-z]{2,4})(?![^\W_])")
_INITIALS_ALONE = (
    *(_LAST_INITIALS, _BY_INITIALS, _JOINED_INITIALS, _INITIALS_AND_DAY, _AT_HOUSE),
    *(_INITIALS_AND_TIME, _INITIALS_BEHIND_SLASH, _OF_TEST),
)
#: A given name of two syllables written as one word, and an initial: JiSu P.
_GLUED = re.compile(
    r"(?<![^\W_])[A-Z][a-z]{1,4}[A-Z][a-z]{1,5}\s[A-Z]\.(?!\w)|(?<=\b[Bb]y\s)[A-Z]{1,2}[a-z]{1,2}[A-Z]{1,2}(?![^\W_])"
)
#: A level of lymph nodes or a stage behind a word for it: neck Ib.
_LEVEL = re.compile(r"(?:I|V)[a-c]")
_OF_LEVEL = re.compile(
    r"(?<![^\W\d_])(?:neck|level|lev|ln|nodes?|station|stage|stadium|stade|grade|type|typ|figo)[\s_]$", re.IGNORECASE
)


def without_short_names(text: str) -> str:
    """Return the text without short names: capitalised words that are no abbreviation (Ann), and listed ones (KIM)."""
    text = _GLUED.sub(CUT, text)
    for initials in _INITIALS_ALONE:
        text = initials.sub(_without_unknown, text)
    text = _short_word().sub(
        lambda match: match[0] if _stays_though_short(match) else CUT,
        text,
    )
    text = _short_name().sub(
        lambda match: match[0] if is_syllable_of_vietnam(match) or is_surely_word(match[0], match.string) else CUT,
        text,
    )
    return _shortest_name().sub(_without_shortest_name, text)


def _stays_though_short(match: re.Match[str]) -> bool:
    """Return whether a short word with a capital is an abbreviation or a word, or names a day or a level."""
    if _LEVEL.fullmatch(match[0]) and _OF_LEVEL.search(match.string, max(0, match.start() - 16), match.start()):
        return True
    return (
        _is_usual(match[0])
        or _is_day(match)
        or begins_sentence_of(match[0], match)
        or stands_before_noun(match)
        or (not match[0].isascii() and is_written_by_hand(match[0]))
    )


def _without_unknown(match: re.Match[str]) -> str:
    """Return CUT for letters that no table has as a word or an abbreviation."""
    word = match[2].lower()
    terms = technique()
    known = word in medicine() or any(
        word in terms[kind] for kind in ("abbreviations", "units", "labels", "stems", "tokens")
    )
    known = (
        known
        or word in cues()["means"]
        or word in cues()["weak"]
        or is_nobody(match[2])
        or is_of_machines(match[2])
        or is_acronym(word)
        or is_of_reports(match[2])
    )
    return match[0] if known else f"{match[1]}{CUT}"


def without_initials(text: str, initials: Iterable[str]) -> str:
    """Return the text without the patient's initials: A.Q., A. Q., and AQ if that is no medical word."""
    for letters in sorted(initials, key=lambda letters: (-len(letters), letters)):
        for pattern in _written_initials(letters):
            text = pattern.sub(CUT, text)
    return text


@lru_cache(maxsize=256)
def _written_initials(letters: str) -> tuple[re.Pattern[str], ...]:
    dotted = r"\.\s?".join(map(re.escape, letters))
    found = [re.compile(rf"(?<![\w.]){dotted}\.?(?![\w])", re.IGNORECASE)]
    if letters.lower() not in medicine() and letters.lower() not in technique()["abbreviations"]:
        found.append(re.compile(rf"(?<![\w.\-/]){re.escape(letters.upper())}(?![\w\-/])"))
    return tuple(found)


@cache
def _short_word() -> re.Pattern[str]:
    return re.compile(r"(?<![\w.'’+*#@%])(?<![Xx]-)[^\W\d_a-z][^\W\d_A-Z]{1,2}(?![\w+*#@%]|-\d)")


@cache
def _shortest_name() -> re.Pattern[str]:
    """Return a pattern for names of two letters with a capital."""
    names = technique()["shortest names"] - technique()["abbreviations"] - technique()["units"]
    written = any_of({name.title() for name in names} | {name.upper() for name in names})
    return re.compile(rf"(?<![^\W_])(?:{written})(?![^\W_]|\.\d)")


def _without_shortest_name(match: re.Match[str]) -> str:
    """Return CUT; behind a number, as in 400 NG, the letters are a unit."""
    if match[0] == "OU" and _OF_EYES.search(
        match.string, max(0, match.start() - _BESIDE_EYES), match.end() + _BESIDE_EYES
    ):
        return match[0]
    if _is_day(match):
        return match[0]
    tube = match[0] == "NG" and _TUBE.match(match.string, match.end())
    return match[0] if tube or _BEHIND_AMOUNT.search(match.string, max(0, match.start() - 16), match.start()) else CUT


def _is_day(match: re.Match[str]) -> bool:
    """Return whether a word is the first or last day of a week of treatment: Mo-Fr."""
    return _WEEK.search(match.string, max(0, match.start() - _LONGEST_WEEK), match.end() + _LONGEST_WEEK) is not None


@cache
def _short_name() -> re.Pattern[str]:
    level = "(?!(?-i:I{1,3}|IV|VI{0,3})[a-c](?![^\\W_]))"  # of lymph nodes: IVa
    return re.compile(rf"(?<![^\W_]){level}(?:{any_of(technique()['short names'])})(?![^\W_])", re.IGNORECASE)


def _is_usual(word: str) -> bool:
    if not (word[0].isupper() and word[1:].islower()):
        return True
    folded = word.lower()
    if not word.isascii() and is_of_reports(word):  # Ból
        return True
    return folded in medicine() or folded in technique()["abbreviations"] or folded in technique()["labels"]

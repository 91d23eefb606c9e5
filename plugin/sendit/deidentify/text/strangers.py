"""Remove unknown words from texts, as they may be names.

`vocabulary.py` judges a word alone; what stands around it decides where that is not enough. `without_strangers` is for
descriptions, `without_strangers_to_machines` for technical texts; `TextCleaner` in clean.py calls them.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from sendit.deidentify.text.characters import RUN
from sendit.deidentify.text.eponyms import is_eponym, stays_alone
from sendit.deidentify.text.record_numbers import CUT, STRANGER
from sendit.deidentify.text.scripts.dense import is_of_words
from sendit.deidentify.text.scripts.names import with_neighbours
from sendit.deidentify.text.scripts.vietnamese import is_syllable_of_vietnam
from sendit.deidentify.text.sections import medicine, products, sections, technique, words_by_section
from sendit.deidentify.text.vocabulary import (
    IS_DENSE,
    LIKE_A_WORD,
    SHORT,
    UMLAUT_IN_TWO,
    abbreviations,
    is_anybodys_name,
    is_compound,
    is_compound_of_words,
    is_known,
    is_name_too,
    is_narrow,
    is_no_name,
    is_nobody,
    is_of_reports,
    is_ordinary,
    is_word,
    is_word_of_machines,
    machines,
    made_words,
    partners,
    terms,
)
from sendit.deidentify.text.words.sorted_words import (
    begins_sentence,
    folded_word,
    is_listed_name,
    is_of_languages,
    languages_of,
    likeness,
)
from sendit.deidentify.text.words.unknown_words import (
    begins_in_language,
    capitals_tell,
    is_at_begin,
    is_noun_with_capital,
    is_word_in_capitals,
    with_words_of_sentences,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_SHORTEST_TRANSLITERATED = 5
#: A prefix, and the entity of a subject in names of series: sub-dural, sub-jansen.
_OF_SUBJECT = "sub"
_NEAR = 3  # characters between two words that belong together
_INITIAL, _LONGEST_INITIAL = re.compile(r"(?<![^\W_])[^\W\d_]\.[\s\-]?$"), 4
#: Abbreviations before a structure, and sides: A. carotis, N. vagus, L. Knie.
_OF_ANATOMY = "AVNMLRTS"
_GOES_ON = re.compile(r",?(?: \d[\d.,]*)? ([^\W\d_]+)(?: ([^\W\d_]+))?")
_MAKERS = frozenset(
    [
        "siemens",
        "healthineers",
        "ge",
        "philips",
        "canon",
        "toshiba",
        "hitachi",
        "fujifilm",
        "hologic",
        "agfa",
        "samsung",
        "mindray",
        "esaote",
    ]
)
_PARTICLE_BEHIND_LATIN = re.compile("[のにをはがでとやもへ]|에서|으로|로|를|의|에|가|는|와|상(?=\\b)|후|전")
_UNIT_OF_TIME = (
    "(?:[个個ヶケカか]月|小时|小時|分钟|分鐘|時間|日間|日目|週間|分間|개월|시간|일째|주째|주간|일간|년전|[天周週日年次回期歳岁歲才세일주년회차])"
    "(?:半|前|后|後|来|來|余|餘|間|전|후|째|간)?(?:から|より|부터)?"
)
_COUNTED = re.compile(f"{_UNIT_OF_TIME}|[列排层層枚片例级級度型]")
_NEAR_BREED = 8  # words
_SHORTEST_END = 5  # letters of a finding that another one is joined with: Pleuraerguss
#: The word behind another one, and the one before it, which may be a given name; CUT stands for one, too.
_NEXT, _PREVIOUS = re.compile(r" ([^\W\d_]+)"), re.compile(rf"([^\W\d_]+|[{CUT}{STRANGER}])[ ,.]{{1,2}}$")
_JOINING = frozenset(["and", "or", "of", "the", "in"])
_TEETH = frozenset(
    ["zahn", "zähne", "regio", "endo", "dens", "dente", "dent", "tooth", "teeth", "ząb", "dent", "element"]
)
_NUMBER_OF_TOOTH = re.compile(
    r"\s(?:(?:zahn|zähne|regio|dente|dent|tooth)\s)?(?:[1-4][1-8]|[5-8][1-5])(?![^\W_]|[.,]\d)", re.IGNORECASE
)
#: What somebody did, behind his name: fell, presents, admitted.
_VERB = re.compile(
    r"\w+(?<![uis])s|\w+ed|(?:f[eo]ll|felt|came|went|saw|sat|ate|took|got|hit|cut|lost|broke|bit|had|did|was|may|can|will|would|could|should|who|and|at|in|on|to|for|with|from|by|not|also|then|still|now)"
)
_SPELLED = re.compile(r"(?<![^\W_])(?:[^\W\d_][ .\-_]){4,}[^\W\d_](?![^\W_])")
#: A word with a digit or a sign in the place of a letter, as recognition of characters writes it: J0nes, M@ry.
_DISGUISED = re.compile(
    r"(?<![\w.@\-])(?=[^\W\d_]+[01345@$!][^\W\d_])(?=(?:[^\W_]|[@$!]){4,}(?![\w@]))(?:[^\W\d_]|[01345@$!])+(?![\w.\-])"
)
_LETTERS_OF_DISGUISE = str.maketrans("01345@$!", "oleasasi")
_MOST_DISGUISED = 2
#: The same before T1 and T2.
_BEFORE_T = re.compile(r"(?:AX|SAG|COR|TRA|OBL)T")


def without_strangers(text: str) -> str:
    """Return the text without unknown words: those neither of medicine or DICOM, nor of the language around it."""
    if _is_shortest_name(text):
        return STRANGER
    text = _DISGUISED.sub(_without_disguised, _SPELLED.sub(CUT, text))
    runs = list(RUN.finditer(text))
    usual = [_is_usual(match) and not is_eponym(match[0]) and not _is_behind_initial(match) for match in runs]
    for place in range(len(runs)):
        if not usual[place]:
            usual[place] = (
                stays_alone(text, runs, usual, place)
                or _is_beside_machine(runs, place)
                or _is_beside_partner(runs, place)
                or _is_adjective(runs, place)
                or stands_before_noun(runs[place])
                or _is_breed(runs, place)
                or _is_tooth(runs[place])
                or _is_transliterated(runs[place][0])
                or is_syllable_of_vietnam(runs[place])
                or _is_behind_prefix_and_hyphen(runs, place)
                or begins_sentence_of(runs[place][0], runs[place])
                or _is_noun_of_text(runs, usual, place)
                or is_word_in_capitals(runs[place][0], text)
            )
    if capitals_tell(text):
        usual = [stays and not _is_proper(match) for match, stays in zip(runs, usual, strict=True)]
    usual = with_neighbours(runs, with_words_of_sentences(runs, usual))
    names = [
        place
        for place, match in enumerate(runs)
        if usual[place] and _may_be_name(match[0]) and not is_noun_with_capital(match[0], match)
    ]
    while alone := [place for place in names if usual[place] and _is_without_context(text, runs, usual, place)]:
        for place in alone:  # and the next one may have stood beside it: May Price
            usual[place] = False
    cleaned, position = [], 0
    for match, stays in zip(runs, usual, strict=True):
        if not stays:
            cleaned += [text[position : match.start()], STRANGER]
            position = match.end()
    return "".join((*cleaned, text[position:]))


def _is_transliterated(word: str) -> bool:
    """Return whether a word is one of German or a Nordic language with ae, oe and ue for its umlauts: Hueftkopf.

    It is nobody's name, whichever way it is written: Mueller and Boettcher are.
    """
    folded = folded_word(word)
    plain = UMLAUT_IN_TWO.sub(r"\1", folded)
    return (
        len(plain) > _SHORTEST_TRANSLITERATED
        and plain != folded
        and (
            is_of_languages(plain, small=False) or is_narrow(plain) or is_compound(plain) or is_compound_of_words(plain)
        )
        and not is_listed_name(folded)
        and not is_listed_name(plain)
    )


def _is_behind_initial(match: re.Match[str]) -> bool:
    """Return whether an initial stands before a word with a capital that no table has, and that is only like words."""
    word = match[0]
    if word.islower() or len(word) <= SHORT:
        return False
    initial = _INITIAL.search(match.string, max(0, match.start() - _LONGEST_INITIAL), match.start())
    if not initial:
        return False
    if initial[0][0].islower() and match.string[: initial.start()].endswith("."):
        return False  # Z.n.
    folded = folded_word(word)
    of_person = (
        initial[0][0].isupper() and initial[0][0] not in _OF_ANATOMY and match.string[initial.start() - 1 :][:1] != "."
    )
    if of_person and is_listed_name(folded) and folded not in medicine():
        return True
    return folded not in terms() and not is_narrow(word) and not is_of_languages(folded, small=False)


def begins_sentence_of(word: str, match: re.Match[str]) -> bool:
    """Return whether a word has its capital because a sentence begins with it, as words in lower case go on with it.

    Args:
        word: the word.
        match: where it stands.
    """
    if is_syllable_of_vietnam(match):
        return True
    if not word.istitle() or _is_behind_initial(match):
        return False
    if begins_in_language(word, match):
        return True
    if not _may_begin(word):
        return False
    if not is_at_begin(match):
        return False
    goes_on = _GOES_ON.match(match.string, match.end())
    if not goes_on or not goes_on[1].islower():
        return False
    if goes_on[2]:
        return goes_on[2].islower() or is_no_name(goes_on[2])
    return bool(languages_of(goes_on[1])) or (len(goes_on[1]) > SHORT and is_ordinary(goes_on[1]))


def _may_begin(word: str) -> bool:
    plain = folded_word(word)
    if begins_sentence(plain) or (not word.isascii() and begins_sentence(word.lower())):
        return True
    if len(word) <= SHORT or is_listed_name(plain):
        return False
    return (likeness(plain) > LIKE_A_WORD or plain in terms()) and is_ordinary(word.lower())


def _is_proper(match: re.Match[str]) -> bool:
    """Return whether a word has a capital within a sentence, and no other table than that of languages has it."""
    word = match[0]
    if (
        not word.istitle()
        or len(word) <= SHORT
        or is_at_begin(match)
        or not is_of_languages(folded_word(word), small=False)
    ):
        return False
    folded = folded_word(word)
    return not (
        folded in terms() or is_narrow(word) or folded in made_words() or is_of_reports(word) or is_eponym(word)
    )


def _is_noun_of_text(runs: list[re.Match[str]], usual: list[bool], place: int) -> bool:
    """Return whether a word is a noun of German with its capital, and no unknown word stands beside it."""
    here = runs[place]
    if not here[0].istitle() or not is_noun_with_capital(here[0], here) or _is_behind_initial(here):
        return False
    return all(
        usual[other] or max(here.start() - runs[other].end(), runs[other].start() - here.end()) > _NEAR
        for other in (place - 1, place + 1)
        if 0 <= other < len(runs)
    )


def _is_behind_prefix_and_hyphen(runs: list[re.Match[str]], place: int) -> bool:
    """Return whether a word in lower case is joined to a prefix of medicine: hydro-aérique, sous-dural; no name is."""
    if not place or not runs[place][0].islower() or len(runs[place][0]) <= SHORT:
        return False
    before = runs[place - 1]
    joined = before.string[before.end() : runs[place].start()] in ("-", "‐", "‑")
    prefix, folded = folded_word(before[0]), folded_word(runs[place][0])
    if prefix == _OF_SUBJECT and is_listed_name(folded) and not is_word(prefix + folded):
        return False
    return joined and prefix in words_by_section("compounds.txt")["prefixes"]


def _without_disguised(match: re.Match[str]) -> str:
    """Return STRANGER for a name with signs for letters; a term has a known word or a unit beside its digit."""
    word = match[0]
    if IS_DENSE.search(word):  # a number among words: 第5腰椎
        return word
    runs = re.findall(r"[^\W\d_]+", word)
    signs = sum(not character.isalpha() for character in word)
    titled = word[0].isupper() and len(runs) > 1 and all(run.islower() for run in (runs[0][1:], *runs[1:]) if run)
    technical = any(map(_is_unit_or_term if titled else _is_short_or_term, runs))
    letters = word.translate(_LETTERS_OF_DISGUISE)
    if technical or signs > _MOST_DISGUISED or word.lower() in technique()["tokens"] or is_ordinary(letters):
        return word
    return STRANGER if all(len(run) > 1 or place == 0 for place, run in enumerate(runs)) else word


def _is_short_or_term(run: str) -> bool:
    return len(run) > 1 and (folded_word(run) in abbreviations() or is_known(run))


def _is_unit_or_term(run: str) -> bool:
    return folded_word(run) in technique()["units"] or (len(run) >= SHORT and _is_short_or_term(run))


def _may_be_name(run: str) -> bool:
    return not run.islower() and run.isascii() and is_name_too(run)


def _is_without_context(text: str, runs: list[re.Match[str]], usual: list[bool], place: int) -> bool:
    """Return whether a word that is also a common family name stands alone, or beside one that is cut out."""
    here = runs[place]
    if _is_adjective(runs, place) or stands_before_noun(here):
        return False
    if _is_breed(runs, place) or _is_tooth(here):
        return False
    if here[0].lower() in partners():
        if _is_beside_partner(runs, place):
            return False
        if not is_word_in_capitals(here[0], text):
            return True
    if all(len(run[0]) == 1 or number == place for number, run in enumerate(runs)):
        return not any(map(str.isdigit, text))
    before, after = text[: here.start()].rstrip(" ,.-_^"), text[here.end() :].lstrip(" ,.-_^")
    if before.endswith((CUT, STRANGER)) or after.startswith((CUT, STRANGER)):
        return True
    beside = [number for number in (place - 1, place + 1) if 0 <= number < len(runs)]
    return any(
        not usual[number] and max(runs[number].start() - here.end(), here.start() - runs[number].end()) <= _NEAR
        for number in beside
    )


def _is_beside_partner(runs: list[re.Match[str]], place: int) -> bool:
    """Return whether a word that is also a name stands beside one that makes it a word: Fall from, COPD GOLD."""
    beside = partners().get(runs[place][0].lower(), frozenset())
    if _partner_at(runs, place, -1) in beside:
        return True
    return _partner_at(runs, place, 1) in beside and not _is_behind_name(runs, place)


def _is_behind_name(runs: list[re.Match[str]], place: int) -> bool:
    """Return whether a given name stands directly before a word, which is a family name then: Mary Winter cough."""
    if not place or runs[place].start() - runs[place - 1].end() != 1:
        return False
    before = runs[place - 1][0]
    return not before.islower() and is_anybodys_name(before) and not is_ordinary(before) and not is_eponym(before)


def _partner_at(runs: list[re.Match[str]], place: int, step: int) -> str:
    """Return the word beside another one, or behind what joins the two: pins and needles, hook of the hamate."""
    place += step
    while 0 <= place < len(runs) and runs[place][0].lower() in _JOINING:
        place += step
    return folded_word(runs[place][0]).removesuffix("s") if 0 <= place < len(runs) else ""


def _is_adjective(runs: list[re.Match[str]], place: int) -> bool:
    """Return whether a word that is also a name begins a remark about a noun of medicine, and not what somebody did."""
    here = runs[place]
    if place + 1 == len(runs) or not here[0].istitle() or here[0].lower() not in technique()["adjectives"]:
        return False
    noun = runs[place + 1]
    if noun.start() - here.end() != 1 or not here.string[here.end()].isspace() or not noun[0].islower():
        return False
    return not _VERB.fullmatch(noun[0]) and (noun[0] in medicine() or is_nobody(noun[0]))


def stands_before_noun(match: re.Match[str]) -> bool:
    """Return whether a word that is also a name stands before one that makes it none: Kleiner Erguss, Cat scratch.

    Behind a word that may be a given name, it is a family name: Hans Kleiner Erguss.
    """
    nouns = _nouns().get(folded_word(match[0]))
    noun = _NEXT.match(match.string, match.end()) if nouns else None
    if not nouns or not noun or not is_ordinary(noun[1]):
        return False
    folded = folded_word(noun[1])
    if not any(folded == one or (len(one) >= _SHORTEST_END and folded.endswith(one)) for one in nouns):
        return False
    before = _PREVIOUS.search(match.string, 0, match.start())
    return before is None or _is_no_given_name(before[1])


def _is_no_given_name(word: str) -> bool:
    if not word.isalpha():  # cut out
        return False
    return folded_word(word) in medicine() or (is_no_name(word) and (word.islower() or not is_anybodys_name(word)))


@cache
def _nouns() -> dict[str, frozenset[str]]:
    """Return, by word that is also a name, the words before which it is none."""
    found: dict[str, frozenset[str]] = {}
    for line in sections("technique.txt")["before others"]:
        words, _, nouns = line.partition(":")
        for word in map(folded_word, words.split()):
            found[word] = found.get(word, frozenset()) | frozenset(map(folded_word, nouns.split()))
    return found


def _is_tooth(match: re.Match[str]) -> bool:
    """Return whether a word for a tooth, which is also a name, stands before the number of one (FDI): Zahn 36."""
    return match[0].lower() in _TEETH and _NUMBER_OF_TOOTH.match(match.string, match.end()) is not None


def _is_breed(runs: list[re.Match[str]], place: int) -> bool:
    """Return whether a word is a breed, beside what is said of animals only, or beside another breed: MN Labrador."""
    animals = words_by_section("breeds.txt")
    if folded_word(runs[place][0]) not in animals["breeds"]:
        return False
    beside = [runs[number][0].lower() for number in (place - 1, place + 1) if 0 <= number < len(runs)]
    if any(word in animals["said of animals"] for word in beside):
        return True
    return any(word in animals["breeds"] for word in beside) and any(
        run[0].lower() in animals["said of animals"] for run in runs[max(0, place - _NEAR_BREED) : place + _NEAR_BREED]
    )


def _is_usual(match: re.Match[str]) -> bool:
    run = match[0]
    if is_ordinary(run) or _is_times_d(match, is_ordinary):
        return True
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    if before.isascii() and before.isalnum() and (particle := _PARTICLE_BEHIND_LATIN.match(run)):
        return particle.end() == len(run) or is_of_words(run[particle.end() :])
    if before in ("X", "x") and run[0] in "선線线光" and (len(run) == 1 or is_of_words(run[1:])):
        return True
    if before.isdigit() and (counted := _COUNTED.match(run)):
        return counted.end() == len(run) or is_of_words(run[counted.end() :])
    if _BEFORE_T.fullmatch(run) and match.string[match.end() : match.end() + 1] in ("1", "2"):
        return True
    return run.islower() and run in technique()["small"]


def _is_beside_machine(runs: list[re.Match[str]], place: int) -> bool:
    """Return whether a word names a machine, beside another such word that is nobody's name: MAGNETOM Vida."""
    if folded_word(runs[place][0]) not in machines() | products()["beside others"]:
        return False
    here = runs[place]
    for other in (runs[place - 1] if place else None, runs[place + 1] if place + 1 < len(runs) else None):
        if other is None or max(here.start() - other.end(), other.start() - here.end()) > _NEAR:
            continue
        if "," not in here.string[min(here.end(), other.end()) : max(here.start(), other.start())] and (
            folded_word(other[0]) in products()["machines"] | _MAKERS
        ):
            return True
    return False


def _is_shortest_name(text: str) -> bool:
    """Return whether a text is nothing but a name of two letters (WU), or of three that is no abbreviation (KIM)."""
    word = text.strip().lower()
    return word in technique()["shortest names"] or word in technique()["short names"]


def without_strangers_to_machines(text: str) -> str:
    """Return a technical text without unknown words; names of makes, models, programs and sequences stay."""
    if _is_shortest_name(text):
        return STRANGER
    return RUN.sub(
        lambda match: (
            match[0] if is_word_of_machines(match[0]) or _is_times_d(match, is_word_of_machines) else STRANGER
        ),
        text,
    )


def _is_times_d(match: re.Match[str], is_usual: Callable[[str], bool]) -> bool:
    """Return whether a word is written after 2D, 3D or 4D without a space: 3DFSE."""
    run, before = match[0], match.string[: match.start()]
    return run[0] in "dD" and before[-1:] in tuple("2345") and not before[-2:-1].isdigit() and is_usual(run[1:])

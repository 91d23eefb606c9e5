"""Recognise eponyms: names of people that mean a disease, a sign or a structure (Hodgkin lymphoma, Baker's cyst).

`tables/eponyms.txt` lists them, and says which may stay alone. A common name stays only beside a noun of its kind:
"Baker's cyst" is nobody, "Baker" may be the patient. Names that the file itself gives to persons are removed before.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from sendit.deidentify.text.characters import Aside
from sendit.deidentify.text.sections import eponyms, medicine, technique

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WORD = re.compile(r"[^\W\d_]+")
#: Words and signs between the parts of an eponym, and between an eponym and its noun.
_JOINT = re.compile(r"\s?[\-‐‑–/]\s?| ")
_POSSESSIVE = r"(?:['’´`]s?)?"
_BEHIND = re.compile(rf"{_POSSESSIVE}[\s\-‐‑–]{{1,2}}([^\W\d_]+)(?:[\s\-‐‑–]([^\W\d_]+))?")
#: May stand between an eponym and its noun.
_AMID = frozenset(
    {
        "s",
        "cell",
        "cells",
        "b",
        "t",
        "eye",
        "family",
        "like",
        "duct",
        "duchenne",
        "muscular",
        "type",
        "bone",
        "large",
        "puffy",
    }
)
_BEFORE = re.compile(
    r"([^\W\d_]+)(?:\s(?:d[eiu]|del|della|dell|of|von|van|da|do)(?:\s|['’])|\sd['’]|[\s\-‐‑–])(?:l['’]|la\s)?$",
    re.IGNORECASE,
)
#: These stand before an eponym of any kind, without "of" between them.
_CALLED = frozenset({"morbus", "mal", "morbo", "syndrom", "syndrome", "sindrome", "tetralogy", "non"})
#: Joined to a name, an operation that is called so: Hartmann-Op.
_OPERATION = re.compile(
    r"-(?:O[Pp]s?|Operation|Plastik|Naht|Resektion|Prothese|Shunt|Stent|Katheter|Drainage|Sonde)(?![^\W_])"
)
#: Behind a sign: whether it was found.
_SIGN = re.compile(r"\s?(?:\+{1,3}|[\-−])(?=\s*(?:$|[,.;)]))|\s[+\-]ve(?!\w)")
#: The same in words, with the side before it: Lasègue re pos., Homans dx negativo.
_OUTCOME = re.compile(
    r"\s(?:(?:re|li|rechts|links|bds|beidseits|bilat|dx|sin|sn|der|izq|dir|esq|dr|dt|g|d|l|r|hø|ve|vä)\.?\s)?"
    r"(?:pos|neg|(?:posit|negat|pozit|negat)[iíy][vf]\w{0,3}|dodatni\w*|ujemn\w+|полож\w*|отриц\w*|позит\w*|негат\w*|θετικ\w+|αρνητικ\w+)(?!\w)",
    re.IGNORECASE,
)
#: Endings of a declined name, and of the name itself.
_DECLINED = (
    ("skiego", "ski"), ("ckiego", "cki"), ("ova", ""), ("owa", ""), ("ove", ""), ("ovy", ""), ("ego", ""), ("ho", ""),
    ("in", ""), ("om", ""), ("a", ""), ("u", ""), ("em", ""),
)  # fmt: skip
_LONGEST_BETWEEN = 3
_SIDES = frozenset(["L", "R"])
_MORBUS = re.compile(r"(?<![\w.])(?:M|Mb)\.\s?$")
#: What stands before a disease or an operation, and before nobody: suspected, condition after.
_SUSPECTED = re.compile(
    r"(?<![\w.])(?:[VvZz]\.\s?[an]\.|St\.\s?n\.|DD:?|V\.\s?d\.\s?a\.|(?i:verdacht\sauf|zustand\snach|ausschluss|s/p|status\spost|suspected|susp\.))\s$"
    r"|(?<!\w)(?:LV)?EF\s\($"
)
_KIND = (
    r"(?i:type|grade|class|stage|typ|grad|segment|seg|klasse|stadium|stade|stadio|estadio|grado|grau|graad|gr\.|tipo|tip"
    r"|classe|clase|klasa|stopień|stopnia|stadie|st\.|тип|степень)"
)
#: The class that a classification gives, behind its name: Bosniak IIF, couinaud_IVb, Modic Typ 2, Barrett's C2M4.
_CLASS = re.compile(
    rf"{_POSSESSIVE}\s(?:{_KIND}\s)?(?:[IVX]{{1,4}}[A-Fa-f]?(?:[\-–/][IVX]{{1,4}}[A-Fa-f]?)?"
    r"|[A-E][1-4]?|C\d{1,2}M\d{1,2}|[0-6][a-fA-F]?(?:[\-–/][0-6][a-fA-F]?)?)(?!\w|\.\w)"
    r"|_(?:segment_|seg_)?[IVX]{1,4}[A-Fa-d]?(?![^\W_])"
)
#: The same where the name is a common one: a number alone may be that of a bed.
_GRADE = re.compile(rf"\s(?:{_KIND}\s(?:[IVX]{{1,4}}|[0-9])[A-Fa-f]?|(?:I{{2,3}}|IV|VI{{0,3}})[A-Fa-f]?)(?!\w|[.,]\w)")
#: Behind a word that says what it is, before the author of the classification or of the projection.
_ACCORDING = re.compile(
    r"(?<![^\W\d_])(?:lagerung|projektion|klassifikation|einteilung|methode|technik|op|index|projection|projeção|proyección"
    r"|proiezione|classification|clasificación|classificazione|classificação|klasyfikacja|formule"
    rf"|{_KIND}\s(?:[IVX]{{1,4}}|[0-9])[A-Fa-f]?|[IVX]{{1,4}}[a-f]?\.?\s(?:grad|stadium|typ|stopień|graad|grado))"
    r"\s(?:\(|\(?(?:nach|n\.|according\sto|acc\.?\sto|sec\.|secondo|selon|d['’]après|según|segundo|volgens|enligt|ifølge"
    r"|efter|wg\.?|według|podle|dle|по)\s)$",
    re.IGNORECASE,
)
#: Before the common name of a classification, what may be the given name of somebody.
_CALLED_BEFORE = re.compile(r"([^\W\d_]+)\s$")
#: The genitive of a disease, before what is no belonging: Addison's on hydrocortisone, pulmonary Koch's.
_GENITIVE = re.compile(r"['’´`]s(?=\s*(?:$|[,.;:)]|(?:on|with|since|in|not|no|known|and|or|under|for|flare)(?!\w)))")
#: Around an eponym, before its noun: Popliteal (Baker's) cyst.
_IN_PARENTHESES = re.compile(r"(?:['’´`]s)?\)\s([^\W\d_]+)")
#: What a score or an angle comes to, behind its name that begins a remark: Alvarado 8, Wells 4.5/12.5, Cobb 24°.
_SCORE = re.compile(
    r"\s(?:score\s)?(?:\d{1,2}(?:[.,]\d)?(?:/\d{1,2}(?:[.,]\d)?)?(?=\s*(?:$|[,;.)]))|\d{1,2}(?:[.,]\d)?\s?(?:°|deg))"
)
_BEGINS_REMARK = re.compile(r"(?:^|[,;:(]\s?|\.\s)$")
_MOST_PARTS = 4
#: How many characters before an eponym are searched for its noun.
_LONGEST_BEFORE = 64


def with_eponyms(text: str, clean: Callable[[str], str]) -> str:
    """Return a text cleaned by a function that sees a sign instead of each certain eponym.

    That is every eponym beside its noun, and every one of several names.
    """
    words = list(_WORD.finditer(text))
    eponyms, pieces, position, place = Aside(Aside.EPONYMS), [], 0, 0
    while place < len(words):
        end, parts = _end_of(text, words, place) if _is_begin(words[place][0]) else (None, 1)
        if end is None:
            place += 1
            continue
        start = _start_of(text, words[place].start())
        pieces += [text[position:start], eponyms.take(text[start:end])]
        position, place = end, place + parts
        while place < len(words) and words[place].start() < end:  # its class
            place += 1
    whole = eponyms.put_back(clean("".join((*pieces, text[position:])))) if pieces else None
    return clean(text) if whole is None else whole


def _start_of(text: str, start: int) -> int:
    """Return where an eponym begins with the abbreviation of Morbus before it, which elsewhere is a title."""
    morbus = _MORBUS.search(text, max(0, start - _LONGEST_BEFORE), start)
    return morbus.start() if morbus else start


def _end_of(text: str, words: Sequence[re.Match[str]], place: int) -> tuple[int | None, int]:
    """Return where the eponym that begins with a word ends, and how many words it has; None if it is not certain."""
    names = _all_names()
    for count in range(min(_MOST_PARTS, len(words) - place), 1, -1):
        parts = words[place : place + count]
        between = [text[one.end() : other.start()] for one, other in pairwise(parts)]
        plain = [_plain(part[0]) for part in parts]
        if not names.isdisjoint(("-".join(plain), "-".join(map(_nominative, plain)))) and all(
            map(_JOINT.fullmatch, between)
        ):
            return parts[-1].end(), count
    name = _plain(words[place][0])
    single = _nominative(name)
    match = words[place]
    if _is_score(name, match) and _BEGINS_REMARK.search(text, max(0, match.start() - 2), match.start()):
        score = _SCORE.match(text, match.end())
        if score:
            return score.end(), 1
    if _all_names().isdisjoint((name, single)):
        according = _ACCORDING.search(text, max(0, match.start() - _LONGEST_BEFORE), match.start())
        return (match.end() if according and name in _begins() else None), 1  # there is a Rosenberg view
    firm = not ({name, single} & eponyms()["alone"])
    of_class = _class_of(text, match, name, firm=firm)
    if of_class:
        return of_class.end(), 1
    certain = _is_suspected(text, match, firm=firm) or _has_noun(text, match, firm=firm)
    return (match.end() if certain else None), 1


def _is_score(name: str, match: re.Match[str]) -> bool:
    """Return whether a name is that of a score; a common one is none where the text begins: Fisher 3."""
    known = eponyms()
    return name in known["scores"] and (match.start() > 0 or name not in known["grades"])


def _class_of(text: str, match: re.Match[str], name: str, *, firm: bool) -> re.Match[str] | None:
    """Return the class that stands behind the name of a classification; behind a common one, not after a given name."""
    known = eponyms()
    if name in known["classes"] and not (firm and _is_behind_name(text, match)):
        return _CLASS.match(text, match.end())
    if match.start() and name in known["grades"] and not _is_behind_name(text, match):
        return _GRADE.match(text, match.end())
    return None


def _is_behind_name(text: str, match: re.Match[str]) -> bool:
    """Return whether the word before, with a capital, is none of medicine: it may be a given name."""
    before = _CALLED_BEFORE.search(text, max(0, match.start() - _LONGEST_BEFORE), match.start())
    return bool(
        before and before[1].istitle() and _plain(before[1]) not in medicine() and not _is_noun(before[1], firm=False)
    )


def _has_noun(text: str, match: re.Match[str], *, firm: bool) -> bool:
    """Return whether a noun of its kind stands beside an eponym, or an operation is joined to it."""
    if _OPERATION.match(text, match.end()) or _SIGN.match(text, match.end()):
        return True
    if (not firm or text[: match.start()].endswith(", ")) and _OUTCOME.match(text, match.end()):
        return True
    if _is_disease(text, match) or _ACCORDING.search(text, max(0, match.start() - _LONGEST_BEFORE), match.start()):
        return True
    inside = _IN_PARENTHESES.match(text, match.end()) if text[: match.start()].endswith("(") else None
    if inside and _is_noun(inside[1], firm=firm):
        return True
    behind = _BEHIND.match(text, match.end())
    if behind and (_is_noun(behind[1], firm=firm) or _is_rare_beside(match[0], behind[1])):
        return True
    if behind and behind[2] and _plain(behind[1]) in _AMID and _is_noun(behind[2], firm=firm):
        return True
    before = _BEFORE.search(text, max(0, match.start() - _LONGEST_BEFORE), match.start())
    if before and _is_noun(before[1], firm=firm):
        linked = before[0][len(before[1]) :].strip(" -‐‑–")
        name = _plain(match[0])
        return bool(linked) or _plain(before[1]) in _CALLED or _nominative(name) not in (name, _singular(name))
    return False


def _is_disease(text: str, match: re.Match[str]) -> bool:
    """Return whether a name means a disease in the genitive, too, and nothing behind it can belong to somebody."""
    return _plain(match[0]) in eponyms()["diseases"] and _GENITIVE.match(text, match.end()) is not None


def _is_rare_beside(name: str, noun: str) -> bool:
    """Return whether a name that hardly anybody bears stands before a projection, a device or a method."""
    known, plain = eponyms(), _plain(noun)
    return _plain(name) in known["rare"] and not {plain, _singular(plain)}.isdisjoint(known["of rare"])


def _is_suspected(text: str, match: re.Match[str], *, firm: bool) -> bool:
    """Return whether what stands before an eponym says that a disease or an operation follows."""
    start = max(0, match.start() - _LONGEST_BEFORE)
    if not firm and _MORBUS.search(text, start, match.start()):
        return True  # before a common name, M. is Monsieur
    return _SUSPECTED.search(text, start, match.start()) is not None


def stays_alone(text: str, runs: Sequence[re.Match[str]], usual: Sequence[bool], place: int) -> bool:
    """Return whether a word is an eponym that is a rare name, and nothing beside it belongs to a name.

    Args:
        text: the text.
        runs: the words of the text.
        usual: whether each of them is a known word.
        place: the index of the word in question.
    """
    if not is_eponym(runs[place][0]):
        return False
    for other in (place - 1, place + 1):
        if 0 <= other < len(runs):
            here, beside = runs[place], runs[other]
            between = text[min(here.end(), beside.end()) : max(here.start(), beside.start())]
            if len(between) <= _LONGEST_BETWEEN and not _goes_with(beside[0], between, usual=usual[other]):
                return False
    return True


def is_eponym(word: str) -> bool:
    """Return whether a word is an eponym that may stay alone: its context decides about it, and no other table."""
    name = _plain(word)
    return bool({name, _singular(name)} & eponyms()["alone"])


def _goes_with(word: str, between: str, *, usual: bool) -> bool:
    """Return whether a neighbour reveals no person: a medical word, another eponym, any known word in lower case."""
    folded = _plain(word)
    if folded in eponyms()["alone"] or folded == "s":
        return True
    if len(word) == 1:
        return "." not in between and (word.islower() or word in _SIDES or between[:1].isdigit())  # the M of M0
    if not usual:
        return False
    return (
        word.islower() or folded in medicine() or folded in eponyms()["nouns"] or folded in technique()["abbreviations"]
    )


def _is_noun(word: str, *, firm: bool) -> bool:
    """Return whether a word is a noun that an eponym goes with; if `firm`, not one for what any patient may have."""
    plain, known = _plain(word), eponyms()
    if firm and {plain, _singular(plain)} & known["generic"]:
        return False
    return bool({plain, _singular(plain)} & known["nouns"])


@cache
def _begins() -> frozenset[str]:
    return frozenset(name.split("-")[0] for name in _all_names()) | eponyms()["scores"]


@cache
def _names_and_begins() -> frozenset[str]:
    return _all_names() | _begins()


@cache
def _all_names() -> frozenset[str]:
    return eponyms()["alone"] | eponyms()["beside"]


@lru_cache(maxsize=4096)
def _is_begin(word: str) -> bool:
    plain = _plain(word)
    return bool(plain) and (plain in _begins() or _nominative(plain) in _begins())


@lru_cache(maxsize=4096)
def _nominative(name: str) -> str:
    """Return a name without the ending of a genitive or an adjective: Crohna, Collesova, Leśniowskiego, Bakers."""
    for ending, nominative in _DECLINED:
        if name.endswith(ending) and (bare := name[: -len(ending)] + nominative) in _names_and_begins():
            return bare
    return _singular(name)


def _singular(name: str) -> str:
    """Return a name without the s of a genitive that lacks its apostrophe: Hodgkins, Bakers."""
    return name[:-1] if name.endswith("s") else name


def _plain(word: str) -> str:
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKD", word.lower())
    return (
        "".join(character for character in plain if not unicodedata.combining(character))
        .replace("ß", "ss")
        .replace("ø", "o")
    )

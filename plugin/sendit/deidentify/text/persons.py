"""Find names, places and numbers that a cue reveals in free text: "seen by Li Wu", "works at Reading".

`tables/cues.txt` has the cues in nine languages. Most names are removed anyway, as unknown words (vocabulary.py); cues
are for short ones, and for those that are also medical words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from sendit.deidentify.text.characters import MARKS
from sendit.deidentify.text.eponyms import is_eponym
from sendit.deidentify.text.record_numbers import CUT, behind_label
from sendit.deidentify.text.scripts.names import without_cued_names
from sendit.deidentify.text.scripts.vietnamese import without_names_of_vietnam
from sendit.deidentify.text.sections import any_of, cues, medicine, technique
from sendit.deidentify.text.vocabulary import (
    is_anybodys_name,
    is_compound_of_medicine,
    is_derived,
    is_listed,
    is_nobody,
    is_of_machines,
    is_of_reports,
)
from sendit.deidentify.text.words.unknown_words import is_word_in_capitals

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_WORDS = 4  # of one name
_MOST_PLACES = 3
_SHORT = 3
_LONGEST_ABBREVIATION = 5  # letters, of a hospital
_LETTERS = re.compile(r"[^\W\d_]+")
#: Volumes that are irradiated or spared (ICRU 83): boost to PTV_6000.
_VOLUME = re.compile(
    r"(?:z?(?:HR|IR|[IL])?[PCG]TV(?:[a-z]{1,5})?(?:[_ \-]?\d{1,4})?|[IP]RV(?:[_ ]?\d{1,2})?|ITV)(?![^\W_])"
)
_TOKEN = re.compile(r"(\s*[\-,(]?\s*)((?:[^\W\d_]\.)+|[^\W\d_][^\W\d_'’\-]*\.?)")
#: Of a house, before the name of its street: lives at 14 …
_HOUSE_NUMBER = re.compile(r"\s\d{1,4}[A-Za-z]?(?=,?\s[^\W\d_a-z])")
#: Behind a stadium that is a stage: Sarkoidose Stadium II, Stadium ARCO II.
_STAGE = re.compile(r"\s(?:[IVX]{1,4}[a-c]?|\d[a-c]?|[A-Z]{2,})(?!\w)")
#: Roles and services, not single persons.
_ROLE = re.compile(
    r"(?:\w*(?:olog(?:y|ie|ía|ia|ist|iste|o|a|ue)s?|iatr(?:y|ics|ie|ist)|surgery|surgeons?|medicine|chirurgie|anesthesia)"
    r"|team|service|services|staff|clinic|clinics|hospital|department|dept|nurse|nurses|nursing|physician|physicians|doctor|doctors"
    r"|tech|technologist|technologists|radiographer|resident|residents|fellow|attending|consultant|registrar|pharmacy|pharmacist|patient|patients|parents?"
    r"|referrer|requester|reader)s?",
    re.IGNORECASE,
)
#: A number after a name is a phone number.
_EXTENSION = re.compile(r"[ ,]{1,2}(?:ext\.?[ ]?|x)?\d{4,6}(?!\w|[.,/]\d|\s?(?:kv|mm|ml|cm|ms|hu|s)\b)", re.IGNORECASE)


def without_cued(text: str, is_known: Callable[[str], bool]) -> str:
    """Return the text with CUT in the place of what a cue gives away: names, places, numbers."""
    text = without_names_of_vietnam(without_cued_names(text))
    if CUT in text or any(map(str.isdigit, text)):
        text = _numbers().sub(behind_label, text)
    words = set(_LETTERS.findall(text.casefold()))
    titled = _is_titled(text)
    text = _without_houses_and_offices(text, words)
    for section, takes in (
        ("by", _Taking(known=True, small=True)),
        ("relation", _Taking()),
        ("place", _Taking(noun=True)),
        ("weak", _Taking()),
        ("preposition", _Taking(noun=True)),
        ("where", _Taking(place=True)),
        ("residence", _Taking(known=True)),
    ):
        if not words.isdisjoint(_begins(section)):
            text = _without_names(text, _cues(section), takes, is_known, titled=titled)
    if not words.isdisjoint(_begins("title")):
        text = _without_names(text, _titles(), _Taking(known=True, cue_stays=False, title=True), is_known, titled=False)
    if not words.isdisjoint(_begins("behind")):
        text = _behind().sub(CUT, text)
    if not words.isdisjoint(_begins("initials")):
        text = _typist().sub(lambda match: f"{match[1]}{CUT}", text)
    return text


def without_titled(text: str, is_known: Callable[[str], bool]) -> str:
    """Return a technical text with CUT in the place of who has a title, and of numbers behind a label of records.

    Other cues mean something else there: a model is "x600" or "MAC 5500", a program "compressed with pydicom".
    """
    if CUT in text or any(map(str.isdigit, text)):
        text = _numbers().sub(lambda match: behind_label(match) if _is_of_records(match) else match[0], text)
    words = set(_LETTERS.findall(text.casefold()))
    if not words.isdisjoint(_begins("title")):
        text = _without_names(text, _titles(), _Taking(known=True, cue_stays=False, title=True), is_known, titled=False)
    return text if words.isdisjoint(_begins("initials")) else _typist().sub(lambda match: f"{match[1]}{CUT}", text)


def _is_of_records(match: re.Match[str]) -> bool:
    """Return whether a label of a number is no part of a model's name."""
    label = _LETTERS.search((match[1] or match[2] or match[3] or match[4]).casefold())
    return label is None or label[0] not in ("x", "mac", "unit", "cell", "box", "chip")


def _without_houses_and_offices(text: str, words: set[str]) -> str:
    """Return the text without names of houses and companies, without offices, signatures and nicknames."""
    if not words.isdisjoint(_begins("facility")):
        text = _without_facilities(text)
    if not text.isascii():
        text = _facility_without_capitals().sub(_without_facility_without_capitals, text)
    if not words.isdisjoint(_begins("company")):
        text = _company().sub(_without_company, text)
    if not words.isdisjoint(_begins("office")):
        text = _office().sub(CUT, text)
    if not words.isdisjoint(_begins("signed")):
        text = _signed().sub(_without_signature, text)
    if "at" in words or not words.isdisjoint(_WHERE):
        text = text if _is_titled(text) and "the" not in words else _VENUE.sub(_without_venue, text)
    if not words.isdisjoint(_OWNERS):
        text = _ANIMAL.sub(_without_animal, text)
    if not words.isdisjoint(_begins("called")):
        text = _called().sub(CUT, text)
    if "'" in text or "’" in text:
        text = _IN_TURKISH_CASE.sub(_without_turkish, text)
    return _SAINT.sub(_without_saint, _nickname().sub(_without_nickname, text))


def _without_facilities(text: str) -> str:
    """Return the text without the names of hospitals and homes; their kind stays."""
    return _facility().sub(_without_facility, text)


def _without_facility(match: re.Match[str]) -> str:
    name = match["name"] or match["name2"]
    stage = match["name2"] and match[0].endswith("Stadium") and _STAGE.match(match.string, match.end())
    return match[0] if stage or _is_kind(name) else match[0].replace(name, CUT)


@cache
def _facility_without_capitals() -> re.Pattern[str]:
    """Return a pattern for a hospital and its name in scripts without capitals, in one of three groups."""
    before, behind, joined = (
        any_of(cues()[f"facility {where}"]) for where in ("before name", "behind name", "behind joined name")
    )
    word = rf"[^\W\d_](?:[^\W\d_]|[{MARKS}])+"
    return re.compile(
        rf"(?<!\w)(?:ال|ה)?(?:{before})\s(?P<name>{word})"
        rf"|(?<![\w{MARKS}])(?P<name2>{word})\s(?:{behind})(?![\w{MARKS}])"
        rf"|(?<![^\W\d_])(?P<name3>(?![のにをはがでとやもへ])[^\W\d_A-Za-z]{{1,4}}?)(?:{joined})"
    )


def _without_facility_without_capitals(match: re.Match[str]) -> str:
    name = match["name"] or match["name2"] or match["name3"]
    kinds = cues()["kind of facility"]
    if name in kinds or (match["name3"] and name.endswith(tuple(kinds))) or name.isascii():
        return match[0]
    return match[0].replace(name, CUT, 1)


def _is_kind(name: str) -> bool:
    """Return whether words say what kind of hospital is meant, and not which one: General Hospital."""
    return all(
        word in medicine() | cues()["kind"] | cues()["particle"] or is_of_reports(word) or is_compound_of_medicine(word)
        for word in _LETTERS.findall(name.casefold())
    )


@dataclass(frozen=True, slots=True)
class _Taking:
    """Describe how much after a cue is taken for a name."""

    known: bool = False  # also medical words
    small: bool = False  # also words without a capital
    cue_stays: bool = True
    title: bool = False  # after a title: whatever follows is a name
    noun: bool = False  # not words that are nobody's name
    place: bool = False  # where nouns have no capital: also words of the language, which places are called by


def _without_names(
    text: str, cue: re.Pattern[str], takes: _Taking, is_known: Callable[[str], bool], *, titled: bool
) -> str:
    pieces, position = [], 0

    def is_word(word: str) -> bool:
        return is_known(word) or is_word_in_capitals(word, text)

    for match in cue.finditer(text):
        if match.end() < position:
            continue
        if match[0] == "M." and (disease := _LETTERS.search(text, match.end())) and is_eponym(disease[0]):
            continue  # Morbus Crohn
        end = _end_of_name(text, match, takes, is_word, titled=titled)
        if end > match.end():
            pieces += [text[position : match.end() if takes.cue_stays else match.start()], CUT]
            number = _EXTENSION.match(text, end)
            position = number.end() if number else end
    return "".join((*pieces, text[position:])) if pieces else text


def _end_of_name(
    text: str, cue: re.Match[str], takes: _Taking, is_known: Callable[[str], bool], *, titled: bool
) -> int:
    """Return where the name after a cue ends; the end of the cue if there is none."""
    end = place = cue.end()
    house = _HOUSE_NUMBER.match(text, place) if takes.known and not takes.title else None
    if house:
        place, titled = house.end(), False
    stops = cue[0].istitle() and takes.cue_stays
    for count in range(_MOST_WORDS + 2):
        match = _TOKEN.match(text, place)
        if match is None or (count == 0 and "," in match[1]) or (count and not match[1]):
            break
        if "(" in match[1] and (count or takes.small or not match[2].istitle()):
            break  # of a relative, a name may stand in parentheses
        word = match[2]
        if _VOLUME.match(text, match.start(2)):
            break
        if word.rstrip(".").lower() in _small_titles():
            takes, place = replace(takes, known=True, title=True), match.end()
            continue
        if word.lower() in cues()["particle"] and word[0].islower():
            place = match.end()
            continue
        if not _is_of_name(
            word, takes, is_known, titled=titled, stops=stops, later=end > cue.end(), listed="," in match[1]
        ):
            break
        end = place = match.end()
        if word.endswith(".") and len(word) > 2 and "." not in word[:-1]:
            end -= 1
            break
    return end


def _is_of_name(
    word: str, takes: _Taking, is_known: Callable[[str], bool], *, titled: bool, stops: bool, later: bool, listed: bool
) -> bool:
    bare = word.rstrip(".")
    folded = bare.lower()
    named = (bare.istitle() and takes.known and not stops) or (takes.title and not later)
    if (
        (not named and folded in cues()["stop"])
        or _ROLE.fullmatch(bare)
        or (not named and not bare.istitle() and folded in cues()["means"])
    ):
        return False
    if len(bare) == 1 and bare == word and not (takes.known or later):
        return False  # projected from C: an initial has a full stop
    strange = not (is_known(bare) or folded in technique()["abbreviations"]) or folded in technique()["names too"]
    if bare[0].isupper() and (not bare.isupper() or len(bare) == 1):
        if listed or (titled and not takes.small and not takes.title):
            return strange
        if takes.place:
            of_field = folded in medicine() or is_listed(bare) or is_of_reports(bare) or is_derived(folded)
            return later or not (of_field or len(bare) <= _SHORT or is_eponym(bare))
        short = len(bare) <= _SHORT and folded not in technique()["abbreviations"]
        term = (
            folded in medicine()
            or (takes.noun and (is_nobody(bare) or is_of_reports(bare)))
            or (not bare.istitle() and not strange)
        )
        return takes.known or strange or later or short or not term
    if bare.isupper():
        return strange or ((takes.small or takes.known) and not later)
    complaint = is_derived(folded) and not is_anybodys_name(folded)  # c/o giddiness
    return takes.small and (strange or (not later and (len(bare) <= _SHORT or not (complaint or folded in medicine()))))


@cache
def _small_titles() -> frozenset[str]:
    return frozenset(map(str.lower, cues()["title"]))


@cache
def _begins(section: str) -> frozenset[str]:
    """Return the first words of a section's cues, by which a text without any cue is recognised fast."""
    first = (_LETTERS.search(cue.casefold()) for cue in cues()[section])
    return frozenset(match[0] for match in first if match) | ({"m"} if section == "title" else frozenset())


@cache
def _cues(section: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w/.])(?:{any_of(cues()[section])})(?![\w/]):?(?=\s)", re.IGNORECASE)


@cache
def _titles() -> re.Pattern[str]:
    """Return a pattern for titles in their usual case: MR, MS and DR mean something else."""
    titles = cues()["title"]
    small = {title.lower() for title in titles if "." in title.rstrip(".")}  # sig.ra, dott.ssa
    return re.compile(rf"(?<![\w/.])(?:{any_of(titles | small)})(?!\w)\.?(?=\s*[^\W\d_])|(?<![\w.])M\.(?=\s[^\W\d_])")


@cache
def _behind() -> re.Pattern[str]:
    name = r"[^\W\d_a-z][^\W\d_A-Z]+"
    capitals = r"[^\W\d_a-z]{4,},"
    ends = any_of(cues()["behind"])
    return re.compile(rf"(?<!\w)(?:(?:{name}\s+){{0,2}}{name},?|{capitals})\s+(?:{ends})(?!\w)")


@cache
def _typist() -> re.Pattern[str]:
    """Return a pattern for the initials of who dictated and who typed: dictated ajk/lmw."""
    return re.compile(
        rf"((?<!\w)(?:{any_of(cues()['initials'])})(?!\w)[\s.:]*(?:by\s|von\s|par\s|por\s)?\s*)"
        r"(?:[^\W\d_]{2,3}[/|:][^\W\d_]{2,3}|[^\W\d_]{2,3})(?=\s*(?:$|[.,;)\d/|]))",
        re.IGNORECASE,
    )


@cache
def _signed() -> re.Pattern[str]:
    """Return a pattern for the initials of who read or checked: reported vdM, befundet KH."""
    return re.compile(
        rf"(?P<cue>(?<!\w)(?i:{any_of(cues()['signed'])})(?!\w)[\s.:]*(?i:by\s|von\s|par\s|por\s)?\s*)"
        r"(?P<name>(?:[a-z]{1,3}[A-Z]{1,3}|[A-Z]{2,3})(?:/(?:[a-z]{0,3}[A-Z]{1,3}))?|[^\W\d_]{2,3}[/|][^\W\d_]{2,3})(?=\s*(?:$|[.,;)]))"
    )


def _without_signature(match: re.Match[str]) -> str:
    folded = match["name"].lower()
    if folded in medicine() or folded in technique()["abbreviations"]:
        return match[0]
    return f"{match['cue']}{CUT}"


@cache
def _office() -> re.Pattern[str]:
    """Return a pattern for an office or rank, and for what it is of: senator from Vermont, minister of fisheries."""
    of = r"(?:of|from|for|in|at|to|de|do|da|del|della|di|von|van|für|aus|w)\s(?:the\s|la\s|los\s|las\s|der\s|den\s)?"
    return re.compile(
        rf"(?<![\w\-])(?i:{any_of(cues()['office'])})(?![\w\-])\.?(?:\s{of}[^\W\d_]+(?:\s[^\W\d_a-z][^\W\d_]+){{0,3}}|(?<=\bof)\s[^\W\d_]+)?"
        r"(?:\s[^\W\d_a-z][^\W\d_A-Z]+){0,2}"
    )


@cache
def _company() -> re.Pattern[str]:
    """Return a pattern for the name of a company before its form: Medika Sp. z o.o."""
    word = r"[^\W\d_a-z][\w'’&\-]*"
    return re.compile(rf"(?<!\w)(?P<name>{word}(?:\s{word}){{0,3}}),?\s(?i:{any_of(cues()['company'])})(?![\w/])")


def _without_company(match: re.Match[str]) -> str:
    """Return the form of a company without its name; a spa and an inc without a capital are words."""
    form = match[0][len(match["name"]) :].strip(" ,")
    alone = match[0].strip() == match.string.strip()  # a word and "spa" are no sentence: Prado spa
    if form.islower() and len(form) <= _SHORT and form.isalpha() and not alone:
        return match[0]
    words = _LETTERS.findall(match["name"].casefold())
    if any(map(is_of_machines, words)) or all(word in medicine() | technique()["abbreviations"] for word in words):
        return match[0]
    return match[0].replace(match["name"], CUT, 1)


#: A house or a place that is called after a saint: St. Elsewhere. In small letters, st. is a state.
_SAINT = re.compile(r"(?<!\w)(St\.\s)([A-ZÀ-Ý][a-zß-ÿ]{2,}(?:['’]s)?)(?!\w)")


def _without_saint(match: re.Match[str]) -> str:
    folded = match[2].lower()
    return match[0] if folded in medicine() or is_of_reports(match[2]) or is_eponym(match[2]) else f"{match[1]}{CUT}"


#: A name in a case of Turkish, which parts the ending of names alone from them: Akşehir'den.
_IN_TURKISH_CASE = re.compile(
    r"(?<!\w)([A-ZÇĞİÖŞÜ][a-zçğıöşü]{2,})['’](?:[dt][ae]n?|y?[aeıiuü]|n?[ıiuü]n|l[ıiuü]|y?l[ae])(?!\w)"
)


def _without_turkish(match: re.Match[str]) -> str:
    word = match[1]
    return match[0] if word.lower() in medicine() or is_of_machines(word) or is_eponym(word) else CUT


#: A shop, a tavern, a place with a name of several words, of which each is a word: at Home Depot, outside the Red Lion.
_WHERE = frozenset(["outside", "near", "behind", "opposite", "inside"])
_SIDES = frozenset(["left", "right", "upper", "lower", "mid", "middle", "anterior", "posterior", "medial", "lateral"])
_VENUE = re.compile(
    r"((?<!\w)(?:[Aa]t|[Oo]utside|[Nn]ear|[Bb]ehind|[Oo]pposite|[Ii]nside)\s(?:the\s|a\s)?)"
    r"([A-Z][a-z'’]+(?:\s(?:(?:&|and|of|the)\s){0,2}[A-Z][a-z'’]+){1,3}(?:\son\s[A-Z][a-z]+)?)(?!\w)"
)


def _without_venue(match: re.Match[str]) -> str:
    """Return the preposition alone; a structure, or the kind of a hospital, stays."""
    first, *others = _LETTERS.findall(match[2].casefold())
    sided = first in _SIDES and all(map(is_nobody, others))
    if is_eponym(first) or sided or all(_is_kind(word) or word in cues()["facility"] for word in (first, *others)):
        return match[0]
    return f"{match[1]}{CUT}"


_OWNERS = frozenset(
    [
        "owner",
        "besitzer",
        "besitzerin",
        "halter",
        "propriétaire",
        "propietario",
        "dueño",
        "proprietario",
        "proprietário",
        "eigenaar",
        "właściciel",
    ]
)
#: The name of an animal before the word for its owner: Thunderstruck, owner …
_ANIMAL = re.compile(
    rf"(?<![\w.])(?P<name>[A-ZÀ-Ý][\w'’]+(?:\s[A-ZÀ-Ý][\w'’]+){{0,2}})(?=,?\s\(?(?:{'|'.join(sorted(_OWNERS))})(?!\w))"
)


def _without_animal(match: re.Match[str]) -> str:
    """Return CUT, or the words of the field: Equine."""
    return " ".join(word if _is_kind(word) else CUT for word in match["name"].split())


@cache
def _called() -> re.Pattern[str]:
    """Return a pattern for a short form of a given name and what its bearer is called after: Ze do Posto."""
    names = any_of(name.title() for name in cues()["called"])
    particle = r"(?:d[aeo]s?|del|de\sl[ao]s?|di|il|el|o|a|la)"
    return re.compile(rf"(?<!\w)(?:{names})\s{particle}\s[^\W\d_][\w'’\-]+")


#: Behind what is put in quotes: the name of a sign or an appearance, not of somebody.
_CALLED = (
    r"(?!\W{0,3}(?:sign|appearance|pattern|shape|type|like|lesion|artifact|artefact|deformity|view|protocol|sequence"
    r"|zeichen|phänomen|effect|effekt|score)s?\b)"
)


@cache
def _nickname() -> re.Pattern[str]:
    """Return a pattern for one or two capitalised words in quotes: "Biscuit", «Zé»."""
    word = r"[^\W\d_a-z][^\W\d_A-Z]+"
    return re.compile(
        rf"[\"“”„«](?P<name>{word}(?:\s{word})?)[\"“”»]{_CALLED}|(?<!\w)['‘’](?P<name2>{word})['’](?!\w){_CALLED}"
    )


def _without_nickname(match: re.Match[str]) -> str:
    words = _LETTERS.findall((match["name"] or match["name2"]).casefold())
    return match[0] if all(word in medicine() for word in words) else CUT


@cache
def _facility() -> re.Pattern[str]:
    """Return a pattern for a hospital and its name, in the group `name`."""
    word = r"(?:St\.?\s|Ste\.?\s|San\s)?[^\W\d_a-z][^\W\d_A-Z][\w'’\-]*"
    kinds = any_of(cues()["facility"])
    long_kinds = any_of(kind for kind in cues()["facility"] if len(kind) > _LONGEST_ABBREVIATION)  # not Frau Chu
    linked = (
        r"(?:d[eiou]s?l?l?a?\s|d['’]|l['’]|la\s|of\s|van\s|am\s|im\s|in\s|zum\s|zur\s|van\shet\s|we?\s|em\s|en\s|na\s|no\s"
        r"|v\s|ve\s|в\s|на\s|im\.\s|te\s)*"
    )
    return re.compile(
        rf"(?<!\w)(?i:{kinds})\s+{linked}(?P<name>{word}(?:[\s\-]{word}){{0,2}})"
        rf"|(?<!\w)(?P<name2>{word}(?:\s{word}){{0,2}})\s(?i:{long_kinds})(?!\w)"
    )


@cache
def _numbers() -> re.Pattern[str]:
    unit = r"(?!\d{1,4}(?:[.,]\d+)?[ ]?(?:s|sec|ms|min|mm|cm|ml|kv|mas|ma|mgy|mbq|hz|x\d{2,4})(?!\w))"
    number = (
        unit + r"(?:[A-Z]{1,3}[ ])?(?=[\w\-/.]*(?:\d[\-/. ]?){3})[\w][\w\-/.]*(?:[ ]\d{2,6}(?!\w))*(?:[ ][A-Z](?!\w))?"
        # three digits with letters between them (79A1, B12C3), but no stage of a tumour and no sides
        r"|(?!c?p?T[0-4X]N|\d+[x×]\d)(?=(?:\w*\d){3})[^\W\d_]{0,3}\d{1,3}[^\W\d_]{1,2}\d{1,3}[^\W\d_]?(?![^\W_])"
    )
    return re.compile(
        rf"((?<!\w)(?:{any_of(cues()['number'])})(?![^\W\d_])[\s.:#=°\-]*"
        rf"(?:(?:is|no|nr|number|num|ends|ending|ends in|ending in)(?!\w)[\s.:#=°]*)?)"
        rf"(?:{number}|(?:[A-Z]{{1,4}}[\-/]?)?{CUT})"
        rf"|((?<![\w.])(?:no|nº)[\s.:]+)\d{{4,}}(?!\w)|((?<!\w)[#№])\s?\d{{3,}}|((?<!\w)(?<!\d )x)\d{{3,5}}(?!\w)",
        re.IGNORECASE,
    )


def _is_titled(text: str) -> bool:
    """Return whether most words of a text are capitalised, as in protocol names: capitals then mean nothing."""
    words = [word for word in re.findall(r"[^\W\d_]{2,}", text) if not word.isupper()]
    within = words[1:] if words and words[0][0].isupper() else words  # the first one begins a sentence
    return bool(within) and sum(word[0].isupper() for word in within) > 0.6 * len(within) and len(words) > 1

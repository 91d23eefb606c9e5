"""Free text cleaned (PS3.15 E.3.6): what is known of this patient goes, and what looks like a person's; the rest stays.

Known are the names of all persons, the identifiers, addresses and places that the instance holds in attributes of
their own, as far as the plan does not keep them. A name goes in any order of its parts, in upper and lower case, with
and without accents. A part that is also a word of medicine ("Head", "Long") goes only beside another part of a name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from sendit.deidentify.dataset import Dataset, Element, find
from sendit.deidentify.patterns import (
    LINKS,
    LONG_NUMBERS,
    NAME_FORM,
    NUMBERS_OF_PERSONS,
    SOURCE_OF_PROGRAM,
    medical,
    without_base64,
    without_patterns,
)
from sendit.deidentify.plan import Action, Plan
from sendit.deidentify.text import decoded
from sendit.deidentify.vocabulary import medicine
from sendit.deidentify.words import readable, without_strangers, without_strangers_to_machines

_CHARACTER_SET = 0x00080005
#: Attributes whose value, whole, means a patient, an order or a stay.
#: (AccessionNumber, PatientID, OtherPatientIDs, MedicalRecordLocator, StudyID, AdmissionID, ServiceEpisodeID,
#: RequestedProcedureID, PlacerOrderNumber…, FillerOrderNumber…, ScheduledProcedureStepID, DeviceSerialNumber)
_IDENTIFIERS = frozenset(
    {0x00080050, 0x00100020, 0x00101000, 0x00101090, 0x00200010, 0x00380010, 0x00380060}
    | {0x00401001, 0x00402016, 0x00402017, 0x00400009, 0x00181000}
)
#: Places, addresses and phone numbers.
#: (InstitutionName, …Address, …DepartmentName, PatientAddress, PatientTelephoneNumbers, RegionOfResidence,
#: StationName, ReferringPhysicianAddress, …TelephoneNumbers, IssuerOfPatientID, PersonAddress, …TelephoneNumbers)
_PLACES = frozenset(
    {0x00080080, 0x00080081, 0x00081040, 0x00101040, 0x00102154, 0x00102152, 0x00081010}
    | {0x00080092, 0x00080094, 0x00100021, 0x00401102, 0x00401103}
)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "ß": "ss"})
#: Texts up to this length (characters) stand in many instances of a study; longer ones are reports.
_SHARED = 256
_MOST_SHARED = 512
_GAP = r"[\s,^=.\-_]*"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the persons of one instance. Folded: lower case, no accents."""

    names: frozenset[str] = frozenset()  # parts of names
    identifiers: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()


def known_of(elements: Dataset, plan: Plan) -> Known:
    """Gather, at every depth, what the plan does not keep on purpose."""
    names: set[str] = set()
    identifiers: set[str] = set()
    places: set[str] = set()
    for element, text in _telling(elements, plan, b""):
        if element.vr == "PN":
            names.update(_name_parts(text))
        elif element.tag in _IDENTIFIERS:
            identifiers.update(value for value in map(fold, _values(text)) if len(value) >= 4 or value.isdigit())
        else:
            parts = (part for value in _values(text) for part in (value, *re.split(r"[,;\n\r^]+", value)))
            places.update(part for part in map(fold, map(str.strip, parts)) if len(part) >= 4)
    return Known(frozenset(names), frozenset(i for i in identifiers if len(i) >= 3), frozenset(places))


def _telling(elements: Dataset, plan: Plan, inherited: bytes | memoryview) -> Iterator[tuple[Element, str]]:
    found = find(elements, _CHARACTER_SET) if elements and elements[0].tag <= _CHARACTER_SET else None
    character_set = inherited if found is None or found.items is not None else found.value
    for element in elements:
        if element.items is not None:
            for item in element.items:
                yield from _telling(item, plan, character_set)
        elif element.vr == "PN" or element.tag in _IDENTIFIERS or element.tag in _PLACES:
            rule = plan.rules.get(element.tag)
            if element.value and (rule is None or rule.action is not Action.KEEP):
                yield element, decoded(element.value, character_set)


def _values(text: str) -> Iterable[str]:
    return (value.strip("\0 ") for value in text.split("\\"))


def _name_parts(text: str) -> Iterator[str]:
    """Folded, and written without umlauts as people do who have none on the keyboard."""
    for part in re.split(r"[\W\d_]+", text):
        if part:
            yield fold(part)
            if not part.isascii():
                yield fold(part.lower().translate(_UMLAUTS))


def fold(text: str) -> str:
    """Lower case and without accents; every character gives exactly one, so that places in the text stay the same."""
    if text.isascii():
        return text.lower()
    return "".join(_fold_one(character) for character in text)


@lru_cache(maxsize=4096)
def _fold_one(character: str) -> str:
    parts = unicodedata.normalize("NFD", character)
    if all(map(unicodedata.combining, parts[1:])):
        character = parts[0]
    lower = character.lower().replace("ς", "σ")  # in capitals the two are one
    return lower if len(lower) == 1 else character


class TextCleaner:
    """Cleans the texts of one instance. The same text and the same `known` give the same result, everywhere."""

    __slots__ = ("_descriptions", "_identifiers", "_known", "_meanings", "_technical")

    def __init__(self, known: Known) -> None:
        self._known = _pattern(known)
        self._identifiers = known.identifiers
        self._descriptions: dict[str, str] = {}
        self._meanings: dict[str, str] = {}
        self._technical: dict[str, str] = {}

    def description(self, text: str) -> str:
        """A text that a person typed: without what is known, and without what looks like a person's. May be empty."""
        return _once(text, self._descriptions, self._described)

    def meaning(self, text: str) -> str:
        """A text of which every word may be a term, such as the meaning of a code: the same, but strange words stay."""
        return _once(text, self._meanings, self._meant)

    def technical(self, text: str) -> str:
        """A text about the technique: without what is known, names, links, and numbers too long for a version."""
        return _once(text, self._technical, self._technically)

    def _described(self, text: str) -> str:
        plain = readable(text)
        cleaned = without_strangers(without_patterns(without_base64(_without(self._known, plain))))
        return text if cleaned == plain else _tidied(plain, cleaned)

    def _meant(self, text: str) -> str:
        plain = readable(text)
        cleaned = without_patterns(without_base64(_without(self._known, plain)))
        return text if cleaned == plain else _tidied(plain, cleaned)

    def _technically(self, text: str) -> str:
        plain = readable(text)
        if SOURCE_OF_PROGRAM.fullmatch(plain.strip()) and not self.knows(plain):
            return text
        cleaned = without_base64(_without(self._known, plain))
        if "^" in cleaned:
            cleaned = NAME_FORM.sub(lambda match: match[0] if medical(match[0]) else " ", cleaned)
        if "@" in cleaned or ":" in cleaned or "www" in cleaned:  # else four numbers with dots are a version
            cleaned = LINKS.sub(" ", cleaned)
        cleaned = LONG_NUMBERS.sub(" ", NUMBERS_OF_PERSONS.sub(" ", cleaned))
        cleaned = without_strangers_to_machines(cleaned)
        return text if cleaned == plain else _tidied(plain, cleaned)

    def knows(self, text: str) -> bool:
        """Whether something known stands in a text."""
        return self._known is not None and self._known.search(fold(text)) is not None

    def is_identifier(self, number: str) -> bool:
        """Whether a number, whole, is one of the identifiers."""
        return number in self._identifiers


@lru_cache(maxsize=32)  # the instances of a study know the same
def cleaner_for(known: Known) -> TextCleaner:
    """The cleaner, which remembers what it made of short texts."""
    return TextCleaner(known)


def _once(text: str, done: dict[str, str], clean: Callable[[str], str]) -> str:
    found = done.get(text)
    if found is None:
        found = clean(text)
        if len(text) <= _SHARED and len(done) < _MOST_SHARED:
            done[text] = found
    return found


def _without(known: re.Pattern[str] | None, text: str) -> str:
    if known is None:
        return text
    pieces, position = [], 0
    for match in known.finditer(fold(text)):
        pieces.append(text[position : match.start()])
        position = match.end()
    return " ".join((*pieces, text[position:])) if position else text


def _tidied(original: str, cleaned: str) -> str:
    """Without the gaps and the lonely marks that cutting left. Lines stay lines."""
    if cleaned == original:
        return original
    lines = (re.sub(r"\(\s*\)|\[\s*\]", "", line) for line in re.split(r"\r\n|\r|\n", cleaned))
    tidy = "\r\n".join(re.sub(r"[^\S\r\n]+", " ", line).strip(" ,;:-/#=.^_&") for line in lines).strip()
    return tidy if re.search(r"\w", tidy) else ""


@lru_cache(maxsize=64)
def _pattern(known: Known) -> re.Pattern[str] | None:
    alternatives = [*_identifier_patterns(known), *_name_patterns(known.names)]
    return re.compile("|".join(alternatives)) if alternatives else None


def _identifier_patterns(known: Known) -> Iterator[str]:
    """Identifiers with and without separators between their characters; places with any gaps."""
    for identifier in sorted(known.identifiers, key=lambda i: (-len(i), i)):
        characters = [c for c in identifier if c.isalnum()]
        core = re.sub(r"\D", "", identifier)
        if len(core) >= 6 and len(core) < len(characters):  # "MRN1234567" without its letters
            yield r"(?<!\d)" + r"[\-\s./_]?".join(core) + r"(?!\d)"
        if len(characters) >= 5:
            yield r"(?<![^\W_])" + r"[\-\s./_]?".join(map(re.escape, characters)) + r"(?![^\W_])"
        elif not identifier.isalpha() or identifier not in medicine():
            yield r"(?<![\w.])" + re.escape(identifier) + r"(?![\w]|\.\d)"
    for place in sorted(known.places, key=lambda p: (-len(p), p)):
        words = re.findall(r"\w+", place)
        if words and not all(word in medicine() for word in words):
            yield r"(?<!\w)" + r"\W+".join(map(re.escape, words)) + r"(?!\w)"


def _name_patterns(names: frozenset[str]) -> Iterator[str]:
    """Several parts beside each other in any order, with initials; then each part that is no word of medicine."""
    long = sorted((n for n in names if len(n) > 2 or (len(n) == 2 and n.isascii())), key=lambda n: (-len(n), n))
    spoken = [n for n in long if _has_bounds(n)]
    if len(spoken) > 1:
        part = f"(?:{'|'.join(map(re.escape, spoken))})"
        yield rf"(?<![^\W\d_]){part}(?:{_GAP}{part})+(?:{_GAP}(?:{_initials(names)})(?![^\W\d_]))?(?![^\W\d_])"
    alone = [n for n in spoken if n not in medicine()]
    if alone:
        initials = _initials(names)
        part = f"(?:{'|'.join(map(_spread, alone))})"
        yield rf"(?<![^\W\d_])(?:(?:{initials})[\s,^.]+)?{part}(?:[\s,^.]+(?:{initials})(?![^\W\d_]))?(?![^\W\d_])"
    dense = sorted((n for n in names if not _has_bounds(n)), key=lambda n: (-len(n), n))
    if dense:  # scripts that set no spaces between words
        part = f"(?:{'|'.join(map(re.escape, dense))})"
        yield rf"{part}(?:{_GAP}{part})+"
        yield "|".join(re.escape(n) if len(n) > 1 else rf"(?<!\w){re.escape(n)}(?!\w)" for n in dense)


def _spread(name: str) -> str:
    """A name as it stands, or, where it is long enough to mean something, with gaps in it or from its end."""
    if len(name) < 6:
        return re.escape(name)
    return "|".join((r"[\s.\-_]?".join(map(re.escape, name)), re.escape(name[::-1])))


def _initials(names: frozenset[str]) -> str:
    found = sorted({name[0] for name in names if _has_bounds(name)})
    return "|".join(rf"{re.escape(initial)}\.?" for initial in found) or "(?!)"


def _has_bounds(name: str) -> bool:
    return all(ord(character) < 0x2E80 for character in name)

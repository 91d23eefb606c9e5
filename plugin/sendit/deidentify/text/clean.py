"""Clean free text (PS3.15 E.3.6): remove personal data of the instance, and what looks like it.

Personal data are the names of all persons, the identifiers, addresses and places in attributes of the instance, unless
the plan retains them. A name is removed in any order of its parts, in upper and lower case, with and without accents. A
part that is also a medical word ("Head", "Long") is removed only beside another part of a name.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.dataset import Dataset, find
from sendit.deidentify.plan import Action, Plan
from sendit.deidentify.text import normalize as folding
from sendit.deidentify.text.beside_names import without_belongings, without_second_name
from sendit.deidentify.text.characters import readable
from sendit.deidentify.text.contact_details import (
    without_contact_details,
    without_hosts,
    without_numbers_of_persons,
)
from sendit.deidentify.text.dates_in_words import without_dates_in_words
from sendit.deidentify.text.encodings import is_dense, parts_of_dense, readings_of
from sendit.deidentify.text.eponyms import with_eponyms
from sendit.deidentify.text.meanings import without_strangers_to_meanings
from sendit.deidentify.text.normalize import (
    NAME_WORD,
    in_latin,
    is_technical,
    letters_of,
    phrases_in_latin,
    spellings,
)
from sendit.deidentify.text.patterns import (
    LINKS,
    LONG_NUMBERS,
    NAME_FORM,
    NUMBERS_OF_PERSONS,
    SOURCE_OF_PROGRAM,
    medical,
    with_units,
    without_base64,
    without_disguise,
    without_old_dates,
    without_patterns,
)
from sendit.deidentify.text.persons import without_cued, without_titled
from sendit.deidentify.text.record_numbers import (
    CUT,
    TextKind,
    is_sequence_name,
    is_series_of_trial,
    remains,
    without_lettered_groups,
    without_record_numbers,
)
from sendit.deidentify.text.sections import medicine
from sendit.deidentify.text.short_names import without_initials, without_short_names
from sendit.deidentify.text.strangers import without_strangers, without_strangers_to_machines
from sendit.deidentify.text.vocabulary import is_familiar, is_known, is_listed
from sendit.deidentify.text.wards_and_subjects import is_bids_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_CHARACTER_SET = 0x00080005
#: Attributes whose whole value identifies a patient, an order or a stay.
#: (AccessionNumber, PatientID, OtherPatientIDs, MedicalRecordLocator, StudyID, AdmissionID, ServiceEpisodeID,
#: RequestedProcedureID, PlacerOrderNumber…, FillerOrderNumber…, ScheduledProcedureStepID, DeviceSerialNumber)
_IDENTIFIERS = frozenset(
    {0x00080050, 0x00100020, 0x00101000, 0x00101090, 0x00200010, 0x00380010, 0x00380060}
    | {0x00401001, 0x00402016, 0x00402017, 0x00400009, 0x00181000}
)
#: PatientName, OtherPatientNames, PatientBirthName
_PATIENT_NAMES = frozenset({0x00100010, 0x00101001, 0x00101005})
#: Places, addresses and phone numbers.
#: (InstitutionName, …Address, …DepartmentName, PatientAddress, PatientTelephoneNumbers, RegionOfResidence,
#: StationName, ReferringPhysicianAddress, …TelephoneNumbers, IssuerOfPatientID, PersonAddress, …TelephoneNumbers)
_PLACES = frozenset(
    {0x00080080, 0x00080081, 0x00081040, 0x00101040, 0x00102154, 0x00102152, 0x00081010}
    | {0x00080092, 0x00080094, 0x00100021, 0x00401102, 0x00401103}
)
#: PatientBirthDate, StudyDate
_DAYS = frozenset({0x00100030, 0x00080020})
_TELLING = _IDENTIFIERS | _PLACES | _DAYS
_DAY = re.compile(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
#: And initials: what is left of "Li Wu" and of "S. Ito".
_NOTHING_BUT_CUTS = re.compile(rf"(?:[^\w]|_|{CUT}|(?<![^\W_])[^\W\d_](?![^\W_]))*")
_LONGEST_MEASURED = 7  # digits
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "ß": "ss"})
#: Letters without a separable accent, and hiragana.
_SINGLE = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "ð": "d", "ς": "σ"} | folding.KANA)
#: Texts up to this length (characters) recur in the instances of a study; longer ones are reports.
_SHARED = 256
_MOST_SHARED = 512
#: Names from this length on are searched for with one wrong letter.
_TYPED = 6
#: Shorter parts of the patient's name are also articles, planes and modalities (An, Ax, Mr).
_SHORTEST_OWN = 3
#: Shorter transliterations of a single Chinese letter are also units and modalities (mA, Ti, He).
_SHORTEST_IN_LATIN = 3
#: Words in the names of what is no patient.
_NO_PATIENTS = frozenset({"phantom", "qa", "qc", "volunteer", "anonymous", "anonymized", "anon"})
_RUN = re.compile(r"[^\W\d_]{5,}")
#: Characters that are written instead of a letter.
_LEET = {"a": "4@", "b": "8", "e": "3", "g": "9", "i": "1!|", "l": "1|", "o": "0", "s": "5$", "t": "7+", "z": "2"}
_GAP = r"[\W_]*"
#: No word is this long, nor any sentence in a script without spaces. On longer runs, patterns would take minutes.
_ENDLESS = re.compile(r"[^\s\u3001\u3002\uff0c\uff0e\uff1a\uff1b\uff01\uff1f]{257,}")
_WORDS = re.compile(r"[^\W_]+")
#: The number of a subject behind that of a study.
_BEHIND_NUMBER = re.compile(rf"{CUT}[\s,/\-]*[A-Z]{{1,2}}-?0\d{{1,3}}(?!\w)")


#: Tag, VR, value and character set.
_Telling = tuple[int, str, bytes, bytes]
#: Larger ones (bytes) are not kept in memory.
_MOST_PERSONAL = 1 << 14


@dataclass(frozen=True, slots=True)
class PersonalData:
    """The personal data of one instance, folded: lower case, no accents."""

    names: frozenset[str] = frozenset()  # parts of names
    identifiers: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()  # and other phrases: names of other scripts in Latin letters
    accented: frozenset[str] = frozenset()  # parts of names that are medical words without their accents: Võ
    initials: frozenset[str] = frozenset()  # of the patient: family and given name, and the other way round
    numbers: frozenset[str] = frozenset()  # that no whole number may equal: digits of identifiers, days
    patient: frozenset[str] = frozenset()  # parts of the patient's names that are medical words: Head, Long
    days: frozenset[tuple[int, int]] = frozenset()  # month and day of the patient's birth, and of the study


def personal_data_of(elements: Dataset, plan: Plan) -> PersonalData:
    """Collect the personal data at every depth that the plan does not retain on purpose."""
    values = tuple(_telling(elements, plan, b""))
    small = sum(len(value) for _, _, value, _ in values) <= _MOST_PERSONAL
    return _personal_data(values) if small else _personal_data.__wrapped__(values)


@lru_cache(maxsize=64)  # the instances of a study share these values
def _personal_data(values: tuple[_Telling, ...]) -> PersonalData:
    names: set[str] = set()
    identifiers: set[str] = set()
    places: set[str] = set()
    accented: set[str] = set()
    initials: set[str] = set()
    patient: set[str] = set()
    numbers: set[str] = set()
    days: set[tuple[int, int]] = set()
    for tag, vr, text in ((tag, vr, text) for tag, vr, *raw in values for text in readings_of(*raw)):
        if vr == "PN":
            names.update(_name_parts(text))
            places.update(phrase for group in text.split("=") for phrase in phrases_in_latin(group))
            accented.update(word.lower() for word in NAME_WORD.findall(text) if fold(word) in medicine())
            identifiers.update(re.findall(r"(?<![^\W_])\d{5,}(?![^\W_])", text))
            if tag in _PATIENT_NAMES:
                initials.update(_initials_of(text))
                patient.update(_medical_parts(text))
        elif tag in _IDENTIFIERS:
            identifiers.update(value for value in map(fold, _values(text)) if len(value) >= 4 or value.isdigit())
            numbers.update(map(_digits_of, _values(text)))
        elif tag in _DAYS:
            numbers.update(map(_digits_of, _values(text)))
            days.update(
                (int(day[1]), int(day[2])) for day in map(_DAY.fullmatch, map(_digits_of, _values(text))) if day
            )
        else:
            parts = (part for value in _values(text) for part in (value, *re.split(r"[,;\n\r^]+", value)))
            places.update(part for part in map(fold, map(str.strip, parts)) if len(part) >= 4)
    told = frozenset(word for word in accented if not word.isascii())
    long = frozenset(identifier for identifier in identifiers if len(identifier) >= 3)
    return PersonalData(
        frozenset(names - {""}),
        long,
        frozenset(places),
        told,
        frozenset(initials),
        _long(numbers),
        frozenset(patient),
        frozenset(days),
    )


def _digits_of(text: str) -> str:
    return re.sub(r"\D", "", text)


def _long(numbers: Iterable[str]) -> frozenset[str]:
    """Return the numbers that no measurement equals by chance, without leading zeros."""
    return frozenset(bare for number in numbers if len(bare := number.lstrip("0")) >= _LONGEST_MEASURED)


def _medical_parts(name: str) -> Iterator[str]:
    """Yield the parts of a patient's name that are medical words; none for "T1^Brain" and "Phantom^Head"."""
    parts = set(_name_parts(name))
    if not any(map(str.isdigit, name)) and parts.isdisjoint(_NO_PATIENTS):
        yield from (part for part in parts if part in medicine() and len(part) >= _SHORTEST_OWN)


def _initials_of(name: str) -> Iterator[str]:
    """Yield the initials of the first group: family and given name, with and without middle name, in both orders."""
    parts = [part.strip()[:1] for part in re.split(r"\^|,\s*", name.split("=")[0])[:3]]
    parts = [fold(part) for part in parts if part.isalpha()]
    if len(parts) > 1 and all(map(_has_bounds, parts)):
        family, *given = parts
        yield from ("".join((family, *given)), "".join((*given, family)), family + given[0], given[0] + family)


def _telling(elements: Dataset, plan: Plan, inherited: bytes | memoryview) -> Iterator[_Telling]:
    found = find(elements, _CHARACTER_SET) if elements and elements[0].tag <= _CHARACTER_SET else None
    character_set = inherited if found is None or found.items is not None else found.value
    for element in elements:
        if element.items is not None:
            for item in element.items:
                yield from _telling(item, plan, character_set)
        elif element.vr == "PN" or element.tag in _TELLING:
            rule = plan.rules.get(element.tag)
            if element.value and (rule is None or rule.action not in (Action.KEEP, Action.KEEP_DATE)):
                yield element.tag, element.vr, bytes(element.value), bytes(character_set)


def _values(text: str) -> Iterable[str]:
    return (value.strip("\0 ") for value in text.split("\\"))


def _name_parts(text: str) -> Iterator[str]:
    """Yield the parts of a name folded, also with umlauts as two letters. The leak check does the same."""
    for group in text.split("="):
        words = NAME_WORD.findall(unicodedata.normalize("NFKC", group))
        for component in group.split("^"):  # O'Brien, de la Cruz: also without what separates
            words.append("".join(NAME_WORD.findall(component)))
        for word in [part for whole in words for part in (whole, *letters_of(whole))]:
            if word and not word.isdigit():
                yield fold(word)
                yield from (spelling.decode("utf-8").replace(" ", "") for spelling in spellings(word))
                if not word.isascii():
                    yield fold(word.lower().translate(_UMLAUTS))
                    latin = (way.replace(" ", "") for way in in_latin(word))
                    yield from (way for way in latin if len(way) >= _SHORTEST_IN_LATIN)
        if "^" not in group and len(words) == 2:
            yield from map(fold, parts_of_dense(words[0]))


def fold(text: str) -> str:
    """Return the text in lower case without accents, one character for each, so that positions stay the same."""
    if text.isascii():
        return text.lower()
    return "".join(_fold_one(character) for character in text)


@lru_cache(maxsize=4096)
def _fold_one(character: str) -> str:
    parts = unicodedata.normalize("NFD", character)
    if all(map(unicodedata.combining, parts[1:])):
        character = parts[0]
    lower = character.lower().translate(_SINGLE)  # both sigmas have one capital
    return lower if len(lower) == 1 else character


class TextCleaner:
    """Clean the texts of one instance. The same text and personal data give the same result everywhere."""

    __slots__ = (
        "_accented",
        "_codes",
        "_days",
        "_descriptions",
        "_identifiers",
        "_initials",
        "_known",
        "_long_names",
        "_meanings",
        "_names",
        "_numbers",
        "_own_words",
        "_real",
        "_technical",
    )

    def __init__(self, personal_data: PersonalData) -> None:
        self._known = _pattern(personal_data)
        self._accented = _accented_pattern(personal_data.accented)
        self._days = _days_pattern(personal_data.days)
        self._identifiers = personal_data.identifiers
        self._initials = personal_data.initials
        self._names = personal_data.names
        self._numbers = personal_data.numbers
        self._own_words = _words_of_patient(personal_data.patient)
        self._long_names = frozenset(name for name in personal_data.names if len(name) >= _TYPED)
        self._descriptions: dict[str, str] = {}
        self._codes: dict[str, str] = {}
        self._meanings: dict[str, str] = {}
        self._real: dict[str, str] = {}
        self._technical: dict[str, str] = {}

    def description(self, text: str) -> str:
        """Clean a text that a person typed: without personal data, and without what looks like it. May be empty."""
        return _once(text, self._descriptions, self._described)

    def code_meaning(self, text: str) -> str:
        """Clean the meaning of a code like a description; medical words stay, even if they are the patient's name."""
        return _once(text, self._codes, self._of_code)

    def meaning_of_code(self, text: str) -> str:
        """Clean the meaning of a code that is one of its scheme (meanings.py says what stays)."""
        return _once(text, self._real, self._of_real_code)

    def meaning(self, text: str) -> str:
        """Clean a text in which any word may be a term, such as a code meaning: unknown words stay."""
        return _once(text, self._meanings, self._meant)

    def technical(self, text: str) -> str:
        """Clean a technical text: without personal data, names, links, and numbers that may be a person's."""
        return _once(text, self._technical, self._technically)

    def _described(self, text: str) -> str:
        plain = readable(text)
        named = is_series_of_trial(plain.strip()) or is_bids_name(plain.strip())
        if named and not self.holds_personal_data(plain):
            return text
        own = plain if self._own_words is None else self._own_words.sub(CUT, plain)
        return _left(text, plain, self._without_persons(own, without_strangers))

    def _of_code(self, text: str) -> str:
        plain = readable(text)
        return _left(text, plain, self._without_persons(plain, without_strangers))

    def _of_real_code(self, text: str) -> str:
        plain = readable(text)
        return _left(text, plain, self._without_persons(plain, without_strangers_to_meanings))

    def _meant(self, text: str) -> str:
        plain = readable(text)
        return _left(text, plain, self._without_persons(plain, str))

    def _without_persons(self, plain: str, finish: Callable[[str], str]) -> str:
        """Return the text without personal data, after `finish`; eponyms are set aside meanwhile."""
        known = self._without_days(self._without_personal_data(_ENDLESS.sub(CUT, plain)))
        return with_units(known, partial(self._without_strange, finish=finish))

    def _without_strange(self, text: str, finish: Callable[[str], str]) -> str:
        """Return the text without what looks personal."""
        cleaned = without_contact_details(without_disguise(without_initials(text, self._initials)))
        cleaned = without_base64(cleaned)
        cleaned = _RUN.sub(lambda match: CUT if self._is_mistyped(match[0]) else match[0], cleaned)
        cleaned = _BEHIND_NUMBER.sub(CUT, without_record_numbers(cleaned, TextKind.DESCRIPTION, is_known))
        return with_eponyms(cleaned, lambda apart: finish(_without_forms(apart)))

    def _is_mistyped(self, run: str) -> bool:
        """Return whether an unlisted word differs from a known name by one letter only, or by two exchanged ones."""
        return bool(self._long_names) and not is_listed(run) and any(_is_near(fold(run), n) for n in self._long_names)

    def _technically(self, text: str) -> str:
        plain = readable(text)
        named = SOURCE_OF_PROGRAM.fullmatch(plain.strip()) or is_sequence_name(plain.strip())
        if named and not self.holds_personal_data(plain):
            return text
        known = self._without_personal_data(_ENDLESS.sub(CUT, plain))
        return _left(text, plain, with_units(known, _without_strange_to_machines), without_second_name)

    def _without_personal_data(self, text: str) -> str:
        if self._accented is not None:
            text = self._accented.sub(CUT, text)
        return _without(self._known, text)

    def _without_days(self, text: str) -> str:
        return text if self._days is None else self._days.sub(CUT, text)

    def holds_personal_data(self, text: str) -> bool:
        """Return whether a text holds personal data."""
        return self._known is not None and self._known.search(fold(text)) is not None

    def knows_name(self, text: str) -> bool:
        """Return whether a word of a text is a part of anybody's name in the instance."""
        return not self._names.isdisjoint(_WORDS.findall(fold(text)))

    def is_identifier(self, number: str) -> bool:
        """Return whether a whole number is one of the identifiers."""
        return number in self._identifiers or number.lstrip("0") in self._numbers

    def is_within_identifier(self, number: str) -> bool:
        """Return whether a whole number is a part of one of the identifiers."""
        return any(number in re.sub(r"\D", "", identifier) for identifier in self._identifiers)


@lru_cache(maxsize=32)  # the instances of a study share their personal data
def cleaner_for(personal_data: PersonalData) -> TextCleaner:
    """Return the cleaner, which remembers the results for short texts."""
    return TextCleaner(personal_data)


def _without_forms(text: str) -> str:
    """Return the text without what cues reveal, and without forms of dates, names and personal numbers."""
    return without_short_names(without_patterns(without_cued(without_dates_in_words(text), is_familiar)))


def _without_strange_to_machines(text: str) -> str:
    """Return a technical text without what looks personal. Whole numbers go before an age that may be their end."""
    cleaned = without_lettered_groups(without_numbers_of_persons(without_disguise(text)), is_known)
    cleaned = without_hosts(without_old_dates(without_dates_in_words(cleaned)))
    cleaned = without_record_numbers(without_base64(cleaned), TextKind.MACHINE, is_known)
    if "^" in cleaned:
        cleaned = NAME_FORM.sub(lambda match: match[0] if medical(match[0]) else CUT, cleaned)
    if "@" in cleaned or ":" in cleaned or "www" in cleaned:  # else four numbers with dots are a version
        cleaned = LINKS.sub(CUT, cleaned)
    cleaned = without_titled(LONG_NUMBERS.sub(CUT, NUMBERS_OF_PERSONS.sub(CUT, cleaned)), is_known)
    short = without_short_names(cleaned)
    if short != cleaned and _NOTHING_BUT_CUTS.fullmatch(short):
        return CUT
    return without_strangers_to_machines(cleaned)


def _once(text: str, done: dict[str, str], clean: Callable[[str], str]) -> str:
    found = done.get(text)
    if found is None:
        found = clean(text)
        if len(text) <= _SHARED and len(done) < _MOST_SHARED:
            done[text] = found
    return found


def _without(personal_data: re.Pattern[str] | None, text: str) -> str:
    if personal_data is None:
        return text
    pieces, position = [], 0
    for match in personal_data.finditer(fold(text)):
        pieces.append(text[position : match.start()])
        position = match.end()
    return CUT.join((*pieces, text[position:])) if position else text


def _left(text: str, plain: str, cleaned: str, beside: Callable[[str], str] = without_belongings) -> str:
    """Return the text itself if nothing was cut, else the rest without the gaps that cutting left. Lines stay."""
    if cleaned == plain:
        return text
    cleaned = remains(beside(cleaned), is_known)
    lines = (re.sub(r"\(\s*\)|\[\s*\]", "", line) for line in re.split(r"\r\n|\r|\n", cleaned))
    tidy = "\r\n".join(re.sub(r"[^\S\r\n]+", " ", line).strip(" ,;:-/#=.^_&") for line in lines).strip()
    return tidy if re.search(r"\w", tidy) else ""


def _accented_pattern(names: frozenset[str]) -> re.Pattern[str] | None:
    if not names:
        return None
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, sorted(names)))})(?![^\W_])", re.IGNORECASE)


@lru_cache(maxsize=64)
def _days_pattern(days: frozenset[tuple[int, int]]) -> re.Pattern[str] | None:
    """Return a pattern for days without their year: 22.04., 22.4., 04/22. A measurement has its unit behind it."""
    forms = []
    for month, day in sorted(days):
        forms += [
            rf"0?{day}\.\s?0?{month}\.(?!\d)",
            rf"{day:02}[.\-/]{month:02}(?![.\-/]\d)",
            rf"{month:02}[\-/]{day:02}(?![.\-/]\d)",
        ]
    no_unit = r"(?!\w|%|\s?(?:[x×*]|%|[kcmµu]?[mgls](?!\w)|[kcmµu]?(?:Gy|Bq|Sv|Ci|Hz|V|A)|cc|ms|sec|min|HU|SUV|deg|°))"
    return re.compile(rf"(?<![\w.,/\-])(?:{'|'.join(forms)}){no_unit}") if forms else None


def _words_of_patient(names: frozenset[str]) -> re.Pattern[str] | None:
    """Return a pattern for the patient's names that are medical words, alone: a description loses them."""
    if not names:
        return None
    return re.compile(rf"(?<![^\W\d_])(?:{'|'.join(map(re.escape, sorted(names)))})(?![^\W\d_])", re.IGNORECASE)


@lru_cache(maxsize=64)
def _pattern(personal_data: PersonalData) -> re.Pattern[str] | None:
    alternatives = [*_identifier_patterns(personal_data), *_name_patterns(personal_data.names)]
    return re.compile("|".join(alternatives)) if alternatives else None


def _identifier_patterns(personal_data: PersonalData) -> Iterator[str]:
    """Yield identifiers with and without separators between their characters; places with any gaps."""
    for identifier in sorted(personal_data.identifiers, key=lambda i: (-len(i), i)):
        characters = [c for c in identifier if c.isalnum()]
        core = re.sub(r"\D", "", identifier)
        core = core if core.strip("0") else ""  # zeros fill a field; in other texts they are measurements
        if len(core) >= 6:
            yield _end_of_number(core)
        if len(core) >= 6 and len(core) < len(characters):  # "MRN1234567" without its letters
            yield r"(?<!\d)" + r"[\-\s./_]?".join(core) + r"(?!\d)"
        if len(characters) >= 5:
            yield r"(?<![^\W_])" + r"[\-\s./_]?".join(map(re.escape, characters)) + r"(?![^\W_])"
        elif not identifier.isalpha() or identifier not in medicine():
            yield r"(?<![\w.])" + re.escape(identifier) + r"(?![\w]|\.\d)"
    for place in sorted(personal_data.places, key=lambda p: (-len(p), p)):
        words = _WORDS.findall(place)
        if words and not all(word in medicine() for word in words):
            yield r"(?<![^\W_])" + r"[\W_]+".join(map(re.escape, words)) + r"(?![^\W_])"


def _end_of_number(digits: str) -> str:
    """Return a pattern for the last four or more digits, alone, as people tell each other a long number."""
    before = ""
    for digit in digits[1:-4]:
        before = f"(?:{before}{digit})?"
    return rf"(?<![\w.,\-/])(?<!\d ){before}{digits[-4:]}(?![\w]|[.,\-/ ]\d)"


def _name_patterns(names: frozenset[str]) -> Iterator[str]:
    """Yield patterns for several parts of a name in any order, with initials; then for each part alone.

    A part that is a medical word is only matched beside another one.
    """
    long = sorted((n for n in names if len(n) > 1), key=lambda n: (-len(n), n))
    spoken = [n for n in long if _has_bounds(n)]
    if len(spoken) > 1:
        part = f"(?:{'|'.join(map(_whole, spoken))})"
        yield rf"(?<![^\W\d_]){part}(?:{_GAP}{part})+(?:{_GAP}(?:{_initials(names)})(?![^\W\d_]))?(?![^\W\d_])"
    alone = [n for n in spoken if n not in medicine() and not is_technical(n)]
    if alone:
        initials = _initials(names)
        part = f"(?:{'|'.join(map(_spread, alone))})"
        yield rf"(?<![^\W\d_])(?:(?:{initials})[\s,^.]+)?{part}(?:[\s,^.]+(?:{initials})(?![^\W\d_]))?(?![^\W\d_])"
    dense = sorted((n for n in names if not _has_bounds(n)), key=lambda n: (-len(n), n))
    if dense:  # scripts without spaces between words
        part = f"(?:{'|'.join(map(re.escape, dense))})"
        yield rf"{part}(?:{_GAP}{part})+"
        yield "|".join(re.escape(n) if len(n) > 1 else rf"(?<!\w){re.escape(n)}(?!\w)" for n in dense)


def _whole(name: str) -> str:
    """Return a pattern for a name, in which a digit at the end must not begin a longer number."""
    return re.escape(name) + (r"(?!\d)" if name[-1].isdigit() else "")


def _spread(name: str) -> str:
    """Return a pattern for a name as it stands or, if it is long enough, with gaps in it or reversed."""
    if len(name) < 5 or not name.isalpha():
        return _whole(name)
    gap = r"[\s.\-_]?" if len(name) >= 6 else ""
    return "|".join((gap.join(map(_leet, name)), "".join(map(_leet, name[::-1]))))


def _leet(letter: str) -> str:
    return f"[{letter}{re.escape(_LEET[letter])}]" if letter in _LEET else re.escape(letter)


@lru_cache(maxsize=4096)
def _is_near(word: str, name: str) -> bool:
    """Return whether words differ by one letter inserted, deleted or replaced, or by two neighbours exchanged."""
    if abs(len(word) - len(name)) > 1 or word == name:
        return word == name
    start = next((i for i, (a, b) in enumerate(zip(word, name, strict=False)) if a != b), min(len(word), len(name)))
    one, other = word[start:], name[start:]
    if len(word) == len(name):
        return one[1:] == other[1:] or (one[:2] == other[1::-1] and one[2:] == other[2:])
    return one[1:] == other or one == other[1:]


def _initials(names: frozenset[str]) -> str:
    found = sorted({name[0] for name in names if _has_bounds(name)})
    return "|".join(rf"{re.escape(initial)}\.?" for initial in found) or "(?!)"


def _has_bounds(name: str) -> bool:
    return not is_dense(name)

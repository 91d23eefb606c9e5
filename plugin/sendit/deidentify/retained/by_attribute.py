"""Recognise values that are what their attribute is for: defined terms, makes and models, the standard's code meanings.

A patient may be called Brick, None or Siemens. In a description such a word is the patient's name, and goes. In
CollimatorType, ImageType or Manufacturer it is a term, whoever else has that name, and stays: these values are compared
by attribute, not word by word.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.dataset import Dataset, Element, find
from sendit.deidentify.dicom.text import ascii_text
from sendit.deidentify.profile.private import is_creator, is_listed_creator
from sendit.deidentify.profile.table import technical_texts
from sendit.deidentify.retained.coded_concepts import meaning_of
from sendit.deidentify.retained.makes import is_make_or_model
from sendit.deidentify.tables import table_rows, tag_of
from sendit.deidentify.text.patterns import without_old_dates
from sendit.deidentify.text.record_numbers import TextKind, without_record_numbers
from sendit.deidentify.text.vocabulary import is_known, is_of_machines
from sendit.deidentify.text.words.sorted_words import is_listed_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CODE_VALUE, _CODE_SCHEME, _CODE_MEANING = 0x00080100, 0x00080102, 0x00080104
_SERIES_NUMBER, _LONGEST_SERIES_NUMBER = 0x00200011, 6
_TIME_ZONE = 0x00080201
#: What a beam, a field or an arc is called.
_BEAM_WORD = (
    "(?:field|beam|arc|setup|feld|strahl|bogen|champ|faisceau|arc horaire|campo|haz|arco|fascio|veld|boog|felt"
    "|stråle|fält|båge|kenttä|pole|wiązka|łuk|svazek|mező|nyaláb|câmp|camp|fascicul|alan|demet|ark|поле|пучок|дуга"
    "|射野|照射野)"
)
#: What goes with the number of a beam: 6X FFF, 9 MeV.
_ENERGY = r"(?:e-? ?)?\d{1,2}[ ]?(?:x|mv|mev|e|fff|sfed)(?:[ \-]?fff)?"
#: Beams as planning systems name them: by number, by the angles of gantry, collimator and table, tangents of a breast.
_BEAM = re.compile(
    r"(?:\d{1,2}(?:\.\d{1,2})?[ _\-]{1,2})?"
    rf"(?:{_BEAM_WORD}[ _\-]?\d{{1,2}}[a-z]?|g\d{{1,3}}(?:[ _]?c\d{{1,3}})?[ _]?t\d{{1,3}}"
    r"|(?:(?:l|r|lt|rt|left|right)[ _]?)?(?:med|lat|medial|lateral)[ _]?tangs?|tangs?[ _]?(?:med|lat)"
    r"|(?:arc|vmat)[ _]?(?:t?\d{1,2})?(?:[ _](?:cc?w|g?\d{1,3}-\d{1,3}))?)"
    rf"|\d{{1,2}}[ _.\-]{{0,2}}{_BEAM_WORD}|{_ENERGY}",
    re.IGNORECASE,
)
#: Days of a week with a fraction (1) and without (0), for as many weeks as the pattern has.
_FRACTIONS = re.compile(r"[01]{7,112}")
#: Trials by their group and number.
_TRIAL = re.compile(
    r"(?:RTOG|NRG|EORTC|SWOG|ECOG|NSABP|COG|CALGB|ACOSOG|GOG|TROG|NCIC|ARTSCAN|SIOP|UKCCSG|AHOD|ACNS|ARST)[ _\-]{0,2}"
    r"(?:[A-Z]{1,4}[ _\-]?)?\d{2,5}(?:-\d{2,3})?"
)
#: Canon's scanners write b-value and direction of diffusion there; readers (dcm2niix) take the vector from it.
_DIFFUSION = re.compile(r"b=\d{1,5}(?:\.\d+)?(?:\((?:[ ]?[+\-]?[01]?(?:\.\d{1,8})?(?:,|(?=\)))){3}\))?")
#: Paddles of mammography: words for what they are for, and their sizes.
_PADDLE = re.compile(
    r"(?:(?:\d{1,2}(?:\.\d)?[ ]?x[ ]?)?\d{1,2}(?:\.\d)?(?:[ ]?[cm]m)?"
    r"|axilla|biopsy|breast|compression|contact|contour|curved|flat|flex(?:ible)?|frameless|fs|grid|hd|implant|large|lat|lateral"
    r"|loc(?:alization)?|mag(?:nification)?|medium|needle|no|none|paddle|perforated|quad|rigid|round|screen(?:ing)?|shifted"
    r"|sliding|small|smart[ ]?curve|spot|square|standard|std|stereo|tilt(?:ing)?|tomo|2d|3d)"
    r"(?:[ _\-/]+(?!$)|$)",
    re.IGNORECASE,
)
_THREE_NUMBERS = re.compile(r"\d[ _\-/]+\d+[ _\-/]+\d")  # a day
#: Standards of safety by number, part, year and amendment.
_STANDARD = re.compile(
    r"(?:(?:EN|DIN|BS|NF|JIS|GB|ANSI|AAMI|NEMA|UL|CSA|IEC|ISO|TR|TS|MS|T|C22\.2|No\.?)[ /\-]?){1,4}"
    r"\d{1,5}(?:\.\d)?(?:-\d{1,3}){0,3}(?:[ :,]{1,2}\(?(?:19|20)\d\d\)?)?"
    r"(?:[ +,/]{1,2}(?:AMD|A|Amd\.?)[ ]?\d{1,2}(?:[: ](?:19|20)\d\d)?){0,3}"
    r"(?:[ ,]{1,2}(?:[Ee]d(?:ition|\.)?[ ]?\d(?:\.\d)?|\d(?:st|nd|rd|th)[ ][Ee]d(?:ition|\.)?))?"
)
#: Attributes that name the creator of a private attribute, which orders frames or is pointed to.
_CREATORS_NAMED = """DimensionIndexPrivateCreator FunctionalGroupPrivateCreator PrivateCreatorReference
    SelectorAttributePrivateCreator SelectorSequencePointerPrivateCreator"""
_NAMING_CREATORS = frozenset(tag_of(keyword, "by_attribute.py") for keyword in _CREATORS_NAMED.split())
#: Attributes whose values have a form of their own: such a value says nothing about a person.
_FORMS: Mapping[int, Callable[[str], object]] = {
    tag_of("FractionPattern", "by_attribute.py"): _FRACTIONS.fullmatch,
    tag_of("TreatmentProtocols", "by_attribute.py"): _TRIAL.fullmatch,
    tag_of("BeamName", "by_attribute.py"): _BEAM.fullmatch,
    tag_of("ImageComments", "by_attribute.py"): _DIFFUSION.fullmatch,
    tag_of("PaddleDescription", "by_attribute.py"): lambda text: (
        text and not _PADDLE.sub("", text) and not _THREE_NUMBERS.search(text)
    ),
    tag_of("ApplicableSafetyStandardDescription", "by_attribute.py"): _STANDARD.fullmatch,
}
_OFFSET = re.compile(r"[+\-](?:0\d|1[0-4])(?:00|15|30|45)")
#: Longer values (bytes) are rarely seen twice.
_SHARED = 256
_WORD = re.compile(r"[^\W_]+")
_MANY = 20  # attributes that have the same term


def is_defined_term(tag: int, value: str) -> bool:
    """Return whether one value is a defined term or an enumerated value of its attribute (PS3.3)."""
    terms = _terms().get(tag)
    return terms is not None and value.strip(" \0").upper() in terms


@lru_cache(maxsize=4096)
def is_term_of_any_attribute(value: str) -> bool:
    """Return whether a code string is a word of PS3.3 for some attribute, and no name, or for many: MAGNITUDE, NONE."""
    word = value.strip(" \0")
    attributes = _attributes_by_term().get(word, 0)
    return word.isalpha() and attributes > 0 and (attributes >= _MANY or not is_listed_name(word.lower()))


@cache
def _attributes_by_term() -> Mapping[str, int]:
    return Counter(term for terms in _terms().values() for term in terms)


def is_made_of_machine_words(tag: int, value: str) -> bool:
    """Return whether every word of a technical text is a name of machines, programs or sequences."""
    if tag not in technical_texts():
        return False
    words = _WORD.findall(value)
    if not any(map(str.isalpha, value)) or without_record_numbers(value, TextKind.MACHINE, is_known) != value:
        return False  # a machine's serial number, or somebody's number
    if without_old_dates(value) != value:
        return False
    return bool(words) and all(is_of_machines(word) for word in words)


def is_time_zone(tag: int, value: str) -> bool:
    """Return whether a value is the offset of a time zone, which may equal the end of a record number by chance."""
    return tag == _TIME_ZONE and _OFFSET.fullmatch(value.strip()) is not None


def is_no_false_time_zone(tag: int, value: str) -> bool:
    """Return whether a value is empty, the offset of a time zone, or of an attribute that holds none."""
    return tag != _TIME_ZONE or not value.strip(" \0") or is_time_zone(tag, value.strip("\0"))


def is_whole_description(tag: int, value: str) -> bool:
    """Return whether a description is a make, a defined term of its attribute, or in its form, and no more."""
    return is_make_or_model(tag, value) or is_defined_term(tag, value) or has_form_of_attribute(tag, value)


def has_form_of_attribute(tag: int, value: str) -> bool:
    """Return whether a value has the form that values of its attribute have: a size of a paddle, a beam's number."""
    form = _FORMS.get(tag)
    return form is not None and bool(form(value.strip(" \0")))


def is_listed_creator_in(tag: int, value: str) -> bool:
    """Return whether an attribute names the creator of a private attribute, and this one is in the vendors' lists."""
    return (is_creator(tag) or tag in _NAMING_CREATORS) and is_listed_creator(value)


def is_meaning_of_its_code(element: Element, elements: Dataset) -> bool:
    """Return whether a CodeMeaning is the standard's meaning of the code beside it."""
    if element.tag != _CODE_MEANING:
        return False
    scheme, code = (find(elements, tag) for tag in (_CODE_SCHEME, _CODE_VALUE))
    if scheme is None or code is None or scheme.items is not None or code.items is not None:
        return False
    meaning = meaning_of(ascii_text(scheme.value), ascii_text(code.value))
    return bool(meaning) and ascii_text(element.value).strip() == meaning


def _is_code_of_standard(element: Element, elements: Dataset) -> bool:
    """Return whether the standard says what a code means; it may equal somebody's number by chance."""
    scheme = find(elements, _CODE_SCHEME)
    if scheme is None or scheme.items is not None:
        return False
    return bool(meaning_of(ascii_text(scheme.value).strip(), ascii_text(element.value).strip()))


def is_series_number(tag: int, value: str) -> bool:
    """Return whether a value numbers a series: up to six digits, which may equal part of an identifier by chance."""
    return tag == _SERIES_NUMBER and value.isdigit() and len(value) <= _LONGEST_SERIES_NUMBER


@dataclass(frozen=True, slots=True)
class Explained:
    """The parts of a value that the leak check has to search."""

    left: bytes  # searched like any other text
    technical: bytes = b""  # searched for names of persons only


def explained(element: Element, elements: Dataset) -> Explained | None:
    """Return what the leak check has to search of a value; None if all of it, as for nearly every value.

    Args:
        element: the element.
        elements: the dataset that the element stands in.
    """
    tag = element.tag
    if element.items is None and (is_creator(tag) or tag in _NAMING_CREATORS):
        return Explained(b"") if is_listed_creator_in(tag, ascii_text(element.value)) else None
    if element.vr == "CS" and element.items is None and len(element.value) <= _SHARED:
        return _explained_codes(tag, bytes(element.value))
    if tag not in _compared() or element.items is not None:
        return None
    if tag == _CODE_VALUE:
        return Explained(b"") if _is_code_of_standard(element, elements) else None
    if tag == _CODE_MEANING and tag not in _terms() and is_meaning_of_its_code(element, elements):
        return Explained(b"")
    value = bytes(element.value)
    return _explained_alone(tag, value) if len(value) <= _SHARED else _explained_alone.__wrapped__(tag, value)


@lru_cache(maxsize=4096)  # the instances of a study share nearly all of these values
def _explained_codes(tag: int, value: bytes) -> Explained | None:
    """Return the same of a code string."""
    singles = ascii_text(value).split("\\")
    left = [single for single in singles if not (is_defined_term(tag, single) or is_term_of_any_attribute(single))]
    return None if len(left) == len(singles) else Explained("\\".join(left).encode("latin-1"))


@lru_cache(maxsize=4096)  # the instances of a study share nearly all of these values
def _explained_alone(tag: int, value: bytes) -> Explained | None:
    """Return the same, whatever stands beside the element."""
    text = ascii_text(value)
    if tag in _terms():
        singles = text.split("\\")
        left = [single for single in singles if not is_defined_term(tag, single)]
        return None if len(left) == len(singles) else Explained("\\".join(left).encode("latin-1"))
    if is_make_or_model(tag, text) or is_series_number(tag, text):
        return Explained(b"")
    return Explained(b"", value) if is_made_of_machine_words(tag, text) else None


@cache
def _compared() -> frozenset[int]:
    return frozenset(_terms()) | technical_texts() | {_SERIES_NUMBER, _CODE_MEANING, _CODE_VALUE}


@cache
def _terms() -> Mapping[int, frozenset[str]]:
    """Return the terms of PS3.3 by attribute: those of 2020, and those of later editions."""
    by_tag: dict[int, set[str]] = defaultdict(set)
    for name in ("defined_terms.csv", "defined_terms_later.csv"):
        for row in table_rows(name):
            by_tag[tag_of(row["attribute"], name)].update(row["terms"].split("\\"))
    return {tag: frozenset(terms) for tag, terms in by_tag.items()}

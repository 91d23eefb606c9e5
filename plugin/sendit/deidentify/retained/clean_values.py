"""Clean retained values: remove what breaks the rules of its VR, personal data, and words that are no term.

Which words of a description stay is decided in `sendit.deidentify.text.vocabulary`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify.dicom.charset import CHARACTER_SET, TEXT_OF_SETS, looks_foreign, text_in
from sendit.deidentify.dicom.dataset import (
    BINARY_VRS,
    BYTES_VRS,
    PIXELS,
    TEXT_VRS,
    Dataset,
    Element,
    find,
    group_and_element,
)
from sendit.deidentify.dicom.text import ascii_text, encoded
from sendit.deidentify.profile.table import technical_texts, version_texts
from sendit.deidentify.replacements import DUMMIES
from sendit.deidentify.retained.by_attribute import (
    has_form_of_attribute,
    is_defined_term,
    is_listed_creator_in,
    is_made_of_machine_words,
    is_no_false_time_zone,
    is_series_number,
    is_term_of_any_attribute,
    is_time_zone,
    is_whole_description,
)
from sendit.deidentify.retained.coded_concepts import is_code, is_meaning, is_scheme, is_short_for, meaning_of
from sendit.deidentify.retained.hidden_text import as_text, digits_of_bytes, digits_of_strings, is_hidden_text, joined
from sendit.deidentify.retained.icc import without_texts
from sendit.deidentify.retained.makes import (
    is_company,
    is_for_makes,
    is_make_or_model,
    is_number_of_model,
    make_within,
    without_room,
)
from sendit.deidentify.retained.numbers import gives_meaning
from sendit.deidentify.retained.plausible import NUMBERED, NUMERIC_VALUE, are_plausible, is_resonance
from sendit.deidentify.retained.private_values import is_written
from sendit.deidentify.retained.terms_of_attributes import with_terms
from sendit.deidentify.retained.vr_rules import YEARS, is_age_over_89, top_coded, valid, years_of_top
from sendit.deidentify.retained.whole_meanings import (
    is_animal_of_attribute,
    is_measurement,
    is_of_locale,
    is_whole_meaning,
)
from sendit.deidentify.retained.written_by_devices import are_codes, is_written_by_device, with_versions
from sendit.deidentify.text.sections import technique
from sendit.deidentify.text.vocabulary import is_abbreviation_of_methods, is_name_too, is_term
from sendit.errors import Quarantine, Reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendit.deidentify.leak_check.byte_search import ByteSearch
    from sendit.deidentify.plan import Rule
    from sendit.deidentify.text.clean import TextCleaner

_ICC_PROFILE = 0x00282000
_CODE_SCHEME, _CODE_MEANING = 0x00080102, 0x00080104
#: CodeValue, LongCodeValue, URNCodeValue
_CODE_VALUES = (0x00080100, 0x00080119, 0x00080120)
#: ContextIdentifier, TemplateIdentifier
_TABLES = (0x0008010F, 0x0040DB00)
_IMAGE_TYPES = (0x00080008, 0x00089007)  # ImageType, FrameType
_UNITS = 0x004008EA  # MeasurementUnitsCodeSequence
_ISOTOPE = re.compile(r"\^\d{1,3}m?\^")  # ^18^Fluorine: no name in three parts
_IMAGING_FREQUENCY, _FIELD_STRENGTH = 0x00180084, 0x00180087
_PROCESSING_CODE = 0x00181401  # AcquisitionDeviceProcessingCode: a number from a table of the device
_CODE_OF_DEVICE = re.compile(r"\d{1,6}")
_FIVE_DIGITS = re.compile(r"\d{5}")
_SCAN_OPTIONS = 0x00180022
#: ImageType, FrameType, ScanOptions, ScanningSequence, SequenceVariant: abbreviations in them are no names.
_WRITTEN_BY_DEVICES, _WORD_OF_CODE = (*_IMAGE_TYPES, _SCAN_OPTIONS, 0x00180020, 0x00180021), re.compile("[A-Z]+")
_OPTION_OF_GE = re.compile(r"[A-Z][A-Z\d_]{0,9}_GEMS")
#: Initials behind a word for who was at the machine: TECH JMB, MTRA_KK.
_OPERATOR = re.compile(
    r"(?:TECH|TECHNICIAN|TECHNOLOGIST|RADIOGRAPHER|OPERATOR|OPER|MTRA?|MTAR?|USER|INITIALS|INIT)[ _]+[A-Z]{2,3}"
)
#: EthnicGroup, EthnicGroups: the option retains them, but the value is what somebody typed.
_ETHNIC_GROUPS = (0x00102160, 0x00102162)
_CODE_OF_GROUP = re.compile(r"[A-Z\d]{1,2}")  # Li and 王 are family names
_PATIENT_GROUP, _OVERLAYS = 0x0010, (0x6000, 0x601E)
_SINGLE_TEXTS = frozenset({"LT", "ST", "UR", "UT"})  # a backslash in them does not separate
_UNREADABLE = (BYTES_VRS | BINARY_VRS) - {"UN"}  # not read as characters
_LONGEST_COUNT = 6  # digits of a series or image that an identifier may have by chance
_SHORTEST_NUMBER = 5  # digits; shorter numbers equal an identifier by chance
_SHORTEST_DECIMAL = 7  # digits; as many of a measured decimal are an identifier's by chance once in ten million


@dataclass(frozen=True, slots=True)
class RetainedValues:
    """Cleans the retained values of one instance."""

    texts: TextCleaner
    order: str  # of its bytes, as `struct` writes it
    byte_search: ByteSearch | None = None  # names in all encodings

    def checked(
        self, element: Element, vr: str, rule: Rule, elements: Dataset, character_set: bytes | memoryview
    ) -> bytes | memoryview:
        """Return the value as it may stay; the identical object if nothing had to be removed.

        Args:
            element: the element.
            vr: the VR that it is written with.
            rule: the rule for it.
            elements: the dataset that it stands in.
            character_set: SpecificCharacterSet of the text.
        """
        if element.tag == CHARACTER_SET:
            return element.value
        if vr in TEXT_VRS:
            if element.tag in _ETHNIC_GROUPS:
                return self.rewritten(element, self._ethnic, character_set, vr)
            if rule.origin != "allowlist":
                text = self.readable(element, vr, character_set)
                if text is None:
                    return DUMMIES[vr]
                return element.value if is_no_false_time_zone(element.tag, text) else b""
            cleaned = self.rewritten(element, self._way(element.tag, elements), character_set, vr)
            return cleaned if cleaned is element.value or cleaned else self._stand_in(element.tag, vr, elements)
        if _may_hide(element.tag, vr, rule) and self._is_text(element.value, vr):
            return b""  # it never was a number
        value = self._checked_number(element, vr, rule, elements)
        if element.tag in YEARS and is_age_over_89(value, vr, self.order, elements):
            return years_of_top(vr, self.order)
        if not value and self._is_frequency_in_hertz(element, elements):
            return element.value
        if not value and bytes(element.value).strip(b"\0 ") and gives_meaning(element.tag):
            where = f"{group_and_element(element.tag)} {DicomDictionary[element.tag][4]}"
            raise Quarantine(f"{where} has to go, and the meaning of its pixels depends on it")
        return value

    def _ethnic(self, text: str) -> str:
        """Return an ethnic group: codes and known words of that kind; of anything else, what a description may hold."""
        words = re.findall(r"[^\W\d_]{2,}|[^\W\d_a-z]", text.lower())
        known = technique()["ethnic groups"]
        if _CODE_OF_GROUP.fullmatch(text.strip()) and not self.texts.holds_personal_data(text):
            return text
        return (
            text
            if all(word in known for word in words) and not any(map(str.isdigit, text))
            else self.texts.description(text)
        )

    def _is_text(self, value: bytes | memoryview, vr: str) -> bool:
        return is_hidden_text(value, vr, self.order) or self.texts.holds_personal_data(as_text(value))

    def _checked_number(self, element: Element, vr: str, rule: Rule, elements: Dataset) -> bytes | memoryview:
        """Return the same for what is neither text nor a name: code strings, ages, numbers, bytes."""
        if vr == "CS" and rule.values and self._is_written_so(rule.values, element.value):
            return element.value
        value = valid(element.tag, vr, element.value)
        if vr == "CS":
            # A value that an option retains on purpose may be anybody's word (the name of a device), but not of a
            # patient.
            left = self._code_string(value, element.tag) if _is_ours(element.tag, rule) else value
            return _without_gaps(element.value, left) if element.tag in _IMAGE_TYPES else left
        if vr == "AS":
            return top_coded(ascii_text(value)).encode("ascii") or value
        if element.tag == _ICC_PROFILE and rule.origin == "allowlist":
            return without_texts(bytes(value))
        is_number = vr == "IS" and is_series_number(element.tag, ascii_text(value))  # pixel data may be gigabytes
        unit = _unit_in(elements) if element.tag == NUMERIC_VALUE else ""
        return value if is_number else self._number(element.tag, value, vr, unit)

    def _is_frequency_in_hertz(self, element: Element, elements: Dataset) -> bool:
        """Return whether a number too large for its attribute is the frequency that the field of the magnet gives."""
        if element.tag != _IMAGING_FREQUENCY:
            return False
        number = ascii_text(element.value).strip(" \0")
        return is_resonance(number, _text_in(elements, _FIELD_STRENGTH)) and not self.texts.is_identifier(number)

    def described(self, rule: Rule, tag: int = 0) -> Callable[[str], str]:
        """Return how a text is cleaned that somebody typed or a vendor's software wrote: its fixed texts stay."""
        if tag in are_codes():
            return lambda text: text if is_written_by_device(tag, text, self.texts) else ""
        if not rule.values and tag in technical_texts():  # what a report says of a program or device
            return self._way(tag, [])
        if not rule.values:
            clean = self.texts.description
            return lambda text: text if self._is_whole(tag, text) else with_terms(tag, text, self.texts, clean)
        return lambda text: text if self._is_vendors(rule.values, text) else self.texts.description(text)

    def _is_whole(self, tag: int, text: str) -> bool:
        of_attribute = is_animal_of_attribute(tag, text) or is_whole_description(tag, text)
        if is_written_by_device(tag, text, self.texts):
            return True
        return is_time_zone(tag, text) or (of_attribute and not self.texts.holds_personal_data(text))

    def _is_written_so(self, pattern: str, value: bytes | memoryview) -> bool:
        return all(self._is_vendors(pattern, single) for single in ascii_text(value).split("\\"))

    def _is_vendors(self, pattern: str, text: str) -> bool:
        """Return whether a text is one that the vendor writes there, without personal data."""
        return (
            is_written(pattern, text)
            and not self.texts.holds_personal_data(text)
            and not self.texts.is_identifier(text.strip())
        )

    def _stand_in(self, tag: int, vr: str, elements: Dataset) -> bytes:
        """Return what replaces a text of which nothing stays: the standard's meaning of the code, or a dummy value."""
        if tag == _CODE_MEANING:
            standard = meaning_of(_text_in(elements, _CODE_SCHEME), _text_in(elements, _CODE_VALUES[0]))
            if standard and standard.isascii():
                return standard.encode("ascii")
        return DUMMIES[vr]

    def _number(self, tag: int, value: bytes | memoryview, vr: str, unit: str) -> bytes | memoryview:
        """Return nothing for a value with one of the identifiers, or with a number too large for its attribute."""
        whole: list[str] = []
        others: list[str] = []
        if vr in ("DS", "IS") and len(value) >= _SHORTEST_NUMBER - 1:  # 12e9
            whole, others = digits_of_strings(ascii_text(value))
        elif vr in BINARY_VRS:
            whole, others = digits_of_bytes(value, vr, self.order)
        numbers = [digits for digits in whole if len(digits) >= _SHORTEST_NUMBER]
        decimals = [digits for digits in (*others, *joined(whole)) if len(digits) >= _SHORTEST_DECIMAL]
        told = any(map(self.texts.is_identifier, numbers + decimals)) or not are_plausible(tag, vr, numbers, unit)
        if tag in NUMBERED:  # a part of an accession number: without its year, its check digit
            told = told or any(len(n) > _LONGEST_COUNT and self.texts.is_within_identifier(n) for n in numbers)
        return b"" if told else value

    def _code_string(self, value: bytes | memoryview, tag: int) -> bytes | memoryview:
        """Return the value without personal data and words that are no term; defined terms of the attribute stay."""
        text = ascii_text(value)
        singles = text.split("\\")
        terms = [is_defined_term(tag, single) or is_term_of_any_attribute(single) for single in singles]
        others = "\\".join(single for single, term in zip(singles, terms, strict=True) if not term)
        known = bool(others) and self.texts.holds_personal_data(others)
        kept = [
            single if term or (_is_term_of(tag, single) and not known and self._is_plain(single)) else ""
            for single, term in zip(singles, terms, strict=True)
        ]
        if kept == singles or not text.strip(" \\"):
            return value
        if not any(kept):
            return DUMMIES["CS"]
        return "\\".join(kept).encode("latin-1")

    def _is_plain(self, single: str) -> bool:
        """Return whether a value of a code string has none of the forms of dates, addresses and disguised names."""
        if not any(map(str.isalpha, single)):
            return True  # 0011: modes of ultrasound, as a number
        apart, joined = (single.replace("_", sign).strip(" -") for sign in " -")
        return self.texts.meaning(apart) == apart and self.texts.meaning(joined) == joined

    def _way(self, tag: int, elements: Dataset) -> Callable[[str], str]:
        """Return how a text of the allowlist is cleaned: technical texts, terms of private schemes, all others."""
        if tag == _CODE_SCHEME:
            return self._scheme
        if tag in _CODE_VALUES or tag == _CODE_MEANING:
            return self._way_of_code(tag, elements)
        clean = self.texts.description
        if tag in version_texts():
            clean = partial(with_versions, tag, texts=self.texts, clean=self.texts.technical)
        elif tag in technical_texts():
            clean = self.texts.technical
        if is_for_makes(tag):
            return lambda text: text if is_make_or_model(tag, text) else self._make(text)

        def of_attribute(text: str) -> str:
            plain = without_room(tag, text)
            return plain if self._is_of_attribute(tag, plain) else with_terms(tag, plain, self.texts, clean)

        return of_attribute

    def _make(self, text: str) -> str:
        """Return a make that no table has whole, or nothing: a part of one is another, or tells of a house."""
        if is_company(text) and not self.texts.holds_personal_data(text) and not self.texts.knows_name(text):
            return text
        cleaned = self.texts.technical(text)
        return text if cleaned == text else make_within(text, cleaned)

    def _is_of_attribute(self, tag: int, text: str) -> bool:
        """Return whether a text is of the kind that its attribute is for, whoever in the file has the same name."""
        if is_defined_term(tag, text) or is_make_or_model(tag, text) or is_listed_creator_in(tag, text):
            return True
        if has_form_of_attribute(tag, text):
            return not self.texts.holds_personal_data(text)
        if tag == _PROCESSING_CODE and _CODE_OF_DEVICE.fullmatch(text.strip()):
            return not self.texts.is_identifier(text.strip()) and not self.texts.holds_personal_data(text)
        if is_written_by_device(tag, text, self.texts):
            return True
        if is_number_of_model(tag, text):
            return not self.texts.holds_personal_data(text) and not self.texts.knows_name(text)
        return is_made_of_machine_words(tag, text) and not self.texts.knows_name(text)

    def _way_of_code(self, tag: int, elements: Dataset) -> Callable[[str], str]:
        """Return how a code is cleaned: it must be in its scheme; a meaning is the standard's, or a description."""
        scheme = _text_in(elements, _CODE_SCHEME)
        if tag in _CODE_VALUES:
            return lambda value: self._code(scheme, value, _text_in(elements, _CODE_MEANING))
        value = _text_in(elements, _CODE_VALUES[0])
        standard = meaning_of(scheme, value)
        if is_of_locale(scheme, value, _text_in(elements, _CODE_MEANING)):
            return lambda meaning: meaning
        real = is_code(scheme, value) is True and not scheme.startswith("99")
        if scheme == "UCUM" and real:
            return lambda meaning: meaning if meaning.strip() == value else self._meaning(standard, meaning, real=True)
        return lambda meaning: self._meaning(standard, meaning, real=real)

    def _scheme(self, name: str) -> str:
        """Return a designator: the standard's; a private one if it holds no personal data."""
        if is_scheme(name.strip()) and not (name.startswith("99") and self.texts.holds_personal_data(name)):
            return name
        return self.texts.technical(name)

    def _code(self, scheme: str, value: str, meaning: str) -> str:
        """Return a code of its scheme; forms that any number has, as UCUM's, do not excuse an identifier.

        A maker's code may be any word: it stays if it is one of technique, or short for a meaning that stays.
        """
        known = is_code(scheme, value.strip())
        if known and scheme.startswith("99") and self.texts.holds_personal_data(value):
            return ""
        if known is None:
            short = scheme.startswith("99") and is_short_for(value, meaning) and self._meaning("", meaning, real=False)
            known = self.texts.technical(value) == value or bool(short and not self.texts.holds_personal_data(value))
        elif known and not meaning_of(scheme, value.strip()):
            known = not self.texts.holds_personal_data(value)
        return value if known else ""

    def _meaning(self, standard: str, meaning: str, *, real: bool) -> str:
        """Return the meaning itself, or the standard's, or none: part of a diagnosis is another diagnosis.

        Args:
            standard: what the standard says that the code means, if it does.
            meaning: what the file says.
            real: whether the code is one of its scheme.
        """
        plain = _ISOTOPE.sub(" ", meaning)
        if meaning.strip() == standard or self.texts.code_meaning(plain) == plain:
            return meaning
        if real and self.texts.meaning_of_code(plain) == plain:
            return meaning
        listed = is_meaning(meaning.strip()) or is_whole_meaning(meaning) or is_measurement(meaning)
        return standard or (meaning if listed and not self.texts.holds_personal_data(meaning) else "")

    def readable(self, element: Element, vr: str, character_set: bytes | memoryview) -> str | None:
        """Return the text of an element; None if its bytes are not, or most likely not, of the character set."""
        declared = character_set if vr in TEXT_OF_SETS or vr == "UN" else b""
        text = text_in(element.value, declared)
        return None if text is None or looks_foreign(text, element.value, declared) else text

    def rewritten(
        self, element: Element, clean: Callable[[str], str], character_set: bytes | memoryview, vr: str = ""
    ) -> bytes | memoryview:
        """Return a text without what has to be removed, or the value itself; nothing if it cannot be read."""
        original = self.readable(element, vr or element.vr, character_set)
        if original is None or (
            self.byte_search is not None and self.byte_search.in_text(element.value, character_set, foreign=True)
        ):
            return b""
        value = self._rewritten(element, original, clean, character_set)
        if self.byte_search is not None and self.byte_search.in_text(value, character_set):
            return b""
        return value

    def _rewritten(
        self, element: Element, original: str, clean: Callable[[str], str], character_set: bytes | memoryview
    ) -> bytes | memoryview:
        parts = [original] if element.vr in _SINGLE_TEXTS else original.split("\\")
        cleaned = [clean(part) for part in parts]
        if cleaned == parts:
            return element.value
        if not any(cleaned):
            return b""
        try:
            raw = encoded("\\".join(cleaned), character_set)
        except Reject:  # cleaning resolved escapes to letters outside of the character set
            return b""
        return b"" if text_in(raw, character_set) is None else raw  # letters that readers alone accept there


def _may_hide(tag: int, vr: str, rule: Rule) -> bool:
    """Return whether bytes may be checked for hidden text: not those that an option retains."""
    if _UNREADABLE.isdisjoint(vr.split(" or ")) or tag in PIXELS:
        return False
    return rule.origin != "profile" or _OVERLAYS[0] <= tag >> 16 <= _OVERLAYS[1]


def _is_term_of(tag: int, single: str) -> bool:
    """Return whether one value of a code string is a term. Only a template's number may have five digits."""
    if _OPERATOR.fullmatch(single.strip()):
        return False
    if tag == _SCAN_OPTIONS and _OPTION_OF_GE.fullmatch(single.strip()):
        return True
    if is_name_too(single.strip()):  # LONG, PARK: a defined term of the attribute is none of these
        return False
    if tag in _WRITTEN_BY_DEVICES:
        single = _WORD_OF_CODE.sub(lambda word: "" if is_abbreviation_of_methods(word[0]) else word[0], single)
    return is_term(single) and (tag in _TABLES or not _FIVE_DIGITS.fullmatch(single.strip()))


def _without_gaps(value: bytes | memoryview, left: bytes | memoryview) -> bytes | memoryview:
    """Return an image type with a dummy value for each value that is gone: they count by their place."""
    before, after = (ascii_text(one).split("\\") for one in (value, left))
    if len(before) != len(after) or all(after):
        return left
    dummy = ascii_text(DUMMIES["CS"])
    filled = [one or (dummy if was.strip() else "") for was, one in zip(before, after, strict=True)]
    return left if filled == after else "\\".join(filled).encode("latin-1")


def _is_ours(tag: int, rule: Rule) -> bool:
    return rule.origin in ("allowlist", "safe private") or tag >> 16 == _PATIENT_GROUP


def _text_in(elements: Dataset, tag: int) -> str:
    element = find(elements, tag)
    return "" if element is None or element.items is not None else ascii_text(element.value)


def _unit_in(elements: Dataset) -> str:
    """Return the code of the unit that stands beside a numeric value; "" if there is none."""
    units = find(elements, _UNITS)
    return "" if units is None or not units.items else _text_in(units.items[0], _CODE_VALUES[0])

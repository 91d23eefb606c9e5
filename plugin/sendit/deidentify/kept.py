"""Values of attributes that stay: without what breaks the rules of their VR, or is known of a person, or no term."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sendit.deidentify.codes import is_code, is_scheme, meaning_of
from sendit.deidentify.dataset import BINARY_VRS, BYTES_VRS, PIXELS, TEXT_VRS, Dataset, Element, find
from sendit.deidentify.disguised import as_number, is_disguised_text
from sendit.deidentify.freetext import TextCleaner
from sendit.deidentify.icc import without_texts
from sendit.deidentify.plan import Rule
from sendit.deidentify.profile import terse
from sendit.deidentify.text import decoded, encoded
from sendit.deidentify.validity import top_coded, valid
from sendit.deidentify.values import DUMMIES
from sendit.deidentify.words import is_term
from sendit.errors import Reject

_AGE, _ICC_PROFILE = 0x00101010, 0x00282000
_CODE_SCHEME, _CODE_MEANING = 0x00080102, 0x00080104
#: CodeValue, LongCodeValue, URNCodeValue
_CODE_VALUES = (0x00080100, 0x00080119, 0x00080120)
_PATIENT_GROUP, _OVERLAYS = 0x0010, (0x6000, 0x601E)
_SINGLE_TEXTS = frozenset({"LT", "ST", "UR", "UT"})  # a backslash in them is one
_UNREADABLE = (BYTES_VRS | BINARY_VRS) - {"UN"}  # what nobody reads as characters
_SHORTEST_NUMBER = 5  # digits; shorter ones are identifiers by chance
_LONGEST_NUMBER = 18


@dataclass(frozen=True, slots=True)
class KeptValues:
    """For one instance."""

    texts: TextCleaner
    order: str  # of its bytes, as `struct` writes it

    def checked(
        self, element: Element, vr: str, rule: Rule, elements: Dataset, character_set: bytes | memoryview
    ) -> bytes | memoryview:
        """The value as it may stay; the very same object if nothing had to go.

        Args:
            vr: the VR that it is written with.
            elements: the dataset that it stands in.
        """
        if vr in TEXT_VRS:
            if rule.origin != "allowlist":
                return element.value
            cleaned = self.rewritten(element, self._way(element.tag, elements), character_set)
            return DUMMIES[vr] if cleaned is not element.value and not cleaned else cleaned
        value = valid(element.tag, vr, element.value)
        if vr == "CS":
            # What an option retains on purpose may be anybody's word (the name of a device), but not of a patient.
            return self._code_string(value) if _is_ours(element.tag, rule) else value
        if _may_hide(element.tag, vr, rule) and is_disguised_text(value):
            return b""
        if element.tag == _AGE:
            return top_coded(_ascii(value)).encode("ascii") or value
        if element.tag == _ICC_PROFILE and rule.origin == "allowlist":
            return without_texts(bytes(value))
        return self._number(value, vr)

    def _number(self, value: bytes | memoryview, vr: str) -> bytes | memoryview:
        """Without a number that is one of the identifiers."""
        number = ""
        if vr in ("DS", "IS"):
            number = _ascii(value) if _SHORTEST_NUMBER <= len(value) <= _LONGEST_NUMBER else ""
        elif vr in BINARY_VRS:
            number = as_number(value, vr, self.order)
        return b"" if len(number) >= _SHORTEST_NUMBER and self.texts.is_identifier(number) else value

    def _code_string(self, value: bytes | memoryview) -> bytes | memoryview:
        """Without what is known of a person, and without words that are no term."""
        text = _ascii(value)
        if self.texts.knows(text):
            return DUMMIES["CS"]
        if is_term(text):
            return value
        kept = [single if is_term(single) else "" for single in text.split("\\")]
        return "\\".join(kept).encode("latin-1") if any(kept) else DUMMIES["CS"]

    def _way(self, tag: int, elements: Dataset) -> Callable[[str], str]:
        """How a text of the allowlist is cleaned: terse ones, terms of somebody's own coding scheme, the others."""
        if tag == _CODE_SCHEME:
            return lambda name: name if is_scheme(name.strip()) else self.texts.technical(name)
        if tag in terse():
            return self.texts.technical
        if tag in _CODE_VALUES or tag == _CODE_MEANING:
            return self._way_of_code(tag, elements)
        return self.texts.description

    def _way_of_code(self, tag: int, elements: Dataset) -> Callable[[str], str]:
        """A code has to be one of its scheme; a meaning is the standard's, or is cleaned like any description."""
        scheme = _text_in(elements, _CODE_SCHEME)
        if tag in _CODE_VALUES:
            return lambda value: self._code(scheme, value)
        standard = meaning_of(scheme, _text_in(elements, _CODE_VALUES[0]))
        return lambda meaning: self._meaning(standard, meaning)

    def _code(self, scheme: str, value: str) -> str:
        known = is_code(scheme, value.strip())
        if known is None:
            known = self.texts.technical(value) == value
        return value if known else ""

    def _meaning(self, standard: str, meaning: str) -> str:
        cleaned = self.texts.description(meaning)
        return meaning if cleaned == meaning or meaning.strip() == standard else standard or cleaned

    def rewritten(
        self, element: Element, clean: Callable[[str], str], character_set: bytes | memoryview
    ) -> bytes | memoryview:
        """A text without what has to go; the value itself if nothing has."""
        original = decoded(element.value, character_set)
        parts = [original] if element.vr in _SINGLE_TEXTS else original.split("\\")
        cleaned = [clean(part) for part in parts]
        if cleaned == parts:
            return element.value
        if not any(cleaned):
            return b""
        try:
            return encoded("\\".join(cleaned), character_set)
        except Reject:  # it was not written in the character set that the file names: what it says is not known
            return b""


def _may_hide(tag: int, vr: str, rule: Rule) -> bool:
    """Whether a text in its bytes is none that an option retains on purpose (a certified timestamp)."""
    if _UNREADABLE.isdisjoint(vr.split(" or ")) or tag in PIXELS:
        return False
    return rule.origin != "profile" or _OVERLAYS[0] <= tag >> 16 <= _OVERLAYS[1]


def _is_ours(tag: int, rule: Rule) -> bool:
    return rule.origin in ("allowlist", "safe private") or tag >> 16 == _PATIENT_GROUP


def _text_in(elements: Dataset, tag: int) -> str:
    found = find(elements, tag)
    return "" if found is None or found.items is not None else _ascii(found.value)


def _ascii(value: bytes | memoryview) -> str:
    return bytes(value).decode("latin-1").strip("\0 ")

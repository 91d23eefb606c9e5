"""Decide which entries of private blocks may stay, and with which values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Protocol

from sendit.deidentify.plan import Action
from sendit.deidentify.tables import table_rows, table_words
from sendit.deidentify.text.dates_in_words import without_dates_in_words
from sendit.deidentify.text.vocabulary import is_listed, is_term

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sendit.deidentify.plan import Plan

_SOP_INSTANCE, _PROTOCOL_NAME = 0x00080018, 0x00181030
_NUMBER = re.compile(r"[+-]?(?:\d{1,12}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,3})?|0[xX][0-9A-Fa-f]{1,8}")
_NUMBERS = re.compile(rf"(?:{_NUMBER.pattern})(?:[ ,;]+(?:{_NUMBER.pattern}))*[ ,;]*")
#: A date, alone or before a time.
_DATE = re.compile(r"(?<!\d)(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{2}|\d{4}|\d{6})?(?!\d)")
#: The same, or with separators or the name of a month; and times.
_DAY = re.compile(
    rf"{_DATE.pattern}|\d{{1,4}}([-./])\d{{1,2}}\1\d{{2,4}}|\d{{1,2}}:\d\d:\d\d"
    r"|\d{1,2}[ .-]?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ .,-]+\d{2,4}",
    re.IGNORECASE,
)
#: A distance along an axis: L4.5, S-11.
_PLACE = re.compile(r"[LRAPISHF]?-?\d{1,4}(?:\.\d{0,6})?")
#: Indexes of the scanner's image calculation: X_1_1_1_…
_DIMENSIONS = re.compile(r"[X\d]{1,5}(?:_[X\d]{1,5}){1,30}")
_UID = re.compile(r"(?=[\d.]{5,64}\Z)\d+(?:\.\d+)+")
_FRAME = re.compile(r"\d{1,5}")
_CODE = re.compile(r"[A-Z0-9_+*/ -]{1,32}")
#: The size of a matrix, with p if it was interpolated: 102p*102.
_MATRIX = re.compile(r"\d{1,5}[a-z]?\*\d{1,5}[a-z]?")
#: The version of the software with its build date, the same for every scanner that has it.
_BASELINE = re.compile(r"N\d_[A-Z]{2}\d{2}[A-Z]?(?:_[A-Z]{2,10}){0,3}_20\d{6}")
#: Values with one character for each channel or slice.
_MASK = re.compile(r"[X\d-]{1,256}|X{1,4096}")
_LONGEST = 1024  # characters of a text
_SHORT = 3
_MOST_DIGITS = 3  # in the name of an entry: T1, B0, 2D
_ANY_UID = "2.25.1"
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
#: Words of a name that may announce personal or device data, whatever the context.
_PERSONAL = (
    frozenset(
        {"patient", "patients", "birth", "birthday", "weight", "height", "age", "sex", "gender", "person", "name"}
    )
    | {"physician", "operator", "user", "owner", "institution", "institutional", "hospital", "station", "comment"}
    | {
        "comments",
        "address",
        "phone",
        "ssn",
        "uuid",
        "guid",
        "uid",
        "id",
        "date",
        "insertion",
        "key",
        "unique",
        "serial",
    }
)


class Unreadable(Exception):
    """Signal a block that cannot be parsed: it has another form, or breaks its own rules."""


class Texts(Protocol):
    """Clean texts, as `TextCleaner` does."""

    def technical(self, text: str) -> str:
        """Return a technical text without what may be a person's."""
        ...

    def version(self, text: str) -> str:
        """Return the version of a program without what may be a person's."""
        ...

    def description(self, text: str) -> str:
        """Return a text that a person typed without what may be a person's."""
        ...

    def holds_personal_data(self, text: str) -> bool:
        """Return whether a text contains anything known of a person."""
        ...

    def is_identifier(self, number: str) -> bool:
        """Return whether a whole number is one of the identifiers."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class EntryCleaner:
    """Clean the values of entries by their kind, for one instance.

    Cleaners with the same results are equal: each image of a series has its own cleaner, but all share one series
    header.
    """

    texts: Texts
    descriptions: bool = False  # typed texts stay, cleaned (CleanDescriptors)
    uid: Callable[[str], str] | None = None  # replaces a UID; None: they are removed
    _alike: tuple[object, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        code = self.uid(_ANY_UID) if self.uid is not None else ""  # distinguishes keys
        object.__setattr__(self, "_alike", (self.texts, self.descriptions, code))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EntryCleaner) and self._alike == other._alike

    def __hash__(self) -> int:
        return hash(self._alike)

    def value(self, kind: str, text: str) -> str:
        """Return what may stay of a value; "" if nothing may.

        Args:
            kind: the kind of value, from a table in tables/private/blocks/.
            text: the value as text.
        """
        stripped = text.strip()
        if not stripped or (len(text) > _LONGEST and kind != "numbers"):
            return ""
        shape = _SHAPES.get(kind)
        if shape is not None:
            tells = self._is_identifier(stripped) if kind == "baseline" else self._tells(stripped)
            return text if shape.fullmatch(stripped) and not tells else ""
        if any(ord(character) < 0x20 or character == "\x7f" for character in text):
            return ""
        if kind == "code":
            fits = (
                _CODE.fullmatch(stripped)
                and is_term(stripped.replace("/", "_"))
                and not self.texts.holds_personal_data(stripped)
            )
            return text if fits and not self._tells(stripped) else ""
        if kind == "uid":
            return self._uids(stripped)
        if kind == "description" and not self.descriptions:
            return ""
        if kind != "description" and (_DAY.search(text) or without_dates_in_words(text) != text):
            return ""
        return _CLEANERS[kind](self.texts, text)

    def is_personal(self, name: str) -> bool:
        """Return whether the name of an entry contains anything known of a person: such an entry goes."""
        return self.texts.holds_personal_data(name) or self.texts.holds_personal_data(" ".join(words_of(name)))

    def _uids(self, text: str) -> str:
        """Return a UID, or class, instance and frame that later software refers to, with the UIDs coded."""
        parts = text.split(";")
        if self.uid is None or not all(_UID.fullmatch(p) or (i and _FRAME.fullmatch(p)) for i, p in enumerate(parts)):
            return ""
        return ";".join(self.uid(part) if "." in part else part for part in parts)

    def _tells(self, text: str) -> bool:
        """Return whether a number is an identifier or a date."""
        return _DATE.search(text) is not None or self._is_identifier(text)

    def _is_identifier(self, text: str) -> bool:
        return any(map(self.texts.is_identifier, re.findall(r"\d{3,}", text)))


def entry_cleaner(plan: Plan, texts: Texts, coded_uid: Callable[[str], str]) -> EntryCleaner:
    """Return the cleaner for a plan: descriptions are treated as ProtocolName is, and UIDs as SOPInstanceUID is."""
    descriptions = plan.rules[_PROTOCOL_NAME].action in (Action.KEEP, Action.CLEAN)
    uid = str if plan.rules[_SOP_INSTANCE].action is Action.KEEP else coded_uid
    return EntryCleaner(texts, descriptions, uid)


_SHAPES: Mapping[str, re.Pattern[str]] = {
    "number": _NUMBER,
    "numbers": _NUMBERS,
    "place": _PLACE,
    "dimensions": _DIMENSIONS,
    "mask": _MASK,
    "matrix": _MATRIX,
    "baseline": _BASELINE,
}
_CLEANERS: Mapping[str, Callable[[Texts, str], str]] = {
    "technique": lambda texts, text: texts.technical(text),
    "version": lambda texts, text: texts.version(text),
    "description": lambda texts, text: texts.description(text),
}
KINDS = frozenset({*_SHAPES, *_CLEANERS, "code", "uid"})


@cache
def table(name: str) -> Mapping[str, str]:
    """Return the entries of `tables/private/blocks/NAME.csv` and the kinds of their values."""
    kinds = {row["entry"]: row["kind"] for row in table_rows("private", "blocks", f"{name}.csv")}
    wrong = set(kinds.values()) - KINDS
    if wrong:
        raise LookupError(f"{name}.csv: {', '.join(sorted(wrong))} is not a kind of value")
    return kinds


def words_of(name: str) -> list[str]:
    """Return the words of a name in CamelCase or with underscores."""
    return _CAMEL.findall(name)


@lru_cache(maxsize=8192)
def is_technical_name(name: str) -> bool:
    """Return whether all words of a name are known, its digits few, and none announces something personal."""
    if sum(map(str.isdigit, name)) > _MOST_DIGITS:
        return False
    words = [word.lower() for word in words_of(name)]
    return _PERSONAL.isdisjoint(words) and all(
        len(word) <= _SHORT or word in _words_of_names() or is_listed(word) for word in words
    )


@cache
def _words_of_names() -> frozenset[str]:
    return table_words("private", "blocks", "words_of_names.txt")

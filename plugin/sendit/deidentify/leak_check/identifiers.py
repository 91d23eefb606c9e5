"""The identifiers of an original: identifying values that the plan does not retain on purpose."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify.dates import shifted
from sendit.deidentify.dicom.charset import text_in
from sendit.deidentify.leak_check.byte_search import ByteSearch, SampleSearch, byte_search
from sendit.deidentify.leak_check.spellings import Kind, Spellings, is_searchable_uid, spellings_of
from sendit.deidentify.options import Option
from sendit.deidentify.plan import Action, Plan, Rule
from sendit.deidentify.pseudonyms import is_well_known
from sendit.deidentify.replacements import DUMMIES
from sendit.deidentify.tables import table_lines, tag_of
from sendit.deidentify.text.encodings import raw_parts, readings_of
from sendit.deidentify.text.normalize import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sendit.deidentify.dicom.dataset import Dataset, Element, Instance

_CHARACTER_SET = 0x00080005
_KEPT = (Action.KEEP, Action.KEEP_DATE)
_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})(?:\d{2})*(?:\.\d*)?(?:[+-]\d{4})?")
_LETTER = re.compile("[A-Za-z]")
_LONG_TEXT = ("LT", "ST", "UT")  # a backslash in them separates nothing
#: Longer values (bytes) are rarely seen twice.
_SHARED = 256
_OWN_VALUES = frozenset(value.upper() for value in DUMMIES.values())
_BY_VR = {"PN": Kind.PERSON, "UI": Kind.UID, "DA": Kind.DATE, "DT": Kind.DATE}
_KINDS = {
    "patient": Kind.PATIENT,
    "identifier": Kind.IDENTIFIER,
    "address": Kind.ADDRESS,
    "telephone": Kind.TELEPHONE,
    "institution": Kind.INSTITUTION,
    "device": Kind.DEVICE,
}


@dataclass(slots=True)
class Identifiers:
    """Everything that may not occur in the output."""

    spellings: Spellings = field(default_factory=Spellings)
    uids: set[bytes] = field(default_factory=set)
    dates: set[bytes] = field(default_factory=set)  # YYYYMMDD
    by_tag: dict[int, tuple[Kind, set[bytes]]] = field(default_factory=dict)  # tag → its original values, upper case
    character_sets: set[bytes] = field(default_factory=set)  # of the original; none if all identifiers are ASCII
    byte_search: ByteSearch | None = None  # non-ASCII ones in all encodings; None if there are none
    samples: SampleSearch | None = None  # searched for among the samples of pixels

    @classmethod
    def of(
        cls, original: Instance, plan: Plan, offset_days: int, decided: Mapping[int, Rule] = MappingProxyType({})
    ) -> Identifiers:
        """Collect the identifiers of an original.

        Args:
            original: the instance before any change.
            plan: the compiled plan of the project.
            offset_days: by which the patient's dates move: a moved date may equal another original date.
            decided: rules for single elements, by their id(), that override the plan's.
        """
        gathering = _Collector(plan, offset_days, decided)
        gathering.walk(original.elements, b"")
        gathering.walk(original.meta, b"")
        return gathering.identifiers()

    def __len__(self) -> int:
        return len(self.spellings) + len(self.uids) + len(self.dates)


@dataclass(slots=True)
class _Collector:
    plan: Plan
    offset_days: int
    decided: Mapping[int, Rule]
    found: set[tuple[Kind, str]] = field(default_factory=set)
    retained: set[tuple[Kind, str]] = field(default_factory=set)
    by_tag: dict[int, tuple[Kind, set[bytes]]] = field(default_factory=dict)
    character_sets: set[bytes] = field(default_factory=set)
    unreadable: set[tuple[Kind, bytes]] = field(default_factory=set)  # parts of texts not in their character set

    def walk(self, elements: Dataset, character_set: bytes | memoryview) -> None:
        kinds, rules, safe = kinds_by_tag(), self.plan.rules, Option.RETAIN_SAFE_PRIVATE in self.plan.options
        for element in elements:
            tag = element.tag
            if element.items is not None:
                for item in element.items:
                    self.walk(item, character_set)
                continue
            kind = kinds.get(tag)
            if kind is None:
                if tag == _CHARACTER_SET:
                    character_set = bytes(element.value)
                    self.character_sets.add(character_set)
                if not tag >> 16 & 1 or safe or element.vr not in _BY_VR:
                    continue
                kind = _BY_VR[element.vr]
            if element.value:
                self._take(element, kind, self.decided.get(id(element)) or rules.get(tag), character_set)

    def _take(self, element: Element, kind: Kind, rule: Rule | None, character_set: bytes | memoryview) -> None:
        raw = bytes(element.value).strip(b"\0 ")
        retained = rule is not None and rule.action in _KEPT
        if not retained and kind is not Kind.UID and raw and (upper := raw.upper()) not in _OWN_VALUES:
            self.by_tag.setdefault(element.tag, (kind, set()))[1].add(upper)
        read = _readings if len(raw) <= _SHARED else readings_of
        texts = read(raw, bytes(character_set))
        if not retained and not raw.isascii() and text_in(raw, character_set) is None:
            self.unreadable.update((kind, part) for part in raw_parts(raw))
        target = self.retained if retained else self.found
        whole = rule is not None and rule.vr in _LONG_TEXT
        target.update((_values if len(raw) <= _SHARED else _values.__wrapped__)(kind, texts, whole=whole))
        text = texts[0]
        if kind is Kind.DATE and rule is not None and rule.action is Action.SHIFT:
            moved = shifted(rule.vr, text, self.offset_days if rule.days is None else rule.days)
            self.retained.update((kind, value) for value in (moved or "").split("\\"))

    def identifiers(self) -> Identifiers:
        identifiers = Identifiers(by_tag=self.by_tag)
        if not all(value.isascii() for _, value in self.found):
            identifiers.character_sets = self.character_sets | {b""}
        retained = Identifiers()
        words, retained_words = _add_all(identifiers, self.found), _add_all(retained, self.retained)
        identifiers.spellings = _spellings_of_all(words, retained_words, self.plan.literals)
        beyond = [frozenset(one for one in some if not one[1].isascii()) for some in (words, retained_words)]
        if beyond[0] or self.unreadable:
            identifiers.byte_search = _in_encodings(beyond[0], beyond[1], frozenset(self.unreadable))
        identifiers.samples = _among_samples(words - retained_words, self.plan.literals)
        identifiers.uids -= retained.uids
        identifiers.dates -= retained.dates | {DUMMIES["DA"]}
        for literal in self.plan.literals:  # what a recipe writes is chosen by the site
            identifiers.dates.discard(literal[:8].encode("utf-8", "ignore"))
            identifiers.uids.discard(literal.encode("utf-8", "ignore"))
        own_words = {literal.upper().encode("utf-8", "ignore") for literal in self.plan.literals}
        stays = {(kind, value.upper().encode("utf-8", "ignore")) for kind, value in self.retained}
        for tag, (kind, values) in list(identifiers.by_tag.items()):
            values.difference_update(own_words, [value for value in values if (kind, value) in stays])
            if not values:
                del identifiers.by_tag[tag]
        return identifiers


_readings = lru_cache(maxsize=4096)(readings_of)  # the instances of a study share nearly all of these values


@lru_cache(maxsize=4096)
def _values(kind: Kind, texts: tuple[str, ...], *, whole: bool) -> tuple[tuple[Kind, str], ...]:
    """Return the values of an attribute, whatever separates them; those of a long text are one."""
    values = [value for text in texts for value in ([text] if whole else text.split("\\"))]
    return tuple((kind, value.strip("\0 ")) for value in values)


def _add_all(identifiers: Identifiers, originals: set[tuple[Kind, str]]) -> frozenset[tuple[Kind, str]]:
    """Add the UIDs and dates; return what is searched for as words."""
    words = set()
    for kind, value in originals:
        if not value:
            continue
        if kind is Kind.UID:
            if not is_well_known(value):
                identifiers.uids.add(value.encode("latin-1", "ignore"))
                if not is_searchable_uid(value) and _LETTER.search(value):  # not a UID at all
                    words.add((Kind.IDENTIFIER, value))
        elif kind is Kind.DATE:
            match = _DATE.fullmatch(value)
            if match is not None:
                digits = map(int, "".join(match.groups()))  # those of other scripts, too
                identifiers.dates.add("".join(map(str, digits)).encode("ascii"))
        else:
            words.add((kind, value))
    return frozenset(words)


@lru_cache(maxsize=256)  # the instances of a study share nearly all of their words
def _spellings_of_all(
    removed: frozenset[tuple[Kind, str]], retained: frozenset[tuple[Kind, str]], literals: tuple[str, ...]
) -> Spellings:
    """Return the spellings of what was found, without those of retained values. Do not modify the result."""
    spellings, allowed = Spellings(), Spellings()
    for originals, target in ((removed, spellings), (retained, allowed)):
        # In a fixed order, the patient last: if two kinds share a spelling, the later one is named.
        for kind, value in sorted(originals, key=lambda one: (one[0] is Kind.PATIENT, one)):
            target.add(spellings_of(kind, value))
    spellings.drop(allowed)
    for literal in literals:
        folded = b" " + fold(literal) + b" "
        for forms in (spellings.words, spellings.phrases, spellings.joined, spellings.values):
            for spelling in [spelling for spelling in forms if b" " + spelling + b" " in folded]:
                del forms[spelling]
    return spellings


@lru_cache(maxsize=8)  # of several megabytes each, if there are many names in other scripts
def _in_encodings(
    removed: frozenset[tuple[Kind, str]],
    retained: frozenset[tuple[Kind, str]],
    unreadable: frozenset[tuple[Kind, bytes]],
) -> ByteSearch | None:
    return byte_search(removed, retained, unreadable)


@lru_cache(maxsize=8)
def _among_samples(removed: frozenset[tuple[Kind, str]], literals: tuple[str, ...]) -> SampleSearch:
    return SampleSearch((kind, value) for kind, value in removed if value not in literals)


@cache
def kinds_by_tag() -> Mapping[int, Kind]:
    """Return the kinds of the identifying attributes of the standard, by tag."""
    kinds = {tag: _BY_VR[entry[0]] for tag, entry in DicomDictionary.items() if entry[0] in _BY_VR}
    kinds.update(_listed())
    return kinds


def _listed() -> Iterator[tuple[int, Kind]]:
    for line in table_lines("identifying.txt"):
        words = line.partition("#")[0].split()
        if words:
            yield tag_of(words[0], "identifying.txt"), _KINDS[words[1]]

"""What is known of an original: the values that identify, and that the plan does not keep on purpose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import tag_for_keyword

from sendit.deidentify.dataset import Dataset, Element, Instance
from sendit.deidentify.dates import shifted
from sendit.deidentify.folding import fold
from sendit.deidentify.identity import is_well_known
from sendit.deidentify.plan import Action, Plan, Rule
from sendit.deidentify.text import decoded
from sendit.deidentify.tokens import Kind, Tokens, is_searchable_uid, tokens_of
from sendit.deidentify.values import DUMMIES
from sendit.settings import Option

_CHARACTER_SET = 0x00080005
_KEPT = (Action.KEEP, Action.KEEP_DATE)
_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})(?:\d{2})*(?:\.\d*)?(?:[+-]\d{4})?")
_LONG_TEXT = ("LT", "ST", "UT")  # a backslash in them separates nothing
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
class Known:
    """What nothing of may be in the output."""

    tokens: Tokens = field(default_factory=Tokens)
    uids: set[bytes] = field(default_factory=set)
    dates: set[bytes] = field(default_factory=set)  # YYYYMMDD
    own: dict[int, tuple[Kind, set[bytes]]] = field(
        default_factory=dict
    )  # tag → values as they stood there, upper case
    character_sets: set[bytes] = field(default_factory=set)  # of the original; none if all that is known is ASCII

    @classmethod
    def of(
        cls, original: Instance, plan: Plan, offset_days: int, decided: Mapping[int, Rule] = MappingProxyType({})
    ) -> Known:
        """Gather it.

        Args:
            decided: what holds for single elements, by their id(), in place of the plan's rules.
            offset_days: by which the patient's dates move: a moved date may be equal to another original one.
        """
        gathering = _Gathering(plan, offset_days, decided)
        gathering.walk(original.elements, b"")
        gathering.walk(original.meta, b"")
        return gathering.known()

    def __len__(self) -> int:
        return len(self.tokens) + len(self.uids) + len(self.dates)


@dataclass(slots=True)
class _Gathering:
    plan: Plan
    offset_days: int
    decided: Mapping[int, Rule]
    found: set[tuple[Kind, str]] = field(default_factory=set)
    kept: set[tuple[Kind, str]] = field(default_factory=set)
    own: dict[int, tuple[Kind, set[bytes]]] = field(default_factory=dict)
    character_sets: set[bytes] = field(default_factory=set)

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
        kept = rule is not None and rule.action in _KEPT
        if not kept and kind is not Kind.UID and raw and raw.upper() not in _OWN_VALUES:
            self.own.setdefault(element.tag, (kind, set()))[1].add(raw.upper())
        text = decoded(raw, character_set)
        target = self.kept if kept else self.found
        if "\\" not in text or (rule is not None and rule.vr in _LONG_TEXT):
            target.add((kind, text.strip("\0 ")))
        else:
            target.update([(kind, value.strip("\0 ")) for value in text.split("\\")])
        if kind is Kind.DATE and rule is not None and rule.action is Action.SHIFT:
            moved = shifted(rule.vr, text, self.offset_days if rule.days is None else rule.days)
            self.kept.update((kind, value) for value in (moved or "").split("\\"))

    def known(self) -> Known:
        found = Known(own=self.own)
        if not all(value.isascii() for _, value in self.found):
            found.character_sets = self.character_sets | {b""}
        kept = Known()
        found.tokens = _tokens(_add_all(found, self.found), _add_all(kept, self.kept), self.plan.literals)
        found.uids -= kept.uids
        found.dates -= kept.dates | {DUMMIES["DA"]}
        for literal in self.plan.literals:  # what a recipe writes is the site's own word
            found.dates.discard(literal[:8].encode("utf-8", "ignore"))
            found.uids.discard(literal.encode("utf-8", "ignore"))
        own_words = {literal.upper().encode("utf-8", "ignore") for literal in self.plan.literals}
        kept_words = {(kind, value.upper().encode("utf-8", "ignore")) for kind, value in self.kept}
        for tag, (kind, values) in list(found.own.items()):
            values.difference_update(own_words, [value for value in values if (kind, value) in kept_words])
            if not values:
                del found.own[tag]
        return found


def _add_all(known: Known, originals: set[tuple[Kind, str]]) -> frozenset[tuple[Kind, str]]:
    """Add the UIDs and dates; what is searched for as words."""
    words = set()
    for kind, value in originals:
        if not value:
            continue
        if kind is Kind.UID:
            if not is_well_known(value):
                known.uids.add(value.encode("latin-1", "ignore"))
                if not is_searchable_uid(value) and re.search("[A-Za-z]", value):  # no UID at all: somebody's word
                    words.add((Kind.IDENTIFIER, value))
        elif kind is Kind.DATE:
            match = _DATE.fullmatch(value)
            if match is not None:
                known.dates.add("".join(match.groups()).encode("ascii"))
        else:
            words.add((kind, value))
    return frozenset(words)


@lru_cache(maxsize=256)  # the instances of a study share nearly all of their words
def _tokens(found: frozenset[tuple[Kind, str]], kept: frozenset[tuple[Kind, str]], literals: tuple[str, ...]) -> Tokens:
    """The forms of what was found, without those of what is kept. Do not change what is returned."""
    tokens, allowed = Tokens(), Tokens()
    for originals, target in ((found, tokens), (kept, allowed)):
        # In a fixed order, the patient last: of two kinds that share a token the later one is named.
        for kind, value in sorted(originals, key=lambda one: (one[0] is Kind.PATIENT, one)):
            target.add(tokens_of(kind, value))
    tokens.drop(allowed)
    for literal in literals:
        folded = b" " + fold(literal) + b" "
        for forms in (tokens.words, tokens.phrases, tokens.glued, tokens.values):
            for token in [token for token in forms if b" " + token + b" " in folded]:
                del forms[token]
    return tokens


@cache
def kinds_by_tag() -> Mapping[int, Kind]:
    """The attributes of the standard that identify."""
    found = {tag: _BY_VR[entry[0]] for tag, entry in DicomDictionary.items() if entry[0] in _BY_VR}
    found.update(_listed())
    return found


def _listed() -> Iterator[tuple[int, Kind]]:
    for line in (files("sendit.deidentify") / "tables" / "identifying.txt").read_text("utf-8").splitlines():
        words = line.partition("#")[0].split()
        if words:
            tag = tag_for_keyword(words[0])
            if tag is None:
                raise LookupError(f"identifying.txt: {words[0]} is no keyword of DICOM")
            yield int(tag), _KINDS[words[1]]

"""What is done to every attribute, decided once: tag → rule. An attribute without a rule goes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sendit.settings import Option, Project

if TYPE_CHECKING:
    from sendit.deidentify.pixels.labels import LabelBook
    from sendit.deidentify.site import Site

#: Counted up when the engine gives other bytes for the same rules, so that the digest of a plan tells the two apart.
ENGINE_VERSION = 5


#: Clean Pixel Data Option, of CID 7050: written into the instances of which it holds.
CLEAN_PIXELS = "113101"


class Action(StrEnum):
    """What a rule does. The codes are those of PS3.15 Table E.1-1, where it has one; receipts count them."""

    KEEP = "K"  # stays as it is; of a sequence, its items are gone through
    REMOVE = "X"
    EMPTY = "Z"  # zero length
    DUMMY = "D"  # a valid value that says nothing; of a sequence, its items are gone through
    UID = "U"  # a UID coded under the key; of a sequence, its items are gone through
    PATIENT = "P"  # the patient's pseudonym (PatientID, PatientName)
    ACCESSION = "N"  # the pseudonym of an accession number
    SHIFT = "C"  # a date moved, by the patient's offset or by a number of days; no date: see `fallback`
    KEEP_DATE = "KD"  # a date stays; no date: see `fallback`
    CLEAN = "T"  # free text without what is a person's; nothing left: see `fallback`
    SET = "R"  # a value of the recipe's
    ADD = "A"  # the same, also where the attribute is not there (at the top of the dataset only)


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to one attribute."""

    action: Action
    vr: str  # of the dictionary; "OB or OW" and the like where it depends
    value: str = ""  # of SET and ADD: a literal, or the name of a variable or function
    kind: str = ""  # of SET and ADD: "literal", "var", "func" or "project" (a function of the project's; of SHIFT, too)
    days: int | None = None  # of SHIFT; None is the patient's keyed offset
    fallback: Action = Action.REMOVE  # of SHIFT, KEEP_DATE and CLEAN
    origin: str = "profile"  # who decided: "profile", "allowlist", "recipe NAME, line N"
    rank: tuple[int, int, int] = (0, 0, 0)  # of two lines for one element the greater decides; the profile is lowest


@dataclass(frozen=True, slots=True)
class Handling:
    """Which instances a project takes, and what it does about text in their pixels."""

    modalities: tuple[str, ...] = ()  # empty: all
    sop_classes: tuple[str, ...] = ()
    detect_text: str = "Risky"  # or All, Off
    on_text: str = "Mask"  # or Review

    @classmethod
    def of(cls, project: Project) -> Handling:
        """As the configuration has it."""
        accept, pixels = project.accept, project.pixels
        modalities, classes = tuple(accept.modalities or ()), tuple(accept.sop_classes or ())
        return cls(modalities, classes, pixels.detect_text, pixels.on_text)


#: All that is taken by default: everything, and text is looked for where it may be.
NO_HANDLING = Handling()


@dataclass(frozen=True)
class Plan:
    """Profile, options and recipes, compiled. Immutable; can be pickled."""

    edition: str
    options: tuple[str, ...]
    rules: Mapping[int, Rule]
    method: tuple[str, ...]  # DeidentificationMethod, LO
    method_codes: tuple[tuple[str, str, str], ...]  # CID 7050: value, scheme, meaning
    identity_removed: bool
    dates: str  # LongitudinalTemporalInformationModified: UNMODIFIED, MODIFIED or REMOVED
    added: tuple[int, ...] = field(default=())  # tags whose rule is ADD
    private: Mapping[tuple[int, str, int], Rule] = field(default_factory=dict)  # group, creator, last digits of element
    graphics: bool = False  # overlays are cleaned instead of removed
    site: Site | None = None  # what the recipes leave open until they see the instance
    handling: Handling = NO_HANDLING

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", MappingProxyType(dict(self.rules)))
        object.__setattr__(self, "private", MappingProxyType(dict(self.private)))

    def __reduce__(self) -> tuple[type[Plan], tuple[object, ...]]:
        values = (self.edition, self.options, dict(self.rules), self.method, self.method_codes)
        more = (self.identity_removed, self.dates, self.added, dict(self.private), self.graphics, self.site)
        return (Plan, (*values, *more, self.handling))

    @cached_property
    def labels(self) -> LabelBook:
        """The filters of the recipes."""
        from sendit.deidentify.pixels.labels import LabelBook

        return LabelBook(self.site.filters if self.site else ())

    @property
    def clean_pixels(self) -> bool:
        """Whether text in pixels is dealt with."""
        return Option.CLEAN_PIXEL_DATA in self.options

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """The texts that recipes write."""
        found = {rule.value for rule in self.rules.values() if rule.kind == "literal" and rule.value}
        return tuple(sorted(found.union(self.site.literals() if self.site else ())))

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of all that the plan says: the same on every machine, another one when anything changes."""
        content = {
            "engine": ENGINE_VERSION,
            "edition": self.edition,
            "options": self.options,
            "method": self.method,
            "codes": self.method_codes,
            "identity_removed": self.identity_removed,
            "dates": self.dates,
            "site": self.site.content() if self.site else None,
            "rules": {f"{tag:08X}": _content(rule) for tag, rule in sorted(self.rules.items())},
            "private": [[*tag, _content(rule)] for tag, rule in sorted(self.private.items())],
            "graphics": self.graphics,
            "handling": asdict(self.handling),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@lru_cache(maxsize=4096)  # a plan has thousands of rules, and few that differ
def _content(rule: Rule) -> Mapping[str, Any]:
    return asdict(rule)


def dates_kept(rules: Iterable[Rule]) -> str:
    """LongitudinalTemporalInformationModified, as these rules make it (PS3.3 C.12.1)."""
    found = {rule.action for rule in rules if rule.vr in ("DA", "DT")}
    if Action.SHIFT in found:
        return "MODIFIED"
    return "UNMODIFIED" if found & {Action.KEEP, Action.KEEP_DATE} else "REMOVED"

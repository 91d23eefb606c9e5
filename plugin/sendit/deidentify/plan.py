"""The plan: what happens to every attribute, decided once, as tag → rule. An attribute without a rule is removed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, Protocol

from sendit.deidentify.options import Option

#: Incremented when the engine gives other bytes for the same rules, so that the plan's digest changes.
ENGINE_VERSION = 17


#: Clean Pixel Data Option of CID 7050: written only into instances to which it applies.
CLEAN_PIXELS = "113101"


class Action(StrEnum):
    """Action of a rule, with the code of PS3.15 Table E.1-1 if it has one; receipts count them."""

    KEEP = "K"  # unchanged; the items of a sequence are processed recursively
    REMOVE = "X"
    EMPTY = "Z"  # zero length
    DUMMY = "D"  # a valid value without meaning; the items of a sequence are processed recursively
    UID = "U"  # a UID coded under the key; the items of a sequence are processed recursively
    PATIENT = "P"  # the patient's pseudonym (PatientID, PatientName)
    ACCESSION = "N"  # the pseudonym of an accession number
    SHIFT = "C"  # a date moved by the patient's offset or by a number of days; for no date, `fallback`
    KEEP_DATE = "KD"  # a date stays; for no date, `fallback`
    CLEAN = "T"  # free text without personal data; if nothing is left, `fallback`
    SET = "R"  # a value given by a recipe
    ADD = "A"  # the same, also if the attribute is missing (at the top level only)


@dataclass(frozen=True, slots=True)
class Rule:
    """Rule for one attribute."""

    action: Action
    vr: str  # of the dictionary, also a choice such as "OB or OW"
    value: str = ""  # of SET and ADD: a literal, or the name of a variable or function
    kind: str = ""  # of SET and ADD: "literal", "var", "func" or "project" (a function of the project; of SHIFT, too)
    days: int | None = None  # of SHIFT; None is the patient's keyed offset
    fallback: Action = Action.REMOVE  # of SHIFT, KEEP_DATE and CLEAN
    origin: str = "profile"  # who decided: "profile", "allowlist", "recipe NAME, line N"
    values: str = ""  # of safe private text: what the vendor writes there; a text that is all of it stays as it is
    form: str = ""  # of safe private bytes: how they are taken apart; others go
    rank: tuple[int, int, int] = (0, 0, 0)  # the greater of two lines for one element decides; the profile is lowest


@dataclass(frozen=True, slots=True)
class Handling:
    """Which instances a project accepts, and how it handles text in their pixels."""

    modalities: tuple[str, ...] = ()  # empty: all
    sop_classes: tuple[str, ...] = ()
    detect_text: str = "Risky"  # or All, Off
    on_text: str = "Mask"  # or Review
    slide_labels: str = "Reject"  # or Mask
    deidentified: bool = True  # accept instances that a SendIt has de-identified
    on_lost_meaning: str = "Warn"  # or Hold
    keep: tuple[str, ...] = ("Markers",)  # text that stays in pixels: Markers, Technique


#: The default: accept everything, and detect text where it may be.
NO_HANDLING = Handling()


class InstanceRules(Protocol):
    """The rules of recipes that depend on the instance. Can be pickled."""

    @property
    def filters(self) -> tuple[Any, ...]:
        """Return the filters of the recipes (`Label`), which may give coordinates of pixels."""
        ...

    def content(self) -> Mapping[str, Any]:
        """Return everything that determines the result, as JSON, for the digest of the plan."""
        ...

    def literals(self) -> set[str]:
        """Return the texts that the rules write."""
        ...


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
    per_instance: InstanceRules | None = None  # the rules of recipes that depend on the instance
    handling: Handling = NO_HANDLING

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", MappingProxyType(dict(self.rules)))
        object.__setattr__(self, "private", MappingProxyType(dict(self.private)))

    def __reduce__(self) -> tuple[type[Plan], tuple[object, ...]]:
        return (type(self), tuple(_picklable(getattr(self, one.name)) for one in fields(self)))

    @property
    def clean_pixels(self) -> bool:
        """Return whether text in pixels is handled."""
        return Option.CLEAN_PIXEL_DATA in self.options

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """Return the texts that recipes write."""
        written = {rule.value for rule in self.rules.values() if rule.kind == "literal" and rule.value}
        return tuple(sorted(written.union(self.per_instance.literals() if self.per_instance else ())))

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 (hex) of everything that the plan says: the same on every machine."""
        content: dict[str, object] = {one.name: _content(getattr(self, one.name)) for one in fields(self)}
        content["engine"] = ENGINE_VERSION
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _picklable(value: object) -> object:
    return dict(value) if isinstance(value, MappingProxyType) else value


def _content(value: object) -> object:
    """Return a field of a plan as JSON. A type without such a form is an error: nothing may be left out."""
    if isinstance(value, Mapping):
        return [[_content(key), _content(one)] for key, one in sorted(value.items())]
    if isinstance(value, tuple):
        return [_content(one) for one in value]
    if isinstance(value, Rule):
        return _content_of_rule(value)
    if isinstance(value, Handling):
        return asdict(value)
    if value is None or isinstance(value, str | int):
        return value
    content: Mapping[str, Any] = value.content()  # type: ignore[attr-defined]  # InstanceRules; others raise
    return content


@lru_cache(maxsize=4096)  # a plan has thousands of rules, but few different ones
def _content_of_rule(rule: Rule) -> Mapping[str, Any]:
    return asdict(rule)


def temporal_information(rules: Iterable[Rule]) -> str:
    """Return LongitudinalTemporalInformationModified according to these rules (PS3.3 C.12.1)."""
    actions = {rule.action for rule in rules if rule.vr in ("DA", "DT")}
    if Action.SHIFT in actions:
        return "MODIFIED"
    return "UNMODIFIED" if actions & {Action.KEEP, Action.KEEP_DATE} else "REMOVED"

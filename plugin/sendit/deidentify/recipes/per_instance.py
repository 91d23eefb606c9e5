"""The rules of recipes that depend on the instance, and their evaluation.

The block that a private creator reserved, whether a value occurs, the answer of a project's function: none of this is
known when the plan is compiled. `decide` determines it before the engine starts; the engine only looks it up.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import private_dictionary_VR

from sendit.deidentify.dicom.dataset import DATE_VRS, TEXT_VRS, Dataset, Element, Instance, character_set_of, find
from sendit.deidentify.dicom.text import decoded
from sendit.deidentify.plan import Action, Plan, Rule
from sendit.deidentify.recipes.custom_functions import Caller, FunctionsText, load_functions
from sendit.deidentify.recipes.filters import Filter, check_filters
from sendit.deidentify.recipes.parser import split_options
from sendit.deidentify.recipes.rules import condition, loose_rule_for, misfit
from sendit.deidentify.recipes.selectors import STRUCTURE, Path, Private, Selection
from sendit.deidentify.replacements import VARIABLES, Subject
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sendit.deidentify.pseudonyms import KeyedIdentities
    from sendit.deidentify.recipes.parser import RecipeLine

#: VRs that can hold a value of a %values group. Rows that equals a PatientID does not count.
_SEARCHED = TEXT_VRS | DATE_VRS | {"AS", "CS", "DS", "IS", "UI"}
_SHORT = 2  # values this short are searched for as whole words: 7 is in every UID
_ITEM = b"\xfe\xff\x00\xe0"


@dataclass(frozen=True, slots=True)
class ValueSource:
    """A line of a %values group: a source of values."""

    line: RecipeLine
    selection: Selection


@dataclass(frozen=True, slots=True)
class PerInstanceRule:
    """A line whose meaning depends on the file."""

    line: RecipeLine
    selection: Selection
    rank: tuple[int, int, int]
    values: str = ""  # the key of its group in PerInstanceRules.values


@dataclass(frozen=True)
class PerInstanceRules:
    """All rules that depend on the instance. Can be pickled."""

    rules: tuple[PerInstanceRule, ...]  # the strongest first
    values: Mapping[str, tuple[ValueSource, ...]]  # "RECIPE NAME" → where its values come from
    filters: tuple[Filter, ...]
    functions: FunctionsText | None

    def content(self) -> Mapping[str, Any]:
        """Return what determines the plan's digest: the text of a line, from which its meaning follows."""
        return {
            "lines": [(*line.rank, line.line.action, line.line.selector, line.line.value) for line in self.rules],
            "selections": [_plain(line.selection) for line in self.rules],
            "values": {
                name: [(source.line.action, source.line.selector, source.line.value) for source in sources]
                for name, sources in self.values.items()
            },
            "filters": [asdict(label) for label in self.filters],
            "functions": self.functions.text if self.functions else None,
        }

    def possible(self) -> Iterator[Rule]:
        """Yield the rules for attributes of the standard that the lines may lead to."""
        for line in self.rules:
            for tag in (*line.selection.tags, *(path[-1][0] for path in line.selection.paths)):
                rule = loose_rule_for(line.line, tag, DicomDictionary[tag][0], self.names, line.rank)
                if rule is not None:
                    yield rule

    def may_keep(self, tags: Collection[int]) -> bool:
        """Return whether one of these attributes may stay as it is somewhere."""
        return any(
            line.line.action == "KEEP" and path[-1][0] in tags for line in self.rules for path in line.selection.paths
        )

    def literals(self) -> set[str]:
        """Return the texts that the lines write."""
        return {line.line.value for line in self.rules if line.line.action == "REPLACE" and ":" not in line.line.value}

    @cached_property
    def names(self) -> Any:
        """Load the functions of the project: in each process, never pickled."""
        return load_functions(self.functions)

    def __reduce__(self) -> tuple[type[PerInstanceRules], tuple[object, ...]]:
        return (PerInstanceRules, (self.rules, dict(self.values), self.filters, self.functions))


def _plain(selection: Selection) -> list[Any]:
    parts = (sorted(selection.tags), sorted(selection.varying), sorted(selection.private), sorted(selection.paths))
    return [*parts, selection.values]


@dataclass(frozen=True, slots=True)
class Decisions:
    """Rules for single elements that override the plan's."""

    rules: Mapping[int, Rule]  # by the id() of the element
    added: Mapping[int, Rule]  # by tag: values of ADD that a function of the project gives

    def rule(self, element: Element, plan: Plan) -> Rule | None:
        """Return the rule for an element of the instance; None removes it."""
        return self.rules.get(id(element)) or plan.rules.get(element.tag)


_NOTHING = Decisions(MappingProxyType({}), MappingProxyType({}))


def decide(
    plan: Plan, instance: Instance, file: memoryview, subject: Subject, identities: KeyedIdentities
) -> Decisions:
    """Decide for one instance what the recipes left open.

    Raises:
        Reject: a filter of a recipe excludes it.
        Quarantine: a function of the project failed.
    """
    per_instance = plan.per_instance
    if not isinstance(per_instance, PerInstanceRules):
        return _NOTHING
    check_filters(per_instance.filters, instance.elements, instance.syntax.encoding, cleaning=plan.clean_pixels)
    coded = lambda: {name: v.value(subject, identities) for name, v in VARIABLES.items()}  # noqa: E731
    return _Decider(plan, per_instance, Caller(per_instance.names, file, coded)).decide(instance.elements)


@dataclass(frozen=True, slots=True)
class _Place:
    """An element and its place in the dataset."""

    element: Element
    path: Path
    private: Private | None
    character_set: bytes | memoryview

    @property
    def vr(self) -> str:
        """Return the VR of the file, or else of the dictionary or of pydicom's list of private attributes."""
        if self.element.vr != "UN":
            return self.element.vr
        if self.private is None:
            return DicomDictionary[self.element.tag][0] if self.element.tag in DicomDictionary else "UN"
        try:
            return private_dictionary_VR(self.element.tag, self.private[1])
        except KeyError:
            return "UN"

    def texts(self) -> list[str]:
        """Return its values as text; none if it holds no text."""
        if self.element.items is not None or self.vr not in _SEARCHED:
            return []
        text = decoded(self.element.value, self.character_set).strip("\0 ")
        return [single.strip() for single in text.split("\\")] if text else []


class _Decider:
    """Applies the rules to one instance."""

    def __init__(self, plan: Plan, per_instance: PerInstanceRules, caller: Caller) -> None:
        self._plan, self._per_instance, self._caller = plan, per_instance, caller
        self._rules: dict[int, Rule] = {}
        self._wanted: dict[str, re.Pattern[str] | None] = {}

    def decide(self, elements: Dataset) -> Decisions:
        for name, sources in self._per_instance.values.items():
            values = {value for place in _places(elements) for source in sources for value in _drawn(source, place)}
            self._wanted[name] = _pattern(values)
        self._walk(elements, (), b"")
        added = {}
        for tag in self._plan.added:
            rule = self._plan.rules[tag]
            if rule.kind == "project" and find(elements, tag) is None:
                added[tag] = self._answered(rule, ((tag, -1),))
        return Decisions(self._rules, added)

    def _walk(self, elements: Dataset, above: Path, character_set: bytes | memoryview) -> None:
        character_set = character_set_of(elements, character_set)
        creators = _creators(elements, character_set)
        for element in elements:
            path = (*above, (element.tag, -1))
            place = _Place(element, path, _private(element.tag, creators), character_set)
            rule = self._rule(place)
            if rule is not self._plan.rules.get(element.tag) and rule is not None:
                self._rules[id(element)] = rule
                if place.private is not None and rule.action is not Action.REMOVE:
                    self._keep_creator(elements, element.tag, rule)
            if element.items and rule is not None and rule.action not in (Action.REMOVE, Action.EMPTY):
                for index, item in enumerate(element.items):
                    self._walk(item, (*above, (element.tag, index)), character_set)

    def _rule(self, place: _Place) -> Rule | None:
        """Return the rule for an element: that of the strongest line that applies, or the plan's."""
        rule = self._plan.rules.get(place.element.tag)
        for line in self._per_instance.rules:
            if rule is not None and line.rank <= rule.rank:
                break
            if self._meant(line, place):
                stronger = loose_rule_for(
                    line.line, place.element.tag, _vr(place, rule), self._per_instance.names, line.rank
                )
                if stronger is not None:
                    rule = stronger
                    break
        if rule is not None and rule.kind == "project":
            return self._answered(rule, place.path)
        if rule is not None and place.private is not None and _hides_items(place):
            return replace(rule, action=Action.REMOVE)
        return rule

    def _meant(self, line: PerInstanceRule, place: _Place) -> bool:
        selection, tag = line.selection, place.element.tag
        if selection.values:
            pattern = self._wanted[line.values]
            if pattern is None or tag in STRUCTURE or not any(map(pattern.search, place.texts())):
                return False
        elif not (
            (tag in selection.tags and line.line.value and line.line.action == "REMOVE")
            or selection.holds_at(place.path, place.vr, place.private)
        ):
            return False
        if line.line.action == "REMOVE" and line.line.value:
            return self._caller.truth(condition(line.line, self._per_instance.names), line.line.value, place.path)
        return True

    def _answered(self, rule: Rule, path: Path) -> Rule:
        """Return a rule with the value that a function of the project gives."""
        recipe_value = f"func:{rule.value}"
        if rule.action is Action.SHIFT:
            return replace(rule, kind="", value="", days=self._caller.days(rule.value, recipe_value, path))
        value = self._caller.text(rule.value, recipe_value, path)
        if misfit(value, rule.vr):
            raise Quarantine(f"the project's function {rule.value} returned a value that does not fit VR {rule.vr}")
        return replace(rule, kind="literal", value=value)

    def _keep_creator(self, elements: Dataset, tag: int, rule: Rule) -> None:
        """Keep the creator of a private element beside it (PS3.5 7.8.1); it is in the recipe, so it reveals nothing."""
        creator = find(elements, _creator_tag(tag))
        if creator is not None:
            self._rules[id(creator)] = replace(rule, action=Action.KEEP, vr="LO", kind="", value="", days=None)


def _vr(place: _Place, rule: Rule | None) -> str:
    """Return the VR by which a line is read: the dictionary's, or the file's for private attributes."""
    if place.private is not None or rule is None:
        return place.vr
    return rule.vr


def _hides_items(place: _Place) -> bool:
    """Return whether a private element is a sequence that cannot be processed (implicit VR does not tell)."""
    return place.element.items is None and (place.vr == "SQ" or bytes(place.element.value[:4]) == _ITEM)


def _places(elements: Dataset, above: Path = (), character_set: bytes | memoryview = b"") -> Iterator[_Place]:
    """Yield all elements, at every depth."""
    character_set = character_set_of(elements, character_set)
    creators = _creators(elements, character_set)
    for element in elements:
        yield _Place(element, (*above, (element.tag, -1)), _private(element.tag, creators), character_set)
        for index, item in enumerate(element.items or ()):
            yield from _places(item, (*above, (element.tag, index)), character_set)


def _drawn(source: ValueSource, place: _Place) -> list[str]:
    """Return the values that one element adds to a group."""
    selection, tag = source.selection, place.element.tag
    if tag not in selection.tags and not selection.holds_at(place.path, place.vr, place.private):
        return []
    if source.line.action == "FIELD":
        return [text for text in place.texts() if text]
    by, least = split_options(source.line)
    return [part.strip() for text in place.texts() for part in text.split(by) if len(part.strip()) >= least]


def _pattern(values: Collection[str]) -> re.Pattern[str] | None:
    """Return a pattern that finds any of these values, taken literally, in upper and lower case."""
    if not values:
        return None
    ordered = sorted(values, key=lambda value: (-len(value), value))
    parts = (re.escape(v) if len(v) > _SHORT else rf"(?<!\w){re.escape(v)}(?!\w)" for v in ordered)
    return re.compile("|".join(parts), re.IGNORECASE)


def _creators(elements: Dataset, character_set: bytes | memoryview) -> Mapping[int, str]:
    """Return the private creators of a dataset, by tag."""
    return {
        element.tag: decoded(element.value, character_set).strip("\0 ")
        for element in elements
        if element.tag >> 16 & 1 and 0x10 <= element.tag & 0xFFFF <= 0xFF and element.items is None
    }


def _private(tag: int, creators: Mapping[int, str]) -> Private | None:
    """Return how a recipe names this private element; None if it is none, or has no creator."""
    creator = creators.get(_creator_tag(tag), "") if tag >> 16 & 1 and tag & 0xFFFF > 0xFF else ""
    return (tag >> 16, creator, tag & 0xFF) if creator else None


def _creator_tag(tag: int) -> int:
    return tag & 0xFFFF0000 | (tag >> 8 & 0xFF)

"""What the recipes of a site leave open until they see an instance, and its decision.

Which block a private creator reserved, whether a value occurs, what a function of the project answers: none of this is
known when the plan is compiled. `decide` settles it before the engine begins; the engine then only looks it up.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import private_dictionary_VR

from sendit.deidentify.dataset import DATE_VRS, TEXT_VRS, Dataset, Element, Instance, find
from sendit.deidentify.fields import STRUCTURE, Path, Private, Selection
from sendit.deidentify.functions import Caller, FunctionsText, load_functions
from sendit.deidentify.identity import KeyedIdentities
from sendit.deidentify.lines import condition, loose_rule_for, misfit
from sendit.deidentify.plan import Action, Plan, Rule
from sendit.deidentify.recipe import Line, split_options
from sendit.deidentify.recipe_filter import Label, check_filters
from sendit.deidentify.text import decoded
from sendit.deidentify.values import VARIABLES, Subject
from sendit.errors import Quarantine

_CHARACTER_SET = 0x00080005
#: Attributes of these VRs can hold a value of a %values group. A number of Rows that equals a PatientID is none.
_SEARCHED = TEXT_VRS | DATE_VRS | {"AS", "CS", "DS", "IS", "UI"}
_SHORT = 2  # a value of so few characters is looked for as a whole word: 7 stands in every UID
_ITEM = b"\xfe\xff\x00\xe0"


@dataclass(frozen=True, slots=True)
class ValueSource:
    """A line of a %values group: where values come from."""

    line: Line
    selection: Selection


@dataclass(frozen=True, slots=True)
class OpenLine:
    """A line of which only the file can tell what it means."""

    line: Line
    selection: Selection
    rank: tuple[int, int, int]
    values: str = ""  # the key of its group in Site.values


@dataclass(frozen=True)
class Site:
    """All that is left open. Can be pickled."""

    lines: tuple[OpenLine, ...]  # the strongest first
    values: Mapping[str, tuple[ValueSource, ...]]  # "RECIPE NAME" → where its values come from
    filters: tuple[Label, ...]
    functions: FunctionsText | None

    def content(self) -> Mapping[str, Any]:
        """For the digest of a plan. What a line means follows from its text."""
        return {
            "lines": [(*line.rank, line.line.action, line.line.field, line.line.value) for line in self.lines],
            "selections": [_plain(line.selection) for line in self.lines],
            "values": {
                name: [(source.line.action, source.line.field, source.line.value) for source in sources]
                for name, sources in self.values.items()
            },
            "filters": [asdict(label) for label in self.filters],
            "functions": self.functions.text if self.functions else None,
        }

    def possible(self) -> Iterator[Rule]:
        """Rules for attributes of the standard that the lines may lead to."""
        for line in self.lines:
            for tag in (*line.selection.tags, *(path[-1][0] for path in line.selection.paths)):
                rule = loose_rule_for(line.line, tag, DicomDictionary[tag][0], self.names, line.rank)
                if rule is not None:
                    yield rule

    def may_keep(self, tags: Collection[int]) -> bool:
        """Whether one of these attributes may stay somewhere as it is."""
        return any(
            line.line.action == "KEEP" and path[-1][0] in tags for line in self.lines for path in line.selection.paths
        )

    def literals(self) -> set[str]:
        """The texts that the lines write."""
        return {line.line.value for line in self.lines if line.line.action == "REPLACE" and ":" not in line.line.value}

    @cached_property
    def names(self) -> Any:
        """The functions of the project: loaded in each process, never pickled."""
        return load_functions(self.functions)

    def __reduce__(self) -> tuple[type[Site], tuple[object, ...]]:
        return (Site, (self.lines, dict(self.values), self.filters, self.functions))


def _plain(selection: Selection) -> list[Any]:
    found = (sorted(selection.tags), sorted(selection.varying), sorted(selection.private), sorted(selection.paths))
    return [*found, selection.values]


@dataclass(frozen=True, slots=True)
class Decisions:
    """What holds for single elements in place of the plan's rules."""

    rules: Mapping[int, Rule]  # by the id() of the element
    added: Mapping[int, Rule]  # by tag: what ADD makes, where a function of the project says what

    def rule(self, element: Element, plan: Plan) -> Rule | None:
        """The rule for an element of the instance; None: it goes."""
        return self.rules.get(id(element)) or plan.rules.get(element.tag)


_NOTHING = Decisions(MappingProxyType({}), MappingProxyType({}))


def decide(
    plan: Plan, instance: Instance, file: memoryview, subject: Subject, identities: KeyedIdentities
) -> Decisions:
    """Settle what the recipes left open, for one instance.

    Raises:
        Reject: a filter of a recipe does not let it pass.
        Quarantine: a function of the project failed.
    """
    if plan.site is None:
        return _NOTHING
    check_filters(plan.site.filters, instance.elements, instance.syntax.encoding, plan.clean_pixels)
    coded = lambda: {name: v.value(subject, identities) for name, v in VARIABLES.items()}  # noqa: E731
    return _Deciding(plan, plan.site, Caller(plan.site.names, file, coded)).decide(instance.elements)


@dataclass(frozen=True, slots=True)
class _Place:
    """An element where it stands."""

    element: Element
    path: Path
    private: Private | None
    character_set: bytes | memoryview

    @property
    def vr(self) -> str:
        """Of the file; where it does not tell, of the dictionary, or of pydicom's list of private attributes."""
        if self.element.vr != "UN":
            return self.element.vr
        if self.private is None:
            return DicomDictionary[self.element.tag][0] if self.element.tag in DicomDictionary else "UN"
        try:
            return private_dictionary_VR(self.element.tag, self.private[1])
        except KeyError:
            return "UN"

    def texts(self) -> list[str]:
        """Its values as text; none where it holds no text."""
        if self.element.items is not None or self.vr not in _SEARCHED:
            return []
        text = decoded(self.element.value, self.character_set).strip("\0 ")
        return [single.strip() for single in text.split("\\")] if text else []


class _Deciding:
    """One instance on its way through the lines left open."""

    def __init__(self, plan: Plan, site: Site, caller: Caller) -> None:
        self._plan, self._site, self._caller = plan, site, caller
        self._rules: dict[int, Rule] = {}
        self._wanted: dict[str, re.Pattern[str] | None] = {}

    def decide(self, elements: Dataset) -> Decisions:
        for name, sources in self._site.values.items():
            found = {value for place in _places(elements) for source in sources for value in _drawn(source, place)}
            self._wanted[name] = _pattern(found)
        self._walk(elements, (), b"")
        added = {}
        for tag in self._plan.added:
            rule = self._plan.rules[tag]
            if rule.kind == "project" and find(elements, tag) is None:
                added[tag] = self._answered(rule, ((tag, -1),))
        return Decisions(self._rules, added)

    def _walk(self, elements: Dataset, above: Path, character_set: bytes | memoryview) -> None:
        character_set = _character_set(elements, character_set)
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
        """What decides about an element: the strongest line that means it, or the plan's rule."""
        rule = self._plan.rules.get(place.element.tag)
        for line in self._site.lines:
            if rule is not None and line.rank <= rule.rank:
                break
            if self._meant(line, place):
                found = loose_rule_for(line.line, place.element.tag, _vr(place, rule), self._site.names, line.rank)
                if found is not None:
                    rule = found
                    break
        if rule is not None and rule.kind == "project":
            return self._answered(rule, place.path)
        if rule is not None and place.private is not None and _hides_items(place):
            return replace(rule, action=Action.REMOVE)
        return rule

    def _meant(self, line: OpenLine, place: _Place) -> bool:
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
            return self._caller.truth(condition(line.line, self._site.names), line.line.value, place.path)
        return True

    def _answered(self, rule: Rule, path: Path) -> Rule:
        """A rule whose value a function of the project's gives, with that value."""
        said = f"func:{rule.value}"
        if rule.action is Action.SHIFT:
            return replace(rule, kind="", value="", days=self._caller.days(rule.value, said, path))
        value = self._caller.text(rule.value, said, path)
        if misfit(value, rule.vr):
            raise Quarantine(f"the project's function {rule.value} gave a value that does not fit VR {rule.vr}")
        return replace(rule, kind="literal", value=value)

    def _keep_creator(self, elements: Dataset, tag: int, rule: Rule) -> None:
        """A private element needs its creator beside it (PS3.5 7.8.1); the recipe names it, so it says nothing new."""
        creator = find(elements, _creator_tag(tag))
        if creator is not None:
            self._rules[id(creator)] = replace(rule, action=Action.KEEP, vr="LO", kind="", value="", days=None)


def _vr(place: _Place, rule: Rule | None) -> str:
    """The VR by which a line is read: the dictionary's, of private attributes the file's."""
    if place.private is not None or rule is None:
        return place.vr
    return rule.vr


def _hides_items(place: _Place) -> bool:
    """Whether a private element is a sequence that could not be gone through (implicit VR does not tell)."""
    return place.element.items is None and (place.vr == "SQ" or bytes(place.element.value[:4]) == _ITEM)


def _places(elements: Dataset, above: Path = (), character_set: bytes | memoryview = b"") -> Iterator[_Place]:
    """All elements, at every depth."""
    character_set = _character_set(elements, character_set)
    creators = _creators(elements, character_set)
    for element in elements:
        yield _Place(element, (*above, (element.tag, -1)), _private(element.tag, creators), character_set)
        for index, item in enumerate(element.items or ()):
            yield from _places(item, (*above, (element.tag, index)), character_set)


def _drawn(source: ValueSource, place: _Place) -> list[str]:
    """The values that one element gives to a group."""
    selection, tag = source.selection, place.element.tag
    if tag not in selection.tags and not selection.holds_at(place.path, place.vr, place.private):
        return []
    if source.line.action == "FIELD":
        return [text for text in place.texts() if text]
    by, least = split_options(source.line)
    return [part.strip() for text in place.texts() for part in text.split(by) if len(part.strip()) >= least]


def _pattern(values: Collection[str]) -> re.Pattern[str] | None:
    """Finds any of these values, whatever characters they are made of, in upper and lower case."""
    if not values:
        return None
    ordered = sorted(values, key=lambda value: (-len(value), value))
    parts = (re.escape(v) if len(v) > _SHORT else rf"(?<!\w){re.escape(v)}(?!\w)" for v in ordered)
    return re.compile("|".join(parts), re.IGNORECASE)


def _character_set(elements: Dataset, inherited: bytes | memoryview) -> bytes | memoryview:
    found = find(elements, _CHARACTER_SET)
    return inherited if found is None or found.items is not None else found.value


def _creators(elements: Dataset, character_set: bytes | memoryview) -> Mapping[int, str]:
    """The private creators of a dataset, by their tags."""
    return {
        element.tag: decoded(element.value, character_set).strip("\0 ")
        for element in elements
        if element.tag >> 16 & 1 and 0x10 <= element.tag & 0xFFFF <= 0xFF and element.items is None
    }


def _private(tag: int, creators: Mapping[int, str]) -> Private | None:
    """How a recipe names this private element; None if it is none, or has no creator."""
    creator = creators.get(_creator_tag(tag), "") if tag >> 16 & 1 and tag & 0xFFFF > 0xFF else ""
    return (tag >> 16, creator, tag & 0xFF) if creator else None


def _creator_tag(tag: int) -> int:
    return tag & 0xFFFF0000 | (tag >> 8 & 0xFF)

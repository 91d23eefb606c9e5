"""Attributes that an IOD requires (types 1 and 2, PS3.5 7.4) although the profile removes them.

PS3.15 E.1.1 requires the output to be a valid instance of its SOP class. If Table E.1-1 says X without a form for an
IOD that requires the attribute, or if an attribute outside of the table is removed because it can hold text, a dummy
or an empty value replaces it. `tables/required.csv` lists them; scripts/required.py derives it from PS3.3.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify.dicom.dataset import find
from sendit.deidentify.plan import Action, Rule
from sendit.deidentify.replacements import DUMMIES
from sendit.deidentify.tables import table_rows, tag_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendit.deidentify.dicom.dataset import Dataset, Element

_STORAGE = "1.2.840.10008.5.1.4."
#: SendIt does not look for faces, so an original's NO does not stay; where the IOD demands a word, they may be there.
_FACES, _MAY_BE = 0x00280302, "YES"
#: Images of the inside of a vessel, of which the standard allows only that there is none (PS3.3 C.8.27.3).
_WITHOUT_FACES, _NONE = frozenset({"1.1.14.1", "1.1.14.2"}), "NO"
#: Attributes that may stand only beside a value of one of others (type 1C), which the profile removes or empties.
_BESIDE: Mapping[str, tuple[str, ...]] = {
    "ResponsiblePersonRole": ("ResponsiblePerson",),
    "PatientAlternativeCalendar": ("PatientBirthDateInAlternativeCalendar", "PatientDeathDateInAlternativeCalendar"),
    "FontNameType": ("FontName",),
    "ClinicalTrialProtocolEthicsCommitteeName": ("ClinicalTrialProtocolEthicsCommitteeApprovalNumber",),
}
#: Of these, only the table's dummy value goes: an option retains the name of a committee on purpose.
_DUMMIES_BESIDE = frozenset(["ClinicalTrialProtocolEthicsCommitteeName"])
#: Of an animal, these are required, if only empty (type 2C): whom it belongs to.
_ANIMALS = ("PatientSpeciesDescription", "PatientSpeciesCodeSequence")
_OWNERS = ("ResponsiblePerson", "ResponsibleOrganization")


@cache
def required_attributes(sop_class_uid: str, *, animal: bool = False) -> Mapping[tuple[int, int], Action]:
    """Return DUMMY or EMPTY by (tag of the enclosing sequence, or 0; tag); KEEP for a NO of faces."""
    short = sop_class_uid.removeprefix(_STORAGE)
    found = {place: form for place, form, classes in _table() if not classes or short in classes}
    if short in _WITHOUT_FACES:
        found[0, _FACES] = Action.KEEP
    return found | {(0, _tag(keyword)): Action.EMPTY for keyword in _OWNERS if animal}


def is_animal(elements: Dataset) -> bool:
    """Return whether a dataset names the species of its patient."""
    return any(find(elements, _tag(keyword)) is not None for keyword in _ANIMALS)


def without_orphans(cleaned: Dataset, original: Dataset) -> Dataset:
    """Return a cleaned dataset without what says more about a value that the original has, and it has no more."""
    beside = _beside()
    there = [element.tag for element in cleaned if element.tag in beside and _may_go(element)]
    gone = {
        tag
        for tag in there
        if any(_has_value(original, other) for other in beside[tag])
        and not any(_has_value(cleaned, other) for other in beside[tag])
    }
    return [element for element in cleaned if element.tag not in gone] if gone else cleaned


def _may_go(element: Element) -> bool:
    """Return whether an attribute goes without the other; of some, a value that an option retains stays."""
    always = DicomDictionary[element.tag][4] not in _DUMMIES_BESIDE
    return always or bytes(element.value).strip() == DUMMIES[element.vr].strip()


def _has_value(elements: Dataset, tag: int) -> bool:
    element = find(elements, tag)
    return element is not None and bool(element.items or bytes(element.value).strip(b"\0 "))


@cache
def _beside() -> Mapping[int, tuple[int, ...]]:
    return {_tag(keyword): tuple(map(_tag, others)) for keyword, others in _BESIDE.items()}


@lru_cache(maxsize=1024)
def required_rule(rule: Rule | None, tag: int, form: Action) -> Rule:
    """Return the rule for an attribute that must remain in some form; a recipe's rule stands."""
    if tag == _FACES and (rule is None or not rule.origin.startswith("recipe")):
        word = _NONE if form is Action.KEEP else _MAY_BE
        return Rule(Action.SET, DicomDictionary[tag][0], value=word, kind="literal", origin="allowlist")
    if rule is None:
        return Rule(form, DicomDictionary[tag][0])
    if rule.origin.startswith("recipe"):
        return rule
    if rule.action in (Action.REMOVE, Action.EMPTY):
        return replace(rule, action=form)
    return rule if rule.fallback is Action.ACCESSION else replace(rule, fallback=form)


@cache
def _table() -> tuple[tuple[tuple[int, int], Action, frozenset[str]], ...]:
    return tuple(
        (
            (_tag(row["in"]), _tag(row["attribute"])),
            Action(row["form"]),
            frozenset() if row["sop_classes"] == "*" else frozenset(row["sop_classes"].split()),
        )
        for row in table_rows("required.csv")
    )


def _tag(keyword: str) -> int:
    return 0 if keyword == "-" else tag_of(keyword, "required.csv")

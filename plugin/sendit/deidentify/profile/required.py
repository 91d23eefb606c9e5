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

from sendit.deidentify.plan import Action, Rule
from sendit.deidentify.tables import table_rows, tag_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_STORAGE = "1.2.840.10008.5.1.4."
#: SendIt does not look for faces, so an original's NO does not stay; where the IOD demands a word, they may be there.
_FACES, _MAY_BE = 0x00280302, "YES"


@cache
def required_attributes(sop_class_uid: str) -> Mapping[tuple[int, int], Action]:
    """Return DUMMY or EMPTY by (tag of the enclosing sequence, or 0; tag)."""
    short = sop_class_uid.removeprefix(_STORAGE)
    return {place: form for place, form, classes in _table() if not classes or short in classes}


@lru_cache(maxsize=1024)
def required_rule(rule: Rule | None, tag: int, form: Action) -> Rule:
    """Return the rule for an attribute that must remain in some form; a recipe's rule stands."""
    if tag == _FACES and (rule is None or not rule.origin.startswith("recipe")):
        return Rule(Action.SET, DicomDictionary[tag][0], value=_MAY_BE, kind="literal", origin="allowlist")
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

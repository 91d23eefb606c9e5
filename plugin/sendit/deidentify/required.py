"""Attributes that an IOD demands (types 1 and 2, PS3.5 7.4) although the profile takes them out.

PS3.15 E.1.1 wants the output to be a valid instance of its SOP class. Where Table E.1-1 says X and has no form for an
IOD that demands the attribute, or where the attribute is none of the table's and goes because it can carry text, a
dummy or an empty value stands in its place. `tables/required.csv` names them; scripts/required.py makes it of PS3.3.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from importlib.resources import files

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import tag_for_keyword

from sendit.deidentify.plan import Action, Rule

_STORAGE = "1.2.840.10008.5.1.4."


@cache
def demanded(sop_class_uid: str) -> Mapping[tuple[int, int], Action]:
    """Tag of the sequence that it stands in (0: none), tag → DUMMY or EMPTY."""
    short = sop_class_uid.removeprefix(_STORAGE)
    return {place: form for place, form, classes in _table() if not classes or short in classes}


@lru_cache(maxsize=1024)
def strengthened(rule: Rule | None, tag: int, form: Action) -> Rule:
    """The rule for an attribute that has to stay in some form; a recipe's word stands."""
    if rule is None:
        return Rule(form, DicomDictionary[tag][0])
    if rule.origin.startswith("recipe"):
        return rule
    if rule.action in (Action.REMOVE, Action.EMPTY):
        return replace(rule, action=form)
    return replace(rule, fallback=form)


@cache
def _table() -> tuple[tuple[tuple[int, int], Action, frozenset[str]], ...]:
    text = (files("sendit.deidentify") / "tables" / "required.csv").read_text("utf-8")
    return tuple(
        (
            (_tag(row["in"]), _tag(row["attribute"])),
            Action(row["form"]),
            frozenset() if row["sop_classes"] == "*" else frozenset(row["sop_classes"].split()),
        )
        for row in csv.DictReader(text.splitlines())
    )


def _tag(keyword: str) -> int:
    tag = 0 if keyword == "-" else tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(f"required.csv: {keyword} is no keyword of DICOM")
    return int(tag)

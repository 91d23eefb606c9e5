"""Which attributes scale, order or locate pixels.

`tables/telling_attributes.csv` lists those of the standard and of vendors that are known to be read, and the entries of
Siemens' CSA header, with the values that matter (a slope of 1 does not) and the attributes that are equivalent
(`group`). Of all other private attributes the name counts that a vendor's list or pydicom's dictionary gives them:
`tables/telling_names.csv`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from sendit.deidentify.profile.private import TELLING_ROLES, PrivateTag, dictionary_entry, listed_attribute, read_tag
from sendit.deidentify.retained.private_values import SAMPLES
from sendit.deidentify.tables import table_rows, tag_of

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Before an entry of the CSA header.
CSA = "CSA "
#: The conditions on values, which lost_meaning.py checks.
MATTERS = frozenset(
    ["any", "date", "differ", "mosaic", "not 0", "not 1", "positive", "many", "GE b-value", "slice order"]
)
_NOTHING = "-"
#: Role of the attribute in a vendor's list → the group of attributes that say the same.
_GROUPS = {"locate": "ImagePositionPatient", "order": "ImagePositionPatient", "diffusion": "diffusion direction"}
#: Private groups from this one on hold what is too large for a header: frames, volumes, raw data.
_BULK_GROUP, _BULK = 0x7E01, 4096


@dataclass(frozen=True, slots=True)
class TellingAttribute:
    """One row of the table, or what the name of a private attribute says."""

    attribute: str  # keyword, (gggg,"CREATOR",ee), or "CSA NAME" ("CSA *": all entries of one that is unreadable)
    name: str
    group: str
    matters: str
    contexts: tuple[str, ...]
    meaning: str

    @property
    def source(self) -> str:
        """Return the source: attributes of one creator belong together (the three components of a vector)."""
        return self.attribute.rpartition(",")[0] if self.attribute.startswith("(") else self.attribute


@dataclass(frozen=True, slots=True)
class _Name:
    pattern: re.Pattern[str]
    group: str
    matters: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The rows of the table by what they are found with."""

    standard: Mapping[int, TellingAttribute]
    private: Mapping[PrivateTag, TellingAttribute]
    csa: Mapping[str, TellingAttribute]


@cache
def telling_attributes() -> tuple[TellingAttribute, ...]:
    """Return the table."""
    attributes = []
    for row in table_rows("telling_attributes.csv"):
        name = row["name"] or row["attribute"]
        group = row["group"] or row["attribute"]
        _check("telling_attributes.csv", row["matters"])
        attributes.append(
            TellingAttribute(
                row["attribute"], name, group, row["matters"], tuple(row["context"].split()), row["meaning"]
            )
        )
    return tuple(attributes)


@cache
def keys() -> Keys:
    """Return the rows of the table by tag, private tag and name of the entry."""
    standard, private, entries = {}, {}, {}
    for one in telling_attributes():
        if one.attribute.startswith("("):
            private[read_tag(one.attribute)] = one
        elif one.attribute.startswith(CSA):
            entries[one.attribute.removeprefix(CSA)] = one
        else:
            standard[tag_of(one.attribute, "telling_attributes.csv")] = one
    return Keys(standard, private, entries)


@lru_cache(maxsize=4096)
def telling_private(tag: PrivateTag) -> TellingAttribute | None:
    """Return what a private attribute says about the pixels, by the table or by its name; None if nothing."""
    group, creator, element = tag
    found = keys().private.get(tag)
    if found is not None:
        return found
    listed, (_, known_name) = listed_attribute(tag), dictionary_entry(tag)
    name = listed.name if listed is not None else known_name
    if not name or (listed is not None and listed.form not in ("", SAMPLES)):  # blocks are written anew
        return None
    attribute = f'({group:04X},"{creator}",{element:02X})'
    says = next((one for one in _names() if one.pattern.search(name)), None)
    if says is None:
        if listed is None or listed.role not in TELLING_ROLES:
            return None
        group_of_role = _GROUPS.get(listed.role, attribute)
        return TellingAttribute(attribute, f"{creator} {name}", group_of_role, "any", (), "as the vendor's list says")
    if says.group == _NOTHING:
        return None
    return TellingAttribute(attribute, f"{creator} {name}", says.group or attribute, says.matters, (), says.meaning)


def bulk_of(tag: PrivateTag, length: int) -> TellingAttribute | None:
    """Return what many bytes in a private group for such data are; None for others. An unknown creator is not named."""
    if tag[0] < _BULK_GROUP or length < _BULK:
        return None
    group, creator, element = tag
    known = any(dictionary_entry(tag)) or listed_attribute(tag) is not None
    name = f"{creator if known else 'unknown'} ({group:04X},xx{element:02X}), large data of a private attribute"
    attribute = f'({group:04X},"{creator}",{element:02X})'
    return TellingAttribute(attribute, name, attribute, "any", (), "frames, volumes or raw data in a private attribute")


@cache
def _names() -> tuple[_Name, ...]:
    names = []
    for row in table_rows("telling_names.csv"):
        _check("telling_names.csv", row["matters"])
        names.append(_Name(re.compile(row["pattern"], re.IGNORECASE), row["group"], row["matters"], row["meaning"]))
    return tuple(names)


def _check(table: str, matters: str) -> None:
    if matters not in MATTERS:
        raise LookupError(f"{table}: {matters} is no condition")

"""Resolve the selector of a recipe line: attributes by keyword, tag, pattern, path, private creator, or value.

deid resolves selectors for each file; SendIt resolves them once, against the DICOM dictionary, so that a selector that
can never match is found when the recipe is read. Whatever depends on the file (the VR of an attribute with several, the
block of a private creator, whether a value occurs) is left open in the Selection.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import tag_for_keyword

from sendit.deidentify.dicom.dataset import LONG_VRS, SHORT_VRS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

_TAG = re.compile(r"\(?([0-9a-fA-F]{4}),? ?([0-9a-fA-F]{4})\)?")
_PRIVATE = re.compile(r"""\(?([0-9a-fA-F]{4}),\s*(["'])(.{1,64}?)\2,\s*([0-9a-fA-F]{2})\)?""")
_PATTERNS = ("startswith", "endswith", "contains", "except")
_KINDS = (*_PATTERNS, "select", "fields", "values")
_EVERYTHING = ("all", "allfields")
_ANY_ITEM = -1

#: Patterns never match them: without them, or with another value, the file would not be a DICOM object.
#: (SpecificCharacterSet, SOPClassUID, SOPInstanceUID, StudyInstanceUID, SeriesInstanceUID)
STRUCTURE = frozenset({0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E})

#: From the top of the dataset: the sequences with the numbers of their items, then the attribute itself.
Path = tuple[tuple[int, int], ...]
#: Group, creator, and the last byte of the element's number (PS3.5 7.8.1).
Private = tuple[int, str, int]


class UnknownSelector(ValueError):
    """The selector matches nothing; the text says why, and what to write instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Selection:
    """The attributes that a selector means."""

    tags: frozenset[int] = frozenset()  # at any depth
    varying: frozenset[tuple[int, str]] = frozenset()  # those to which the file gives this VR
    private: frozenset[Private] = frozenset()
    paths: frozenset[Path] = frozenset()
    values: str = ""  # attributes that contain a value of this %values group
    several: bool = True  # a pattern or a group: what does not fit is skipped

    def __or__(self, other: Selection) -> Selection:
        sets = (self.tags | other.tags, self.varying | other.varying, self.private | other.private)
        return Selection(*sets, self.paths | other.paths)

    @property
    def of_the_file(self) -> bool:
        """Return whether some of it depends on the file."""
        return bool(self.varying or self.private or self.paths or self.values)

    def holds_at(self, path: Path, vr: str, private: Private | None) -> bool:
        """Return whether an element is meant, as far as only the file can tell (values apart)."""
        if private is not None:
            return private in self.private
        if any((path[-1][0], choice) in self.varying for choice in vr.split(" or ")):
            return True
        return any(_leads(selected, path) for selected in self.paths)


def _leads(selected: Path, path: Path) -> bool:
    return len(selected) == len(path) and all(
        tag == other and item in (_ANY_ITEM, index) for (tag, item), (other, index) in zip(selected, path, strict=True)
    )


def nearest(word: str, names: Iterable[str]) -> str:
    """Return "Did you mean …?" or, if nothing is similar, all names of a short list."""
    by_case = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word.lower(), by_case, n=1, cutoff=0.7)
    if near:
        return f"Did you mean {by_case[near[0]]}?"
    return f"Known: {', '.join(by_case.values())}." if by_case else "There is none."


def resolve(field: str, groups: Mapping[str, Selection] | None = None, values: Collection[str] = ()) -> Selection:
    """Return which attributes a selector means.

    Args:
        field: the selector as the line has it.
        groups: the %fields groups of the recipe.
        values: the names of its %values groups.

    Raises:
        UnknownSelector: it matches nothing.
    """
    if field.lower() in _EVERYTHING:
        return Selection(frozenset(_attributes().keys() - STRUCTURE))
    if "__" in field and '"' not in field:
        return Selection(paths=frozenset({_path(field)}), several=False)
    if _PRIVATE.fullmatch(field):
        return Selection(private=frozenset({_private(field)}), several=False)
    kind, colon, expression = field.partition(":")
    if not colon or '"' in kind:
        return Selection(frozenset({resolve_one(field)}), several=False)
    kind = kind.lower()
    if kind not in _KINDS:
        raise UnknownSelector(f"there is no '{kind}:'", nearest(f"{kind}:", ("ALL", *(f"{name}:" for name in _KINDS))))
    if not expression:
        raise UnknownSelector(f"'{kind}:' needs a text", f"Write for example {_EXAMPLES.get(kind, kind + ':Date')}.")
    if kind == "select":
        return _select(expression)
    if kind in ("fields", "values"):
        groups_of_kind: Collection[str] = (groups or {}) if kind == "fields" else values
        if expression not in groups_of_kind:
            raise UnknownSelector(f"the recipe has no group %{kind} {expression}", nearest(expression, groups_of_kind))
        return (groups or {})[expression] if kind == "fields" else Selection(values=expression)
    return _resolve_pattern(kind, expression)


_EXAMPLES = {"select": "select:VR:PN", "fields": "fields:NAME", "values": "values:NAME"}


def resolve_one(field: str) -> int:
    """Return the tag of one attribute of the standard.

    Raises:
        UnknownSelector: it is not an attribute of the standard.
    """
    match = _TAG.fullmatch(field)
    if match is None:
        tag = _keywords().get(field.lower())
        if (tag_for_keyword(field) or 0) >> 16 == 0x0002:
            raise UnknownSelector("SendIt always writes the file meta information itself", "Remove the line.")
        if tag is None:
            near = nearest(field, (names[0] for names in _attributes().values()))
            remedy = near if near.startswith("Did") else "Write its keyword, or its tag as (gggg,eeee)."
            raise UnknownSelector(f"'{field}' is not a DICOM attribute", remedy)
        return tag
    tag = int(match[1] + match[2], 16)
    if tag >> 16 & 1:
        remedy = 'Write (gggg,"CREATOR",ee): which block a creator gets differs from file to file.'
        raise UnknownSelector("a private attribute is named by its creator", remedy)
    if tag >> 16 == 0x0002:
        raise UnknownSelector("SendIt always writes the file meta information itself", "Remove the line.")
    if tag >> 16 < 0x0008 or tag not in DicomDictionary:
        raise UnknownSelector(
            f"{field} is not an attribute of a DICOM dataset, or is always removed", "Remove the line."
        )
    return tag


def _private(field: str) -> Private:
    match = _PRIVATE.fullmatch(field)
    assert match is not None
    group = int(match[1], 16)
    if not group & 1 or group < 0x0009:
        raise UnknownSelector(f"the group {match[1]} is not private", "Private groups are odd, and 0009 or more.")
    return group, match[3].strip(), int(match[4], 16)


def _path(field: str) -> Path:
    """Return nested attributes as deid names them: Sequence__Child, or (gggg,eeee)__ITEM__(gggg,eeee)."""
    parts: list[tuple[int, int]] = []
    for word in field.split("__"):
        if re.fullmatch(r"\d{1,6}", word) and parts:
            parts[-1] = (parts[-1][0], int(word))
        else:
            parts.append((resolve_one(word), _ANY_ITEM))
    if len(parts) < 2 or any(DicomDictionary[tag][0] != "SQ" for tag, _ in parts[:-1]) or parts[-1][1] != _ANY_ITEM:
        remedy = "Write Sequence__Attribute, with a number of an item between them if only that one is meant."
        raise UnknownSelector(f"'{field}' is not a path through sequences to an attribute", remedy)
    return tuple(parts)


def _select(expression: str) -> Selection:
    """Resolve select:VR:PN and select:GROUP:0010, in upper and lower case."""
    kind, colon, argument = expression.partition(":")
    if kind.upper() not in ("VR", "GROUP") or not colon:
        raise UnknownSelector(
            f"there is no 'select:{kind}:'", nearest(f"select:{kind}:", ("select:VR:", "select:GROUP:"))
        )
    if kind.upper() == "VR":
        vr = argument.upper()
        if vr not in LONG_VRS | SHORT_VRS:
            raise UnknownSelector(
                f"'{argument}' is not a value representation", nearest(argument, LONG_VRS | SHORT_VRS)
            )
        by_vr = {tag: DicomDictionary[tag][0].split(" or ") for tag in _attributes().keys() - STRUCTURE}
        return Selection(
            frozenset(tag for tag, choices in by_vr.items() if choices == [vr]),
            frozenset((tag, vr) for tag, choices in by_vr.items() if len(choices) > 1 and vr in choices),
        )
    if not re.fullmatch(r"(?:0x)?[0-9a-fA-F]{1,4}", argument):
        raise UnknownSelector(
            f"'{argument}' is not a group", "Write its hexadecimal number, for example select:GROUP:0010."
        )
    group = int(argument, 16)
    tags = frozenset(tag for tag in _attributes().keys() - STRUCTURE if tag >> 16 == group)
    if not tags:
        raise UnknownSelector(f"no DICOM attribute is in group {argument}", "Correct it.")
    return Selection(tags)


def _resolve_pattern(kind: str, expression: str) -> Selection:
    """Resolve a pattern as deid does: a regular expression, searched for in keyword, name and tag, ignoring case."""
    if '"' in expression:
        remedy = "Name it without a pattern, or put several into a %fields group."
        raise UnknownSelector("a pattern cannot select private attributes", remedy)
    anchored = {"startswith": f"^({expression})", "endswith": f"({expression})$"}.get(kind, expression)
    try:
        pattern = re.compile(anchored, re.IGNORECASE)
    except re.error as error:
        raise UnknownSelector(f"'{expression}' is not a regular expression ({error.msg})", "Correct it.") from None
    matches: Callable[[tuple[str, ...]], bool] = lambda names: any(map(pattern.search, names))  # noqa: E731
    tags = {tag for tag, names in _attributes().items() if matches(names) is not (kind == "except")} - STRUCTURE
    if not tags:
        raise UnknownSelector(f"no DICOM attribute matches '{kind}:{expression}'", "Correct it.")
    return Selection(frozenset(tags))


@cache
def _attributes() -> Mapping[int, tuple[str, ...]]:
    """Return every attribute that a dataset may hold: keyword, name, and the tag in two notations."""
    return {
        tag: (keyword, name, f"({tag >> 16:04X},{tag & 0xFFFF:04X})", f"{tag:08X}")
        for tag, (vr, _, name, _, keyword) in DicomDictionary.items()
        if 0x0008 <= tag >> 16 < 0xFFFA and keyword and vr != "NONE"
    }


@cache
def _keywords() -> Mapping[str, int]:
    return {names[0].lower(): tag for tag, names in _attributes().items()}

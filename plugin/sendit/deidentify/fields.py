"""Which attributes the field of a recipe's line means: one by keyword or tag, or all that a pattern fits.

deid looks while it works on a file; SendIt looks once, through the attributes of the DICOM dictionary, so that a field
that can never mean anything is found when the recipe is read. Private attributes never stay, so no line reaches them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

from pydicom._dicom_dict import DicomDictionary

_TAG = re.compile(r"\(?([0-9a-fA-F]{4}),? ?([0-9a-fA-F]{4})\)?")
_PRIVATE = re.compile(r"\(?[0-9a-fA-F]{4},\s*[\"']")
_PATTERNS = ("startswith", "endswith", "contains", "except")
_NOT_YET = ("select", "fields", "values")

#: A pattern never reaches them: without them, or with another value, the file would be no DICOM object any more.
#: (SpecificCharacterSet, SOPClassUID, SOPInstanceUID, StudyInstanceUID, SeriesInstanceUID)
STRUCTURE = frozenset({0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E})


class UnknownField(ValueError):
    """The field means nothing; the text says why, and what to write instead."""

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.cure = cure


def is_pattern(field: str) -> bool:
    """Whether the field may mean several attributes."""
    return field.lower() in ("all", "allfields") or field.partition(":")[0].lower() in _PATTERNS


def resolve(field: str) -> list[int]:
    """The tags that a field means, ascending.

    Raises:
        UnknownField: it means none.
    """
    if field.lower() in ("all", "allfields"):
        return sorted(_attributes().keys() - STRUCTURE)
    kind, colon, expression = field.partition(":")
    if colon and kind.lower() in _PATTERNS:
        return _resolve_pattern(kind.lower(), expression)
    if _PRIVATE.match(field):
        raise UnknownField("private attributes are always removed in this version", "Remove the line.")
    if colon and kind.lower() in _NOT_YET:
        raise UnknownField(f"'{kind}:' is not available in this version", "Name the attributes one by one.")
    if colon:
        raise UnknownField(f"there is no '{kind}:'", f"Known: ALL, {', '.join(f'{p}:' for p in _PATTERNS)}.")
    return [_resolve_one(field)]


def _resolve_one(field: str) -> int:
    match = _TAG.fullmatch(field)
    if match is None:
        tag = _keywords().get(field.lower())
        if tag is None:
            raise UnknownField(f"'{field}' is no attribute of DICOM", "Write its keyword, or its tag as (gggg,eeee).")
        return tag
    tag = int(match[1] + match[2], 16)
    if tag >> 16 & 1:
        raise UnknownField("private attributes are always removed in this version", "Remove the line.")
    if tag >> 16 == 0x0002:
        raise UnknownField("the file meta information is always made anew", "Remove the line.")
    if tag >> 16 < 0x0008 or tag not in DicomDictionary:
        raise UnknownField(f"{field} is no attribute of a DICOM dataset, or one that always goes", "Remove the line.")
    return tag


def _resolve_pattern(kind: str, expression: str) -> list[int]:
    """As deid does: a regular expression, looked for in keyword, name and tag, upper and lower case alike."""
    anchored = {"startswith": f"^({expression})", "endswith": f"({expression})$"}.get(kind, expression)
    try:
        pattern = re.compile(anchored, re.IGNORECASE)
    except re.error as error:
        raise UnknownField(f"'{expression}' is no regular expression ({error.msg})", "Correct it.") from None
    if not expression:
        raise UnknownField(f"'{kind}:' without a text", f"Write for example {kind}:Date.")
    wanted: Callable[[tuple[str, ...]], bool] = lambda names: any(map(pattern.search, names))  # noqa: E731
    found = sorted(tag for tag, names in _attributes().items() if wanted(names) is not (kind == "except"))
    found = [tag for tag in found if tag not in STRUCTURE]
    if not found:
        raise UnknownField(f"no attribute of DICOM fits '{kind}:{expression}'", "Correct it.")
    return found


@cache
def _attributes() -> Mapping[int, tuple[str, ...]]:
    """Every attribute that a dataset may hold: keyword, name, and the tag in two notations."""
    return {
        tag: (keyword, name, f"({tag >> 16:04X},{tag & 0xFFFF:04X})", f"{tag:08X}")
        for tag, (vr, _, name, _, keyword) in DicomDictionary.items()
        if 0x0008 <= tag >> 16 < 0xFFFA and keyword and vr != "NONE"
    }


@cache
def _keywords() -> Mapping[str, int]:
    return {names[0].lower(): tag for tag, names in _attributes().items()}

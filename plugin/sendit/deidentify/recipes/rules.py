"""Derive the rule for one attribute from a line of a recipe; refuse what a line may not do."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

from pydicom._dicom_dict import DicomDictionary
from pydicom.config import RAISE
from pydicom.valuerep import validate_value

from sendit.deidentify.dicom.dataset import BYTES_VRS, DATE_VRS, PIXEL_DATA, TEXT_VRS
from sendit.deidentify.plan import Action, Rule
from sendit.deidentify.recipes.selectors import STRUCTURE, Selection, nearest
from sendit.deidentify.replacements import FUNCTIONS, VARIABLES
from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendit.deidentify.recipes.custom_functions import ProjectNames
    from sendit.deidentify.recipes.parser import RecipeLine

#: If several lines of one recipe match an attribute, deid prefers the first of these actions; of equals, the last line.
PRECEDENCE = ("BLANK", "REMOVE", "JITTER", "REPLACE", "ADD", "KEEP")

IDENTITY_REMOVED = 0x00120062
#: Whether a face can be recognised: SendIt does not check, so its output may not say NO.
_RECOGNIZABLE = 0x00280302
#: Attributes that SendIt writes itself to declare what was done (PS3.15 E.1.1).
_OWN = frozenset({IDENTITY_REMOVED, 0x00120063, 0x00120064, 0x00280303, _RECOGNIZABLE})
_NUMBERS = {"US": (0, 2**16 - 1), "SS": (-(2**15), 2**15 - 1), "UL": (0, 2**32 - 1), "SL": (-(2**31), 2**31 - 1)}
#: VRs of attributes that a recipe can write.
_WRITABLE = TEXT_VRS | DATE_VRS | {"AS", "CS", "DS", "IS", "UI"} | set(_NUMBERS)
_KINDS = ("var", "func", "values", "fields", "re")
_SIMPLE = {"KEEP": Action.KEEP, "REMOVE": Action.REMOVE, "BLANK": Action.EMPTY}


def check_line(line: RecipeLine, selection: Selection, names: ProjectNames) -> None:
    """Raise Misconfigured for what a line may not do, whatever the file."""
    if line.action in ("ADD", "REPLACE"):
        _kind(line, names)
    if line.action == "JITTER":
        days(line, names)
    if line.action == "REMOVE" and line.value:
        condition(line, names)
    if line.action == "ADD" and (selection.several or selection.of_the_file):
        raise line.wrong("ADD needs one attribute, not a pattern, path or private one", "Name it by keyword or tag.")
    if line.action == "KEEP" and selection.values:
        remedy = "values: is for BLANK, JITTER, REMOVE and REPLACE."
        raise line.wrong("KEEP with values: would keep any attribute that contains them", remedy)
    if not selection.several:
        for tag in selection.tags:
            _check_single(line, tag)
        for path in selection.paths:
            _check_writing(line, path[-1][0])


def _check_single(line: RecipeLine, tag: int) -> None:
    """Check what a line that names one attribute may do to it."""
    if tag in STRUCTURE and line.action != "KEEP" and (tag < 0x00080018 or line.action != "REPLACE"):
        raise line.wrong(f"{line.selector} must stay as it is: DICOM files require it", "Remove the line.")
    if tag in STRUCTURE and line.action == "REPLACE" and line.value != "func:uid":
        raise line.wrong(f"{line.selector} must remain unique", "Write func:uid as its value, or remove the line.")
    if tag == _RECOGNIZABLE and line.action not in ("BLANK", "REMOVE"):  # these two are done anyway
        problem = f"{line.selector} says that somebody looked for faces, which SendIt does not do"
        raise line.wrong(problem, "Remove the line.")
    if tag in _OWN - {_RECOGNIZABLE} and (tag, line.value.upper()) != (IDENTITY_REMOVED, "YES"):
        raise line.wrong(f"SendIt writes {line.selector} itself, according to what was done", "Remove the line.")
    _check_writing(line, tag)


def _check_writing(line: RecipeLine, tag: int) -> None:
    vr = DicomDictionary[tag][0]
    if line.action == "JITTER" and vr not in DATE_VRS:
        raise line.wrong(f"{line.selector} is not a date or time (its VR is {vr})", "Use REPLACE or REMOVE.")
    if line.action in ("ADD", "REPLACE") and vr not in _WRITABLE:
        raise line.wrong(f"a recipe cannot write {line.selector} (its VR is {vr})", "Use KEEP, BLANK or REMOVE.")
    if line.action == "BLANK" and tag == PIXEL_DATA:
        raise line.wrong("pixel data cannot be blanked", "Use REMOVE.")


def rule_for(line: RecipeLine, tag: int, vr: str, names: ProjectNames, rank: tuple[int, int, int]) -> Rule | None:
    """Return the rule of a line for one attribute; None if the line does not concern it.

    Raises:
        Misconfigured: the value of the line does not fit the attribute.
    """
    if tag in _OWN:
        return None
    if line.action in _SIMPLE:
        action = Action.REMOVE if (tag, line.action) == (PIXEL_DATA, "BLANK") else _SIMPLE[line.action]
        return Rule(action, vr, origin=line.origin, rank=rank)
    if line.action == "JITTER":
        return _shift(line, vr, names, rank) if vr in DATE_VRS else None
    if vr not in _WRITABLE:  # bytes and sequences that a pattern matches are removed, not written
        gone = vr == "SQ" or not BYTES_VRS.isdisjoint(vr.split(" or "))
        return Rule(Action.REMOVE, vr, origin=line.origin, rank=rank) if gone and tag != PIXEL_DATA else None
    kind, value = _kind(line, names)
    if kind in ("var", "func"):
        if vr not in (VARIABLES if kind == "var" else FUNCTIONS)[value].vrs:
            raise line.wrong(f"{kind}:{value} does not fit {_named(line)}VR {vr}", "Choose another value.")
    elif kind == "literal" and (problem := misfit(value, vr)):
        raise line.wrong(f"'{value}' does not fit {_named(line)}VR {vr} ({problem})", "Choose another value.")
    return Rule(Action.ADD if line.action == "ADD" else Action.SET, vr, value, kind, origin=line.origin, rank=rank)


def _shift(line: RecipeLine, vr: str, names: ProjectNames, rank: tuple[int, int, int]) -> Rule:
    number = days(line, names)
    if isinstance(number, str):
        return Rule(Action.SHIFT, vr, number, "project", origin=line.origin, rank=rank)
    return Rule(Action.SHIFT, vr, days=number, origin=line.origin, rank=rank)


def condition(line: RecipeLine, names: ProjectNames) -> str:
    """Return the project's function that a line REMOVE asks first."""
    kind, _, name = line.value.partition(":")
    if kind != "func":
        remedy = "Write func: and a function of the project's, or nothing."
        raise line.wrong(f"'{line.value}' is not a condition of REMOVE", remedy)
    if name not in names.functions:
        raise line.wrong(f"the project has no function {name}", nearest(name, names.functions))
    return name


def days(line: RecipeLine, names: ProjectNames) -> int | str | None:
    """Return by how many days a line JITTER moves; None is the patient's offset, a text a function of the project."""
    value = line.value
    if value in ("func:shift_date", "func:shift"):
        return None
    kind, _, name = value.partition(":")
    if kind == "func" and name in names.functions:
        return name
    if kind == "var":
        value = names.variables.get(name, value)
    if not re.fullmatch(r"[+-]?\d{1,5}", value):
        remedy = "Write a whole number, or nothing for the patient's own offset."
        raise line.wrong(f"'{line.value}' is not a number of days", remedy)
    return int(value)


def _kind(line: RecipeLine, names: ProjectNames) -> tuple[str, str]:
    """Return the kind of a value and the value itself, after checking that it has a meaning."""
    kind, colon, name = line.value.partition(":")
    if not colon or kind not in _KINDS:
        return "literal", line.value
    if kind not in ("var", "func"):
        raise line.wrong(f"'{kind}:' is no value", "Write a text, var: or func:.")
    if kind == "var" and name in names.variables:
        return "literal", names.variables[name]
    if kind == "func" and name in names.functions:
        return "project", name
    names_of_kind = VARIABLES if kind == "var" else FUNCTIONS
    if name not in names_of_kind:
        own = names.variables if kind == "var" else names.functions
        raise line.wrong(
            f"there is no {kind}:{name}", nearest(f"{kind}:{name}", (f"{kind}:{n}" for n in (*names_of_kind, *own)))
        )
    if kind == "func" and line.action == "ADD":
        remedy = "Use var:, a text, or REPLACE."
        raise line.wrong(f"func:{name} needs an original value, which ADD does not have", remedy)
    return kind, name


def misfit(value: str, vr: str) -> str:
    """Return why DICOM does not allow this value in an attribute of this VR; "" if it does."""
    return next(_problems(value, vr), "")


def _problems(value: str, vr: str) -> Iterator[str]:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        yield "it holds a control character"
    elif vr not in _WRITABLE:
        yield "a recipe cannot write such values"
    elif vr in _NUMBERS:
        least, most = _NUMBERS[vr]
        if not re.fullmatch(r"-?\d{1,10}", value) or not least <= int(value) <= most:
            yield f"a whole number from {least} to {most} is needed"
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                for single in value.split("\\") if vr not in ("LT", "ST", "UT", "UR") else (value,):
                    validate_value(vr, single, RAISE)
            except ValueError as error:
                yield str(error).partition(".")[0]


def _named(line: RecipeLine) -> str:
    kind = line.selector.partition(":")[0].lower()
    return (
        "one of the attributes it is for, of "
        if kind != line.selector.lower() or kind == "all"
        else f"{line.selector}, of "
    )


def loose_rule_for(line: RecipeLine, tag: int, vr: str, names: ProjectNames, rank: tuple[int, int, int]) -> Rule | None:
    """Return the same if only the file can tell which attributes are meant; REMOVE where the value does not fit."""
    try:
        return rule_for(line, tag, vr, names, rank)
    except Misconfigured:
        return Rule(Action.REMOVE, vr, origin=line.origin, rank=rank)

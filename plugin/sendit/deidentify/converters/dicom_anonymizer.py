"""Convert the rules of dicom-anonymizer: a JSON file of tags and actions, on top of the profile of PS3.15."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify.converters.conversion import NEEDS_FUNCTIONS, Conversion, NoEquivalent, Sheet, selector_of
from sendit.deidentify.converters.ctp_functions import FunctionsFile
from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

_UIDS = "its UIDs are random, SendIt's are made under the project's key"
#: Action → of a recipe, value, and what differs. "" as action: the profile does it.
_ACTIONS = {
    "keep": ("KEEP", "", ""),
    "delete": ("REMOVE", "", ""),
    "empty": ("BLANK", "", ""),
    "deleteorempty": ("BLANK", "", ""),
    "replaceuid": ("REPLACE", "func:uid", _UIDS),
}
_DUMMIES = frozenset({"replace", "emptyorreplace", "deleteorreplace", "deleteoremptyorreplace"})
#: Values that dicom-anonymizer writes in the place of others, by VR.
_VALUES = {"DA": "00010101", "TM": "000000.00", "IS": "0", "US": "0", "SS": "0",
           **dict.fromkeys(("LO", "SH", "PN"), "Anonymized"), "CS": "ANONYMIZED"}  # fmt: skip


def from_dicom_anonymizer(name: str, text: str, *, functions: bool = False) -> Conversion:
    """Convert a file of --dictionary.

    Args:
        name: of the file, for messages.
        text: its content.
        functions: whether functions of the project may be written for it.

    Raises:
        Misconfigured: it is no JSON object of tags and actions.
    """
    try:
        rules = json.loads(text)
    except json.JSONDecodeError as error:
        raise Misconfigured(f"{name}, line {error.lineno}", f"it is not JSON ({error.msg})", "Correct it.") from None
    if not isinstance(rules, dict) or not rules:
        raise Misconfigured(
            name, "it is not an object of tags and actions", 'Write {"(0x0010, 0x0010)": "replace", …}.'
        )
    title = f"{name}, rules of dicom-anonymizer."
    sheet, file = Sheet(title), FunctionsFile(title, {})
    for key, action in rules.items():
        match = re.search(re.escape(json.dumps(key)), text)
        line = text.count("\n", 0, match.start()) + 1 if match else 0
        try:
            _add(sheet, file if functions else None, line, key, action)
        except NoEquivalent as error:
            sheet.missing(line, key, str(error))
    return sheet.conversion()


def _add(sheet: Sheet, file: FunctionsFile | None, line: int, key: str, action: Any) -> None:
    tag = _tag(key)
    word = re.sub(r"[^a-z]", "", action.lower()) if isinstance(action, str) else ""
    if tag >> 16 & 1:
        if word == "delete":
            return  # SendIt removes it anyway
        raise NoEquivalent('a private attribute can be kept by its creator only: KEEP (gggg,"CREATOR",ee)')
    selector = selector_of(tag)
    vr = DicomDictionary[tag][0] if tag in DicomDictionary else ""
    if isinstance(action, dict):
        _add_with_options(sheet, file, line, tag, action)
        return
    if word in _DUMMIES or (word == "deleteoremptyorreplaceuid" and vr != "UI"):
        _add_dummy(sheet, line, selector, vr)
        return
    if word == "deleteoremptyorreplaceuid":
        word = "replaceuid"
    if word not in _ACTIONS:
        raise NoEquivalent(f"the action {action!r} has no equivalent: write a function of the project")
    made, value, differs = _ACTIONS[word]
    if sheet.add(line, selector, selector, made, value) and differs:
        sheet.differs(line, selector, differs)


def _add_with_options(sheet: Sheet, file: FunctionsFile | None, line: int, tag: int, action: Mapping[str, Any]) -> None:
    """Add an action with options: regexp, or a value of one's own."""
    selector, values = selector_of(tag), [action.get(key) for key in ("find", "replace", "value")]
    find, by, value = ("" if one is None else str(one) for one in values)
    if action.get("action") == "replace_with_value" and value:
        sheet.add(line, selector, selector, "REPLACE", value)
    elif action.get("action") == "regexp" and find:
        if file is None:
            raise NoEquivalent(NEEDS_FUNCTIONS)
        name = file.add_substitution(tag, find, by)
        sheet.functions = file.text
        sheet.add(line, selector, selector, "REPLACE", f"func:{name}")
    else:
        raise NoEquivalent("it has no equivalent: write a function of the project")


def _add_dummy(sheet: Sheet, line: int, selector: str, vr: str) -> None:
    if vr == "UI":
        added = sheet.add(line, selector, selector, "REPLACE", "func:uid")
        reason = _UIDS
    elif vr in _VALUES:
        value = "19000101" if vr == "DA" else _VALUES[vr]
        added, reason = sheet.add(line, selector, selector, "REPLACE", value), ""
        reason = "the date is 1900-01-01: DICOM programs refuse the year 1" if vr == "DA" else ""
    else:
        added = sheet.add(line, selector, selector, "BLANK")
        reason = f"it is emptied: a recipe writes no dummy of {vr or 'this VR'}"
    if added and reason:
        sheet.differs(line, selector, reason)


def _tag(key: str) -> int:
    try:
        parts = ast.literal_eval(key)
    except (ValueError, SyntaxError):
        parts = ()
    if not isinstance(parts, tuple) or not all(isinstance(part, int) for part in parts) or len(parts) not in (2, 4):
        raise NoEquivalent("it is not a tag: (0xGGGG, 0xEEEE)")
    if len(parts) == 4:
        raise NoEquivalent("rules for groups of overlays and curves: the profile of PS3.15 removes them")
    if not all(0 <= part <= 0xFFFF for part in parts):
        raise NoEquivalent("it is not a tag: (0xGGGG, 0xEEEE)")
    return int(parts[0]) << 16 | int(parts[1])

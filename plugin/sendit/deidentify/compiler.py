"""Compiles options and recipes to a plan. A recipe decides over the profile, a later recipe over an earlier one."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence

from pydicom._dicom_dict import DicomDictionary
from pydicom.config import RAISE
from pydicom.valuerep import validate_value

from sendit.deidentify import profile
from sendit.deidentify.dataset import BYTES_VRS, DATE_VRS, PIXEL_DATA, TEXT_VRS
from sendit.deidentify.fields import STRUCTURE, UnknownField, is_pattern, resolve
from sendit.deidentify.plan import Action, Plan, Rule, dates_kept
from sendit.deidentify.recipe import Line, RecipeText, read_recipe
from sendit.deidentify.values import FUNCTIONS, VARIABLES
from sendit.settings import Option

#: Of several lines of one recipe that mean one attribute, deid lets the first of these win; of equals, the last line.
_PRECEDENCE = ("BLANK", "REMOVE", "JITTER", "REPLACE", "ADD", "KEEP")

_PATIENT_NAME, _PATIENT_ID = 0x00100010, 0x00100020
_IDENTITY_REMOVED = 0x00120062
#: What SendIt writes itself, to say what was done (PS3.15 E.1.1); a recipe may not say anything else.
_OWN = frozenset({_IDENTITY_REMOVED, 0x00120063, 0x00120064, 0x00280303})
_NUMBERS = {"US": (0, 2**16 - 1), "SS": (-(2**15), 2**15 - 1), "UL": (0, 2**32 - 1), "SL": (-(2**31), 2**31 - 1)}
#: A recipe can put a value into attributes of these VRs.
_WRITABLE = TEXT_VRS | DATE_VRS | {"AS", "CS", "DS", "IS", "UI"} | set(_NUMBERS)


def compile_plan(options: Sequence[Option], recipes: Sequence[RecipeText], safe_private: Sequence[str] = ()) -> Plan:
    """Decide what happens to every attribute.

    Args:
        options: of PS3.15 Table E.1-1, in any order.
        recipes: deid recipes, in the order of the configuration.
        safe_private: private attributes that the project knows to be safe, `(gggg,"CREATOR",ee)`.

    Raises:
        Misconfigured: an option that is not available or contradicts another; a line of a recipe that is not
            understood (the place is `recipe NAME, line N`).
    """
    wanted = tuple(sorted(set(options)))
    profile.check_options(wanted)
    rules = profile.rules(wanted)
    for recipe in recipes:
        _apply(read_recipe(recipe), rules)
    method = [f"SendIt: DICOM PS3.15 {profile.EDITION}, Basic Profile"]
    if wanted:
        method.append("with the options coded in this dataset")
    if recipes:
        method.append("with rules of the site on top")
    return Plan(
        edition=profile.EDITION,
        options=tuple(str(option) for option in wanted),
        rules=rules,
        method=tuple(method),
        method_codes=profile.method_codes(wanted),
        identity_removed=not any(rules[tag].action is Action.KEEP for tag in (_PATIENT_NAME, _PATIENT_ID)),
        dates=dates_kept(rules.values()),
        added=tuple(sorted(tag for tag, rule in rules.items() if rule.action is Action.ADD)),
        private=profile.private_rules(wanted, safe_private),
        graphics=Option.CLEAN_GRAPHICS in wanted,
    )


def _apply(lines: Sequence[Line], rules: dict[int, Rule]) -> None:
    """Put the lines of one recipe over the rules, the weakest first."""
    for line in sorted(lines, key=lambda line: _PRECEDENCE.index(line.action)):
        try:
            tags = resolve(line.field)
        except UnknownField as error:
            raise line.wrong(error.problem, error.cure) from None
        if not is_pattern(line.field):
            _check_single(line, tags[0])
        for tag in tags:
            rule = _rule(line, tag)
            if rule is not None:
                rules[tag] = rule


def _check_single(line: Line, tag: int) -> None:
    """What one line by name may not do to one attribute."""
    if tag in STRUCTURE and line.action != "KEEP" and (tag < 0x00080018 or line.action != "REPLACE"):
        raise line.wrong(f"{line.field} has to stay: a DICOM file needs it", "Remove the line.")
    if tag in STRUCTURE and line.action == "REPLACE" and line.value != "func:uid":
        raise line.wrong(f"{line.field} has to stay unique", "Write func:uid as its value, or remove the line.")
    if tag in _OWN and (tag, line.value.upper()) != (_IDENTITY_REMOVED, "YES"):
        raise line.wrong(f"SendIt writes {line.field} itself, after what was done", "Remove the line.")
    vr = DicomDictionary[tag][0]
    if line.action == "JITTER" and vr not in DATE_VRS:
        raise line.wrong(f"{line.field} is no date or time (its VR is {vr})", "Use REPLACE or REMOVE.")
    if line.action in ("ADD", "REPLACE") and vr not in _WRITABLE:
        raise line.wrong(f"a recipe cannot write {line.field} (its VR is {vr})", "Use KEEP, BLANK or REMOVE.")
    if line.action == "ADD" and line.value.startswith("func:"):
        raise line.wrong("func: needs an original value, which ADD does not have", "Use var:, a text, or REPLACE.")
    if line.action == "BLANK" and tag == PIXEL_DATA:
        raise line.wrong("pixel data cannot be blanked", "Use REMOVE.")


def _rule(line: Line, tag: int) -> Rule | None:
    """The rule of a line for one attribute; None if a pattern's line does not concern it."""
    vr = DicomDictionary[tag][0]
    if tag in _OWN:
        return None
    if line.action in ("KEEP", "REMOVE", "BLANK"):
        action = {"KEEP": Action.KEEP, "REMOVE": Action.REMOVE, "BLANK": Action.EMPTY}[line.action]
        if action is Action.EMPTY and tag == PIXEL_DATA:
            action = Action.REMOVE
        return Rule(action, vr, origin=line.origin)
    if line.action == "JITTER":
        return Rule(Action.SHIFT, vr, days=_days(line), origin=line.origin) if vr in DATE_VRS else None
    if line.action == "ADD" and is_pattern(line.field):
        raise line.wrong("ADD needs one attribute, not a pattern", "Name it by keyword or tag.")
    if vr not in _WRITABLE:  # a pattern's line: bytes and sequences that it names, too, are not written but removed
        return Rule(Action.REMOVE, vr, origin=line.origin) if vr in BYTES_VRS or vr == "SQ" else None
    kind, value = _value(line, vr)
    return Rule(Action.ADD if line.action == "ADD" else Action.SET, vr, value, kind, origin=line.origin)


def _days(line: Line) -> int | None:
    if line.value in ("func:shift_date", "func:shift"):
        return None
    if not re.fullmatch(r"[+-]?\d{1,5}", line.value):
        cure = "Write a whole number, or nothing for the patient's own offset."
        raise line.wrong(f"'{line.value}' is no number of days", cure)
    return int(line.value)


def _value(line: Line, vr: str) -> tuple[str, str]:
    """The kind of the value and the value itself, once it is known to fit."""
    kind, colon, name = line.value.partition(":")
    if not colon or kind not in ("var", "func", "values", "fields"):
        _check_literal(line, vr)
        return "literal", line.value
    if kind in ("values", "fields"):
        raise line.wrong(f"'{kind}:' is not available in this version", "Write a text, var: or func:.")
    known = VARIABLES if kind == "var" else FUNCTIONS
    if name not in known:
        raise line.wrong(f"there is no {kind}:{name}", f"Known: {', '.join(f'{kind}:{n}' for n in known)}.")
    if vr not in known[name].vrs:
        raise line.wrong(f"{kind}:{name} does not fit {_named(line)}VR {vr}", "Choose another value.")
    return kind, name


def _check_literal(line: Line, vr: str) -> None:
    """A value that DICOM would not allow is refused when the recipe is read, not when a study is here."""
    problems = list(_problems(line.value, vr))
    if problems:
        raise line.wrong(f"'{line.value}' does not fit {_named(line)}VR {vr} ({problems[0]})", "Choose another value.")


def _problems(value: str, vr: str) -> Iterator[str]:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        yield "it holds a control character"
    elif vr in _NUMBERS:
        least, most = _NUMBERS[vr]
        if not re.fullmatch(r"-?\d{1,10}", value) or not least <= int(value) <= most:
            yield f"a whole number from {least} to {most} is needed"
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                validate_value(vr, value, RAISE)
            except ValueError as error:
                yield str(error).partition(".")[0]


def _named(line: Line) -> str:
    return "one of the attributes it is for, of " if is_pattern(line.field) else f"{line.field}, of "

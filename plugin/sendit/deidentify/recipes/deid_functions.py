"""deid's own functions (`deid_func:NAME`), replaced by those of SendIt with the same purpose.

deid's UIDs are invalid, new in every run, or made without a key, so that anyone can recompute them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from sendit.deidentify.recipes.selectors import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendit.deidentify.recipes.line import RecipeLine

#: Each with its options, and their values that SendIt implements anyway.
_UIDS: Mapping[str, Mapping[str, str]] = {
    "basic_uuid": {},
    "dicom_uuid": {},
    "pydicom_uuid": {"prefix": "2.25.", "stable_remapping": "true"},
    "suffix_uuid": {},
}
_JITTER = "jitter"
_DAYS_IN = {"days": 1, "years": 365}  # as deid counts


def translated(line: RecipeLine) -> RecipeLine:
    """Return the line with deid's functions replaced: those for UIDs by func:uid, jitter by JITTER.

    Raises:
        Misconfigured: deid has no such function, or an option of it would have no effect.
    """
    kind, _, call = line.value.partition(":")
    if kind != "deid_func":
        return line
    name, *options = call.split() or [""]
    functions = (_JITTER, *_UIDS)
    if name not in functions:
        raise line.wrong(f"there is no deid_func:{name}", nearest(name, functions))
    if line.action != "REPLACE":
        raise line.wrong("deid's own functions are for REPLACE", "Write REPLACE.")
    if name == _JITTER:
        return replace(line, action="JITTER", value=str(_days(line, options)))
    for option in options:
        key, _, value = option.partition("=")
        if _UIDS[name].get(key) != value:
            remedy = "Leave it out: SendIt's UIDs begin with 2.25., and are the same for the same original and key."
            raise line.wrong(f"the option {option} of deid_func:{name} would have no effect", remedy)
    return replace(line, value="func:uid")


def _days(line: RecipeLine, options: list[str]) -> int:
    """Return the days of a jitter. deid moves by one day if none are given, also if years are."""
    numbers = {"days": 1, "years": 0}
    for option in options:
        key, _, number = option.partition("=")
        if key not in _DAYS_IN or not re.fullmatch(r"[+-]?\d{1,4}", number):
            raise line.wrong(f"'{option}' is not an option of deid_func:jitter", "Write days=NUMBER or years=NUMBER.")
        numbers[key] = int(number)
    return sum(numbers[key] * _DAYS_IN[key] for key in numbers)

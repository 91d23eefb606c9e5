"""deid's own functions (`deid_func:NAME`) in the words of SendIt, which serve the same purpose and keep their promise.

deid's UIDs are invalid, new with every run, or made without a key, so that anyone can recompute them; ours are coded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from sendit.deidentify.fields import nearest

if TYPE_CHECKING:
    from sendit.deidentify.recipe import Line

#: Each with its options, and the values of them that mean what SendIt does anyway.
_UIDS: Mapping[str, Mapping[str, str]] = {
    "basic_uuid": {},
    "dicom_uuid": {},
    "pydicom_uuid": {"prefix": "2.25.", "stable_remapping": "true"},
    "suffix_uuid": {},
}
_JITTER = "jitter"
_DAYS_IN = {"days": 1, "years": 365}  # as deid counts them


def translated(line: Line) -> Line:
    """REPLACE with a function of deid's for UIDs becomes REPLACE with func:uid, with jitter JITTER by so many days.

    Raises:
        Misconfigured: deid has no such function, or an option of it would be passed over.
    """
    kind, _, call = line.value.partition(":")
    if kind != "deid_func":
        return line
    name, *options = call.split() or [""]
    known = (_JITTER, *_UIDS)
    if name not in known:
        raise line.wrong(f"there is no deid_func:{name}", nearest(name, known))
    if line.action != "REPLACE":
        raise line.wrong("deid's own functions are for REPLACE", "Write REPLACE.")
    if name == _JITTER:
        return replace(line, action="JITTER", value=str(_days(line, options)))
    for option in options:
        key, _, value = option.partition("=")
        if _UIDS[name].get(key) != value:
            cure = "Leave it out: SendIt's UIDs begin with 2.25., and are the same for the same original and key."
            raise line.wrong(f"the option {option} of deid_func:{name} would have no effect", cure)
    return replace(line, value="func:uid")


def _days(line: Line, options: list[str]) -> int:
    """deid moves by one day if it is told of none, also if it is told of years."""
    numbers = {"days": 1, "years": 0}
    for option in options:
        key, _, number = option.partition("=")
        if key not in _DAYS_IN or not re.fullmatch(r"[+-]?\d{1,4}", number):
            raise line.wrong(f"'{option}' is no option of deid_func:jitter", "Write days=NUMBER or years=NUMBER.")
        numbers[key] = int(number)
    return sum(numbers[key] * _DAYS_IN[key] for key in numbers)

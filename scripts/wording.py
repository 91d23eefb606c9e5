"""Words of the generated documentation for the effect of a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendit.config.schema import Option
from sendit.deidentify import Action, Plan, compile_plan
from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sendit.deidentify.plan import Rule

_WORDS: Mapping[Action, str] = {
    Action.KEEP: "kept",
    Action.REMOVE: "removed",
    Action.EMPTY: "emptied",
    Action.DUMMY: "dummy value",
    Action.UID: "coded",
    Action.PATIENT: "pseudonym",
    Action.ACCESSION: "coded",
    Action.SHIFT: "shifted by whole weeks",
    Action.CLEAN: "cleaned",
    Action.KEEP_DATE: "kept",
}
#: Of a sequence these mean that its items stay, and each of their attributes gets its own rule.
_ITEMS_STAY = (Action.KEEP, Action.DUMMY, Action.UID)


def word(rule: Rule | None) -> str:
    """Return what happens to an attribute with this rule; without one, it is removed."""
    if rule is None:
        return _WORDS[Action.REMOVE]
    if rule.vr == "SQ" and rule.action in _ITEMS_STAY:
        return "items processed"
    if rule.action is Action.SHIFT and rule.vr == "TM":
        return _WORDS[Action.KEEP]  # whole weeks do not change the time of day
    return _WORDS[rule.action]


def plans() -> dict[Option, Plan]:
    """Return the plan of each option that this version has, alone on the Basic profile."""
    compiled = {}
    for option in Option:
        try:
            compiled[option] = compile_plan([option], [])
        except Misconfigured:
            continue
    return compiled


@dataclass(frozen=True)
class Part:
    """A part of a document that is generated, between two marks."""

    path: Path
    name: str
    text: str

    def renewed(self, document: str) -> str:
        """Return the document with this part as the code has it now."""
        begin, end = f"<!-- generated: {self.name} -->\n", f"<!-- end of {self.name} -->\n"
        before, rest = document.split(begin)
        return f"{before}{begin}{self.text}{end}{rest.split(end)[1]}"

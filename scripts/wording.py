"""The words of the generated documentation, for what a rule does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sendit.deidentify import Action, Plan, compile_plan
from sendit.deidentify.plan import Rule
from sendit.errors import Misconfigured
from sendit.settings import Option

_WORDS: Mapping[Action, str] = {
    Action.KEEP: "kept",
    Action.REMOVE: "removed",
    Action.EMPTY: "emptied",
    Action.DUMMY: "a dummy",
    Action.UID: "coded",
    Action.PATIENT: "the pseudonym",
    Action.ACCESSION: "coded",
    Action.SHIFT: "moved by whole weeks",
    Action.CLEAN: "cleaned",
    Action.KEEP_DATE: "kept",
}
#: Of a sequence these mean that its items stay, and each of their attributes gets its own rule.
_ITEMS_STAY = (Action.KEEP, Action.DUMMY, Action.UID)


def word(rule: Rule | None) -> str:
    """What becomes of an attribute with this rule; without one, it goes."""
    if rule is None:
        return _WORDS[Action.REMOVE]
    if rule.vr == "SQ" and rule.action in _ITEMS_STAY:
        return "gone through"
    if rule.action is Action.SHIFT and rule.vr == "TM":
        return _WORDS[Action.KEEP]  # whole weeks do not change the time of day
    return _WORDS[rule.action]


def plans() -> dict[Option, Plan]:
    """The plan of each option that this version has, alone on the Basic profile."""
    found = {}
    for option in Option:
        try:
            found[option] = compile_plan([option], [])
        except Misconfigured:
            continue
    return found


@dataclass(frozen=True)
class Part:
    """A part of a document that is generated, between two marks."""

    path: Path
    name: str
    text: str

    def renewed(self, document: str) -> str:
        """The document with this part as the code has it now."""
        begin, end = f"<!-- generated: {self.name} -->\n", f"<!-- end of {self.name} -->\n"
        before, rest = document.split(begin)
        return f"{before}{begin}{self.text}{end}{rest.split(end)[1]}"

"""What would happen to each element of a file, and which rule decides: for `sendit recipe explain`.

The file is really de-identified; what happened to an element is seen by comparing, not by reading the plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydicom.datadict import keyword_for_tag

from sendit.deidentify import profile
from sendit.deidentify.checks import subject_of
from sendit.deidentify.dataset import BYTES_VRS, TEXT_VRS, Dataset, Element, find, group_and_element
from sendit.deidentify.engine import deidentify
from sendit.deidentify.fields import Path
from sendit.deidentify.identity import KeyedIdentities
from sendit.deidentify.plan import Action, Plan, Rule
from sendit.deidentify.reader import read_file
from sendit.deidentify.site import Decisions, decide
from sendit.deidentify.text import decoded
from sendit.model import PixelStatus, Quarantined, Rejected, Released
from sendit.settings import Option

if TYPE_CHECKING:  # loads numpy, which only work on pixels needs
    from sendit.deidentify.pixels.detect import PixelTools

_CHARACTER_SET = 0x00080005
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_SHOWN = 64


@dataclass(frozen=True, slots=True)
class Row:
    """One element. The values are those of the file: show them to nobody who may not see the file."""

    tag: str  # (gggg,eeee), one > before it for each sequence around it
    name: str
    # kept, was blank, blanked, replaced, removed, shifted, added; of a sequence: gone through; of pixels: cleaned
    happens: str
    decided: str
    before: str
    after: str


def explain(
    file: bytes, plan: Plan, identities: KeyedIdentities, tools: PixelTools | None = None
) -> list[Row] | Rejected | Quarantined:
    """A row for every element of the file, in its order; or why it would not be released. `tools`: as `deidentify`."""
    outcome = deidentify(file, plan, identities, tools)
    if not isinstance(outcome, Released):
        return outcome
    view = memoryview(file)
    instance = read_file(view)
    decisions = decide(plan, instance, view, subject_of(instance.elements), identities)
    after = read_file(memoryview(b"".join(outcome.chunks))).elements
    return list(_Explaining(plan, decisions, outcome.receipt.pixels).rows(instance.elements, after, ()))


@dataclass(slots=True)
class _Explaining:
    plan: Plan
    decisions: Decisions
    pixels: Mapping[str, Any]  # what the receipt says of them
    basic: Mapping[int, Rule] = field(init=False)
    by_option: Mapping[str, Mapping[int, Rule]] = field(init=False)

    def __post_init__(self) -> None:
        self.basic = profile.rules(())
        self.by_option = {name: profile.rules((Option(name),)) for name in self.plan.options}

    def rows(self, before: Dataset, after: Dataset | None, above: Path, gone: str = "") -> Iterator[Row]:
        """`after` is None, and `gone` says why, where all of it goes with the sequence around it."""
        tags = sorted({element.tag for element in (*before, *(after or ()))})
        for tag in tags:
            old, new = find(before, tag), find(after or [], tag)
            rule = self.plan.rules.get(tag) if old is None else self.decisions.rule(old, self.plan)
            decided = gone or (self._marked(tag) if old is None else "") or self._decided(tag, rule)
            happens = _happens(old, new, rule)
            if tag in _PIXELS and not above and new is not None and self.plan.clean_pixels:
                happens = "cleaned" if self.pixels["status"] == PixelStatus.CLEANED else happens
                decided = f"{Option.CLEAN_PIXEL_DATA}: {self.pixels['status']}, {self.pixels.get('how', '')}"
            yield Row(
                "> " * len(above) + group_and_element(tag),
                keyword_for_tag(tag) or ("private" if tag >> 16 & 1 else ""),
                happens,
                decided,
                _shown(old, before),
                _shown(new, after or []),
            )
            items = (old.items if old is not None else new.items if new is not None else None) or []
            others = (new.items if new is not None else None) or []
            for index, item in enumerate(items):
                other = others[index] if index < len(others) else None
                why = "" if other is not None else gone or f"goes with {group_and_element(tag)}"
                if old is not None:
                    yield from self.rows(item, other, (*above, (tag, index)), why)

    def _marked(self, tag: int) -> str:
        return "" if tag in self.plan.added else "SendIt: says what was done"

    def _decided(self, tag: int, rule: Rule | None) -> str:
        if rule is None:
            return f"default deny: {_unknown(tag)}"
        if rule.origin not in ("profile", "allowlist"):
            return rule.origin
        if rule != self.basic.get(tag):
            deciding = [name for name, rules in self.by_option.items() if rules.get(tag) == rule]
            if deciding:
                return f"PS3.15 Table E.1-1, {deciding[0]}"
        if rule.origin == "profile":
            return "PS3.15 Table E.1-1, Basic Profile"
        return _unlisted(rule)


def _unknown(tag: int) -> str:
    group = tag >> 16
    if group & 1:
        return "private"
    if tag & 0xFFFF == 0:
        return "group length"
    return {0x50: "curve", 0x60: "overlay"}.get(group >> 8, "not in the dictionary")


def _unlisted(rule: Rule) -> str:
    """Of what the table does not name."""
    if rule.action is Action.REMOVE:
        return "default deny: text, bytes or dates that nothing keeps"
    if rule.action is Action.UID:
        return "UIDs are coded"
    if not set(rule.vr.split(" or ")).isdisjoint(TEXT_VRS | BYTES_VRS):
        return "allowlist"
    return "coded or numeric attribute of the standard"


def _happens(old: Element | None, new: Element | None, rule: Rule | None) -> str:
    if old is None:
        return "added"
    if new is None:
        return "removed"
    if new.items is not None:
        return "gone through" if new.items else ("was blank" if old.items == [] else "blanked")
    before, after = (bytes(element.value).rstrip(b"\0 ") for element in (old, new))
    if old.items is None and before == after:
        # Of a value that is not there, "kept" would be read as a promise about the attribute.
        return "kept" if old.value else "was blank"
    if not len(new.value):
        return "blanked"
    return "shifted" if rule is not None and rule.action is Action.SHIFT else "replaced"


def _shown(element: Element | None, around: Sequence[Element]) -> str:
    if element is None:
        return ""
    if element.items is not None:
        return f"{len(element.items)} items"
    if element.vr in BYTES_VRS or element.vr in ("AT", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"):
        data = bytes(element.value[: _SHOWN // 4])
        return data.hex(" ") + (" …" if len(element.value) > len(data) else "")
    character_set = find(list(around), _CHARACTER_SET)
    text = decoded(element.value, b"" if character_set is None else character_set.value).strip("\0 ")
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

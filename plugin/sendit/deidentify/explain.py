"""The outcome of each element of a file, and the rule that decides it: for `sendit recipe explain` and for reviewers.

What happened is found by comparison with the output, not by reading the plan. Only for an instance without an output
(it is held, or was rejected) do the rows tell what the plan would do.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydicom.datadict import keyword_for_tag

from sendit.deidentify.dicom.dataset import (
    BYTES_VRS,
    PIXELS,
    TEXT_VRS,
    Dataset,
    Element,
    character_set_of,
    find,
    group_and_element,
)
from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.dicom.text import ascii_text, decoded
from sendit.deidentify.engine import deidentify
from sendit.deidentify.options import Option
from sendit.deidentify.plan import Action, Plan, Rule
from sendit.deidentify.profile import table as profile
from sendit.deidentify.profile.private import open_sequences
from sendit.deidentify.recipes.per_instance import Decisions, decide
from sendit.deidentify.validate import subject_of
from sendit.model import PixelStatus, Quarantined, Rejected, Released

if TYPE_CHECKING:  # loads numpy, which only pixels need
    import mmap
    from collections.abc import Iterator, Mapping, Sequence

    from sendit.deidentify.pixels.ocr.api import PixelTools
    from sendit.deidentify.pseudonyms import KeyedIdentities
    from sendit.deidentify.recipes.selectors import Path

#: Bytes of a binary number, and its character of `struct`.
_NUMBERS = {"FD": (8, "d"), "FL": (4, "f"), "SL": (4, "i"), "SS": (2, "h"), "SV": (8, "q"), "UL": (4, "I"),
            "US": (2, "H"), "UV": (8, "Q")}  # fmt: skip
#: Characters of a value that `sendit recipe explain` shows.
SHOWN = 64


@dataclass(frozen=True, slots=True)
class Row:
    """One element. The values are those of the file: show them only to those who may see the file."""

    tag: str  # (gggg,eeee), one > before it for each sequence around it
    name: str
    # kept, was blank, blanked, replaced, removed, shifted, added; of a sequence: items processed; of pixels: cleaned
    happens: str
    decided: str
    before: str
    after: str
    vr: str = ""
    depth: int = 0  # sequences around it
    creator: str = ""  # of a private element: who reserved its block
    # Whole length of the value in the file: bytes, or items of a sequence. None: there is no such element.
    before_length: int | None = None
    after_length: int | None = None


def explain(
    file: bytes | mmap.mmap,
    plan: Plan,
    identities: KeyedIdentities,
    tools: PixelTools | None = None,
    longest: int = SHOWN,
) -> list[Row] | Rejected | Quarantined:
    """Return a row for every element of the file, in order, or why it would not be released.

    `tools`: as for `deidentify`; `longest`: characters of a value that are shown.
    """
    outcome = deidentify(file, plan, identities, tools)
    if not isinstance(outcome, Released):
        return outcome
    return compare(file, b"".join(outcome.chunks), plan, identities, outcome.receipt.pixels, longest)


def compare(
    file: bytes | mmap.mmap,
    output: bytes | mmap.mmap | None,
    plan: Plan,
    identities: KeyedIdentities,
    pixels: Mapping[str, Any],
    longest: int = SHOWN,
) -> list[Row]:
    """Return a row for every element of a file and of its output, in order.

    Args:
        file: the bytes of the original.
        output: the bytes of the output; None: there is none, and the rows tell what the plan would do.
        plan: the plan that the output was made with.
        identities: the codes of the project; they decide no row, but rules of recipes may ask for them.
        pixels: the pixel status, as in the receipt of the output.
        longest: characters of a value that are shown.

    Raises:
        Reject: the file cannot be read.
        Quarantine: its recipe cannot be applied to it.
    """
    view = memoryview(file)
    instance = read_file(view)
    if plan.private:
        open_sequences(instance.elements, plan.private, instance.syntax.encoding)
    decisions = decide(plan, instance, view, subject_of(instance.elements), identities)
    after = None if output is None else read_file(memoryview(output))
    if after is not None and plan.private:
        open_sequences(after.elements, plan.private, after.syntax.encoding)
    explainer = _Explainer(plan, decisions, pixels, output is None, longest)
    explainer.orders = (instance.syntax.encoding.order, after.syntax.encoding.order if after else "<")
    return list(explainer.rows(instance.elements, after.elements if after else None, ()))


@dataclass(slots=True)
class _Explainer:
    plan: Plan
    decisions: Decisions
    pixels: Mapping[str, Any]  # as in the receipt
    planned: bool = False  # there is no output: rows tell what the plan would do
    longest: int = SHOWN
    orders: tuple[str, str] = ("<", "<")  # of bytes, before and after
    basic: Mapping[int, Rule] = field(init=False)
    by_option: Mapping[str, Mapping[int, Rule]] = field(init=False)

    def __post_init__(self) -> None:
        self.basic = profile.rules(())
        self.by_option = {name: profile.rules((Option(name),)) for name in self.plan.options}

    def rows(self, before: Dataset, after: Dataset | None, above: Path, gone: str = "") -> Iterator[Row]:
        """Yield a row for each element.

        If a sequence above removes all of them, `after` is None and `gone` says so.
        """
        creators = _creators(before) | _creators(after or [])
        for tag in sorted({element.tag for element in (*before, *(after or ()))}):
            old, new = find(before, tag), find(after or [], tag)
            rule = self.plan.rules.get(tag) if old is None else self.decisions.rule(old, self.plan)
            happens, decided = self._happened(tag, old, new, rule, gone, top=not above)
            yield Row(
                "> " * len(above) + group_and_element(tag),
                _name(tag),
                happens,
                decided,
                _shown(old, before, self.longest, self.orders[0]),
                _shown(new, after or [], self.longest, self.orders[1]),
                (new or old).vr,  # type: ignore[union-attr]  # one of them is there
                len(above),
                creators.get(tag >> 8, "") if tag >> 16 & 1 else "",
                _length(old),
                _length(new),
            )
            yield from self._items(tag, old, new, above, gone)

    def _items(self, tag: int, old: Element | None, new: Element | None, above: Path, gone: str) -> Iterator[Row]:
        items = (old.items if old is not None else new.items if new is not None else None) or []
        others = (new.items if new is not None else None) or []
        for index, item in enumerate(items):
            other = others[index] if index < len(others) else None
            why = "" if other is not None else gone or f"goes with {group_and_element(tag)}"
            if self.planned and old is not None:
                rule = self.decisions.rule(old, self.plan)
                why = gone or ("" if _stays(rule) else f"goes with {group_and_element(tag)}")
            if old is not None:
                yield from self.rows(item, other, (*above, (tag, index)), why)

    def _happened(
        self, tag: int, old: Element | None, new: Element | None, rule: Rule | None, gone: str, *, top: bool
    ) -> tuple[str, str]:
        """Return what happens to an element, and what decides it."""
        stays = _stays(rule) and not gone if self.planned else new is not None
        decided = gone or (self._marked(tag) if old is None else "") or self._decided(tag, rule, stays=stays)
        if self.planned:
            return "would be removed" if gone or rule is None else _WOULD[rule.action], decided
        happens = _happens(old, new, rule)
        if tag in PIXELS and top and new is not None and self.plan.clean_pixels and self.pixels:
            happens = "cleaned" if self.pixels["status"] == PixelStatus.CLEANED else happens
            decided = f"{Option.CLEAN_PIXEL_DATA}: {self.pixels['status']}, {self.pixels.get('how', '')}"
        return happens, decided

    def _marked(self, tag: int) -> str:
        return "" if tag in self.plan.added else "SendIt: says what was done"

    def _decided(self, tag: int, rule: Rule | None, *, stays: bool) -> str:
        if rule is None and stays and tag >> 16 & 1:
            return f"{Option.RETAIN_SAFE_PRIVATE}: the standard's table, or a list of SafePrivate"
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
    """Return the reason for a rule that Table E.1-1 does not contain."""
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
        return "items processed" if new.items else ("was blank" if old.items == [] else "blanked")
    before, after = (bytes(element.value).rstrip(b"\0 ") for element in (old, new))
    if old.items is None and before == after:
        # For a missing value, "kept" would read as a promise about the attribute.
        return "kept" if old.value else "was blank"
    if not len(new.value):
        return "blanked"
    return "shifted" if rule is not None and rule.action is Action.SHIFT else "replaced"


#: Outcomes by the plan, of an instance without an output.
_WOULD: Mapping[Action, str] = {
    Action.KEEP: "would be kept",
    Action.REMOVE: "would be removed",
    Action.EMPTY: "would be blanked",
    Action.SHIFT: "would be shifted",
    Action.KEEP_DATE: "would be kept",
    Action.CLEAN: "would be cleaned",
} | dict.fromkeys(
    (Action.DUMMY, Action.UID, Action.PATIENT, Action.ACCESSION, Action.SET, Action.ADD), "would be replaced"
)


def _stays(rule: Rule | None) -> bool:
    return rule is not None and rule.action not in (Action.REMOVE, Action.EMPTY)


def _name(tag: int) -> str:
    return keyword_for_tag(tag) or ("private" if tag >> 16 & 1 else "")


def _creators(elements: Dataset) -> dict[int, str]:
    """Return who reserved each block of private elements, by group and the first two digits of the element."""
    return {
        (element.tag & 0xFFFF0000 | (element.tag & 0xFF) << 8) >> 8: ascii_text(element.value)
        for element in elements
        if element.tag >> 16 & 1 and 0x10 <= element.tag & 0xFFFF <= 0xFF and element.items is None
    }


def _length(element: Element | None) -> int | None:
    if element is None:
        return None
    return len(element.value) if element.items is None else len(element.items)


def _shown(element: Element | None, around: Sequence[Element], longest: int, order: str) -> str:
    if element is None:
        return ""
    if element.items is not None:
        return f"{len(element.items)} items"
    if element.vr in _NUMBERS:
        size, kind = _NUMBERS[element.vr]
        most = longest // 4 * size
        numbers = struct.iter_unpack(order + kind, bytes(element.value[:most])[: len(element.value) // size * size])
        text = "\\".join(_number(element.vr, number) for (number,) in numbers)
        return _cut(text + (" …" if len(element.value) > most else ""), longest)
    if element.vr in BYTES_VRS or element.vr == "AT":
        data = bytes(element.value[: longest // 4])
        return data.hex(" ") + (" …" if len(element.value) > len(data) else "")
    text = decoded(element.value[: 8 * longest], character_set_of(list(around)))
    return _cut(text.strip("\0 "), longest)


def _number(vr: str, number: float) -> str:
    return f"{number:.9g}" if vr == "FL" else str(number)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"

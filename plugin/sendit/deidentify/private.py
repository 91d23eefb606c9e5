"""Private attributes that are known to be safe (PS3.15 E.3.10), by their creator, in every dataset by itself.

A private attribute is known by its group, the creator of its block and the last two digits of its element; the block
is another one in every dataset (PS3.5 7.8.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydicom._private_dict import private_dictionaries

from sendit.deidentify.dataset import DATE_VRS, TEXT_VRS, Dataset
from sendit.deidentify.plan import Action, Rule
from sendit.deidentify.text import decoded
from sendit.errors import Misconfigured

#: Group, creator, the last two digits of the element.
PrivateTag = tuple[int, str, int]

_NOTATION = re.compile(r'\(([0-9a-fA-F]{4}),\s*"([^"\\]{1,64})",\s*([0-9a-fA-F]{2})\)')
_CREATOR = Rule(Action.KEEP, "LO", origin="creator")


def read_tag(text: str) -> PrivateTag:
    """An entry of a project's own list, `(gggg,"CREATOR",ee)`.

    Raises:
        Misconfigured: it is not of this form, or of no private group.
    """
    match = _NOTATION.fullmatch(text.strip())
    if match is None or int(match[1], 16) % 2 == 0 or int(match[1], 16) < 9:
        cure = 'Write (gggg,"CREATOR",ee): an odd group, the creator as it stands in the files, two hexadecimal digits.'
        raise Misconfigured("SafePrivate", f"'{text}' means no private attribute", cure)
    return int(match[1], 16), match[2].strip(), int(match[3], 16)


def safe_rules(
    rows: Iterable[Mapping[str, str]], own: Iterable[str], dates: Action, uids: Action
) -> dict[PrivateTag, Rule]:
    """The rules for table E.3.10-1 and for a project's own list.

    Args:
        rows: of the table.
        own: entries of the project.
        dates: what becomes of dates: KEEP_DATE, SHIFT or REMOVE.
        uids: what becomes of UIDs: KEEP or UID.
    """
    found = {}
    for row in rows:
        tag = (int(row["group"], 16), row["private_creator"].strip(), int(row["element"], 16))
        found[tag] = _rule("OB or OW" if row["vr"] == "OW/OB" else row["vr"], dates, uids)
    for entry in own:
        tag = read_tag(entry)
        found.setdefault(tag, Rule(Action.KEEP, "", origin="safe private"))
    return found


def rules_here(
    elements: Dataset, safe: Mapping[PrivateTag, Rule], character_set: bytes | memoryview
) -> dict[int, Rule]:
    """Tag → rule for the private elements of one dataset that are safe, and for the creators of their blocks."""
    creators: dict[int, str] = {}
    found: dict[int, Rule] = {}
    for element in elements:
        group, number = element.tag >> 16, element.tag & 0xFFFF
        if not group & 1:
            continue
        if 0x10 <= number <= 0xFF and element.items is None:
            creators[group << 16 | number] = decoded(element.value, character_set).strip("\0 ")
        elif number >= 0x1000:
            block = group << 16 | number >> 8
            safe_tag = (group, creators.get(block, ""), number & 0xFF)
            rule = safe.get(safe_tag)
            if rule is not None:
                found[element.tag] = rule if rule.vr else _by_file(element.vr, safe_tag, rule)
                found[block] = _CREATOR
    return found


def _rule(vr: str, dates: Action, uids: Action) -> Rule:
    origin = "safe private"
    if vr in TEXT_VRS:
        return Rule(Action.CLEAN, vr, origin=origin)
    if vr in DATE_VRS:
        return Rule(dates, vr, origin=origin)
    if vr == "UI":
        return Rule(uids, vr, origin=origin)
    return Rule(Action.KEEP, vr, origin=origin)


def _by_file(vr: str, tag: PrivateTag, rule: Rule) -> Rule:
    """The file says which VR it is, or else pydicom's dictionary; what neither of them knows, goes."""
    vr = _known_vr(tag) if vr == "UN" else vr
    if vr in DATE_VRS or vr in ("", "UN"):
        return replace(rule, action=Action.REMOVE, vr=vr)
    if vr == "UI":
        return replace(rule, action=Action.UID, vr=vr)
    return replace(rule, action=Action.CLEAN if vr in TEXT_VRS else rule.action, vr=vr)


def _known_vr(tag: PrivateTag) -> str:
    """As pydicom's dictionary of private attributes has it; "" if it does not."""
    group, creator, element = tag
    known = private_dictionaries.get(creator, {})
    entry = known.get(f"{group:04X}xx{element:02X}") or known.get(f"{group:04X}xx{element:02x}")
    return entry[0] if entry else ""

"""Safe private attributes (PS3.15 E.3.10), by their creator, in each dataset separately.

A private attribute is identified by its group, the creator of its block and the last two digits of its element; the
block differs between datasets (PS3.5 7.8.1). Safe attributes stand in the standard's table, in the lists of vendors
that SendIt has (`tables/private/`), and in a project's own list.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pydicom._private_dict import private_dictionaries

from sendit.deidentify.dicom.dataset import BINARY_VRS, BYTES_VRS, DATE_VRS, TEXT_VRS, Dataset, Element, Encoding
from sendit.deidentify.dicom.reader import items_of
from sendit.deidentify.dicom.text import decoded
from sendit.deidentify.plan import Action, Rule
from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Group, creator, the last two digits of the element.
PrivateTag = tuple[int, str, int]

#: In a project's list: all lists of vendors, and before the name of one.
ALL_VENDORS, VENDOR = "vendors", "vendor:"
#: The lists, by the names that a project calls them by.
VENDORS: Mapping[str, str] = {
    "Siemens": "siemens",
    "GE": "ge",
    "Philips": "philips",
    "Canon": "canon",
    "Toshiba": "canon",
    "UIH": "uih",
    "Hitachi": "hitachi",
    "Bruker": "bruker",
    "Accuray": "accuray",
    "Agfa": "agfa",
    "Brainlab": "brainlab",
    "Camtronics": "camtronics",
    "Eigen": "eigen",
    "Elekta": "elekta",
    "Fuji": "fuji",
    "IMS": "ims",
    "PMOD": "pmod",
    "RaySearch": "raysearch",
    "Swissvision": "swissvision",
}
#: Loss with an attribute of these roles: what the values of pixels are, in which order and where they lie.
TELLING_ROLES = frozenset({"scale", "order", "locate", "diffusion"})

_NOTATION = re.compile(r'\(([0-9a-fA-F]{4}),\s*"([^"\\]{1,64})",\s*([0-9a-fA-F]{2})\)')
_CREATOR = Rule(Action.KEEP, "LO", origin="creator")
_ORIGIN = "safe private"
_NUMBERS = BINARY_VRS | {"DS", "IS"}
#: Name in the dictionary of an attribute of which only the VR is known.
_NO_NAME = re.compile("Unknown|Private|Custom Tag|Internal Data")
_ONE_NUMBER = r"[ ]*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[ ]*"


@dataclass(frozen=True, slots=True)
class VendorAttribute:
    """One row of the list of a vendor; tables/private/README.md says what the columns mean."""

    tag: PrivateTag
    vr: str
    name: str
    role: str
    form: str
    values: str
    safe: str
    readers: str


@cache
def vendor_list(vendor: str) -> tuple[VendorAttribute, ...]:
    """Return the list of a vendor, by its name of `VENDORS`."""
    lines = (
        (files("sendit.deidentify") / "tables" / "private" / f"{VENDORS[vendor]}.csv").read_text("utf-8").split("\n")
    )
    named = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# @"))
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return tuple(
        VendorAttribute(
            (int(row["group"], 16), row["creator"].strip(), int(row["element"], 16)),
            row["vr"],
            row["name"],
            row["role"],
            row["form"],
            named.get(row["values"], row["values"]),
            row["safe"],
            row["readers"],
        )
        for row in rows
    )


@cache
def vendor_attributes() -> Mapping[PrivateTag, VendorAttribute]:
    """Return the attributes of all lists."""
    return {attribute.tag: attribute for vendor in VENDORS for attribute in vendor_list(vendor)}


def listed_attribute(tag: PrivateTag) -> VendorAttribute | None:
    """Return the row of an attribute in the lists; older software writes its creator in capitals."""
    attribute = vendor_attributes().get(tag)
    return attribute if attribute is not None else _in_capitals().get((tag[0], tag[1].upper(), tag[2]))


def is_creator(tag: int) -> bool:
    """Return whether a private element names the creator of a block."""
    return bool(tag >> 16 & 1) and 0x10 <= tag & 0xFFFF <= 0xFF


@lru_cache(maxsize=1024)
def is_listed_creator(text: str) -> bool:
    """Return whether the lists of vendors have a creator."""
    return text.strip(" \0").upper() in _creators_of_lists()


@cache
def _creators_of_lists() -> frozenset[str]:
    return frozenset(name.upper() for _, name, _ in vendor_attributes())


@cache
def _in_capitals() -> Mapping[PrivateTag, VendorAttribute]:
    return {(group, name.upper(), element): one for (group, name, element), one in vendor_attributes().items()}


def check_entry(text: str) -> None:
    """Check an entry of a project's list.

    Raises:
        Misconfigured: it means no list and no private attribute.
    """
    if text != ALL_VENDORS and not text.startswith(VENDOR):
        read_tag(text)
    elif text != ALL_VENDORS and text.removeprefix(VENDOR) not in VENDORS:
        vendors = ", ".join(f"{VENDOR}{name}" for name in VENDORS)
        raise Misconfigured(
            "SafePrivate", f"'{text}' names no list of SendIt", f"Write {ALL_VENDORS}, or one of {vendors}."
        )


def read_tag(text: str) -> PrivateTag:
    """Read an entry of a project's own list, `(gggg,"CREATOR",ee)`.

    Raises:
        Misconfigured: it does not have this form, or its group is not private.
    """
    match = _NOTATION.fullmatch(text.strip())
    if match is None or int(match[1], 16) % 2 == 0 or int(match[1], 16) < 9:
        remedy = (
            'Write (gggg,"CREATOR",ee): an odd group, the creator as it stands in the files, two hexadecimal digits; '
            f"or {VENDOR}NAME, or {ALL_VENDORS}."
        )
        raise Misconfigured("SafePrivate", f"'{text}' is not a private attribute", remedy)
    return int(match[1], 16), match[2].strip(), int(match[3], 16)


def safe_rules(
    rows: Iterable[Mapping[str, str]], own: Iterable[str], dates: Action, uids: Action
) -> dict[PrivateTag, Rule]:
    """Return the rules of Table E.3.10-1, overridden by those of a project's own list and of the vendors that it names.

    Args:
        rows: rows of the table.
        own: entries of the project's own list.
        dates: the action for dates: KEEP_DATE, SHIFT or REMOVE.
        uids: the action for UIDs: KEEP or UID.
    """
    rules = {}
    for row in rows:
        tag = (int(row["group"], 16), row["private_creator"].strip(), int(row["element"], 16))
        rules[tag] = _rule("OB or OW" if row["vr"] == "OW/OB" else row["vr"], dates, uids)
    entries = list(own)
    for attribute in _named(entries):
        rule = _rule(attribute.vr, dates, uids)
        if attribute.form:
            rule = replace(rule, action=Action.CLEAN)
        rule = replace(rule, form=attribute.form, values=attribute.values)
        group, creator, element = attribute.tag
        rules[attribute.tag] = rules[group, creator.upper(), element] = rule  # older software writes it in capitals
    for entry in entries:
        if entry != ALL_VENDORS and not entry.startswith(VENDOR):
            rules.setdefault(read_tag(entry), Rule(Action.KEEP, "", origin=_ORIGIN))
    return rules


def _named(entries: Iterable[str]) -> Iterator[VendorAttribute]:
    """Yield the attributes of the lists that a project names."""
    for entry in entries:
        check_entry(entry)
        if entry == ALL_VENDORS:
            yield from vendor_attributes().values()
        elif entry.startswith(VENDOR):
            yield from vendor_list(entry.removeprefix(VENDOR))


def open_sequences(
    elements: Dataset,
    safe: Mapping[PrivateTag, Rule],
    encoding: Encoding,
    character_set: bytes | memoryview = b"",
    inherited: Mapping[int, str] | None = None,
) -> None:
    """Take apart the sequences among safe private attributes that came as UN, as all do in implicit VR (PS3.5 6.2.2).

    What is no sequence stays as it is; the rule for a sequence then removes it.
    """
    creators = _creators(elements, character_set, inherited)
    for element in elements:
        private = bool(element.tag >> 16 & 1)
        if private and element.vr == "UN" and element.items is None:
            _, rule = _known_rule(element.tag, creators, safe)
            if rule is not None and rule.vr == "SQ":
                items = items_of(element.value, encoding)
                if items is not None:
                    element.vr, element.value, element.items = "SQ", b"", items
        for item in element.items or ():
            open_sequences(item, safe, encoding, character_set, creators if private else None)


def rules_here(
    elements: Dataset,
    safe: Mapping[PrivateTag, Rule],
    character_set: bytes | memoryview,
    inherited: Mapping[int, str] | None = None,
) -> tuple[dict[int, Rule], Mapping[int, str]]:
    """Return the rules for the safe private elements of one dataset and for the creators of their blocks, by tag.

    Args:
        elements: the dataset.
        safe: rules by creator.
        character_set: SpecificCharacterSet of the text.
        inherited: creators of the dataset around an item of a private sequence, for blocks that the item names none
            of: UIH writes such items.

    Returns:
        The rules, and the creators that hold in this dataset.
    """
    creators = _creators(elements, character_set, inherited)
    rules: dict[int, Rule] = {}
    if not creators:
        return rules, creators
    for element in elements:
        if element.tag >> 16 & 1 and element.tag & 0xFFFF >= 0x1000:
            tag, rule = _known_rule(element.tag, creators, safe)
            if rule is not None:
                rules[element.tag] = _for_element(rule, element) if rule.vr else _by_file(element.vr, tag, rule)
                rules[element.tag >> 16 << 16 | element.tag >> 8 & 0xFF] = _CREATOR
    return rules, creators


def elements_of(elements: Dataset, tag: PrivateTag) -> list[Element]:
    """Return the elements of one dataset that are a private attribute, and no sequence."""
    creators = _creators(elements, b"", None)
    return [
        one
        for one in elements
        if one.items is None
        and (one.tag >> 16, creators.get(one.tag >> 16 << 16 | one.tag >> 8 & 0xFF), one.tag & 0xFF) == tag
    ]


def _creators(
    elements: Dataset, character_set: bytes | memoryview, inherited: Mapping[int, str] | None
) -> Mapping[int, str]:
    """Return the creators of blocks, by group and number of the block."""
    creators = dict(inherited or {})
    for element in elements:
        if is_creator(element.tag) and element.items is None:
            creators[element.tag] = decoded(element.value, character_set).strip("\0 ")
    return creators


def _known_rule(
    tag: int, creators: Mapping[int, str], safe: Mapping[PrivateTag, Rule]
) -> tuple[PrivateTag, Rule | None]:
    """Return the attribute that a tag means here, and its rule."""
    group, creator = tag >> 16, creators.get(tag >> 16 << 16 | tag >> 8 & 0xFF, "")
    rule = safe.get((group, creator, tag & 0xFF)) or safe.get((group, creator.upper(), tag & 0xFF))
    return (group, creator, tag & 0xFF), rule


def _rule(vr: str, dates: Action, uids: Action) -> Rule:
    if vr in TEXT_VRS:
        return Rule(Action.CLEAN, vr, origin=_ORIGIN)
    if vr in DATE_VRS:
        return Rule(dates, vr, origin=_ORIGIN)
    if vr == "UI":
        return Rule(uids, vr, origin=_ORIGIN)
    return Rule(Action.KEEP, vr, origin=_ORIGIN)


def _for_element(rule: Rule, element: Element) -> Rule:
    """Return the rule for a value with another VR than in the list: versions of a vendor's software differ.

    A number stays one, of the file's VR; a text has to read as the number, or the text, that the list expects.
    """
    vr = element.vr
    if vr in ("UN", rule.vr) or rule.form or rule.vr == "SQ" or vr == "SQ" or rule.vr in DATE_VRS or vr in DATE_VRS:
        return rule
    if rule.vr in _NUMBERS:
        if vr in _NUMBERS or vr in BYTES_VRS:
            return replace(rule, vr=vr)
        if vr in TEXT_VRS:
            return replace(rule, action=Action.CLEAN, vr=vr, values=_ONE_NUMBER)
    elif rule.vr in TEXT_VRS or rule.vr == "CS":
        if vr in TEXT_VRS:
            return replace(rule, action=Action.CLEAN, vr=vr)
        if vr == "CS" or vr in _NUMBERS:
            return replace(rule, action=Action.KEEP, vr=vr)
    return rule


def _by_file(vr: str, tag: PrivateTag, rule: Rule) -> Rule:
    """Return the rule with the VR of the file or of pydicom's dictionary; without either, the element is removed."""
    vr = dictionary_entry(tag)[0] if vr == "UN" else vr
    if vr in DATE_VRS or vr in ("", "UN"):
        return replace(rule, action=Action.REMOVE, vr=vr)
    if vr == "UI":
        return replace(rule, action=Action.UID, vr=vr)
    return replace(rule, action=Action.CLEAN if vr in TEXT_VRS else rule.action, vr=vr)


def dictionary_entry(tag: PrivateTag) -> tuple[str, str]:
    """Return VR and name in pydicom's dictionary of private attributes; "" where it has none."""
    group, creator, element = tag
    entries = private_dictionaries.get(creator, {})
    blocks = ("xx", "10", "00")  # some entries name the block in which they were seen
    forms = (f"{group:04X}{block}{number}" for block in blocks for number in (f"{element:02X}", f"{element:02x}"))
    entry = next((entries[form] for form in forms if form in entries), None)
    return (entry[0], _NO_NAME.sub("", entry[2])) if entry else ("", "")

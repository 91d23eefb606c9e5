"""Writes docs/profile.md, and the generated parts of docs/deidentification.md: what is done to which attribute.

python -m scripts.profile_docs          writes them

Everything comes from the plans that the engine executes, never from the tables that they were made of; the tables only
say which attributes are listed, and in which words.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydicom.datadict import dictionary_VR, keyword_for_tag

from scripts.wording import Part, plans, word
from sendit.deidentify import Plan, compile_plan
from sendit.deidentify.known import kinds_by_tag
from sendit.deidentify.profile import EDITION, allowlist, listed
from sendit.deidentify.tokens import Kind
from sendit.deidentify.values import DUMMIES
from sendit.settings import Option

DOCS = Path(__file__).parents[1] / "docs"
PROFILE = DOCS / "profile.md"
DEIDENTIFICATION = DOCS / "deidentification.md"

#: What each option does, in a sentence; how many attributes it changes is counted.
OPTIONS: Mapping[Option, str] = {
    Option.RETAIN_UIDS: "UIDs that the table marks K stay as they are",
    Option.RETAIN_DEVICE_IDENTITY: "what the table marks K stays: serial numbers, stations, calibration dates; what it "
    "marks C (AE titles, dates) is treated as without the option",
    Option.RETAIN_INSTITUTION_IDENTITY: "what the table marks K stays: names and addresses of institutions",
    Option.RETAIN_PATIENT_CHARACTERISTICS: "what the table marks K stays: sex, age, size, weight and the like; text "
    "that it marks C is cleaned",
    Option.RETAIN_LONGITUDINAL_FULL_DATES: "dates and times stay; what is no date is treated as without the option",
    Option.RETAIN_LONGITUDINAL_MODIFIED_DATES: "dates move back by the patient's offset; times of day, zones and "
    "missing parts stay as they are. Dates of the device are treated as without the option: they are known from "
    "elsewhere, and moved they would disclose the offset",
    Option.RETAIN_SAFE_PRIVATE: "the private attributes of table E.3.10-1 stay, and those of the project's own "
    "`SafePrivate` list; see below",
    Option.CLEAN_DESCRIPTORS: "text that the table marks C stays, cleaned; sequences that it marks stay, and their "
    "items are gone through",
    Option.CLEAN_STRUCTURED_CONTENT: "content items keep their text, cleaned; contexts and specimen preparations stay, "
    "gone through",
    Option.CLEAN_GRAPHICS: "overlays that mark a region (type R) and the text of annotations stay, cleaned; drawings "
    "(type G) and curves go",
    Option.CLEAN_PIXEL_DATA: "text burned into pixels is made black, or the instance is held; "
    "see [pixels.md](pixels.md)",
    Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES: "refused: faces stay; see [the decision](decisions/0011-faces.md)",
}


def _tag(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


# --- docs/deidentification.md ---------------------------------------------------------------------------------------


def _changes(basic: Plan, plan: Plan) -> str:
    """How many attributes a plan treats otherwise than the Basic profile, and how."""
    counts: Counter[tuple[str, str]] = Counter()
    for tag, rule in plan.rules.items():
        before, after = word(basic.rules.get(tag)), word(rule)
        if before != after and not 0x6000 <= tag >> 16 <= 0x60FF:
            counts[before, after] += 1
    said = [f"{number} {before} → {after}" for (before, after), number in counts.most_common()]
    if plan.graphics:
        kept = sum(tag >> 16 == 0x6000 for tag in plan.rules)
        said.append(f"{kept} of each overlay removed → kept or cleaned")
    if plan.private:
        said.append(f"{len(plan.private)} private ones removed → kept or cleaned")
    return "; ".join(said)


def option_table() -> str:
    """Every option: what it does, and what it changes."""
    basic, known = compile_plan([], []), plans()
    rows = []
    for option in Option:
        changes = _changes(basic, known[option]) if option in known else ""
        rows.append([f"`{option}`", OPTIONS[option], changes])
    return _table(("Option", "What it does", "Attributes that it changes"), rows)


def default_table() -> str:
    """By VR, what becomes of an attribute of the standard that neither Table E.1-1 nor the allowlist names."""
    rules, named = compile_plan([], []).rules, listed().keys() | allowlist().keys()
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for tag, rule in rules.items():
        if tag not in named:
            found[word(rule) if rule.vr != "SQ" else "gone through"][rule.vr] += 1
    order = ("kept", "gone through", "coded", "removed")
    rows = [[w, ", ".join(f"{vr} {n}" for vr, n in sorted(found[w].items())), str(found[w].total())] for w in order]
    assert set(found) == set(order), "another form than these: name it above"
    return _table(("What becomes of it", "VR and number of attributes", "Sum"), rows)


# --- docs/profile.md ------------------------------------------------------------------------------------------------


def _options_of(tag: int, basic: Plan, known: Mapping[Option, Plan]) -> str:
    """What each option that changes something makes of an attribute."""
    by_word: dict[str, list[str]] = defaultdict(list)
    for option, plan in known.items():
        found = word(plan.rules.get(tag))
        if found != word(basic.rules.get(tag)):
            by_word[found].append(str(option))
    return "; ".join(f"{found}: {', '.join(options)}" for found, options in by_word.items())


def _rows() -> Iterator[list[str]]:
    basic, known = compile_plan([], []), plans()
    for tag, row in sorted(listed().items()):
        vr = dictionary_VR(tag) if keyword_for_tag(tag) else "?"
        name = keyword_for_tag(tag) or row["keyword"]
        yield [name, _tag(tag), vr, row["basic_profile"], word(basic.rules[tag]), _options_of(tag, basic, known)]


def _allowlist_table() -> str:
    basic, known = compile_plan([], []), plans()
    cells: dict[tuple[str, str], list[str]] = defaultdict(list)
    for tag in sorted(allowlist()):
        cells[word(basic.rules[tag]), _options_of(tag, basic, known)].append(keyword_for_tag(tag))
    return _table(
        ("What becomes of it", "With options", "Attributes"),
        ([what, options, ", ".join(names)] for (what, options), names in sorted(cells.items())),
    )


def _identifying_table() -> str:
    cells: dict[str, list[str]] = defaultdict(list)
    for tag, kind in kinds_by_tag().items():
        if dictionary_VR(tag) not in ("PN", "UI", "DA", "DT") or kind is Kind.PATIENT:
            cells[str(kind)].append(keyword_for_tag(tag))
    return _table(("What the proof takes it for", "Attributes"), ([k, ", ".join(v)] for k, v in sorted(cells.items())))


def _dummies_table() -> str:
    by_value: dict[str, list[str]] = defaultdict(list)
    for vr, value in sorted(DUMMIES.items()):
        by_value[value.decode("ascii") if value.strip(b"\0") else f"{len(value)} zero bytes"].append(vr)
    return _table(("Dummy", "VR"), ([f"`{value}`", ", ".join(vrs)] for value, vrs in by_value.items()))


def generate() -> str:
    """All of docs/profile.md."""
    rows = list(_rows())
    counts = Counter(row[4] for row in rows)
    listed_counts = ", ".join(f"{number} {what}" for what, number in counts.most_common())
    head = ("Attribute", "Tag", "VR", "Table", "Basic profile", "With one option")
    return f"""# The profile, attribute by attribute

Written by `python -m scripts.profile_docs` from the plans that SendIt executes, and held to them by a test: do not
edit it. In which order recipes, options, profile and allowlist decide: [deidentification.md](deidentification.md).

- kept: stays, after it was looked at as everything that stays is.
- removed: not in the output. emptied: there, without a value. a dummy: a valid value that says nothing.
- coded: a UID or a number under the project's key. the pseudonym: the patient's.
- gone through: a sequence that stays; each attribute in its items is treated by its own rule.
- cleaned: text without what is a person's. moved by whole weeks: a date, back by the patient's offset.

Where several options meet in one attribute, one that keeps it goes before one that moves it, and that before one that
cleans it.

## Table E.1-1 of PS3.15, edition {EDITION}

{len(rows)} attributes, at every depth: {listed_counts}.
"Table" is the code in the standard's column for the Basic profile; "With one option" what that option, alone,
changes. The four rows of the table that are patterns have no rule, and what has no rule goes: private attributes,
curves (50xx), OverlayComments and OverlayData (60xx); `RetainSafePrivate` and `CleanGraphics` keep some of them.
Attributes with the VR "?" are of a later edition than pydicom's dictionary and go, whatever the options. Of the group
0002 nothing is taken over: SendIt writes the file meta information itself.

{_table(head, rows)}
## Text and bytes that stay: the allowlist

Not in Table E.1-1. They are about the technique, and research needs them; each text is cleaned of the names,
identifiers and places of its instance all the same.

{_allowlist_table()}
## All other attributes of the standard

{default_table()}
## What identifies

Beside all names of persons (PN), UIDs, and dates (DA, DT), the proof searches every output for the values of:

{_identifying_table()}
## Dummies

{_dummies_table()}"""


def parts() -> list[Part]:
    """The generated parts of docs/deidentification.md."""
    return [
        Part(DEIDENTIFICATION, "options (scripts/profile_docs.py)", option_table()),
        Part(DEIDENTIFICATION, "default deny (scripts/profile_docs.py)", default_table()),
    ]


if __name__ == "__main__":
    PROFILE.write_text(generate(), encoding="utf-8")
    text = DEIDENTIFICATION.read_text(encoding="utf-8")
    for part in parts():
        text = part.renewed(text)
    DEIDENTIFICATION.write_text(text, encoding="utf-8")

"""Write docs/profile.md, and the generated parts of docs/deidentification.md: the rule of each attribute.

python -m scripts.profile_docs          writes them

Everything comes from the plans that the engine executes, never from the tables that they were compiled from; the
tables only determine which attributes are listed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.datadict import dictionary_VR, keyword_for_tag

from scripts.wording import Part, plans, word
from sendit.config.schema import Option
from sendit.deidentify import Plan, compile_plan
from sendit.deidentify.leak_check.identifiers import kinds_by_tag
from sendit.deidentify.leak_check.spellings import Kind
from sendit.deidentify.profile.table import EDITION, allowlist, listed
from sendit.deidentify.replacements import DUMMIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DOCS = Path(__file__).parents[1] / "docs"
PROFILE = DOCS / "profile.md"
DEIDENTIFICATION = DOCS / "deidentification.md"

#: The effect of each option in a sentence; the number of attributes that it changes is counted.
OPTIONS: Mapping[Option, str] = {
    Option.RETAIN_UIDS: "UIDs that the table marks K are retained",
    Option.RETAIN_DEVICE_IDENTITY: "attributes that the table marks K are retained: serial numbers, stations, "
    "calibration dates; those that it marks C (AE titles, dates) are treated as without the option",
    Option.RETAIN_INSTITUTION_IDENTITY: "attributes that the table marks K are retained: names and addresses "
    "of institutions",
    Option.RETAIN_PATIENT_CHARACTERISTICS: "attributes that the table marks K are retained: sex, age, size, "
    "weight and the like; text that it marks C is cleaned",
    Option.RETAIN_LONGITUDINAL_FULL_DATES: "dates and times are retained; all else is treated as without the option",
    Option.RETAIN_LONGITUDINAL_MODIFIED_DATES: "dates are shifted back by the patient's offset; times of day, time "
    "zones and missing parts are retained. Dates of the device, and of what is published (versions of code tables, "
    "approvals, products), are treated as without the option: they are known from elsewhere, and "
    "would disclose the offset if they were shifted",
    Option.RETAIN_SAFE_PRIVATE: "the private attributes of Table E.3.10-1 are retained, those of SendIt's lists of "
    "vendors, and those of the project's own `SafePrivate` list; see below. Counted is the table",
    Option.CLEAN_DESCRIPTORS: "text that the table marks C is cleaned and retained; the items of sequences that it "
    "marks are processed",
    Option.CLEAN_STRUCTURED_CONTENT: "the text of content items is cleaned and retained; the items of contexts and "
    "specimen preparations are processed",
    Option.CLEAN_GRAPHICS: "overlays that mark a region (type R) and the text of annotations are cleaned and "
    "retained; drawings (type G) and curves are removed",
    Option.CLEAN_PIXEL_DATA: "text burned into pixels is made black, or the instance is quarantined; "
    "see [pixels.md](pixels.md)",
    Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES: "refused: SendIt does not deface; "
    "see [the decision](decisions/0011-faces.md)",
}


def _tag(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


# --- docs/deidentification.md ---------------------------------------------------------------------------------------


def _changes(basic: Plan, plan: Plan) -> str:
    """Count the attributes that a plan treats otherwise than the Basic profile, by what changes."""
    counts: Counter[tuple[str, str]] = Counter()
    for tag, rule in plan.rules.items():
        before, after = word(basic.rules.get(tag)), word(rule)
        if before != after and not 0x6000 <= tag >> 16 <= 0x60FF:
            counts[before, after] += 1
    changes = [f"{number} {before} → {after}" for (before, after), number in counts.most_common()]
    if plan.graphics:
        retained = sum(tag >> 16 == 0x6000 for tag in plan.rules)
        changes.append(f"{retained} of each overlay removed → kept or cleaned")
    if plan.private:
        changes.append(f"{len(plan.private)} private ones removed → kept or cleaned")
    return "; ".join(changes)


def option_table() -> str:
    """Return the table of the options: the effect of each, and the attributes that it changes."""
    basic, known = compile_plan([], []), plans()
    rows = []
    for option in Option:
        changes = _changes(basic, known[option]) if option in known else ""
        rows.append([f"`{option}`", OPTIONS[option], changes])
    return _table(("Option", "Effect", "Attributes that it changes"), rows)


def default_table() -> str:
    """Return, by VR, the rules of the standard's attributes that neither Table E.1-1 nor the allowlist names."""
    rules, named = compile_plan([], []).rules, listed().keys() | allowlist().keys()
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for tag, rule in rules.items():
        if tag not in named:
            found[word(rule) if rule.vr != "SQ" else "items processed"][rule.vr] += 1
    order = ("kept", "items processed", "coded", "removed")
    rows = [[w, ", ".join(f"{vr} {n}" for vr, n in sorted(found[w].items())), str(found[w].total())] for w in order]
    assert set(found) == set(order), "another form than these: name it above"
    return _table(("Rule", "VR and number of attributes", "Sum"), rows)


# --- docs/profile.md ------------------------------------------------------------------------------------------------


def _options_of(tag: int, basic: Plan, known: Mapping[Option, Plan]) -> str:
    """Return the rule of an attribute under each option that changes it."""
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
        ("Rule", "With options", "Attributes"),
        ([what, options, ", ".join(names)] for (what, options), names in sorted(cells.items())),
    )


def _identifying_table() -> str:
    cells: dict[str, list[str]] = defaultdict(list)
    for tag, kind in kinds_by_tag().items():
        if dictionary_VR(tag) not in ("PN", "UI", "DA", "DT") or kind is Kind.PATIENT:
            cells[str(kind)].append(keyword_for_tag(tag))
    return _table(("Kind of identifier", "Attributes"), ([k, ", ".join(v)] for k, v in sorted(cells.items())))


def _dummies_table() -> str:
    by_value: dict[str, list[str]] = defaultdict(list)
    for vr, value in sorted(DUMMIES.items()):
        by_value[value.decode("ascii") if value.strip(b"\0") else f"{len(value)} zero bytes"].append(vr)
    return _table(("Dummy", "VR"), ([f"`{value}`", ", ".join(vrs)] for value, vrs in by_value.items()))


def generate() -> str:
    """Return docs/profile.md."""
    rows = list(_rows())
    counts = Counter(row[4] for row in rows)
    listed_counts = ", ".join(f"{number} {what}" for what, number in counts.most_common())
    head = ("Attribute", "Tag", "VR", "Table", "Basic profile", "With one option")
    return f"""# The profile, attribute by attribute

Generated by `python -m scripts.profile_docs` from the plans that SendIt executes, and compared with them by a test:
do not edit it. The order in which recipes, options, profile and allowlist decide:
[deidentification.md](deidentification.md).

- kept: retained, after the checks that every retained value passes.
- removed: not in the output. emptied: present without a value. dummy value: a valid value without meaning.
- coded: a UID or a number computed under the project's key. pseudonym: the patient's pseudonym.
- items processed: a sequence that is retained; each attribute in its items has its own rule.
- cleaned: text without identifiers. shifted by whole weeks: a date, moved back by the patient's offset.

Where several options apply to one attribute, keeping takes precedence over shifting, and shifting over cleaning.

## Table E.1-1 of PS3.15, edition {EDITION}

{len(rows)} attributes, at every depth: {listed_counts}.
"Table" is the code in the standard's column for the Basic profile; "With one option" is the rule under that option
alone. The four rows of the table that are patterns have no rule, and attributes without a rule are removed: private
attributes, curves (50xx), OverlayComments and OverlayData (60xx); `RetainSafePrivate` and `CleanGraphics` keep some of
them. Attributes with the VR "?" belong to a later edition than pydicom's dictionary and are always removed. Nothing of
group 0002 is copied: SendIt writes the file meta information itself.

{_table(head, rows)}
## Text and bytes that are retained: the allowlist

These attributes are not in Table E.1-1. They describe the technique, and research needs them. Each text is still
cleaned of the names, identifiers and places of its instance.

{_allowlist_table()}
## All other attributes of the standard

{default_table()}
## Identifying attributes

Besides all names of persons (PN), UIDs and dates (DA, DT), the leak check searches every output for the values of:

{_identifying_table()}
## Dummies

{_dummies_table()}"""


def parts() -> list[Part]:
    """Return the generated parts of docs/deidentification.md."""
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

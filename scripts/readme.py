"""Writes the generated part of README.md: what is removed, replaced and kept, as the code decides it.

python -m scripts.readme          writes it
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydicom.datadict import tag_for_keyword

from sendit.deidentify import Action, Plan, compile_plan
from sendit.errors import Misconfigured
from sendit.settings import Option

README = Path(__file__).parents[1] / "README.md"
BEGIN = "<!-- generated: what is removed, replaced and kept (scripts/readme.py) -->\n"
END = "<!-- end of generated -->\n"

#: What people ask about first.
ASKED = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "AccessionNumber",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "SeriesDescription",
    "ReferringPhysicianName",
    "InstitutionName",
    "StationName",
    "DeviceSerialNumber",
    "Manufacturer",
    "ManufacturerModelName",
    "SoftwareVersions",
    "SOPInstanceUID",
    "FrameOfReferenceUID",
    "SliceThickness",
    "KVP",
    "PixelData",
]

WORDS = {
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


def _word(plan: Plan, keyword: str) -> str:
    rule = plan.rules.get(int(tag_for_keyword(keyword) or 0))
    if rule is not None and rule.action is Action.SHIFT and rule.vr == "TM":
        return "kept"  # whole weeks do not change the time of day
    return "removed" if rule is None else WORDS.get(rule.action, "kept")


def _plans() -> dict[Option, Plan]:
    """The plan of each option that this version has, alone on the Basic profile."""
    found = {}
    for option in Option:
        try:
            found[option] = compile_plan([option], [])
        except Misconfigured:
            continue
    return found


def _row(keyword: str, basic: Plan, plans: dict[Option, Plan]) -> str:
    word = _word(basic, keyword)
    others = {option: _word(plan, keyword) for option, plan in plans.items()}
    changed = [f"{other} with `{option}`" for option, other in others.items() if other != word]
    return f"| {keyword} | {word} | {', '.join(changed)} |"


def generate() -> str:
    """The text between the marks."""
    basic, plans = compile_plan([], []), _plans()
    counts = Counter(WORDS.get(rule.action, "kept") for rule in basic.rules.values())
    rows = "\n".join(_row(keyword, basic, plans) for keyword in ASKED)
    listed = ", ".join(f"{count} {word}" for word, count in counts.most_common())
    return f"""## What is removed, replaced and kept

Every attribute of the standard has a rule, at every depth; by the Basic profile: {listed}.
What has no rule goes: private attributes, overlays, curves, unknown groups. More in `docs/deidentification.md`.

| Attribute | Basic profile | Otherwise |
| --- | --- | --- |
{rows}
"""


def renewed(text: str) -> str:
    """README's text with the generated part as the code has it now."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}{generate()}{END}{after}"


if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")

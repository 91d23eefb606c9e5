"""Writes the generated part of README.md: what is removed, replaced and kept, as the code decides it.

python -m scripts.readme          writes it
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydicom.datadict import tag_for_keyword

from scripts.wording import Part, plans, word
from sendit.deidentify import Plan, compile_plan
from sendit.deidentify.dataset import PIXEL_DATA
from sendit.settings import Option

README = Path(__file__).parents[1] / "README.md"
NAME = "what is removed, replaced and kept (scripts/readme.py)"

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


def _row(keyword: str, basic: Plan, known: dict[Option, Plan]) -> str:
    tag = int(tag_for_keyword(keyword) or 0)
    basically = word(basic.rules.get(tag))
    others = {option: word(plan.rules.get(tag)) for option, plan in known.items()}
    if tag == PIXEL_DATA:
        others[Option.CLEAN_PIXEL_DATA] = "text in them made black"
    changed = [f"{other} with `{option}`" for option, other in others.items() if other != basically]
    return f"| {keyword} | {basically} | {', '.join(changed)} |"


def generate() -> str:
    """The text between the marks."""
    basic, known = compile_plan([], []), plans()
    counts = Counter(word(rule) for rule in basic.rules.values())
    rows = "\n".join(_row(keyword, basic, known) for keyword in ASKED)
    listed = ", ".join(f"{count} {word}" for word, count in counts.most_common())
    return f"""## What is removed, replaced and kept

Every attribute of the standard has a rule, at every depth; by the Basic profile: {listed}.
What has no rule goes: private attributes, overlays, curves, unknown groups. Attribute by attribute:
[docs/profile.md](docs/profile.md); how it is decided: [docs/deidentification.md](docs/deidentification.md).

| Attribute | Basic profile | Otherwise |
| --- | --- | --- |
{rows}
"""


def part() -> Part:
    """The generated part of README.md."""
    return Part(README, NAME, generate())


if __name__ == "__main__":
    README.write_text(part().renewed(README.read_text(encoding="utf-8")), encoding="utf-8")

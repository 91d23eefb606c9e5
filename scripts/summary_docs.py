"""Write the generated part of docs/deidentification.md: what is removed, replaced and kept, as the code decides it.

python -m scripts.summary_docs          writes it
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydicom.datadict import tag_for_keyword

from scripts.wording import Part, plans, word
from sendit.config.schema import Option
from sendit.deidentify import Plan, compile_plan
from sendit.deidentify.dicom.dataset import PIXEL_DATA

DOCUMENT = Path(__file__).parents[1] / "docs" / "deidentification.md"
NAME = "what is removed, replaced and kept (scripts/summary_docs.py)"

#: The words of a table as they read in a sentence.
SENTENCE = {
    "dummy value": "replaced by a dummy value",
    "pseudonym": "replaced by the pseudonym",
    "items processed": "sequences whose items are processed recursively",
}
#: The attributes that people ask about first.
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


def _row(keyword: str, basic: Plan, options: dict[Option, Plan]) -> str:
    tag = int(tag_for_keyword(keyword) or 0)
    basically = word(basic.rules.get(tag))
    others = {option: word(plan.rules.get(tag)) for option, plan in options.items()}
    if tag == PIXEL_DATA:
        others[Option.CLEAN_PIXEL_DATA] = "text made black"
    changed = [f"{other} with `{option}`" for option, other in others.items() if other != basically]
    return f"| {keyword} | {basically} | {', '.join(changed)} |"


def generate() -> str:
    """Return the text between the marks."""
    basic, options = compile_plan([], []), plans()
    counts = Counter(word(rule) for rule in basic.rules.values())
    rows = "\n".join(_row(keyword, basic, options) for keyword in ASKED)
    listed = ", ".join(f"{count} {SENTENCE.get(word, word)}" for word, count in counts.most_common())
    return f"""Every attribute of the standard has a rule, at every depth. By the Basic profile: {listed}.
Whatever has no rule is removed: private attributes, overlays, curves, unknown groups. [profile.md](profile.md) lists
every attribute.

| Attribute | Basic profile | Otherwise |
| --- | --- | --- |
{rows}
"""


def part() -> Part:
    """Return the generated part of docs/deidentification.md."""
    return Part(DOCUMENT, NAME, generate())


def main() -> None:
    """Write it."""
    DOCUMENT.write_text(part().renewed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

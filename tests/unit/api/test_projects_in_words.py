"""What a project does, in words, and what differs between two versions of its rules."""

from __future__ import annotations

from typing import Any

import pytest

from sendit.api.viewer.projects import difference_of, profile_of
from sendit.config.schema import load

DESTINATIONS = {"research": {"Type": "Folder", "Path": "/srv/out"}, "other": {"Type": "Folder", "Path": "/srv/b"}}


def lines_of(name: str = "irb", **project: Any) -> dict[str, str]:
    section = {"Destinations": DESTINATIONS, "Projects": {"irb": {"Destinations": ["research"], **project}}}
    settings, _ = load({"SendIt": section})
    return {line.subject: line.text for line in profile_of(settings, name, settings.projects[name])}


@pytest.mark.parametrize(
    ("project", "subject", "text"),
    [
        ({"Match": {}}, "Studies", "all that no project before it takes"),
        ({"Match": {"Modality": ["CT", "MR"], "CalledAET": "X*"}}, "Studies", "Modality CT or MR, and CalledAET X*"),
        ({}, "Studies", "those of its watched folders and imports alone"),
        ({"Options": ["RetainLongitudinalModifiedDates"]}, "Dates", "whole weeks"),
        ({"Options": ["RetainLongitudinalFullDates"]}, "Dates", "stay as they are"),
        ({}, "Dates", "are removed"),
        ({"Options": ["RetainUIDs"]}, "UIDs", "stay as they are"),
        ({"Options": "Research"}, "Private attributes", "of vendors"),
        ({}, "Private attributes", "are removed"),
        ({"Options": []}, "Pixels", "text burned into them leaves"),
        ({"Pixels": {"DetectText": "Off"}}, "Pixels", "not searched for"),
        ({"Pixels": {"OnText": "Review"}}, "Pixels", "a person has to look"),
        ({"Identities": {"Source": "Csv", "Path": "/etc/list.csv"}}, "Pseudonyms", "from a list; the study"),
        ({"Identities": {"Source": "Service", "Url": "https://x", "Unknown": "Keyed"}}, "Pseudonyms", "under the key"),
        ({"Crosswalk": False}, "Crosswalk", "nobody can look originals up"),
        ({"AfterDelivery": "DeleteOriginals"}, "Originals", "are deleted once"),
        ({}, "Destinations", "research (Folder)"),
        ({}, "Release", "at once"),
        ({"Pixels": {"OnText": "Review"}}, "Release", "at once; what has text in its pixels once a person"),
        ({"Release": "Review"}, "Release", "once a person has accepted it: every study"),
        ({"Release": {"Review": {"Share": 5, "Persons": 2}}}, "Release", "once 2 people have accepted it: 5 % of"),
        ({"Release": {"Review": {"Modality": ["US"], "FirstOfDevice": 3}}}, "Release", "with US; the first 3 of each"),
    ],
)  # fmt: skip
def test_a_project_in_words(project: dict[str, Any], subject: str, text: str) -> None:
    assert text in lines_of(**project)[subject]


def test_a_variant_in_words() -> None:
    variants = {"Variants": {"strict": {"Options": ["RetainUIDs"], "Destinations": ["other"]}}}
    lines = lines_of("irb@strict", Match={}, **variants)
    assert lines["Studies"] == "those of the project irb, in another way"
    assert lines["Destinations"] == "other (Folder)"


def test_a_difference_of_rules() -> None:
    """Lists as what went and what came; texts as a unified difference; what is the same is not named."""
    recipe = {"name": "irb.deid", "text": "FORMAT dicom\nREMOVE Manufacturer\n"}
    old = {"options": ["A", "B"], "handling": {"on_text": "Mask"}, "recipes": [recipe], "edition": "2026d"}
    new = {
        "options": ["B", "C"], "handling": {"on_text": "Review"}, "edition": "2026d",
        "recipes": [{"name": "irb.deid", "text": "FORMAT dicom\nKEEP Manufacturer\n"}],
        "functions": {"name": "own.py", "text": "x = 1\n"},
    }  # fmt: skip
    found = difference_of("0" * 64, "1" * 64, {"0" * 64: old, "1" * 64: new})
    changes = {one.name: (one.old, one.new) for one in found.changes}
    assert changes == {"options": (["A"], ["C"]), "on_text": ("Mask", "Review"), "files": ([], ["own.py"])}
    assert "-REMOVE Manufacturer" in found.texts.split("\n")
    assert "+KEEP Manufacturer" in found.texts.split("\n")
    assert "+x = 1" in found.texts.split("\n")
    same = difference_of("0" * 64, "0" * 64, {"0" * 64: old})
    assert (same.changes, same.texts) == ([], "")

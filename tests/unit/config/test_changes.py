"""What differs between two configurations, in words."""

from __future__ import annotations

from typing import Any

import pytest

from sendit.config import changes
from sendit.config.schema import load

DOCUMENT: dict[str, Any] = {"OrthancPeers": {"research": ["http://127.0.0.1:8043/", "user", "planted"]}}
SECTION: dict[str, Any] = {
    "Destinations": {
        "research": {"Type": "OrthancPeer", "Peer": "research"},
        "web": {"Type": "DicomWeb", "Url": "https://a.example/", "Username": "u", "Password": "planted"},
    },
    "Projects": {
        "A": {
            "Match": {"Modality": ["CT"]},
            "Destinations": ["research"],
            "Variants": {"v": {"Destinations": ["web"]}},
        },
        "B": {"Destinations": ["research"]},
    },
}


def compared(after: dict[str, Any], before: dict[str, Any] = SECTION) -> list[str]:
    sections = (load({**DOCUMENT, "SendIt": section})[0] for section in (before, after))
    return changes.compare(*sections)


def project(**keys: Any) -> dict[str, Any]:
    """The section with these keys in project A."""
    projects = SECTION["Projects"]
    return {**SECTION, "Projects": {**projects, "A": {**projects["A"], **keys}}}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (SECTION, []),
        ({**SECTION, "Workers": 3}, ["Workers: 0 → 3"]),
        ({**SECTION, "Retention": {"JournalDays": 90}}, ["Retention.JournalDays: – → 90.0"]),
        (project(Options=["CleanPixelData", "CleanGraphics"]), ["project A: Options + CleanGraphics"]),
        (project(Options=[]), ["project A: Options − CleanPixelData"]),
        (project(Match={"Modality": ["MR"]}), ["project A: Match.Modality + MR; − CT"]),
        (project(Match=None), ["project A: Match: "]),
        (project(Variants={}), ["project A: Variants.v: "]),
        (project(Identities={"Source": "Csv", "Path": "/list.csv"}), ["project A: Identities.Source: Keyed → Csv"]),
        ({**SECTION, "Projects": dict(reversed(SECTION["Projects"].items()))}, ["order of the projects: B, A"]),
        ({**SECTION, "Projects": {"A": SECTION["Projects"]["A"]}}, ["project B: removed"]),
        (
            {**SECTION, "WatchedFolders": [{"Path": "/in", "Project": "A"}]},
            ['WatchedFolders[0]: – → {"Path": "/in", "Project": "A", "Polling": false'],
        ),
    ],
)
def test_each_difference_is_a_line(after: dict[str, Any], expected: list[str]) -> None:
    """The line begins so; what is the same is not named."""
    lines = compared(after)
    assert len(lines) >= len(expected)
    for line, beginning in zip(lines, expected, strict=False):
        assert line.startswith(beginning)
    assert bool(lines) == bool(expected)


def test_secrets_are_compared_and_not_shown() -> None:
    """Neither the old one nor the new one; that it changed is said."""
    web = SECTION["Destinations"]["web"]
    other = {**web, "Password": "planted too", "Headers": {"X-Key": "planted three"}}
    after = {**SECTION, "Destinations": {**SECTION["Destinations"], "web": other}}
    lines = compared(after)
    assert lines == ["destination web: Password: changed", "destination web: Headers.X-Key: changed"]
    assert "planted" not in " ".join(compared(SECTION, after) + lines)


def test_what_needs_a_restart() -> None:
    """The journal's place and Orthanc's own keys."""
    before, orthanc = load({**DOCUMENT, "SendIt": SECTION})
    section = {**SECTION, "Database": "postgresql://u:planted@h/d", "CrosswalkKeys": "/k"}
    peers = {"research": ["http://127.0.0.1:8043/", "user", "other"], "new": ["http://127.0.0.1:9/"]}
    after, changed = load({"OrthancPeers": peers, "SendIt": section, "HttpPort": 1, "MaximumPatientCount": 5})
    assert changes.fixed(before, after) == ["SendIt.Database", "SendIt.CrosswalkKeys"]
    assert changes.of_orthanc(orthanc, changed) == ["HttpPort", "MaximumPatientCount"]
    assert changes.of_peers(orthanc, changed) == ["peer research: changed", "peer new: added"]
    assert "planted" not in " ".join(changes.compare(before, after))

"""The last lines of `sendit deidentify`: what happened, and what to do about it."""

from __future__ import annotations

from collections import Counter

from sendit.cli.files.folder import Tally


def test_nothing_to_look_at() -> None:
    tally = Tally(released=1)
    assert (tally.summary(), tally.why()) == ("1 file: 1 released, 0 rejected, 0 quarantined", [])


def test_lost_values_come_with_their_remedy() -> None:
    *lost, remedy = Tally(released=3, lost=Counter({"SeriesTime": 1, "PatientWeight": 3})).why()
    assert [line.split(",")[0] for line in lost] == ["3 without PatientWeight", "1 without SeriesTime"]
    assert "to retain these values" in remedy
    assert "docs/deidentification.md" in remedy


def test_studies_of_several_patients_are_told() -> None:
    assert Tally(divided=1).why()[0].startswith("1 study has several PatientIDs")
    assert Tally(divided=2).why()[0].startswith("2 studies have several PatientIDs")


def test_outputs_of_earlier_runs_are_told() -> None:
    (line,) = Tally(released=3, earlier=2).why()
    assert "2 outputs of earlier runs" in line


def test_frequent_reasons_come_first_and_the_rest_is_counted() -> None:
    reasons = Counter({f"rejected: reason {number}": number for number in range(1, 13)})
    lines = Tally(rejected=reasons.total(), reasons=reasons).why()
    assert lines[0] == "12 rejected: reason 12"
    assert lines[-1] == "3 for other reasons: see receipts.jsonl"

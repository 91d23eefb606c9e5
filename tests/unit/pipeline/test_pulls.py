"""What a row of a cohort asks of a PACS, and which of its answers count."""

from __future__ import annotations

import pytest

from sendit.api.pages.words import duration
from sendit.importer.cohort.cohort_list import Wanted
from sendit.orthanc.remote import FoundStudy
from sendit.pipeline.watching.pulls import identifier_of, matches, query_of

STUDY = FoundStudy("1.2.3", "M1", "A1", "20240115", frozenset({"CT", "SR"}), 3, "")


def test_a_query() -> None:
    """Only what the row names is asked for, with its dates as a span."""
    assert query_of(Wanted(accession_number="A1")) == {"AccessionNumber": "A1"}
    wanted = Wanted(patient_id="M1", date_from="20240101", modality="CT")
    assert query_of(wanted) == {"PatientID": "M1", "StudyDate": "20240101-", "ModalitiesInStudy": "CT"}
    assert query_of(Wanted(study_uid="1.2.3", date_to="20240101"))["StudyDate"] == "-20240101"


@pytest.mark.parametrize(
    ("wanted", "counts"),
    [
        (Wanted(accession_number="A1"), True),
        (Wanted(accession_number="A11"), False),
        (Wanted(accession_number="A1", patient_id="M2"), False),
        (Wanted(study_uid="1.2.3"), True),
        (Wanted(study_uid="1.2.33"), False),
        (Wanted(patient_id="M1", modality="CT"), True),
        (Wanted(patient_id="M1", modality="MR"), False),
        (Wanted(patient_id="M1", date_from="20240115", date_to="20240115"), True),
        (Wanted(patient_id="M1", date_from="20240116"), False),
        (Wanted(patient_id="M1", date_to="20240114"), False),
    ],
)
def test_an_answer(wanted: Wanted, counts: bool) -> None:
    """A PACS that ignores a key answers with too much: what does not match is left there."""
    assert matches(STUDY, wanted) is counts


def test_an_answer_without_much() -> None:
    """What the PACS does not tell speaks against a study only where it is an identifier."""
    bare = FoundStudy("1.2.3", "M1", "", "", frozenset(), None, "")
    assert matches(bare, Wanted(patient_id="M1", date_from="20240101", modality="CT"))
    assert not matches(bare, Wanted(accession_number="A1"))
    assert not matches(FoundStudy("", "M1", "", "", frozenset(), None, ""), Wanted(patient_id="M1"))


def test_the_identifier_of_orthanc() -> None:
    """SHA-1 of "PatientID|StudyInstanceUID", in five parts: as Orthanc makes it."""
    assert identifier_of(STUDY) == "a06f2bbc-f1110d05-d98a3bbe-759436f0-e7949aee"


@pytest.mark.parametrize(
    ("seconds", "words"), [(1, "1 min"), (3000, "50 min"), (12_000, "3 h 20 min"), (500_000, "6 days")]
)
def test_how_long_it_takes(seconds: float, words: str) -> None:
    """Rounded to what a person plans by."""
    assert duration(seconds) == words

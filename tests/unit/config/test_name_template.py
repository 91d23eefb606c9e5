"""Templates of names: what they may hold, and what becomes of values that no file system should see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendit.config.name_template import STUDY_WORDS, NameTemplate, safe
from sendit.model import Receipt, Shipment

RECEIPT = Receipt(
    *("0" * 64, "1" * 64, "2" * 64, "3" * 32, 10),
    *("P0001", "2.25.1", "2.25.2", "2.25.3", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"),
    study_date="20200131",
    accession_number="A7",
    modality="CT",
)
BATCH = Shipment(1, "IRB1", [])
DEFAULT = "{patient}/{study}/{series}/{instance}.dcm"


def name(template: str, **values: Any) -> str:
    return NameTemplate(template, reserved=["DICOMDIR"]).name(BATCH, replace(RECEIPT, **values))


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (DEFAULT, "P0001/2.25.1/2.25.2/2.25.3.dcm"),
        ("{project}/{patient}_{study_date}_{accession}.tar.gz", "IRB1/P0001_20200131_A7.tar.gz"),
        ("Collection/{modality}/{instance}", "Collection/CT/2.25.3"),
    ],
)
def test_words_are_replaced(template: str, expected: str) -> None:
    """Each word by its value."""
    assert name(template) == expected


def test_an_absent_value_is_readable() -> None:
    """A study without date and accession number has a name all the same."""
    template = "{study_date}_{accession}/{instance}"
    assert name(template, study_date="", accession_number="") == "no-study-date_no-accession/2.25.3"


@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        ("..", "~2E~2E"),
        (".", "~2E"),
        ("../../etc", "~2E.~2F..~2Fetc"),
        ("a\\b", "a~5Cb"),
        ("~2E", "~7E2E"),
        ("nul", "~nul"),
        ("COM1.x", "~COM1.x"),
        ("dicomdir", "~dicomdir"),
        ("Ä", "~C3~84"),
        ("end.", "end~2E"),
    ],
)
def test_a_value_cannot_lead_astray(patient: str, expected: str) -> None:
    """Traversal, separators, devices, reserved names."""
    assert name("{patient}/{instance}", patient_id=patient) == f"{expected}/2.25.3"


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_value_stays_inside_and_apart(one: str, other: str) -> None:
    """Whatever stands in a PatientID: a relative path of the template's depth, short parts, no two alike."""
    names = [name("{patient}/{instance}.dcm", patient_id=value) for value in (one, other)]
    for made in names:
        parts = PurePosixPath(made).parts
        assert len(parts) == 2
        assert made.isascii()
        assert all(part not in (".", "..") and not part.startswith(".") and len(part) <= 250 for part in parts)
    if one.strip(" \0") != other.strip(" \0") and "no-patient" not in (one, other):
        assert names[0] != names[1]


def test_a_long_value_is_cut_and_stays_itself() -> None:
    """Two long values that begin alike do not meet."""
    assert safe("é" * 64) != safe("é" * 64 + "a")
    assert len(safe("é" * 64)) <= 120


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{nobody}/{instance}", "unknown placeholder {nobody}"),
        ("{patient.x}/{instance}", "unknown placeholder {patient.x}"),
        ("{instance!r}", "unknown placeholder"),
        ("{instance:5}", "unknown placeholder"),
        ("{}{instance}", "unknown placeholder {}"),
        ("{instance", "unbalanced"),
        ("/{instance}", "empty"),
        ("{study}//{instance}", "empty"),
        ("../{instance}", "dot"),
        ("./{instance}", "dot"),
        ("a\\{instance}", "may contain letters"),
        ("", "empty"),
        ("{study}.dcm", "names would collide"),
    ],
)
def test_a_template_that_is_none(template: str, words: str) -> None:
    """Told when it is read."""
    with pytest.raises(ValueError, match=words):
        NameTemplate(template, unique=["instance"])


def test_words_of_an_instance_in_the_name_of_a_study() -> None:
    """Where one object holds a study, {instance} would name one of many."""
    with pytest.raises(ValueError, match=r"available: \{project\}, \{patient\}, \{study\}, "):
        NameTemplate("{instance}.tar.gz", words=STUDY_WORDS)

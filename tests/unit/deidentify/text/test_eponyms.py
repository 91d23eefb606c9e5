"""Names of people that mean a disease stay where they do, and go where they may mean somebody."""

from __future__ import annotations

import pytest

from sendit.deidentify.text.clean import PersonalData, TextCleaner
from sendit.deidentify.text.sections import eponyms, sections

CLEANER = TextCleaner(PersonalData())


@pytest.mark.parametrize(
    "text",
    [
        "Hodgkin lymphoma", "Non-Hodgkin lymphoma", "Crohn's disease", "Wilms' tumor", "Baker's cyst",
        "Baker cyst left",
        "Graves disease", "Smith fracture",
        "Jones fracture", "Wilson's disease", "Paget disease", "Hill-Sachs lesion",
        "Guillain-Barré syndrome",
        "von Hippel-Lindau", "Legg-Calvé-Perthes", "Dandy-Walker malformation", "Budd-Chiari",
        "Parkinson", "known Parkinson", "Whipple", "Chiari", "Kawasaki", "Fleischner",
        "Warthin", "Colles", "Moyamoya",
        "Morbus Crohn", "maladie de Crohn", "Enfermedad de Hodgkin", "rule out Parkinson disease",
        "Stevens-Johnson syndrome",
        "Parkinson, tremor", "CT Whipple procedure",
        "M. Bechterew, BWS", "MR Enterographie bei M. Crohn", "V.a. Hashimoto", "St.n. Billroth II",
        "Verlaufskontrolle nach Hartmann-Op", "Gartner duct cyst", "liver_couinaud_IVb", "Murphy -",
        "EF (Simpson) 54 %",
        "podejrzenie choroby Leśniowskiego-Crohna", "Collesova zlomenina", "Perthes L",
    ],
)  # fmt: skip
def test_diseases_stay(text: str) -> None:
    """Beside their noun, joined to each other, in other languages; alone if few are called so."""
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Baker", ""),
        ("CT chest Baker", "CT chest"),
        ("seen by Baker", "seen by"),
        ("Graves", ""),
        ("Miller lung mass", "lung mass"),
        ("Wilson left fracture", "left fracture"),
        ("Smith cancer", "cancer"),
        ("Hashimoto", ""),
        ("Smith", ""),
        ("John Parkinson", ""),
        ("Parkinson John", ""),
        ("Parkinson, James", ""),
        ("Mr Parkinson", ""),
        ("Dr. Alzheimer", ""),
        ("M. Petit genou droit", "genou droit"),
        ("Murphy", ""),
        ("Wilson disease, Dr. Wilson", "Wilson disease"),
    ],
)
def test_persons_go(text: str, left: str) -> None:
    """Where no noun says what is meant; beside a given name, a title, a cue."""
    assert CLEANER.description(text) == left


def test_a_known_name_goes_whatever_it_means() -> None:
    """The patient's, from a diagnosis, too."""
    cleaner = TextCleaner(PersonalData(names=frozenset({"hodgkin", "thomas"})))
    assert cleaner.description("Hodgkin lymphoma") == "lymphoma"
    assert cleaner.description("Crohn disease") == "Crohn disease"


def test_the_table_says_who_has_them() -> None:
    """Of three hundred and more at the least a source beside usage."""
    lines = sections("eponyms.txt")
    named = [line for line in (*lines["alone"], *lines["beside"]) if not line.endswith(" usage")]
    assert len(named) > 1000
    assert not eponyms()["alone"] & eponyms()["beside"]


@pytest.mark.parametrize(
    "text",
    [
        "V.a. LE, Wells 6",
        "Alvarado 8, pregnant",
        "Cobb 24°",
        "Lasègue négatif",
        "Tofts model",
        "Wellens pattern absent",
    ],
)
def test_scores_signs_and_models_stay(text: str) -> None:
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [("knee Wells 6", "knee 6"), ("Taylor fracture", "fracture"), ("Taylor positive", "positive")],
)
def test_who_has_the_name_of_a_score_goes(text: str, left: str) -> None:
    assert CLEANER.description(text) == left

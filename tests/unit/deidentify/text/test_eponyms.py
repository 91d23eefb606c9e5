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


@pytest.mark.parametrize(
    "text",
    [
        "MI, Killip II", "Osteochondrose L5/S1 Modic Typ 2", "Ficat II", "Bosniak IIF", "Elderly, frail, Rockwood 6",
        "HSA Fisher III", "graad II volgens Stoller", "Lagerung nach Rosenberg", "sarcoidosis stage II (Scadding)",
        "Addison's on hydrocortisone", "pulmonary Koch's, on AKT", "popliteal (Baker's) cyst", "Kleinman views",
        "left gonadal vein with Nester coils", "Jaszczak phantom, cold rods", "AV block, Mobitz not seen",
        "Post Ivor Lewis", "Löfgren-Syndrom",
    ],
)  # fmt: skip
def test_classes_authors_and_devices_stay(text: str) -> None:
    """A class behind the name, a cue before the author, a genitive that nothing belongs to, a device behind it."""
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("knee Fisher 3", "knee 3"),
        ("John Fisher II", ""),
        ("Fisher II", ""),
        ("Fisher 3", "3"),
        ("Baker uveitis", "uveitis"),
        ("Anna Crawford II", ""),
        ("Addison's left knee", "'s left knee"),
        ("Baker coils", "coils"),
        ("Untersuchung nach Rosenberg", "Untersuchung nach"),
        ("Rosenberg", ""),
        ("Björk nodule", "nodule"),
        ("Stoller", ""),
        ("Koch left lung", "left lung"),
    ],
)
def test_who_has_the_name_of_a_class_or_a_device_goes(text: str, left: str) -> None:
    """A common name with a number, behind a given name, before what may belong to it, without a noun."""
    assert CLEANER.description(text) == left


def test_sections_fit_each_other() -> None:
    """Rare names and those of classes are eponyms; a noun of rare names is none for common ones."""
    known = eponyms()
    assert known["rare"] <= known["beside"]
    assert known["classes"] - {"figo"} <= known["alone"] | known["beside"]
    assert known["grades"] <= known["alone"] | known["beside"] | known["scores"]
    assert known["diseases"] <= known["alone"] | known["beside"]

"""Everyday words of English stay with a capital, and in capitals, though somebody somewhere is called so; names go."""

from __future__ import annotations

import pytest

from sendit.deidentify.text.clean import PersonalData, TextCleaner

CLEANER = TextCleaner(PersonalData())


@pytest.mark.parametrize(
    "text",
    [
        "SOME PAIN", "MUCH BETTER SINCE", "FELT LUMP", "PAIN ACCORDING TO PT", "SLOWLY GROWING NODULE", "OBESE PT",
        "According to pt", "Obese patient, limited study", "Fragment of stone in ureter", "Retained Fragment Left Hip",
        "Flexible sigmoidoscopy", "Colour Doppler", "CONSCIOUS SEDATION", "Conscious Sedation Given", "Pigment Stones",
        "Complicated Cyst", "Aggressive Lesion", "ANXIOUS PATIENT", "Worker injury", "Drop foot", "Malaria",
        "LESION ELIMINATED", "Portopulmonary Hypertension", "Devitalized Bone", "DÉVELOPPEMENT NORMAL",
    ],
)  # fmt: skip
def test_words_stay_however_they_are_written(text: str) -> None:
    """A dictionary has them, and they are far more often words than names."""
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Tom Crow", "Crow"), ("Crow, Tom", "Crow"), ("CROW TOM", "CROW"), ("Sarah Bench", "Bench"),
        ("Dr. Hook", "Hook"), ("seen by Crow", "Crow"), ("per Fork", "Fork"), ("Hook^James", "Hook"),
        ("Patient: Bench", "Bench"), ("pt Hook", "Hook"), ("f/u Crow", "Crow"), ("Crow", "Crow"), ("HOOK 1234", "HOOK"),
        ("CT chest Whitlock", "Whitlock"), ("MR knee Abercrombies", "Abercrombies"),
    ],
)  # fmt: skip
def test_names_that_are_words_go_where_something_tells(text: str, name: str) -> None:
    """A title, a role, another name beside it, or nothing beside it at all."""
    assert name not in CLEANER.description(text)


@pytest.mark.parametrize(
    "text",
    [
        "BEST OBTAINABLE", "Best images possible", "LONG STANDING COUGH", "Pins and needles", "Crown and bridge",
        "Hook of hamate", "HIGH POWER FIELD", "Berry aneurysm", "MALLET FINGER", "Fish bone", "Cat scratch", "Peg view",
        "Mum held child", "Gross ascites", "Fair quality",
    ],
)  # fmt: skip
def test_surnames_stay_in_phrases(text: str) -> None:
    """The word beside them makes them words, in capitals and behind what joins the two, too."""
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Kleiner Erguss", "GROSSER BEFUND", "Kurzer Verlauf", "Langer Gelenkerguss", "Alte Fraktur", "Petit kyste",
        "PETIT ÉPANCHEMENT", "Piccolo versamento", "KLEIN BEELD", "Mała torbiel", "Liten Cysta",
    ],
)  # fmt: skip
def test_adjectives_stay_before_findings(text: str) -> None:
    """An adjective stays before a finding that it agrees with."""
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Kleiner Thorax", "Kleiner"), ("Klein Erguss", "Klein"), ("Hans Kleiner Erguss", "Kleiner"),
        ("Dr. Kleiner Erguss", "Kleiner"), ("Kleiner, Erguss", "Kleiner"), ("Petit, kyste", "Petit"),
        ("Jean Petit nodule", "Petit"), ("Mary Winter cough", "Winter"),
        ("Rose Berry aneurysm", "Berry"), ("Luca Piccolo versamento", "Piccolo"),
        ("John Gross ascites", "Gross"), ("Erguss Kleiner", "Kleiner"),
        ("KLEINER THORAX", "KLEINER"), ("CT KNIE NAGEL", "NAGEL"), ("BERRY CHEST", "BERRY"), ("Knee of Hook", "Hook"),
        ("Power, chest", "Power"), ("Chase abdomen", "Chase"),
    ],
)  # fmt: skip
def test_names_that_are_adjectives_go_elsewhere(text: str, name: str) -> None:
    """Before a part of the body, behind a given name or a comma, or where they do not agree."""
    assert name not in CLEANER.description(text)

"""Words of medicine in other languages, drugs and joined words stay; names that are built alike go."""

from __future__ import annotations

import pytest

from sendit.deidentify.text.clean import PersonalData, TextCleaner
from sendit.deidentify.text.words.cognates import is_drug, skeleton

CLEANER = TextCleaner(PersonalData())


@pytest.mark.parametrize(
    "words",
    [
        ("cholecystitis", "colecistite", "colecistitis", "cholezystitis"),
        ("hydronephrosis", "hidronefrosis", "hydronephrose", "idronefrosi"),
        ("tomosynthesis", "tomosintesi", "tomosynthese"),
        ("cholesteatoma", "cholesteatom", "colesteatoma"),
        ("transesophageal", "transesofagico"),
    ],
)
def test_cognates_have_one_skeleton(words: tuple[str, ...]) -> None:
    assert len({skeleton(word) for word in words}) == 1
    assert skeleton(words[0])


@pytest.mark.parametrize("word", ["liver", "martinez", "kowalski", "philippe", "johansson", "victoria", "nicholas"])
def test_short_words_and_those_with_endings_of_names_have_none(word: str) -> None:
    assert skeleton(word) == ""


@pytest.mark.parametrize(
    "text",
    [
        "sospetta colecistite acuta",
        "Mammografia bilaterale con tomosintesi",
        "CT Cholesteatom nativ",
        "on lenvatinib and pembrolizumab",
        "Sigmaresektion 2019",
        "Dolor abdominal de 3 días de evolución",
        "Kolano rutynowe",
        "肝臓に占位性病変を認めない",
        "双肺未见明显异常",
        "특이 소견 없음",
        "Keuhkojen röntgen",
        "GLCM wavelet-LLH Idmn",
        "GA 20w3d, G2P1",
        "Bosniak IIF cyst",
        "Sylvian fissure and circle of Willis",
        "TNM: cT3 cN1 M0, Gleason 4+3",
        "COPD GOLD III",
        "PHx: IDDM, HTN, AF",
        "3D T2 DRIVE IAC",
        "lossy 10:1 JPEG 2000",
        "r/o PE, D-dimer 2.4",
        "Static Emission Reg 600s",
    ],
)
def test_what_is_of_medicine_stays(text: str) -> None:
    assert CLEANER.description(text).split("2019")[0].strip() == text.split("2019")[0].strip()


@pytest.mark.parametrize(
    "name",
    ["Ippolito", "Margarita", "Hippolyte", "Petersone", "Karelin", "Labastide", "Steinkopf", "Lichtenberg", "Ceferino"],
)
def test_names_that_are_built_alike_go(name: str) -> None:
    assert name not in CLEANER.description(f"CT chest {name}")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("LIVER DOE", "LIVER"),
        ("CT CHEST VU", "CT CHEST"),
        ("AX T2 WU", "AX T2"),
        ("AFP 400 NG", "AFP 400 NG"),
        ("пациент Ли", "пациент"),
        ("Patient Wm. T. Hargreaves III was prepped", "Patient . was prepped"),
        ("MR Ankle May Price", "MR Ankle"),
        ("for Mr Tan Ah Kow", "for"),
        ("CHEST reported vdM", "CHEST reported"),
        ("CHEST Adm 23/11 via ED", "CHEST via ED"),
        ("Scanned on Tuesday 5th of November before surgery", "Scanned on before surgery"),
        ("Larynx (LM 1948)", "Larynx"),
        ("Old ID AX 4471 C", "Old ID"),
    ],
)
def test_names_dates_and_numbers_in_further_forms_go(text: str, left: str) -> None:
    assert CLEANER.description(text) == left


@pytest.mark.parametrize("drug", ["lenvatinib", "pembrolizumab", "apixaban", "gadobutrol", "cefazolin", "atorvastatin"])
def test_drugs_are_told_by_their_stems(drug: str) -> None:
    assert is_drug(drug)


@pytest.mark.parametrize("word", ["johnsone", "ceferino", "gadowski", "peters", "liver"])
def test_other_words_are_no_drugs(word: str) -> None:
    assert not is_drug(word)

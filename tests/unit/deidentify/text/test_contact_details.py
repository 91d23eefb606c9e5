"""Phone numbers, addresses, rooms, accounts, coordinates, times of day go as a whole; what looks like them stays."""

from __future__ import annotations

import pytest

from sendit.deidentify.text.clean import PersonalData, TextCleaner
from tests.unit.deidentify.samples import version_of

CLEANER = TextCleaner(PersonalData())


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("CT chest, call +49 151 23456789", "CT chest, call"),
        ("CT chest +1 (617) 555-0148", "CT chest"),
        ("report to a.b[at]clinic.se", "report to"),
        ("report to a.b (at) clinic (dot) org", "report to"),
        ("CT chest, 69117 Heidelberg", "CT chest"),
        ("lives 12 rue des Lilas", "lives"),
        ("lives Calle Mayor 23", "lives"),
        ("wohnt Lindenweg 7", "wohnt"),
        ("ul. Mickiewicza 12/4", ""),
        ("GPS 48.8566, 2.3522", "GPS"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN"),
        ("CT 65 170839 J 003", "CT"),
        ("TREM 5507 1512 CT", "CT"),
        ("plate B-MK 4471", "plate"),
        ("ICU bed 14B", "ICU bed"),
        ("MRI room 412", "MRI room"),
        ("CT Zimmer 7b", "CT"),
        ("axial 3:45 PM", "axial"),
        ("axial 14:52", "axial"),
        ("axial 08.15 Uhr", "axial"),
        (r"knee C:\Users\mhunt\knee", "knee"),
        (r"knee \\pacs\export\mhunt", "knee"),
        ("knee /data/export/mhunt/1.dcm", "knee"),
        ("knee //srv-pacs07/img/2", "knee"),
        ("knee srv-pacs07", "knee"),
        ("Gadovist LOT 4471", "Gadovist"),
        ("T1/T2/PD knee", "T1/T2/PD knee"),
        ("CHEST MUC-CT-2", "CHEST"),
        ("CHEST POST-CT-1", "CHEST POST-CT-1"),
        ("axial ct02.radiology.example.org", "axial"),
        ("sub-07NBG axial", "axial"),
        ("CT Klinikum Bogenhausen", "CT Klinikum"),
        ("axial Mercy Medical Center", "axial Medical Center"),
        ("CT Frau Chu", "CT"),
        ("knee, dictated ajk/lmw", "knee, dictated"),
    ],
)
def test_goes_as_a_whole(text: str, left: str) -> None:
    assert CLEANER.description(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "Left breast mass at 2 o'clock, 3 cm from nipple",
        "tumor bed 2",
        "dynamic 1:30 min",
        "ratio 1:2",
        "Iohexol 350, 90 ml at 4 ml/s",
        "eGFR 42 ml/min/1.73m2",
        "Monitoring 2",
        "T1 COR 0.7071, 0.7071",
        "NYHA II, CHA2DS2-VASc 4",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    "date",
    [
        "sei ottobre 1961",
        "veintidós de agosto de 1955",
        "dois de fevereiro de 1950",
        "tredje augusti 1952",
        "negende juni 1947",
        "dwunastego lipca 1951",
        "maju 2016",
        "zweiter Februar 1950",
        "quatorze juillet 1939",
        "the third of May nineteen forty-eight",
        "le premier mai mille neuf cent quarante-sept",
        "el treinta de enero de mil novecientos cuarenta y nueve",
        "kerstdag 2019",
        "января 1949",
    ],
)
def test_dates_in_words_go(date: str) -> None:
    assert CLEANER.description(f"axial {date}") == "axial"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("192.168.14.77", ""),
        ("VE11C 10.44.3.18", "VE11C"),
        ("84.112.17.203", ""),
        ("5.170.120.3", ""),
        ("fe80::1ff:fe23:4567:890a", ""),
        ("4.2 host radws12.klinik-nord.example.de", "4.2 host"),
        ("syngo.via KSSG-PACS01", "syngo.via"),
        ("4.2 CT-PC-01", "4.2"),
        (r"C:\data\mhunt\4.2", ""),
        ("10A 10.1.1.54", "10A 10.1.1.54"),
        ("3.0.0.214", "3.0.0.214"),
        ("5.3.1.3", "5.3.1.3"),
        ("syngo.via VB60A_HF04", "syngo.via VB60A_HF04"),
        ("DV26.0_R05_2034.a", "DV26.0_R05_2034.a"),
        ("XA50A-04B6", "XA50A-04B6"),
        ("dcm4che-5.23.1", "dcm4che-5.23.1"),
    ],
)
def test_addresses_and_names_of_machines_go_from_versions(text: str, left: str) -> None:
    assert version_of(text) == left


@pytest.mark.parametrize("text", ["Gadovist LOT 4471", "Gadovist S/N 4471", "Gadovist serial no. 4471"])
def test_numbers_of_products_go_from_technical_texts(text: str) -> None:
    """Of four digits, too, behind their label: whoever has the lot of an implant or a syringe knows its patient."""
    assert "4471" not in CLEANER.technical(text)


def test_servers_go_from_technical_texts() -> None:
    """A share, and a name as administrators write it in small letters."""
    assert CLEANER.technical("//srv-pacs07/img") == ""
    assert CLEANER.technical("kant-ris02 7.1") == "7.1"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("fell off bike on Hollow Bridge Rd, wrist pain", "fell off bike on , wrist pain"),
        ("copy to 14 Wattle Pde", "copy to"),
        ("chute rue des Meuniers, genou", "chute rue , genou"),
        ("at 221B Elmcrest Street", "at"),
        ("Unfall A7, Polytrauma", "Unfall , Polytrauma"),
        ("queda de moto na BR-101", "queda de moto na"),
        ("Gebr. Wüllner, Rückruf 05251-88 41 7", ""),
    ],
)
def test_roads_go_without_a_house_too(text: str, left: str) -> None:
    assert CLEANER.description(text) == left


@pytest.mark.parametrize("text", ["Unfall L5 Fraktur", "axial 12 24 36 mm", "en T2 axial"])
def test_what_is_no_road_stays(text: str) -> None:
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "H R E B I C E K", "P  U  I  G  D  E  L", "Q*U*A*A*S*T*E", "O-K-W-U-O-S-A",
        "five nine eight one two six", "acht-fünf-drei-acht-eins-null", "un huit deux cinq trois",
        "пять шесть семь один два",
        "XXXX XXXX 9551", "xxx-xx-1234", "****4711",
        "<~6?7!SCM[R'@X0(O0etF:1,A~>", "NMUAdX~VE#WN&nIX>uSlIWsspG&T",
        "VW25 JIW", "RL-218-JZ", "K1M 7B1", "XR 61 15 99 F", "ABC3124I_1",
        "12 Dec '22", "May 12, 1972", "Jul 19, 1965", "1927. szeptember 12.", "13 اردیبهشت 1347",
        "ngày 3 tháng 3 năm 1937",
        "ט״ו בשבט תשמ״ד",
    ],
)  # fmt: skip
def test_what_is_disguised_goes_from_every_text(text: str) -> None:
    """Also behind a word and an underscore, and in texts about machines and versions."""
    cleaner = TextCleaner(PersonalData())
    for clean in (cleaner.description, cleaner.technical, version_of, cleaner.code_meaning):
        assert not any(part.isalnum() and part in text for part in clean(text).split()), clean(text)
        assert clean(f"liver {text}") in ("liver", "")


@pytest.mark.parametrize(
    "text", ["TE30 TSE", "T1W 3D5", "PET_18F-PSMA-1007", "phase one two three", "2 of 3", "Jan 22 2015", "A-P view"]
)
def test_what_looks_like_a_disguise_stays(text: str) -> None:
    assert TextCleaner(PersonalData()).technical(text) == text


def test_a_date_may_be_joined_to_a_word() -> None:
    for clean in (CLEANER.description, CLEANER.technical):
        assert clean("liver_22 Rajab 1439") == clean("liver_Jul 19, 1965") == "liver"

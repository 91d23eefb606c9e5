"""Numbers behind the labels of wards, roads, crews and trials go, however short they are; measurements stay."""

from __future__ import annotations

import re

import pytest

from sendit.deidentify.text.clean import PersonalData, TextCleaner

CLEANER = TextCleaner(PersonalData())
_TOKEN = re.compile(r"\d+|[^\W\d_]+")


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("TC de crânio leito 07", "07"),
        ("УЗИ палата 14", "14"),
        ("MR oddz. 12", "12"),
        ("CT head bed 4 bay C", "4 C"),
        ("RX UTI-3 L.12", "12"),
        ("MRT Stat. 3B", "3B"),
        ("fall on Rte 9", "9"),
        ("trauma BR-116 km 402", "116 402"),
        ("brought by Medic 14", "14"),
        ("CT brain trauma AMBU 4471", "4471"),
        ("MVC on A46 near the bridge", "A46"),
        ("knee, Radiographer: BM", "BM"),
        ("knee Op: JD", "JD"),
        ("thorax sonographer: E.K.", "E K"),
        ("CT WX70 KLP", "WX70 KLP"),
        ("site07_subj113 brain", "07 113"),
        ("Bladder_pt113", "113"),
        ("Subject 7 baseline", "7"),
        ("больница №3", "3"),
        ("remote login KR_FSE07", "KR FSE"),
        ("axial @radtech_lu", "radtech lu"),
        ("axial insta: mia.moves", "mia moves"),
        ("CT 微信 wxid_abc123", "abc123"),
        ("CT head Unknown Foxtrot", "Foxtrot"),
        ("bovine stifle 0417", "0417"),
        ("AB/1956 knee", "AB 1956"),
        ("KJH/54M knee", "KJH"),
        ("CT pt K.J.H.", "K. J. H."),
        ("imagem repetida, ligar r. 2239", "2239"),
        ("Rückruf an Station unter -3381", "3381"),
        ("please call ward on 4471", "4471"),
        ("bovine stifle cow 0417", "0417"),
        ("lame bull tag 44", "44"),
        ("sheep ear tag: UK 12345", "UK 12345"),
        ("subject BW-03 baseline", "BW 03"),
        ("knee, Studie VEGA 03-0117 BW", "03 0117 BW"),
        ("scene Rte 9 & Elm", "9 Elm"),
        ("MVC at 5th & Vine", "Vine"),
        ("hit at corner of Elm and Main", "Elm Main"),
        ("crash on I-95 near exit", "95"),
        ("car KR 5JX21 is parked", "KR 5JX21 JX 5 21"),
        ("claim WC-19-004471 wrist", "WC 19 004471"),
        ("CTV hjb edit", "hjb"),
        ("gesendet an Heiligabend", "Heiligabend"),
        ("seen Good Friday, repeat", "Good Friday"),
        ("Gutachten Az. 4 O 217/16", "4 O 217 16"),
        ("opinia sygn. akt II K 123/20", "II K 123 20"),
        ("PS ore 4:50", "4 50"),
        ("Sturz Treppe 9:40 Uhr", "9 40"),
        ("fall kl. 14.30", "14 30"),
        ("chute à 14h30", "14 30"),
        ("upadek godz. 7:15", "7 15"),
    ],
)
def test_numbers_behind_labels_go(text: str, gone: str) -> None:
    left = CLEANER.description(text)
    assert left
    assert not set(_TOKEN.findall(gone)) & set(_TOKEN.findall(left))


@pytest.mark.parametrize(
    "text",
    [
        "PET bed 2",
        "ring enhancing 12 mm",
        "CTV old draft",
        "recall at 2 weeks",
        "dog 3 y",
        "SNR 31.4",
        "Operator console",
        "bed 3 WB",
        "patient 120 kg, table limit",
        "pt 165 cm",
        "Subject moved, repeat 2",
        "Screening mammography 2 views",
        "nodal station 7",
        "T12 exit",
        "route of administration IV",
        "LAD/54M",
        "TSE 1990",
        "C.T.A.",
        "rescue PCI 3 days ago",
        "ring artifact @120kV",
        "delay at 2:30 min",
        "ratio 1:25",
        "kl. 1.25 mm",
        "file 1/2",
    ],
)
def test_measurements_and_terms_stay(text: str) -> None:
    assert CLEANER.description(text) == text

"""Sentences of findings stay in many languages, and what looks like a word of them and is a name goes."""

from __future__ import annotations

import pytest

from sendit.deidentify.text.clean import PersonalData, TextCleaner
from sendit.deidentify.text.words.sorted_words import is_of_languages, without_prefixes

CLEANER = TextCleaner(PersonalData())


@pytest.mark.parametrize(
    "text",
    [
        "右肺上叶见一结节影,大小约8mm", "双肺多发磨玻璃影,纵隔淋巴结不大", "金属伪影,已用MAR重建",
        "右肺上葉に結節影を認める", "膵尾部に15mm大の嚢胞性病変", "増強後明らかな異常所見なし",
        "우측 폐 상엽 결절, 추적 검사 요망", "넘어진 후 손목 통증", "बायें गुर्दे में 6 मिमी की पथरी",
    ],
)  # fmt: skip
def test_findings_stay_in_scripts_without_latin_letters(text: str) -> None:
    """General words among the medical ones; numbers with units amid a sentence without spaces."""
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    "name", ["王小明", "叶大为", "李建国", "田中太郎", "たなかはなこ", "김정희", "이지은", "박민수"]
)
def test_names_go_in_these_scripts(name: str) -> None:
    """However many of their characters are words of reports."""
    for text in ("{}", "{} CT", "CT {}"):
        assert name not in CLEANER.description(text.format(name))


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("Chute de sa hauteur", True),
        ("Histoire : Chute", False),
        ("CT Chute", False),
        ("Chute, Anna", False),
    ],
)
def test_a_rare_name_is_a_word_where_a_sentence_begins(text: str, stays: bool) -> None:
    """Chute (fall) is a family name, too: with a capital it stays only before words in lower case."""
    assert ("Chute" in CLEANER.description(text)) == stays


def test_a_sentence_in_capitals_keeps_its_words() -> None:
    text = "CHUTE DE SA HAUTEUR HIER"
    assert CLEANER.description(text) == text
    assert "CHUTE" not in CLEANER.description("CHUTE CT")


def test_words_of_hebrew_and_arabic_stay_behind_their_prefixes() -> None:
    assert list(without_prefixes("לאחר")) == ["אחר"]
    assert is_of_languages("והכבד", small=False)
    assert not is_of_languages("الشهري", small=False)  # a name that is a word behind an article


@pytest.mark.parametrize(
    "text",
    [
        "Nódulo hipoecogénico", "épanchement sous-dural", "niveau hydro-aérique",
        "Bekannte Leberzyste",
        "TICI 3, KRAS mutated, HIFU", "Medtronic Advisa A3DR01", "RR 180/100", "Xarelto paused",
        "tratado com tamoxifeno", "McRae line", "Diverticolite, Hinchey Ib.", "torbiel Bakera 34 mm",
        "DTI_30dir_noDiCo_vox2_1000", "t2_FLAIR_sag_p2_1mm_fs_PF78", "NODDI_B_2000",
    ],
)  # fmt: skip
def test_words_are_known_by_how_they_are_built_or_by_what_stands_beside(text: str) -> None:
    """Prefixes, two nouns, capitals, models behind a device, classes behind a name, long names of sequences."""
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Medtronic SN 69123456", "Medtronic SN"),
        ("acq twelfth of the ninth 2020", "acq"),
        ("Axial 21/VII delayed", "Axial delayed"),
        ("seen le 13 fév", "seen"),
        ("pt is ninety-four, frail", "pt is , frail"),
        ("changed Maundy Thursday 2023 after QA", "changed after QA"),
        ("reader 03-KSB", "reader"),
        ("AET STORE_KLH03 rejected", "AET rejected"),
        ("incidente in via Tiburtina, trauma", "incidente in via , trauma"),
        ("mail giusy dot ferri at libero dot it", "mail"),
        ("CINE JiSu P.", "CINE"),
        ("reviewed at MSKCC, ref", "reviewed at , ref"),
        ("left marker missing, jdm", "left marker missing"),
        ("Nález konzultován s MUDr. Hrubým", "Nález konzultován s"),
        ("Resampled on gpu-node-07", "Resampled on"),
    ],
)
def test_what_identifies_goes(text: str, left: str) -> None:
    assert CLEANER.description(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "Embolisation fibromes utérins, 500-700 µm", "高血压10年,肌酐 132 μmol/L", "冠動脈CT(320列)", "TE 90 TR 3500",
        "Diabete mellito tipo 1 dall'infanzia", "OR 1.4, 95% CI",
    ],
)  # fmt: skip
def test_what_is_measured_and_counted_stays(text: str) -> None:
    """Ranges with a unit, spans of years, rows of a detector."""
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    ("text", "identifies"),
    [
        ("20Feb_T2_tra", "20Feb"),
        ("GRE 4Jul19 phantom shim", "4Jul19"),
        ("discussed on Thursday 4th", "4th"),
        ("for MDT 14/9", "14/9"),
        ("HK 14.6.", "14.6"),
        ("Room B-217 fluoroscopy", "217"),
        ("test by jb, repeated", "jb"),
        ("plate reader 2-0417 scratched", "0417"),
        ("N4 bias; ran on gpu07.cs.ut.ee", "gpu07"),
        ("car keys at desk, KA 05 MH 4471", "4471"),
        ("电话139 5551 2207", "139"),
        ("مراجعة السيدة كمله", "كمله"),
        ("film of All Saints' Day 2017", "Saints"),
    ],
)
def test_days_rooms_machines_and_numbers_go(text: str, identifies: str) -> None:
    """As clerks and radiographers write them: without a year, joined to a month, behind a cue."""
    assert identifies not in CLEANER.description(text)

"""Names of other scripts in Latin letters, and names in capitals with accents: known or not, they go."""

from __future__ import annotations

import io

import pydicom
import pytest

from sendit.deidentify import compile_plan, deidentify
from sendit.deidentify.options import PRESETS
from sendit.deidentify.text.normalize import in_latin, phrases_in_latin
from sendit.deidentify.text.strangers import without_strangers, without_strangers_to_machines
from sendit.model import Released
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of

_PLANS = (compile_plan([], []), compile_plan(PRESETS["Research"], []))
_TECHNICAL = ("Manufacturer", "ConvolutionKernel", "SequenceName", "SoftwareVersions")
_DESCRIPTIONS = ("StudyDescription", "SeriesDescription", "ImageComments", "ContrastBolusAgent")


def left(name: str, text: str) -> str:
    """All texts that are left of a file that has this text everywhere."""
    made = dataset()
    made.SpecificCharacterSet, made.PatientName = "ISO_IR 192", name
    for keyword in (*_TECHNICAL, *_DESCRIPTIONS):
        setattr(made, keyword, text)
    found = []
    for plan in _PLANS:
        outcome = deidentify(file_of(made), plan, IDENTITIES)
        assert isinstance(outcome, Released), outcome
        content = pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks)))
        found += [str(content.get(keyword, "")) for keyword in (*_TECHNICAL, *_DESCRIPTIONS)]
    return " ".join(found)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Щербаков^Юрий", "Shcherbakov"), ("Розанова^Роза", "Roza"), ("王^芳", "Fang"), ("欧阳^小红", "Xiao-hong"),
        ("马^丽", "Ma Li"), ("马^丽", "Li, Ma"), ("白^光", "BAI"), ("タナカ^ハナコ", "Hanako"), ("김^민수", "Min-su"),
        ("박^지현", "PARK"), ("이^지현", "Lee"), ("Παππάς^Νίκος", "Pappas"), ("ბერიძე^გიორგი", "Beridze"),
    ],
)  # fmt: skip
def test_a_known_name_in_latin_letters_goes(name: str, written: str) -> None:
    """The words of it that a description would otherwise keep, too: Park, Bai, Ma Li."""
    words = left(name, f"CT {written} thorax").lower().replace("-", " ").replace(",", " ").split()
    assert "ct" in words
    assert {"thorax"} <= set(words)
    if " " in written or "," in written:
        assert written.lower() not in " ".join(words)
    else:
        assert set(written.lower().split("-")).isdisjoint(words)


@pytest.mark.parametrize("name", ["Ⓚⓡⓐⓧⓑⓔⓡⓖ", "🄺🅁🄰🅇🄱🄴🅁🄶", "⒦⒭⒜⒳⒝⒠⒭⒢", "⼤⽥⼀⼠"])
def test_letters_in_circles_and_radicals_are_letters(name: str) -> None:
    """They are signs to Unicode, which separate words."""
    text = left("Smith^John", f"CT {name} thorax")
    assert "thorax" in text
    assert name not in text


def test_short_syllables_alone_are_units_and_modalities() -> None:
    """马 is Ma, 特 is Te: a patient of that name does not cost the milliamperes of all images."""
    assert "TE 30 at 200 mA" in left("马^特", "TE 30 at 200 mA")


def test_ways_to_write_a_name() -> None:
    """Syllables stand apart; what is Latin already has no other way."""
    assert in_latin("小红") == ("xiao hong",)
    assert in_latin("박") == ("bag", "park")
    assert in_latin("Müller") == in_latin("Smith") == ()
    assert phrases_in_latin("马^丽") == {"ma li", "li ma"}
    assert phrases_in_latin("Ma^Li") == set()


@pytest.mark.parametrize(
    "name", ["SATŌ", "KOŠA", "ŠVEC", "ČECH", "JANŮ", "ÖZAY", "ALIĆ", "ŻAK", "NÖTH", "PEÑA", "ANTÓN"]
)
def test_capitals_with_accents_do_not_part_a_word(name: str) -> None:
    """Else KOŠA is two abbreviations, KO and ŠA, which are nobody's."""
    assert name not in without_strangers_to_machines(name)
    assert name not in without_strangers_to_machines(f"CT {name} 64")
    assert name not in without_strangers(name)
    assert name not in left("Smith^John", name)


@pytest.mark.parametrize("text", ["TÊTE", "SIEMENS", "KneeRight", "Schädel", "GÖRÜNTÜ"])
def test_words_with_accents_stay(text: str) -> None:
    assert without_strangers(text) == text

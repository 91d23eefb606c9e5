"""What adversarial instances brought to light: long inputs, capitals of other alphabets, names that are words."""

from __future__ import annotations

import pytest

from sendit.deidentify.text.clean import PersonalData, TextCleaner
from sendit.deidentify.text.vocabulary import is_term
from tests.unit.deidentify.samples import version_of

CLEANER = TextCleaner(
    PersonalData(
        names=frozenset({"quennesbury", "ottoline", "long"}),
        identifiers=frozenset({"mrn7741905", "88123401"}),
        places=frozenset({"saint wulfstan infirmary"}),
        initials=frozenset({"oq", "qo"}),
    )
)
#: Expressions that search in quadratic time take more than four minutes for a text like this; linear ones, seconds.
LENGTH = 200_000


@pytest.mark.slow
@pytest.mark.timeout(100)
@pytest.mark.parametrize(
    "unit",
    [
        *("a", "A", "1", "0", ".", "-", "_", "é", "字", "ア", "²", "a1", "a@", "1."),
        *("lunge", "Hodgkin ", "Baker ", "Dr ", "de la ", "1 ", "f00 ", "MRN "),
    ],
)
def test_long_texts_take_no_minutes(unit: str) -> None:
    """Whatever they repeat."""
    text = (unit * LENGTH)[:LENGTH]
    CLEANER.description(text)
    CLEANER.technical(text)
    version_of(text)
    assert is_term(text) in (True, False)  # and none of them is still at it when the time is up


def test_a_word_without_end_goes() -> None:
    """No language has one; the words around it stay."""
    assert CLEANER.description("CT chest " + "Quennes" * 60 + " axial") == "CT chest axial"
    japanese = "胸部。" * 400
    assert CLEANER.description(japanese) == japanese


@pytest.mark.parametrize("name", ["MƏMMƏDOV", "ƏLİYEV", "ŊOŊOŁI", "ƁELLO"])
def test_capitals_beyond_the_accented_ones(name: str) -> None:
    """They do not part a name into pieces as short as abbreviations."""
    assert CLEANER.description(f"CT chest {name}") == "CT chest"


@pytest.mark.parametrize("text", ["²", "10 ²", "③", "½ ½"])
def test_signs_that_count_as_digits(text: str) -> None:
    """Superscripts and circled numbers are digits to Python, and no number."""
    assert CLEANER.description(text) in (text, "", text.replace("½", "").strip())


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("AX T2 Long", "AX T2"),
        ("Long axis cine", "Long axis cine"),
        ("CT Abdomen Wall", "CT Abdomen"),
        ("Chest Wall", "Chest Wall"),
        ("CT Abdomen Chan", "CT Abdomen"),
        ("MRI brain CHIN", "MRI brain"),
        ("Skull to Chin", "Skull to"),
        ("Small bowel series", "Small bowel series"),
        ("CT chest SMALL", "CT chest"),
        ("Brain Dixon", "Brain"),
        ("t2_tse_DIXON_tra", "t2_tse_DIXON_tra"),
        ("AX 3D T1 BRAVO", "AX 3D T1 BRAVO"),
        ("CT pelvis Bravo", "CT pelvis"),
        ("knee Umar", "knee"),
        ("t1_Ali_sag", "t1 sag"),
        ("CT chest GOH", "CT chest"),
    ],
)
def test_words_that_are_surnames_need_their_partners(written: str, left: str) -> None:
    """Common family names that are words of the field, too, of people whom the file does not name."""
    assert TextCleaner(PersonalData()).description(written).replace("_", " ").split() == left.replace("_", " ").split()


def test_places_joined_by_underscores() -> None:
    """As code strings write them."""
    assert CLEANER.holds_personal_data("AXIAL_SAINT_WULFSTAN_INFIRMARY")


def test_a_telephone_number_with_its_area() -> None:
    """Of seven digits."""
    assert CLEANER.description("CT chest (555) 0199") == "CT chest"

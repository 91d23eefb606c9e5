"""Everyday notes in other languages than English: their words stay, the names among them go."""

from __future__ import annotations

import pytest

from sendit.deidentify.text.clean import PersonalData, cleaner_for
from sendit.deidentify.text.words.cognates import in_latin_letters, skeleton
from sendit.deidentify.text.words.unknown_words import is_word_in_capitals

_NOBODY = cleaner_for(PersonalData())


@pytest.mark.parametrize(
    "text",
    [
        "PAT. KANN NICHT SITZEN",
        "SMERTER I HOFTEN VED GANG",
        "ONT I KNÄT NÄR HON GÅR",
        "NYERI BAHU, JATUH DARI TANGGA",
        "ΠΟΝΟΣ ΑΠΟ ΧΘΕΣ ΣΤΟ ΓΟΝΑΤΟ",
        "BEL AĞRISI YÜRÜRKEN",
    ],
)
def test_words_stay_in_a_sentence_of_capitals(text: str) -> None:
    """They are far more often meant than somebody who is called so where the language is spoken."""
    assert _NOBODY.description(text) == text


@pytest.mark.parametrize("name", ["Schmidt", "Lange", "Hansen", "Kaya", "Costa", "Dahl", "Schneider", "Kovács"])
def test_a_family_name_is_no_word_in_capitals(name: str) -> None:
    """Though some of these names are frequent words of the language, too."""
    for text in ("SCHMERZEN IM KNIE SEIT GESTERN", "SMERTER I HOFTEN VED GANG", "BEL AĞRISI YÜRÜRKEN"):
        assert not is_word_in_capitals(name.upper(), f"{text} {name.upper()}")
        assert name.upper() not in _NOBODY.description(f"{text}, {name.upper()}")


@pytest.mark.parametrize(
    "text",
    [
        "Schwindel beim Gehen",
        "Kette und Ohrringe abgelegt",
        "Gips ab, Kontrolle der Stellung",
        "Rtg kolena",
        "Uzv trbuha",
        "Infiltration facettaire L5-S1",
        "Cortes axiales de tórax",
        "Lasègue li negativ",
        "Fischallergi",
        "Tulehduskipu",
        "Klaustrofobija",
        "Холецистит, панкреатит?",
        "Гидронефроз справа",
        "Κλειστοφοβία",
        "γόνατο αρ",
    ],
)
def test_a_note_stays_in_its_language(text: str) -> None:
    """As a sentence begins with a word, as an abbreviation, and built as words of medicine are."""
    assert _NOBODY.description(text) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("wohnt mit Schwiegertochter Ursel", "Ursel"),
        ("przyjechał z zięciem Mirkiem", "Mirkiem"),
        ("tuli miniänsä Raijan kanssa", "Raijan"),
        ("došla sa snahom Višnjom", "Višnjom"),
        ("ZDJĘCIE, SKIEROWAŁ KRUK", "KRUK"),
        ("КАШЕЛЬ, НАПРАВИВ ШВЕЦЬ", "ШВЕЦЬ"),
        ("Pád u Tescy, zápěstí", "Tescy"),
        ("Kaatui Citymarketissa, ranne", "Citymarketissa"),
        ("Works at Dobbin's Bakers", "Bakers"),
        ("residencia Virgen del Pilar", "del"),
        ("Carer from Meadow Wexley", "Meadow"),
        ("brought in by PC Thackwray", "PC"),
        ("spielt beim TSV Oberhaching", "TSV"),
        ("історія хвороби 7731/5", "7731"),
        ("törzsszám 7731/5", "7731"),
        ("no berkas 7731/5", "7731"),
        ("műtve április ötödikén", "ötödikén"),
        ("leikattu toinen huhtikuuta", "toinen"),
        ("operată pe șase mai", "șase"),
        ("χειρουργήθηκε πέντε Μαΐου", "πέντε"),
        ("operirana petog travnja", "petog"),
        ("Termin KW 23", "23"),
        ("jfr v 23", "23"),
    ],
)
def test_what_identifies_goes_in_other_languages(text: str, name: str) -> None:
    """Relatives, referrers, shops, numbers with a label, days in words."""
    assert name.lower() not in _NOBODY.description(text).lower().split()
    assert name.lower() not in _NOBODY.description(text).lower().replace("/", " ").split()


@pytest.mark.parametrize("text", ["doi mai mari de 5 mm", "kontroll v 23 gravid", "40 kW 23"])
def test_what_only_looks_like_a_date_stays(text: str) -> None:
    """Romanian mai means more, too; a week without more may be one of a pregnancy."""
    assert _NOBODY.description(text) == text


def test_greek_and_cyrillic_words_share_the_skeletons_of_latin_ones() -> None:
    """So one table of skeletons tells words of medicine in all three."""
    assert skeleton("холецистит") == skeleton("cholecystitis") == skeleton("colecistite") != ""
    assert in_latin_letters("гидронефроз") == "idronefros"
    assert in_latin_letters("cholecystitis") == "cholecystitis"

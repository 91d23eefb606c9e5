"""What belongs to a name that was cut out goes with it; what stands beside it by chance stays."""

from __future__ import annotations

import pytest

from sendit.deidentify.text.beside_names import without_belongings, without_second_name
from sendit.deidentify.text.clean import PersonalData, TextCleaner
from sendit.deidentify.text.record_numbers import CUT, STRANGER
from tests.unit.deidentify.samples import version_of

CLEANER = TextCleaner(PersonalData())


@pytest.mark.parametrize("gone", [CUT, STRANGER])
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("K. ", ""),
        ("Mac ", ""),
        ("São ", ""),
        ("“Max” ", ""),
        ("Vall d'", ""),
        ("", " И.И."),
        ("", ", Jr"),
        ("", " Min-ho"),
        ("", " TQ"),
        ("", "-jh"),
        ("", " (JDK)"),
        ("", " Na"),
        ("", " 47"),
        ("", ". 1944"),
        ("", " (ortho) 2140"),
        ("", ", ext 12"),
        ("", ", Heidelberg"),
        ("1056 ", ""),
        ("", ".moves"),
    ],
)
def test_what_belongs_to_a_name_goes(before: str, behind: str, gone: str) -> None:
    assert set(without_belongings(f"{before}{gone}{behind}")) <= set(f"{CUT}{STRANGER} .,()")


def test_the_rest_of_a_number_in_groups_goes() -> None:
    assert without_belongings(f"card 0 064 {CUT} 1") == f"card {CUT}{CUT}{CUT}"


@pytest.mark.parametrize(
    "beside",
    [
        " 12 mm",
        " 3 y",
        " 120 kV",
        " LT",
        " Pre-op",
        ", Stable",
        ", Fraktur",
        " At rest",
        " AB",
        " 12 dir",
        " 1.5",
        " R",
    ],
)
def test_what_stands_there_by_chance_stays(beside: str) -> None:
    assert without_belongings(f"CT {STRANGER}{beside}") == f"CT {STRANGER}{beside}"


def test_a_text_without_a_cut_stays() -> None:
    assert without_belongings("Vall d'Or Min-ho 47") == "Vall d'Or Min-ho 47"


def test_a_technical_text_loses_given_names_of_two_syllables_only() -> None:
    assert without_second_name(f"Samsung {STRANGER} Min-ho 1200") == f"Samsung {STRANGER}{CUT} 1200"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("MR knee J0nes", "MR knee"),
        ("MR knee Sm1th", "MR knee"),
        ("MR knee M@ry", "MR knee"),
        ("KneeForJen", ""),
        ("VIP, senator from Vermont", "VIP"),
        ("VIP, minister of fisheries", "VIP"),
        ("Canine elbow “Biscuit”", "Canine elbow"),
        ("skierowanie z POR Medika Sp. z o.o.", "skierowanie z . z o.o"),
        ("ze szpitala w Radomsku", "ze szpitala w"),
        ("on ward Rembrandt", "on ward"),
        ("transferred from St. Elsewhere", "transferred from"),
        ("Reported by jmk/tr", "Reported by"),
        ("PTV60 rev.MK", "PTV60"),
        ("tech 4471", "tech"),
        ("s/p CABG 6/18", "s/p CABG"),
        ("seen on 5th", "seen"),
        ("at 0735", ""),
        ("в марте 2017", "в"),
        ("ur. ok. 1930", ""),
        ("born Easter Monday 1947", "born"),
        ("she is one hundred and one", "she"),
        ("age: ninety two", ""),
    ],
)
def test_what_tells_of_people_goes(text: str, left: str) -> None:
    assert CLEANER.description(text).strip(" ,") == left


@pytest.mark.parametrize(
    "text",
    [
        "T1rho b0map T2prep t1_mp2rage ep2d_diff",
        "Ax3mm Sag5mm",
        "TimCT Angio",
        "“Claw” sign",
        "“Target” lesion",
        "St. Stent RCA",
        "St. p. CABG",
        "Station Innere Medizin",
        "at 1030 ms",
        "at 1200 HU threshold",
        "delay at 10:00 min",
        "s/p resection 3/12 nodes",
        "fracture of the 2nd and 3rd.",
        "is one hundred ml",
        "op. AP",
        "found in LEFT LUNG",
    ],
)
def test_terms_of_the_same_form_stay(text: str) -> None:
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("10.0.0.5", ""),
        ("server 5.6.7.8", "server"),
        ("5.6.7.8/24", ""),
        ("fe80::1", ""),
        ("VE11E room 4", "VE11E room"),
        ("VE11E by J. Kim", "VE11E by"),
        ("VE11E svc:park", "VE11E svc"),
        ("VE11E Klinikum Ost", "VE11E Klinikum"),
    ],
)
def test_networks_rooms_and_users_go_from_versions(text: str, left: str) -> None:
    assert version_of(text) == left


@pytest.mark.parametrize("text", ["10A 10.1.1.54", "syngo 10.2.3.4", "5.4.0.2", "17.2.0.0", "25.1.0.51"])
def test_versions_of_four_numbers_stay(text: str) -> None:
    assert version_of(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Assaulted outside the Red Lion, Otley", "Assaulted outside the"),
        ("stabbed outside the Kings Arms", "stabbed outside the"),
        ("fell at Home Depot", "fell at"),
        ("fell at the Burger King on Main", "fell at the"),
        ("Ze do Posto, diabético", "diabético"),
        ("Zé do Caminhão, dor lombar", "dor lombar"),
        ("lame, Van der Meulen dairy", "lame, dairy"),
        ("пациент из Усть-Кута", "пациент из"),
        ("Equine fetlock Thunderstruck, owner Penhaligon", "Equine fetlock owner"),
    ],
)
def test_names_of_shops_nicknames_and_animals_go_whole(text: str, left: str) -> None:
    """Also those of which every word is a word."""
    assert TextCleaner(PersonalData()).description(text).replace(" ,", "") == left


@pytest.mark.parametrize(
    "text",
    ["opacity near the Circle of Willis", "at the Left Hilum mass", "seen at Outside Hospital", "Raio-X da mão"],
)
def test_structures_and_kinds_of_houses_stay(text: str) -> None:
    assert TextCleaner(PersonalData()).description(text) == text

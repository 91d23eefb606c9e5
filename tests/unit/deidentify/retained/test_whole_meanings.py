"""Languages, countries, breeds, strains and species stay as whole values, and the meanings of codes that are codes."""

from __future__ import annotations

import io

import pydicom
import pytest
from pydicom.dataset import Dataset

from benchmarks.codes import OPTIONS, file_of
from sendit.deidentify import compile_plan, deidentify
from sendit.deidentify.retained.whole_meanings import is_animal, is_measurement, is_whole_meaning, meaning_of_locale
from sendit.model import Released
from tests.unit.deidentify.samples import IDENTITIES

pytestmark = pytest.mark.long

_PATIENT = "Quennesbury^Aldric"


def _meaning(scheme: str, value: str, meaning: str, patient: str = _PATIENT) -> str:
    """What becomes of a meaning, in an image of research."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    item.PurposeOfReferenceCodeSequence = []
    around = Dataset()
    around.PurposeOfReferenceCodeSequence = [item]
    return str(_after(around, patient).PurposeOfReferenceCodeSequence[0].CodeMeaning)


def _after(item: Dataset, patient: str = _PATIENT) -> Dataset:
    outcome = deidentify(file_of([item], patient), compile_plan(list(OPTIONS["for research"]), []), IDENTITIES)
    assert isinstance(outcome, Released), outcome
    (after,) = pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks))).DerivationImageSequence
    assert isinstance(after, Dataset)
    return after


@pytest.mark.parametrize(
    ("scheme", "value", "meaning"),
    [
        ("RFC5646", "en-US", "English (United States)"),
        ("RFC5646", "en", "English"),
        ("RFC5646", "de", "Deutsch"),
        ("RFC5646", "pt-BR", "Portuguese (Brazil)"),
        ("RFC5646", "ja", "Japanese"),
        ("ISO639_2", "spa", "Spanish"),
        ("ISO3166_1", "JO", "Jordan"),
        ("ISO3166_1", "CIV", "Côte d'Ivoire"),
        ("ISO3166_1", "GB", "United Kingdom"),
        ("99LOCAL", "L1", "French (Canada)"),
        ("99LOCAL", "L2", "Labrador Retriever"),
        ("99LOCAL", "L3", "C57BL/6J"),
        ("99LOCAL", "L4", "BALB/c"),
        ("99LOCAL", "L5", "Wistar Kyoto rat"),
    ],
)
def test_whole_meanings_stay(scheme: str, value: str, meaning: str) -> None:
    assert _meaning(scheme, value, meaning) == meaning


@pytest.mark.parametrize(
    "meaning",
    [
        "LVIDd",
        "MV E Vel",
        "EF(Teich)",
        "MR ERO",
        "LAESV A-L A4C",
        "E/E'",
        "AV maxPG",
        "UA PI",
        "Pleth",
        "EFW (Hadlock)",
        "EF(Cube)",
        "LVSV",
        "TAPSE",
    ],
)
def test_names_of_measurements_stay(meaning: str) -> None:
    """As scanners and monitors abbreviate them, of whatever maker."""
    assert _meaning("99GEMS", "GEU-1005-5", meaning) == meaning
    assert _meaning("99ESAOTE", "M1", meaning) == meaning


@pytest.mark.parametrize(
    "meaning",
    [
        "MR Quimby",
        "E",
        "Vel 4711",
        "Diam^Vel Zelda",
        "AV 77123456",
        "E Vel",
        "Simpson",
        "Nelson FL",
        "Max Mean",
        "(Williams)",
    ],
)
def test_what_is_no_measurement_does_not(meaning: str) -> None:
    """A name beside what may be a title, a letter, a number of somebody."""
    assert not is_measurement(meaning)


def test_a_patient_called_as_a_measurement_is_removed() -> None:
    """What is known of the file goes from the code, too."""
    assert _meaning("99GEMS", "GEU-1005-5", "MV E Vel", patient="Vel^Diam") == "Removed"


@pytest.mark.parametrize(
    ("scheme", "value", "meaning", "after"),
    [
        ("RFC5646", "en-US", "Quimby Zelda", "English (United States)"),
        ("ISO3166_1", "JO", "Michael", "Jordan"),
        ("99LOCAL", "L1", "Jordan", "Removed"),  # without its code it is anybody's name
        ("99LOCAL", "L1", "English (Quimby)", "Removed"),
        ("99LOCAL", "L1", "Lewis", "Removed"),
    ],
)
def test_other_meanings_do_not(scheme: str, value: str, meaning: str, after: str) -> None:
    assert _meaning(scheme, value, meaning) == after


@pytest.mark.parametrize(
    ("scheme", "value", "meaning"),
    [
        ("I10", "T74.91XA", "Self-harm by unspecified means"),
        ("I10", "V28.01XS", "Driver injured in collision, sequela"),
        ("I10", "S72.109C", "Unspecified trochanteric fracture, type IIIC"),
        ("SCT", "72310004", "Sebaceous cell carcinoma of skin of right eyelid"),
        ("SCT", "28978003", "Progressive supranuclear ophthalmoplegia [Steele-Richardson-Olszewski]"),
        ("LN", "11957-8", "Crown rump length"),
        ("LN", "79892-6", "Best corrected visual acuity"),
    ],
)
def test_meanings_of_real_codes_stay(scheme: str, value: str, meaning: str) -> None:
    assert _meaning(scheme, value, meaning) == meaning


@pytest.mark.parametrize(
    "meaning", ["Quimby", "Perry Steele", "Driver, Harold", "Dr. Richardson", "fracture of Quimby", "seen by Steele"]
)
def test_names_beside_real_codes_do_not(meaning: str) -> None:
    assert _meaning("LN", "11957-8", meaning) != meaning


def test_a_known_patient_is_removed_beside_a_real_code() -> None:
    """Though the name is one of a disease."""
    text = "Progressive supranuclear ophthalmoplegia of Steele"
    assert "Steele" not in _meaning("SCT", "28978003", text, patient="Steele^Aldric")


def test_a_meaning_of_a_scheme_of_the_site_is_judged_as_before() -> None:
    assert _meaning("99LOCAL", "L1", "Crown rump length of Perry") == "Removed"


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientSpeciesDescription", "Mus musculus"),
        ("PatientBreedDescription", "German Shepherd Dog"),
        ("PatientBreedDescription", "Irish Setter"),
        ("StrainDescription", "Sprague-Dawley"),
        ("StrainDescription", "C57BL/6NCrl"),
        ("StrainDescription", "NOD.Cg-Prkdcscid Il2rgtm1Wjl/SzJ"),
        ("StrainNomenclature", "BALB/cAnNCrl"),
    ],
)
def test_animals_stay_in_their_attributes(keyword: str, value: str) -> None:
    item = Dataset()
    setattr(item, keyword, value)
    assert str(_after(item)[keyword].value) == value


def test_owners_do_not() -> None:
    item = Dataset()
    item.PatientBreedDescription = "Quimby's beagle"
    assert "Quimby" not in str(_after(item))


def test_codes_of_languages_and_countries() -> None:
    assert meaning_of_locale("RFC5646", "zh-Hant-TW").startswith("Chinese (Taiwan")
    assert meaning_of_locale("ISO3166_1", "276") == "Germany"
    assert meaning_of_locale("RFC5646", "Quimby") == ""
    assert meaning_of_locale("DCM", "de") == ""


def test_long_values_take_no_time() -> None:
    assert not is_animal("C57BL/6" + "J" * 5000)
    assert not is_whole_meaning("(" * 5000)

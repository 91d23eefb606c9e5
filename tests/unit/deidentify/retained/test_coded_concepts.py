"""Codes, names of makes and code strings hold what their kind allows, and nothing that a person put there instead."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from sendit.deidentify.retained.coded_concepts import is_code, is_short_for, meaning_of
from sendit.deidentify.text.clean import PersonalData, TextCleaner
from sendit.deidentify.text.vocabulary import is_term
from tests.unit.deidentify.samples import dataset, file_of, output

CLEANER = TextCleaner(PersonalData())


@pytest.mark.parametrize(
    ("scheme", "value"),
    [("DCM", "121071"), ("SCT", "39607008"), ("LN", "18748-4"), ("SRT", "T-28000"), ("UMLS", "C0205447"),
     ("SCPECG", "5.10.2.1-3"), ("MDC", "2:4752"), ("ICD-10-CM", "C50.911"), ("CPT", "71260"), ("99QIICR", "120001"),
     ("99SMS_CTMR", "UV4242"), ("99GEMS", "GEU-1005-5"), ("99PMSBLUS", "C12203-22"), ("FMA", "FMA50801"),
     ("UBERON", "UBERON:0002107"), ("HPO", "HP:0002664"), ("HGNC", "HGNC:1101"), ("MIM", "114480"), ("ICDO", "8140/3")],
)  # fmt: skip
def test_codes_of_their_schemes(scheme: str, value: str) -> None:
    """They have the form, and the check digit where there is one."""
    assert is_code(scheme, value) is True


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("DCM", "HX178334"),
        ("SCT", "83920174"),
        ("LN", "12345-6"),
        ("SRT", "Quxbarry"),
        ("UMLS", "1961-12-15"),
        ("UBERON", "4711882"),
        ("HGNC", "4711882"),
        ("MIM", "4711882"),
    ],
)
def test_no_codes_of_their_schemes(scheme: str, value: str) -> None:
    """Numbers of patients, names and dates."""
    assert is_code(scheme, value) is False


@pytest.mark.parametrize(
    ("scheme", "value", "meaning"),
    [("UMLS", "C0034375", "Qualitative Evaluations"), ("UMLS", "C2348792", "Time Point")],
)
def test_concepts_of_templates_keep_their_meaning(scheme: str, value: str, meaning: str) -> None:
    """Every report of TID 1500 has them, though no context group does."""
    code, before = Dataset(), dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    before.ViewCodeSequence = [code]
    assert output(file_of(before)).ViewCodeSequence[0].CodeMeaning == meaning


def test_schemes_of_makers_stay_whole_but_for_names() -> None:
    """A designator of which a part went would name another scheme."""
    codes = []
    for scheme, value in (("99SMS_CTMR", "UV12"), ("99GEMS_QUX", "12"), ("99QIICR", "4711081")):
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, "Head"
        codes.append(code)
    before = dataset()
    before.PatientName = "Qux^Quennesbury"
    before.ViewCodeSequence = codes
    first, second, third = output(file_of(before)).ViewCodeSequence
    assert (first.CodingSchemeDesignator, first.CodeValue) == ("99SMS_CTMR", "UV12")
    assert "QUX" not in second.CodingSchemeDesignator
    assert third.CodeValue == "Removed"


def test_meaning_is_the_standards() -> None:
    """A meaning with a name in it is written as the standard has it; one of which it says nothing goes, whole."""
    concept = Dataset()
    concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning = "121071", "DCM", "Quxbarry_Teodor"
    own = Dataset()
    own.CodeValue, own.CodingSchemeDesignator, own.CodeMeaning = "Quxbarry, T", "99QUXBARRY", "Head Quxbarry"
    before = dataset()
    before.ViewCodeSequence = [concept, own]
    first, second = output(file_of(before)).ViewCodeSequence
    assert first.CodeMeaning == meaning_of("DCM", "121071") == "Finding"
    assert first.CodeValue == "121071"
    assert second.CodeMeaning == "Removed"
    assert "qux" not in str(second).lower()


@pytest.mark.parametrize(
    ("scheme", "value", "meaning", "expected"),
    [
        ("SCT", "11279006", "Circle of Willis", "Circle of Willis"),
        ("SCT", "12738006", "Brain", "Brain"),
        ("SRT", "C-111A1", "^18^Fluorine", "^18^Fluorine"),
        ("SRT", "C-111A1", "F^18^[^18^Fluorine]", "F^18^[^18^Fluorine]"),
        ("SRT", "C-163A8", "^99m^Technetium", "^99m^Technetium"),
        ("DCM", "121071", "Finding of Quennesbury", "Finding"),
        ("99LOCAL", "H1", "Head axial", "Head axial"),
        ("99LOCAL", "H2", "Zquervald lymphoma", "Removed"),
        ("99LOCAL", "H3", "Quennesbury", "Removed"),
        ("UCUM", "{SUVbw}g/ml", "Standardized Uptake Value body weight", "Standardized Uptake Value body weight"),
    ],
)
def test_a_meaning_is_whole_or_not_there(scheme: str, value: str, meaning: str, expected: str) -> None:
    """As it stands, or as the standard has it, or none; a part of one would be another diagnosis."""
    whole, concept = dataset(), Dataset()
    whole.PatientName = "Quennesbury^Aldric"
    concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning = value, scheme, meaning
    whole.ViewCodeSequence = [concept]
    [made] = output(file_of(whole)).ViewCodeSequence
    assert made.CodeMeaning == expected
    assert made.CodeValue == value or scheme == "99LOCAL"


_UNITS = """mm {SUVbw}g/ml {SUVlbm}g/ml g/cm2 mm2/s um2/ms 10-6.mm2/s [hnsf'U] Bq/ml ml/min/100g 1 {ratio} s/mm2 ms deg
    Hz mGy.cm2 % cm/s mm[Hg] {counts}/s 1/s /cm ug/mL /min kBq/mL 10*6/L"""


@pytest.mark.parametrize("unit", _UNITS.split())
def test_units_stay(unit: str) -> None:
    """UCUM's, as images of all kinds have them."""
    whole, mapping, concept = dataset(), Dataset(), Dataset()
    concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning = unit, "UCUM", unit
    mapping.MeasurementUnitsCodeSequence = [concept]
    whole.RealWorldValueMappingSequence = [mapping]
    [made] = output(file_of(whole)).RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence
    assert (made.CodeValue, made.CodeMeaning) == (unit, unit)


def test_a_name_for_a_unit_goes() -> None:
    """UCUM's annotations may be any text."""
    whole, concept = dataset(), Dataset()
    whole.PatientName = "Quennesbury^Aldric"
    concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning = "{Zquervald}", "UCUM", "Zquervald"
    whole.MeasurementUnitsCodeSequence = [concept]
    assert "zquer" not in str(output(file_of(whole))).lower()


def test_the_standards_meaning_stays_whoever_is_called_so() -> None:
    """Coded attributes are compared by attribute."""
    whole, concept = dataset(), Dataset()
    whole.PatientName, whole.SeriesDescription = "Willis^Aldric", "Willis axial"
    concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning = "11279006", "SCT", "Circle of Willis"
    whole.AnatomicRegionSequence = [concept]
    made = output(file_of(whole))
    assert made.AnatomicRegionSequence[0].CodeMeaning == "Circle of Willis"


@pytest.mark.parametrize("code", ["HX178334", "19611215", "53 182 857", "ACC 788373567", "QUXBARRY TEO", "MRN25472"])
def test_no_code_string(code: str) -> None:
    """Names, and numbers of five digits and more."""
    assert not is_term(code)


@pytest.mark.parametrize("code", ["ISO_10918_1", "DIS2D", "1500", "10001", "FM3_2", "CSA RESAMPLED", "T1_MAP"])
def test_code_strings(code: str) -> None:
    """What the standard and the makers write."""
    assert is_term(code)


@pytest.mark.parametrize(
    "text",
    [
        "SOMATOM Force", "Ingenia Elition X", "DISCOVERY MR750w", "syngo MR B17", "2.6.3.6", "*tfl3d1_16ns", "B30f",
        "MILLENNIUM MG", "https://github.com/qiicr/dcmqi.git", "BONEPLUS", "highdicom 0.22.0", "VB42B",
    ],
)  # fmt: skip
def test_technique_stays(text: str) -> None:
    """Makes, models, versions, kernels, sequences, days on which programs were built."""
    assert CLEANER.technical(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Quxbarry Hospital",
        "HX827760",
        "17.02.1936",
        "8621494",
        "MajkenQuxbarry",
        "53-182-857",
        "Dr. Quxbarry",
        "19611215",
    ],
)
def test_what_is_no_technique_goes(text: str) -> None:
    """Institutions, persons, their numbers and their birthdays."""
    left = CLEANER.technical(text).lower()
    assert "qux" not in left
    assert not any(map(str.isdigit, left))


@pytest.mark.parametrize("number", ["53-182-857", "12.345.678", "123.456.789-09"])
def test_numbers_in_groups_go_from_descriptions(number: str) -> None:
    """As identifiers of patients and of citizens are written."""
    assert not any(map(str.isdigit, CLEANER.description(f"CT {number} chest")))


@pytest.mark.parametrize(
    ("value", "meaning", "short"),
    [
        ("RVEF", "RV ejection fraction", True),
        ("LV_EDV", "LV end diastolic volume", True),
        ("MVAccTime", "MV acceleration time", True),
        ("RVEF", "LV stroke volume", False),
        ("Quennesbury", "RV ejection fraction", False),
        ("R", "RV ejection fraction", False),
        ("", "RV ejection fraction", False),
    ],
)
def test_what_a_code_is_short_for(value: str, meaning: str, short: bool) -> None:
    assert is_short_for(value, meaning) is short


def test_the_code_of_a_maker_stays_if_it_is_short_for_its_meaning() -> None:
    """Programs find a measurement by its code; a name does not become one by standing in its meaning, too."""
    kept = []
    for value, meaning in (("RVEF", "RV ejection fraction"), ("QUENNESB", "Quennesbury"), ("RVEF", "Quennesbury")):
        before = dataset()
        before.PatientName = "Quennesbury^Aldric"
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "99ACME", meaning
        before.AnatomicRegionSequence = [code]
        kept.append(output(file_of(before)).AnatomicRegionSequence[0].CodeValue)
    assert kept == ["RVEF", "Removed", "Removed"]

"""Codes, names of makes and code strings hold what their kind allows, and nothing that a person put there instead."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from sendit.deidentify.codes import is_code, meaning_of
from sendit.deidentify.freetext import Known, TextCleaner
from sendit.deidentify.words import is_term
from tests.unit.deidentify.samples import dataset, file_of, output

CLEANER = TextCleaner(Known())


@pytest.mark.parametrize(
    ("scheme", "value"),
    [("DCM", "121071"), ("SCT", "39607008"), ("LN", "18748-4"), ("SRT", "T-28000"), ("UMLS", "C0205447")],
)  # fmt: skip
def test_codes_of_their_schemes(scheme: str, value: str) -> None:
    """They have the form, and the check digit where there is one."""
    assert is_code(scheme, value) is True


@pytest.mark.parametrize(
    ("scheme", "value"),
    [("DCM", "HX178334"), ("SCT", "83920174"), ("LN", "12345-6"), ("SRT", "Quxbarry"), ("UMLS", "1961-12-15")],
)
def test_no_codes_of_their_schemes(scheme: str, value: str) -> None:
    """Numbers of patients, names and dates."""
    assert is_code(scheme, value) is False


def test_meaning_is_the_standards() -> None:
    """A meaning with a name in it is written as the standard has it; one of which it says nothing loses the name."""
    concept = Dataset()
    concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning = "121071", "DCM", "Quxbarry_Teodor"
    own = Dataset()
    own.CodeValue, own.CodingSchemeDesignator, own.CodeMeaning = "Quxbarry, T", "99QUXBARRY", "Head Quxbarry"
    before = dataset()
    before.ViewCodeSequence = [concept, own]
    first, second = output(file_of(before)).ViewCodeSequence
    assert first.CodeMeaning == meaning_of("DCM", "121071") == "Finding"
    assert first.CodeValue == "121071"
    assert "Head" in second.CodeMeaning
    assert "qux" not in str(second).lower()


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
        "20190412", "MILLENNIUM MG", "https://github.com/qiicr/dcmqi.git", "BONEPLUS", "highdicom 0.22.0", "VB42B",
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

"""Known values are recognised in text that was read with mistakes."""

from __future__ import annotations

import pytest

from sendit.deidentify.leak_check.identifiers import Identifiers
from sendit.deidentify.leak_check.spellings import Kind, spellings_of
from sendit.deidentify.pixels.ocr.match_identifiers import identifies


@pytest.fixture(scope="module")
def identifiers() -> Identifiers:
    """A patient, a number, a hospital, a date of birth."""
    found = Identifiers(dates={b"19610412"})
    found.spellings.add(spellings_of(Kind.PATIENT, "Müller^Lisa"))
    found.spellings.add(spellings_of(Kind.PATIENT, "Li^Bo"))
    found.spellings.add(spellings_of(Kind.IDENTIFIER, "MRN4711-085"))
    found.spellings.add(spellings_of(Kind.IDENTIFIER, "30185520"))
    found.spellings.add(spellings_of(Kind.INSTITUTION, "Kantonsspital Olten"))
    return found


@pytest.mark.parametrize(
    "text",
    [
        "MULLER, Lisa",
        "MUELLER",
        "MU LLER 70Y",
        "Name:Lisa",
        "L1SA",
        "ID 3O1B552O",
        "ID:30l85520",
        "301855Z0",
        "MRN471I-O85",
        "MRN4711085 M",
        "Kantonsspita1 0lten",
        "Kantonspital Olten",
        "DOB 1961-04-12",
        "12.04.1961",
        "04/l2/196l",
        "MULLFR",
    ],
)
def test_known_values_are_recognised(identifiers: Identifiers, text: str) -> None:
    """Letters for digits, one character other, missing or too many, separators or none; dates in every order."""
    assert identifies(text, identifiers)


@pytest.mark.parametrize("text", ["", "R", "3.5 MHz", "kVp 120", "TIS 0.4 MI 0.8", "2024-11-02", "THORAX AP", "4 cm"])
def test_other_text_is_not(identifiers: Identifiers, text: str) -> None:
    """Scales, techniques and sides are nobody's."""
    assert not identifies(text, identifiers)

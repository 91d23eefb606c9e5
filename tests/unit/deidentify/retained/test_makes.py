"""A make is whole or gone, also one that no table has; the name of a house or person is none."""

from __future__ import annotations

import pytest

from sendit.deidentify.retained.makes import is_company, is_make_or_model
from tests.unit.deidentify.samples import dataset, file_of, output

_MANUFACTURER = 0x00080070


@pytest.mark.parametrize(
    "make",
    [
        "Olea Medical", "Laurel Bridge Software, Inc.", "TeraRecon, Inc", "QR s.r.l.", "J.MORITA.MFG.CORP.",
        "Beijing SinoVision Technologies Co., Ltd.", "Circle Cardiovascular Imaging Inc.",
        "Qure.ai Technologies Pvt. Ltd.",
    ],
)  # fmt: skip
def test_makes_of_the_table(make: str) -> None:
    """With any signs between their words, and any legal form behind them."""
    assert is_make_or_model(_MANUFACTURER, make)
    assert _manufacturer(make) == make


@pytest.mark.parametrize(
    "make",
    [
        "Zyntaro Technologies, LLC", "Vexoray S.r.l.", "Qorvex Medical Systems GmbH", "Schmidt Medizintechnik GmbH",
        "Guangzhou Foobarix Medical Equipment Co., Ltd.", "Okonkwo Devices Inc.",
    ],
)  # fmt: skip
def test_makes_of_no_table_are_known_by_their_form(make: str) -> None:
    """A trade of makers or a legal form, and words that are nobody's name; one name where two such words confirm it."""
    assert not is_make_or_model(_MANUFACTURER, make)
    assert _manufacturer(make) == make


@pytest.mark.parametrize(
    "value",
    [
        "Schmidt GmbH", "Schmidt Healthcare GmbH", "Dr. Schmidt Medizintechnik GmbH", "Anna Schmidt Instruments Ltd",
        "Radiologie Zyntaro GmbH", "Zyntaro Hospital Systems Inc.", "Zyntaro Imaging Center LLC",
        "Schmidt Technologies",
        "Szpital Zyntaro Sp. z o.o.", "Universitätsklinikum Zyntaro AG", "Centre Hospitalier Zyntaro", "Zyntaro",
        "St. Zyntaro's General Hospital", "Azienda Ospedaliera di Zyntaro", "Klinikum Zyntaro Radiologie",
    ],
)  # fmt: skip
def test_houses_and_persons_are_no_makes(value: str) -> None:
    """Nothing of them stays: half a name of a house still tells that there is one."""
    assert not is_company(value)
    assert _manufacturer(value) == "Removed"


def test_a_house_behind_a_make_goes_alone() -> None:
    """The make stays, as a reader of the file looks for it."""
    assert _manufacturer("GE Healthcare - Mercy Hill Hospital") == "GE Healthcare"


def test_a_company_that_the_file_knows_as_a_person_or_place_goes() -> None:
    """Unlike a make of the table: nobody can tell which is meant."""
    assert _manufacturer("Zyntaro Technologies, LLC", PatientName="Zyntaro^Ann") == "Removed"
    assert _manufacturer("Zyntaro Technologies, LLC", InstitutionName="Zyntaro Technologies") == "Removed"


def _manufacturer(value: str, **others: str) -> str:
    whole = dataset()
    whole.Manufacturer = value
    for keyword, text in others.items():
        setattr(whole, keyword, text)
    return str(output(file_of(whole)).Manufacturer)


def test_a_make_is_not_put_together() -> None:
    """Of two parts around a word that goes."""
    assert _manufacturer("Sectra Kowalska AB") == "Sectra"


@pytest.mark.parametrize(
    ("model", "left"),
    [("uCT 530 放射科三号机房", "uCT 530"), ("NeuViz 64 三号机房", "NeuViz 64"), ("SCT-7800 第2撮影室", "SCT-7800")],
)
def test_a_model_loses_the_room_behind_it(model: str, left: str) -> None:
    """Consoles in China and Japan are told apart by it."""
    whole = dataset()
    whole.SpecificCharacterSet = "ISO_IR 192"
    whole.ManufacturerModelName = model
    assert output(file_of(whole)).ManufacturerModelName == left

"""The chain of receipts."""

from __future__ import annotations

from dataclasses import fields
from itertools import permutations
from typing import Any

import pytest

from sendit.journal.receipts import manifest
from sendit.model import Receipt


def receipt(number: int) -> dict[str, Any]:
    """As the journal holds it."""
    return Receipt(
        input_sha256=f"{number:064x}",
        plan_sha256="b" * 64,
        output_sha256="c" * 64,
        output_md5="d" * 32,
        output_size=1000,
        patient_id="CODE",
        study_instance_uid="2.25.1",
        series_instance_uid="2.25.2",
        sop_instance_uid=f"2.25.3{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        actions={"X": 3, "Z": 1},
        leak_check="passed",
        pixels={"status": "cleaned"},
        released=True,
        study_date="20200101",
        accession_number="CODED",
        modality="CT",
        repairs=("stray delimiters left out",),
        lost_meaning=("RescaleSlope",),
        review={"decision": "accepted"},
    ).as_dict()


RECEIPTS = [receipt(number) for number in range(4)]
END = manifest.head(RECEIPTS)


def changes(value: Any) -> list[Any]:
    """Other values of the same type."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, 0]
    if isinstance(value, dict):
        return [{**value, "X": 4}, {"X": 3}, {**value, "D": 1}, {}]
    if isinstance(value, list):
        return [[*value, "other"], []]
    return [value + "0", value[:-1] + "z", ""]


@pytest.mark.parametrize("name", [field.name for field in fields(Receipt)])
@pytest.mark.parametrize("place", range(len(RECEIPTS)))
def test_a_change_in_any_field_shows(name: str, place: int) -> None:
    """In the first receipt, in the last, and between; also when the field is gone."""
    without = {key: value for key, value in RECEIPTS[place].items() if key != name}
    for changed in (without, *({**without, name: other} for other in changes(RECEIPTS[place][name]))):
        assert manifest.head([*RECEIPTS[:place], changed, *RECEIPTS[place + 1 :]]) != END


@pytest.mark.parametrize("place", range(len(RECEIPTS)))
def test_a_receipt_that_is_gone_or_twice_shows(place: int) -> None:
    """Wherever it was."""
    assert manifest.head(RECEIPTS[:place] + RECEIPTS[place + 1 :]) != END
    assert manifest.head([*RECEIPTS[: place + 1], *RECEIPTS[place:]]) != END


def test_a_receipt_that_was_added_shows() -> None:
    """Anywhere, also an empty one."""
    for place in range(len(RECEIPTS) + 1):
        for added in (receipt(9), {}):
            assert manifest.head([*RECEIPTS[:place], added, *RECEIPTS[place:]]) != END


def test_every_order_has_an_end_of_its_own() -> None:
    """24 orders of four receipts; the order of keys within one is none of them."""
    assert len({manifest.head(order) for order in permutations(RECEIPTS)}) == 24
    assert manifest.head([dict(reversed(list(one.items()))) for one in RECEIPTS]) == END
    assert (len(END), manifest.head([])) == (64, "")

"""The risk report, against numbers counted by hand."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest

from sendit.deidentify.options import Option
from sendit.journal.lists.risk import (
    ATTRIBUTES,
    Combination,
    Diversity,
    Driver,
    OptionEffect,
    RareClass,
    RiskReport,
    risk_of,
)
from sendit.journal.receipts.characteristics import ReleasedStudy

pytestmark = pytest.mark.long


def study(patient: str, **values: str) -> ReleasedStudy:
    return ReleasedStudy(patient, {name.replace("_", " "): value for name, value in values.items()})


def report(*studies: ReleasedStudy, k: int = 2, diverse: int = 2, options: set[Option] | None = None) -> RiskReport:
    return risk_of(studies, 0, k, diverse, options)


#: Seven patients. By age and sex: (40, F): a b c; (40, M): d e; (50, M): f; (90, F): g.
SEVEN = (
    study("a", age="40", sex="F", body_part="HEAD"),
    study("b", age="40", sex="F", body_part="HEAD"),
    study("c", age="40", sex="F", body_part="HEAD"),
    study("d", age="40", sex="M", body_part="HEAD"),
    study("e", age="40", sex="M", body_part="KNEE"),
    study("f", age="50", sex="M", body_part="HEAD"),
    study("g", age="90", sex="F", body_part="HEAD"),
)


def test_classes() -> None:
    """By all three: abc together; d, e, f and g each alone."""
    found = report(*SEVEN)
    assert (found.patients, found.studies, found.smallest) == (7, 7, 1)
    assert (found.singled_out, found.unique) == (4, 4)
    three = report(*SEVEN, k=4)
    assert (three.singled_out, three.unique) == (7, 4)  # abc are three, and four are asked for


def test_combinations() -> None:
    """f and g are known by their age, e by the body part; d by none alone, and by no two: (M, HEAD) is d and f."""
    found = report(*SEVEN)
    assert found.combinations == [
        Combination(("age",), 2, 2),
        Combination(("age", "sex", "body part"), 4, 1),
        Combination(("body part",), 1, 1),
    ]
    assert {(tuple(one.values.items()), one.patients) for one in found.classes} == {
        ((("age", "50"),), 1),
        ((("age", "90"),), 1),
        ((("body part", "KNEE"),), 1),
        ((("age", "40"), ("sex", "M"), ("body part", "HEAD")), 1),
    }


def test_drivers() -> None:
    """Without the age: (F, HEAD) abcg, (M, HEAD) df, (M, KNEE) e. Without the sex: (40, HEAD) abcd, e, f, g.

    Without the body part: abc, de, f, g.
    """
    option = Option.RETAIN_PATIENT_CHARACTERISTICS
    assert report(*SEVEN).drivers == [
        Driver("age", option, 3, 2, 1),
        Driver("sex", option, 2, 0, 3),
        Driver("body part", None, 2, 1, 2),
    ]


def test_options() -> None:
    """Without patient characteristics the body part remains, by which e is alone."""
    option = Option.RETAIN_PATIENT_CHARACTERISTICS
    effect = [OptionEffect(option, ("age", "sex"), 1)]
    assert report(*SEVEN).options == effect
    assert report(*SEVEN, options={option, Option.CLEAN_DESCRIPTORS}).options == effect
    assert report(*SEVEN, options={Option.RETAIN_UIDS}).options == []


def test_diversity() -> None:
    """Of the classes by age and sex with two patients, abc all have HEAD; d and e differ."""
    assert report(*SEVEN).diversity == [Diversity("body part", 1, 3)]
    assert report(*SEVEN, diverse=3).diversity == [Diversity("body part", 2, 5)]
    assert report(*SEVEN, k=3).diversity == [Diversity("body part", 1, 3)]
    assert report(*SEVEN, k=4).diversity == [Diversity("body part", 0, 0)]


def test_nobody_has_a_sensitive_value() -> None:
    assert report(study("a", age="40"), study("b", age="50")).diversity == []


def test_one_patient_with_several_studies() -> None:
    """Patients are counted, not studies: x is alone in May with two studies, and in June together with y and z."""
    found = report(
        study("x", study_month="2020-05"),
        study("x", study_month="2020-05"),
        study("x", study_month="2020-06"),
        study("y", study_month="2020-06"),
        study("z", study_month="2020-06"),
    )
    assert (found.patients, found.studies) == (3, 5)
    assert (found.singled_out, found.unique, found.smallest) == (1, 1, 1)
    assert found.classes == [RareClass({"study month": "2020-05"}, 1)]
    assert [one.option for one in found.options] == [Option.RETAIN_LONGITUDINAL_FULL_DATES]


def test_no_value_is_a_value() -> None:
    found = report(study("a", sex="F"), study("b", sex="F"), study("c"))
    assert found.singled_out == 1
    assert found.classes == [RareClass({"sex": "none"}, 1)]


def test_fewer_than_k_patients() -> None:
    """Then all are singled out, whatever is retained."""
    found = report(study("a", sex="F"), study("b", sex="F"), k=5)
    assert (found.singled_out, found.unique, found.smallest) == (2, 0, 2)
    assert found.combinations == [Combination((), 2, 2)]
    assert found.classes == [RareClass({}, 2)]


def test_nothing_was_released() -> None:
    found = risk_of([], 3, 5, 2)
    assert (found.patients, found.singled_out, found.smallest, found.unknown) == (0, 0, 0, 3)
    assert (found.combinations, found.drivers, found.options, found.diversity) == ([], [], [], [])


def singled_out(studies: list[ReleasedStudy], names: tuple[str, ...], k: int) -> set[str]:
    """The definition, word by word."""
    members: dict[tuple[str, ...], set[str]] = {}
    for one in studies:
        members.setdefault(tuple(one.values.get(name, "") for name in names), set()).add(one.patient)
    return {patient for one in members.values() if len(one) < k for patient in one}


@pytest.mark.parametrize("seed", range(8))
def test_against_the_definition(seed: int) -> None:
    """Random studies of all attributes, many values, several studies a patient."""
    random = Random(seed)
    studies = [
        ReleasedStudy(
            f"p{random.randrange(150)}",
            {
                name: str(random.randrange(2 + 9 * index))
                for index, name in enumerate(ATTRIBUTES)
                if random.random() < 0.9
            },
        )
        for _ in range(300)
    ]
    k = 2 + seed
    found = risk_of(studies, 0, k, 2)
    every = tuple(ATTRIBUTES)
    assert found.singled_out == len(singled_out(studies, every, k))
    for driver in found.drivers:
        others = tuple(name for name in every if name != driver.attribute)
        assert driver.alone == len(singled_out(studies, (driver.attribute,), k))
        assert driver.without == len(singled_out(studies, others, k))
    by_names = {one.attributes: one for one in found.combinations}
    for size in (1, 2, 3):
        for chosen in combinations(every, size):
            parts = [singled_out(studies, part, k) for part in combinations(chosen, size - 1)]
            whole = singled_out(studies, chosen, k)
            further = len(whole.difference(*parts))
            listed = by_names.get(chosen, Combination(chosen, len(whole), 0))
            assert (listed.patients, listed.further) == (len(whole), further)

"""How many patients of what was released could be singled out by what was retained: k-anonymity and l-diversity.

A combination of attributes puts each patient into classes: those of all patients who have a study with the same values.
A patient of a class of fewer than k patients is singled out. Attributes without a value are a value of their own.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from sendit.deidentify.options import Option

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sendit.journal.receipts.characteristics import ReleasedStudy

#: Attribute of the report → the option that retains it; None: the profile itself does.
ATTRIBUTES: Mapping[str, Option | None] = {
    "age": Option.RETAIN_PATIENT_CHARACTERISTICS,
    "sex": Option.RETAIN_PATIENT_CHARACTERISTICS,
    "height": Option.RETAIN_PATIENT_CHARACTERISTICS,
    "weight": Option.RETAIN_PATIENT_CHARACTERISTICS,
    "ethnic group": Option.RETAIN_PATIENT_CHARACTERISTICS,
    "study month": Option.RETAIN_LONGITUDINAL_FULL_DATES,
    "institution": Option.RETAIN_INSTITUTION_IDENTITY,
    "device model": None,
    "modality": None,
    "body part": None,
    "procedure": None,
    "study description": Option.CLEAN_DESCRIPTORS,
}
#: What a person would rather not have known of them: it must differ within a class.
SENSITIVE = ("body part", "procedure", "study description")
#: Attributes in one combination of the list.
_MOST = 3
#: Classes in the report.
_MOST_CLASSES = 1_000

_Names = tuple[str, ...]
#: Values → the patients who have them.
_Classes = dict[tuple[str, ...], set[str]]


@dataclass(frozen=True, slots=True)
class Combination:
    """Attributes that together single patients out."""

    attributes: _Names
    patients: int  # whom they single out
    further: int  # of these, whom no part of the combination singles out


@dataclass(frozen=True, slots=True)
class RareClass:
    """Values that fewer than k patients have."""

    values: Mapping[str, str]
    patients: int


@dataclass(frozen=True, slots=True)
class Driver:
    """What an attribute contributes."""

    attribute: str
    option: Option | None  # that retains it
    values: int  # how many different ones there are
    alone: int  # patients whom it singles out by itself
    without: int  # patients whom all other attributes single out


@dataclass(frozen=True, slots=True)
class OptionEffect:
    """What would be if the project did not have an option."""

    option: Option
    attributes: _Names
    without: int  # patients who would still be singled out


@dataclass(frozen=True, slots=True)
class Diversity:
    """Patients in classes of at least k of whom nearly all have the same sensitive value."""

    attribute: str
    classes: int
    patients: int


@dataclass(frozen=True, slots=True)
class RiskReport:
    """The risk of a project's releases."""

    k: int
    diverse: int  # l of l-diversity
    patients: int
    studies: int
    unknown: int  # studies of which nothing is known: they were released before SendIt wrote it down
    singled_out: int  # patients, by all attributes together
    unique: int  # of these, patients in a class of their own
    smallest: int  # patients in the smallest class; 0 if there is no patient
    combinations: Sequence[Combination]
    classes: Sequence[RareClass]
    drivers: Sequence[Driver]
    options: Sequence[OptionEffect]
    diversity: Sequence[Diversity]


def risk_of(
    studies: Sequence[ReleasedStudy], unknown: int, k: int, diverse: int, options: Collection[Option] | None = None
) -> RiskReport:
    """Return the report.

    Args:
        studies: what was released.
        unknown: how many further studies were.
        k: smallest class in which a patient is not singled out.
        diverse: smallest number of different sensitive values in a class.
        options: those that the project has; None: not known, so all count that may have retained something.
    """
    names = tuple(name for name in ATTRIBUTES if len({study.values.get(name, "") for study in studies}) > 1)
    whole = _classes(studies, names)
    singled = _singled_out(whole, k)
    listed = list(_combinations(studies, names, k))
    return RiskReport(
        k=k,
        diverse=diverse,
        patients=len({study.patient for study in studies}),
        studies=len(studies),
        unknown=unknown,
        singled_out=len(singled),
        unique=len(_singled_out(whole, min(k, 2))),
        smallest=min(map(len, whole.values()), default=0),
        combinations=sorted((one for one, _ in listed), key=lambda one: (-one.further, one.attributes)),
        classes=sorted((rare for _, found in listed for rare in found), key=lambda one: one.patients)[:_MOST_CLASSES],
        drivers=[_driver(studies, names, name, k) for name in names],
        options=list(_effects(studies, names, k, options)),
        diversity=list(_diversity(studies, names, k, diverse)),
    )


def _classes(studies: Sequence[ReleasedStudy], names: Sequence[str]) -> _Classes:
    classes: _Classes = defaultdict(set)
    for study in studies:
        classes[tuple(study.values.get(name, "") for name in names)].add(study.patient)
    return classes


def _singled_out(classes: _Classes, k: int) -> set[str]:
    """Return the patients of classes with fewer than k patients."""
    return {patient for members in classes.values() if len(members) < k for patient in members}


def _combinations(
    studies: Sequence[ReleasedStudy], names: Sequence[str], k: int
) -> Iterator[tuple[Combination, list[RareClass]]]:
    """Yield the combinations that single out somebody whom no part of them does, with their rare classes."""
    known: dict[_Names, set[str]] = {}
    for size in range(min(_MOST, len(names)) + 1):
        for chosen in combinations(names, size):
            classes = _classes(studies, chosen)
            singled = _singled_out(classes, k)
            parts = [known[chosen[:index] + chosen[index + 1 :]] for index in range(size)]
            further = singled.difference(*parts)
            known[chosen] = singled
            if further:
                rare = [
                    RareClass({name: value or "none" for name, value in zip(chosen, values, strict=True)}, len(members))
                    for values, members in classes.items()
                    if len(members) < k and members & further
                ]
                yield Combination(chosen, len(singled), len(further)), rare


def _driver(studies: Sequence[ReleasedStudy], names: Sequence[str], name: str, k: int) -> Driver:
    alone = _classes(studies, (name,))
    others = _classes(studies, [one for one in names if one != name])
    return Driver(name, ATTRIBUTES[name], len(alone), len(_singled_out(alone, k)), len(_singled_out(others, k)))


def _effects(
    studies: Sequence[ReleasedStudy], names: Sequence[str], k: int, options: Collection[Option] | None
) -> Iterator[OptionEffect]:
    for option in dict.fromkeys(ATTRIBUTES[name] for name in names):
        if option is not None and (options is None or option in options):
            its = tuple(name for name in names if ATTRIBUTES[name] is option)
            rest = _classes(studies, [name for name in names if name not in its])
            yield OptionEffect(option, its, len(_singled_out(rest, k)))


def _diversity(studies: Sequence[ReleasedStudy], names: Sequence[str], k: int, least: int) -> Iterator[Diversity]:
    """Yield, for each sensitive attribute, the classes that are large enough and say the same of nearly everybody."""
    others = [name for name in names if name not in SENSITIVE]
    large = {key: members for key, members in _classes(studies, others).items() if len(members) >= k}
    for name in SENSITIVE:
        found: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for study in studies:
            key = tuple(study.values.get(one, "") for one in others)
            found[key].add(study.values.get(name, ""))
        # A class in which nobody has a value says nothing of anybody.
        alike = [members for key, members in large.items() if len(found[key]) < least and found[key] != {""}]
        if any(study.values.get(name) for study in studies):
            yield Diversity(name, len(alike), len(set().union(*alike)))

"""How many patients of what was released could be singled out by what was retained: k-anonymity and l-diversity.

A combination of attributes puts each patient into classes: those of all patients who have a study with the same values.
A patient of a class of fewer than k patients is singled out. Attributes without a value are a value of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sendit.deidentify.options import Option

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

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
#: Sensitive attributes, which must differ within a class.
SENSITIVE = ("body part", "procedure", "study description")
#: Attributes in one combination of the list.
_MOST = 3
#: Classes in the report.
_MOST_CLASSES = 1_000

#: Keys up to here cannot overflow when one more attribute is put into them.
_LARGEST_KEY = 2**40

_Names: TypeAlias = tuple[str, ...]
_Numbers: TypeAlias = "NDArray[np.int64]"
#: Patient → whether they are meant.
_Mask: TypeAlias = "NDArray[np.bool_]"


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
    """Contribution of an attribute."""

    attribute: str
    option: Option | None  # that retains it
    values: int  # how many different ones there are
    alone: int  # patients whom it singles out by itself
    without: int  # patients whom all other attributes single out


@dataclass(frozen=True, slots=True)
class OptionEffect:
    """Effect of leaving out one option of the project."""

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
    table = _Table(studies)
    names = tuple(name for name in ATTRIBUTES if len(table.values[name]) > 1)
    whole = table.classes(names)
    listed = list(_combinations(table, names, k))
    return RiskReport(
        k=k,
        diverse=diverse,
        patients=table.patients,
        studies=len(studies),
        unknown=unknown,
        singled_out=whole.count(k),
        unique=whole.count(min(k, 2)),
        smallest=int(whole.sizes.min()) if studies else 0,
        combinations=sorted((one for one, _ in listed), key=lambda one: (-one.further, one.attributes)),
        classes=sorted((rare for _, found in listed for rare in found), key=lambda one: one.patients)[:_MOST_CLASSES],
        drivers=[_driver(table, names, name, k) for name in names],
        options=list(_effects(table, names, k, options)),
        diversity=list(_diversity(table, names, k, diverse)),
    )


class _Table:
    """The studies as numbers: a column for each attribute, and one for the patients."""

    def __init__(self, studies: Sequence[ReleasedStudy]) -> None:
        self.patient, patients = _numbered([study.patient for study in studies])
        self.patients = len(patients)
        self.columns: dict[str, _Numbers] = {}
        self.values: dict[str, list[str]] = {}
        for name in ATTRIBUTES:
            self.columns[name], self.values[name] = _numbered([study.values.get(name, "") for study in studies])

    def classes(self, names: Sequence[str]) -> _Classes:
        """Return the classes by these attributes."""
        key, largest = np.zeros(len(self.patient), np.int64), 1
        for name in names:
            if largest > _LARGEST_KEY:
                distinct, key = np.unique(key, return_inverse=True)
                largest = len(distinct)
            key = key * len(self.values[name]) + self.columns[name]
            largest *= len(self.values[name])
        _, first, of_study = np.unique(key, return_index=True, return_inverse=True)
        members = np.unique(of_study * self.patients + self.patient)  # a patient counts once in a class
        sizes = np.bincount(members // max(self.patients, 1), minlength=len(first))
        return _Classes(self, first, of_study, sizes)


@dataclass(frozen=True, slots=True)
class _Classes:
    """The classes by some attributes."""

    table: _Table
    first: _Numbers  # a study of each class
    of_study: _Numbers  # the class of each study
    sizes: _Numbers  # the patients of each class

    def singled_out(self, k: int) -> _Mask:
        """Return the patients of classes with fewer than k patients."""
        mask = np.zeros(self.table.patients, np.bool_)
        mask[self.table.patient[self.sizes[self.of_study] < k]] = True
        return mask

    def count(self, k: int) -> int:
        """Return how many these are."""
        return int(self.singled_out(k).sum())

    def rare(self, names: Sequence[str], k: int, among: _Mask) -> list[RareClass]:
        """Return the classes with fewer than k patients of which one is among some patients, the rarest first."""
        mine = np.unique(self.of_study[(self.sizes[self.of_study] < k) & among[self.table.patient]])
        chosen = mine[np.argsort(self.sizes[mine], kind="stable")][:_MOST_CLASSES]
        return [
            RareClass({name: self._value(name, int(one)) for name in names}, int(self.sizes[one])) for one in chosen
        ]

    def _value(self, name: str, one: int) -> str:
        return self.table.values[name][int(self.table.columns[name][self.first[one]])] or "none"


def _numbered(texts: Sequence[str]) -> tuple[_Numbers, list[str]]:
    """Return texts as numbers, and the texts by their numbers."""
    numbers: dict[str, int] = {}
    column = np.array([numbers.setdefault(text, len(numbers)) for text in texts], np.int64)
    return column, list(numbers)


def _combinations(table: _Table, names: Sequence[str], k: int) -> Iterator[tuple[Combination, list[RareClass]]]:
    """Yield the combinations that single out somebody whom no part of them does, with their rare classes."""
    known: dict[_Names, _Mask] = {}
    for size in range(min(_MOST, len(names)) + 1):
        for chosen in combinations(names, size):
            classes = table.classes(chosen)
            singled = classes.singled_out(k)
            further = singled.copy()
            for index in range(size):
                further &= ~known[chosen[:index] + chosen[index + 1 :]]
            known[chosen] = singled
            if further.any():
                found = classes.rare(chosen, k, further)
                yield Combination(chosen, int(singled.sum()), int(further.sum())), found


def _driver(table: _Table, names: Sequence[str], name: str, k: int) -> Driver:
    others = [one for one in names if one != name]
    alone, without = (table.classes(chosen).count(k) for chosen in ((name,), others))
    return Driver(name, ATTRIBUTES[name], len(table.values[name]), alone, without)


def _effects(table: _Table, names: Sequence[str], k: int, options: Collection[Option] | None) -> Iterator[OptionEffect]:
    for option in dict.fromkeys(ATTRIBUTES[name] for name in names):
        if option is not None and (options is None or option in options):
            its = tuple(name for name in names if ATTRIBUTES[name] is option)
            yield OptionEffect(option, its, table.classes([name for name in names if name not in its]).count(k))


def _diversity(table: _Table, names: Sequence[str], k: int, least: int) -> Iterator[Diversity]:
    """Yield, for each sensitive attribute, the classes that are large enough and say the same of nearly everybody."""
    classes = table.classes([name for name in names if name not in SENSITIVE])
    for name in SENSITIVE:
        values, column = table.values[name], table.columns[name]
        if not any(values):
            continue
        pairs = np.unique(classes.of_study * len(values) + column)
        distinct = np.bincount(pairs // len(values), minlength=len(classes.sizes))
        # A class in which nobody has a value says nothing of anybody.
        told = np.zeros(len(classes.sizes), np.bool_)
        told[classes.of_study[column != (values.index("") if "" in values else -1)]] = True
        alike = (classes.sizes >= k) & (distinct < least) & told
        patients = np.unique(table.patient[alike[classes.of_study]])
        yield Diversity(name, int(alike.sum()), len(patients))

"""Read from outputs what could help to single a patient out, in coarse classes (`sendit risk`)."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pydicom.dataset import Dataset

    from sendit.journal.receipts.characteristics import Characteristics

_READ = [
    "PatientAge", "PatientSex", "PatientSize", "PatientWeight", "EthnicGroup", "PatientBirthDate",
    "StudyDate", "LongitudinalTemporalInformationModified", "InstitutionName", "ManufacturerModelName", "Modality",
    "BodyPartExamined", "ProcedureCodeSequence", "StudyDescription",
]  # fmt: skip
#: Dummy values of the profile.
_DUMMIES = frozenset({"", "removed", "unknown", "anonymous", "none"})
#: Years of an age, centimetres, kilograms in one class.
_SPAN = 10
#: Ages from here on are one class, as HIPAA has it.
_OLD = 90
_DAYS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
_UNREADABLE = (OSError, InvalidDicomError, ValueError, TypeError, ArithmeticError, AttributeError, KeyError,
               NotImplementedError)  # fmt: skip


class UnreadableOutput(Exception):
    """An output cannot be read."""


def read_characteristics(outputs: Iterable[Path]) -> Characteristics:
    """Return those of a study.

    Args:
        outputs: its files; one of each series is enough.

    Raises:
        UnreadableOutput: one cannot be read. The text names no value.
    """
    by_name: dict[str, set[str]] = {}
    for path in outputs:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # their text would quote values
                classes = _classes_of(dcmread(path, stop_before_pixels=True, specific_tags=[*_READ]))
        except _UNREADABLE as error:
            raise UnreadableOutput(type(error).__name__) from None
        for name, value in classes.items():
            if value.lower() not in _DUMMIES:
                by_name.setdefault(name, set()).add(value)
    return {name: sorted(values) for name, values in by_name.items()}


def _classes_of(dataset: Dataset) -> dict[str, str]:
    real = _text(dataset, "LongitudinalTemporalInformationModified") == "UNMODIFIED"
    date = _text(dataset, "StudyDate") if real else ""
    return {
        "age": _age(dataset, date),
        "sex": _text(dataset, "PatientSex").upper(),
        "height": _span(_number(dataset, "PatientSize") * 100, "cm"),
        "weight": _span(_number(dataset, "PatientWeight"), "kg"),
        "ethnic group": _text(dataset, "EthnicGroup").lower(),
        "study month": f"{date[:4]}-{date[4:6]}" if re.fullmatch(r"\d{6,8}", date) else "",
        "institution": _text(dataset, "InstitutionName"),
        "device model": _text(dataset, "ManufacturerModelName"),
        "modality": _text(dataset, "Modality"),
        "body part": _text(dataset, "BodyPartExamined").upper(),
        "procedure": _procedure(dataset),
        "study description": _text(dataset, "StudyDescription").lower(),
    }


def _text(dataset: Dataset, keyword: str) -> str:
    value: Any = dataset.get(keyword)
    parts = value if isinstance(value, list) or hasattr(value, "insert") else [value]
    return " ".join(" ".join(str(part) for part in parts if part is not None).split())


def _number(dataset: Dataset, keyword: str) -> float:
    text = _text(dataset, keyword)
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d{1,10})?", text) else 0.0


def _span(number: float, unit: str) -> str:
    if number <= 0:
        return ""
    begin = int(number // _SPAN) * _SPAN
    return f"{begin}–{begin + _SPAN - 1} {unit}"


def _age(dataset: Dataset, date: str) -> str:
    """Return the class of the age; from the date of birth only if that and the study's real date left."""
    match, born = re.fullmatch(r"(\d{3})([DWMY])", _text(dataset, "PatientAge")), _text(dataset, "PatientBirthDate")
    if match is not None:
        years = int(match[1]) * _DAYS[match[2]]
    elif re.fullmatch(r"\d{8}", born) and re.fullmatch(r"\d{8}", date):
        years = (int(date) - int(born)) / 10_000
    else:
        return ""
    if years >= _OLD:
        return f"{_OLD} or more"
    begin = int(years // _SPAN) * _SPAN
    return f"{begin}–{begin + _SPAN - 1}"


def _procedure(dataset: Dataset) -> str:
    items = dataset.get("ProcedureCodeSequence") or ()
    return " + ".join(sorted(filter(None, (_text(one, "CodeMeaning") or _text(one, "CodeValue") for one in items))))

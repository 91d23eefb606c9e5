"""A cohort list: CSV in UTF-8, the names of its columns in the first line, one study or one patient in each row.

It is taken whole or not at all: every row that is wrong is reported with its line, and nothing is fetched until all are
right. No value of the list is repeated in what is reported.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sendit.config.guesses import nearest
from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: The columns that are read, by their names in lower case without blanks and marks, and the field of each.
_COLUMNS = {
    "accessionnumber": "accession_number",
    "patientid": "patient_id",
    "studyinstanceuid": "study_uid",
    "studydatefrom": "date_from",
    "studydateto": "date_to",
    "modality": "modality",
}
COLUMNS = ("AccessionNumber", "PatientID", "StudyInstanceUID", "StudyDateFrom", "StudyDateTo", "Modality")
_DELIMITERS = (",", ";", "\t", "|")
#: So many wrong rows are listed.
MOST_FAULTS = 100
#: So many rows a list may have: each is at least one question to the PACS.
MOST_ROWS = 100_000
_LONGEST = 64
#: How much alike names of columns are, from 0 to 1, of which one may be meant by the other.
_LIKE = 0.85
_UID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_MODALITY = re.compile(r"[A-Z0-9_]{1,16}")
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
#: A long number as a spreadsheet program writes it.
_ROUNDED = re.compile(r"[0-9](\.[0-9]+)?[eE]\+?[0-9]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The criteria of one row. Empty fields do not matter; dates are written as 20240131."""

    accession_number: str = ""
    patient_id: str = ""
    study_uid: str = ""
    date_from: str = ""
    date_to: str = ""
    modality: str = ""

    def as_text(self) -> str:
        """Return it as one text, to be sealed."""
        return json.dumps(list(asdict(self).values()), ensure_ascii=False)


def values_of(text: str) -> list[str]:
    """Return the values behind the text of `Wanted.as_text`, in the order of `COLUMNS`."""
    return [str(value) for value in json.loads(text)]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the list."""

    line: int
    wanted: Wanted
    same_as: int | None  # the line of the first row that asks for the same


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a line."""

    line: int
    problem: str


class WrongList(Misconfigured):
    """The list cannot be taken."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        more = f" ({len(faults)} lines are wrong)" if len(faults) > 1 else ""
        problem = f"line {faults[0].line}: {faults[0].problem}{more}"
        super().__init__("cohort list", problem, "Correct the list; nothing was fetched.")
        self.faults = list(faults[:MOST_FAULTS])


def read_list(text: str) -> list[Row]:
    """Read a cohort list.

    Raises:
        WrongList: with every line that is wrong.
    """
    rows, faults = [], []
    first: dict[Wanted, int] = {}
    header, lines = _table(text.removeprefix("\ufeff"))
    places = _places(header)
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            faults.append(Fault(line, f"it has {len(cells)} columns, the first line has {len(header)}"))
            continue
        given = {field: cells[place].strip() for field, place in places.items()}
        if problem := _problem(given):
            faults.append(Fault(line, problem))
            continue
        wanted = _normal(given)
        rows.append(Row(line, wanted, first.get(wanted)))
        first.setdefault(wanted, line)
        if len(rows) > MOST_ROWS:
            raise WrongList([Fault(line, f"the list has more than {MOST_ROWS:,} rows; split it")])
    if faults:
        raise WrongList(faults)
    if not rows:
        raise WrongList([Fault(1, "the list has no rows")])
    return rows


def _table(text: str) -> tuple[Sequence[str], Iterator[tuple[int, Sequence[str]]]]:
    """Return the first line, and the others with their numbers; whichever delimiter shows more columns that we know."""
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise WrongList([Fault(line, "it contains a NUL character; save the list as UTF-8")])
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=lambda one: len(_known(first.split(one))))
    rows = _rows(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    _, header = next(rows, (1, []))
    return header, rows


def _rows(reader: Any) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield each row with the number of the line that it begins in."""
    line = 1
    try:
        for row in reader:
            yield line, row
            line = reader.line_num + 1
    except csv.Error:
        raise WrongList([Fault(line, "it is not CSV (a quotation mark that does not end?)")]) from None


def _known(names: Sequence[str]) -> list[str]:
    return [name for name in map(_plain, names) if name in _COLUMNS]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _places(header: Sequence[str]) -> Mapping[str, int]:
    """Return where the fields stand. Other columns are not read."""
    names = [_plain(name) for name in header]
    known = _known(names)
    if twice := sorted({name for name in known if known.count(name) > 1}):
        called = next(column for column in COLUMNS if column.lower() == twice[0])
        raise WrongList([Fault(1, f"more than one column is called {called}")])
    if faults := list(_misspelt(names)):
        raise WrongList(faults)
    if not {"accessionnumber", "patientid", "studyinstanceuid"} & set(known):
        problem = "no column is called AccessionNumber, PatientID or StudyInstanceUID: name the columns in this line"
        raise WrongList([Fault(1, problem)])
    return {_COLUMNS[name]: names.index(name) for name in known}


def _misspelt(names: Sequence[str]) -> Iterator[Fault]:
    """Yield columns that nearly have the name of one which the list lacks: unread, they would not narrow its rows."""
    for number, name in enumerate(names, 1):
        meant = nearest(name, _COLUMNS, _LIKE)
        if meant is not None and meant not in names:
            called = COLUMNS[list(_COLUMNS).index(meant)]
            yield Fault(1, f"column {number} is not read, and its name is like {called}: call it so, or otherwise")


def _problem(given: Mapping[str, str]) -> str:
    """Return what is wrong with a row; "" if nothing is. Does not repeat a value."""
    if not (given.get("accession_number") or given.get("patient_id") or given.get("study_uid")):
        return "AccessionNumber, PatientID and StudyInstanceUID are all empty"
    for field, name in zip(_COLUMNS.values(), COLUMNS, strict=True):
        if problem := _value_problem(field, given.get(field, "")):
            return f"{name} {problem}"
    first, last = (_day(given.get(field, "")) for field in ("date_from", "date_to"))
    if first and last and first > last:
        return "StudyDateFrom is later than StudyDateTo"
    return ""


def _value_problem(field: str, value: str) -> str:
    if not value:
        return ""
    if field in ("date_from", "date_to"):
        return "" if _day(value) else "is not a date; write it as 2024-01-31 or 20240131"
    if field == "modality":
        return "" if _MODALITY.fullmatch(value.upper()) else "is not one modality, such as CT or MR"
    if len(value) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    if field == "study_uid":
        return "" if _UID.fullmatch(value) else "is not a UID (numbers joined by dots)"
    if not value.isprintable() or set(value) & set("*?\\"):
        return "contains *, ?, \\ or a control character, which would match other studies, too"
    if _ROUNDED.fullmatch(value):
        return "was rounded by a spreadsheet program; format its column as text"
    return ""


def _day(value: str) -> str:
    """Return a date as 20240131; "" if it is none."""
    match = _DATE.fullmatch(value)
    if match is None:
        return ""
    try:
        return date(*map(int, match.groups())).strftime("%Y%m%d")
    except ValueError:
        return ""


def _normal(given: Mapping[str, str]) -> Wanted:
    values = dict(given)
    values |= {field: _day(given[field]) for field in ("date_from", "date_to") if given.get(field)}
    values["modality"] = given.get("modality", "").upper()
    return Wanted(**values)

"""Cohort lists: what is taken, and what is said of each line that is wrong."""

from __future__ import annotations

import pytest

from sendit.importer.cohort.cohort_list import COLUMNS, MOST_FAULTS, Wanted, WrongList, read_list, values_of


def faults(text: str) -> list[tuple[int, str]]:
    with pytest.raises(WrongList) as caught:
        read_list(text)
    return [(one.line, one.problem) for one in caught.value.faults]


def test_a_list() -> None:
    """Names of columns in any spelling, dates in two, empty lines, quotation marks, and columns that are not read."""
    text = (
        "\ufeffaccession number;Patient_ID;Group;STUDYDATEFROM;StudyDateTo;modality\r\n"
        "A 1;;x;;;\r\n"
        ";;;;;\r\n"
        '"B2";" M;7 ";y;2024-01-31;20241231;ct\r\n'
    )
    first, second = read_list(text)
    assert (first.line, first.wanted) == (2, Wanted(accession_number="A 1"))
    assert second.line == 4
    assert second.wanted == Wanted("B2", "M;7", "", "20240131", "20241231", "CT")
    assert values_of(second.wanted.as_text()) == ["B2", "M;7", "", "20240131", "20241231", "CT"]
    assert len(COLUMNS) == len(values_of(second.wanted.as_text()))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(delimiter: str) -> None:
    """Whichever shows the names of columns."""
    text = delimiter.join(("PatientID", "Modality")) + "\n" + delimiter.join(("M1", "MR")) + "\n"
    assert read_list(text)[0].wanted == Wanted(patient_id="M1", modality="MR")


def test_the_same_twice() -> None:
    """What asks for the same, in whatever spelling, names the first line that does."""
    rows = read_list("PatientID,StudyDateFrom\nM1,2024-01-01\nM2,\nM1,20240101\nM1,20240101\n")
    assert [row.same_as for row in rows] == [None, None, 2, 2]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (",,,20240101,,CT", "all empty"),
        ("A1,,,,", "it has 5 columns, the first line has 6"),
        (",M1,,2024-02-30,,", "StudyDateFrom is not a date"),
        (",M1,,,31.12.2024,", "StudyDateTo is not a date"),
        (",M1,,20240102,20240101,", "StudyDateFrom is later"),
        ("A1,,,,,CT/MR", "Modality is not one modality"),
        ("A*,,,,,", "AccessionNumber contains"),
        (",M?,,,,", "PatientID contains"),
        (",M\\2,,,,", "PatientID contains"),
        ("1.23E+15,,,,,", "rounded by a spreadsheet"),
        (",,1.2.x,,,", "StudyInstanceUID is not a UID"),
        (",,1.2." + "3" * 64 + ",,,", "longer than 64"),
        (",,1.02.3,,,", "is not a UID"),
        ("A\x1b1,,,,,", "control character"),
    ],
)
def test_a_wrong_row(row: str, problem: str) -> None:
    """Each is named by its line; the row before is right, and what is wrong is not repeated."""
    ((line, said),) = faults(",".join(COLUMNS) + "\nA0,,,,,\n" + row + "\n")
    assert line == 3
    assert problem in said
    for value in filter(lambda one: len(one) > 3, row.split(",")):
        assert value not in said


def test_every_wrong_row_is_named() -> None:
    """All of them, up to a number; the message says how many there are."""
    text = "PatientID\n" + "M1\n" + "a*\n" * (MOST_FAULTS + 20)
    with pytest.raises(WrongList) as caught:
        read_list(text)
    assert [one.line for one in caught.value.faults] == list(range(3, MOST_FAULTS + 3))
    assert f"({MOST_FAULTS + 20} lines are wrong)" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "no column is called"),
        ("M1,M2\nM3,M4\n", 1, "no column is called"),
        ("StudyDateFrom,Modality\n2024-01-01,CT\n", 1, "no column is called"),
        ("PatientID,patient id\nM1,M1\n", 1, "more than one column is called PatientID"),
        ("PatientID,Study Date Frm\nM1,2024-01-01\n", 1, "column 2 is not read, and its name is like StudyDateFrom"),
        ("AccessionNumber;StudyDate\nA1;2024-01-01\n", 1, "column 2 is not read, and its name is like StudyDateTo"),
        ("AccesionNumber\nA1\n", 1, "column 1 is not read, and its name is like AccessionNumber"),
        ("PatientID\n\n", 1, "no rows"),
        ('PatientID\nM1\n"M2\n', 3, "not CSV"),
        ("PatientID\nM\0\n", 2, "NUL"),
    ],
)
def test_no_list_at_all(text: str, line: int, problem: str) -> None:
    """The line, and what to do."""
    ((found, said),) = faults(text)
    assert (found, problem in said) == (line, True), said


def test_a_row_of_several_lines() -> None:
    """Its line is the one that it begins in."""
    text = 'PatientID,Note\nM1,"a\nb"\nM2,\nM*,\n'
    assert faults(text)[0][0] == 5

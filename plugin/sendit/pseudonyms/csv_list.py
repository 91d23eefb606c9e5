"""A list of patients and their pseudonyms (CSV, UTF-8, names of the columns in its first line).

It is read whole or not at all, and read again when it changes. A new version that is wrong stops the batches that need
it until it is fixed: neither the old version nor a part of the new one is used.
"""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import threading
from typing import TYPE_CHECKING, get_args

from sendit.config import permissions
from sendit.config.guesses import nearest
from sendit.config.project import CsvList
from sendit.errors import Misconfigured, Retry
from sendit.pseudonyms.rules import CodeFault, fault_of, no_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sendit.deidentify import Patient

#: Between PatientID and issuer in the keys of the list: one string takes a third of the memory of a pair.
_BETWEEN = "\0"
#: Separators of lists, in words.
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabulators", "|": "vertical bars", ":": "colons"}
#: So like the name of a column (from 0 to 1) no identifier of a patient is.
_ALIKE = 0.75


class ListFile:
    """The list of one project. Safe to use from several threads.

    Raises:
        Misconfigured: it is not there, open to other users, or wrong; the place names the line.
    """

    def __init__(self, settings: CsvList, place: str, fault: CodeFault = no_fault) -> None:
        self._settings = settings
        self._fault = fault
        self._place = f"{place}.Path"
        self._lock = threading.Lock()
        self._version: tuple[int, ...] = ()
        self._codes: dict[str, str] = {}
        self._reload()

    def code(self, patient: Patient) -> str | None:
        """See `CodeSource`."""
        with self._lock:
            try:
                self._reload()
            except Misconfigured as error:
                # Not at the start any more: somebody is at work on the list. The batch waits, and fails in the end.
                raise Retry(str(error)) from None
            if not patient.patient_id:
                return None
            code = self._codes.get(self._key(patient.patient_id, patient.issuer))
            return self._of_only_issuer(patient.patient_id) if code is None and not patient.issuer else code

    def _of_only_issuer(self, patient_id: str) -> str | None:
        """Return the pseudonym of a PatientID that the list has of one issuer, for a file that names none."""
        alike = [code for key, code in self._codes.items() if key.startswith(patient_id + _BETWEEN)]
        return alike[0] if len(alike) == 1 else None

    def check(self) -> str:
        """See `CodeSource`."""
        return f"its list has {len(self._codes)} patients"

    def _key(self, patient_id: str, issuer: str) -> str:
        """Return the key of a patient. Without a column for the issuer, PatientIDs alone count."""
        return patient_id + _BETWEEN + issuer if self._settings.columns.issuer_of_patient_id else patient_id

    def _reload(self) -> None:
        path = self._settings.path
        try:
            with path.open("rb") as file:
                before = _version(os.fstat(file.fileno()))
                if before == self._version:
                    return
                self._version, self._codes = (), {}
                _check_private(path, os.fstat(file.fileno()), self._place)
                content = file.read()
                if before != _version(os.fstat(file.fileno())):
                    raise Retry(f"{self._place}: {path} is being written; it will be read once it no longer changes")
        except OSError as error:
            self._version, self._codes = (), {}
            problem = f"the list {path} cannot be read ({error.strerror})"
            raise Misconfigured(self._place, problem, "Put it there, readable for SendIt's user.") from None
        self._codes = self._read(content)
        self._version = before

    def _read(self, content: bytes) -> dict[str, str]:
        text = _text(content, self._settings.path, self._place)
        first = text.readline()
        text.seek(0)
        rows = self._rows(text, first)
        _, header = next(rows, (1, []))
        patient_column, issuer_column, code_column = self._columns(header, first)
        codes: dict[str, str] = {}
        given: set[str] = set()
        for line, row in rows:
            if not any(field.strip() for field in row):
                continue
            if len(row) != len(header):
                raise self._wrong(line, f"it has {len(row)} columns, the first line has {len(header)}")
            patient_id, code = row[patient_column].strip(), row[code_column].strip()
            issuer = "" if issuer_column is None else row[issuer_column].strip()
            if not patient_id:
                raise self._wrong(line, "the PatientID is empty")
            if fault := fault_of(code, patient_id) or self._fault(code):
                raise self._wrong(line, fault)
            key = self._key(patient_id, issuer)
            if codes.get(key, code) != code:
                raise self._wrong(line, "this patient has another code in a line before")
            if key not in codes and code in given:
                raise self._wrong(line, "this code is another patient's in a line before")
            codes[key] = code
            given.add(code)
        return codes

    def _rows(self, text: io.StringIO, first: str) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield each row with the number of the line that it ends in."""
        reader = csv.reader(text, delimiter=self._settings.delimiter, strict=True)
        try:
            for row in reader:
                yield reader.line_num, row
        except csv.Error:
            problem = "it is not CSV (a quotation mark that does not end?)"
            suspicion = self._suspicion(first, self._settings.columns.patient_id) if reader.line_num <= 1 else ""
            raise self._wrong(reader.line_num, problem, suspicion or "Correct the list.") from None

    def _columns(self, header: Sequence[str], first: str) -> tuple[int, int | None, int]:
        names = [name.strip() for name in header]
        columns = self._settings.columns

        def find(name: str) -> int:
            if names.count(name) != 1:
                problem = f"{'no' if name not in names else 'more than one'} column is called '{name}'"
                remedy = "Name the columns in the first line, or name yours under Columns."
                raise self._wrong(1, problem, self._suspicion(first, name) or remedy)
            return names.index(name)

        issuer = None if columns.issuer_of_patient_id is None else find(columns.issuer_of_patient_id)
        return find(columns.patient_id), issuer, find(columns.code)

    def _suspicion(self, first: str, name: str) -> str:
        """Return the probable reason for a missing column: another delimiter, or another spelling.

        No other text of the line is repeated: where the columns are not named it is a patient's.
        """
        ours = self._settings.delimiter
        for delimiter, called in _DELIMITERS.items():
            names = [part.strip().strip('"') for part in first.split(delimiter)]
            near = nearest(name, names, _ALIKE) if len(names) > 1 else None
            if near is not None and delimiter == ours:
                return f"Did you mean the column '{near}'? Name it under Columns."
            if near is not None and delimiter in get_args(CsvList.model_fields["delimiter"].annotation):
                return f"The list seems to be separated by {called}: set Delimiter to {json.dumps(delimiter)}."
            if near is not None:
                return f"The list seems to be separated by {called}: save it with commas."
        return ""

    def _wrong(self, line: int, problem: str, remedy: str = "Correct the list.") -> Misconfigured:
        return Misconfigured(self._place, f"{self._settings.path}, line {line}: {problem}", remedy)


def _version(state: os.stat_result) -> tuple[int, ...]:
    return state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino, state.st_dev, state.st_mode


def _check_private(path: Path, state: os.stat_result, place: str) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise Misconfigured(place, f"{path} is not a file", "Name another one.")
    if state.st_mode & 0o077:
        problem = f"other users may read or change {path} (mode {state.st_mode & 0o777:o})"
        raise Misconfigured(place, problem, f"Run: chmod 600 {path}")
    permissions.check(path, place, "list", [state.st_uid])


def _text(content: bytes, path: Path, place: str) -> io.StringIO:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Misconfigured(place, f"{path}, line {line}: it is not UTF-8 text", "Save the list as UTF-8.") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Misconfigured(place, f"{path}, line {line}: it contains a NUL character", "Save the list as UTF-8.")
    return io.StringIO(text, newline="")

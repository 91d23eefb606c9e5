"""A list of patients, or of their studies, and pseudonyms (CSV, UTF-8, names of the columns in its first line).

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
from sendit.errors import Misconfigured, Quarantine, Retry
from sendit.pseudonyms.rules import CodeFault, fault_of, no_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sendit.deidentify import Patient

#: Between PatientID and issuer in the keys of the list: one string takes a third of the memory of a pair.
_BETWEEN = "\0"
#: Beginnings of the keys of studies; no key of a patient has them.
_ACCESSION, _STUDY = "\0accession ", "\0study "
#: Identifiers that a row may have, of which it needs one.
_KINDS = ("PatientID", "AccessionNumber", "StudyInstanceUID")
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
        self._names_studies = settings.columns.name_studies
        self._reload()

    def code(self, patient: Patient) -> str | None:
        """See `CodeSource`."""
        with self._lock:
            try:
                self._reload()
            except Misconfigured as error:
                # Not at the start any more: somebody is at work on the list. The batch waits, and fails in the end.
                raise Retry(str(error)) from None
            codes = {code for code in (self._of_study(patient), self._of_patient(patient)) if code is not None}
        if len(codes) > 1:
            raise Quarantine("no pseudonym: the project's list has one for the study, and another for the patient")
        code = codes.pop() if codes else None
        if code is not None and patient.patient_id and fault_of(code, patient.patient_id):
            raise Quarantine("no pseudonym: what the project's list has for the study is the PatientID itself")
        return code

    def asked_by(self, patient: Patient) -> tuple[str, ...]:
        """See `CodeSource`."""
        study = (patient.study_instance_uid, patient.accession_number) if self._names_studies else ()
        return (*patient.parts(), *study)

    def _of_study(self, patient: Patient) -> str | None:
        """Return the pseudonym of the study that the patient was seen in, if the list names studies."""
        by_uid = self._codes.get(_STUDY + patient.study_instance_uid) if patient.study_instance_uid else None
        by_number = self._codes.get(_ACCESSION + patient.accession_number) if patient.accession_number else None
        if by_uid is not None and by_number is not None and by_uid != by_number:
            raise Quarantine("no pseudonym: the project's list has two for the study, by its UID and by its number")
        return by_uid if by_number is None else by_number

    def _of_patient(self, patient: Patient) -> str | None:
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
        things = "patients and studies" if self._names_studies else "patients"
        return f"its list has {len(self._codes)} {things}"

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
        columns = self._columns(header, first)
        codes: dict[str, str] = {}
        given: set[str] = set()
        for line, row in rows:
            if not any(field.strip() for field in row):
                continue
            if len(row) != len(header):
                raise self._wrong(line, f"it has {len(row)} columns, the first line has {len(header)}")
            values = {name: row[column].strip() for name, column in columns.items()}
            self._take(line, values, codes, given)
        return codes

    def _take(self, line: int, values: Mapping[str, str], codes: dict[str, str], given: set[str]) -> None:
        """Add what a row says to the codes, by their keys, and to those that patients were given."""
        code, patient_id = values["code"], values.get("patient", "")
        names = [patient_id, values.get("accession", ""), values.get("study", "")]
        if not any(names):
            raise self._wrong(
                line, f"{'each of ' + ', '.join(_KINDS) if self._names_studies else 'the PatientID'} is empty"
            )
        for kind, name in zip(_KINDS, names, strict=True):
            if name and (fault := fault_of(code, name, kind) or self._fault(code)):
                raise self._wrong(line, fault)
        if patient_id:
            key = self._key(patient_id, values.get("issuer", ""))
            if codes.get(key, code) != code:
                raise self._wrong(line, "this patient has another code in a line before")
            if key not in codes and code in given:
                raise self._wrong(line, "this code is another patient's in a line before")
            codes[key] = code
            given.add(code)
        for key in (prefix + name for prefix, name in zip((_ACCESSION, _STUDY), names[1:], strict=True) if name):
            if codes.setdefault(key, code) != code:
                raise self._wrong(line, "this study has another code in a line before")

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

    def _columns(self, header: Sequence[str], first: str) -> dict[str, int]:
        """Return the numbers of the columns that the list has, by what is in them."""
        names = [name.strip() for name in header]
        columns = self._settings.columns

        def find(name: str) -> int:
            if names.count(name) != 1:
                problem = f"{'no' if name not in names else 'more than one'} column is called '{name}'"
                remedy = "Name the columns in the first line, or name yours under Columns."
                raise self._wrong(1, problem, self._suspicion(first, name) or remedy)
            return names.index(name)

        headings = {
            "patient": None if self._names_studies and columns.patient_id not in names else columns.patient_id,
            "issuer": columns.issuer_of_patient_id,
            "accession": columns.accession_number,
            "study": columns.study_instance_uid,
            "code": columns.code,
        }
        return {what: find(name) for what, name in headings.items() if name is not None}

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

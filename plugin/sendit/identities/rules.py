"""What a source of pseudonyms promises, and what a pseudonym may look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol, TypeAlias

from sendit.deidentify import Patient
from sendit.errors import Quarantine

#: Pseudonyms by `Patient.parts()`; "" where the patient has that of the key.
Codes: TypeAlias = Mapping[tuple[str, ...], str]

#: PatientID is an LO, PatientName a PN: at most 64 characters, no backslash (it parts values), no = and ^ (they part
#: names), and ASCII, because the pseudonym has to fit every character set.
_CODE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_LONGEST = 64


class CodeSource(Protocol):
    """Gives the pseudonyms of patients."""

    def code(self, patient: Patient) -> str | None:
        """The pseudonym; None if the patient is not known. Never an answer that was not understood whole.

        Raises:
            Retry: there is no answer for now.
            Misconfigured: a person has to change something first.
        """

    def check(self) -> str:
        """For `sendit doctor`: what there is to say; raises as `code` does."""


def codes_of(source: CodeSource, patient: Patient | None, unknown_stops: bool) -> Codes:
    """What an instance of this patient is de-identified with. Nothing for None: it can't be read, and is rejected.

    Raises:
        Quarantine: the patient is not known, and `unknown_stops`.
        Retry, Misconfigured: from the source.
    """
    if patient is None:
        return {}
    code = source.code(patient)
    if code is None and unknown_stops:
        raise Quarantine("no pseudonym: the project's identities do not know this patient (with this issuer)")
    return {patient.parts(): code or ""}


def fault_of(code: str, patient_id: str) -> str:
    """Why a text is no pseudonym for a patient; "" if it is one. Says nothing of either."""
    if not code:
        return "the code is empty"
    if len(code) > _LONGEST:
        return f"the code is longer than {_LONGEST} characters"
    if not _CODE.fullmatch(code) or any(c in code for c in "\\^="):
        return "the code has characters that cannot stand in PatientID and PatientName (ASCII without \\ ^ = is right)"
    if _bare(code) == _bare(patient_id):
        return "the code is the PatientID itself"
    return ""


def _bare(text: str) -> str:
    """Without what people leave out: case, separators, leading zeros."""
    return "".join(c for c in text.casefold() if c.isalnum()).lstrip("0")

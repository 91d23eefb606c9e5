"""What a source of pseudonyms promises, and what a pseudonym may look like."""

from __future__ import annotations

import re
from typing import Protocol

from sendit.deidentify import Patient

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

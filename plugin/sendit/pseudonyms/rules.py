"""The contract of a source of pseudonyms, and the form of a pseudonym."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias

from sendit.errors import Quarantine

if TYPE_CHECKING:
    from sendit.deidentify import Patient

#: Pseudonyms by `Patient.parts()`; "" where the patient has that of the key.
Codes: TypeAlias = Mapping[tuple[str, ...], str]

#: PatientID is an LO, PatientName a PN: at most 64 characters, no backslash (it parts values), no = and ^ (they part
#: names), and ASCII, because the pseudonym has to fit every character set.
_CODE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_LONGEST = 64


#: Says why a code cannot be used; "" if it can. Says nothing of the code itself.
CodeFault: TypeAlias = Callable[[str], str]


def no_fault(_: str) -> str:
    """Find no fault: for those who send nowhere."""
    return ""


class CodeSource(Protocol):
    """Gives the pseudonyms of patients."""

    def code(self, patient: Patient) -> str | None:
        """Return the pseudonym; None if the patient is unknown. Raises unless the whole answer was understood.

        Raises:
            Retry: there is no answer for now.
            Quarantine: its answer contradicts itself.
            Misconfigured: a person has to change something first.
        """

    def asked_by(self, patient: Patient) -> tuple[str, ...]:
        """Return what its answer depends on."""

    def check(self) -> str:
        """Check the source; return a line for `sendit doctor`. Raises as `code` does."""


def codes_of(source: CodeSource, patient: Patient | None, *, unknown_stops: bool) -> Codes:
    """Return the codes for an instance of this patient; for None (cannot be read, will be rejected) no codes.

    Nothing for None: it can't be read, and is rejected.

    Raises:
        Quarantine: the patient is not known, and `unknown_stops`; or the source says so.
        Retry, Misconfigured: from the source.
    """
    if patient is None:
        return {}
    code = source.code(patient)
    if code is None and unknown_stops:
        raise Quarantine("no pseudonym: the project's identities do not know this patient (with this issuer)")
    return {patient.parts(): code or ""}


def fault_of(code: str, original: str, kind: str = "PatientID") -> str:
    """Return why a text cannot be the pseudonym for an original identifier of a kind; "" if it can. Repeats neither."""
    if not code:
        return "the code is empty"
    if len(code) > _LONGEST:
        return f"the code is longer than {_LONGEST} characters"
    if not _CODE.fullmatch(code) or any(c in code for c in "\\^="):
        return "the code has characters that cannot stand in PatientID and PatientName (ASCII without \\ ^ = is right)"
    if not any(c.isalnum() for c in code):
        return "the code has neither a letter nor a digit"
    if _bare(code) == _bare(original):
        return f"the code is the {kind} itself"
    return ""


def _bare(text: str) -> str:
    """Return it without what people leave out: case, separators, leading zeros."""
    return "".join(c for c in text.casefold() if c.isalnum()).lstrip("0")

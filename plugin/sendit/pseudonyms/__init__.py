"""Pseudonyms that do not come from the project's key: lists and services.

source = open_source(project.identities, place)     None for Keyed
code = source.code(patient)                         None: it does not know the patient
codes = codes_of(source, patient, unknown_stops)    what an instance of the patient is de-identified with
"""

from __future__ import annotations

from sendit.config.project import CsvList, Identities, IdentityService
from sendit.pseudonyms.csv_list import ListFile
from sendit.pseudonyms.rules import CodeFault, Codes, CodeSource, codes_of, no_fault
from sendit.pseudonyms.service import PseudonymService

__all__ = ["CodeSource", "Codes", "codes_of", "open_source", "unknown_stops"]


def open_source(identities: Identities, place: str, fault: CodeFault = no_fault) -> CodeSource | None:
    """Open the source of pseudonyms that these settings name; None if the key makes them.

    Args:
        identities: the settings of the project.
        place: where they stand, for messages.
        fault: says why a code cannot be used where the project sends.

    Raises:
        Misconfigured: the list is not there, or wrong; a certificate cannot be read.
    """
    if isinstance(identities, CsvList):
        return ListFile(identities, place, fault)
    if isinstance(identities, IdentityService):
        return PseudonymService(identities, place, fault)
    return None


def unknown_stops(identities: Identities) -> bool:
    """Return whether a patient that the list or service does not know holds the study."""
    return isinstance(identities, CsvList | IdentityService) and identities.unknown == "Stop"

"""Pseudonyms that do not come from the project's key: lists and services.

source = open_source(project.identities, place)     None for Keyed
code = source.code(patient)                         None: it does not know the patient
codes = codes_of(source, patient, unknown_stops)    what an instance of the patient is de-identified with
"""

from __future__ import annotations

from sendit.identities.csv_list import ListFile
from sendit.identities.rules import Codes, CodeSource, codes_of
from sendit.identities.service import Service
from sendit.settings import CsvList, Identities, IdentityService

__all__ = ["CodeSource", "Codes", "codes_of", "open_source", "unknown_stops"]


def open_source(identities: Identities, place: str) -> CodeSource | None:
    """What answers for these settings; `place` is where they stand, for messages.

    Raises:
        Misconfigured: the list is not there, or wrong; a certificate cannot be read.
    """
    if isinstance(identities, CsvList):
        return ListFile(identities, place)
    if isinstance(identities, IdentityService):
        return Service(identities, place)
    return None


def unknown_stops(identities: Identities) -> bool:
    """Whether a patient whom the list or service does not know holds the study."""
    return isinstance(identities, CsvList | IdentityService) and identities.unknown == "Stop"

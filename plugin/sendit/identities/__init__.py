"""Pseudonyms that do not come from the project's key: lists and services.

source = open_source(project.identities, place)     None for Keyed
code = source.code(patient)                         None: it does not know the patient
"""

from __future__ import annotations

from sendit.identities.csv_list import ListFile
from sendit.identities.rules import CodeSource
from sendit.identities.service import Service
from sendit.settings import CsvList, Identities, IdentityService

__all__ = ["CodeSource", "open_source"]


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

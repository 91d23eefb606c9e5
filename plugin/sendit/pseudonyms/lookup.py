"""The pseudonyms of a run over many files: each patient is asked for once, and a service that is busy again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sendit.errors import Quarantine, Retry
from sendit.pseudonyms.rules import Codes, CodeSource, codes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendit.deidentify import Patient

#: Seconds before each further try.
_DELAYS = (1.0, 2.0, 4.0, 8.0)


class Pseudonyms:
    """Remembers what a source answered, unknown patients too, for as long as the run lasts. For one thread.

    Args:
        unknown_stops: a patient whom the source does not know is held; else they get the pseudonym of the key.
    """

    def __init__(self, source: CodeSource, *, unknown_stops: bool, delays: Sequence[float] = _DELAYS) -> None:
        self._source = source
        self._unknown_stops = unknown_stops
        self._delays = delays
        self._known: dict[tuple[str, ...], Codes | str] = {}  # a text is why the patient is held

    def of(self, patient: Patient | None) -> Codes:
        """Return the codes for an instance of this patient.

        Raises:
            Quarantine: the patient has no pseudonym.
            Retry: there was no answer, several times.
            Misconfigured: a person has to change something first.
        """
        asked = () if patient is None else self._source.asked_by(patient)
        if asked not in self._known:
            try:
                self._known[asked] = self._ask(patient)
            except Quarantine as held:
                self._known[asked] = str(held)
        code = self._known[asked]
        if isinstance(code, str):
            raise Quarantine(code)
        return code

    def _ask(self, patient: Patient | None) -> Codes:
        for delay in self._delays:
            try:
                return codes_of(self._source, patient, unknown_stops=self._unknown_stops)
            except Retry:
                time.sleep(delay)
        return codes_of(self._source, patient, unknown_stops=self._unknown_stops)

"""Coded identity: pseudonyms, UIDs and date offsets, all by HMAC-SHA256 under the project's key.

The same original and key give the same code, everywhere and after every restart; without the key nothing can be
recomputed from a list of originals, which an unkeyed hash of a medical record number would allow.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from sendit.errors import Quarantine

#: The roots of UIDs that mean the same everywhere: DICOM's own (SOP classes, transfer syntaxes, coding schemes,
#: well-known instances), and the code systems registered with HL7. They are never coded.
#: No component of a UID of the standards has more than six digits (113883).
_WELL_KNOWN = re.compile(r"(?=.{1,64}$)[0-9]{1,6}(?:\.[0-9]{1,6})*")
WELL_KNOWN_ROOTS = ("1.2.840.10008.", "2.16.840.1.113883.6.")

_FEWEST_WEEKS = 52
_MOST_WEEKS = 520


def is_well_known(uid: str) -> bool:
    """Whether a UID means the same everywhere. A text behind such a root is none, nor is a number of a person."""
    return uid.startswith(WELL_KNOWN_ROOTS) and _WELL_KNOWN.fullmatch(uid) is not None


@dataclass(frozen=True, slots=True)
class Patient:
    """Who is meant: a PatientID counts together with its issuer. Without one, it is the patient of this study.

    Were an empty PatientID taken as it is, all patients without one would become one person.
    """

    patient_id: str
    issuer: str = ""
    study_instance_uid: str = ""

    def parts(self) -> tuple[str, ...]:
        """What the codes of this patient are derived from."""
        if self.patient_id:
            return ("patient", self.patient_id, self.issuer)
        return ("study", self.study_instance_uid)


class KeyedIdentities:
    """Codes under one project's key (32 bytes). Can be pickled; does not show the key."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ValueError("a project's key has 32 bytes")
        self._key = key

    def __repr__(self) -> str:
        return "KeyedIdentities(…)"

    def __getstate__(self) -> bytes:
        return self._key

    def __setstate__(self, key: bytes) -> None:
        self._key = key

    def listed(self, codes: Mapping[tuple[str, ...], str]) -> ListedIdentities:
        """The same, with pseudonyms from elsewhere."""
        return ListedIdentities(self._key, codes)

    def admit(self, patient: Patient) -> None:
        """Whether an instance of this patient may be de-identified.

        Raises:
            Quarantine: there is no pseudonym for them.
        """

    def patient_id(self, patient: Patient) -> str:
        """16 characters of A–Z and 2–7: fits PatientID (LO), PatientName (PN) and any identifier."""
        return self._pseudonym("patient-id", *patient.parts())

    def accession_number(self, original: str) -> str:
        """16 characters of A–Z and 2–7, as long as AccessionNumber (SH) may be; empty stays empty."""
        return self._pseudonym("accession-number", original) if original else ""

    def uid(self, original: str) -> str:
        """`2.25.` and a UUID as an integer (PS3.5 B.2), at most 44 characters; empty and well-known ones stay."""
        if not original or is_well_known(original):
            return original
        number = int.from_bytes(self._mac("uid", original)[:16], "big")
        # The bits that make it a UUID of version 8, "made by a method of one's own" (RFC 9562 5.8).
        number = number & ~(0xF << 76) | 0x8 << 76
        number = number & ~(0x3 << 62) | 0x2 << 62
        return f"2.25.{number}"

    def date_offset_days(self, patient: Patient) -> int:
        """How many days this patient's dates move: back (negative), by whole weeks, 52 to 520 of them."""
        number = int.from_bytes(self._mac("date-offset", *patient.parts())[:8], "big")
        return -7 * (_FEWEST_WEEKS + number % (_MOST_WEEKS - _FEWEST_WEEKS + 1))

    def _pseudonym(self, domain: str, *parts: str) -> str:
        return base64.b32encode(self._mac(domain, *parts)[:10]).decode("ascii")

    def _mac(self, *parts: str) -> bytes:
        return _mac(self._key, *parts)


@lru_cache(maxsize=4096)  # the instances of a study share nearly all of their UIDs
def _mac(key: bytes, *parts: str) -> bytes:
    """Lengths stand before the parts, so that no two lists of parts give one message."""
    encoded = [part.encode("utf-8", "surrogateescape") for part in ("sendit", *parts)]
    message = b"".join([len(part).to_bytes(4, "big") + part for part in encoded])
    return hmac.digest(key, message, "sha256")


class ListedIdentities(KeyedIdentities):
    """Pseudonyms that a list or a service gave; all the other codes, and the dates, are still those of the key.

    Args:
        codes: by `Patient.parts()`, the patients whose instances may be de-identified. "": one without a pseudonym of
            their own, who has that of the key. So has a patient who is only named within an item.
    """

    __slots__ = ("_codes",)

    def __init__(self, key: bytes, codes: Mapping[tuple[str, ...], str]) -> None:
        super().__init__(key)
        self._codes = dict(codes)

    def __repr__(self) -> str:
        return "ListedIdentities(…)"

    def __reduce__(self) -> tuple[type[ListedIdentities], tuple[bytes, dict[tuple[str, ...], str]]]:
        return ListedIdentities, (self._key, self._codes)

    def admit(self, patient: Patient) -> None:
        if patient.parts() not in self._codes:
            raise Quarantine("no pseudonym: its patient is not the one that the rest of its study is of")

    def patient_id(self, patient: Patient) -> str:
        return self._codes.get(patient.parts()) or super().patient_id(patient)

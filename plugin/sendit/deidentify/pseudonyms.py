"""Pseudonyms, coded UIDs and date offsets, all derived by HMAC-SHA256 under the project's key.

The same original and key give the same code, everywhere and after every restart. Without the key, codes cannot be
recomputed from a list of originals, as an unkeyed hash of a medical record number could.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from sendit.errors import Quarantine

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The roots of UIDs that mean the same everywhere: DICOM's own (SOP classes, transfer syntaxes, coding schemes,
#: well-known instances), and the code systems registered with HL7. They are never coded.
#: No component of a UID of the standards has more than six digits (113883).
_WELL_KNOWN = re.compile(r"(?=.{1,64}$)[0-9]{1,6}(?:\.[0-9]{1,6})*")
WELL_KNOWN_ROOTS = ("1.2.840.10008.", "2.16.840.1.113883.6.")
#: Classes of makers in which MR scanners store spectra, as programs of the field read them: Siemens' (up to VE) and
#: Philips'.
CSA_NON_IMAGE, PHILIPS_SPECTRUM = "1.3.12.2.1107.5.9.1", "1.3.46.670589.11.0.0.12.1"

_KEYED_PSEUDONYM = re.compile(r"[A-Z2-7]{16}")
_LONGEST_NUMBER = 39  # digits of 128 bits

_FEWEST_WEEKS = 52
_MOST_WEEKS = 520


def is_well_known(uid: str) -> bool:
    """Return whether a UID means the same everywhere. A text or a person's number below such a root does not."""
    if uid in (CSA_NON_IMAGE, PHILIPS_SPECTRUM):
        return True
    return uid.startswith(WELL_KNOWN_ROOTS) and _WELL_KNOWN.fullmatch(uid) is not None


def is_keyed_uid(uid: str) -> bool:
    """Return whether a UID has the form of those of `KeyedIdentities`, which no other study has by chance."""
    number = uid.removeprefix("2.25.")
    if number == uid or not number.isdecimal() or len(number) > _LONGEST_NUMBER:
        return False
    return int(number) >> 76 & 0xF == 0x8 and int(number) >> 62 & 0x3 == 0x2


def is_keyed_pseudonym(code: str) -> bool:
    """Return whether a PatientID has the form of those of `KeyedIdentities`."""
    return _KEYED_PSEUDONYM.fullmatch(code) is not None


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient: a PatientID together with its issuer, or else the patient of this study.

    If an empty PatientID were used as it is, all patients without one would become one person.
    """

    patient_id: str
    issuer: str = ""
    study_instance_uid: str = ""
    #: By this, too, a list may name the study; it says nothing of who the patient is.
    accession_number: str = field(default="", compare=False)

    def parts(self) -> tuple[str, ...]:
        """Return what the codes of this patient are derived from."""
        if self.patient_id:
            return ("patient", self.patient_id, self.issuer)
        return ("study", self.study_instance_uid)


class KeyedIdentities:
    """Codes under one project's key (32 bytes). Can be pickled; its repr hides the key.

    Args:
        issuers_part: whether the same PatientID of two issuers is two patients. Otherwise the issuer says nothing, so
            that a patient whose files have it in part only is one.
    """

    __slots__ = ("_issuers_part", "_key")

    def __init__(self, key: bytes, *, issuers_part: bool = False) -> None:
        if len(key) != 32:
            raise ValueError("a project's key has 32 bytes")
        self._key = key
        self._issuers_part = issuers_part

    def __repr__(self) -> str:
        return "KeyedIdentities(…)"

    def __getstate__(self) -> tuple[bytes, bool]:
        return self._key, self._issuers_part

    def __setstate__(self, state: tuple[bytes, bool]) -> None:
        self._key, self._issuers_part = state

    def scope(self) -> tuple[object, ...]:
        """Return what all of these codes are derived from: equal for two of the same project."""
        return (self._key, self._issuers_part)

    def listed(self, codes: Mapping[tuple[str, ...], str]) -> ListedIdentities:
        """Return identities with pseudonyms from elsewhere."""
        return ListedIdentities(self._key, codes, issuers_part=self._issuers_part)

    def admit(self, patient: Patient) -> None:
        """Check that an instance of this patient may be de-identified.

        Raises:
            Quarantine: the patient has no pseudonym.
        """

    def patient_id(self, patient: Patient) -> str:
        """Return 16 characters of A–Z and 2–7: they fit PatientID (LO), PatientName (PN) and any identifier."""
        return self._pseudonym("patient-id", *self._parts(patient))

    def accession_number(self, original: str) -> str:
        """Return 16 characters of A–Z and 2–7, the most that AccessionNumber (SH) may have; "" stays empty."""
        return self._pseudonym("accession-number", original) if original else ""

    def uid(self, original: str) -> str:
        """Return `2.25.` and a UUID as integer (PS3.5 B.2), at most 44 characters; empty and well-known UIDs stay."""
        if not original or is_well_known(original):
            return original
        number = int.from_bytes(self._mac("uid", original)[:16], "big")
        # The bits of a UUID of version 8, for custom methods (RFC 9562 5.8).
        number = number & ~(0xF << 76) | 0x8 << 76
        number = number & ~(0x3 << 62) | 0x2 << 62
        return f"2.25.{number}"

    def date_offset_days(self, patient: Patient) -> int:
        """Return by how many days this patient's dates move: back (negative), by 52 to 520 whole weeks."""
        number = int.from_bytes(self._mac("date-offset", *self._parts(patient))[:8], "big")
        return -7 * (_FEWEST_WEEKS + number % (_MOST_WEEKS - _FEWEST_WEEKS + 1))

    def _parts(self, patient: Patient) -> tuple[str, ...]:
        """Return what the codes of a patient are derived from."""
        parts = patient.parts()
        return parts if self._issuers_part or not patient.patient_id else (*parts[:2], "")

    def _pseudonym(self, domain: str, *parts: str) -> str:
        return _pseudonym(self._key, domain, *parts)

    def _mac(self, *parts: str) -> bytes:
        return _mac(self._key, *parts)


@lru_cache(maxsize=4096)  # the instances of a study share nearly all of their UIDs
def _mac(key: bytes, *parts: str) -> bytes:
    """Start a MAC over parts. Each is preceded by its length, so that no two lists of parts give one message."""
    encoded = [part.encode("utf-8", "surrogateescape") for part in ("sendit", *parts)]
    message = b"".join([len(part).to_bytes(4, "big") + part for part in encoded])
    return hmac.digest(key, message, "sha256")


@lru_cache(maxsize=1024)
def _pseudonym(key: bytes, *parts: str) -> str:
    return base64.b32encode(_mac(key, *parts)[:10]).decode("ascii")


class ListedIdentities(KeyedIdentities):
    """Pseudonyms from a list or a service; all other codes, and the dates, are those of the key.

    Args:
        codes: by `Patient.parts()`, the patients whose instances may be de-identified. "": one without a pseudonym of
            their own, who has that of the key. So has a patient who is only named within an item.
    """

    __slots__ = ("_codes",)

    def __init__(self, key: bytes, codes: Mapping[tuple[str, ...], str], *, issuers_part: bool = False) -> None:
        super().__init__(key, issuers_part=issuers_part)
        self._codes = dict(codes)

    def __repr__(self) -> str:
        return "ListedIdentities(…)"

    def __reduce__(self) -> tuple[partial[ListedIdentities], tuple[bytes, dict[tuple[str, ...], str]]]:
        return partial(ListedIdentities, issuers_part=self._issuers_part), (self._key, self._codes)

    def scope(self) -> tuple[object, ...]:
        """See `KeyedIdentities`."""
        return (*super().scope(), frozenset(self._codes.items()))

    def admit(self, patient: Patient) -> None:
        """See `KeyedIdentities`."""
        if self._code(patient) is None:
            raise Quarantine("no pseudonym: it belongs to another patient than the rest of its study")

    def patient_id(self, patient: Patient) -> str:
        """See `KeyedIdentities`."""
        return self._code(patient) or super().patient_id(patient)

    def _code(self, patient: Patient) -> str | None:
        """Return the code; an issuer that is absent, here or there, parts nobody unless issuers are to."""
        found = self._codes.get(patient.parts())
        if found is not None or self._issuers_part or not patient.patient_id:
            return found
        alike = [code for parts, code in self._codes.items() if parts[:2] == patient.parts()[:2]]
        if not patient.issuer:
            return alike[0] if len(alike) == 1 else None
        return self._codes.get(replace(patient, issuer="").parts())

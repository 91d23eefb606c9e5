"""The crosswalk of a project: from original to coded and back, sealed under a key that is not in the database.

The originals are sealed with AES-256-GCM and found by HMAC-SHA256; both keys are made of the project's crosswalk key,
a file of its own. Destroying that file and the project's key unlinks the project (`sendit.pipeline.unlink`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sendit import keyring
from sendit.errors import Misconfigured
from sendit.journal.crosswalk import SealedRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sendit.config.schema import Settings
    from sendit.journal import Journal
    from sendit.model import CrosswalkEntry

_NONCE = 12
#: The kinds of originals that a row may hold.
KINDS = ("patient", "study", "accession")


@dataclass(frozen=True, slots=True)
class CrosswalkRow:
    """One original and its code, opened."""

    kind: str
    code: str
    patient: str  # the pseudonym of the patient it belongs to
    original: str
    issuer: str = ""  # of a patient


def key_folder(settings: Settings) -> Path:
    """Return where the keys of the crosswalks are."""
    return settings.crosswalk_keys or settings.data_directory / "keys" / "crosswalk"


class Crosswalk:
    """The crosswalk of one project. Its key is read for each use, so that a destroyed one is gone at once.

    Args:
        issuer_counts: whether one pseudonym for the same PatientID of two issuers is one for two patients.
    """

    def __init__(self, journal: Journal, folder: Path, project: str, *, issuer_counts: bool = False) -> None:
        self._rows = journal.crosswalk
        self._folder = folder
        self._project = project
        self._issuer_counts = issuer_counts

    def prepare(self) -> None:
        """Make its key, if it was never used.

        Raises:
            Misconfigured: the key is missing, or not the one that the rows are sealed with.
        """
        self._key(create=self._rows.fingerprint(self._project) is None)

    def _key(self, *, create: bool = False) -> bytes:
        key = keyring.load_key(self._folder, self._project, create=create)
        fingerprint = self._rows.fingerprint(self._project)
        if fingerprint is not None and fingerprint != keyring.fingerprint(key):
            problem = "this is not the key that the crosswalk is sealed with"
            raise Misconfigured(str(self._folder / f"{self._project}.key"), problem, "Restore it from your backup.")
        return key

    def write(self, entries: Iterable[CrosswalkEntry]) -> None:
        """Keep what is not kept yet.

        Raises:
            Quarantine: a pseudonym is another patient's already.
            Misconfigured: the key is missing, or not the right one; the project was unlinked.
        """
        key = self._key()
        rows = [self._sealed(key, row) for entry in entries for row in _rows_of(entry)]
        self._rows.add(self._project, keyring.fingerprint(key), rows, issuer_counts=self._issuer_counts)

    def _sealed(self, key: bytes, row: CrosswalkRow) -> SealedRow:
        mac = self._mac(key, row.kind, row.original)
        identity = self._mac(key, f"{row.kind} of", row.original, row.issuer)
        return SealedRow(row.kind, row.code, row.patient, mac, identity, self._seal(key, row))

    def by_code(self, code: str) -> list[CrosswalkRow]:
        """Look up a code.

        A patient's pseudonym gives the patient and all their rows; another code gives its original.
        """
        rows = self._rows.of_patient(self._project, code) or self._rows.of_code(self._project, code)
        return self._opened(rows)

    def by_original(self, original: str) -> list[CrosswalkRow]:
        """Look up a PatientID, StudyInstanceUID or accession number."""
        return self._opened(self._rows.of_original(self._project, self._macs(original)))

    def all(self) -> list[CrosswalkRow]:
        """Return all entries of the project."""
        return self._opened(self._rows.all(self._project))

    def mark(self, original: str) -> str:
        """Return the MAC that stands for an original in the record of lookups: meaningless without the key."""
        return self._macs(original)[0]

    def _macs(self, original: str) -> list[str]:
        key = self._key()
        return [self._mac(key, kind, original) for kind in KINDS]

    def _opened(self, rows: Sequence[SealedRow]) -> list[CrosswalkRow]:
        key = self._key()
        return [self._open(key, row) for row in rows]

    def _mac(self, key: bytes, *parts: str) -> str:
        message = json.dumps(parts).encode("ascii")
        return hmac.new(derived(key, b"index"), message, hashlib.sha256).hexdigest()

    def _seal(self, key: bytes, row: CrosswalkRow) -> bytes:
        nonce = os.urandom(_NONCE)
        content = json.dumps([row.original, row.issuer]).encode("ascii")
        return nonce + AESGCM(derived(key, b"seal")).encrypt(
            nonce, content, self._about(row.kind, row.code, row.patient)
        )

    def _open(self, key: bytes, row: SealedRow) -> CrosswalkRow:
        box = AESGCM(derived(key, b"seal"))
        try:
            content = box.decrypt(
                row.sealed[:_NONCE], row.sealed[_NONCE:], self._about(row.kind, row.code, row.patient)
            )
        except (InvalidTag, ValueError):  # the second: it is too short to hold a nonce
            place = f"the crosswalk of {self._project}"
            raise Misconfigured(place, "a row was changed from outside", "Restore the database.") from None
        original, issuer = json.loads(content)
        return CrosswalkRow(row.kind, row.code, row.patient, original, issuer)

    def _about(self, kind: str, code: str, patient: str) -> bytes:
        """Return the associated data that binds a sealed original to its row."""
        return "\0".join((self._project, kind, code, patient)).encode()


def derived(key: bytes, purpose: bytes) -> bytes:
    """Return a key for one purpose, made of a crosswalk's key."""
    return hmac.new(key, b"sendit crosswalk " + purpose, hashlib.sha256).digest()


def _rows_of(entry: CrosswalkEntry) -> list[CrosswalkRow]:
    """Return a row for each original that is there and has a code other than itself (RetainUIDs)."""
    patient = entry.coded_patient_id
    rows = [
        CrosswalkRow("patient", patient, patient, entry.patient_id, entry.issuer),
        CrosswalkRow("study", entry.coded_study_instance_uid, patient, entry.study_instance_uid),
        CrosswalkRow("accession", entry.coded_accession_number, patient, entry.accession_number),
    ]
    return [row for row in rows if row.kind == "patient" or (row.original and row.code not in ("", row.original))]
